"""Whole numbers of few bits in one stream, the lowest bit first."""

import numpy as np
from numpy.typing import NDArray

_WORD = np.uint64(6)
_BIT = np.uint64(63)


def pack_bits(values: NDArray[np.uint64], widths: NDArray[np.uint8]) -> bytes:
    """The bytes of values (rows,), each in its number of bits (rows,) between 0 and 64, one after the other; the last
    byte is filled with zeros.
    """
    kept = widths > 0
    values, widths = values[kept], widths[kept].astype(np.uint64)
    n_bits = int(widths.sum())
    if not n_bits:
        return b""
    ends = np.cumsum(widths)
    first, shift = _places(ends - widths)
    words = np.zeros((n_bits >> 6) + 2, np.uint64)
    # Neighbours share words but no bits: adding is the same as joining. A shift by 64 is one by 63 and one more.
    starts = np.flatnonzero(np.append(True, np.diff(first) > 0))
    words[first[starts]] |= np.bitwise_or.reduceat(values << shift, starts)
    words[first[starts] + 1] |= np.bitwise_or.reduceat((values >> (_BIT - shift)) >> np.uint64(1), starts)
    return words.astype("<u8").tobytes()[: (n_bits + 7) // 8]


def unpack_bits(data: bytes, widths: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The values uint64 (rows,) that `pack_bits` was given, for the same widths.

    Raises:
        ValueError: the bytes are too few or too many, or the last bits are not zero.
    """
    sizes = widths.astype(np.uint64)
    n_bits = int(sizes.sum())
    if len(data) != (n_bits + 7) // 8:
        raise ValueError(f"{len(data)} bytes for {n_bits} bits")
    if n_bits % 8 and data[-1] >> n_bits % 8:
        raise ValueError("bits are left over")
    words = np.frombuffer(data.ljust(8 * ((n_bits >> 6) + 2), b"\0"), "<u8").astype(np.uint64)
    first, shift = _places(np.cumsum(sizes) - sizes)
    joined = (words[first] >> shift) | ((words[first + 1] << (_BIT - shift)) << np.uint64(1))
    masks = ~np.uint64(0) >> (np.uint64(64) - np.maximum(sizes, np.uint64(1)))
    return np.where(sizes > 0, joined & masks, np.uint64(0))


def _places(bits: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """The word in which a bit lies, and its place in it."""
    return (bits >> _WORD).astype(np.intp), bits & _BIT
