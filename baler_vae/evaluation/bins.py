"""Which bins of a histogram rows leave and enter, counted while pairs of values stream by."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from baler_vae.evaluation.residuals import Array, Floats

MOST_BINS = 1_000
"""Of more bins, neighbours are taken together for the paired chi2: its matrix has a row and a column for each."""
_FEWEST_VALUES = 5
"""Values below which a bin says nothing of the steps that it holds."""


class BinCounter:
    """The exact numbers of pairs by bin before and bin after, where one bin more is for all that lies in none; only
    those that occur are stored. `edges` float64 (n_bins + 1,) are those of equal bins.
    """

    def __init__(self, edges: Floats) -> None:
        self.edges, self.n_bins = edges, len(edges) - 1
        self._cells = np.empty(0, np.int64)  # bin before times (n_bins + 1) plus bin after, ascending
        self.counts = np.empty(0, np.int64)
        """How often each cell occurred, int64 (cells,)."""

    def add(self, before: Array, after: Array) -> NDArray[np.bool_]:
        """Counts pairs of values, arrays (rows,) of any number type; NaN lies in no bin. What comes back is which pairs
        have a value in a bin, bool (rows,).
        """
        bins = self._bins(before), self._bins(after)
        inside: NDArray[np.bool_] = np.minimum(*bins) < self.n_bins
        cells = bins[0][inside] * (self.n_bins + 1) + bins[1][inside]
        cells, counts = np.unique(cells, return_counts=True)
        self._cells, where = np.unique(np.concatenate([self._cells, cells]), return_inverse=True)
        summed = np.zeros(len(self._cells), np.int64)
        np.add.at(summed, where, np.concatenate([self.counts, counts]))
        self.counts = summed
        return inside

    @property
    def sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The bins before and after of each cell, int64 (cells,); `n_bins` where a value lies in none."""
        before, after = np.divmod(self._cells, self.n_bins + 1)
        return before, after

    def rows(self, times: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows in each bin before and after, int64 (n_bins,), where each cell has so many, int64 (cells,)."""
        before, after = (np.bincount(bins, times, self.n_bins + 1)[:-1].astype(np.int64) for bins in self.sides)
        return before, after

    def moved(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """How many rows left each bin, and how many entered it, int64 (n_bins,)."""
        before, after = self.sides
        n_out, n_in = self.rows(np.where(before != after, self.counts, 0))
        return n_out, n_in

    def paired_chi2(self) -> tuple[float, int]:
        """The chi2 of the differences between the bins after and before, and its degrees of freedom; see
        `paired_chi2`.
        """
        n_together = -(-self.n_bins // MOST_BINS)
        n_bins = -(-self.n_bins // n_together)
        migration = np.zeros((n_bins + 1, n_bins + 1))
        places = (np.where(side < self.n_bins, side // n_together, n_bins) for side in self.sides)
        np.add.at(migration, tuple(places), self.counts)
        return paired_chi2(migration)

    def _bins(self, values: Array) -> NDArray[np.int64]:
        """The bin of each value as numpy's histogram has it, int64 (rows,); `n_bins` where it lies in none."""
        values = np.asarray(values, np.float64)
        bins = np.full(len(values), self.n_bins)
        inside = (values >= self.edges[0]) & (values <= self.edges[-1])
        found = np.searchsorted(self.edges, values[inside], "right") - 1
        bins[inside] = np.minimum(found, self.n_bins - 1)
        return bins


def paired_chi2(migration: Floats) -> tuple[float, int]:
    """The chi2 of the differences between the column and row sums of a matrix of counts, float64 (bins, bins), one bin
    of which stands for all else, and its degrees of freedom.

    Both histograms are of the same rows, so that only rows off the diagonal tell them apart. If a row that moves
    between two bins is as likely to go either way, the differences d = in - out have the expectation 0 and, given how
    many move between each two bins, the covariance V: what left and entered a bin on the diagonal, and beside it minus
    what moved between two bins. Then d^T V^-1 d is the test of marginal homogeneity of A. Stuart (Biometrika 42 (1955)
    412) and A. E. Maxwell (Br. J. Psychiatry 116 (1970) 651). V has rank 0 for bins that nothing connects: of each
    connected set of bins one follows from the others.
    """
    moved = migration + migration.T
    np.fill_diagonal(moved, 0)
    _, sets = connected_components(moved > 0, directed=False)
    kept = np.ones(len(moved), bool)
    kept[np.unique(sets, return_index=True)[1]] = False
    covariance = np.diag(moved.sum(axis=1)) - moved
    differences = (migration.sum(axis=0) - migration.sum(axis=1))[kept]
    found = differences @ np.linalg.solve(covariance[np.ix_(kept, kept)], differences)
    return float(found), int(np.count_nonzero(kept))


def steps_per_bin(values: Floats, edges: Floats) -> float | None:
    """How many different values a bin holds, in the mean over the middle half of the bins with enough of them: the
    steps of a grid, as far as the values tell. Infinite where hardly any value occurs twice, None where no bin has
    enough.

    Of k equally likely values a rows show k (1 - (1 - 1 / k)^a) on average; that is solved for k in each bin.
    """
    n_bins = len(edges) - 1
    rows, _ = np.histogram(values, n_bins, (edges[0], edges[-1]))
    distinct, _ = np.histogram(np.unique(values), n_bins, (edges[0], edges[-1]))
    used = rows >= _FEWEST_VALUES
    if not used.any():
        return None
    shown, seen = rows[used].astype(np.float64), distinct[used].astype(np.float64)
    low, high = np.ones(len(seen)), np.full(len(seen), 1e9)
    for _ in range(60):
        middle = np.sqrt(low * high)
        expected = -middle * np.expm1(shown * np.log1p(-1 / np.maximum(middle, 1 + 1e-12)))
        low, high = np.where(expected < seen, middle, low), np.where(expected < seen, high, middle)
    found = np.sort(np.where(seen < shown, high, np.inf))
    middle_half = found[len(found) // 4 : len(found) - len(found) // 4]
    return float(np.mean(middle_half if np.isfinite(middle_half).all() else np.median(found)))
