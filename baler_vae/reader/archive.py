"""An archive open for reading: what it holds, and the rows in it."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from baler_vae.archive.collection import CollectionFile, open_file
from baler_vae.archive.container import ArchiveFile, several_tables
from baler_vae.archive.manifest import ColumnEntry
from baler_vae.archive.storage import Place, is_url
from baler_vae.codec.codec import read_history
from baler_vae.codec.manifests import EXTRAS, HISTORY, bounds_of, repeating
from baler_vae.entropy import plain
from baler_vae.errors import CorruptArchive, SourceError, UsageError, located
from baler_vae.io.files import split_spec
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.reader.engine import Engine
from baler_vae.reader.face import Face
from baler_vae.reader.info import describe_archive
from baler_vae.source.source import Ranges, Source
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, empty_batch, slice_events


class Archive(Face):
    """An archive of one table: names, types and sizes, and rows, decoded row group by row group. Use it as a context
    manager.

    Threads may share it, and processes that are forked. It pickles as its path and digest; what comes out of a pickle
    has opened the file anew. Once it is closed, its names and types are still known, but nothing can be read.

    Parameters
    ----------
    place : str, Path, bytes or file object
        A path or URL; it may name a table of a collection behind a colon: ``all.bvae:Events``. Or the bytes of an
        archive, or a file object that can seek.
    file : ArchiveFile, optional
        The file, where it is open already.
    """

    def __init__(self, place: Place, file: ArchiveFile | None = None) -> None:
        self._place = place
        self._file = file or open_one(place)
        try:
            self.engine = Engine(self._file)
        except BaseException:
            self.close()
            raise
        self.path = self._file.path
        self.manifest = self._file.manifest
        self.schema = self.engine.schema

    def close(self) -> None:
        """Close the file; names and types are still known."""
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def __repr__(self) -> str:
        state = f"{len(self)} columns, {self.num_entries:,} events, {'closed' if self.closed else 'open'}"
        return f"<Archive {str(self.path)!r} ({state})>"

    def __reduce__(self) -> tuple[Any, tuple[str | bytes, str]]:
        self._file.check_open()
        return _reopen, (self.reopened_from, self._file.digest)

    @property
    def reopened_from(self) -> str | bytes:
        """What another process opens it from.

        Raises:
            UsageError: it was opened from a file object.
        """
        return reopened_from(self._place, self.path)

    @property
    def num_entries(self) -> int:
        """The number of events."""
        return self.engine.num_entries

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bound of each column, by name.

        Raises:
            CorruptArchive: one is none.
        """
        with located(path=self.path):
            return bounds_of(self.manifest)

    def batches(self, selection: Schema, *, start: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Read the row groups that overlap a range of events, cut to it.

        Parameters
        ----------
        selection : Schema
            The columns.
        start, stop : int, optional
            The first event, and the one behind the last; all by default.

        Returns
        -------
        iterator of Batch
            A table for each group, arrays (rows,) or (rows, *shape) of the columns' dtypes.

        Raises
        ------
        CorruptArchive
            A section is damaged.
        """
        return self.engine.batches(selection, start, self.num_entries if stop is None else stop)

    def row_group(self, row_group: int, selection: Schema) -> Batch:
        """Read all events of one row group.

        Parameters
        ----------
        row_group : int
            Its number, from 0.
        selection : Schema
            The columns.

        Returns
        -------
        Batch
            A table for each group, arrays (rows,) or (rows, *shape) of the columns' dtypes.

        Raises
        ------
        CorruptArchive
            A section is damaged.
        """
        return self.engine.row_group(row_group, selection)

    def entries(self, column: str) -> list[ColumnEntry]:
        """Tell what the manifest says of a column.

        Parameters
        ----------
        column : str
            Its name.

        Returns
        -------
        list of ColumnEntry
            One entry; of a chain one of each archive.
        """
        return [self._entries[column]]

    @cached_property
    def _entries(self) -> Mapping[str, ColumnEntry]:
        return {column.name: column for group in self.manifest.groups for column in group.columns}

    def common_entry_offsets(self) -> list[int]:
        """Tell where each row group begins, in events, and where the last one ends."""
        return list(self.engine.offsets)

    def typed_empty(self, selection: Schema) -> Batch:
        """Make a batch without events, whose nested columns have their types.

        Parameters
        ----------
        selection : Schema
            The columns.

        Returns
        -------
        Batch
            A table without rows for each group.
        """
        if any(column.is_nested for column in selection.columns) and self.manifest.row_groups:
            return slice_events(self.row_group(0, selection), 0, 0)
        return empty_batch(selection)

    def as_source(self) -> Source:
        """The archive as one more kind of input."""
        return Source(str(self.path), self.schema, self.num_entries, self._ranges, has_collections=True)

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
        return repeating(self.manifest)

    def extras(self) -> bytes:
        """Read what the source held besides its columns.

        Returns
        -------
        bytes
            In a form of its format's own; empty where there was nothing.

        Raises
        ------
        CorruptArchive
            It is damaged.
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
    def compressed_bytes(self) -> int:
        """The bytes of the archive, its model among them."""
        return self.n_bytes

    @property
    def uncompressed_bytes(self) -> int:
        """What the values take in their own dtypes."""
        return sum(entry.original_bytes for entry in self._entries.values())

    @property
    def compression_ratio(self) -> float:
        """How many times as many bytes the values take uncompressed."""
        return self.uncompressed_bytes / self.n_bytes

    @property
    def manifest_digest(self) -> str:
        """The SHA-256 of the manifest, which holds those of all sections; two archives with equal ones are the same."""
        return self._file.digest

    def check_sections(self) -> int:
        """Check every section against its digest.

        Returns
        -------
        int
            The number of sections.

        Raises
        ------
        CorruptArchive
            A section is damaged.
        """
        self._file.check_all()
        return len(self.manifest.sections)

    def info(self) -> ArchiveInfo:
        """What the archive holds, and what takes its bytes."""
        self._file.check_open()
        return describe_archive(self._file)


def open_one(place: Place) -> ArchiveFile:
    """The file of an archive of one table, or that table of a collection."""
    opened = open_place(place)
    if isinstance(opened, CollectionFile):
        opened.close()
        raise several_tables(opened.manifest, opened.path)
    return opened


def open_place(place: Place) -> ArchiveFile | CollectionFile:
    """The file at a place, or that table of it which is named behind a colon."""
    return open_file(*split_spec(place)) if isinstance(place, str | Path) else open_file(place)


def reopened_from(place: object, path: str | Path) -> str | bytes:
    """What a pickle holds in place of an open archive: its path for processes in other folders, or its bytes.

    Raises:
        UsageError: it is a file object.
    """
    if isinstance(place, str | Path):
        return str(path if is_url(path) else Path(path).absolute())
    if isinstance(place, bytes | bytearray | memoryview):
        return bytes(place)
    raise UsageError("an archive that was opened from a file object cannot be pickled", way_out="Open it from a path")


def replaced(place: str | bytes) -> SourceError:
    """The error where what was pickled is no longer there."""
    return SourceError(
        "is not the archive that was pickled: another file has taken its place",
        path=place if isinstance(place, str) else None,
        way_out="Open the new one, and pickle that",
    )


def _reopen(place: str | bytes, digest: str) -> Archive:
    """The archive that was pickled.

    Raises:
        SourceError: another file has taken its place.
    """
    archive = Archive(place)
    if archive.manifest_digest != digest:
        archive.close()
        raise replaced(place)
    return archive
