"""The loops in which coding of the cells of arrays spends its time, compiled.

All arrays of cells are flat, cell by cell, of each the rows one after the other: the cells that are coded together
mostly lie together.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, tuple_of
from baler_vae.entropy.kernels import RANGES, Ranges, place_codes
from baler_vae.model.kernels.layers import Floats, Ints

Neighbours = tuple[Ints, NDArray[np.int64], Ints, Ints, NDArray[np.uint8], int]
"""Where neighbours are: `offsets` int32 (offsets, 1 + axes), how far each is in a flat array int64 (offsets,),
coordinates int32 (cells, axes), the shape int32 (axes,), whether all neighbours of a cell are in the array uint8
(cells,), and the number of rows.
"""

_i2, _i4, _i8, _u1, _f4, _f8 = numba.int16, numba.int32, numba.int64, numba.uint8, numba.float32, numba.float64
_NEIGHBOURS = tuple_of((_i4[:, ::1], _i8[::1], _i4[:, ::1], _i4[::1], _u1[::1], _i8))

_SPECIAL = -(1 << 63) + 4
"""The last special code."""


@compiled(numba.void(_NEIGHBOURS, _i8, _i8[::1], _u1[::1]))
def are_there(neighbours: Neighbours, number: int, items: NDArray[np.int64], found: NDArray[np.uint8]) -> None:
    """Fills `found` (items,) with whether the neighbours of cells at an offset are in the array, and in a row that is
    there.
    """
    offsets, _, coordinates, shape, inner, n_rows = neighbours
    lag = offsets[number, 0]
    for i in range(len(items)):
        cell, row = items[i] // n_rows, items[i] % n_rows
        there = row >= lag
        if there and not inner[cell]:
            for axis in range(len(shape)):
                place = coordinates[cell, axis] + offsets[number, 1 + axis]
                there = there and 0 <= place < shape[axis]
        found[i] = there


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
    deltas, n = neighbours[1], len(items)
    total, has_first, there = np.zeros(n), np.zeros(n, np.uint8), np.empty(n, np.uint8)
    for i in range(n):
        found[i] = fill
    for t in range(len(taps)):
        are_there(neighbours, taps[t], items, there)
        delta, weight = deltas[taps[t]], weights[t]
        for i in range(n):
            if not there[i]:
                continue
            value = values[items[i] + delta]
            if not np.isfinite(value):
                continue
            if has_first[i]:
                total[i] += weight * (value - found[i])
            else:
                found[i], has_first[i] = value, 1
    for i in range(n):
        found[i] = found[i] + total[i]


@compiled(numba.void(_NEIGHBOURS, _i8[::1], _f8[::1], _i8[::1], _f8[::1]))
def mean_of_neighbours(
    neighbours: Neighbours,
    items: NDArray[np.int64],
    values: NDArray[np.float64],
    near: NDArray[np.int64],
    found: NDArray[np.float64],
) -> None:
    """Fills `found` (items,) with the mean of the finite values of the neighbours `near`, zero where there are none."""
    deltas, n = neighbours[1], len(items)
    counts, there = np.zeros(n), np.empty(n, np.uint8)
    for i in range(n):
        found[i] = 0.0
    for t in range(len(near)):
        are_there(neighbours, near[t], items, there)
        delta = deltas[near[t]]
        for i in range(n):
            if there[i] and np.isfinite(values[items[i] + delta]):
                found[i] += values[items[i] + delta]
                counts[i] += 1.0
    for i in range(n):
        if counts[i] > 0:
            found[i] = found[i] / counts[i]


@compiled(
    numba.void(
        _NEIGHBOURS, _i8[::1], _i4[:, ::1], _i8[::1], _i2[::1], _i2[::1], _i8[:, ::1], _i8[::1], _u1[::1], RANGES,
        RANGES, numba.boolean, _i4[:, ::1], _i2[:, ::1], _f4[:, ::1]
    )
)  # fmt: skip
def see_cells(  # noqa: C901, PLR0912  one loop for each kind of input
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
    """Fills `x` (inputs, items) with what the network sees of the cells `items`.

    `inputs` int32 (inputs, 4) are kind, number, symbol, and number of ranges; `codes`, `residuals` (places of what was
    coded) and `places` (of codes) are those of all cells; `predicted` (predictors, items) what predictors say, `base`
    (items,) what is subtracted from codes, `mirrored` (items,) whether that is the mirror image; `sources` (sources,
    rows) and `others` (columns, cells) are places of other codes.
    """
    _, deltas, coordinates, shape, _, n_rows = neighbours
    n = len(items)
    there, wanted, found = np.empty(n, np.uint8), np.empty(n, np.int64), np.empty(n, np.int16)
    for k in range(len(inputs)):
        kind, number, symbol, n_ranges = inputs[k, 0], inputs[k, 1], inputs[k, 2], inputs[k, 3]
        if kind == 5:
            for i in range(n):
                x[k, i] = ((coordinates[items[i] // n_rows, number] << 10) // shape[number]) - 512
            continue
        if kind == 8:
            for i in range(n):
                x[k, i] = 256 if mirrored[i] else 0
            continue
        if kind <= 2:
            are_there(neighbours, number, items, there)
            delta = deltas[number]
        else:
            there[:] = 1
            delta = 0
        if kind == 0:
            for i in range(n):
                code = np.int64(0)
                if there[i]:
                    code = codes[items[i] + delta]
                    if holds_everything or code > _SPECIAL:
                        code -= base[i]
                wanted[i] = code
            place_codes(alphabet[0], alphabet[1], wanted, found)
        elif kind < 3:
            own = residuals if kind == 1 else places
            for i in range(n):
                found[i] = own[items[i] + delta] if there[i] else 0
        elif kind == 3:
            place_codes(view[0], view[1], predicted[number], found)
        elif kind == 4:
            for i in range(n):
                wanted[i] = predicted[number, i] - base[i]
            place_codes(alphabet[0], alphabet[1], wanted, found)
        elif kind == 6:
            for i in range(n):
                found[i] = sources[number, items[i] % n_rows]
        else:
            for i in range(n):
                found[i] = others[number, items[i]]
        for i in range(n):
            place = found[i]
            if not there[i]:
                x[k, i] = 0
            elif symbol >= 0:
                x[k, i] = 256 if place >> 6 == symbol else 0
            else:
                x[k, i] = np.floor(np.float64(place << 4) / n_ranges) - 512
