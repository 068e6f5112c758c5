"""What corrections read: the values of cells and tails, for each row or event, and where they stand."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from baler_vae.model.columns import OnGrid
from baler_vae.model.correction import Cell, Correction, cell_widths
from baler_vae.model.group import GroupModel
from baler_vae.table.table import offsets_from_counts

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Frame:
    """The rows of a group, whose columns (rows,) are `arrays`, and of a collection the columns (events,) of the events
    and the `counts` int64 (events,) of its rows.
    """

    model: GroupModel
    arrays: Mapping[str, NDArray[np.generic]]
    events: Mapping[str, NDArray[np.generic]]
    counts: Places | None = None

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.arrays.values()), ()))

    @cached_property
    def _offsets(self) -> Places:
        """The first row of each event of a collection, int64 (events + 1,)."""
        return offsets_from_counts(np.empty(0, np.int64) if self.counts is None else self.counts)

    def n_items(self, correction: Correction) -> int:
        """Of how many rows, or events, a correction is."""
        return self.n_rows if self.counts is None or not correction.is_of_events else len(self.counts)

    def places(self, cell: Cell, items: Places) -> Places:
        """The rows of the group, int64 (items,), in which the cell of some items stands; -1 where there is none."""
        if cell.row is None or self.counts is None:
            return items
        there = self.counts[items] > cell.row
        return np.where(there, self._offsets[items] + cell.row, -1)

    def values(self, correction: Correction, items: Places) -> dict[str, NDArray[np.float64]]:
        """What the formula of a correction reads, float64 (items,) each; NaN where there is none."""
        events = correction.is_of_events
        found = {name: self._cell(cell, items, of_events=events) for name, cell in correction.cells.items()}
        for name in correction.tails:
            found[name] = self._tail(correction, name)[items] if self.counts is not None else np.zeros(len(items))
        return found

    def widths(self, correction: Correction, items: Places) -> NDArray[np.float64]:
        """The steps of the grids of what may move, float64 (movable, items)."""
        found = np.zeros((len(correction.movable), len(items)))
        for place, name in enumerate(correction.movable):
            cell = correction.cells[name]
            rows = self.places(cell, items)
            there, column = rows >= 0, self.model.columns[cell.column]
            if isinstance(column, OnGrid):
                found[place, there] = cell_widths(self.arrays[cell.column][rows[there]], column.grid, rows[there])
        return found

    def _cell(self, cell: Cell, items: Places, *, of_events: bool) -> NDArray[np.float64]:
        if cell.column not in self.arrays:
            own = self.events[cell.column].astype(np.float64)
            return own[items] if self.counts is None or of_events else np.repeat(own, self.counts)[items]
        rows = self.places(cell, items)
        there = rows >= 0
        values = np.full(len(items), np.nan)
        values[there] = self.arrays[cell.column][rows[there]].astype(np.float64)
        return values

    def _tail(self, correction: Correction, name: str) -> NDArray[np.float64]:
        """The sums over the last rows of events, float64 (events,)."""
        tail, counts = correction.tails[name], self.counts
        if counts is None:
            return np.zeros(self.n_rows)
        events = np.repeat(np.arange(len(counts)), counts)
        behind = np.arange(len(events)) - self._offsets[events] >= tail.first
        read = {column: self.arrays[column][behind] for column in tail.formula.names}
        return np.bincount(events[behind], tail.formula.evaluate(read), len(counts)).astype(np.float64, copy=False)
