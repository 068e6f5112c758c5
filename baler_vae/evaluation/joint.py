"""How the columns of a group are related, before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler_vae.evaluation.distances import distance_of_halves, sliced_wasserstein, standardised
from baler_vae.evaluation.histograms import robust_edges
from baler_vae.evaluation.residuals import Counts, Floats, mean_and_rms
from baler_vae.table.schema import Column, Group

MOST_COLUMNS = 24
"""Columns of a group of which pairs are compared: their number grows with the square. Chosen by hand; not measured."""
N_DENSITIES = 3
"""Pairs of which a density is drawn. Chosen by hand; not measured."""
DENSITY_BINS = 40
"""Of a density along each axis. Chosen by hand; not measured."""

JOINT_ROWS = 1 << 18
"""The most rows of a sample from which mutual information and densities are computed."""
SLICED_ROWS = 1 << 16
"""The most rows of a sample from which the sliced Wasserstein distance is computed."""

LEAST_BINS, MOST_BINS = 4, 32
ROWS_PER_CELL = 50
"""Of n rows, B equal-mass bins each make two independent columns share (B - 1)^2 / (2 n ln 2) bits; so many rows in
every one of the B^2 cells keep that below 0.015 bits."""

LEAST_VARIANCE = 1e-12
"""As a fraction of the mean square around where sums are shifted to: what is less is the rounding of a constant."""


@dataclass(frozen=True, eq=False)
class Density:
    """Rows in bins of two columns before and after: edges float64 (nx + 1,) and (ny + 1,), counts int64 (nx, ny) of
    the sampled rows inside.
    """

    x: str
    y: str
    x_edges: Floats
    y_edges: Floats
    before: Counts
    after: Counts


@dataclass(frozen=True, eq=False)
class GroupStatistics:
    """How the numeric columns `names` of a group are related, floats first, at most `MOST_COLUMNS` of them.

    Matrices are float64 (columns, columns), NaN where something is undefined. The correlations are Pearson's over all
    rows in which both columns are finite on both sides. Mutual information is that of equal-mass bins, in bits, each
    side with bins of its own, over the sample; on the diagonal stands the entropy of the bins.

    `sliced_wasserstein` is the distance of the columns' joint distributions, in standard deviations before (see
    `sliced_wasserstein` in `baler_vae.evaluation.distances`), `sliced_wasserstein_of_halves` that between two random
    halves of the sampled rows before: what chance makes between independent samples of half as many rows, the scale
    on which the former is small or large. Both are None without rows or a column that varies. `densities` are those of
    the most correlated pairs of columns.
    """

    group: str
    names: tuple[str, ...]
    correlation_before: Floats
    correlation_after: Floats
    mutual_information_before: Floats
    mutual_information_after: Floats
    sliced_wasserstein: float | None
    sliced_wasserstein_of_halves: float | None
    densities: tuple[Density, ...]


def joint_columns(group: Group) -> tuple[Column, ...]:
    """The numeric columns of a group that are examined together, floats first; none where there is only one."""
    numeric = [column for column in group.columns if column.is_scalar]
    chosen = sorted(numeric, key=lambda column: not column.is_float)[:MOST_COLUMNS]
    return tuple(chosen) if len(chosen) > 1 else ()


class Correlations:
    """Pearson's correlations of columns before and after, from sums over rows that come in pieces.

    The sums are of values less the median of a column's first piece, in units of their root mean square around it, so
    that a large mean takes no digits away. Each side has its own, for a column may come back as something else.
    """

    def __init__(self, n_columns: int) -> None:
        self._shift, self._scale = np.full((2, n_columns), np.nan), np.ones((2, n_columns))
        self._n = np.zeros((n_columns, n_columns))
        self._sums = np.zeros((2, 3, n_columns, n_columns))

    def add(self, before: Floats, after: Floats) -> None:
        """Takes more rows into account, float64 (rows, columns) each."""
        used = np.isfinite(before) & np.isfinite(after)
        both = used.astype(np.float64)
        self._n += both.T @ both
        for side, values in enumerate((before, after)):
            for column in np.flatnonzero(np.isnan(self._shift[side]) & used.any(axis=0)).tolist():
                found = _shift_and_scale(values[used[:, column], column])
                self._shift[side, column], self._scale[side, column] = found
            with np.errstate(all="ignore"):
                scaled = np.where(used, (values - self._shift[side]) / self._scale[side], 0.0)
                self._sums[side] += scaled.T @ both, (scaled**2).T @ both, scaled.T @ scaled

    def matrices(self) -> tuple[Floats, Floats]:
        """The correlations before and after, float64 (columns, columns) in [-1, 1]; NaN where a column is constant."""
        before, after = (self._correlations(*sums) for sums in self._sums)
        return before, after

    def _correlations(self, sums: Floats, squares: Floats, products: Floats) -> Floats:
        """Row i, column j of `sums` and `squares` are those of column i over the rows that column j has as well."""
        with np.errstate(all="ignore"):
            variances = squares - sums**2 / self._n
            variances = np.where(variances > LEAST_VARIANCE * squares, variances, np.nan)
            covariances = products - sums * sums.T / self._n
            found: Floats = np.clip(covariances / np.sqrt(variances) / np.sqrt(variances.T), -1, 1)
        return found


def _shift_and_scale(values: Floats) -> tuple[float, float]:
    """The median of finite values (rows,), exact for a constant, and the root mean square around it, or else 1."""
    shift = 2 * float(np.median(values / 2))
    _, scale = mean_and_rms(values / 2 - shift / 2)
    return shift, 2 * scale if scale and np.isfinite(2 * scale) else 1.0


def group_statistics(
    group: str, columns: Sequence[Column], correlations: tuple[Floats, Floats], before: Floats, after: Floats
) -> GroupStatistics:
    """The statistics of columns from their correlations and their sampled values, float64 (rows, columns)."""
    few = chosen_rows(len(before), SLICED_ROWS)
    points, moved = standardised(before[few], after[few])
    return GroupStatistics(
        group=group,
        names=tuple(column.name for column in columns),
        correlation_before=correlations[0],
        correlation_after=correlations[1],
        mutual_information_before=mutual_information(before),
        mutual_information_after=mutual_information(after),
        sliced_wasserstein=sliced_wasserstein(points, moved),
        sliced_wasserstein_of_halves=distance_of_halves(points),
        densities=tuple(
            _density(columns[i], columns[j], before[:, [i, j]], after[:, [i, j]])
            for i, j in most_correlated(correlations[0])
        ),
    )


def chosen_rows(n_rows: int, most_rows: int) -> Counts:
    """The numbers of all rows, or of so many chosen at random, in their order."""
    if n_rows <= most_rows:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(n_rows).choice(n_rows, most_rows, replace=False))


def most_correlated(correlations: Floats) -> list[tuple[int, int]]:
    """The pairs of different columns with the largest absolute correlations (columns, columns), the largest first."""
    known = [(i, j) for j in range(len(correlations)) for i in range(j) if np.isfinite(correlations[i, j])]
    return sorted(known, key=lambda pair: -abs(correlations[pair]))[:N_DENSITIES]


def mutual_information(values: Floats) -> Floats:
    """The mutual information of equal-mass bins of columns (rows, columns) in bits, float64 (columns, columns), over
    the rows in which both are finite; NaN where there are none. On the diagonal stands the entropy of a column's bins.
    """
    n_bins = int(np.clip(np.sqrt(len(values) / ROWS_PER_CELL), LEAST_BINS, MOST_BINS))
    bins = [equal_mass_bins(column, n_bins) for column in values.T]
    found = np.full((len(bins), len(bins)), np.nan)
    for i, first in enumerate(bins):
        for j, second in enumerate(bins[: i + 1]):
            cells = first * (n_bins + 1) + second
            joint = np.bincount(cells, minlength=(n_bins + 1) ** 2).reshape(n_bins + 1, n_bins + 1)
            found[i, j] = found[j, i] = _information(joint[:n_bins, :n_bins])
    return found


def equal_mass_bins(values: Floats, n_bins: int) -> Counts:
    """The bin of each value (rows,), 0 to `n_bins` - 1, int64, and `n_bins` where it is not finite. Bins have about as
    many values each; equal values share one, and it is theirs alone where they are more than two bins' share.
    """
    finite = np.isfinite(values)
    rising = np.sort(values[finite])
    bins = np.full(len(values), n_bins)
    if len(rising):
        edges = rising[len(rising) * np.arange(1, n_bins) // n_bins]
        heavy = edges[1:][edges[1:] == edges[:-1]]
        edges = np.unique(np.concatenate([edges, np.nextafter(heavy, np.inf)]))
        bins[finite] = np.searchsorted(edges, values[finite], "right")
    return bins


def _information(joint: Counts) -> float:
    """The mutual information of joint counts (bins, bins) in bits; NaN without any."""
    n_rows = joint.sum()
    if not n_rows:
        return float("nan")
    shares = joint / n_rows
    independent = np.outer(shares.sum(axis=1), shares.sum(axis=0))
    filled = joint > 0
    return max(0.0, float(np.sum(shares[filled] * np.log2(shares[filled] / independent[filled]))))


def _density(x: Column, y: Column, before: Floats, after: Floats) -> Density:
    """The density of two columns (rows, 2) that each have a finite value."""
    edges = [
        robust_edges(values[np.isfinite(values)], integer=not column.is_float, n_bins=DENSITY_BINS)
        for column, values in zip((x, y), before.T, strict=True)
    ]
    counts = []
    for points in (before, after):
        inside = points[np.isfinite(points).all(axis=1)]
        filled, _, _ = np.histogram2d(inside[:, 0], inside[:, 1], bins=edges)
        counts.append(filled.astype(np.int64))
    return Density(x.name, y.name, edges[0], edges[1], counts[0], counts[1])
