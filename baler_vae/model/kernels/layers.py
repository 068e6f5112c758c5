"""The layers of networks, for a block of rows at once."""

from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.compiled import compiled, tuple_of
from baler_vae.entropy.vectors import (
    add,
    filled,
    filled_from,
    floor,
    larger,
    load,
    multiply,
    multiply_add,
    number_at,
    smaller,
    store,
)
from baler_vae.model.conditional import BLOCK_ROWS

BLOCK: Final = BLOCK_ROWS
"""Rows handled at a time: the sums of a unit for all of them fit into the registers of a core, or nearly."""
_CACHE_LINE = 16
"""Floats of a line of the cache: a vector that lies in one takes half the time of one that lies in two."""

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
PackedNetwork = tuple[Floats, Ints, Ints, Floats, Ints, Ints]
"""A network packed for the kernels: `weights` and `places` (n,) are the weights of one unit after the other that are
not zero, and where the input of its layer that each belongs to begins in a block; `counts` (units,) how many a unit
has; `biases` (units,); `widths` (layers + 1,) and `shifts` (layers,) those of the layers.
"""

_i4, _i8, _f4 = numba.int32, numba.int64, numba.float32
PACKED = tuple_of((_f4[::1], _i4[::1], _i4[::1], _f4[::1], _i4[::1], _i4[::1]))

_LOWEST, _HIGHEST = np.float32(-1024), np.float32(1023)
_SLOPE = np.float32(0.125)


@compiled(_f4[::1](_i4[::1]))
def room_for(widths: Ints) -> Floats:
    """Zeros for the inputs or outputs of any layer of these widths: a block of rows of each."""
    largest = 0
    for width in widths:
        largest = max(largest, width)
    n = largest * BLOCK
    room = np.zeros(n + _CACHE_LINE, np.float32)
    first = (-(room.ctypes.data >> 2)) % _CACHE_LINE
    return room[first : first + n]


@compiled(_f4[::1](PACKED, _f4[::1], _f4[::1]))
def levels_of(network: PackedNetwork, x: Floats, y: Floats) -> Floats:
    """The outputs of a network (outputs, a block of rows), flat, for inputs that lie in `x` in the same way; they take
    the place of `x` or `y`, each of which has room for those of any layer.
    """
    weights, places, counts, biases, widths, shifts = network
    n_layers, weight, unit = len(shifts), 0, 0
    lowest, highest, slope = filled(_LOWEST, BLOCK), filled(_HIGHEST, BLOCK), filled(_SLOPE, BLOCK)
    for layer in range(n_layers):
        half = filled(np.float32((1 << shifts[layer]) >> 1), BLOCK)
        scale = filled(np.float32(1 / (1 << shifts[layer])), BLOCK)
        for i in range(widths[layer + 1]):
            sums = half
            for w in range(weight, weight + number_at(counts, unit)):
                sums = multiply_add(filled_from(weights, w, BLOCK), load(x, number_at(places, w), BLOCK), sums)
            weight += number_at(counts, unit)
            sums = add(floor(multiply(sums, scale)), filled_from(biases, unit, BLOCK))
            unit += 1
            if layer + 1 < n_layers:
                sums = smaller(larger(sums, lowest), highest)
                sums = larger(sums, floor(multiply(sums, slope)))
            store(y, i * BLOCK, sums)
        x, y = y, x
    return x
