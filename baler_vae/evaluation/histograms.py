"""Histograms of a column before and after, and of the differences."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.residuals import Array, Floats, percentiles, residuals, same_turn

N_BINS = 100
"""Of the histogram of a column. Chosen by hand; not measured."""
TAILS = (0.1, 99.9)
"""The range of a histogram spans these percentiles, and a margin: one value far off must not hide all others."""

MARGIN = 0.05
"""The part of the range that is added at either end."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """`edges` float64 (n_bins + 1,) in the unit of the values, `counts` int64 (n_bins,), rows below and above."""

    edges: Floats
    counts: NDArray[np.int64]
    underflow: int
    overflow: int


@dataclass(frozen=True)
class ColumnHistograms:
    """The finite values of a column before and after on common edges; the residuals x' - x and the responses.

    An angle after is drawn within half a turn of the one before. The last two are None where there is nothing to count.
    """

    before: Histogram
    after: Histogram
    residual: Histogram | None
    response: Histogram | None


def column_histograms(original: Array, restored: Array, *, angle: bool = False) -> ColumnHistograms | None:
    """The histograms of a numeric column whose values, arrays (rows,), were `original` and are `restored`.

    None when the original has no finite value.
    """
    before, after = original.astype(np.float64), restored.astype(np.float64)
    after = same_turn(before, after) if angle else after
    before, after = before[np.isfinite(before)], after[np.isfinite(after)]
    if not len(before):
        return None
    integer = original.dtype.kind != "f"
    edges = robust_edges(before, integer=integer)
    pairs = residuals(original, restored, angle=angle)
    both_integers = integer and restored.dtype.kind != "f"
    return ColumnHistograms(
        before=fill(before, edges),
        after=fill(after, edges),
        residual=_histogram(pairs.residuals[np.isfinite(pairs.residuals)], integer=both_integers),
        response=_histogram(pairs.responses(), integer=False),
    )


def robust_edges(values: Floats, *, integer: bool = False, n_bins: int = N_BINS) -> Floats:
    """Edges of about `n_bins` equal bins that span all but the tails of at least one finite value, float64 (bins + 1,).

    Bins of integers have integer widths and end halfway between two integers.
    """
    low, high = percentiles(values, TAILS)
    if low == high:
        low, high = float(np.min(values)), float(np.max(values))
    low, high = map(float, np.clip([low, high], -1e300, 1e300))
    if integer:
        low, high = np.floor(low), np.ceil(high)
        step = max(1.0, np.ceil((high - low + 1) / n_bins))
        first, n_filled = low - 0.5, int(np.ceil((high - low + 1) / step))
        last = first + n_filled * step
    else:
        n_filled = n_bins
        first, last = low - MARGIN * (high - low), high + MARGIN * (high - low)
    magnitude = max(abs(first), abs(last))
    if last - first <= max(1e-9 * magnitude, 1e-300):
        # Floats cannot divide such a range into bins; from zero to twice the one value shows it as well, and an odd
        # number of bins keeps it off their edges.
        room = magnitude if magnitude > 1e-300 else 0.5
        first, last, n_filled = first - room, last + room, n_bins + 1
    return np.linspace(first, last, n_filled + 1)


def fill(values: Floats, edges: Floats) -> Histogram:
    """The histogram of finite values (rows,) on equal bins."""
    counts, edges = np.histogram(values, len(edges) - 1, (edges[0], edges[-1]))
    underflow = int(np.count_nonzero(values < edges[0]))
    return Histogram(edges, counts, underflow, len(values) - underflow - int(counts.sum()))


def _histogram(values: Floats, *, integer: bool) -> Histogram | None:
    return fill(values, robust_edges(values, integer=integer)) if len(values) else None
