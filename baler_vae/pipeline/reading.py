"""An archive open for reading: what it holds, and the rows in it."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

import awkward as ak
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from baler_vae.archive.container import ArchiveFile
from baler_vae.archive.manifest import Manifest
from baler_vae.errors import CorruptArchive, UsageError
from baler_vae.io.source import Ranges, Source
from baler_vae.model.group import GroupModel
from baler_vae.pipeline.groups import decode_group
from baler_vae.pipeline.info import describe_archive
from baler_vae.pipeline.manifests import schema_of, section_name
from baler_vae.pipeline.models import check_entries, read_model
from baler_vae.pipeline.parallel import in_parallel
from baler_vae.pipeline.rows import Events
from baler_vae.table.schema import TEXT, Column, Group, Schema, matches, several
from baler_vae.table.table import LARGEST_ROWS, Batch, Table, concatenate, counts_of, offsets_from_counts, slice_events

Library = Literal["ak", "np", "pd"]


def open(path: str | Path) -> "Archive":  # noqa: A001  the verb that users know from uproot
    """The archive at a path, open for reading.

    Raises:
        SourceError: there is no such file.
        ArchiveError: it is not an archive, or is damaged.
        UsageError: it is a codec.
    """
    return Archive(path)


class Archive:
    """An archive: schema, sizes, and rows, decoded row group by row group. Use it as a context manager."""

    def __init__(self, path: str | Path) -> None:
        self._file = ArchiveFile(path)
        self._models: dict[int, GroupModel] = {}
        self.path = self._file.path
        self.manifest = self._file.manifest
        try:
            self.schema = _archive_schema(self.manifest, self.path)
            check_entries(self._file)
            _check_row_groups(self.manifest, self.path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    @property
    def num_entries(self) -> int:
        """The number of events."""
        return sum(rows[0] for rows in self.manifest.row_groups)

    def keys(self, filter_name: str = "*") -> list[str]:
        """The names of the columns that match a glob, in the order of the source."""
        return [name for name in self.schema.order if matches(name, filter_name)]

    def arrays(
        self,
        expressions: str | Sequence[str] = (),
        *,
        entry_start: int = 0,
        entry_stop: int | None = None,
        library: Library = "ak",
    ) -> Any:  # noqa: ANN401  it depends on the library
        """The columns that match a glob of `expressions` (all of them by default) over a range of events.

        `ak` gives an awkward array of records, jagged columns as lists; `np` a dict of arrays, jagged columns as
        arrays of objects; `pd` a data frame of the event-level columns, or of one collection's when only those (and
        their counter) are asked for.

        Raises:
            UsageError: an expression matches nothing, the library is unknown, or `pd` is asked for columns of different
                lengths.
        """
        if library not in get_args(Library):
            raise UsageError(f"unknown library {library!r}", expected=" or ".join(get_args(Library)))
        selection = self.schema.select(several(expressions))
        start, stop, _ = slice(entry_start, entry_stop).indices(self.num_entries)
        batch = concatenate(list(self.batches(selection, start=start, stop=stop)), selection)
        if library == "pd":
            return _data_frame(batch)
        if library == "ak":
            return ak.zip({name: _as_awkward(batch, name) for name in selection.order}, depth_limit=1)
        return {name: _as_numpy(batch, name) for name in selection.order}

    def batches(self, selection: Schema, *, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """The row groups that overlap the events from `start` to `stop`, cut to them.

        Raises:
            CorruptArchive: a section is damaged.
        """
        stop = self.num_entries if stop is None else stop
        n_events = [rows[0] for rows in self.manifest.row_groups]
        firsts = [end - number for number, end in zip(n_events, accumulate(n_events), strict=True)]
        wanted = [n for n, first in enumerate(firsts) if first < stop and first + n_events[n] > start]
        batches = in_parallel(lambda number: self._row_group(number, selection), wanted)
        for number, batch in zip(wanted, batches, strict=True):
            yield slice_events(batch, max(start - firsts[number], 0), min(stop - firsts[number], n_events[number]))

    def as_source(self) -> Source:
        """The archive as one more kind of input."""
        return Source(str(self.path), self.schema, self.num_entries, self._ranges)

    def _ranges(self, selection: Schema, _step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        """The batches of a selection as a source hands them on."""
        for start, stop in [(0, self.num_entries)] if ranges is None else ranges:
            yield from self.batches(selection, start=start, stop=stop)

    @property
    def n_bytes(self) -> int:
        return self._file.n_bytes

    def check_sections(self) -> int:
        """The number of sections, every one checked against its digest.

        Raises:
            CorruptArchive: a section is damaged.
        """
        self._file.check_all()
        return len(self.manifest.sections)

    def info(self) -> dict[str, Any]:
        """What takes how many bytes; the keys are those of `describe_archive`."""
        return describe_archive(self._file)

    def _row_group(self, row_group: int, selection: Schema) -> Batch:
        rows = self.manifest.row_groups[row_group]
        numbers = {group.name: number for number, group in enumerate(self.schema.groups)}
        own = Group(selection.events.name, self._needed_events(selection))
        events = self._table(0, row_group, rows[0], own)
        batch = [Table(selection.events, {name: events[name] for name in selection.events.names})]
        for group in selection.groups[1:]:
            number = numbers[group.name]
            seen = self._events(events, group, row_group, rows[number])
            batch.append(self._table(number, row_group, rows[number], group, seen))
        return tuple(batch)

    def _events(self, events: Table, group: Group, row_group: int, n_rows: int) -> Events:
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

    def _needed_events(self, selection: Schema) -> tuple[Column, ...]:
        """The columns of the events that are wanted, or that columns of other groups depend on."""
        events, names = self.schema.events, set(selection.events.names)
        for group in selection.groups[1:]:
            model = self._model([own.name for own in self.schema.groups].index(group.name))
            names |= model.event_columns(group.names, events.names)
        return tuple(column for column in events.columns if column.name in names)

    def _model(self, number: int) -> GroupModel:
        if number not in self._models:
            self._models[number] = read_model(self._file, number)
        return self._models[number]

    def _table(self, number: int, row_group: int, n_rows: int, wanted: Group, events: Events | None = None) -> Table:
        section = section_name(number, row_group)
        parts, model = self._file.parts(section), self._model(number)
        try:
            return Table(wanted, decode_group(parts, model, self.schema.groups[number], wanted, n_rows, events))
        except ValueError as error:
            raise CorruptArchive(
                f"does not hold what the manifest says: {error}", path=self.path, section=section
            ) from error


def _archive_schema(manifest: Manifest, path: Path) -> Schema:
    if manifest.kind != "archive":
        raise UsageError("is a codec, not an archive", path=path, way_out="Give what `baler-vae compress` wrote")
    return schema_of(manifest, path)


def _check_row_groups(manifest: Manifest, path: Path) -> None:
    """Nothing, when the numbers of rows are such as a writer makes: memory is taken by them."""
    for number, rows in enumerate(manifest.row_groups):
        if len(rows) != len(manifest.groups) or max(rows) > LARGEST_ROWS:
            raise CorruptArchive(
                f"row group {number} does not have a possible number of rows for each group",
                path=path,
                section="manifest.json",
                found=str(rows[:8]),
                expected=f"{len(manifest.groups)} numbers up to {LARGEST_ROWS}",
            )


def _table_of(batch: Batch, name: str) -> Table:
    return next(table for table in batch if name in table.group.names)


def _as_awkward(batch: Batch, name: str) -> ak.Array:
    table = _table_of(batch, name)
    values = table[name]
    array = ak.Array(ak.from_iter(values.tolist()) if values.dtype == TEXT else values)
    return array if table.group.counter is None else ak.unflatten(array, counts_of(batch, table.group))


def _as_numpy(batch: Batch, name: str) -> NDArray[Any]:
    table = _table_of(batch, name)
    if table.group.counter is None:
        return table[name]
    offsets = offsets_from_counts(counts_of(batch, table.group))
    rows = np.empty(len(offsets) - 1, object)
    for event, (start, stop) in enumerate(pairwise(offsets.tolist())):
        rows[event] = table[name][start:stop]
    return rows


def _data_frame(batch: Batch) -> pd.DataFrame:
    counters = {table.group.counter for table in batch}
    collections = batch[1:]
    event_columns = [name for name in batch[0].group.names if name not in counters]
    if len(collections) > 1 or (collections and event_columns):
        raise UsageError(
            "a data frame has rows of one length",
            found=", ".join(table.group.name for table in batch),
            way_out='Ask for the columns of one collection, or for library="ak"',
        )
    if not collections:
        return pd.DataFrame(dict(batch[0].arrays))
    counts = counts_of(batch, collections[0].group)
    entry = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    index = pd.MultiIndex.from_arrays([entry, np.arange(len(entry)) - first], names=["entry", "subentry"])
    return pd.DataFrame(dict(collections[0].arrays), index=index)
