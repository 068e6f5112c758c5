"""The fit of a peak on a straight line to the rows of a window.

Three ways. *Least squares* with the same weight for every bin is the field's definition of the jet-mass peak. Weights
1/n would let the many bins off the peak, where no straight line describes the spectrum, pull the width (5.2 GeV becomes
6.0 GeV on jets of Z' -> t tbar). Equal weights are unbiased, but the minimum's curvature then says nothing of the
errors: they are propagated from the Poisson variance of every bin instead (the "sandwich" of H. White, Econometrica 48
(1980) 817). The *likelihood* of the Poisson numbers in the bins, and the *unbinned* extended likelihood of the values,
use all the information in the rows if the shape is right; their errors follow from the Fisher information.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from iminuit import Minuit
from iminuit.cost import ExtendedBinnedNLL, ExtendedUnbinnedNLL, LeastSquares
from numpy.typing import NDArray
from scipy.special import ndtr

from baler_vae.evaluation.residuals import Floats
from baler_vae.evaluation.shapes import Shape

Method = Literal["least-squares", "likelihood", "unbinned"]
METHODS: tuple[Method, ...] = ("least-squares", "likelihood", "unbinned")
LEAST_SIGNIFICANCE = 3.0
"""In standard errors of the yield. The whole window is searched: 2 of 100 histograms of bare noise reach this."""

LARGEST_WIDTH = 0.25
"""As a fraction of the window: a broader peak cannot be told from a curved background."""

TINY = float(np.finfo(np.float64).tiny)
TIGHT = 1e-3
"""Tolerance of Migrad where small differences count: the minimum is found to a thousandth of a standard error."""


@dataclass(frozen=True, eq=False)
class PeakRows:
    """What is fitted: `counts` int64 (n_bins,), and for unbinned fits the `values` in the window, float64 (rows,)."""

    counts: NDArray[np.int64]
    values: Floats | None = None


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where a fit ended, float64 (n_parameters,) in the order of `PeakModel.names`, and why it means nothing.

    A parameter that is held at its limit has the error zero.
    """

    parameters: Floats
    covariance: Floats
    reason: str = ""


@dataclass(frozen=True, eq=False)
class PeakModel:
    """A shape on a straight line in a window of equal bins, and how it is fitted.

    For least squares the line has a height at the middle of the window and what it gains from there to the upper end,
    in rows per bin; for likelihoods, which need a positive one, a height at either end.
    """

    shape: Shape
    method: Method
    edges: Floats

    @property
    def names(self) -> tuple[str, ...]:
        line = ("level", "tilt") if self.method == "least-squares" else ("low_end", "high_end")
        return ("yield", "mean", "width", *(tail.name for tail in self.shape.tails), *line)

    def line(self, position: Floats) -> Floats:
        """The two parts of the line where -1 and 1 are the ends of the window, float64 (2, positions)."""
        if self.method == "least-squares":
            return np.stack([np.ones(len(position)), position])
        return np.stack([1 - position, 1 + position]) / 2

    def expected(self, *parameters: float) -> Floats:
        """The expected rows in each bin, float64 (n_bins,)."""
        low, high = self._line_in_bins
        shares = self.shape.shares(self.edges, *parameters[1:-2])
        expected: Floats = parameters[0] * shares + parameters[-2] * low + parameters[-1] * high
        return expected

    def gradient(self, *parameters: float) -> Floats:
        """The derivative of the expected rows by each parameter, float64 (n_parameters, n_bins)."""
        shares = self.shape.shares(self.edges, *parameters[1:-2])
        moved = parameters[0] * self.shape.shares_gradient(self.edges, *parameters[1:-2])
        return np.vstack([shares, moved, self._line_in_bins])

    def log_density(self, values: Floats, *parameters: float) -> tuple[float, Floats]:
        """The expected rows in the window; the logarithm of those by unit of the column at values in it, (rows,)."""
        return float(self.expected(*parameters).sum()), np.log(np.maximum(self._density(values, *parameters), TINY))

    def log_density_gradient(self, values: Floats, *parameters: float) -> tuple[Floats, Floats]:
        """The derivatives of both by each parameter, float64 (n_parameters,) and (n_parameters, rows)."""
        peak = self.shape.density(values, self.edges, *parameters[1:-2])
        moved = parameters[0] * self.shape.density_gradient(values, self.edges, *parameters[1:-2])
        density = np.maximum(self._density(values, *parameters), TINY)
        scores = np.vstack([peak, moved, self._line_density(values)]) / density
        return self.gradient(*parameters).sum(axis=1), scores

    def _density(self, values: Floats, *parameters: float) -> Floats:
        low, high = self._line_density(values)
        peak = self.shape.density(values, self.edges, *parameters[1:-2])
        density: Floats = parameters[0] * peak + parameters[-2] * low + parameters[-1] * high
        return density

    @cached_property
    def _line_in_bins(self) -> Floats:
        return self.line(centred(len(self.edges) - 1))

    def _line_density(self, values: Floats) -> Floats:
        low, high = self.edges[[0, -1]]
        density: Floats = self.line((values - low) / (high - low) * 2 - 1) / (self.edges[1] - self.edges[0])
        return density

    def level_and_tilt(self, minimum: Minimum) -> Minimum:
        """The same minimum with the two parameters of the line that least squares have."""
        if self.method == "least-squares":
            return minimum
        turn = np.eye(len(self.names))
        turn[-2:, -2:] = [[0.5, 0.5], [-0.5, 0.5]]
        return Minimum(turn @ minimum.parameters, turn @ minimum.covariance @ turn.T, minimum.reason)


def centred(n_bins: int) -> Floats:
    """The centres of the bins where -1 and 1 are the ends of the window, float64 (n_bins,)."""
    return (np.arange(n_bins) + 0.5) / n_bins * 2 - 1


def minima_of(model: PeakModel, before: PeakRows, after: PeakRows) -> tuple[Minimum, Minimum]:
    """The best fits to two sides. Tails can make several minima: then each side looks near that of the other, too."""
    found_before, found_after = minimum_of(model, before), minimum_of(model, after)
    if model.shape.tails and not found_before.reason:
        found_after = minimum_of(model, after, found_before)
    if model.shape.tails and not found_after.reason:
        found_before = minimum_of(model, before, found_after)
    return found_before, found_after


def minimum_of(model: PeakModel, rows: PeakRows, near: Minimum | None = None) -> Minimum:
    """The best fit from the best starting points, and from another minimum; without parameters where there is none."""
    nowhere = np.empty(0), np.empty((0, 0))
    n_filled = np.count_nonzero(rows.counts)
    if n_filled <= len(model.names):
        filled = f"only {n_filled} of {len(rows.counts)} bins have rows" if n_filled else "no row lies"
        return Minimum(*nowhere, f"{filled} in the window")
    starts = _starts(rows.counts, model)
    if not starts:
        return Minimum(*nowhere, "no bins stand above a straight line")
    binned = PeakModel(model.shape, "likelihood", model.edges) if model.method == "unbinned" else model
    if near:
        starts.append(tuple(near.parameters))
    fits = (_minimiser(binned, rows, start).migrad() for start in starts)
    fit = min(fits, key=lambda fit: (not fit.valid, fit.fval))
    if model.method == "unbinned":
        fit = _minimiser(model, rows, tuple(fit.values)).migrad()
    parameters = np.array(fit.values)
    covariance = _covariance(model, rows, parameters)
    return Minimum(parameters, covariance, _failure(fit, covariance, model))


def refit(model: PeakModel, rows: PeakRows, start: Minimum) -> Floats | None:
    """The parameters (n_parameters,) that fit rows much like those of a fit that succeeded; None where none do.

    What is held at a limit there is held here. The others are turned and scaled so that their errors are one and
    not correlated, which makes Migrad several times faster; then it knows no limits.
    """
    cost = _cost(model, rows)
    free = np.diag(start.covariance) > 0
    turn = np.zeros((len(free), int(free.sum())))
    turn[free] = np.linalg.cholesky(start.covariance[np.ix_(free, free)])

    def parameters(turned: Floats) -> Floats:
        moved: Floats = start.parameters + turn @ turned
        return moved

    fit = Minuit(
        lambda turned: cost(*parameters(turned)),
        np.zeros(turn.shape[1]),
        grad=lambda turned: turn.T @ cost.grad(*parameters(turned)),
    )
    fit.errordef, fit.errors, fit.tol, fit.strategy = cost.errordef, 1, TIGHT, 0
    found = parameters(np.array(fit.migrad().values))
    limits = np.array(_minimiser(model, rows, tuple(start.parameters)).limits)
    if not fit.valid or np.any(((found < limits[:, 0]) | (found > limits[:, 1]))[free]):
        limited = _minimiser(model, rows, tuple(start.parameters))
        for name in np.array(model.names)[~free]:
            limited.fixed[name] = True
        fit = limited.migrad()
        found = np.array(fit.values)
    return found if fit.valid and not _ran_away(found, model) else None


def _minimiser(model: PeakModel, rows: PeakRows, start: tuple[float, ...]) -> Minuit:
    fit = Minuit(_cost(model, rows), *start, name=model.names)
    fit.limits["mean"] = (model.edges[0], model.edges[-1])
    fit.limits["width"] = _widths(model.edges)
    for tail in model.shape.tails:
        fit.limits[tail.name] = (tail.lowest, tail.highest)
    if model.method != "least-squares":
        fit.limits["yield"] = (0, None)
        fit.limits["low_end", "high_end"] = (_least_line(rows), None)
    if model.shape.tails or model.method != "least-squares":
        fit.tol, fit.strategy = TIGHT, 0  # errors do not come from Migrad
    return fit


def _cost(model: PeakModel, rows: PeakRows) -> Any:  # noqa: ANN401 - iminuit has no types
    names = model.names
    if model.method == "unbinned":
        return ExtendedUnbinnedNLL(
            rows.values, model.log_density, log=True, grad=model.log_density_gradient, name=names
        )
    if model.method == "likelihood":

        def summed(_: Floats, *parameters: float) -> Floats:
            return np.append(0, np.cumsum(model.expected(*parameters)))

        def summed_gradient(_: Floats, *parameters: float) -> Floats:
            return np.pad(np.cumsum(model.gradient(*parameters), axis=1), ((0, 0), (1, 0)))

        return ExtendedBinnedNLL(rows.counts, model.edges, summed, grad=summed_gradient, name=names)

    typical_error = np.sqrt(rows.counts.mean())  # the same for all bins: it only sets the scale of the tolerance
    return LeastSquares(
        model.edges[:-1],
        rows.counts,
        typical_error,
        lambda _, *parameters: model.expected(*parameters),
        grad=lambda _, *parameters: model.gradient(*parameters),
        name=names,
    )


def _widths(edges: Floats) -> tuple[float, float]:
    """The smallest and the largest width that the histogram can resolve."""
    return float(edges[1] - edges[0]) / 2, float(edges[-1] - edges[0]) * LARGEST_WIDTH


def _least_line(rows: PeakRows) -> float:
    """The lowest line of a likelihood in rows per bin: without any, one row far from the peak were impossible."""
    return 1e-6 * float(rows.counts.mean())


def _starts(counts: NDArray[np.int64], model: PeakModel) -> list[tuple[float, ...]]:
    """The three best starting points, best first.

    For every position and some widths, yield and line of a Gaussian follow by linear least squares. The line is
    projected out of data and templates first, so that the sum of squares falls by `gain`.
    """
    edges, position = model.edges, centred(len(counts))
    bins = np.stack([edges[:-1], edges[1:]])
    centres = bins.mean(axis=0)
    line = np.stack([np.ones(len(counts)), position])
    basis = line / np.linalg.norm(line, axis=1, keepdims=True)  # the two are orthogonal: the bins are symmetric
    smallest, largest = _widths(edges)
    starts = []
    for width in np.geomspace(2 * smallest, largest / 1.2, 10):
        low, high = ndtr((bins[:, None, :] - centres[:, None]) / width)
        templates = high - low
        templates -= templates @ basis.T @ basis
        norms = np.sum(templates**2, axis=1)
        yields = templates @ counts / np.where(norms > 0, norms, np.inf)
        gains = np.where(yields > 0, yields**2 * norms, 0)
        best = int(np.argmax(gains))
        if gains[best] > 0:
            starts.append((float(gains[best]), float(yields[best]), float(centres[best]), float(width)))
    level, tilt = map(float, line @ counts / np.sum(line**2, axis=1))
    ends = (
        (level, tilt) if model.method == "least-squares" else tuple(max(level + tilt * x, level / 20) for x in (-1, 1))
    )
    tails = tuple(tail.start for tail in model.shape.tails)
    best_starts = sorted(starts, reverse=True)[:3]
    return [
        (rows, mean, min(max(model.shape.width_like(width), 1.2 * smallest), largest / 1.2), *tails, *ends)
        for _, rows, mean, width in best_starts
    ]


def _covariance(model: PeakModel, rows: PeakRows, parameters: Floats) -> Floats:
    """The covariance of the parameters, (n_parameters, n_parameters), zero for those at a limit; NaN where the others
    are degenerate.
    """
    free = ~_held(model, rows, parameters)
    gradient = model.gradient(*parameters)[free]
    found = np.zeros((len(free), len(free)))
    try:
        if model.method == "least-squares":
            weights = np.linalg.solve(gradient @ gradient.T, gradient)
            covariance = weights * rows.counts @ weights.T
            np.fill_diagonal(covariance, weights**2 @ rows.counts)  # the same, and never below zero by rounding
        elif rows.values is None or model.method == "likelihood":
            covariance = np.linalg.inv(gradient / model.expected(*parameters) @ gradient.T)
        else:
            scores = model.log_density_gradient(rows.values, *parameters)[1][free]
            covariance = np.linalg.inv(scores @ scores.T)
    except np.linalg.LinAlgError:
        covariance = np.full((int(free.sum()),) * 2, np.nan)
    found[np.ix_(free, free)] = covariance
    return found


def _held(model: PeakModel, rows: PeakRows, parameters: Floats) -> NDArray[np.bool_]:
    """Which parameters the data pushed to a limit where they have no effect: a tail, or an end of the line."""
    held = np.zeros(len(parameters), bool)
    for index, tail in enumerate(model.shape.tails, 3):
        margin = 0.01 * (tail.highest - tail.lowest)
        held[index] = not tail.lowest + margin < parameters[index] < tail.highest - margin
    if model.method != "least-squares":
        held[-2:] = parameters[-2:] < 1e3 * _least_line(rows)
    return held


def _ran_away(parameters: Floats, model: PeakModel) -> str:
    """At which limit of width or mean a fit ended; empty where at none."""
    mean, width = parameters[1:3]
    low, high = model.edges[[0, -1]]
    smallest, largest = _widths(model.edges)
    checks = [
        (width > 0.999 * largest, f"the width ran to its upper limit of {largest:.4g}: no peak stands out"),
        (width < 1.001 * smallest, f"the width ran to its lower limit of {smallest:.4g}, half a bin"),
        (not low + width <= mean <= high - width, f"the mean ran to {mean:.4g}, within a width of the window's end"),
    ]
    return next((reason for failed, reason in checks if failed), "")


def _failure(fit: Minuit, covariance: Floats, model: PeakModel) -> str:
    """Why a fit means nothing; empty where it does."""
    n_signal = fit.values["yield"]
    variances = np.diag(covariance)
    checks = [
        (not fit.valid, "the minimisation did not converge"),
        (n_signal <= 0, "the yield is not positive"),
        (not (np.isfinite(variances).all() and (variances[:3] > 0).all()), "the parameters are degenerate"),
        (
            n_signal < LEAST_SIGNIFICANCE * np.sqrt(max(variances[0], 0)),
            f"the yield is less than {LEAST_SIGNIFICANCE:g} standard errors",
        ),
    ]
    return _ran_away(np.array(fit.values), model) or next((reason for failed, reason in checks if failed), "")
