"""The position, width and yield of a mass peak, before and after.

The fit is the field's definition of the jet-mass peak: a Gaussian on a straight line, least squares with the same
weight for every bin. Weights 1/n would let the many bins off the peak, where no straight line describes the spectrum,
pull the width (5.2 GeV becomes 6.0 GeV on jets of Z' -> t tbar). Equal weights are unbiased, but the minimum's
curvature then says nothing of the errors: they are propagated from the Poisson variance of every bin instead (the
"sandwich" of H. White, Econometrica 48 (1980) 817).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from iminuit import Minuit
from iminuit.cost import LeastSquares
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from baler_vae.errors import UsageError
from baler_vae.evaluation.residuals import Floats

PARAMETERS = ("yield", "mean", "width", "level", "tilt")
LEAST_SIGNIFICANCE = 3.0
"""In standard errors of the yield. The whole window is searched: 2 of 100 histograms of bare noise reach this."""

LARGEST_WIDTH = 0.25
"""As a fraction of the window: a broader Gaussian cannot be told from a curved background."""


@dataclass(frozen=True)
class Peak:
    """Where a peak is looked for: a column, the two ends of a window in the column's unit, and a number of bins."""

    column: str
    window: tuple[float, float]
    n_bins: int
    shape: str = "gauss"
    fit: str = "least-squares"
    natural_width: float = 2.4955
    toys: int = 0

    def __post_init__(self) -> None:
        low, high = self.window
        if not (np.isfinite([low, high]).all() and low < high):
            raise UsageError(
                "the window of a peak is two finite numbers, the lower first", column=self.column, found=self.window
            )
        if self.n_bins < 10:
            raise UsageError("a peak is fitted to at least 10 bins", column=self.column, found=self.n_bins)


@dataclass(frozen=True, eq=False)
class PeakFit:
    """A Gaussian on a straight line, fitted to a histogram.

    `edges` float64 (n_bins + 1,) and `counts` int64 (n_bins,) are what was fitted. Mean and width have the column's
    unit, the yield is a number of rows, `level` is the line's height in rows per bin at the middle of the window and
    `tilt` what it gains from there to the upper end. `chi2` is Pearson's. A fit that failed has `valid` false, a
    `reason`, and None for every number but `n_dof`.
    """

    edges: Floats
    counts: NDArray[np.int64]
    n_dof: int
    reason: str = ""
    mean: float | None = None
    mean_error: float | None = None
    width: float | None = None
    width_error: float | None = None
    peak_yield: float | None = None
    yield_error: float | None = None
    level: float | None = None
    tilt: float | None = None
    chi2: float | None = None
    shape: str = "gauss"
    parameters: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    p_value: float | None = None

    @property
    def valid(self) -> bool:
        return not self.reason

    def expected(self) -> Floats | None:
        """The rows that the fit expects in each bin, float64 (n_bins,); None where it failed."""
        found = (self.peak_yield, self.mean, self.width, self.level, self.tilt)
        parameters = [value for value in found if value is not None]
        return _expected(_bins(self.edges), *parameters) if len(parameters) == len(PARAMETERS) else None


@dataclass(frozen=True)
class PairedErrors:
    """Standard errors of differences after - before, from `n_toys` toys of which `n_failed` had no fit."""

    mean: float | None
    width: float | None
    peak_yield: float | None
    n_toys: int
    n_failed: int


@dataclass(frozen=True)
class PeakShift:
    """One peak before and after."""

    peak: Peak
    before: PeakFit
    after: PeakFit
    paired: PairedErrors | None = None

    @property
    def mass_difference_percent(self) -> float | None:
        """100 abs(m_before - m_after) / abs(m_after); None where a fit failed."""
        if self.before.mean is None or self.after.mean is None or self.after.mean == 0:
            return None
        return 100 * abs(self.before.mean - self.after.mean) / abs(self.after.mean)

    @property
    def width_change_percent(self) -> float | None:
        """100 (w_after / w_before - 1); None where a fit failed."""
        if self.before.width is None or self.after.width is None:
            return None
        return 100 * (self.after.width / self.before.width - 1)

    @property
    def mean_shift_in_errors(self) -> float | None:
        """(m_after - m_before) in standard errors of the mean before; None where a fit failed."""
        return _in_errors(self.before.mean, self.after.mean, self.before.mean_error)

    @property
    def width_shift_in_errors(self) -> float | None:
        """(w_after - w_before) in standard errors of the width before; None where a fit failed."""
        return _in_errors(self.before.width, self.after.width, self.before.width_error)

    @property
    def yield_change_percent(self) -> float | None:
        """100 (n_after / n_before - 1); None where a fit failed."""
        if self.before.peak_yield is None or self.after.peak_yield is None:
            return None
        return 100 * (self.after.peak_yield / self.before.peak_yield - 1)

    @property
    def yield_shift_in_errors(self) -> float | None:
        """(n_after - n_before) in standard errors of the yield before; None where a fit failed."""
        return _in_errors(self.before.peak_yield, self.after.peak_yield, self.before.yield_error)


def fit_peak(values: ArrayLike, peak: Peak) -> PeakFit:
    """The fit of a Gaussian on a line to the values, of any shape and number type, that lie in the peak's window.

    A fit that means nothing comes back without numbers and with the reason.
    """
    values = np.asarray(values, np.float64)
    counts, edges = np.histogram(values[np.isfinite(values)], peak.n_bins, peak.window)
    blank: dict[str, Any] = {"edges": edges, "counts": counts, "n_dof": peak.n_bins - len(PARAMETERS)}

    n_filled = np.count_nonzero(counts)
    if n_filled <= len(PARAMETERS):
        rows = "no row lies" if not n_filled else f"only {n_filled} of {peak.n_bins} bins have rows"
        return PeakFit(**blank, reason=f"{rows} in the window")
    starts = _starts(counts, edges)
    if not starts:
        return PeakFit(**blank, reason="no bins stand above a straight line")
    fit = min((_minimise(counts, edges, start) for start in starts), key=lambda fit: (not fit.valid, fit.fval))
    errors = _errors(counts, edges, fit)
    reason = _failure(fit, errors, edges)
    if reason:
        return PeakFit(**blank, reason=reason)

    n_signal, mean, width, level, tilt = map(float, fit.values)
    expected = _expected(_bins(edges), *fit.values)
    return PeakFit(
        **blank,
        mean=mean,
        mean_error=errors["mean"],
        width=width,
        width_error=errors["width"],
        peak_yield=n_signal,
        yield_error=errors["yield"],
        level=level,
        tilt=tilt,
        chi2=float(np.sum((counts - expected) ** 2 / np.maximum(expected, 1))),
    )


def _in_errors(before: float | None, after: float | None, error: float | None) -> float | None:
    return None if before is None or after is None or not error else (after - before) / error


def _bins(edges: Floats) -> Floats:
    """Lower and upper edge of every bin, float64 (2, n_bins)."""
    return np.stack([edges[:-1], edges[1:]])


def _line(n_bins: int) -> Floats:
    """The centres of the bins where -1 and 1 are the ends of the window, float64 (n_bins,)."""
    return (np.arange(n_bins) + 0.5) / n_bins * 2 - 1


def _expected(bins: Floats, *parameters: float) -> Floats:
    """The expected rows at five `PARAMETERS`, float64 (n_bins,)."""
    n_signal, mean, width, level, tilt = parameters
    low, high = ndtr((bins - mean) / width)
    expected: Floats = n_signal * (high - low) + level + tilt * _line(bins.shape[1])
    return expected


def _gradient(bins: Floats, *parameters: float) -> Floats:
    """The derivative of the expected rows by each parameter, float64 (5, n_bins)."""
    n_signal, mean, width = parameters[:3]
    pulls = (bins - mean) / width
    density = np.exp(-(pulls**2) / 2) / np.sqrt(2 * np.pi) / width
    return np.stack(
        [
            np.diff(ndtr(pulls), axis=0)[0],
            -n_signal * np.diff(density, axis=0)[0],
            -n_signal * np.diff(pulls * density, axis=0)[0],
            np.ones(bins.shape[1]),
            _line(bins.shape[1]),
        ]
    )


def _widths(edges: Floats) -> tuple[float, float]:
    """The smallest and the largest width that the histogram can resolve."""
    return float(edges[1] - edges[0]) / 2, float(edges[-1] - edges[0]) * LARGEST_WIDTH


def _starts(counts: NDArray[np.int64], edges: Floats) -> list[tuple[float, ...]]:
    """The three best starting points, best first.

    For every position and some widths, yield and line follow by linear least squares. The line is projected out of
    data and templates first, so that the sum of squares falls by `gain`.
    """
    bins = _bins(edges)
    centres = bins.mean(axis=0)
    line = np.stack([np.ones(len(counts)), _line(len(counts))])
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
    level, tilt = line @ counts / np.sum(line**2, axis=1)
    return [(*start[1:], float(level), float(tilt)) for start in sorted(starts, reverse=True)[:3]]


def _minimise(counts: NDArray[np.int64], edges: Floats, start: tuple[float, ...]) -> Minuit:
    typical_error = np.sqrt(counts.mean())  # the same for all bins: it only sets the scale of the tolerance
    cost = LeastSquares(_bins(edges), counts, typical_error, _expected, grad=_gradient, name=PARAMETERS)
    fit = Minuit(cost, *start, name=PARAMETERS)
    fit.limits["mean"] = (edges[0], edges[-1])
    fit.limits["width"] = _widths(edges)
    return fit.migrad()


def _errors(counts: NDArray[np.int64], edges: Floats, fit: Minuit) -> dict[str, float]:
    """Standard errors by parameter, from Poisson variances; NaN where the parameters are degenerate."""
    gradient = _gradient(_bins(edges), *fit.values)
    try:
        weights = np.linalg.solve(gradient @ gradient.T, gradient)
    except np.linalg.LinAlgError:
        return dict.fromkeys(PARAMETERS, float("nan"))
    return dict(zip(PARAMETERS, map(float, np.sqrt(weights**2 @ counts)), strict=True))


def _failure(fit: Minuit, errors: dict[str, float], edges: Floats) -> str:
    """Why a fit means nothing; empty where it does."""
    n_signal, mean, width = fit.values[:3]
    low, high = edges[[0, -1]]
    smallest, largest = _widths(edges)
    checks = [
        (width > 0.999 * largest, f"the width ran to its upper limit of {largest:.4g}: no peak stands out"),
        (width < 1.001 * smallest, f"the width ran to its lower limit of {smallest:.4g}, half a bin"),
        (not low + width <= mean <= high - width, f"the mean ran to {mean:.4g}, within a width of the window's end"),
        (not fit.valid, "the minimisation did not converge"),
        (n_signal <= 0, "the yield is not positive"),
        (not all(0 < error < np.inf for error in errors.values()), "the parameters cannot be told apart"),
        (
            n_signal < LEAST_SIGNIFICANCE * errors["yield"],
            f"the yield is less than {LEAST_SIGNIFICANCE:g} standard errors",
        ),
    ]
    return next((reason for failed, reason in checks if failed), "")
