"""The shared way to lay streams of bytes beside what is said of them: names, dtypes and numbers of rows count too."""

import json
import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

_LENGTH = struct.Struct("<I")


def pack(header: Any, streams: Sequence[bytes]) -> bytes:
    """The bytes of a header of plain values (deflated JSON) and of streams, in this order."""
    text = json.dumps([header, [len(stream) for stream in streams]], separators=(",", ":"))
    deflated = zlib.compress(text.encode(), 9)
    return b"".join([_LENGTH.pack(len(deflated)), deflated, *streams])


def unpack(data: bytes) -> tuple[Any, list[bytes]]:
    """The header and the streams that `pack` was given."""
    (length,) = _LENGTH.unpack_from(data)
    start = _LENGTH.size + length
    header, sizes = json.loads(zlib.decompress(data[_LENGTH.size : start]))
    ends = list(accumulate(sizes, initial=start))
    return header, [data[begin:end] for begin, end in pairwise(ends)]
