"""The position, width and yield of a mass peak, before and after."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2 as chi2_law

from baler_vae.errors import UsageError, nearest
from baler_vae.evaluation.fits import METHODS, Method, Minimum, PeakModel, PeakRows, minima_of, minimum_of
from baler_vae.evaluation.residuals import Array, Floats
from baler_vae.evaluation.shapes import SHAPES, ShapeName, shape_of
from baler_vae.evaluation.spectra import Spectrum, SpectrumCounter, SpectrumShift, smallest_keys
from baler_vae.evaluation.toys import PairedErrors, paired_errors
from baler_vae.settings.evaluation import PeakSettings

MOST_PAIRS = 1 << 20
"""An unbinned fit sees no more pairs than these; of more, a random sample."""

SEED = 20_230_702


@dataclass(frozen=True)
class Peak:
    """Where a peak is looked for: a column, the two ends of a window in the column's unit, and a number of bins.

    How it is fitted: `shape` and `fit` are those of `shapes` and `fits`, `natural_width` is the full width at half
    maximum of a Breit-Wigner, and `toys` the number of toys from which paired errors come; none without.
    """

    column: str
    window: tuple[float, float]
    n_bins: int
    shape: ShapeName = "gauss"
    fit: Method = "least-squares"
    natural_width: float = 2.4955
    toys: int = 0

    def __post_init__(self) -> None:
        low, high = self.window
        if not (np.isfinite([low, high]).all() and low < high):
            raise UsageError(
                "a peak's window must be two finite numbers, the lower first", column=self.column, found=self.window
            )
        if self.n_bins < 10:
            raise UsageError("a peak needs at least 10 bins", column=self.column, found=self.n_bins)
        if self.shape not in SHAPES:
            raise UsageError(
                f"is not a peak shape: {nearest(self.shape, SHAPES)}", column=self.column, found=self.shape
            )
        if self.fit not in METHODS:
            raise UsageError(f"is not a fit method: {nearest(self.fit, METHODS)}", column=self.column, found=self.fit)
        if not 0 < self.natural_width < np.inf:
            raise UsageError("a natural width must be positive", column=self.column, found=self.natural_width)
        if self.toys < 0:
            raise UsageError("the number of toys must not be negative", column=self.column, found=self.toys)


def declared_peak(settings: PeakSettings) -> Peak:
    """A peak as a project declares it."""
    return Peak(n_bins=settings.bins, **settings.model_dump(exclude={"bins"}))


@dataclass(frozen=True, eq=False)
class PeakFit:
    """A peak on a straight line, fitted to the rows of a window.

    `edges` float64 (n_bins + 1,) and `counts` int64 (n_bins,) are what was fitted, or the histogram of it. Mean and
    width have the column's unit: centre and standard deviation of a Gaussian, of the core of a Crystal Ball, of what
    smears a Breit-Wigner. The yield is a number of rows: of the whole Gaussian, or of another shape in the window.
    `level` is the line's height in rows per bin at the middle of the window and `tilt` what it gains from there to the
    upper end. `parameters` has value and standard error by name, of all these and of the tails of the shape; the error
    is None where the parameter ended at a limit. `chi2` is Pearson's, `p_value` the chance of a larger one. A fit that
    failed has `valid` false, a `reason`, and None for every number but `n_dof`.
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
    p_value: float | None = None
    shape: ShapeName = "gauss"
    natural_width: float = 2.4955
    parameters: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)

    @property
    def valid(self) -> bool:
        return not self.reason

    def expected(self) -> Floats | None:
        """The rows that the fit expects in each bin, float64 (n_bins,); None where it failed."""
        if not self.parameters:
            return None
        model = PeakModel(shape_of(self.shape, self.natural_width), "least-squares", self.edges)
        return model.expected(*(value for value, _ in self.parameters.values()))


@dataclass(frozen=True)
class PeakShift:
    """One peak before and after.

    `paired` are the errors of the differences, where toys were asked for and both fits succeeded. `sampled` is the
    fraction of the pairs in the window that were fitted, 1 but for unbinned fits to very many; the yields are those
    of the sample.
    """

    peak: Peak
    before: PeakFit
    after: PeakFit
    paired: PairedErrors | None = None
    sampled: float = 1.0

    @property
    def mass_difference_percent(self) -> float | None:
        """100 abs(m_after - m_before) / abs(m_after), as it is quoted for Baler; None where a fit failed. No sign,
        unlike everything else: see `mean_change_percent`.
        """
        if self.before.mean is None or self.after.mean is None or self.after.mean == 0:
            return None
        return 100 * abs(self.after.mean - self.before.mean) / abs(self.after.mean)

    @property
    def mean_change_percent(self) -> float | None:
        """100 (m_after - m_before) / abs(m_before); None where a fit failed, or the peak was at 0."""
        if self.before.mean is None or self.after.mean is None or self.before.mean == 0:
            return None
        return 100 * (self.after.mean - self.before.mean) / abs(self.before.mean)

    @property
    def width_change_percent(self) -> float | None:
        """100 (w_after / w_before - 1); None where a fit failed."""
        return _change_percent(self.before.width, self.after.width)

    @property
    def yield_change_percent(self) -> float | None:
        """100 (n_after / n_before - 1); None where a fit failed."""
        return _change_percent(self.before.peak_yield, self.after.peak_yield)

    @property
    def mean_shift_in_errors(self) -> float | None:
        """(m_after - m_before) in standard errors of the mean before; None where a fit failed. Errors are those that
        all rows have, though some were sampled.
        """
        return self._in_errors(self.before.mean, self.after.mean, self.before.mean_error)

    @property
    def width_shift_in_errors(self) -> float | None:
        """(w_after - w_before) in standard errors of the width before; None where a fit failed."""
        return self._in_errors(self.before.width, self.after.width, self.before.width_error)

    @property
    def yield_shift_in_errors(self) -> float | None:
        """(n_after - n_before) in standard errors of the yield before; None where a fit failed."""
        return self._in_errors(self.before.peak_yield, self.after.peak_yield, self.before.yield_error)

    def _in_errors(self, before: float | None, after: float | None, error: float | None) -> float | None:
        if before is None or after is None or not error:
            return None
        return (after - before) / (error * math.sqrt(self.sampled))


class PeakCounter:
    """What is needed of pairs of values, before and after, to fit a peak on both sides; filled in one pass.

    For binned fits these are the exact numbers of pairs by bin before and bin after. For unbinned fits they are the
    pairs with a value in the window, or a random sample of `MOST_PAIRS` of them, the same for the same pairs.
    """

    def __init__(self, peak: Peak) -> None:
        self.peak = peak
        self._model = _model(peak)
        self._spectrum = SpectrumCounter(Spectrum(peak.column, peak.window, peak.n_bins, is_peak=True))
        self._pairs = np.empty((3, 0))  # before, after and a random key; at most twice as many as are kept
        self._n_pairs = 0
        self._rng = np.random.default_rng(SEED)

    def add(self, before: Array, after: Array) -> None:
        """Counts pairs of values, arrays (rows,) of any number type; NaN lies in no bin."""
        inside = self._spectrum.add(before, after)
        if self.peak.fit == "unbinned":
            pairs = [np.asarray(values, np.float64)[inside] for values in (before, after)]
            self._n_pairs += len(pairs[0])
            for start in range(0, len(pairs[0]), MOST_PAIRS):
                part = [values[start : start + MOST_PAIRS] for values in pairs]
                keyed = np.hstack([self._pairs, [*part, self._rng.random(len(part[0]))]])
                self._pairs = smallest_keys(keyed, MOST_PAIRS)

    def spectrum(self) -> SpectrumShift:
        """What became of its bins in all pairs so far."""
        return self._spectrum.shift()

    def shift(self) -> PeakShift:
        """The fits to what was added so far."""
        before, after = self._rows(self._times)
        minima = minima_of(self._model, before, after)
        paired = None
        if self.peak.toys and not minima[0].reason and not minima[1].reason:
            paired = paired_errors(self._model, *minima, self._resampled, self.peak.toys)
        fits = [_peak_fit(self._model, self.peak, *found) for found in ((before, minima[0]), (after, minima[1]))]
        sampled = self._pairs.shape[1] / self._n_pairs if self._n_pairs else 1.0
        return PeakShift(self.peak, fits[0], fits[1], paired, sampled)

    def _rows(self, times: NDArray[np.int64]) -> tuple[PeakRows, PeakRows]:
        """The rows before and after in which each cell or each pair has so many, int64 (cells,) or (pairs,)."""
        if self.peak.fit == "unbinned":
            before, after = np.repeat(self._pairs[:2], times, axis=1)
            return _rows(before, self._model), _rows(after, self._model)
        before, after = self._spectrum.bins.rows(times)
        return PeakRows(before), PeakRows(after)

    def _resampled(self, rng: np.random.Generator) -> tuple[PeakRows, PeakRows]:
        return self._rows(rng.poisson(self._times))

    @property
    def _times(self) -> NDArray[np.int64]:
        """How often each cell or each pair occurred, int64 (cells,) or (pairs,)."""
        return np.ones(self._pairs.shape[1], np.int64) if self.peak.fit == "unbinned" else self._spectrum.bins.counts


def fit_peak(values: ArrayLike, peak: Peak) -> PeakFit:
    """The fit of a peak on a line to the values, of any shape and number type, that lie in the peak's window.

    A fit that means nothing comes back without numbers and with the reason.
    """
    model = _model(peak)
    rows = _rows(np.asarray(values, np.float64).ravel(), model)
    return _peak_fit(model, peak, rows, minimum_of(model, rows))


def _model(peak: Peak) -> PeakModel:
    edges = np.histogram_bin_edges(np.empty(0), peak.n_bins, peak.window)
    return PeakModel(shape_of(peak.shape, peak.natural_width), peak.fit, edges)


def _rows(values: Floats, model: PeakModel) -> PeakRows:
    """What of the values, float64 (rows,), lies in the window."""
    low, high = map(float, model.edges[[0, -1]])
    values = values[(values >= low) & (values <= high)]
    counts, _ = np.histogram(values, len(model.edges) - 1, (low, high))
    return PeakRows(counts, values if model.method == "unbinned" else None)


def _peak_fit(model: PeakModel, peak: Peak, rows: PeakRows, minimum: Minimum) -> PeakFit:
    n_dof = peak.n_bins - len(model.names)
    blank: dict[str, Any] = {"edges": model.edges, "counts": rows.counts, "n_dof": n_dof}
    blank |= {"shape": peak.shape, "natural_width": peak.natural_width}
    if minimum.reason:
        return PeakFit(**blank, reason=minimum.reason)

    told = model.level_and_tilt(minimum)
    values, errors = map(float, told.parameters), map(float, np.sqrt(np.diag(told.covariance)))
    names = (*model.names[:-2], "level", "tilt")
    parameters = dict(zip(names, zip(values, (error or None for error in errors), strict=True), strict=True))
    expected = model.expected(*minimum.parameters)
    chi2 = float(np.sum((rows.counts - expected) ** 2 / np.maximum(expected, 1)))
    return PeakFit(
        **blank,
        mean=parameters["mean"][0],
        mean_error=parameters["mean"][1],
        width=parameters["width"][0],
        width_error=parameters["width"][1],
        peak_yield=parameters["yield"][0],
        yield_error=parameters["yield"][1],
        level=parameters["level"][0],
        tilt=parameters["tilt"][0],
        chi2=chi2,
        p_value=float(chi2_law.sf(chi2, n_dof)),
        parameters=parameters,
    )


def _change_percent(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else 100 * (after / before - 1)
