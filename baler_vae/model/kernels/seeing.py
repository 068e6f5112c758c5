"""What networks see of a block of rows."""

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, tuple_of
from baler_vae.entropy.vectors import (
    add,
    filled,
    floor,
    load,
    multiply,
    shift_left,
    shift_right,
    store,
    subtract,
    to_floats,
    where_equal,
    where_less,
)
from baler_vae.model.kernels.layers import BLOCK, Floats, Ints

HINT: Final = -1
"""In place of the number of a row of places: those of what a formula predicts."""
BETWEEN, INSIDE, COUNT, EQUAL = range(4)
"""What an input is: where a place lies among all ranges, whether it lies in a range, a number, whether it is one."""

Shorts = NDArray[np.int16]
Longs = NDArray[np.int64]
Seen = tuple[Shorts, Shorts, Ints, Floats]
"""What a network sees: `places` int16 (sources and more, rows), -1 where there is none, and `hint` (rows,) of a
formula, both with a block of rows more than there are; its inputs int32 (inputs, 4): the number of a row of places or
`HINT`, what it is of them, a symbol or number, the number of ranges. Or the numbers themselves, float32 (inputs, rows),
without inputs.
"""

_i2, _i4, _i8, _f4 = numba.int16, numba.int32, numba.int64, numba.float32
SEEN = tuple_of((_i2[:, ::1], _i2[::1], _i4[:, ::1], _f4[:, ::1]))

NO_NUMBERS: Final = np.empty((0, 0), np.float32)
_NOTHING, _HALF, _ONE, _MIDDLE = (np.float32(a) for a in (0, 0.5, 256, 512))
_NO_PLACES, _NO_INPUTS = np.empty((0, 0), np.int16), np.empty((0, 4), np.int32)


def seen_as(inputs: Floats) -> Seen:
    """What a network sees that is given its inputs float32 (inputs, rows)."""
    return _NO_PLACES, _NO_PLACES.reshape(0), _NO_INPUTS, np.ascontiguousarray(inputs)


@compiled(numba.void(_i2[:, ::1], _i8[::1], _i8[::1], _i8[:, ::1], _i8))
def look_back(places: Shorts, before: Longs, before_that: Longs, wanted: Longs, stop: int) -> None:
    """Fills rows of `places` up to row `stop` with the places in the rows before: `wanted` int64 (n, 4) are a row of
    places, 1 or 2 for how many rows back, the row to be filled, and up to where it is, which is brought up to date.
    """
    for i in range(len(wanted)):
        own, found = places[wanted[i, 0]], places[wanted[i, 2]]
        rows = before if wanted[i, 1] == 1 else before_that
        for row in range(wanted[i, 3], stop):
            found[row] = own[rows[row]] if rows[row] >= 0 else -1
        wanted[i, 3] = max(wanted[i, 3], stop)


@compiled(numba.void(SEEN, _i8, _i8, _f4[::1]))
def see(seen: Seen, start: int, n: int, x: Floats) -> None:
    """Fills the first n rows of `x` (inputs, a block of rows), flat, with what a network sees of those from `start`
    on, and others with whatever is there.
    """
    places, hint, inputs, given = seen
    for i in range(len(given)):
        for r in range(n):
            x[i * BLOCK + r] = given[i, start + r]
    nothing, one, no_place = filled(_NOTHING, BLOCK), filled(_ONE, BLOCK), filled(np.int32(0), BLOCK)
    for i in range(len(inputs)):
        row, what, number = inputs[i, 0], inputs[i, 1], filled(inputs[i, 2], BLOCK)
        shown = load(hint if row == HINT else places[row], start, BLOCK)
        if what == BETWEEN:
            # 16 place / ranges, rounded down: halves keep it so far from whole numbers that a rounded factor will do.
            far = add(to_floats(shift_left(shown, filled(np.int32(4), BLOCK))), filled(_HALF, BLOCK))
            far = floor(multiply(far, filled(np.float32(1 / inputs[i, 3]), BLOCK)))
            found = where_less(shown, no_place, nothing, subtract(far, filled(_MIDDLE, BLOCK)))
        elif what == INSIDE:
            found = where_equal(shift_right(shown, filled(np.int32(6), BLOCK)), number, one, nothing)
        elif what == COUNT:
            found = subtract(to_floats(shift_left(shown, filled(np.int32(5), BLOCK))), one)
        else:
            found = where_equal(shown, number, one, nothing)
        store(x, i * BLOCK, found)


@compiled(numba.void(SEEN, _i8, _f4[:, ::1]))
def see_all(seen: Seen, start: int, found: Floats) -> None:
    """Fills `found` (inputs, rows) with what a network sees of so many rows from `start` on."""
    x = np.empty(len(found) * BLOCK, np.float32)
    for first in range(0, found.shape[1], BLOCK):
        n = min(BLOCK, found.shape[1] - first)
        see(seen, start + first, n, x)
        for i in range(len(found)):
            for r in range(n):
                found[i, first + r] = x[i * BLOCK + r]
