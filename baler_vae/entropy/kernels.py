"""The loops over codes, symbols and bits, compiled."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, inlined, tuple_of
from baler_vae.entropy.vectors import number_at

Integers64 = NDArray[np.int64]
Ranges = tuple[Integers64, NDArray[np.uint8]]
"""Starts and shifts of an alphabet."""

_u1, _i4, _i8, _u8 = numba.uint8[::1], numba.int32[::1], numba.int64[::1], numba.uint64[::1]
RANGES: Any = tuple_of((_i8, _u1))
_MOST_RANGES = 256
_LAST = np.int64((1 << 63) - 1)
_PLACE_BITS = 6
_WORD = np.uint64(64)


@compiled(_i8(_i8))
def _padded(starts: Integers64) -> Integers64:
    """The starts of ranges, and behind them what hardly a code reaches."""
    padded = np.empty(_MOST_RANGES, np.int64)
    for number in range(_MOST_RANGES):
        padded[number] = starts[number] if number < len(starts) else _LAST
    return padded


@inlined
def _range_of(padded: Integers64, n_ranges: int, code: int) -> int:
    """The last range that starts at or before a code; -1 where there is none. Written out, it is compiled without
    branches, of which none could be foreseen.
    """
    found = 128 if number_at(padded, 127) <= code else 0
    found += 64 if number_at(padded, found + 63) <= code else 0
    found += 32 if number_at(padded, found + 31) <= code else 0
    found += 16 if number_at(padded, found + 15) <= code else 0
    found += 8 if number_at(padded, found + 7) <= code else 0
    found += 4 if number_at(padded, found + 3) <= code else 0
    found += 2 if number_at(padded, found + 1) <= code else 0
    found += 1 if number_at(padded, found) <= code else 0
    return min(found, n_ranges) - 1


@compiled(numba.void(_i8, _u1, _i8, _i4, _u8))
def split_codes(
    starts: Integers64,
    shifts: NDArray[np.uint8],
    codes: Integers64,
    symbols: NDArray[np.int32],
    offsets: NDArray[np.uint64],
) -> None:
    """Fills symbols and offsets (rows,) of codes (rows,); the escape has the number of ranges, and the code itself."""
    padded, n_ranges = _padded(starts), len(starts)
    for row in range(len(codes)):
        code = codes[row]
        number = _range_of(padded, n_ranges, code)
        own = max(number, 0)
        offset = np.uint64(code - number_at(padded, own))
        is_inside = number >= 0 and offset >> np.uint64(shifts[own]) == 0
        symbols[row] = number if is_inside else n_ranges
        offsets[row] = offset if is_inside else np.uint64(code)


@inlined
def place_within(offset: Any, shift: int) -> int:  # noqa: ANN401  uint64
    """The place of an offset uint64 in a range of 2^shift codes, in 64ths."""
    # A shift by a negative number would be none: one of the two is by 0.
    down, up = np.uint64(max(shift - _PLACE_BITS, 0)), np.uint64(max(_PLACE_BITS - shift, 0))
    return np.int64(offset >> down << up)  # type: ignore[return-value]


@compiled(numba.void(_i8, _u1, _i8, numba.int16[::1]))
def place_codes(starts: Integers64, shifts: NDArray[np.uint8], codes: Integers64, places: NDArray[np.int16]) -> None:
    """Fills the places (rows,) of codes (rows,) among ranges, as `Alphabet.positions` tells."""
    padded, n_ranges = _padded(starts), len(starts)
    for row in range(len(codes)):
        code = codes[row]
        number = _range_of(padded, n_ranges, code)
        own = max(number, 0)
        shift: Any = np.int64(shifts[own])
        offset = min(np.uint64(code - number_at(padded, own)), (np.uint64(1) << np.uint64(shift)) - np.uint64(1))
        places[row] = number << 6 | place_within(offset, shift) if number >= 0 else 0


@compiled(numba.int64(_u8, _u1, _u8))
def pack_numbers(values: NDArray[np.uint64], widths: NDArray[np.uint8], words: NDArray[np.uint64]) -> int:
    """The number of bits that values (rows,) take, each as many as `widths` (rows,) tells, the lowest bit first, one
    behind the other in `words`, of which there must be one more than they fill. A value has no bits beyond its width.
    """
    word, place, n_words = np.uint64(0), np.uint64(0), 0
    for row in range(len(values)):
        value, width = values[row], np.uint64(widths[row])
        word |= value << place
        after = place + width
        if after >= _WORD:
            words[n_words] = word
            n_words += 1
            word = value >> np.uint64(1) >> (np.uint64(63) - place)
            after -= _WORD
        place = after
    words[n_words] = word
    n_bits: Any = np.int64(place)
    return 64 * n_words + n_bits  # type: ignore[no-any-return]


@inlined
def bits_at(words: NDArray[np.uint64], place: int, width: int) -> Any:  # noqa: ANN401  uint64
    """So many bits of words from a place on, at most 64, all of which are there; none may be behind the last."""
    word, bit, last = place >> 6, np.uint64(place & 63), len(words) - 1
    found = words[min(word, last)] >> bit | words[min(word + 1, last)] << (np.uint64(63) - bit) << np.uint64(1)
    # A shift by 64 would be none: one by 63 and one more.
    return found & ~(~np.uint64(0) << np.uint64(width >> 1) << np.uint64(width - (width >> 1)))


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
        start: Any = np.int64(0)
        width: Any = np.int64(64)
        if symbol < len(starts):
            start, width = starts[symbol], np.int64(shifts[symbol])
        if place + width > n_bits:
            return -1
        codes[row] = start + np.int64(bits_at(words, place, width))
        place += width
    return place
