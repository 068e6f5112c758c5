"""Guarantees over the columns of a schema: what each is of every row or event, and what it reads of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.grid.judge import in_units_of_bound, keeps_bound
from baler_vae.guarantees.definitions import Guarantee, Guarantees
from baler_vae.kinematics.physics import Quantities, Quantity, Read, quantities_of
from baler_vae.kinematics.selection import Selection, selection_of
from baler_vae.table.bounds import Bound, bound_of_text
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, counts_of, offsets_from_counts

Kept = NDArray[np.bool_]
Mask = NDArray[np.bool_]
Cells = dict[tuple[int, str], Mask]
"""By the number of a group and the name of a column: rows, bool (rows,)."""


@dataclass(frozen=True, eq=False)
class Promise:
    """One guarantee. `home` is the number of the group whose rows, or events, it is about, `reads` what it reads of
    them; a cut on counts reads what its `inner` cuts read as well.
    """

    guarantee: Guarantee
    home: int
    reads: tuple[Read, ...]
    selection: Selection | None = None
    inner: tuple["Promise", ...] = ()
    bound: Bound = field(default_factory=lambda: Bound("exact"))

    def values(self, extended: Batch) -> NDArray[np.generic]:
        """The decisions, bool (rows,), or the quantity, float64 (rows,), NaN where it has no value, of a batch that was
        extended by all quantities.
        """
        if self.selection is not None:
            return self.selection.passed(extended)
        name = self.guarantee.quantity
        return next(table.arrays[name] for table in extended if name is not None and name in table.arrays)

    def kept(self, before: NDArray[np.generic], after: NDArray[np.generic]) -> Kept:
        """Whether values after (rows,) are as promised of those before (rows,), bool (rows,)."""
        if self.selection is not None:
            return np.asarray(before == after, np.bool_)
        return keeps_bound(before, after, self.bound)

    def units(self, before: NDArray[np.generic], after: NDArray[np.generic]) -> NDArray[np.float64]:
        """How far values (rows,) are from those before, in units of the bound, float64 (rows,)."""
        if self.selection is not None:
            return np.where(before == after, 0.0, np.inf)
        return in_units_of_bound(before, after, self.bound)

    @property
    def columns(self) -> set[tuple[int, str]]:
        """The columns that it reads, with the numbers of their groups."""
        return {(read.group, read.name) for one in (self, *self.inner) for read in one.reads}


class Promises:
    """Guarantees, ready to be judged over the batches of a schema, or of a part of it that has the columns they read.

    Raises:
        UsageError: one reads a column that is not there, or not numeric, or is not a quantity or cut.
    """

    def __init__(self, guarantees: Guarantees, schema: Schema) -> None:
        self.guarantees = guarantees
        wanted = [Quantity(**quantity.model_dump()) for quantity in guarantees.quantities]
        self.quantities: Quantities = quantities_of(wanted, schema)
        self.all = tuple(map(self._promise, guarantees.promised))
        self.columns = {column for promise in self.all for column in promise.columns}

    def values(self, batch: Batch) -> list[NDArray[np.generic]]:
        """What each guarantee is about, by row or event, of a batch."""
        extended = self.quantities.extend(batch)
        return [promise.values(extended) for promise in self.all]

    def kept(self, before: Sequence[NDArray[np.generic]], after: Sequence[NDArray[np.generic]]) -> list[Kept]:
        """Which rows and events keep each guarantee."""
        return [promise.kept(*pair) for promise, *pair in zip(self.all, before, after, strict=True)]

    def inner_misses(self, promise: Promise, before: Batch, after: Batch) -> list[tuple[Promise, Mask]]:
        """The cuts whose counts a promise reads, and the rows that change sides of them, bool (rows,)."""
        pair = [self.quantities.extend(batch) for batch in (before, after)] if promise.inner else []
        return [(inner, inner.values(pair[0]) != inner.values(pair[1])) for inner in promise.inner]

    def _promise(self, guarantee: Guarantee) -> Promise:
        schema = self.quantities.schema
        if guarantee.cut is None:
            name = str(guarantee.quantity)
            return Promise(
                guarantee,
                self.quantities.homes[name],
                self.quantities.reads[name],
                bound=bound_of_text(guarantee.bound or ""),
            )
        selection = selection_of(guarantee.cut, schema, at_least=guarantee.at_least)
        return self._of_selection(guarantee, selection)

    def _of_selection(self, guarantee: Guarantee, selection: Selection) -> Promise:
        inner = tuple(self._of_selection(guarantee, own) for own in selection.inner)
        home = self.quantities.schema.group_number(selection.home.name)
        return Promise(guarantee, home, self.quantities.reads_of(selection.own_names), selection, inner)


def check_promisable(promises: Promises, bounds: Mapping[str, Bound]) -> None:
    """Check that every column that a guarantee reads keeps a bound.

    Raises:
        UsageError: one is `free`.
    """
    for promise in promises.all:
        for _, name in sorted(promise.columns):
            if bounds[name].kind == "free":
                raise UsageError(
                    f"the guarantee {promise.guarantee.text!r} reads a column under `free`, which promises nothing",
                    column=name,
                    way_out="Give the column a bound such as bits:10, or leave the guarantee out",
                )


def cells_read(batch: Batch, home: int, items: Mask, reads: Iterable[Read]) -> Cells:
    """What some rows of a home, or events, bool (rows,), read of the tables of a batch."""
    found: Cells = {}
    for read in reads:
        rows = _rows_read(batch, home, items, read)
        key = read.group, read.name
        found[key] = found[key] | rows if key in found else rows
    return found


def _rows_read(batch: Batch, home: int, items: Mask, read: Read) -> Mask:
    """The rows of a column's group that items read, bool (rows,)."""
    if read.rows is None and read.group == home:
        return items
    events = events_of(batch, home, items)
    if read.group == 0:
        return events
    return _in_places(batch, read, np.repeat(events, counts_of(batch, batch[read.group].group)))


def _in_places(batch: Batch, read: Read, rows: Mask) -> Mask:
    """Those of some rows of a group, bool (rows,), that stand in the places of their events that are read."""
    if not read.rows:
        return rows
    counts = counts_of(batch, batch[read.group].group)
    places = np.arange(len(rows)) - np.repeat(offsets_from_counts(counts)[:-1], counts)
    return rows & np.isin(places, read.rows)


def events_of(batch: Batch, home: int, items: Mask) -> Mask:
    """The events of some rows of a home, or those events themselves, bool (events,)."""
    if home == 0:
        return items
    counts = counts_of(batch, batch[home].group)
    events = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(events[items], minlength=len(counts)) > 0


def items_reading(batch: Batch, home: int, reads: Iterable[Read], cells: Cells) -> Mask:
    """The rows of a home, or events, that read some cells, bool (rows,)."""
    n_rows = batch[home].n_rows
    found = np.zeros(n_rows, np.bool_)
    for read in reads:
        rows = cells.get((read.group, read.name))
        if rows is None or not rows.any():
            continue
        if read.rows is None and read.group == home:
            found |= rows
            continue
        events = events_of(batch, read.group, _in_places(batch, read, rows))
        found |= events if home == 0 else np.repeat(events, counts_of(batch, batch[home].group))
    return found
