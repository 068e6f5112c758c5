"""Whether restored values keep the bound of their column, decided without rounding."""

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.numbers import Floats64, Values, is_finite, same_bits, widened
from baler_vae.table.bounds import Bound

_SPLIT = 2.0**27 + 1
"""Veltkamp's constant for the 53 bits of float64."""
_LARGEST_EXACT = 1 << 53
"""Integers below this are exact in float64."""


def keeps_bound(original: Values, restored: Values, bound: Bound) -> NDArray[np.bool_]:
    """Whether restored values (rows,) keep a bound to the original ones (rows,) of the same dtype, bool (rows,).

    Values that are not finite must have the same bits; under `free` anything goes. What is accepted here is accepted by
    `abs(restored - original) <= max(R * abs(original), A)` in float64 as well; the converse need not hold, because
    here no rounding widens a bound.
    """
    if bound.kind == "free":
        return np.ones(len(original), np.bool_)
    kept = same_bits(original, restored)
    if bound.kind == "exact" or kept.all():
        return kept
    rows = np.flatnonzero(~kept & is_finite(original) & is_finite(restored))
    judge = _floats_keep if original.dtype.kind == "f" else _integers_keep
    kept[rows] = judge(original[rows], restored[rows], bound)
    return kept


def in_units_of_bound(original: Values, restored: Values, bound: Bound) -> Floats64:
    """How far restored values (rows,) are from the original ones (rows,) of the same dtype, in units of what the bound
    allows, float64 (rows,): 0 for the same bits and under `free`, infinite where no difference is allowed.
    """
    units = np.where(same_bits(original, restored) | (bound.kind == "free"), 0.0, np.inf)
    rows = np.flatnonzero(units.astype(np.bool_) & is_finite(original) & is_finite(restored))
    if bound.kind == "exact" or not len(rows):
        return units
    before, after = original[rows], restored[rows]
    with np.errstate(all="ignore"):
        allowed = np.maximum(bound.relative * np.abs(before.astype(np.float64)), bound.absolute)
        if before.dtype.kind == "f":
            difference = np.abs(after.astype(np.float64) - before.astype(np.float64))
        else:
            difference = _distance(before, after).astype(np.float64)
        units[rows] = np.where(difference == 0, 0.0, difference / allowed)
    return units


def _floats_keep(original: Values, restored: Values, bound: Bound) -> NDArray[np.bool_]:
    """Whether finite floats (rows,) keep a bound.

    Rounding is monotone, so rounded differences below or above the rounded limit decide; where both are equal, what
    rounding took from each does (Knuth's TwoSum, Dekker's product).
    """
    x, y = original.astype(np.float64), restored.astype(np.float64)
    with np.errstate(over="ignore"):
        difference = y - x
        distance = np.abs(difference)
        limit = bound.relative * np.abs(x)
        kept = (distance < limit) | (distance < bound.absolute)
        ties = np.flatnonzero(~kept & ((distance == limit) | (distance == bound.absolute)))
    if not len(ties):
        return kept
    x, y, difference, distance, limit = x[ties], y[ties], difference[ties], distance[ties], limit[ties]
    with np.errstate(all="ignore"):
        part = difference + x
        beyond = ((y - part) - (x - (part - difference))) * np.sign(difference)
        at_floor = (distance == bound.absolute) & (beyond <= 0)
        kept[ties] = at_floor | ((distance == limit) & _within_product(beyond, x, limit, bound.relative))
    return kept


def _within_product(beyond: Floats64, x: Floats64, limit: Floats64, relative: float) -> NDArray[np.bool_]:
    """Whether `limit` + `beyond` <= `relative` abs(x) without rounding, where `limit` is that product rounded."""
    mantissa, exponent = np.frexp(np.abs(x))
    factor, more = np.frexp(relative)
    exponent = exponent + more
    product = mantissa * factor
    upper, factor_upper = _upper_half(mantissa), _upper_half(np.array(factor))
    lower, factor_lower = mantissa - upper, factor - factor_upper
    lost = ((upper * factor_upper - product) + upper * factor_lower + lower * factor_upper) + lower * factor_lower
    missing = (product - np.ldexp(limit, -exponent)) + lost
    return np.asarray(np.ldexp(beyond, -exponent) <= missing)


def _upper_half(numbers: Floats64) -> Floats64:
    """The upper half of the mantissas of numbers (Veltkamp)."""
    scaled = numbers * _SPLIT
    return np.asarray(scaled - (scaled - numbers))


def _integers_keep(original: Values, restored: Values, bound: Bound) -> NDArray[np.bool_]:
    """Whether integers or booleans (rows,) keep a bound: as floats where those are exact, else as Python's integers."""
    x, y = original.astype(np.float64), restored.astype(np.float64)
    small = np.maximum(np.abs(x), np.abs(y)) < _LARGEST_EXACT
    kept = np.empty(len(x), np.bool_)
    kept[small] = _floats_keep(x[small], y[small], bound)
    if not small.all():
        size = np.abs(original[~small].astype(object))
        distance = _distance(original[~small], restored[~small]).astype(object)
        factor, divisor = bound.relative.as_integer_ratio()
        kept[~small] = (distance * divisor <= size * factor) | (distance <= int(bound.absolute))
    return kept


def _distance(original: Values, restored: Values) -> NDArray[np.uint64]:
    """The exact distance of integers or booleans (rows,)."""
    x, y = widened(original), widened(restored)
    return np.where(x > y, x.astype(np.uint64) - y.astype(np.uint64), y.astype(np.uint64) - x.astype(np.uint64))
