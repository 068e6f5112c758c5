"""Integers of various widths in one bit stream, the lowest bit first; `kernels.read_codes` reads them."""

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
