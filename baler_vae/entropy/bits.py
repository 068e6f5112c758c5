"""Integers of various widths in one bit stream, the lowest bit first; `kernels.read_codes` reads them."""

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


def _places(bits: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """The word in which a bit lies, and its place in it."""
    return (bits >> _WORD).astype(np.intp), bits & _BIT
