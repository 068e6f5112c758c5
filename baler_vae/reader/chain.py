"""Several archives of one schema, read as one."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

from baler_vae.archive.manifest import ColumnEntry
from baler_vae.errors import UsageError, nearest
from baler_vae.reader.archive import Archive
from baler_vae.reader.face import Face
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, Table


class ArchiveChain(Face):
    """Archives whose columns are the same, one after the other. Its names, titles and bounds are those of the first;
    events are counted through all of them. Use it as a context manager; it closes the archives that it was given.

    Parameters
    ----------
    archives : sequence of Archive
        At least one, in the order of their events.

    Raises
    ------
    UsageError
        An archive lacks a column, has one more, or holds it as another type.
    """

    def __init__(self, archives: Sequence[Archive]) -> None:
        if not archives:
            raise UsageError("there are no archives to chain")
        self.archives = tuple(archives)
        self.schema = archives[0].schema
        self.path = f"{archives[0].path} and {len(archives) - 1:,} more" if len(archives) > 1 else archives[0].path
        for archive in archives[1:]:
            check_same_columns(archives[0], archive)
        self._types: dict[str, Any] = {}

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<ArchiveChain {str(self.path)!r} ({len(self)} columns, {self.num_entries:,} events, {state})>"

    def __reduce__(self) -> tuple[Any, tuple[tuple[Archive, ...]]]:
        return type(self), (self.archives,)

    def close(self) -> None:
        for archive in self.archives:
            archive.close()

    @property
    def closed(self) -> bool:
        return any(archive.closed for archive in self.archives)

    @property
    def num_entries(self) -> int:
        return self.offsets[-1]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each archive begins, in events, and the end of the last one."""
        return tuple(accumulate((archive.num_entries for archive in self.archives), initial=0))

    def batches(self, selection: Schema, *, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """The row groups that overlap the events from `start` to `stop`, cut to them.

        Raises:
            CorruptArchive: a section is damaged.
            UsageError: a nested column has another type in one archive than in those before.
        """
        stop = self.num_entries if stop is None else stop
        for archive, first, end in zip(self.archives, self.offsets, self.offsets[1:], strict=False):
            if (first < stop and end > start) or not self.num_entries:
                own = archive.schema.only(set(selection.order))
                for batch in archive.batches(own, start=max(start - first, 0), stop=min(stop, end) - first):
                    yield self._arranged(batch, selection, archive)

    def entries(self, column: str) -> list[ColumnEntry]:
        return [entry for archive in self.archives for entry in archive.entries(column)]

    def common_entry_offsets(self) -> list[int]:
        found = [
            first + offset
            for archive, first in zip(self.archives, self.offsets, strict=False)
            for offset in archive.common_entry_offsets()[1:]
        ]
        return [0, *found]

    def typed_empty(self, selection: Schema) -> Batch:
        own = [archive for archive in self.archives if archive.num_entries] or self.archives
        return self._arranged(own[0].typed_empty(own[0].schema.only(set(selection.order))), selection, own[0])

    def _arranged(self, batch: Batch, selection: Schema, archive: Archive) -> Batch:
        """A batch of an archive with its groups and columns in the order of a selection."""
        tables = {table.group.name: table for table in batch}
        for name, values in (pair for table in batch for pair in table.arrays.items()):
            nested = nested_of(values) if len(values) else None
            if nested is not None and self._types.setdefault(name, nested.values.type) != nested.values.type:
                raise UsageError(
                    "a column has a different type from the archives before",
                    path=archive.path,
                    column=name,
                    found=nested.values.type,
                    expected=self._types[name],
                )
        return tuple(
            Table(group, {name: tables[group.name][name] for name in group.names}) for group in selection.groups
        )


def check_same_columns(first: Archive, other: Archive) -> None:
    """Raise UsageError unless two archives have the same columns, whatever their order, titles and bounds are."""
    expected, found = _columns(first.schema), _columns(other.schema)
    for name in {**expected, **found}:
        if name not in found or name not in expected:
            lacking, names = (other, found) if name not in found else (first, expected)
            raise UsageError(
                f"lacks a column of the other archives: {nearest(name, names)}", path=lacking.path, column=name
            )
        if expected[name] != found[name]:
            raise UsageError(
                f"differs from the same column of {first.path}",
                path=other.path,
                column=name,
                found=" ".join(filter(None, found[name])),
                expected=" ".join(filter(None, expected[name])),
            )


def _columns(schema: Schema) -> dict[str, tuple[str, str, str, str]]:
    """What must be the same of each column: its dtype, its collection with the counter, its array, its mask."""
    arrays = {name: f"of an array {array.name}{list(array.shape)}" for array in schema.arrays for name in array.columns}
    masks = {mask.values: f"that {mask.missing} masks" for mask in schema.masks}
    for made in schema.padded:
        for array in made.arrays:
            of = f"of a padded array {array.name}{list(array.shape)} with padding {list(array.padding)}"
            arrays |= dict.fromkeys(array.features, of)
    return {
        column.name: (
            column.kind,
            f"of {group.name}, counted by {group.counter}" if group.counter else "",
            arrays.get(column.name, ""),
            masks.get(column.name, ""),
        )
        for group in schema.groups
        for column in group.columns
    }
