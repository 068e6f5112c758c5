"""The loops over codes under several tables, compiled; `lanes` tells what they do."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, tuple_of
from baler_vae.entropy.lanes import FIRST_ALONE, LARGEST_BASE, LEAST_STATE, SPECIAL_LIMIT

_i8, _u1, _u2, _u4, _u8 = numba.int64[::1], numba.uint8[::1], numba.uint16[::1], numba.uint32[::1], numba.uint64[::1]
_i = numba.int64
_b = numba.boolean

_WORD_BITS = np.uint64(16)
_LOW = np.uint64(0xFFFF)
_LEAST = np.uint64(LEAST_STATE)

Integers64 = NDArray[np.int64]
Bytes = NDArray[np.uint8]

ALPHABET = tuple_of((_i8, _u1, _i, _i, _u1))
PackedAlphabet = tuple[Integers64, Bytes, int, int, Bytes]
"""Starts and shifts (ranges,); then the shift, the first and the symbols (places,) of a table of the symbol to try for
`code >> shift`, which counts from the first: empty where codes lie too far apart.
"""
TABLES = tuple_of((_u1, _u4, _u4, _i, _i))
PackedTables = tuple[Bytes, NDArray[np.uint32], NDArray[np.uint32], int, int]
"""The symbol of each slot of each table, one table behind the other; the frequency and the first slot of each symbol;
the number of symbols, and log2 of the slots of a table.
"""
_FACTOR = tuple_of((_i, _i, _u2, _i))
PackedFactor = tuple[int, int, NDArray[np.uint16], int]
"""The shift, the first place, for each place (places,) what it adds to the number of a context, and what a missing row
adds.
"""


@compiled(_i(_i8, _i))
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


@compiled(numba.void(_u2, _i8, _i8, _i8, _FACTOR))
def add_factor(
    contexts: NDArray[np.uint16], codes: Integers64, previous: Integers64, base: Integers64, factor: PackedFactor
) -> None:
    """Adds to the numbers of contexts (rows,) what a factor says of codes (rows,): those of the rows `previous`, where
    there are any, less the `base` (rows,), where there is one.
    """
    shift, first, added, missing = factor
    last = first + len(added) - 1
    lagged, relative = len(previous) > 0, len(base) > 0
    for row in range(len(contexts)):
        source = row
        if lagged:
            source = previous[row]
            if source < 0:
                contexts[row] += np.uint16(missing)
                continue
        code = codes[source]
        if relative:
            code -= base[row]
        # Limited before: a difference could be too large for 64 bits.
        contexts[row] += added[min(max(code >> shift, first), last) - first]


@compiled(numba.void(_i8, _i8, _i8))
def fill_base(base: Integers64, codes: Integers64, previous: Integers64) -> None:
    """Fills the base (rows,) with codes (rows,), those of the rows `previous` where there are any, and 0 where codes
    are too large, or there is no previous row.
    """
    lagged = len(previous) > 0
    for row in range(len(base)):
        source = previous[row] if lagged else row
        code = _i(0)
        if source >= 0:
            code = codes[source]
            if code > LARGEST_BASE or code < -LARGEST_BASE:
                code = _i(0)
        base[row] = code


@compiled(numba.void(_i8, _i8, _b, _i8))
def subtract_base(codes: Integers64, base: Integers64, holds_everything: bool, alone: Integers64) -> None:
    """Makes codes (rows,) differences from a base (rows,), but for special codes and those that stand `alone`."""
    for row in range(len(codes)):
        code = codes[row]
        if holds_everything:
            codes[row] = code - base[row]
        elif code > SPECIAL_LIMIT:
            coded = code - base[row]
            for number in range(len(alone)):
                if code == alone[number]:
                    coded = FIRST_ALONE + number
            codes[row] = coded


@compiled(_i(_i8, ALPHABET, _i8, _u1, _u8, _i8))
def split_lanes(
    coded: Integers64,
    alphabet: PackedAlphabet,
    starts: Integers64,
    symbols: Bytes,
    bits: NDArray[np.uint64],
    n_bits: Integers64,
) -> Any:  # noqa: ANN401  an integer of 64 bits
    """Fills the symbols (rows,) of what is `coded` (rows,), the bits of offsets, and by lane how many they are, and
    gives the number of all; `starts` tells where lanes begin, and the last one ends.
    """
    range_starts, range_shifts, shift, first, tried = alphabet
    n_ranges, n_tried = len(range_starts), len(tried)
    place, word, left = np.int64(0), np.uint64(0), np.int64(64)
    at = np.int64(0)
    for lane in range(len(starts) - 1):
        lane_first = place
        for row in range(starts[lane], starts[lane + 1]):
            code = coded[row]
            near = (code >> shift) - first
            number = np.int64(tried[near]) if 0 <= near < n_tried else _range_of(range_starts, code)
            symbol: Any = n_ranges
            width, offset = np.int64(64), np.uint64(code)
            if number >= 0:
                inside, own_width = np.uint64(code - range_starts[number]), np.int64(range_shifts[number])
                if inside >> np.uint64(own_width) == 0:
                    symbol, width, offset = number, own_width, inside
            symbols[row] = symbol
            if width == 0:
                continue
            place += width
            word |= offset << np.uint64(64 - left)
            if width < left:
                left -= width
                continue
            bits[at] = word
            at += 1
            # A shift by 64 is one by 63 and one more.
            word = (offset >> np.uint64(left - 1)) >> np.uint64(1)
            left = 64 - (width - left)
        n_bits[lane] = place - lane_first
    bits[at] = word
    return place


@compiled(numba.void(_u1, _u1, TABLES, _i8, _u2, _i8, _u4))
def encode_lanes(
    symbols: Bytes,
    chosen: Bytes,
    tables: PackedTables,
    starts: Integers64,
    words: NDArray[np.uint16],
    firsts_of_words: Integers64,
    states: NDArray[np.uint32],
) -> None:
    """Fills the words of each lane, in the order in which they are read, from some place on to where the lane ends, and
    gives these places and the last states, for symbols (rows,) under the `chosen` tables (rows,).
    """
    _, frequencies, firsts, n_symbols, slot_bits = tables
    slots_log, limit_shift = np.uint64(slot_bits), np.uint64(32 - slot_bits)
    n_lanes, longest = len(starts) - 1, np.int64(0)
    for lane in range(n_lanes):
        longest = max(longest, starts[lane + 1] - starts[lane])
        firsts_of_words[lane] = starts[lane + 1]
        states[lane] = LEAST_STATE
    for step in range(longest):
        for lane in range(n_lanes):
            row = starts[lane + 1] - 1 - step
            if row < starts[lane]:
                continue
            entry = np.int64(chosen[row]) * n_symbols + symbols[row]
            frequency, state = np.uint64(frequencies[entry]), np.uint64(states[lane])
            # What is written and not needed is written again.
            at = firsts_of_words[lane] - 1
            words[at] = np.uint16(state & _LOW)
            if state >= frequency << limit_shift:
                state >>= _WORD_BITS
                firsts_of_words[lane] = at
            # Both are below 2^32: so is a division.
            quotient = np.uint64(np.uint32(state) // np.uint32(frequency))
            state = (quotient << slots_log) + (state - quotient * frequency) + firsts[entry]
            states[lane] = np.uint32(state)


@compiled(_i(_i8, _u2, _u1, ALPHABET, TABLES, _i8, _u2, _i8, _u8, _u4, _i8, _i8, _i8, _i8, _b, _b, _b, _FACTOR, _i8))
def decode_lanes(  # noqa: C901, PLR0912, PLR0915  one loop: calls would keep states out of registers
    codes: Integers64,
    contexts: NDArray[np.uint16],
    table_of: Bytes,
    alphabet: PackedAlphabet,
    tables: PackedTables,
    starts: Integers64,
    words: NDArray[np.uint16],
    word_places: Integers64,
    bits: NDArray[np.uint64],
    states: NDArray[np.uint32],
    bit_places: Integers64,
    limits: Integers64,
    previous: Integers64,
    base: Integers64,
    holds_everything: bool,
    own_base: bool,
    own_factor: bool,
    factor: PackedFactor,
    alone: Integers64,
) -> int:
    """Fills codes (rows,) of `contexts` (rows,), to which the code before adds what the `factor` says where
    `own_factor` is true; they are differences from a `base` (rows,), if there is one, or from the code before where
    `own_base` is true. `word_places`, `bit_places` and `states` (lanes,) are where lanes stand, before and after;
    `limits` the number of words, without one more, and of bits, without 64 more. Gives -1 where these do not suffice.
    """
    slots, frequencies, firsts, n_symbols, slot_bits = tables
    range_starts, range_shifts, n_ranges = alphabet[0], alphabet[1], len(alphabet[0])
    n_lanes = len(starts) - 1
    shift, first, added, missing = factor
    last, slots_log, mask = first + len(added) - 1, np.uint64(slot_bits), np.uint64((1 << slot_bits) - 1)
    has_base, lagged = len(base) > 0, own_base or own_factor
    longest = np.int64(0)
    for lane in range(n_lanes):
        longest = max(longest, starts[lane + 1] - starts[lane])
    for step in range(longest):
        for lane in range(n_lanes):
            row = starts[lane] + step
            if row >= starts[lane + 1]:
                continue
            context, less = np.int64(contexts[row]), np.int64(0)
            if has_base:
                less = base[row]
            if lagged:
                source = previous[row]
                if source >= 0:
                    before = codes[source]
                    if own_factor:
                        context += added[min(max(before >> shift, first), last) - first]
                    if own_base and before <= LARGEST_BASE and before >= -LARGEST_BASE:
                        less = before
                elif own_factor:
                    context += missing
            table = np.int64(table_of[context])
            state = np.uint64(states[lane])
            slot = state & mask
            symbol = np.int64(slots[(table << slot_bits) + np.int64(slot)])
            entry = table * n_symbols + symbol
            state = np.uint64(frequencies[entry]) * (state >> slots_log) + slot - firsts[entry]
            if state < _LEAST:
                place = word_places[lane]
                if place >= limits[0]:
                    return -1
                state = state << _WORD_BITS | np.uint64(words[place])
                word_places[lane] = place + 1
            states[lane] = np.uint32(state)
            start, width = np.int64(0), np.int64(64)
            if symbol < n_ranges:
                start, width = range_starts[symbol], np.int64(range_shifts[symbol])
            code = start
            if width:
                place = bit_places[lane]
                if place + width > limits[1]:
                    return -1
                word, bit = place >> 6, np.uint64(place & 63)
                offset = bits[word] >> bit | bits[word + 1] << (np.uint64(63) - bit) << np.uint64(1)
                code += np.int64(offset & (~np.uint64(0) >> np.uint64(64 - width)))
                bit_places[lane] = place + width
            if holds_everything:
                code += less
            elif code > SPECIAL_LIMIT:
                number = code - FIRST_ALONE
                if code < -LARGEST_BASE and number < len(alone) and number >= 0:
                    code = alone[number]
                else:
                    code += less
            codes[row] = code
    return 0
