"""Coders that need nothing but the values themselves.

Each coding has an id, stored next to its bytes; an id means the same layout for ever.
"""

import struct
from itertools import accumulate
from typing import Any, Final, Literal

import numpy as np
import zstandard
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

Coding = Literal["pcodec-1", "text-1", "arrow-1", "raw-1"]

PCODEC: Final[Coding] = "pcodec-1"
TEXT: Final[Coding] = "text-1"
ARROW: Final[Coding] = "arrow-1"
RAW: Final[Coding] = "raw-1"

_LEVEL = 12
"""The highest compression level of pcodec."""
_ZSTD_LEVEL = 19
"""The highest level of zstandard that needs no extra memory to decode."""
_ZSTD_RATIO = 2**15
"""A block of four bytes gives at most 128 kB; a larger claim is refused before memory is allocated."""
_NARROW = {"?": "uint16", "b": "int16", "B": "uint16"}
"""The dtypes handed to pcodec in place of those that it does not support."""


def encode_numbers(values: NDArray[np.generic]) -> bytes:
    """The bytes of a numeric array (rows,), every bit kept: any integer or float width, or bool."""
    data: bytes = standalone.simple_compress(
        np.ascontiguousarray(values.astype(_NARROW.get(values.dtype.char, values.dtype), copy=False)),
        ChunkConfig(compression_level=_LEVEL),
    )
    return data


def decode_numbers(data: bytes, dtype: np.dtype[Any], n_rows: int) -> NDArray[np.generic]:
    """The array (n_rows,) of `dtype` that `encode_numbers` was given.

    Raises:
        ValueError: the bytes are not those of such an array.
    """
    wide = np.dtype(_NARROW.get(dtype.char, dtype))
    try:
        values = np.empty(n_rows, wide)
        progress = standalone.simple_decompress_into(data, values)
    except (RuntimeError, TypeError, ValueError, MemoryError) as error:
        raise ValueError(f"not a pcodec stream of {n_rows} values of {wide}: {error}") from error
    if progress.n_processed != n_rows or not progress.finished:
        raise ValueError(f"a pcodec stream that does not hold {n_rows} values")
    return values.astype(dtype, copy=False)


def encode_raw(values: NDArray[np.generic]) -> bytes:
    """The little-endian bytes of a numeric array."""
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def decode_raw(data: bytes, dtype: np.dtype[Any], n_rows: int) -> NDArray[np.generic]:
    """The array (n_rows,) of `dtype` that `encode_raw` was given.

    Raises:
        ValueError: the number of bytes is not that of such an array.
    """
    if len(data) != n_rows * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes instead of {n_rows} values of {dtype}")
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype)


def encode_bytes(data: bytes) -> bytes:
    """One zstandard frame that states the size of its content."""
    return zstandard.compress(data, _ZSTD_LEVEL)


def decode_bytes(frame: bytes) -> bytes:
    """The bytes that `encode_bytes` was given.

    Raises:
        ValueError: it is not such a frame.
    """
    try:
        n_bytes = zstandard.frame_content_size(frame)
        if not 0 <= n_bytes <= len(frame) * _ZSTD_RATIO:
            raise ValueError(f"{n_bytes} bytes in a frame of {len(frame)} bytes")
        return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except (zstandard.ZstdError, MemoryError) as error:
        raise ValueError(f"not a zstandard frame: {error}") from error


def encode_text(values: NDArray[np.object_]) -> bytes:
    """The bytes of an array (rows,) of `str` or None: lengths in bytes (-1 for None), then all text as UTF-8."""
    encoded = [None if value is None else value.encode("utf-8", "surrogatepass") for value in values]
    lengths = encode_numbers(np.array([-1 if text is None else len(text) for text in encoded], np.int64))
    text = b"".join(text for text in encoded if text is not None)
    return struct.pack("<Q", len(lengths)) + lengths + encode_bytes(text)


def decode_text(data: bytes, n_rows: int) -> NDArray[np.object_]:
    """The array (n_rows,) of `str` or None that `encode_text` was given.

    Raises:
        ValueError: the bytes are not those of such an array.
    """
    try:
        (lengths_bytes,) = struct.unpack_from("<Q", data)
        lengths = decode_numbers(data[8 : 8 + lengths_bytes], np.dtype(np.int64), n_rows).tolist()
        ends = list(accumulate(max(length, 0) for length in lengths))
        text = decode_bytes(data[8 + lengths_bytes :])
        if len(text) != (ends[-1] if ends else 0):
            raise ValueError(f"{len(text)} bytes of text for lengths that sum to {ends[-1:]}")
    except struct.error as error:
        raise ValueError(f"not a column of text: {error}") from error
    values = np.empty(n_rows, object)
    for row, (length, end) in enumerate(zip(lengths, ends, strict=True)):
        values[row] = None if length < 0 else text[end - length : end].decode("utf-8", "surrogatepass")
    return values
