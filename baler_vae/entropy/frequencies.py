"""Integer frequency tables, the same on every machine."""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

TOTAL_BITS = 24
TOTAL = 1 << TOTAL_BITS
"""The sum of the frequencies of a table."""

_STEPS = 16
"""Levels per octave: rounding to them costs less than 0.0001 bits a symbol."""
_SCALE_BITS = 30


def root_of_two_to(n: int) -> int:
    """floor(2^(n / 16)), in integers."""
    return isqrt(isqrt(isqrt(isqrt(1 << n))))


_OCTAVE = np.array([root_of_two_to(_STEPS * _SCALE_BITS + j) for j in range(_STEPS)], np.int64)
_POWERS = np.array([_OCTAVE[-level % _STEPS] >> -(-level // _STEPS) for level in range(256)], np.int64)
"""About 2^(30 - level / 16) for each level."""


def levels_of(masses: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The levels, uint8 of the same shape, of positive masses (..., symbols): sixteenths of an octave below the largest
    mass of a table, at most 255.
    """
    with np.errstate(divide="ignore"):
        below = np.log2(masses.max(axis=-1, keepdims=True)) - np.log2(masses)
    levels: NDArray[np.uint8] = np.minimum(np.rint(below * _STEPS), 255).astype(np.uint8)
    return levels


def frequencies(levels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The frequencies int64 of the same shape for levels (..., symbols): each at least 1, the sum of a table 2^24.

    Each is 1 + floor(w (2^24 - n) / sum(w)) with w = floor(2^(30 + j / 16)) >> q for level 16 q - j (0 <= j < 16) and n
    symbols; what is left goes to the first symbol of the least level.
    """
    n_symbols = levels.shape[-1]
    if not 2 <= n_symbols <= TOTAL // 2:
        raise ValueError(f"a table of {n_symbols} symbols")
    weights = _POWERS[levels]
    table: NDArray[np.int64] = 1 + weights * (TOTAL - n_symbols) // weights.sum(axis=-1, keepdims=True)
    left = TOTAL - table.sum(axis=-1, keepdims=True)
    first = np.argmin(levels, axis=-1)[..., None]
    np.put_along_axis(table, first, np.take_along_axis(table, first, -1) + left, -1)
    if np.any(table < 1) or np.any(table.sum(axis=-1) != TOTAL):
        raise ValueError("the frequencies of a table do not add up")
    return table
