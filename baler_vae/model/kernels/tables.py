"""The levels of symbols to sums of their weights, for a block of rows at once."""

from typing import Final

import numba
import numpy as np

from baler_vae.entropy.compiled import compiled
from baler_vae.entropy.vectors import (
    add_ints,
    filled,
    floor,
    larger,
    load,
    multiply,
    multiply_add,
    shift_right,
    smaller,
    store,
    subtract,
    to_ints,
)
from baler_vae.model.kernels.layers import BLOCK, Floats, Ints

LANES: Final = 16
"""Rows of which weights are summed at a time: their sums stay in the nearest cache until they are looked at."""

_A, _B, _C, _D, _E = (np.float32(a) for a in (65536.0775, -45423.248, 15709.6396, -3521.48362, 467.914493))
"""A polynomial in a sixteenth of an octave that differs from 2^(16 - x) so little that it gives the same whole numbers,
rounded down, wherever it is rounded in between; a test tries all of them.
"""
_LEAST, _SIXTEENTH = np.float32(255), np.float32(0.0625)


@compiled(numba.void(numba.float32[::1], numba.int64, numba.int64, numba.int32[::1]))
def sum_weights(levels: Floats, n_symbols: int, first: int, sums: Ints) -> None:
    """Fills `sums` (symbols + 1, `LANES`), flat, with the sums of the weights of the symbols before each, and of all,
    for rows from the `first` on of a block of `levels` (symbols, a block of rows).

    A symbol whose level is n below the largest has the weight floor(2^(16 - n / 16)), at most 255 being below.
    """
    a, b, c, d, e = filled(_A, LANES), filled(_B, LANES), filled(_C, LANES), filled(_D, LANES), filled(_E, LANES)
    least, sixteenth, total = filled(_LEAST, LANES), filled(_SIXTEENTH, LANES), filled(np.int32(0), LANES)
    largest = load(levels, first, LANES)
    for k in range(1, n_symbols):
        largest = larger(largest, load(levels, k * BLOCK + first, LANES))
    store(sums, 0, total)
    for k in range(n_symbols):
        octaves = multiply(smaller(subtract(largest, load(levels, k * BLOCK + first, LANES)), least), sixteenth)
        whole = floor(octaves)
        rest = subtract(octaves, whole)
        root = multiply_add(multiply_add(e, rest, d), rest, c)
        root = multiply_add(multiply_add(root, rest, b), rest, a)
        total = add_ints(total, shift_right(to_ints(root), to_ints(whole)))
        store(sums, (k + 1) * LANES, total)
