"""How the spread of what moved depends on a value."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from baler_vae.evaluation.distances import Distances, distances
from baler_vae.evaluation.histograms import ColumnHistograms
from baler_vae.evaluation.residuals import Counts, Floats, Residuals, half_widths, mean_and_rms, percentiles

PERCENTS = (0.0, 1.0, *np.arange(5.0, 100.0, 5.0).tolist(), 99.0, 100.0)
"""The bins of a profile end at these percentiles: as many rows in each, and the tails on their own."""

LEAST_ON_ONE_SIDE = 0.99
"""As a fraction of the values. Where more of them are zero, or on the other side of it, they are divided by little."""

Of = Literal["response", "residual"]


@dataclass(frozen=True, eq=False)
class Profile:
    """The residuals x' - x, or the responses (x' - x) / x, of a column in bins of the values before of a column.

    `against` names that column; its bins end at `edges` float64 (n + 1,), the lower end included, and the last one
    has both. `n` int64 (n,) counts the pairs in a bin; `mean`, `rms` (root mean square) and `half_width_68` (half the
    width of the central 68.27 %), float64 (n,), are NaN in a bin without any.
    """

    against: str
    edges: Floats
    n: Counts
    mean: Floats
    rms: Floats
    half_width_68: Floats
    of: Of


@dataclass(frozen=True)
class ColumnStatistics:
    """The statistics of a numeric column from the paired sample; None where there are none.

    Profiles need two different values to be drawn against, and a value in the sample that moved.
    """

    distances: Distances | None
    by_value: Profile | None
    by_column: Profile | None


def column_statistics(
    name: str,
    pairs: Residuals,
    histograms: ColumnHistograms | None,
    *,
    angle: bool = False,
    against: tuple[str, Floats] | None = None,
) -> ColumnStatistics:
    """The statistics of a column from the pairs of its finite values; `against` is the name of another column and its
    values before, float64 (rows,), in the same rows as those that the pairs were taken from.
    """
    found = None
    if histograms is not None:
        found = distances(pairs.values, pairs.restored, (histograms.before, histograms.after))
    if not np.any(pairs.residuals):
        return ColumnStatistics(found, None, None)
    of = profiled(pairs.values, angle=angle)
    moved, used = pairs.residuals, np.isfinite(pairs.residuals)
    if of == "response":
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            moved = pairs.residuals / pairs.values
        used = np.isfinite(moved)
    by_column = None
    if against is not None:
        other = against[1][pairs.used]
        seen = used & np.isfinite(other)
        by_column = profile(against[0], other[seen], moved[seen], of)
    return ColumnStatistics(found, profile(name, pairs.values[used], moved[used], of), by_column)


def profiled(values: Floats, *, angle: bool = False) -> Of:
    """What a profile of float64 values (rows,) is of: responses, but residuals for angles and where the values do not
    lie on one side of zero.
    """
    on_one_side = max(np.count_nonzero(values > 0), np.count_nonzero(values < 0))
    return "residual" if angle or on_one_side < LEAST_ON_ONE_SIDE * len(values) else "response"


def profile(against: str, values: Floats, moved: Floats, of: Of) -> Profile | None:
    """The profile of what moved, float64 (rows,), against finite values (rows,); None where all of those are equal."""
    edges = np.unique(percentiles(values, PERCENTS)) if len(values) else np.empty(0)
    if len(edges) < 2:
        return None
    n_bins = len(edges) - 1
    bins = np.clip(np.searchsorted(edges, values, "right") - 1, 0, n_bins - 1).astype(np.uint8)
    counts = np.bincount(bins, minlength=n_bins)
    parts = np.split(moved[np.argsort(bins, kind="stable")], np.cumsum(counts)[:-1])
    numbers = np.array([(*mean_and_rms(part), half_widths(part)[0]) for part in parts], np.float64)
    mean, rms, half_width = numbers.T
    return Profile(against, edges, counts, mean, rms, half_width, of)
