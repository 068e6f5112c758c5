"""The loops in which coding of the cells of arrays spends its time, compiled.

All arrays of cells are flat, cell by cell, of each the rows one after the other: the cells that are coded together
mostly lie together.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled
from baler_vae.entropy.kernels import place_of
from baler_vae.model.kernels import BLOCK, LEVELS, PACKED, Floats, Ints, PackedNetwork, bounds_of, levels_of, pop, push, widest

Neighbours = tuple[Ints, NDArray[np.int64], Ints, Ints, NDArray[np.uint8], int]
"""Where neighbours are: `offsets` int32 (offsets, 1 + axes), how far each is in a flat array int64 (offsets,),
coordinates int32 (cells, axes), the shape int32 (axes,), whether all neighbours of a cell are in the array uint8
(cells,), and the number of rows.
"""
Ranges = tuple[NDArray[np.int64], NDArray[np.uint8]]
"""Starts and shifts of an alphabet."""

_i2, _i4, _i8, _u1, _f4, _f8 = numba.int16, numba.int32, numba.int64, numba.uint8, numba.float32, numba.float64
_tuple_of: Any = numba.types.Tuple
_NEIGHBOURS = _tuple_of((_i4[:, ::1], _i8[::1], _i4[:, ::1], _i4[::1], _u1[::1], _i8))
_RANGES = _tuple_of((_i8[::1], _u1[::1]))
_CODER = (numba.uint32[::1], numba.uint64[::1])

_SPECIAL = -(1 << 63) + 4
"""The last special code."""


@compiled(numba.boolean(_NEIGHBOURS, _i8, _i8, _i8))
def _is_there(neighbours: Neighbours, number: int, cell: int, row: int) -> bool:
    """Whether the neighbour of a cell at an offset is in the array, and in a row that is there."""
    offsets, _, coordinates, shape, inner, _ = neighbours
    if row < offsets[number, 0]:
        return False
    if inner[cell]:
        return True
    for axis in range(len(shape)):
        place = coordinates[cell, axis] + offsets[number, 1 + axis]
        if place < 0 or place >= shape[axis]:
            return False
    return True


@compiled(numba.void(_NEIGHBOURS, _i8[::1], _f8[::1], _i8[::1], _f8[::1], _f8, _f8[::1]))
def predict(
    neighbours: Neighbours,
    items: NDArray[np.int64],
    values: NDArray[np.float64],
    taps: NDArray[np.int64],
    weights: NDArray[np.float64],
    fill: float,
    found: NDArray[np.float64],
) -> None:
    """Fills `found` (items,) with weighted means of the neighbours of the cells `items`, in the order of `taps`."""
    deltas, n_rows = neighbours[1], neighbours[5]
    for i in range(len(items)):
        item = items[i]
        cell, row = item // n_rows, item % n_rows
        first, total, has_first = fill, 0.0, False
        for t in range(len(taps)):
            if _is_there(neighbours, taps[t], cell, row):
                value = values[item + deltas[taps[t]]]
                if not np.isfinite(value):
                    continue
                if has_first:
                    total += weights[t] * (value - first)
                else:
                    first, has_first = value, True
        found[i] = first + total


@compiled(
    numba.void(
        _NEIGHBOURS, _i8[::1], _i4[:, ::1], _i8[::1], _i2[::1], _i2[::1], _i8[:, ::1], _i8[::1], _u1[::1], _RANGES,
        _RANGES, numba.boolean, _i4[:, ::1], _i2[:, ::1], _f4[:, ::1]
    )
)  # fmt: skip
def see_cells(
    neighbours: Neighbours,
    items: NDArray[np.int64],
    inputs: Ints,
    codes: NDArray[np.int64],
    residuals: NDArray[np.int16],
    places: NDArray[np.int16],
    predicted: NDArray[np.int64],
    base: NDArray[np.int64],
    mirrored: NDArray[np.uint8],
    alphabet: Ranges,
    view: Ranges,
    holds_everything: bool,
    sources: Ints,
    others: NDArray[np.int16],
    x: Floats,
) -> None:
    """Fills `x` (inputs, items or more) with what the network sees of the cells `items`.

    `inputs` int32 (inputs, 4) are kind, number, symbol, and number of ranges; `codes`, `residuals` (places of what was
    coded) and `places` (of codes) are those of all cells; `predicted` (predictors, items) what predictors say, `base`
    (items,) what is subtracted from codes, `mirrored` (items,) whether that is the mirror image; `sources` (sources,
    rows) and `others` (columns, cells) are places of other codes.
    """
    _, deltas, coordinates, shape, _, n_rows = neighbours
    for k in range(len(inputs)):
        kind, number, symbol, n_ranges = inputs[k, 0], inputs[k, 1], inputs[k, 2], inputs[k, 3]
        for i in range(len(items)):
            item = items[i]
            cell, row = item // n_rows, item % n_rows
            if kind == 5:
                x[k, i] = ((coordinates[cell, number] << 10) // shape[number]) - 512
                continue
            if kind == 8:
                x[k, i] = 256 if mirrored[i] else 0
                continue
            place = -1
            if kind <= 2:
                if _is_there(neighbours, number, cell, row):
                    other = item + deltas[number]
                    if kind == 1:
                        place = residuals[other]
                    elif kind == 2:
                        place = places[other]
                    else:
                        code = codes[other]
                        if holds_everything or code > _SPECIAL:
                            code -= base[i]
                        place = place_of(alphabet[0], alphabet[1], code)
            elif kind == 3:
                place = place_of(view[0], view[1], predicted[number, i])
            elif kind == 4:
                place = place_of(alphabet[0], alphabet[1], predicted[number, i] - base[i])
            elif kind == 6:
                place = sources[number, row]
            else:
                place = others[number, item]
            if place < 0:
                x[k, i] = 0
            elif symbol >= 0:
                x[k, i] = 256 if place >> 6 == symbol else 0
            else:
                x[k, i] = np.floor(np.float64(place << 4) / n_ranges) - 512


@compiled(numba.void(PACKED, _f4[:, ::1], *_CODER, _i4[::1]))
def decode_seen(
    network: PackedNetwork, inputs: Floats, words: NDArray[np.uint32], coder: NDArray[np.uint64], symbols: Ints
) -> None:
    """Fills `symbols` (cells,) with those of cells of which the network sees `inputs` (inputs, cells or more)."""
    widths, masses = network[4], network[6]
    width, n_symbols = widest(widths), widths[-1]
    x, y = np.zeros((width, BLOCK), np.float32), np.zeros((width, BLOCK), np.float32)
    levels = np.empty((n_symbols, BLOCK), np.uint8)
    state, left = coder[0], coder[1]
    for first in range(0, len(symbols), BLOCK):
        n = min(BLOCK, len(symbols) - first)
        for i in range(widths[0]):
            for r in range(n):
                x[i, r] = inputs[i, first + r]
        levels_of(network, x, y, levels)
        for r in range(n):
            symbols[first + r], state, left = pop(levels, r, masses, words, state, left)
    coder[0], coder[1] = state, left


@compiled(numba.void(PACKED, _f4[:, ::1], _i4[::1], _i4[::1], _i4[::1]))
def weigh_seen(network: PackedNetwork, inputs: Floats, symbols: Ints, begins: Ints, ends: Ints) -> None:
    """Fills `begins` and `ends` (cells,) with where the quantiles of the symbols (cells,) begin and end, out of 2^24,
    of cells of which the network sees `inputs` (inputs, cells or more).
    """
    widths, masses = network[4], network[6]
    width, n_symbols = widest(widths), widths[-1]
    x, y = np.zeros((width, BLOCK), np.float32), np.zeros((width, BLOCK), np.float32)
    levels = np.empty((n_symbols, BLOCK), np.uint8)
    for first in range(0, len(symbols), BLOCK):
        n = min(BLOCK, len(symbols) - first)
        for i in range(widths[0]):
            for r in range(n):
                x[i, r] = inputs[i, first + r]
        levels_of(network, x, y, levels)
        for r in range(n):
            begins[first + r], ends[first + r] = bounds_of(levels, r, masses, symbols[first + r])


@compiled(numba.void(_i4[::1], _i4[::1], *_CODER))
def push_all(begins: Ints, ends: Ints, words: NDArray[np.uint32], coder: NDArray[np.uint64]) -> None:
    """Puts the symbols of quantiles (cells,) behind the words so far, the last one first; `coder` (2,) is the state and
    the number of `words`, of which there must be room for as many as there are cells.
    """
    state, n_words = coder[0], coder[1]
    for place in range(len(begins) - 1, -1, -1):
        state, n_words = push(begins[place], ends[place], words, state, n_words)
    coder[0], coder[1] = state, n_words
