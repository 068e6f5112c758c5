"""How far what is measured on a table moves when its values do, in units of its own statistical error.

A measured number is, to first order, a sum over rows: a mean, a variance, the count behind a cut, and a parameter of a
fit too, through what one more row in a bin does to it. Its change is then the sum of one difference for each row. Of
these the sum tells what happened, and the root of the sum of squares what independent differences of this size do on
average; both are added in quadrature, so that differences that cancel by luck are not taken for none.

Where n rows stand for N, statistical errors shrink with the root of N / n, a bias stays, and the differences average
out as the errors do: an effect is sqrt(N / n * sum^2 + sum of squares) in units of the error on the n rows. The noise
of the sum on a sample counts as bias, which errs to the safe side.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.peaks import Peak, PeakFit, fit_peak
from baler_vae.evaluation.residuals import Array, Floats, wrap

PARAMETERS = ("position", "width", "yield")
"""Of a peak, in the order of `PeakEffects`."""

_CORE = 5.0
"""The half-widths of the central 68 % around the median beyond which values are tails, or no measurements at all."""
_SPIKE = 0.01
"""The share of values beyond which one value is not part of a continuous distribution: zeros, sentinels."""
_FEWEST = 16
_STEP = 1e-4


@dataclass(frozen=True)
class Effect:
    """How far `what` of a column, quantity or cut, by `name`, moves, in its statistical errors: `in_errors`."""

    name: str
    what: str
    in_errors: float

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.what

    def __str__(self) -> str:
        return f"{self.what} of {self.name}"


def largest(effects: list[Effect]) -> Effect | None:
    """The largest effect, the first of equal ones; None where there is none."""
    return max(effects, key=lambda effect: effect.in_errors, default=None)


def combined(differences: Floats, error: float, grows: float) -> float:
    """The effect of differences (rows,) on their sum in units of its statistical error, where these rows stand for
    `grows` times as many; infinite where there is no error to compare with, unless nothing differs.
    """
    total, squares = float(np.sum(differences)), float(np.sum(differences**2))
    if not squares:
        return 0.0
    return math.sqrt(grows * total**2 + squares) / error if error > 0 else math.inf


class ColumnEffects:
    """What differences do to the mean and the width (root mean square around the mean) of a column or quantity.

    Both are judged twice: on all finite values, and without values that are many times the same (zeros, sentinels) and
    those in far tails, which would make the errors, and so what is allowed, larger than what the bulk of the values
    bears. The worse one counts.
    """

    def __init__(self, name: str, before: Array, *, angle: bool = False, grows: float = 1.0) -> None:
        self._name, self._angle, self._grows = name, angle, grows
        self._before = before.astype(np.float64)
        finite = np.isfinite(self._before)
        core = _core(self._before, finite)
        self._parts = [_part(self._before, rows) for rows in (finite, core) if rows is not None]

    def of(self, after: Array) -> list[Effect]:
        """The effects of `after` (rows,), finite where the values before are, in place of those."""
        with np.errstate(invalid="ignore"):
            moved = after.astype(np.float64) - self._before
        moved = wrap(moved) if self._angle else moved
        found = [self._mean_and_width(part, moved[part.rows] / part.scale) for part in self._parts]
        mean, width = (max(values) for values in zip(*found, strict=True))
        return [Effect(self._name, "mean", mean), Effect(self._name, "width", width)]

    def _mean_and_width(self, part: "_Part", moved: Floats) -> tuple[float, float]:
        mean = combined(moved, part.mean_error, self._grows)
        return mean, combined(moved * (2 * part.around + moved), part.variance_error, self._grows)


@dataclass(frozen=True, eq=False)
class _Part:
    """Some rows, and their values around the mean, float64 (some rows,), over `scale`, with which squares of squares
    stay finite; `mean_error` and `variance_error` are the statistical errors of the sums of these and of their squares.
    """

    rows: NDArray[np.intp]
    scale: float
    around: Floats
    mean_error: float
    variance_error: float


def _part(values: Floats, rows: NDArray[np.bool_]) -> _Part:
    numbers = values[rows]
    scale = float(np.max(np.abs(numbers), initial=0.0)) or 1.0
    around = numbers / scale
    around = around - np.mean(around) if len(around) else around
    root = math.sqrt(len(around))
    mean_error, variance_error = (root * float(np.std(x)) if len(x) else 0.0 for x in (around, around**2))
    return _Part(np.flatnonzero(rows), scale, around, mean_error, variance_error)


def _core(values: Floats, finite: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Which values (rows,) are neither tails nor many times the same; None where that leaves too few."""
    numbers = values[finite]
    distinct, place, times = np.unique(numbers, return_inverse=True, return_counts=True)
    if len(distinct) < _FEWEST:
        return None
    continuous = times[place] <= max(1, int(_SPIKE * len(numbers)))
    if np.count_nonzero(continuous) < _FEWEST:
        return None
    low, middle, high = np.percentile(numbers[continuous] / 2, [15.865, 50, 84.135]) * 2
    reach = _CORE * (high / 2 - low / 2)
    core = finite.copy()
    core[finite] = continuous & (np.abs(numbers / 2 - middle / 2) <= reach / 2)
    return core


class PeakEffects:
    """What differences do to the position, width and yield of a peak.

    Shifts are taken to first order, by what one more row in each bin does to the fit: below a hundredth of a
    statistical error a second fit would tell of the minimiser more than of the values.
    """

    def __init__(self, peak: Peak, before: Array, *, grows: float = 1.0) -> None:
        self.peak, self._grows = peak, grows
        self.fit: PeakFit = fit_peak(before, peak)
        self._bins = self._bins_of(before)
        self._weights = np.zeros((len(PARAMETERS), len(self.fit.counts) + 2))
        if self.fit.valid:
            self._weights[:, 1:-1] = peak_weights(self.fit)

    def of(self, after: Array) -> list[Effect]:
        """The effects of `after` (rows,) in place of the values before; none where the fit before failed."""
        if not self.fit.valid:
            return []
        bins = self._bins_of(after)
        changed = np.flatnonzero(bins != self._bins)
        moved = self._weights[:, bins[changed]] - self._weights[:, self._bins[changed]]
        errors = (self.fit.mean_error, self.fit.width_error, self.fit.yield_error)
        return [
            Effect(self.peak.column, f"peak {what}", combined(own, error or 0.0, self._grows))
            for what, own, error in zip(PARAMETERS, moved, errors, strict=True)
        ]

    def _bins_of(self, values: Array) -> NDArray[np.intp]:
        """The bin of each value (rows,), counted from 1; the first and the last one are beyond the window, NaN too."""
        edges = self.fit.edges
        numbers = values.astype(np.float64)
        bins = np.searchsorted(edges, numbers, side="right")
        return np.where(numbers == edges[-1], len(edges) - 1, bins)


def peak_weights(fit: PeakFit) -> Floats:
    """By how much position, width and yield of a valid fit change for one more row in each bin, float64 (3, bins).

    Of a least-squares fit with equal weights these are the rows of (G G^T)^-1 G for the gradient G of the expected
    rows, taken by central differences.
    """
    names = ("mean", "width", "peak_yield", "level", "tilt")
    values = {name: float(getattr(fit, name)) for name in names}
    spans = {
        "mean": values["width"],
        "width": values["width"],
        **dict.fromkeys(("peak_yield", "level", "tilt"), max(1.0, abs(values["peak_yield"]))),
    }
    gradient = []
    for name in names:
        step = _STEP * spans[name]
        high, low = (_expected(fit, name, values[name] + sign * step) for sign in (1, -1))
        gradient.append((high - low) / (2 * step))
    rows = np.array(gradient, np.float64)
    weights: Floats = np.linalg.solve(rows @ rows.T, rows)[: len(PARAMETERS)]
    return weights


def _expected(fit: PeakFit, name: str, value: float) -> Floats:
    changed: dict[str, Any] = {name: value}
    expected = replace(fit, **changed).expected()
    if expected is None:
        raise ValueError("a failed fit has no weights")
    return expected


def cut_effect(name: str, n_before: int, n_out: int, n_in: int, *, grows: float = 1.0) -> Effect:
    """What it does to the number of those that pass a cut that some of them no longer do, and others do now."""
    moved = np.concatenate([np.full(n_in, 1.0), np.full(n_out, -1.0)])
    return Effect(name, "cut", combined(moved, math.sqrt(max(1, n_before)), grows))


def worst_by_key(effects: list[Effect]) -> Mapping[tuple[str, str], Effect]:
    """The effects by name and kind, the largest where there are several."""
    worst: dict[tuple[str, str], Effect] = {}
    for effect in effects:
        known = worst.get(effect.key)
        if known is None or effect.in_errors > known.in_errors:
            worst[effect.key] = effect
    return worst
