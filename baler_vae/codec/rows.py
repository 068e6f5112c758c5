"""What is known of the rows of a group while they are encoded or decoded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.codes import dequantise_column, predicted_codes, quantise_column
from baler_vae.grid.grids import Grid
from baler_vae.model.conditional import Context
from baler_vae.model.group import ColumnModel, GroupModel
from baler_vae.model.layout import Layout, flat_layout, jagged_layout
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Group
from baler_vae.table.table import Table

Arrays = dict[str, NDArray[np.generic]]
Latents = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Means and log-variances, float32 (rows, k) and (rows, k) or (rows, 0)."""


@dataclass(frozen=True)
class Events:
    """The events of a jagged group's rows: `counts` int64 (events,), and the columns (events,) of the event-level
    table, as a reader gets them, with their models.
    """

    counts: NDArray[np.int64]
    names: tuple[str, ...]
    arrays: Mapping[str, NDArray[np.generic]]
    models: Mapping[str, ColumnModel]

    def codes(self, name: str) -> NDArray[np.int64]:
        """The codes (events,) of a column on its grid; those of values that the grid does not hold count as 0.

        Raises:
            ValueError: it has no grid.
        """
        grid = self.models[name].grid
        if grid is None:
            raise ValueError(f"column {name!r} of the events has no codes")
        return shown_codes(self.arrays[name], grid)


def events_of(
    batch: Sequence[Table],
    group: Group,
    model: GroupModel,
    bounds: Mapping[str, Bound],
    names: Iterable[str] | None = None,
) -> Events | None:
    """What the rows of a group see of their events, as a reader gets it: none for the events themselves. `model` is
    that of the events; without `names` the arrays are those of all its columns.
    """
    if group.counter is None:
        return None
    table = batch[0]
    arrays = {}
    for name in model.columns if names is None else names:
        column, values = model.columns[name], table[name]
        if column.grid is not None:
            coded = quantise_column(values, column.grid, bounds[name])
            values = dequantise_column(coded, column.grid, values.dtype).reshape(values.shape)
        arrays[name] = values
    return Events(table[group.counter].astype(np.int64), table.group.names, arrays, model.columns)


def random_rows(n_rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """The numbers, in rising order, of at most so many random ones of some rows."""
    return np.sort(np.random.default_rng(seed).permutation(n_rows)[:most])


def shown_codes(values: NDArray[np.generic], grid: Grid) -> NDArray[np.int64]:
    """The codes (rows,) of restored values (rows,), 0 for NaN and infinities where a grid does not hold those."""
    if not grid.holds_everything and values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, np.zeros((), values.dtype))
    return grid.quantise(values)


def layout_of(model: GroupModel, n_rows: int, events: Events | None) -> Layout:
    """The order in which a group's rows are coded."""
    return flat_layout(n_rows) if events is None else jagged_layout(events.counts, by_rank=model.looks_back)


class Rows:
    """What is known of the rows of a group, in the order of their layout: all of it at once when they are encoded,
    column by column and rank by rank when they are decoded. `values` are the columns (rows,) as a reader gets them,
    `latents` what an encoder gave.
    """

    def __init__(self, model: GroupModel, group: Group, layout: Layout, events: Events | None) -> None:
        self.model, self.group, self.layout = model, group, layout
        self.values: Arrays = {}
        self.latents: Latents | None = None
        seen = {source for name in model.columns for source in model.sources_of(name)}
        self.sources = Context(layout, {source: model.view(source) for source in seen})
        self._of_events: Arrays = {}
        self._events = events

    def show_events(self, names: Iterable[str]) -> None:
        """Lets networks and formulas see columns of the events."""
        if self._events is None:
            return
        for name in names:
            self._of_events[name] = self._events.arrays[name][self.layout.events]
            source = self.model.first_event_source + self._events.names.index(name)
            self.sources.show(source, self._events.codes(name)[self.layout.events])

    def predict(self, name: str, start: int, stop: int) -> NDArray[np.int64] | None:
        """The codes that the formula of a column predicts for the rows from `start` to `stop`; its network sees them
        where they are not what is coded.
        """
        column = self.model.columns[name]
        if column.formula is None or column.grid is None:
            return None
        arrays = {
            read: (self.values[read] if read in self.values else self._of_events[read])[start:stop]
            for read in column.formula.names
        }
        numbers = column.formula.evaluate(arrays)
        codes = predicted_codes(numbers, column.grid, self.group.column(name).dtype)
        if not column.predicted and column.conditional is not None:
            self.sources.show_formula(column.conditional.alphabet, codes, start)
        return codes
