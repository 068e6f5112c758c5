"""Batches of rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.padded import padded_cells
from baler_vae.table.schema import Column, Group, Schema

ROW_GROUP_ROWS = 65_536
"""A row group is closed when its largest group reaches this number of rows."""

ROW_GROUP_BYTES = 64 << 20
"""A row group is closed, too, when its values take this many bytes, as `bytes_until` counts them."""

TEXT_BYTES = 64
"""The memory overhead of a text, in bytes."""

CELL_BYTES = 32
"""What a cell of an array in a row counts, whatever its dtype: while a row group is encoded it is a code, its value,
the restored one and what it takes to check that, in as many row groups as there are threads. Images of 32 x 32 float32
were compressed within 1.5 GB on two threads with 8 bytes, within 0.9 GB and to the same size with 32."""

_PADDED_BYTES = 8
"""What a cell of a padded array counts, of which only those of objects are coded: a reader makes them all again."""

LARGEST_CELLS = 1 << 23
"""The cells of arrays before the last row of a row group that no writer reaches: a reader refuses more."""

LARGEST_ROWS = 1 << 22
"""The most rows that a group may have in a row group: a single event with more is refused. A reader takes memory for
all of them before it can know that an archive lies; this many take some hundred megabytes."""


@dataclass(frozen=True)
class Table:
    """The rows of one group.

    `arrays` maps each column's name to its values, an array (rows,) of the column's dtype, or (rows, *shape) where the
    column has a shape; to a `Nested` for those that are nested.
    """

    group: Group
    arrays: Mapping[str, NDArray[np.generic]]

    def __post_init__(self) -> None:
        if tuple(self.arrays) != self.group.names:
            raise ValueError(f"table of group {self.group.name!r} has columns {list(self.arrays)}")
        lengths = {array.shape[:1] for array in self.arrays.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of group {self.group.name!r} have lengths {lengths}")
        for column in self.group.columns:
            shape = self.arrays[column.name].shape
            if not shape or shape[1:] != column.shape:
                raise ValueError(f"column {column.name!r} has rows of shape {shape[1:]}, not {column.shape}")
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
"""One table for each group of a schema, in its order, over the same range of events."""


def empty_batch(schema: Schema) -> Batch:
    """A batch without events."""
    return tuple(Table(group, {c.name: empty_column(c) for c in group.columns}) for group in schema.groups)


def empty_column(column: Column) -> NDArray[np.generic]:
    """The values (0,) or (0, *shape) of a column without rows."""
    return Nested.empty() if column.is_nested else np.empty((0, *column.shape), column.dtype)


def row_bytes(columns: Iterable[Column]) -> int:
    """About how many bytes the numbers in a row of some columns take in memory, cells of arrays as codes."""
    numbers = [column for column in columns if column.is_number]
    return sum(CELL_BYTES * column.n_cells if column.is_array else column.dtype.itemsize for column in numbers)


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


def row_ends(batch: Batch, groups: Sequence[Group]) -> list[NDArray[np.int64]]:
    """The number of rows of each group, events first, up to the end of each event of a batch, int64 (events,) each."""
    ends: list[NDArray[np.int64]] = [np.arange(1, batch[0].n_rows + 1)]
    return ends + [np.cumsum(counts_of(batch, group)) for group in groups[1:]]


def bytes_until(batch: Batch, groups: Sequence[Group], ends: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """About how many bytes the values of some groups take in memory up to the end of each event, int64 (events,), for
    the `ends` (events,) of each group: numbers by their dtype, cells of arrays 8 each, a text 64 and one for each
    character, a nested value 64 and 8 for each number or character in it. A batch of the counters and of what is no
    number tells as much.
    """
    tables = {table.group.name: table for table in batch}
    taken = np.zeros(batch[0].n_rows, np.int64)
    for group, own in zip(groups, ends, strict=True):
        taken += own * row_bytes(group.columns)
        for name in (column.name for column in group.columns if not column.is_number):
            taken += offsets_from_counts(TEXT_BYTES + _sizes(tables[group.name][name]))[own]
    return taken


def without_numbers(schema: Schema) -> Schema:
    """The schema of the counters and of the columns that are not numbers: they tell where row groups end."""
    counters = {group.counter for group in schema.groups[1:]}
    wanted = {column.name for column in schema.columns if column.name in counters or not column.is_number}
    return schema.only(wanted or {schema.events.names[0]})


def _sizes(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """The size of each text or nested value (rows,), int64."""
    nested = nested_of(values)
    if nested is not None:
        return 8 * nested.leaves()
    return np.array([len(text or "") for text in values.tolist()], np.int64)


def groups_of(batch: Batch) -> list[Group]:
    """The groups of a batch, events first."""
    return [table.group for table in batch]


def bytes_of(batch: Batch) -> int:
    """The estimated bytes that the values of a batch take in memory."""
    groups = groups_of(batch)
    taken = bytes_until(batch, groups, row_ends(batch, groups))
    return int(taken[-1]) if len(taken) else 0


def row_groups(
    batches: Iterable[Batch],
    schema: Schema,
    limit: int = ROW_GROUP_ROWS,
    most_bytes: int = ROW_GROUP_BYTES,
    *,
    whole: Schema | None = None,
) -> Iterator[Batch]:
    """The same events cut into row groups, however the batches were cut.

    A row group ends with the event in which its largest group reaches `limit` rows, or its values `most_bytes` bytes.
    Batches of `without_numbers(whole)` are cut where those of the `whole` schema would be. Of padded collections all
    cells count, as those of arrays do: a reader makes them again.
    """
    counted, cells = (whole or schema).groups, padded_cells((whole or schema).padded)
    waiting: list[Batch] = []
    waiting_rows, waiting_bytes = np.zeros(len(counted), np.int64), 0
    for incoming in batches:
        batch = incoming
        while batch[0].n_rows:
            ends = row_ends(batch, counted)
            largest = np.max([end + rows for end, rows in zip(ends, waiting_rows, strict=True)], axis=0)
            taken = waiting_bytes + bytes_until(batch, counted, ends) + _PADDED_BYTES * cells * ends[0]
            stop = 1 + int(min(np.searchsorted(largest, limit), np.searchsorted(taken, most_bytes)))
            if stop > batch[0].n_rows:
                waiting.append(batch)
                waiting_rows += [end[-1] for end in ends]
                waiting_bytes = int(taken[-1])
                break
            yield concatenate([*waiting, slice_events(batch, 0, stop)], schema)
            waiting, waiting_rows, waiting_bytes = [], np.zeros_like(waiting_rows), 0
            batch = slice_events(batch, stop, batch[0].n_rows)
    if waiting:
        yield concatenate(waiting, schema)


def cut_events(batches: Iterable[Batch], schema: Schema, numbers: Iterable[int]) -> Iterator[Batch]:
    """The same events in batches of so many events each, the last ones possibly fewer; what is left over comes last."""
    waiting: list[Batch] = []
    n_waiting, wanted = 0, iter(numbers)
    number = next(wanted, None)
    for incoming in batches:
        batch = incoming
        while number is not None and n_waiting + batch[0].n_rows >= number:
            stop = number - n_waiting
            yield concatenate([*waiting, slice_events(batch, 0, stop)], schema)
            waiting, n_waiting, number = [], 0, next(wanted, None)
            batch = slice_events(batch, stop, batch[0].n_rows)
        if batch[0].n_rows:
            waiting.append(batch)
            n_waiting += batch[0].n_rows
    if waiting:
        yield concatenate(waiting, schema)
