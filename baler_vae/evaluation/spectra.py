"""The bins of a histogram or peak after against before, as the same rows filled them.

Three questions, and a number for each. Is it chance? The paired chi2 (see `paired_chi2`) compares the differences of
the bins with the rows that changed bins. Does it matter? The *rise* is by how much the chi2 of any model that describes
the bins before grows on average; how it is estimated, docs/judging.md derives. Where? The largest change of one bin in
its statistical error, the root of the rows before.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2 as chi2_law

from baler_vae.errors import UsageError
from baler_vae.evaluation.bins import BinCounter, steps_per_bin
from baler_vae.evaluation.residuals import Array, Floats
from baler_vae.settings.evaluation import HistogramSettings

FEWEST_ROWS = 10
"""A bin with fewer rows on both sides says nothing alone: the root of so few is no statistical error."""
FEWEST_STEPS = 10
"""With fewer steps of a grid in a bin, bins hold notably more or fewer of them than their neighbours: a comb."""
_SAME_STEPS = 0.8
"""Of the steps before: with more than that, the original itself lies on the grid. Chosen by hand; not measured."""
MOST_VALUES = 1 << 16
"""Pairs in the window from which the steps of a grid are found; of more, a random sample."""
SEED = 20_261_129


@dataclass(frozen=True)
class Spectrum:
    """A histogram: a column, the two ends of its range in the column's unit, and a number of equal bins; whether it is
    that of a peak.
    """

    column: str
    window: tuple[float, float]
    n_bins: int
    is_peak: bool = False

    def __post_init__(self) -> None:
        low, high = self.window
        if not (np.isfinite([low, high]).all() and low < high):
            raise UsageError(
                "a histogram's range must be two finite numbers, the lower first",
                column=self.column,
                found=self.window,
            )

    @property
    def edges(self) -> Floats:
        """The edges of the bins, float64 (n_bins + 1,)."""
        return np.histogram_bin_edges(np.empty(0), self.n_bins, self.window)


def declared_spectrum(settings: HistogramSettings) -> Spectrum:
    """A histogram as a project declares it."""
    return Spectrum(settings.column, settings.range, settings.bins)


@dataclass(frozen=True, eq=False)
class SpectrumShift:
    """One histogram before and after.

    `before` and `after` are the rows in each bin, `n_out` and `n_in` those that left and entered it, int64 (n_bins,).
    `chi2` is the paired one, with its degrees of freedom. `steps` is how many different values a bin holds after, and
    `steps_before` before, in the median over bins; infinite where hardly any value occurs twice, None where the rows
    are too few to tell.
    """

    spectrum: Spectrum
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    n_out: NDArray[np.int64]
    n_in: NDArray[np.int64]
    chi2: float
    n_dof: int
    steps: float | None = None
    steps_before: float | None = None

    @property
    def p_value(self) -> float:
        """The chance of a larger paired chi2 if rows change bins either way equally often; 1 where none does."""
        return float(chi2_law.sf(self.chi2, self.n_dof)) if self.n_dof else 1.0

    @property
    def percent_moved(self) -> float:
        """The rows that left a bin, in per cent of those that were in one; 0 where there were none."""
        return 100 * float(self.n_out.sum()) / float(self.before.sum()) if self.before.any() else 0.0

    @property
    def rise(self) -> float:
        """By how much the chi2 of a model that describes the bins before grows on average: the sum over bins of
        ((after - before)^2 - in - out) / ((before + after) / 2). Around 0, also below, where rows move by chance.
        """
        expected = (self.before + self.after) / 2
        used = expected > 0
        excess = (self.after - self.before).astype(np.float64) ** 2 - self.n_in - self.n_out
        return float(np.sum(excess[used] / expected[used]))

    @property
    def rise_in_deviations(self) -> float:
        """The rise in units of the standard deviation of a chi2 of as many bins, sqrt(2 n), where n have rows."""
        n_used = np.count_nonzero(self.before + self.after)
        return self.rise / math.sqrt(2 * n_used) if n_used else 0.0

    @property
    def has_comb(self) -> bool:
        """Whether a bin holds so few steps of a grid that a comb is to be expected which the original does not have."""
        if self.steps is None or self.steps_before is None:
            return False
        return self.steps < min(FEWEST_STEPS, _SAME_STEPS * self.steps_before)

    @property
    def shifts_in_errors(self) -> Floats:
        """The change of each bin in its statistical errors, (after - before) / sqrt(before), float64 (n_bins,)."""
        shifts: Floats = (self.after - self.before) / np.sqrt(np.maximum(self.before, 1))
        return shifts

    @property
    def pulls(self) -> Floats:
        """The change of each bin in units of what chance does to it, (in - out) / sqrt(in + out), float64 (n_bins,)."""
        pulls: Floats = (self.n_in - self.n_out) / np.sqrt(np.maximum(self.n_in + self.n_out, 1))
        return pulls

    @property
    def largest(self) -> int | None:
        """The bin that moved by most of its statistical errors, of those with rows enough; None where none has."""
        judged = np.maximum(self.before, self.after) >= FEWEST_ROWS
        return int(np.argmax(np.where(judged, np.abs(self.shifts_in_errors), -1))) if judged.any() else None

    @property
    def largest_in_errors(self) -> float:
        """By how many statistical errors that bin moved; 0 where there is none."""
        return 0.0 if self.largest is None else float(self.shifts_in_errors[self.largest])

    @property
    def largest_pull(self) -> float:
        """The largest of the pulls, with its sign."""
        return float(self.pulls[np.argmax(np.abs(self.pulls))])


class SpectrumCounter:
    """What is needed of pairs of values, before and after, to compare a histogram; filled in one pass, in a memory that
    grows with its bins alone.
    """

    def __init__(self, spectrum: Spectrum) -> None:
        self.spectrum = spectrum
        self.bins = BinCounter(spectrum.edges)
        self._pairs = np.empty((3, 0))  # before, after and a random key
        self._rng = np.random.default_rng(SEED)

    def add(self, before: Array, after: Array) -> NDArray[np.bool_]:
        """Counts pairs of values, arrays (rows,) of any number type; NaN lies in no bin. What comes back is which pairs
        have a value in a bin, bool (rows,).
        """
        inside = self.bins.add(before, after)
        pairs = [np.asarray(values, np.float64)[inside] for values in (before, after)]
        keys = self._rng.random(len(pairs[0]))
        for start in range(0, len(keys), MOST_VALUES):
            part = [own[start : start + MOST_VALUES] for own in (*pairs, keys)]
            self._pairs = smallest_keys(np.hstack([self._pairs, part]), MOST_VALUES)
        return inside

    def shift(self) -> SpectrumShift:
        """What was found in all pairs so far."""
        before, after = self.bins.rows(self.bins.counts)
        n_out, n_in = self.bins.moved()
        chi2, n_dof = self.bins.paired_chi2()
        steps = [steps_per_bin(values, self.bins.edges) for values in self._pairs[:2]]
        return SpectrumShift(self.spectrum, before, after, n_out, n_in, chi2, n_dof, steps[1], steps[0])


def smallest_keys(pairs: Floats, most: int) -> Floats:
    """Those `most` of the columns of (3, pairs) that have the smallest keys, in the same order."""
    if pairs.shape[1] <= most:
        return pairs
    return pairs[:, np.sort(np.argpartition(pairs[2], most)[:most])]
