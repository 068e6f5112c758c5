"""The grid whose steps grow with the value."""

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.numbers import Floats64, Integers64, Values, to_dtype

SEGMENTS = 1024
"""Pieces of the logarithm in an octave; part of what the grid means, so that it cannot change."""
LEAST_RELATIVE = 2.0**-50
"""Finer relative steps could not be told from those of float64; part of format 1."""

_LOWEST_EXPONENT = -1074
_POWERS_OF_TWO = np.array([*(math.ldexp(1.0, k) for k in range(_LOWEST_EXPONENT, 1024)), math.inf])
_LARGEST_TABLE = 1 << 16
"""Steps of an octave up to which their mantissas are kept in a table."""

Settled = tuple[Integers64, Values, NDArray[np.bool_], Integers64]


@dataclass(frozen=True)
class Logarithmic:
    """Steps of 2 `floor` up to abs(x) = `floor` / `relative`, of about 2 `relative` abs(x) beyond; odd in x.

    Without a floor (0) zero has code 0 and all other values are beyond, counted from the smallest subnormal of float64.
    The logarithm is piecewise linear in the mantissa: exact on every machine, and its steps are nowhere wider than
    those of the true one.
    """

    relative: float
    floor: float = 0.0

    kind: ClassVar = "logarithmic"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        if not LEAST_RELATIVE <= self.relative < 1:
            raise ValueError(f"a logarithmic grid cannot have relative steps of {self.relative}")
        if not 0 <= self.floor <= self.floor / self.relative < math.inf:
            raise ValueError(
                f"a logarithmic grid of relative steps {self.relative} cannot have a floor of {self.floor}"
            )

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) nearest to values (rows,)."""
        from baler_vae.grid.kernels import quantise  # noqa: PLC0415 - numba takes half a second to import

        codes = np.empty(len(values), np.int64)
        quantise(_numbers(values), _layout(self.relative, self.floor), codes)
        return codes

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) of codes (rows,)."""
        return self.restored(codes, dtype)[0]

    def restored(self, codes: Integers64, dtype: np.dtype[Any]) -> tuple[Values, int]:
        """The values (rows,) of codes (rows,), and how many of these are none of finite values."""
        from baler_vae.grid.kernels import dequantise  # noqa: PLC0415

        numbers = np.empty(len(codes))
        n_strange = dequantise(np.ascontiguousarray(codes), _layout(self.relative, self.floor), numbers)
        return to_dtype(numbers, dtype), n_strange

    def settled(self, values: Values, relative: float, absolute: float) -> Settled:
        """The codes (rows,) nearest to float32 or float64 values (rows,); what they give back (rows,); whether that has
        the same codes again and lies within a bound, bool (rows,); and the rows of which rounded sums cannot tell.
        """
        from baler_vae.grid.kernels import SETTLED, TIED, settle  # noqa: PLC0415

        n_rows = len(values)
        codes, restored, found = np.empty(n_rows, np.int64), np.empty(n_rows), np.empty(n_rows, np.int64)
        grid = _layout(self.relative, self.floor)
        settle(_numbers(values), grid, values.dtype.itemsize, relative, absolute, codes, restored, found)
        return codes, to_dtype(restored, values.dtype), found == SETTLED, np.flatnonzero(found == TIED)


def _numbers(values: Values) -> Floats64:
    """Values (rows,) as float64, without gaps in memory."""
    with np.errstate(invalid="ignore"):  # of signalling NaN
        return np.ascontiguousarray(values, np.float64)


@lru_cache(maxsize=256)
def _layout(relative: float, floor: float) -> Floats64:
    """What follows from the parameters of a grid, for the kernels.

    An octave has `n_steps` steps; `starts` and `widths`, float64 (segments,), are the position of each segment in it
    and the steps it has. Beyond a threshold, the value 2^(exponent + k) times a mantissa at position p has the position
    k n_steps + base + fraction + p; codes up to `n_linear` are multiples of twice the floor. A table holds the
    mantissas of all positions of an octave, float64 (n_steps,), where they are few; where they are many, `firsts` int64
    are the segments in which every 2^shift-th position lies, none of which are further apart than a segment.
    """
    from baler_vae.grid.kernels import N_TABLE, mantissas  # noqa: PLC0415

    ideal = [0.5 / (relative * (SEGMENTS + segment)) for segment in range(SEGMENTS)]
    *_, total = accumulate(ideal)
    n_steps = math.ceil(total)
    widths = [width * (n_steps / total) for width in ideal]
    starts = list(accumulate(widths[:-1], initial=0.0))
    threshold, n_linear, exponent, base, fraction = 0.0, 0, _LOWEST_EXPONENT, 1, 0.0
    if floor:
        threshold = floor / relative
        n_linear = math.floor(0.5 / relative)
        mantissa, exponent = math.frexp(threshold)
        exponent -= 1
        place = (2 * mantissa - 1) * SEGMENTS
        segment = int(place)
        offset = 0.5 / relative - (starts[segment] + (place - segment) * widths[segment])
        base = math.floor(offset)
        fraction = offset - base
    shift, firsts = math.floor(math.log2(min(widths))), np.empty(0, np.int64)
    if n_steps > _LARGEST_TABLE >= n_steps >> shift:
        places = np.arange((n_steps >> shift) + 1) * float(1 << shift)
        firsts = np.searchsorted(np.array(starts), places, side="right") - 1
    numbers = [threshold, fraction, 2 * floor, n_steps, exponent, base, n_linear, shift, 0, len(firsts)]
    found = np.concatenate([numbers, starts, widths, _POWERS_OF_TWO, firsts], dtype=np.float64)
    if n_steps > _LARGEST_TABLE:
        return found
    table = mantissas(np.arange(n_steps), found)
    found = np.append(found, table)
    found[N_TABLE] = n_steps
    return found
