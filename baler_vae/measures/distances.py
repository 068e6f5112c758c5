"""How far apart two independent samples of the same columns are, with errors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.measures.priors import median_distance, mmd
from baler_vae.measures.roc import Auc, Measured
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

Floats = NDArray[np.float64]
Events = NDArray[np.int64]

N_BOOTSTRAPS: Final = 50
MMD_BLOCKS: Final = 8
MMD_BLOCK_ROWS: Final = 1_024
"""Rows of each block whose MMD is taken: the cost grows with their square."""
SLICED_ROWS: Final = 4_096
N_DIRECTIONS: Final = 32
N_REPEATS: Final = 20
"""Bootstraps and shuffles of the sliced distance."""


@dataclass(frozen=True, kw_only=True)
class ColumnDistance:
    """How far apart a column is.

    Attributes
    ----------
    name, group : str
        The column and its group.
    ks : Measured
        The largest difference of the cumulative distributions (Kolmogorov and Smirnov), with its bootstrap error.
    ks_p_value : float
        The probability of a larger one between samples of one distribution, if rows were independent.
    wasserstein : Measured
        The earth mover's distance (Wasserstein-1) in the unit of the column, with its bootstrap error.
    wasserstein_in_widths : float or None
        The same in half-widths of the central 68.27 % of A; None where that is zero.
    n_a, n_b : int
        Finite values compared.
    n_without_a, n_without_b : int
        Values that are NaN or infinite, and left out.
    """

    name: str
    group: str
    ks: Measured
    ks_p_value: float
    wasserstein: Measured
    wasserstein_in_widths: float | None
    n_a: int
    n_b: int
    n_without_a: int
    n_without_b: int


@dataclass(frozen=True, kw_only=True)
class GroupDistance:
    """How far apart the rows of a group are, or whole events.

    Attributes
    ----------
    name : str
        The group; ``event`` for whole events.
    n_a, n_b : int
        Rows compared, of A and of B.
    of_a, of_b : int
        Rows there are.
    auc : Auc or None
        With which a classifier tells A from B: 0.5 where it cannot; None where there are too few rows.
    mmd : Measured or None
        The squared maximum mean discrepancy of standardised columns, unbiased, over blocks of rows; None for events and
        where there are too few rows.
    sliced_wasserstein, sliced_wasserstein_expected : Measured or None
        The mean Wasserstein-1 distance over random directions of the same, and that of samples of one distribution.
    """

    name: str
    n_a: int
    n_b: int
    of_a: int
    of_b: int
    auc: Auc | None
    mmd: Measured | None = None
    sliced_wasserstein: Measured | None = None
    sliced_wasserstein_expected: Measured | None = None


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far apart two inputs are.

    Attributes
    ----------
    a, b : str
        The inputs, as they are called.
    columns : tuple of ColumnDistance
        One for each column of numbers.
    groups : tuple of GroupDistance
        The rows of each group, and where there are collections whole events, ``event``.
    n_objects : int
        Objects of a collection by which an event is judged.
    seed : int
        What samples, bootstraps and folds were drawn with.
    notes : tuple of str
        What was left out.
    """

    a: str
    b: str
    columns: tuple[ColumnDistance, ...]
    groups: tuple[GroupDistance, ...]
    n_objects: int
    seed: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values for JSON: NaN becomes None."""
        plain: dict[str, Any] = as_plain(self, finite=True)
        return plain

    def to_pandas(self) -> "DataFrame":
        """The columns as a data frame, one row each."""
        names = ("name", "group", "ks", "ks_error", "ks_p_value", "wasserstein", "wasserstein_error", "n_a", "n_b")
        records = [
            {
                **as_plain(column),
                "ks": column.ks.value,
                "ks_error": column.ks.error,
                "wasserstein": column.wasserstein.value,
                "wasserstein_error": column.wasserstein.error,
            }
            for column in self.columns
        ]
        return data_frame(records, names)

    def _repr_html_(self) -> str:
        rows = [
            (one.name, one.n_a, one.n_b, one.auc and one.auc.value, one.auc and one.auc.error) for one in self.groups
        ]
        return html_table(f"{self.a} and {self.b}", ("rows of", "of A", "of B", "AUC", "error"), rows, notes=self.notes)


def column_distance(
    name: str,
    group: str,
    a: Floats,
    b: Floats,
    events: tuple[Events, Events],
    *,
    seed: int,
    n_bootstraps: int = N_BOOTSTRAPS,
) -> ColumnDistance:
    """How far apart values float64 (rows,) of a column are. Errors are the standard deviations over bootstraps, which
    draw `events` (rows,), the number of the event of each row, with all their rows.
    """
    from scipy.stats import kstwobign  # noqa: PLC0415  slow to import

    finite_a, finite_b = np.isfinite(a), np.isfinite(b)
    kept_a, kept_b = a[finite_a], b[finite_b]
    n_a, n_b = len(kept_a), len(kept_b)
    without = {"n_a": n_a, "n_b": n_b, "n_without_a": len(a) - n_a, "n_without_b": len(b) - n_b}
    if not n_a or not n_b:
        nothing = Measured(np.nan, np.nan)
        return ColumnDistance(
            name=name,
            group=group,
            ks=nothing,
            ks_p_value=np.nan,
            wasserstein=nothing,
            wasserstein_in_widths=None,
            **without,
        )
    values = np.concatenate([kept_a, kept_b])
    order = np.argsort(values, kind="stable")
    ordered, is_a = values[order], order < n_a
    drawn = [
        np.unique(own[kept], return_inverse=True)[1] for own, kept in zip(events, (finite_a, finite_b), strict=True)
    ]
    places = order[is_a], order[~is_a] - n_a
    found = _compared(ordered, is_a, np.ones(n_a), np.ones(n_b))
    rng = np.random.default_rng(seed)
    tried = []
    for _ in range(n_bootstraps):
        weights = []
        for numbers, place in zip(drawn, places, strict=True):
            n_events = int(numbers.max()) + 1
            counts = np.bincount(rng.integers(0, n_events, n_events), minlength=n_events)
            weights.append(counts[numbers[place]].astype(np.float64))
        tried.append(_compared(ordered, is_a, *weights))
    errors = np.std(np.array(tried), axis=0, ddof=1)
    low, high = np.quantile(kept_a, (0.158655, 0.841345))
    return ColumnDistance(
        name=name,
        group=group,
        ks=Measured(found[0], float(errors[0])),
        ks_p_value=float(kstwobign.sf(np.sqrt(n_a * n_b / (n_a + n_b)) * found[0])),
        wasserstein=Measured(found[1], float(errors[1])),
        wasserstein_in_widths=float(2 * found[1] / (high - low)) if high > low else None,
        **without,
    )


def _compared(ordered: Floats, is_a: NDArray[np.bool_], of_a: Floats, of_b: Floats) -> tuple[float, float]:
    """Kolmogorov and Smirnov's and the earth mover's distance of values in rising order that count so often."""
    weights = np.zeros((2, len(ordered)))
    weights[0, is_a], weights[1, ~is_a] = of_a, of_b
    # Whole numbers: nothing rounds where the two are equal.
    cumulated = np.cumsum(weights, axis=1)
    difference = np.abs(cumulated[0] / cumulated[0, -1] - cumulated[1] / cumulated[1, -1])[:-1]
    steps = np.diff(ordered)
    if not len(steps):
        return 0.0, 0.0
    # Between equal values the cumulative distributions are not compared.
    return float(np.max(difference, where=steps > 0, initial=0.0)), float(np.sum(difference * steps))


def standardised(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rows (rows, columns) of both without NaN and infinities, less the mean of A and divided by its standard
    deviation; columns that are constant in A are divided by that of B, and left out where they are constant in both.
    """
    a, b = (rows[np.isfinite(rows).all(axis=1)] for rows in (a, b))
    if not len(a) or not len(b):
        return a, b
    widths, others = a.std(axis=0), b.std(axis=0)
    means = a.mean(axis=0)
    least = 1e-12 * np.abs(means)
    widths = np.where(widths > least, widths, others)
    kept = widths > least
    # A constant that moved has no width of its own.
    moved = ~kept & (np.abs(b.mean(axis=0) - means) > least)
    widths, kept = np.where(moved, 1.0, widths), kept | moved
    return (a[:, kept] - means[kept]) / widths[kept], (b[:, kept] - means[kept]) / widths[kept]


def block_mmd(a: Floats, b: Floats, *, seed: int) -> Measured | None:
    """The unbiased squared MMD of points (rows, dimensions) under an RBF kernel whose width is their median distance:
    the mean over blocks of rows, and its error from their spread (Zaremba, Gretton, Blaschko 2013). None with fewer
    than eight points, or without columns.
    """
    n_rows = min(len(a), len(b), MMD_BLOCKS * MMD_BLOCK_ROWS) // MMD_BLOCKS
    if n_rows < 2 or not a.shape[1]:
        return None
    rng = np.random.default_rng(seed)
    first, second = a[rng.permutation(len(a))], b[rng.permutation(len(b))]
    width = median_distance(first, second, seed=seed)
    blocks = [slice(n_rows * number, n_rows * (number + 1)) for number in range(MMD_BLOCKS)]
    found = [mmd(first[block], second[block], width=width) for block in blocks]
    return Measured(float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(len(found))))


def sliced_distances(a: Floats, b: Floats, *, seed: int) -> tuple[Measured, Measured] | None:
    """The sliced Wasserstein-1 distance of points (rows, dimensions), with its bootstrap error, and its mean and spread
    between samples that were drawn from both together; of at most 4,096 rows of each. None without points or columns.

    Bonneel, Rabin, Peyre and Pfister, J. Math. Imaging Vision 51 (2015) 22.
    """
    if not a.size or not b.size:
        return None
    rng = np.random.default_rng(seed)
    a, b = (points[rng.permutation(len(points))[:SLICED_ROWS]] for points in (a, b))
    directions = rng.normal(size=(N_DIRECTIONS, a.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    first, second = (a @ directions.T).T, (b @ directions.T).T  # (directions, rows)
    both = np.concatenate([first, second], axis=1)
    distance = _mean_wasserstein(len(a), len(b))
    drawn, shuffled = [], []
    for _ in range(N_REPEATS):
        own = first[:, rng.integers(0, len(a), len(a))], second[:, rng.integers(0, len(b), len(b))]
        drawn.append(distance(*own))
        mixed = both[:, rng.permutation(both.shape[1])]
        shuffled.append(distance(mixed[:, : len(a)], mixed[:, len(a) :]))
    found = Measured(distance(first, second), float(np.std(drawn, ddof=1)))
    return found, Measured(float(np.mean(shuffled)), float(np.std(shuffled, ddof=1)))


def _mean_wasserstein(n_a: int, n_b: int) -> Callable[[Floats, Floats], float]:
    """A function of points (directions, rows) of two samples of these sizes: their mean distance over directions."""
    ends = np.unique(np.concatenate([np.arange(1, n_a + 1) / n_a, np.arange(1, n_b + 1) / n_b]).round(12))
    starts = np.append(0.0, ends[:-1])
    middles = (starts + ends) / 2
    of_a, of_b = ((middles * n).astype(np.int64) for n in (n_a, n_b))

    def distance(first: Floats, second: Floats) -> float:
        moved = np.abs(np.sort(first, axis=1)[:, of_a] - np.sort(second, axis=1)[:, of_b])
        return float(np.mean(moved @ (ends - starts)))

    return distance


def event_rows(
    events: Sequence[Floats], collections: Sequence[tuple[NDArray[np.int64], Sequence[Floats]]], n_objects: int
) -> Floats:
    """Whole events as rows float64 (events, columns): the columns (events,) of the events, and of each collection, by
    its counts int64 (events,) and its columns (rows,), the counts and the first `n_objects` rows, NaN where there are
    fewer.
    """
    columns = list(events)
    for counts, own in collections:
        firsts = np.cumsum(counts) - counts
        columns.append(counts.astype(np.float64))
        for values in own:
            for rank in range(n_objects):
                has = counts > rank
                column = np.full(len(counts), np.nan)
                column[has] = values[firsts[has] + rank]
                columns.append(column)
    return np.stack(columns, axis=1)
