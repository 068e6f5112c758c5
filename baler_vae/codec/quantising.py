"""The values of a group to codes, those of a column that is centred on predictions after all that these read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import Arrays
from baler_vae.grid.codes import Codes, Predicted, predict_codes, quantise_column
from baler_vae.grid.grids import is_centred
from baler_vae.model.columns import OnGrid
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Group
from baler_vae.table.table import Batch, counts_of


@dataclass(frozen=True, eq=False)
class OfEvents:
    """What formulas of rows read of their events: columns (events,), and the event int64 (rows,) of each row."""

    arrays: Mapping[str, NDArray[np.generic]]
    rows: NDArray[np.int64]

    def read(self, names: Iterable[str], values: Mapping[str, NDArray[np.generic]]) -> Arrays:
        """The columns (rows,) of those names, out of `values` of the rows or of their events."""
        return {name: values[name] if name in values else self.arrays[name][self.rows] for name in names}


def quantised(batch: Batch, models: Mapping[str, GroupModel], bounds: Mapping[str, Bound]) -> list[dict[str, Codes]]:
    """The codes of the columns on a grid, in the order of each table; `models` is by group, `bounds` by column."""
    found: list[dict[str, Codes]] = []
    events: Arrays = {}
    for number, table in enumerate(batch):
        values = dict(table.arrays)
        of_events = of_events_of(batch, number, events)
        found.append(quantise(values, table.group, models[table.group.name], bounds, of_events, None)[0])
        events = events if number else values
    return found


def of_events_of(batch: Batch, number: int, events: Mapping[str, NDArray[np.generic]]) -> OfEvents:
    """What formulas of the group of that number read of its events, whose columns are (events,) each."""
    counts = counts_of(batch, batch[number].group) if number else np.empty(0, np.int64)
    return OfEvents(events, np.repeat(np.arange(len(counts)), counts))


def quantise(
    values: Arrays,
    group: Group,
    model: GroupModel,
    bounds: Mapping[str, Bound],
    of_events: OfEvents,
    order: NDArray[np.int64] | None,
) -> tuple[dict[str, Codes], dict[str, Predicted]]:
    """The codes of the columns on a grid, whose `values` become those that codes give back, and what was predicted of
    those that are centred on it. `order` int64 (rows,) are the numbers of the rows, from 0 on where None.
    """
    codes = {}
    for name, column in model.columns.items():
        if isinstance(column, OnGrid) and not is_centred(column.grid):
            codes[name] = quantise_column(values[name], column.grid, bounds[name], order)
            values[name] = codes[name].restored.reshape(values[name].shape)
    centred, predicted = quantise_centred(values, group, model, bounds, of_events)
    return codes | centred, predicted


def quantise_centred(
    values: Arrays, group: Group, model: GroupModel, bounds: Mapping[str, Bound], of_events: OfEvents
) -> tuple[dict[str, Codes], dict[str, Predicted]]:
    """The same of the columns that are centred on predictions alone, where those of all others are restored ones."""
    codes, predicted = dict[str, Codes](), dict[str, Predicted]()
    for name in model.centred:
        column = model.columns[name]
        if not isinstance(column, OnGrid) or column.formula is None:
            raise ValueError(f"column {name!r} is centred on what no formula predicts")
        numbers = column.formula.evaluate(of_events.read(column.formula.names, values))
        predicted[name] = predict_codes(numbers, column.grid, group.column(name).dtype)
        codes[name] = quantise_column(values[name], predicted[name].grid, bounds[name])
        values[name] = codes[name].restored
    return codes, predicted
