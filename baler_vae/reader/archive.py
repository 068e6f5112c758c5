"""An archive open for reading: what it holds, and the rows in it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate, repeat
from pathlib import Path
from typing import Any

from baler_vae.archive.closing import Closing
from baler_vae.archive.collection import CollectionFile, open_file
from baler_vae.archive.container import ArchiveFile, several_tables
from baler_vae.archive.storage import Place, is_url
from baler_vae.codec.batches import decode_parts
from baler_vae.codec.codec import read_history
from baler_vae.codec.manifests import EXTRAS, HISTORY, bounds_of, section_name
from baler_vae.codec.opening import archive_schema, check_row_groups
from baler_vae.codec.provenance import settings_of
from baler_vae.codec.sections import check_entries, read_model
from baler_vae.entropy import plain
from baler_vae.errors import CorruptArchive, SourceError, UsageError, located, nearest
from baler_vae.io.files import split_spec
from baler_vae.model.group import GroupModel
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.reader.column import ArchiveColumn
from baler_vae.reader.info import describe_archive
from baler_vae.reader.libraries import Library, as_library, check_library
from baler_vae.reader.steps import STEP_SIZE, bytes_of_text
from baler_vae.scale.parallel import in_parallel
from baler_vae.source.source import Ranges, Source
from baler_vae.table.bounds import Bound
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import Group, Schema, as_tuple, matches
from baler_vae.table.table import Batch, Table, concatenate, cut_events, slice_events


class Archive(Closing):
    """An archive of one table: schema, sizes, and rows, decoded row group by row group. Use it as a context manager.

    Threads may share it, and processes that are forked. It pickles as its path and digest; what comes out of a pickle
    has opened the file anew. Once it is closed, its names and types are still known, but nothing can be read.

    `path` may name a table of a collection behind a colon: `all.bvae:Events`. With `file` it is open already.
    """

    def __init__(self, path: Place, file: ArchiveFile | None = None) -> None:
        self._file = file or open_one(path)
        self._models: dict[int, GroupModel] = {}
        self._types: dict[str, Any] = {}
        self.path = self._file.path
        self.manifest = self._file.manifest
        try:
            with located(path=self.path):
                self.schema = archive_schema(self.manifest)
                check_entries(self._file)
                check_row_groups(self.manifest)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def __repr__(self) -> str:
        return f"<Archive {str(self.path)!r}, {'closed' if self.closed else 'open'}>"

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        self._file.check_open()
        return _reopen, (absolute(self.path), self._file.digest)

    @property
    def num_entries(self) -> int:
        """The number of events."""
        return sum(rows[0] for rows in self.manifest.row_groups)

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bound of each column, by name.

        Raises:
            CorruptArchive: one is none.
        """
        with located(path=self.path):
            return bounds_of(self.manifest)

    def keys(self, filter_name: str | Sequence[str] = "*") -> list[str]:
        """The names of the branches that match a glob, in the order of the source: those of columns, and of arrays in
        place of their elements.
        """
        globs = as_tuple(filter_name)
        names = (branch.name for branch in branches_of(self.schema))
        return [name for name in names if any(matches(name, glob) for glob in globs)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __getitem__(self, name: str) -> "ArchiveColumn":
        """The column, or array of columns, of that name.

        Raises:
            UsageError: there is none.
        """
        found = [branch for branch in branches_of(self.schema) if branch.name == name]
        if found:
            return ArchiveColumn(self, found[0])
        group = self.schema.group_of(name)
        return ArchiveColumn(self, Branch(name, (group.column(name),), group))

    def arrays(
        self,
        expressions: str | Sequence[str] | None = None,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: Library = "ak",
        filter_name: str | Sequence[str] | None = None,
    ) -> Any:  # noqa: ANN401  it depends on the library
        """The columns that match a glob of `expressions` and one of `filter_name` (all of them by default), and the
        counters that they need, over a range of events, counted from the end where a number is negative.

        `ak` gives an awkward array of records, jagged columns as lists; `np` a dict of arrays, jagged columns as
        arrays of objects; `pd` a data frame of the event-level columns, or of one collection's when only those (and
        their counter) are asked for.

        Raises:
            UsageError: an expression matches nothing, the library is unknown, or `pd` is asked for columns of different
                lengths.
        """
        check_library(library)
        selection = self._select(expressions, filter_name)
        return as_library(self.batch(selection, entry_start, entry_stop), selection, library)

    def iterate(
        self,
        expressions: str | Sequence[str] | None = None,
        *,
        step_size: int | str = STEP_SIZE,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: Library = "ak",
        filter_name: str | Sequence[str] | None = None,
    ) -> Iterator[Any]:
        """What `arrays` gives, in steps of so many events, or of about so many bytes (`"100 MB"`, `"64 MiB"`). At any
        time a step and a few row groups are in memory.

        Raises:
            UsageError: as for `arrays`, or the size of a step is none.
        """
        check_library(library)
        selection = self._select(expressions, filter_name)
        start, stop = self._range(entry_start, entry_stop)
        numbers = repeat(self._step(step_size, selection))
        steps = cut_events(self.batches(selection, start=start, stop=stop), selection, numbers)
        return (as_library(batch, selection, library) for batch in steps)

    def batch(self, selection: Schema, entry_start: int | None = None, entry_stop: int | None = None) -> Batch:
        """A range of events at once, counted from the end where a number is negative.

        Raises:
            CorruptArchive: a section is damaged.
        """
        start, stop = self._range(entry_start, entry_stop)
        return concatenate(list(self.batches(selection, start=start, stop=stop)), selection)

    def batches(self, selection: Schema, *, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """The row groups that overlap the events from `start` to `stop`, cut to them.

        Raises:
            CorruptArchive: a section is damaged.
        """
        self._file.check_open()
        stop = self.num_entries if stop is None else stop
        n_events = [rows[0] for rows in self.manifest.row_groups]
        firsts = [end - number for number, end in zip(n_events, accumulate(n_events), strict=True)]
        wanted = [n for n, first in enumerate(firsts) if first < stop and first + n_events[n] > start]
        if not self.num_entries:  # a row group without events tells the types of nested columns
            wanted = list(range(len(n_events)))
        for group in selection.groups if wanted else ():  # before there are threads, each of which would read them
            self._model(self._number(group))
        batches = in_parallel(lambda number: self.row_group(number, selection), wanted)
        for number, batch in zip(wanted, batches, strict=True):
            yield slice_events(batch, max(start - firsts[number], 0), min(stop - firsts[number], n_events[number]))

    def row_group(self, row_group: int, selection: Schema) -> Batch:
        """The row group of that number, all its events.

        Raises:
            CorruptArchive: a section is damaged.
        """
        models = {group.name: self._model(self._number(group)) for group in (self.schema.events, *selection.groups)}

        def parts(number: int, wanted: Collection[int]) -> dict[int, bytes]:
            n_parts = models[self.schema.groups[number].name].n_parts
            return self._file.checked_parts(section_name(number, row_group), wanted, n_parts)

        with located(path=self.path):
            n_rows = self.manifest.row_groups[row_group]
            batch = decode_parts(parts, models, self.schema, selection, n_rows, row_group=row_group)
            for table in batch:
                self._check_types(table, section_name(self._number(table.group), row_group))
        return batch

    def as_source(self) -> Source:
        """The archive as one more kind of input."""
        return Source(str(self.path), self.schema, self.num_entries, self._ranges)

    def _ranges(self, selection: Schema, _step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        """The batches of a selection as a source hands them on."""
        for start, stop in [(0, self.num_entries)] if ranges is None else ranges:
            yield from self.batches(selection, start=start, stop=stop)

    def history(self) -> Mapping[str, tuple[Mapping[str, float], ...]]:
        """The history of the training by group (see `Codec`), as far as the archive holds it."""
        self._file.check_open()
        return read_history(self._file) if HISTORY in self.manifest.sections else {}

    def settings(self) -> dict[str, Any]:
        """What repeats the run that wrote the archive, as far as it tells."""
        return settings_of(self.manifest)

    def extras(self) -> bytes:
        """What the file held beside its columns, in a form of its format's own; nothing where there was nothing.

        Raises:
            CorruptArchive: it is damaged.
        """
        self._file.check_open()
        if EXTRAS not in self.manifest.sections:
            return b""
        try:
            return plain.decode_bytes(self._file.section(EXTRAS))
        except ValueError as error:
            raise CorruptArchive(str(error), path=self.path, section=EXTRAS) from error

    @property
    def n_bytes(self) -> int:
        return self._file.n_bytes

    @property
    def manifest_digest(self) -> str:
        """The SHA-256 of the manifest, which holds those of all sections; two archives with equal ones are the same."""
        return self._file.digest

    def check_sections(self) -> int:
        """The number of sections, every one checked against its digest.

        Raises:
            CorruptArchive: a section is damaged.
        """
        self._file.check_all()
        return len(self.manifest.sections)

    def info(self) -> ArchiveInfo:
        """What the archive holds, and what takes its bytes."""
        self._file.check_open()
        return describe_archive(self._file)

    def _select(self, expressions: str | Sequence[str] | None, filter_name: str | Sequence[str] | None) -> Schema:
        """The schema of the columns that match a glob of each, with the counters that they need."""
        schema = self.schema.select(as_tuple(expressions or ()))
        if filter_name is None:
            return schema
        patterns = as_tuple(expressions or "*")
        branches = {branch.name: branch for branch in branches_of(self.schema)}
        names = [
            column.name
            for key in self.keys(filter_name)
            for column in branches[key].columns
            if any(matches(column.name, pattern) for pattern in patterns)
        ]
        if not names:
            raise UsageError(
                f"no column matches {filter_name!r}: {nearest(str(filter_name), schema.order)}", path=self.path
            )
        return schema.only(names)

    def _range(self, entry_start: int | None, entry_stop: int | None) -> tuple[int, int]:
        start, stop, _ = slice(entry_start, entry_stop).indices(self.num_entries)
        return start, stop

    def _step(self, step_size: int | str, selection: Schema) -> int:
        """The events of a step, at least one."""
        if isinstance(step_size, str):
            columns = [column for group in self.manifest.groups for column in group.columns]
            n_bytes = sum(column.original_bytes for column in columns if column.name in selection.order)
            return max(1, bytes_of_text(step_size) * self.num_entries // max(1, n_bytes))
        if step_size < 1:
            raise UsageError(f"a step of {step_size} events", expected="1 or more")
        return step_size

    def _number(self, group: Group) -> int:
        """The number of the group that a group of a selection is taken from."""
        return [own.name for own in self.schema.groups].index(group.name)

    def _model(self, number: int) -> GroupModel:
        if number not in self._models:
            self._models[number] = read_model(self._file, number)
        return self._models[number]

    def _check_types(self, table: Table, section: str) -> None:
        """Nothing, when nested columns have one type in all row groups that have rows."""
        for name, values in table.arrays.items():
            nested = nested_of(values) if table.n_rows else None
            if nested is not None and self._types.setdefault(name, nested.values.type) != nested.values.type:
                raise CorruptArchive(
                    f"does not hold what the manifest says: column {name!r} is {nested.values.type} here and "
                    f"{self._types[name]} elsewhere",
                    section=section,
                )


def open_one(path: Place) -> ArchiveFile:
    """The file of an archive of one table, or that table of a collection."""
    place, table = split_spec(path) if isinstance(path, str | Path) else (path, "")
    opened = open_file(place, table)
    if isinstance(opened, CollectionFile):
        opened.close()
        raise several_tables(opened.manifest, opened.path)
    return opened


def absolute(path: str | Path) -> str:
    """The path of an archive for processes in other folders."""
    return str(path if is_url(path) else Path(path).absolute())


def replaced(path: str) -> SourceError:
    """What is said where what was pickled is not there any more."""
    return SourceError(
        "is not the archive that was pickled: another file has taken its place",
        path=path,
        way_out="Open the new one, and pickle that",
    )


def _reopen(path: str, digest: str) -> Archive:
    """The archive that was pickled.

    Raises:
        SourceError: another file has taken its place.
    """
    archive = Archive(path)
    if archive.manifest_digest != digest:
        archive.close()
        raise replaced(path)
    return archive
