"""LZMA (xz) with byte shuffle: of the codes on our integer grid, and of truncated floats."""

import lzma
from typing import Any

import numpy as np

from benchmarks.rivals.by_column import Coder, on_grid, truncating
from benchmarks.rivals.shuffle import shuffled, unshuffled
from benchmarks.rivals.signature import Values

_LEAST, _MOST = 1 << 12, 1 << 26
"""The bytes of a dictionary."""


def _encode(values: Values) -> bytes:
    data = shuffled(values)
    # Preset 9 takes 64 MB for its dictionary, ever anew; what is longer than the data finds nothing more.
    lzma2 = {"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": min(max(len(data), _LEAST), _MOST)}
    return lzma.compress(data, check=lzma.CHECK_NONE, filters=[lzma2])


def _decode(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    return unshuffled(lzma.decompress(data), dtype, n_rows)


CODER = Coder(_encode, _decode)

RIVALS = (
    on_grid("grid + xz", "our integer grid, byte shuffle, xz preset 9", CODER),
    truncating("truncation + xz", "mantissa truncation, byte shuffle, xz preset 9", CODER),
)
