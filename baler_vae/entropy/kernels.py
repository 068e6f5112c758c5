"""The loops over codes, symbols and bits, compiled."""

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled

Integers64 = NDArray[np.int64]

_u1, _i4, _i8, _u8 = numba.uint8[::1], numba.int32[::1], numba.int64[::1], numba.uint64[::1]
_SHIFT_LIMIT = 64
_PLACE_BITS = np.uint64(6)


@compiled(numba.int64(_i8, numba.int64))
def _range_of(starts: Integers64, code: int) -> int:
    """The last range that starts at or before a code; -1 where there is none."""
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) >> 1
        if starts[middle] <= code:
            low = middle + 1
        else:
            high = middle
    return low - 1


@compiled(numba.void(_i8, _u1, _i8, _i4, _u8))
def split_codes(
    starts: Integers64,
    shifts: NDArray[np.uint8],
    codes: Integers64,
    symbols: NDArray[np.int32],
    offsets: NDArray[np.uint64],
) -> None:
    """Fills symbols and offsets (rows,) of codes (rows,); the escape has the number of ranges, and the code itself."""
    for row in range(len(codes)):
        code = codes[row]
        number = _range_of(starts, code)
        symbols[row], offsets[row] = len(starts), np.uint64(code)
        if number >= 0:
            offset = np.uint64(code - starts[number])
            if offset >> np.uint64(shifts[number]) == 0:
                symbols[row], offsets[row] = number, offset


@compiled(numba.void(_i8, _u1, _i8, _i4))
def place_codes(starts: Integers64, shifts: NDArray[np.uint8], codes: Integers64, places: NDArray[np.int32]) -> None:
    """Fills the places (rows,) of codes (rows,) among ranges, as `Alphabet.positions` tells."""
    for row in range(len(codes)):
        code = codes[row]
        number = _range_of(starts, code)
        if number < 0:
            places[row] = 0
            continue
        shift = np.uint64(shifts[number])
        offset = min(np.uint64(code - starts[number]), (np.uint64(1) << shift) - np.uint64(1))
        inside = offset >> (shift - _PLACE_BITS) if shift >= _PLACE_BITS else offset << (_PLACE_BITS - shift)
        places[row] = number << 6 | np.int64(inside & np.uint64(63))


@compiled(numba.int64(_i8, _u1, _i4, _u8, numba.int64, _i8))
def read_codes(
    starts: Integers64,
    shifts: NDArray[np.uint8],
    symbols: NDArray[np.int32],
    words: NDArray[np.uint64],
    place: int,
    codes: Integers64,
) -> int:
    """Fills the codes (rows,) of symbols (rows,), whose offsets are the bits of `words` from `place` on, and gives the
    place behind the last; -1 where there are not so many bits. The last word is none of them.
    """
    n_bits = 64 * (len(words) - 1)
    for row in range(len(symbols)):
        symbol = symbols[row]
        start, width = np.int64(0), np.int64(64)
        if symbol < len(starts):
            start, width = starts[symbol], np.int64(shifts[symbol])
        offset = np.uint64(0)
        if width:
            if place + width > n_bits:
                return -1
            word, bit = place >> 6, np.uint64(place & 63)
            offset = words[word] >> bit | words[word + 1] << (np.uint64(63) - bit) << np.uint64(1)
            offset &= ~np.uint64(0) >> np.uint64(64 - width)
            place += int(width)
        codes[row] = start + np.int64(offset)
    return place
