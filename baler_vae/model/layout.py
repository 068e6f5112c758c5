"""The rows of a jagged collection in their events: which object comes before which."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

MOST_RANKS = 1_024
"""Objects of an event beyond this rank are coded together, and no network looks back from them."""
LARGEST_LAG = 2
"""How many objects back a network may look."""

_Scalar = TypeVar("_Scalar", bound=np.generic)

RowNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Rows in the order in which they are coded: their own, or rank by rank, all first objects, then all second ones
    and so on, each in the order of the events.

    All arrays are int64 (rows,) in that order. `order` is the row's number in the table; `events` its event, `ranks`
    its place in the event from 0 on, `remaining` the number of objects behind it; `previous[lag]` is the place in this
    order of the object `lag + 1` before it, -1 where there is none. `ends` int64 (ranks,) tells where each rank ends;
    rows in their own order count as one.
    """

    order: RowNumbers
    events: RowNumbers
    ranks: RowNumbers
    remaining: RowNumbers
    previous: tuple[RowNumbers, ...]
    ends: RowNumbers

    @property
    def n_rows(self) -> int:
        return len(self.order)

    @property
    def slices(self) -> list[tuple[int, int]]:
        """Where the rows that are coded together begin and end."""
        ends = self.ends.tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True)) if ends else []

    @property
    def is_own_order(self) -> bool:
        """Whether rows are coded in the order of the table."""
        return len(self.ends) < 2

    def arrange(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Values (rows,) of the table, as an array or the like, in the order in which they are coded, without
        gaps in memory.
        """
        if self.is_own_order and isinstance(values, np.ndarray):
            return np.ascontiguousarray(values)
        return values[self.order]

    def places(self, n_rows: int) -> RowNumbers:
        """Where the first `n_rows` rows of the table stand in the order in which rows are coded, int64 (n_rows,)."""
        if self.is_own_order:
            return self.order[:n_rows]
        places = np.empty(self.n_rows, np.int64)
        places[self.order] = np.arange(self.n_rows)
        return places[:n_rows]

    def restore(self, values: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """Values (rows,) in the order of the table."""
        if self.is_own_order:
            return values
        restored = np.empty_like(values)
        restored[self.order] = values
        return restored


def flat_layout(n_rows: int) -> Layout:
    """The layout of rows that do not belong to events: their own order."""
    rows, none = np.arange(n_rows), np.zeros(n_rows, np.int64)
    ends = np.full(1 if n_rows else 0, n_rows, np.int64)
    return Layout(rows, rows, none, none, (np.full(n_rows, -1),) * LARGEST_LAG, ends)


def jagged_layout(counts: RowNumbers, *, by_rank: bool = True) -> Layout:
    """The layout of objects, given how many each event (events,) has: rank by rank, or in their own order."""
    n_rows = int(counts.sum())
    events = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    ranks = np.arange(n_rows) - firsts[events]
    steps = np.minimum(ranks, MOST_RANKS)
    order = np.argsort(steps, kind="stable") if by_rank else np.arange(n_rows)
    place = np.empty(n_rows, np.int64)
    place[order] = np.arange(n_rows)
    ranks, events = ranks[order], events[order]
    previous = []
    for lag in range(1, LARGEST_LAG + 1):
        before = place[np.maximum(order - lag, 0)] if n_rows else order
        previous.append(np.where((ranks >= lag) & (ranks < MOST_RANKS), before, -1))
    ends = np.cumsum(np.bincount(steps)) if by_rank and n_rows else np.full(1 if n_rows else 0, n_rows)
    return Layout(order, events, ranks, counts[events] - 1 - ranks, tuple(previous), ends)
