"""The rows of a group on their way to bytes: every value quantised once, its restored value kept."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.correcting import Guarded
from baler_vae.codec.quantising import OfEvents, quantise, quantised
from baler_vae.codec.rows import Arrays, Events, layout_of, shown_codes
from baler_vae.grid.codes import Codes, Predicted, is_special
from baler_vae.grid.grids import Grid, is_centred
from baler_vae.model.columns import OnGrid
from baler_vae.model.group import GroupModel
from baler_vae.model.layout import Layout
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Group
from baler_vae.table.table import Batch, Table, counts_of

if TYPE_CHECKING:
    from baler_vae.codec.guarding import Guard


@dataclass(frozen=True, eq=False)
class CodedTable:
    """The rows of a group in the order of their `layout`.

    `codes` are those of the columns on a grid; `values` all columns (rows,) as a reader will get them, but those under
    `free`, which are as they were read. A network sees these: what it says does not depend on what a grid takes away,
    so that a restored file is compressed to the same bytes. `events` is what the rows of a collection see of their
    events, `guarded` what keeps guarantees, `predicted` what formulas predict of columns, as far as that is known.
    """

    group: Group
    model: GroupModel
    layout: Layout
    codes: Mapping[str, Codes]
    values: Arrays
    events: Events | None = None
    guarded: Guarded = field(default_factory=Guarded)
    predicted: Mapping[str, Predicted] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        return self.layout.n_rows

    def as_events(self, counts: NDArray[np.int64], names: Collection[str] | None = None) -> Events:
        """The rows, which are events, as those of a collection that has `counts` int64 (rows,) objects in each, and
        whose networks see the columns `names`, all by default.
        """
        on_grid = {
            name: column
            for name, column in self.model.columns.items()
            if isinstance(column, OnGrid) and not self.group.column(name).is_array
        }
        seen = on_grid if names is None else on_grid.keys() & names
        coded = {name: _shown(self.codes[name], on_grid[name].grid) for name in seen}
        return Events(counts, self.group.names, self.values, self.model.columns, coded)


def coded_table(
    table: Table,
    model: GroupModel,
    bounds: Mapping[str, Bound],
    events: Events | None = None,
    own_codes: Mapping[str, Codes] | None = None,
    guarded: Guarded | None = None,
) -> CodedTable:
    """The rows of a group with the codes of its columns; `bounds` by column. They have their codes already, in the
    order of the table, where guarantees were to be kept.
    """
    layout = layout_of(model, table.n_rows, events)
    values: Arrays = {name: layout.arrange(array) for name, array in table.arrays.items()}
    predicted: dict[str, Predicted] = {}
    if own_codes is None:
        of_events = OfEvents({} if events is None else events.arrays, layout.events)
        codes, predicted = quantise(values, table.group, model, bounds, of_events, layout.order)
    else:
        codes = {n: own if layout.is_own_order else own.only(layout.order) for n, own in own_codes.items()}
        values |= {n: own.restored.reshape(values[n].shape) for n, own in codes.items()}
    return CodedTable(table.group, model, layout, codes, values, events, guarded or Guarded(), predicted)


def coded_tables(
    batch: Batch, models: Mapping[str, GroupModel], bounds: Mapping[str, Bound], guard: "Guard | None" = None
) -> Iterator[CodedTable]:
    """The tables of a batch, one after the other; the events, which come first, are shared by all collections. `models`
    is by group, `bounds` by column; a `guard` keeps guarantees.
    """
    codes: Sequence[Mapping[str, Codes] | None] = [None] * len(batch)
    guarded: Sequence[Guarded | None] = [None] * len(batch)
    if guard is not None:
        nearest = quantised(batch, models, bounds)
        codes, guarded = guard.guard(batch, nearest)
    first = coded_table(batch[0], models[batch[0].group.name], bounds, None, codes[0], guarded[0])
    yield first
    for table, own, kept in zip(batch[1:], codes[1:], guarded[1:], strict=True):
        model = models[table.group.name]
        events = first.as_events(counts_of(batch, table.group), model.event_columns(model.names, first.group.names))
        yield coded_table(table, model, bounds, events, own, kept)


def _shown(coded: Codes, grid: Grid) -> NDArray[np.int64]:
    """The codes (rows,) that restored values have where special ones are not seen as such."""
    if grid.holds_everything:
        return coded.codes
    if is_centred(grid):
        return shown_codes(coded.restored, grid, rows=None)
    rows = np.flatnonzero(is_special(coded.codes))
    if not len(rows):
        return coded.codes
    codes = coded.codes.copy()
    codes[rows] = shown_codes(coded.restored[rows], grid, rows)
    return codes
