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


class BitReader:
    """Gives back what `pack_bits` was given, some rows at a time."""

    def __init__(self, data: bytes) -> None:
        self._n_bytes = len(data)
        self._last = data[-1] if data else 0
        self._words = np.frombuffer(data.ljust(8 * ((len(data) >> 3) + 2), b"\0"), "<u8").astype(np.uint64)
        self._place = 0

    def read(self, widths: NDArray[np.uint8]) -> NDArray[np.uint64]:
        """The next values uint64 (rows,), each of its number of bits (rows,).

        Raises:
            ValueError: there are not so many bits.
        """
        sizes = widths.astype(np.uint64)
        ends = np.cumsum(sizes) + np.uint64(self._place)
        first_bits = ends - sizes
        self._place = int(ends[-1]) if len(ends) else self._place
        if (self._place + 7) // 8 > self._n_bytes:
            raise ValueError(f"{self._n_bytes} bytes for {self._place} bits")
        first, shift = _places(first_bits)
        joined = (self._words[first] >> shift) | ((self._words[first + 1] << (_BIT - shift)) << np.uint64(1))
        masks = ~np.uint64(0) >> (np.uint64(64) - np.maximum(sizes, np.uint64(1)))
        return np.where(sizes > 0, joined & masks, np.uint64(0))

    def finish(self) -> None:
        """Nothing, when all is read.

        Raises:
            ValueError: bytes are left over, or the last bits are not zero.
        """
        if (self._place + 7) // 8 != self._n_bytes:
            raise ValueError(f"{self._n_bytes} bytes for {self._place} bits")
        if self._place % 8 and self._last >> self._place % 8:
            raise ValueError("bits are left over")


def unpack_bits(data: bytes, widths: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The values uint64 (rows,) that `pack_bits` was given, for the same widths.

    Raises:
        ValueError: the bytes are too few or too many, or the last bits are not zero.
    """
    reader = BitReader(data)
    values = reader.read(widths)
    reader.finish()
    return values


def _places(bits: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.uint64]]:
    """The word in which a bit lies, and its place in it."""
    return (bits >> _WORD).astype(np.intp), bits & _BIT
