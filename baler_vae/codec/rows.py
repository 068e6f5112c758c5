"""What is known of the rows of a group while they are encoded or decoded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.codes import Predicted, predict_codes
from baler_vae.grid.grids import Grid, grid_at
from baler_vae.model.cell_fields import CellField, Known
from baler_vae.model.columns import Celled, ColumnModel, Networked, OnGrid
from baler_vae.model.conditional import Context
from baler_vae.model.context import Sources
from baler_vae.model.group import GroupModel
from baler_vae.model.layout import Layout, flat_layout, jagged_layout
from baler_vae.table.schema import Group

Arrays = dict[str, NDArray[np.generic]]
Latents = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Means and log-variances, float32 (rows, k) and (rows, k) or (rows, 0)."""


@dataclass(frozen=True, eq=False)
class Events:
    """The events of a jagged group's rows: `counts` int64 (events,), and the columns (events,) of the event-level
    table, as a reader gets them, with their models. `coded` holds the codes of columns, as `codes` gives them, where
    they are known already; `rows` int64 (events,) are the numbers of the events, from 0 on where they are None.
    """

    counts: NDArray[np.int64]
    names: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.generic]]
    models: Mapping[str, ColumnModel]
    coded: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    rows: NDArray[np.int64] | None = None

    def codes(self, name: str) -> NDArray[np.int64]:
        """The codes (events,) of a column on its grid; those of values that the grid does not hold count as 0.

        Raises:
            ValueError: it has no grid.
        """
        if name in self.coded:
            return self.coded[name]
        column = self.models[name]
        if not isinstance(column, OnGrid):
            raise ValueError(f"column {name!r} of the events has no codes")  # noqa: TRY004  an archive may claim so
        return shown_codes(self.arrays[name], column.grid, self.rows)

    def only(self, chosen: NDArray[np.bool_]) -> "Events":
        """Some of the events, where `chosen` (events,) is true."""
        return replace(
            self,
            counts=self.counts[chosen],
            arrays={name: array[chosen] for name, array in self.arrays.items()},
            coded={name: codes[chosen] for name, codes in self.coded.items()},
            rows=np.flatnonzero(chosen) if self.rows is None else self.rows[chosen],
        )


def random_rows(n_rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """The numbers, in rising order, of at most so many random ones of some rows."""
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:most])


def shown_codes(values: NDArray[np.generic], grid: Grid, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The codes (rows,) of restored values (rows,), 0 for NaN and infinities where a grid does not hold those; `rows`
    int64 (rows,) are their numbers, from 0 on where they are None.
    """
    if not grid.holds_everything and values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, np.zeros((), values.dtype))
    return grid_at(grid, rows, len(values)).quantise(values)


def layout_of(model: GroupModel, n_rows: int, events: Events | None) -> Layout:
    """The order in which a group's rows are coded."""
    return flat_layout(n_rows) if events is None else jagged_layout(events.counts, by_rank=model.looks_back)


class Rows:
    """What is known of the rows of a group, in the order of their layout: all of it at once when they are encoded,
    column by column and rank by rank when they are decoded. `values` are the columns (rows,) as a reader gets them,
    `latents` what an encoder gave, `predicted` what formulas predict of all rows, by column, as far as that is known.
    """

    def __init__(self, model: GroupModel, group: Group, layout: Layout, events: Events | None) -> None:
        self.model, self.group, self.layout = model, group, layout
        self.values: Arrays = {}
        self.predicted: Mapping[str, Predicted] = {}
        self.latents: Latents | None = None
        self.sources = Context(layout, {source: model.view(source) for source in model.viewed})
        self.looked_at = Sources(layout)
        self._looked_at = model.looked_at
        self.fields: dict[str, CellField] = {}
        self._of_events: Arrays = {}
        self._events = events

    def field(self, name: str, column: Celled) -> CellField:
        """The cells of a column of arrays, of which nothing is known but what else its network sees."""
        found = self.model.columns
        others = {number: self.model.names[number] for number in column.cells.others}
        known = Known(
            sources={source: self.sources.places(source) for source in sorted(column.cells.sources)},
            source_ranges={source: len(self.model.view(source).starts) for source in column.cells.sources},
            others={number: self.fields[other].places for number, other in others.items()},
            other_ranges={
                number: len(own.cells.view.starts)
                for number, other in others.items()
                if isinstance(own := found[other], Celled)
            },
        )
        return CellField(column.cells, column.grid, self.group.column(name).dtype, self.layout.n_rows, known)

    def show_events(self, names: Iterable[str]) -> None:
        """Lets networks and formulas see columns of the events."""
        if self._events is None:
            return
        for name in names:
            self._of_events[name] = self._events.arrays[name][self.layout.events]
            source = self.model.first_event_source + self._events.names.index(name)
            self.show(source, self._events.codes(name)[self.layout.events])

    def show(self, source: int, codes: NDArray[np.int64], start: int = 0, *, networks_see: bool = False) -> None:
        """Lets networks see the codes (rows,) of a source from row `start` on, unless they do already, and contexts
        look at all of them.
        """
        if not networks_see:
            self.sources.show(source, codes, start)
        if source in self._looked_at:
            self.looked_at.codes[source] = codes

    def predicted_codes(self, name: str) -> NDArray[np.int64] | None:
        """The codes (rows,) that the formula of a column predicts for all rows."""
        found = self.predict(name, 0, self.layout.n_rows)
        return None if found is None else found.codes

    def predict(self, name: str, start: int, stop: int) -> Predicted | None:
        """What the formula of a column predicts for the rows from `start` to `stop`; its network sees the codes where
        they are not what is coded.
        """
        column = self.model.columns[name]
        if not isinstance(column, OnGrid) or column.formula is None:
            return None
        if name in self.predicted and (start, stop) == (0, self.layout.n_rows):
            return self.predicted[name]
        arrays = {
            read: (self.values[read] if read in self.values else self._of_events[read])[start:stop]
            for read in column.formula.names
        }
        numbers = column.formula.evaluate(arrays)
        found = predict_codes(numbers, column.grid, self.group.column(name).dtype, self.layout.order[start:stop])
        if not column.predicted and isinstance(column, Networked):
            self.sources.show_formula(column.conditional.alphabet, found.codes, start)
        return found
