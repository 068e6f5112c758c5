"""The decoding engine of an open archive: row groups in, batches out. What users ask for is `archive`'s affair."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.container import ArchiveFile
from baler_vae.codec.groups import decode_group, needed_parts
from baler_vae.codec.manifests import section_name
from baler_vae.codec.opening import archive_schema, check_row_groups
from baler_vae.codec.rows import Events
from baler_vae.codec.sections import check_entries, read_model
from baler_vae.errors import CorruptArchive
from baler_vae.model.group import GroupModel
from baler_vae.scale.parallel import in_parallel
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import Column, Group, Schema
from baler_vae.table.table import Batch, Table, counts_of, slice_events


class Engine:
    """Decodes the row groups of an open file, several at once; the models of its groups are read when first needed.

    Threads may share it.

    Raises:
        UsageError: the file is a codec.
        CorruptArchive: its manifest is inconsistent.
    """

    def __init__(self, file: ArchiveFile) -> None:
        self.file = file
        self.path: str | Path = file.path
        self.manifest = file.manifest
        self.schema: Schema = archive_schema(self.manifest, self.path)
        check_entries(file)
        check_row_groups(self.manifest, self.path)
        n_events = [rows[0] for rows in self.manifest.row_groups]
        self.offsets = tuple(accumulate(n_events, initial=0))
        """Where each row group begins, in events, and the end of the last one."""
        self._models: dict[int, GroupModel] = {}
        self._types: dict[str, Any] = {}

    @property
    def num_entries(self) -> int:
        return self.offsets[-1]

    def batches(self, selection: Schema, start: int, stop: int) -> Iterator[Batch]:
        """The row groups that overlap the events from `start` to `stop`, cut to them.

        Raises:
            CorruptArchive: a section is damaged.
        """
        self.file.check_open()
        wanted = [n for n, first in enumerate(self.offsets[:-1]) if first < stop and self.offsets[n + 1] > start]
        if not self.num_entries:  # a row group without events tells the types of nested columns
            wanted = list(range(len(self.offsets) - 1))
        for group in selection.groups if wanted else ():  # before there are threads, each of which would read them
            self._model(self._number(group))
        batches = in_parallel(lambda number: self.row_group(number, selection), wanted)
        for number, batch in zip(wanted, batches, strict=True):
            first, end = self.offsets[number : number + 2]
            yield slice_events(batch, max(start - first, 0), min(stop, end) - first)

    @np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
    def row_group(self, row_group: int, selection: Schema) -> Batch:
        """All events of one row group, told by its number.

        Raises:
            CorruptArchive: a section is damaged.
        """
        rows = self.manifest.row_groups[row_group]
        own = Group(selection.events.name, self._needed_events(selection))
        events = self._table(0, row_group, rows[0], own)
        batch = [Table(selection.events, {name: events[name] for name in selection.events.names})]
        for group in selection.groups[1:]:
            number = self._number(group)
            seen = self.events_of(events, group, row_group, rows[number])
            batch.append(self._table(number, row_group, rows[number], group, seen))
        return tuple(batch)

    def events_of(self, events: Table, group: Group, row_group: int, n_rows: int) -> Events:
        """What the rows of a group see of their events, its counter checked."""
        counts = counts_of((events,), group)
        # Each by itself first: a sum of 64 bits could wrap.
        if np.any((counts < 0) | (counts > n_rows)) or counts.sum() != n_rows:
            raise CorruptArchive(
                f"the counter {group.counter!r} does not add up to the rows of {group.name!r}",
                path=self.path,
                section=section_name(0, row_group),
                expected=n_rows,
            )
        return Events(counts, self.schema.events.names, events.arrays, self._model(0).columns)

    def _number(self, group: Group) -> int:
        """The number of the group that a group of a selection is taken from."""
        return [own.name for own in self.schema.groups].index(group.name)

    def _needed_events(self, selection: Schema) -> tuple[Column, ...]:
        """The columns of the events that are wanted, or that columns of other groups depend on."""
        events, names = self.schema.events, set(selection.events.names)
        for group in selection.groups[1:]:
            model = self._model(self._number(group))
            names |= model.event_columns(group.names, events.names)
        return tuple(column for column in events.columns if column.name in names)

    def _model(self, number: int) -> GroupModel:
        if number not in self._models:
            self._models[number] = read_model(self.file, number)
        return self._models[number]

    def _table(self, number: int, row_group: int, n_rows: int, wanted: Group, events: Events | None = None) -> Table:
        section, model = section_name(number, row_group), self._model(number)
        parts = self.file.checked_parts(section, needed_parts(model, wanted.names), model.n_parts)
        try:
            arrays = decode_group(parts, model, self.schema.groups[number], wanted, n_rows, events)
            self._check_types(arrays, n_rows)
            return Table(wanted, arrays)
        except ValueError as error:
            raise CorruptArchive(
                f"does not hold what the manifest says: {error}", path=self.path, section=section
            ) from error

    def _check_types(self, arrays: Mapping[str, NDArray[np.generic]], n_rows: int) -> None:
        """Raise ValueError unless nested columns have one type in all row groups that have rows."""
        for name, values in arrays.items():
            nested = nested_of(values) if n_rows else None
            if nested is not None and self._types.setdefault(name, nested.values.type) != nested.values.type:
                raise ValueError(f"column {name!r} is {nested.values.type} here and {self._types[name]} elsewhere")
