"""Archives of one table or of several, open for reading."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baler_vae.archive.closing import Closing
from baler_vae.archive.collection import CollectionFile, open_file
from baler_vae.archive.storage import Place
from baler_vae.errors import UnknownName, nearest
from baler_vae.io.files import split_spec
from baler_vae.reader.archive import Archive, open_place, reopened_from, replaced
from baler_vae.reader.archive_info import CollectionInfo
from baler_vae.reader.column import ArchiveColumn
from baler_vae.reader.filters import Filter, filter_of
from baler_vae.reader.info import describe_collection
from baler_vae.reader.showing import Stream, completions, html_list


def is_collection(place: Place) -> bool:
    """Whether an archive holds several tables, of which none is named.

    Raises:
        SourceError: there is no such file, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
    """
    if isinstance(place, str | Path):
        place, table = split_spec(place)
        if table:
            return False
    with open_file(place) as opened:
        return isinstance(opened, CollectionFile)


class Collection(Closing):
    """An archive of several tables: a mapping from their names to archives. Use it as a context manager; what it gave
    is closed with it. It may be shared and pickled as an `Archive` may.
    """

    def __init__(self, file: CollectionFile, place: Place | None = None) -> None:
        self._file = file
        self._place = file.path if place is None else place
        self.path = file.path
        self.manifest = file.manifest

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Collection {str(self.path)!r} of {', '.join(map(repr, self.keys()))}, {state}>"

    def __reduce__(self) -> tuple[Any, tuple[str | bytes, str]]:
        self._file.check_open()
        return _reopen, (reopened_from(self._place, self.path), self._file.digest)

    def close(self) -> None:
        """Close the file, and with it the archives of the tables."""
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def keys(self, filter_name: Filter = None) -> list[str]:
        """List the names of the tables that pass a filter.

        Parameters
        ----------
        filter_name : str, callable or sequence of these, optional
            A glob, a regular expression, or a function of the name; see `Archive.keys`.

        Returns
        -------
        list of str
            Names, in the order of the source.

        Raises
        ------
        UsageError
            The filter is invalid.
        """
        passes = filter_of(filter_name, "filter_name")
        return [name for name in self.manifest.names if passes(name)]

    def values(self, filter_name: Filter = None) -> list[Archive]:
        """List the archives of the tables that pass a filter.

        Parameters
        ----------
        filter_name : str, callable or sequence of these, optional
            A glob, a regular expression, or a function of the name; see `Archive.keys`.

        Returns
        -------
        list of Archive
            Archives, which are read in place.

        Raises
        ------
        UsageError
            The filter is invalid.
        """
        return [self._table(name) for name in self.keys(filter_name)]

    def items(self, filter_name: Filter = None) -> list[tuple[str, Archive]]:
        """List the tables that pass a filter.

        Parameters
        ----------
        filter_name : str, callable or sequence of these, optional
            A glob, a regular expression, or a function of the name; see `Archive.keys`.

        Returns
        -------
        list of (str, Archive)
            Names and archives, in the order of the source.

        Raises
        ------
        UsageError
            The filter is invalid.
        """
        return [(name, self._table(name)) for name in self.keys(filter_name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.manifest.tables)

    def __contains__(self, name: object) -> bool:
        if name in self.manifest.names:
            return True
        return isinstance(name, str) and any(own in self._table(table) for table, own in self._split(name))

    def __getitem__(self, name: str) -> Archive | ArchiveColumn:
        """The archive of a table, which is read in place; or a column of one, `Events/Jet_pt`.

        Raises:
            UnknownName: there is no such table or column. It is a `KeyError`, too.
            ArchiveError: it is damaged.
        """
        if name in self.manifest.names:
            return self._table(name)
        for table, own in self._split(name):
            return self._table(table)[own]
        raise UnknownName(f"there is no table {name!r}: {nearest(name, self.manifest.names)}", path=self.path)

    def show(self, *, filter_name: Filter = None, stream: Stream | None = None) -> None:
        """Write the names of the tables that pass a filter, with their events and columns, one a line.

        Parameters
        ----------
        filter_name : str, callable or sequence of these, optional
            See `Archive.keys`.
        stream : object with a ``write(str)`` method, optional
            Where to write; ``sys.stdout`` by default.
        """
        target = sys.stdout if stream is None else stream
        for name, archive in self.items(filter_name):
            target.write(f"{name}: {archive.num_entries:,} events, {len(archive):,} columns\n")

    def _repr_html_(self) -> str:
        return html_list(str(self.path), self.values())

    def _ipython_key_completions_(self) -> list[str]:
        return completions(self.keys())

    def _table(self, name: str) -> Archive:
        archive = self._file.table(name)
        return Archive(archive.path, archive)

    def _split(self, name: str) -> list[tuple[str, str]]:
        """A table and what stands behind it, `Events` and `Jet_pt` for `Events/Jet_pt`; nothing where it is neither."""
        tables = [table for table in self.manifest.names if name.startswith(f"{table}/")]
        return [(table, name[len(table) + 1 :]) for table in sorted(tables, key=len, reverse=True)]

    @property
    def n_bytes(self) -> int:
        return self._file.n_bytes

    @property
    def manifest_digest(self) -> str:
        """The SHA-256 of the manifest, which holds those of all tables: equal ones are those of one collection."""
        return self._file.digest

    @property
    def left_out(self) -> dict[str, str]:
        """What else the source held, by name, each with the reason why it is not here."""
        return dict(self.manifest.left_out)

    def check_sections(self) -> int:
        """Check every section of the collection and of its tables against its digest.

        Returns
        -------
        int
            The number of sections, those of the tables among them.

        Raises
        ------
        CorruptArchive
            A section is damaged.
        """
        self._file.check_all()
        return len(self.manifest.sections) + sum(len(table.manifest.sections) for table in self.values())

    def info(self) -> CollectionInfo:
        """Tell what the tables hold, and what takes the bytes.

        Returns
        -------
        CollectionInfo
            Sizes in bytes, and the `ArchiveInfo` of each table.

        Raises
        ------
        ArchiveError
            A table is damaged.
        """
        self._file.check_open()
        return describe_collection(self._file, {name: archive.info() for name, archive in self.items()})


def _reopen(place: str | bytes, digest: str) -> Collection:
    """The collection that was pickled.

    Raises:
        SourceError: another file has taken its place.
    """
    opened = open_place(place)
    if not isinstance(opened, CollectionFile) or opened.digest != digest:
        opened.close()
        raise replaced(place)
    return Collection(opened, place)
