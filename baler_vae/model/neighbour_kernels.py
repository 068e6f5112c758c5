"""The loops over the cells of arrays that their neighbours predict, compiled; `neighbours` tells what they do."""

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, inlined, tuple_of
from baler_vae.entropy.lane_kernels import ALPHABET, TABLES, PackedAlphabet, PackedTables
from baler_vae.entropy.lanes import FIRST_ALONE, LARGEST_BASE, LEAST_STATE, SPECIAL_LIMIT

_i8, _u1, _u2, _u4, _u8 = numba.int64[::1], numba.uint8[::1], numba.uint16[::1], numba.uint32[::1], numba.uint64[::1]
_i = numba.int64
_b = numba.boolean

_WORD_BITS = np.uint64(16)
_LEAST = np.uint64(LEAST_STATE)

Integers64 = NDArray[np.int64]
Bytes = NDArray[np.uint8]

_GEOMETRY = tuple_of((_i8, numba.int64[:, ::1], _i8, _i8, _i8))
Geometry = tuple[Integers64, Integers64, Integers64, Integers64, Integers64]
"""The number of rows and the sizes of the axes (axes + 1,); the steps along these to each neighbour (n, axes + 1), and
how many cells away it is (n,); the first coordinates of cells all of whose neighbours are there, and where they end
(axes + 1,).
"""
_TAPS = tuple_of((_i8, _i))
Taps = tuple[Integers64, int]
"""The weights of the taps, the first neighbours, and log2 of their unit."""
_SUMS = tuple_of((_i8, _i8))
Sums = tuple[Integers64, Integers64]
"""Where the neighbours of each sum begin, and the last end (sums + 1,); the weights of all neighbours (n,)."""
_FACTORS = tuple_of((_i8, _i8, _i8, _i8, _u2))
Factors = tuple[Integers64, Integers64, Integers64, Integers64, NDArray[np.uint16]]
"""The source of each factor, the number of a sum or less than 0 for what is predicted; its shift; its first place;
where it begins in the last array, and the last ends (factors + 1,); what each place adds to the number of a context.
"""


@inlined
def _all_there(at: Integers64, firsts: Integers64, ends: Integers64) -> bool:
    """Whether all neighbours of a cell at some coordinates are there."""
    inside = True
    for axis in range(len(at)):
        if at[axis] < firsts[axis] or at[axis] >= ends[axis]:
            inside = False
    return inside


@inlined
def _advance(at: Integers64, sizes: Integers64) -> None:
    """Goes on to the next cell."""
    axis = len(at) - 1
    at[axis] += 1
    while axis > 0 and at[axis] == sizes[axis]:
        at[axis] = 0
        axis -= 1
        at[axis] += 1


@compiled(numba.void(_i8, _i8, _i8, _GEOMETRY, _i8))
def _resolve(near: Integers64, there: Integers64, at: Integers64, geometry: Geometry, begins: Integers64) -> None:
    """Fills in how many cells `away` the neighbours of a cell are that are not all there: in the taps and in each sum
    (sums + 1,), the first that is there takes the place of those that are not. Where none is, `there` is 0.
    """
    sizes, steps, away = geometry[0], geometry[1], geometry[2]
    begin = np.int64(0)
    for which in range(len(begins)):
        end, first, found = begins[which], np.int64(0), np.int64(0)
        for number in range(begin, end):
            inside = True
            for axis in range(len(at)):
                moved = at[axis] + steps[number, axis]
                if moved < 0 or moved >= sizes[axis]:
                    inside = False
            near[number] = away[number] if inside else 0
            if inside and not found:
                first, found = away[number], np.int64(1)
        for number in range(begin, end):
            if near[number] == 0:
                near[number] = first
        there[which] = found
        begin = end


@compiled(numba.void(_i8, _i8, _i8, _b, _GEOMETRY, _TAPS, _i8))
def predict_cells(  # noqa: C901  one loop
    base: Integers64,
    codes: Integers64,
    seen: Integers64,
    holds_everything: bool,
    geometry: Geometry,
    taps: Taps,
    mirrors: Integers64,
) -> None:
    """Fills the base (cells,) from which codes (cells,) differ, and how these are `seen` as neighbours."""
    sizes, _, away, firsts, ends = geometry
    weights, shift = taps
    rounding, begins = (np.int64(1) << shift) >> 1, np.full(1, len(weights), np.int64)
    at, cell, n_cells = np.zeros(len(sizes), np.int64), np.int64(0), len(codes) // sizes[0]
    near, there, is_usual = away.copy(), np.ones(1, np.int64), False
    for item in range(len(codes)):
        if not _all_there(at, firsts, ends):
            _resolve(near, there, at, geometry, begins)
            is_usual = False
        elif not is_usual:
            near[:], there[:], is_usual = away, 1, True
        first, less = np.int64(0), np.int64(0)
        if len(weights) and there[0]:
            first = seen[item + near[0]]
            for number in range(1, len(weights)):
                less += weights[number] * (seen[item + near[number]] - first)
            less = first + ((less + rounding) >> shift)
        if len(mirrors) and mirrors[cell] >= 0:
            first = seen[item - cell + mirrors[cell]]
            less = first
        code = codes[item]
        if not holds_everything:
            if less > LARGEST_BASE or less < -LARGEST_BASE:
                less = np.int64(0)
            if code <= SPECIAL_LIMIT:
                code = first
        base[item], seen[item] = less, code
        cell += 1
        if cell == n_cells:
            cell = np.int64(0)
        _advance(at, sizes)


@compiled(numba.void(_i8, _u1, _GEOMETRY, _i8))
def sum_all_marks(totals: Integers64, marks: Bytes, geometry: Geometry, weights: Integers64) -> None:
    """Fills the sums (cells,) of the marks (cells,) of neighbours under their weights."""
    sizes, _, away, firsts, ends = geometry
    at, begins = np.zeros(len(sizes), np.int64), np.full(1, len(weights), np.int64)
    near, there, is_usual = away.copy(), np.ones(1, np.int64), False
    for item in range(len(marks)):
        if not _all_there(at, firsts, ends):
            _resolve(near, there, at, geometry, begins)
            is_usual = False
        elif not is_usual:
            near[:], there[:], is_usual = away, 1, True
        total = np.int64(0)
        if there[0]:
            for number in range(len(weights)):
                total += weights[number] * np.int64(marks[item + near[number]])
        totals[item] = total
        _advance(at, sizes)


@compiled(
    _i(
        *(_i8, _i8, _u1, _u2, _u1, ALPHABET, TABLES, _i8, _u2, _i8, _u8, _u4, _i8, _i8),
        *(_b, _i8, _u1, _GEOMETRY, _TAPS, _SUMS, _FACTORS, _i8),
    )
)
def decode_cells(  # noqa: C901, PLR0912, PLR0915  one loop: calls would keep states out of registers
    codes: Integers64,
    seen: Integers64,
    marks: Bytes,
    fixed: NDArray[np.uint16],
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
    holds_everything: bool,
    alone: Integers64,
    marks_of: Bytes,
    geometry: Geometry,
    taps: Taps,
    sums: Sums,
    factors: Factors,
    mirrors: Integers64,
) -> int:
    """Fills codes (cells,), how they are `seen` as neighbours, and their marks, of lanes that begin at `starts`. Of the
    context of a cell its place says what is `fixed`. `word_places`, `bit_places` and `states` (lanes,) are where lanes
    stand, before and after; `limits` the number of words, and of bits, without 64 more. Gives -1 where these do not
    suffice.
    """
    slots, frequencies, first_slots, n_symbols, slot_bits = tables
    range_starts, range_shifts, n_ranges = alphabet[0], alphabet[1], len(alphabet[0])
    sizes, _, away, firsts, ends = geometry
    tap_weights, tap_shift = taps
    sum_begins, sum_weights = sums
    sources, shifts, first_places, begins, added = factors
    slots_log, mask = np.uint64(slot_bits), np.uint64((1 << slot_bits) - 1)
    n_lanes, longest = len(starts) - 1, np.int64(0)
    for lane in range(n_lanes):
        longest = max(longest, starts[lane + 1] - starts[lane])
    at, cell, n_cells = np.zeros(len(sizes), np.int64), np.int64(0), len(fixed)
    near, there, is_usual = away.copy(), np.ones(len(sum_begins), np.int64), False
    rounding = (np.int64(1) << tap_shift) >> 1
    for step in range(longest):
        if not _all_there(at, firsts, ends):
            _resolve(near, there, at, geometry, sum_begins)
            is_usual = False
        elif not is_usual:
            near[:], there[:], is_usual = away, 1, True
        for lane in range(n_lanes):
            item = starts[lane] + step
            if item >= starts[lane + 1]:
                continue
            first, less = np.int64(0), np.int64(0)
            if len(tap_weights) and there[0]:
                first = seen[item + near[0]]
                for number in range(1, len(tap_weights)):
                    less += tap_weights[number] * (seen[item + near[number]] - first)
                less = first + ((less + rounding) >> tap_shift)
            if len(mirrors) and mirrors[cell] >= 0:
                first = seen[item - cell + mirrors[cell]]
                less = first
            if not holds_everything and (less > LARGEST_BASE or less < -LARGEST_BASE):
                less = np.int64(0)
            context = np.int64(fixed[cell])
            for number in range(len(sources)):
                value = less
                source = sources[number]
                if source >= 0:
                    value = np.int64(0)
                    if there[source + 1]:
                        for summed in range(sum_begins[source], sum_begins[source + 1]):
                            value += sum_weights[summed] * np.int64(marks[item + near[summed]])
                place = max(value >> shifts[number], first_places[number]) - first_places[number]
                context += np.int64(added[min(begins[number] + place, begins[number + 1] - 1)])
            table = np.int64(table_of[context])
            state = np.uint64(states[lane])
            slot = state & mask
            symbol = np.int64(slots[(table << slot_bits) + np.int64(slot)])
            entry = table * n_symbols + symbol
            state = np.uint64(frequencies[entry]) * (state >> slots_log) + slot - first_slots[entry]
            if state < _LEAST:
                word = word_places[lane]
                if word >= limits[0]:
                    return -1
                state = state << _WORD_BITS | np.uint64(words[word])
                word_places[lane] = word + 1
            states[lane] = np.uint32(state)
            code, width = np.int64(0), np.int64(64)
            if symbol < n_ranges:
                code, width = range_starts[symbol], np.int64(range_shifts[symbol])
            if width:
                first_bit = bit_places[lane]
                if first_bit + width > limits[1]:
                    return -1
                at_bits, bit = first_bit >> 6, np.uint64(first_bit & 63)
                offset = bits[at_bits] >> bit | bits[at_bits + 1] << (np.uint64(63) - bit) << np.uint64(1)
                code += np.int64(offset & (~np.uint64(0) >> np.uint64(64 - width)))
                bit_places[lane] = first_bit + width
            marks[item] = marks_of[symbol]
            if holds_everything:
                code += less
            elif code > SPECIAL_LIMIT:
                stands = code - FIRST_ALONE
                if code < -LARGEST_BASE and stands < len(alone) and stands >= 0:
                    code = alone[stands]
                else:
                    code += less
            codes[item] = code
            if not holds_everything:
                seen[item] = first if code <= SPECIAL_LIMIT else code
        cell += 1
        if cell == n_cells:
            cell = np.int64(0)
        _advance(at, sizes)
    return 0
