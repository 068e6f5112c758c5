"""Choosing the grid that takes the fewest bits for a column."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.codes import Codes, quantise_column
from baler_vae.grid.decimal import FURTHEST_DECADE, Decimal, Significant
from baler_vae.grid.dither import dithered_logarithmic, dithered_steps
from baler_vae.grid.grids import Grid, Integers, Pattern, PlainGrid
from baler_vae.grid.lattice import find_step
from baler_vae.grid.logarithmic import LEAST_RELATIVE, Logarithmic
from baler_vae.grid.numbers import Values, bits_of, from_bits, is_finite, same_bits, widened
from baler_vae.grid.step import LARGEST_WHOLE_STEP, Step
from baler_vae.table.bounds import EXACT, Bound

SAMPLE = 20_000
"""Sample on which all grids are judged; only the best few are judged on all rows."""
NEARLY_ALL = 0.99
"""The share of values that a grid must reproduce bit by bit to count as the one they were once rounded to."""

_BEST = 3
"""The grids that are compared on all rows, after the sample. Chosen by hand; not measured."""
_NEARBY = 4
"""The spacings of the dtype by which a value that was rounded to a grid may move without another code."""
_FEWEST_VALUES = 16
"""Values below which nothing is said of how numbers were once written. Chosen by hand; not measured."""
_FEW = 256
"""Values that rule out most grids before the whole sample is looked at; results hardly depend on it."""
_FEWEST_DIGITS = 3
"""Fewer significant digits are not looked for: steps describe such numbers. Chosen by hand; not measured."""
_WIDEST = 8
"""The bytes of the largest floats."""
_OCTAVES = 12
"""Octaves below the spacing of typical values that steps are fitted to. Chosen by hand; not measured."""


def choose_grid(values: Values, bound: Bound, *, cost: Callable[[Codes], float], key: int = 0) -> Grid:
    """The grid under which the codes of values (rows,) cost least; `cost` gives the bits of codes and of values kept
    verbatim, `key` tells the dither of one column from that of others.
    """
    sample = _sample(values)
    everything = Pattern() if values.dtype.kind == "f" else Integers()
    if not len(sample) or values.dtype == np.bool_:
        return everything
    candidates: list[Grid] = [everything, *exact_grids(sample), *_lossy_grids(sample, bound, key)]
    grids = list(dict.fromkeys(candidates))
    if len(grids) == 1:
        return everything
    costs = [cost(quantise_column(sample, grid, bound)) for grid in grids]
    best = [grids[index] for index in np.argsort(costs, kind="stable")[:_BEST]]
    if len(sample) < len(values) and len(best) > 1:
        best.sort(key=lambda grid: cost(quantise_column(values, grid, bound)))
    cheapest: Grid = best[0]
    return cheapest


def _sample(values: Values) -> Values:
    if len(values) <= SAMPLE:
        return values
    rows = np.random.default_rng(0).choice(len(values), SAMPLE, replace=False)
    return values[np.sort(rows)]


def written_grid(values: Values, *, cost: Callable[[Codes], float]) -> PlainGrid | None:
    """The grid that floats (rows,) were once rounded to: one that holds nearly all of them to the bit, and is much
    coarser than their dtype; the cheapest where there are several, None where there is none.
    """
    sample = _sample(values[is_finite(values) & (values != 0)])
    if len(sample) < _FEWEST_VALUES:
        return None
    nearby = from_bits(bits_of(sample) + np.uint64(_NEARBY), sample.dtype)
    coarse = [
        grid
        for grid in exact_grids(sample)
        if np.count_nonzero(grid.quantise(nearby) == grid.quantise(sample)) >= NEARLY_ALL * len(sample)
    ]
    return min(coarse, key=lambda grid: cost(quantise_column(sample, grid, EXACT)), default=None)


def exact_grids(sample: Values) -> list[PlainGrid]:
    """Grids that hold nearly all of a sample (rows,) to the bit."""
    if sample.dtype.kind != "f":
        common = int(np.gcd.reduce(widened(sample)))
        return [Step(float(common))] if 1 < common <= LARGEST_WHOLE_STEP else []
    finite = sample[is_finite(sample)]
    sizes = np.abs(finite[finite != 0].astype(np.float64))
    if not len(sizes):
        return []
    decimals = _first(map(Decimal, range(16)), finite)
    significant = _first(_significant(sizes, finite.dtype), finite)
    step = find_step(sizes, finite.dtype)
    steps = [] if step is None else _first([Step(step)], finite)
    return [*map(Pattern, _empty_bits(finite[finite != 0], finite.dtype)), *decimals, *significant, *steps]


def _first(grids: Iterable[PlainGrid], values: Values) -> list[PlainGrid]:
    """The first grid that gives back nearly all values (rows,) to the bit, if there is one."""

    def holds(grid: PlainGrid, some: Values) -> bool:
        kept = same_bits(some, grid.dequantise(grid.quantise(some), some.dtype))
        return bool(np.count_nonzero(kept | (some == 0)) >= NEARLY_ALL * len(some))

    # A few values rule out most grids.
    few = values[:: max(1, len(values) // _FEW)]
    return [grid for grid in grids if holds(grid, few) and holds(grid, values)][:1]


def _significant(sizes: NDArray[np.float64], dtype: np.dtype[Any]) -> list[PlainGrid]:
    decade = math.floor(math.log10(float(sizes.min())))
    most = np.finfo(dtype).precision + 1
    # A decade below the sample's lowest, for the rows that are not in it.
    lowest = [(digits, max(-FURTHEST_DECADE, decade - digits)) for digits in range(_FEWEST_DIGITS, min(15, most) + 1)]
    return [Significant(digits, unit) for digits, unit in lowest]


def _empty_bits(values: Values, dtype: np.dtype[Any]) -> list[int]:
    """How many of the lowest bits are zero in all, and in nearly all, of some non-zero floats (rows,)."""
    bits = bits_of(values)
    lowest = np.sort((bits & (~bits + np.uint64(1))).astype(np.float64))
    _, exponents = np.frexp(lowest[[0, int((1 - NEARLY_ALL) * len(lowest))]])
    most = int(np.finfo(dtype).nmant)
    return [min(int(exponent) - 1, most) for exponent in exponents if exponent > 1]


def _lossy_grids(sample: Values, bound: Bound, key: int) -> Sequence[Grid]:
    """Grids whose steps are about as wide as a bound allows."""
    if bound.dither:
        return _dithered_grids(sample, bound, key)
    if bound.kind == "abs":
        return _steps(sample, bound.size) if sample.dtype.kind == "f" else _whole_steps(bound.size)
    return _relative_steps(sample.dtype, bound) if bound.relative else []


def _steps(sample: Values, size: float) -> list[Grid]:
    """Steps of twice a bound, and others that allow for what rounding large values to the dtype does."""
    finite = np.sort(np.abs(sample[is_finite(sample)]))
    if not len(finite):
        return []
    # The spacing of floats halves with each octave below.
    steps = [2 * size] + [
        min(2 * size, *(_odd_multiple(math.ldexp(spacing, -octave), size) for octave in range(_OCTAVES)))
        for spacing in _typical_spacings(finite)
    ]
    lattice = find_step(finite[finite > 0].astype(np.float64), sample.dtype)
    if lattice is not None:
        steps.append(_odd_multiple(lattice, size))
    return [Step(step) for step in steps if 0 < step < math.inf]


def _typical_spacings(sizes: Values) -> list[float]:
    """The spacings of the dtype at the median, at nearly the largest, and at the largest of sorted sizes (rows,)."""
    typical = sizes[[len(sizes) // 2, int(NEARLY_ALL * (len(sizes) - 1)), -1]]
    largest = float(np.finfo(np.dtype(sizes.dtype.name)).max)  # which has no next one
    typical = np.minimum(typical, np.array(largest / 2, sizes.dtype))
    spacings: list[float] = np.spacing(typical).astype(np.float64).tolist()
    return spacings


def _dithered_grids(sample: Values, bound: Bound, key: int) -> Sequence[Grid]:
    """Dithered grids whose cells are as wide as a bound allows, less what rounding to the dtype may take: the middle of
    a cell is anywhere.
    """
    if bound.kind != "abs":
        relative, floor = _narrowed(sample.dtype, bound)
        return dithered_logarithmic(relative, floor, key) if relative >= bound.relative / 4 else []
    sizes = np.sort(np.abs(sample[is_finite(sample)]))
    spacings = dict.fromkeys(_typical_spacings(sizes)) if len(sizes) else ()
    part = 2.0 if sample.dtype.itemsize == _WIDEST else 0.5 * (1 + 2.0**-20)  # float64 rounds on its way, too
    return [grid for spacing in spacings for grid in dithered_steps(bound.size - part * spacing, key)]


def _odd_multiple(spacing: float, size: float) -> float:
    """The largest odd multiple of a spacing whose half is not beyond a bound for values that are whole spacings apart:
    none of them is half-way between two codes.
    """
    if not spacing:
        return math.inf
    return spacing * (2 * math.floor(min(size / spacing, LARGEST_WHOLE_STEP)) + 1)


def _whole_steps(size: float) -> list[Grid]:
    return [Step(float(2 * math.floor(min(size, LARGEST_WHOLE_STEP // 2)) + 1))] if size >= 1 else []


def _relative_steps(dtype: np.dtype[Any], bound: Bound) -> list[Grid]:
    """Logarithmic steps, narrower by what rounding to the dtype may take; and patterns without their last bits."""
    grids: list[Grid] = []
    stored_bits = _stored_bits(dtype)
    relative, floor = _narrowed(dtype, bound)
    if relative >= max(LEAST_RELATIVE, bound.relative / 4) and floor / relative < math.inf:
        grids.append(Logarithmic(relative, floor))
    shift = stored_bits + math.frexp(bound.relative)[1]
    if dtype.kind == "f" and shift > 0:
        grids.append(Pattern(shift))
    return grids


def _narrowed(dtype: np.dtype[Any], bound: Bound) -> tuple[float, float]:
    """Half a step of a logarithm, and the floor, that keep a bound when values are rounded to the dtype."""
    rounding = math.ldexp(1.0, -_stored_bits(dtype) - 1) if dtype.kind == "f" else 0.0
    relative = math.log1p(bound.relative) - rounding * (1 + 2.0**-20)
    return relative, bound.floor * (relative / bound.relative)


def _stored_bits(dtype: np.dtype[Any]) -> int:
    """The mantissa bits that a dtype stores, or float64 of integers."""
    return int(np.finfo(dtype).nmant) if dtype.kind == "f" else 52
