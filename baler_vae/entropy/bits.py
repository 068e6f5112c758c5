"""Integers of various widths as bits, the lowest first: in one stream, which `kernels.read_codes` reads; in bytes."""

import numpy as np
from numpy.typing import NDArray


def pack_bits(values: NDArray[np.uint64], widths: NDArray[np.uint8]) -> bytes:
    """The bytes of values (rows,), each in its number of bits (rows,) between 0 and 64, one after the other; the last
    byte is filled with zeros. A value has no bits beyond its width.
    """
    from baler_vae.entropy.kernels import pack_numbers  # noqa: PLC0415 - numba takes half a second to import

    words = np.empty((int(widths.sum(dtype=np.int64)) >> 6) + 1, np.uint64)
    n_bits = pack_numbers(values, widths, words)
    return words.astype("<u8", copy=False).tobytes()[: (n_bits + 7) // 8]


def leb128(number: int) -> bytes:
    """A number in groups of seven bits, the lowest first; all but the last have the highest bit set."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes([*groups, number])


def read_leb128(data: bytes, place: int) -> tuple[int, int]:
    """The number at a place in the bytes, and where it ends.

    Raises:
        ValueError: it is cut off, or longer than necessary.
    """
    number = 0
    for count, group in enumerate(data[place : place + 5]):
        number |= (group & 127) << 7 * count
        if group < 128:
            if count and not group:
                raise ValueError("a number is longer than necessary")
            return number, place + count + 1
    raise ValueError("a number is cut off")
