"""Batches of rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.schema import Column, Group, Schema

ROW_GROUP_ROWS = 65_536
"""A row group is closed when its largest group reaches this number of rows."""

LARGEST_ROWS = 1 << 22
"""The most rows that a group may have in a row group: a single event with more is refused. A reader takes memory for
all of them before it can know that an archive lies; this many take some hundred megabytes."""


@dataclass(frozen=True)
class Table:
    """The rows of one group.

    `arrays` maps each column's name to its values, an array (rows,) of the column's dtype; to a `Nested` for those that
    are nested.
    """

    group: Group
    arrays: Mapping[str, NDArray[np.generic]]

    def __post_init__(self) -> None:
        if tuple(self.arrays) != self.group.names:
            raise ValueError(f"table of group {self.group.name!r} has columns {list(self.arrays)}")
        lengths = {array.shape for array in self.arrays.values()}
        if len(lengths) > 1 or any(len(shape) != 1 for shape in lengths):
            raise ValueError(f"columns of group {self.group.name!r} have shapes {lengths}")
        for column in self.group.columns:
            if self.arrays[column.name].dtype != column.dtype:
                raise ValueError(f"column {column.name!r} is {self.arrays[column.name].dtype}, not {column.dtype}")

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        return self.arrays[name]

    @property
    def n_rows(self) -> int:
        return len(next(iter(self.arrays.values()))) if self.arrays else 0

    def rows(self, start: int, stop: int) -> "Table":
        """The rows from `start` up to, not including, `stop`."""
        return Table(self.group, {name: array[start:stop] for name, array in self.arrays.items()})


Batch = tuple[Table, ...]
"""One table per group of a schema, in its order, over the same range of events."""


def empty_batch(schema: Schema) -> Batch:
    """A batch without events."""
    return tuple(Table(group, {c.name: empty_column(c) for c in group.columns}) for group in schema.groups)


def empty_column(column: Column) -> NDArray[np.generic]:
    """The values (0,) of a column without rows."""
    return Nested.empty() if column.is_nested else np.empty(0, column.dtype)


def counts_of(batch: Batch, group: Group) -> NDArray[np.int64]:
    """The number of a jagged group's rows in each event of a batch, int64 (events,)."""
    if group.counter is None:
        raise ValueError(f"group {group.name!r} is not jagged")
    return batch[0][group.counter].astype(np.int64)


def offsets_from_counts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each event's rows begin, and the end: int64 (events + 1,)."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    return offsets


def slice_events(batch: Batch, start: int, stop: int) -> Batch:
    """The events from `start` up to, not including, `stop`, with the rows of their collections."""
    tables = [batch[0].rows(start, stop)]
    for table in batch[1:]:
        offsets = offsets_from_counts(counts_of(batch, table.group))
        tables.append(table.rows(int(offsets[start]), int(offsets[stop])))
    return tuple(tables)


def concatenate(batches: Sequence[Batch], schema: Schema) -> Batch:
    """All events of several batches as one."""
    if not batches:
        return empty_batch(schema)
    if len(batches) == 1:
        return batches[0]
    return tuple(
        Table(group, {name: _joined([batch[i][name] for batch in batches]) for name in group.names})
        for i, group in enumerate(schema.groups)
    )


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    nested = [found for part in parts if (found := nested_of(part)) is not None]
    return Nested.joined(nested) if nested else np.concatenate(parts)


def row_groups(batches: Iterable[Batch], schema: Schema, limit: int = ROW_GROUP_ROWS) -> Iterator[Batch]:
    """The same events cut into row groups, however the batches were cut.

    A row group ends with the event in which its largest group reaches `limit` rows.
    """
    waiting: list[Batch] = []
    waiting_rows = np.zeros(len(schema.groups), np.int64)
    for incoming in batches:
        batch = incoming
        while batch[0].n_rows:
            ends = [np.arange(1, batch[0].n_rows + 1)]
            ends += [np.cumsum(counts_of(batch, table.group)) for table in batch[1:]]
            largest = np.max([end + rows for end, rows in zip(ends, waiting_rows, strict=True)], axis=0)
            stop = int(np.searchsorted(largest, limit, side="left")) + 1
            if stop > batch[0].n_rows:
                waiting.append(batch)
                waiting_rows += [table.n_rows for table in batch]
                break
            yield concatenate([*waiting, slice_events(batch, 0, stop)], schema)
            waiting, waiting_rows = [], np.zeros_like(waiting_rows)
            batch = slice_events(batch, stop, batch[0].n_rows)
    if waiting:
        yield concatenate(waiting, schema)


def in_steps(batches: Iterable[Batch], schema: Schema, n_events: int) -> Iterator[Batch]:
    """The same events in batches of `n_events`, however the batches were cut; the last one may have fewer."""
    waiting: list[Batch] = []
    n_missing = n_events
    for batch in batches:
        start = 0
        while start < batch[0].n_rows:
            stop = min(start + n_missing, batch[0].n_rows)
            waiting.append(slice_events(batch, start, stop))
            n_missing -= stop - start
            start = stop
            if not n_missing:
                yield concatenate(waiting, schema)
                waiting, n_missing = [], n_events
    if waiting:
        yield concatenate(waiting, schema)
