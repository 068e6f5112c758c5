"""Finding the step of which all numbers of a column are multiples."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WINDOW = 64
"""The neighbouring numbers whose gaps give a first step. Chosen by hand; not measured."""
_FEWEST = 3
"""Distinct numbers below which any step would fit."""
_SHARE = 0.95
"""The share of the numbers that must be near multiples; the rest may be sentinels. Chosen by hand; not measured."""
_FIRST_REACH = 8.0
"""The multiple up to which numbers refine the step first. Chosen by hand; not measured."""
_LARGER_REACH = 8.0
"""By what factor that grows as the step gets more precise. Chosen by hand; not measured."""


def find_step(sizes: NDArray[np.float64], dtype: np.dtype[Any]) -> float | None:
    """The step of which most positive numbers (rows,), rounded to a dtype, seem to be multiples; None where there is
    none that rounding could not fake.
    """
    distinct = np.unique(sizes)
    precision = float(np.finfo(dtype).eps)
    if len(distinct) < _FEWEST:
        return None
    # The smallest numbers are known best; those in the middle are tried in case a sentinel is among the smallest.
    with np.errstate(all="ignore"):
        for start in (0, len(distinct) // 2):
            window = distinct[start : start + _WINDOW]
            step = _common_divisor(np.diff(window), 2 * precision * float(window[-1]))
            for numbers in (distinct - window[0], distinct):
                step = _refined(step, np.abs(numbers), precision)
            found = _roundest(step, distinct, dtype) if 0 < step < math.inf else 0.0
            if 0 < found < math.inf:
                return found
    return None


def _common_divisor(gaps: NDArray[np.float64], error: float) -> float:
    """The approximate common divisor of positive numbers (n,), each known to an error, by Euclid's algorithm; 0 where
    the errors leave none.
    """
    divisor, uncertainty = 0.0, error
    for gap in gaps.tolist():
        larger, larger_error, smaller, smaller_error = gap, error, divisor, uncertainty
        while smaller > 4 * smaller_error:
            quotient = round(larger / smaller)
            rest, rest_error = abs(larger - quotient * smaller), larger_error + quotient * smaller_error
            larger, larger_error, smaller, smaller_error = smaller, smaller_error, rest, rest_error
        divisor, uncertainty = larger, larger_error
        if divisor < 32 * uncertainty:
            return 0.0
    return divisor


def _refined(step: float, numbers: NDArray[np.float64], precision: float) -> float:
    """The step by regression on more and more of the numbers (n,), the smaller ones first; 0 where most are no
    multiples.
    """
    reach = _FIRST_REACH
    while 0 < step < math.inf:
        near = numbers[numbers <= reach * step]
        places = near / step
        multiples = np.rint(places)
        residuals = np.abs(places - multiples)
        if np.count_nonzero(residuals < 0.2) < _SHARE * len(near):
            break
        if multiples.any():
            # Numbers that are not multiples, such as sentinels, must not bias the step.
            fits = residuals <= 4 * np.median(residuals)
            step *= float(np.dot(multiples[fits], places[fits]) / np.dot(multiples[fits], multiples[fits]))
        if len(near) == len(numbers) or reach > 0.01 / precision:
            return step
        reach *= _LARGER_REACH
    return 0.0


def _roundest(step: float, numbers: NDArray[np.float64], dtype: np.dtype[Any]) -> float:
    """Of a step and the round numbers close to it, the one whose multiples give back most numbers (rows,)."""
    multiples = np.rint(numbers / step)
    candidates = [float(f"{step:.{digits}g}") for digits in (1, 2, 3, 4, 6, 9, 12)]
    candidates += [1 / max(1, round(min(1 / step, 1e18))), float(dtype.type(step)), step]
    scores = [np.count_nonzero((multiples * candidate).astype(dtype) == numbers) for candidate in candidates]
    return candidates[int(np.argmax(scores))]
