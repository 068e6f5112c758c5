"""How far what is measured on a table moves when its values do, in units of its own statistical error.

A measured number is, to first order, a sum over rows: a mean, a variance, the count behind a cut, and a parameter of a
fit too, through what one more row in a bin does to it. Its change is then the sum of one difference for each row. Of
these the sum tells what happened, and the root of the sum of squares what independent differences of this size do on
average; both are added in quadrature, so that differences that cancel by luck are not mistaken for none.

Where n rows stand for N, statistical errors shrink with the root of N / n, a bias stays, and the differences average
out as the errors do: an effect is sqrt(N / n * sum^2 + sum of squares) in units of the error on the n rows. The noise
of the sum on a sample counts as bias, which errs to the safe side.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.effect import Effect
from baler_vae.evaluation.fits import Method, PeakModel
from baler_vae.evaluation.peaks import Peak, PeakFit, fit_peak
from baler_vae.evaluation.residuals import Array, Floats, wrap
from baler_vae.evaluation.shapes import shape_of

PARAMETERS = ("position", "width", "yield")
"""Of a peak, in the order of `PeakEffects`."""

_CORE = 5.0
"""The half-widths of the central 68 % around the median beyond which values are tails, or no measurements at all."""
_SPIKE = 0.01
"""The share of values beyond which one value is not part of a continuous distribution: zeros, sentinels."""
_FEWEST = 16
"""Distinct or typical values below which a column has no bulk to be judged by. Chosen by hand; not measured."""
MANY_BINS = 2_000
"""Bins in which an unbinned fit is followed. Chosen by hand; not measured."""


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
    statistical error a second fit would say more about the minimiser than about the values. An unbinned fit is followed
    in many bins, with interpolation between their centres.
    """

    def __init__(self, peak: Peak, before: Array, *, grows: float = 1.0) -> None:
        self.peak, self._grows = peak, grows
        self.fit: PeakFit = fit_peak(before, peak)
        self._before = before.astype(np.float64)
        if self.fit.valid:
            self._edges, self._weights = peak_weights(self.fit, peak.fit)
            self._places = self._places_of(self._before)

    def of(self, after: Array) -> list[Effect]:
        """The effects of `after` (rows,) in place of the values before; none where the fit before failed."""
        if not self.fit.valid:
            return []
        places = self._places_of(after.astype(np.float64))
        changed = np.flatnonzero(places != self._places)
        moved = self._at(places[changed]) - self._at(self._places[changed])
        errors = (self.fit.mean_error, self.fit.width_error, self.fit.yield_error)
        return [
            Effect(self.peak.column, f"peak {what} {self._window}", combined(own, error, self._grows))
            for what, own, error in zip(PARAMETERS, moved, errors, strict=True)
            if error
        ]

    @property
    def _window(self) -> str:
        return f"({self.peak.window[0]:g} to {self.peak.window[1]:g})"

    def _places_of(self, values: Floats) -> Floats:
        """Where each value lies in bins counted from 1, -1 where it lies in none, float64 (rows,): at which bin, or for
        an unbinned fit, how far between the centres of two.
        """
        edges = self._edges
        inside = (values >= edges[0]) & (values <= edges[-1])
        places = np.full(len(values), -1.0)
        if self.peak.fit == "unbinned":
            places[inside] = np.interp(values[inside], edges, np.arange(len(edges)) + 0.5)
        else:
            places[inside] = np.minimum(np.searchsorted(edges, values[inside], "right"), len(edges) - 1)
        return places

    def _at(self, places: Floats) -> Floats:
        """What a row at each place does to the parameters, float64 (3, rows)."""
        numbers = np.arange(1, len(self._edges))
        return np.stack([np.where(places < 0, 0.0, np.interp(places, numbers, own)) for own in self._weights])


def peak_weights(fit: PeakFit, method: Method) -> tuple[Floats, Floats]:
    """The edges of some bins, float64 (bins + 1,), and by how much position, width and yield of a valid fit change for
    one more row in each bin, float64 (3, bins): the bins of the fit, or many for an unbinned one.

    For the gradient G of the expected rows by the parameters these are rows of (G V G^T)^-1 G V, where V is 1 for least
    squares with equal weights, and 1 over the expected rows for a likelihood. Parameters that are held do not change.
    """
    n_bins = len(fit.counts)
    edges = fit.edges if method != "unbinned" else np.linspace(fit.edges[0], fit.edges[-1], MANY_BINS + 1)
    values = [value for value, _ in fit.parameters.values()]
    line = np.array(values[-2:]) * n_bins / (len(edges) - 1)
    parameters = (*values[:-2], *line.tolist())
    model = PeakModel(shape_of(fit.shape, fit.natural_width), "least-squares", edges)
    free = [name for name, (_, error) in fit.parameters.items() if error is not None]
    gradient = model.gradient(*parameters)[[name in free for name in fit.parameters]]
    least = 1e-3 * max(1.0, float(np.mean(model.expected(*parameters))))
    variance = 1.0 if method == "least-squares" else np.maximum(model.expected(*parameters), least)
    weighted = gradient / variance
    found = np.linalg.solve(weighted @ gradient.T, weighted)
    none = np.zeros(len(edges) - 1)
    return edges, np.stack([found[free.index(name)] if name in free else none for name in ("mean", "width", "yield")])


def cut_effect(name: str, n_before: int, n_out: int, n_in: int, *, grows: float = 1.0) -> Effect:
    """What it does to the number of those that pass a cut that some of them no longer do, and others do now."""
    moved = np.concatenate([np.full(n_in, 1.0), np.full(n_out, -1.0)])
    return Effect(name, "cut", combined(moved, math.sqrt(max(1, n_before)), grows))
