"""Archives of one table or of several, open for reading."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baler_vae.archive.closing import Closing
from baler_vae.archive.collection import CollectionFile, open_file
from baler_vae.archive.storage import Place
from baler_vae.io.files import split_spec
from baler_vae.reader.archive import Archive, absolute, replaced
from baler_vae.reader.archive_info import CollectionInfo
from baler_vae.reader.info import describe_collection


def open(path: Place) -> Any:  # noqa: A001, ANN401  the verb that users know from uproot; it depends on the file
    """The archive at a path or a URL (`https://`, `root://`, or what else fsspec knows), of some bytes, or in a file
    object, open for reading. Of the file only those bytes are read that are needed for what is asked.

    That of one table is an `Archive`, and so is a table of several that is named behind a colon, `all.bvae:Events`;
    that of several tables is a `Collection`, which has an `Archive` for each.

    Raises:
        SourceError: there is no such file, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
        UsageError: it is a codec, or has no such table.
        MissingExtra: what fetches the URL is not installed.
    """
    place, table = split_spec(path) if isinstance(path, str | Path) else (path, "")
    opened = open_file(place, table)
    return Collection(opened) if isinstance(opened, CollectionFile) else Archive(opened.path, opened)


def is_collection(path: str | Path) -> bool:
    """Whether an archive holds several tables, of which none is named.

    Raises:
        SourceError: there is no such file, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
    """
    place, table = split_spec(path)
    if table:
        return False
    with open_file(place) as opened:
        return isinstance(opened, CollectionFile)


class Collection(Closing):
    """An archive of several tables: a mapping from their names to archives. Use it as a context manager; what it gave
    is closed with it. It may be shared and pickled as an `Archive` may.
    """

    def __init__(self, file: CollectionFile) -> None:
        self._file = file
        self.path = file.path
        self.manifest = file.manifest

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<Collection {str(self.path)!r} of {', '.join(map(repr, self.keys()))}, {state}>"

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        self._file.check_open()
        return _reopen, (absolute(self.path), self._file.digest)

    def close(self) -> None:
        self._file.close()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def keys(self) -> list[str]:
        """The names of the tables, in the order of the source."""
        return list(self.manifest.names)

    def values(self) -> list[Archive]:
        """The archives of the tables."""
        return [self[name] for name in self]

    def items(self) -> list[tuple[str, Archive]]:
        """The names of the tables with their archives."""
        return [(name, self[name]) for name in self]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.manifest.tables)

    def __contains__(self, name: object) -> bool:
        return name in self.manifest.names

    def __getitem__(self, name: str) -> Archive:
        """The archive of a table, which is read in place.

        Raises:
            UsageError: there is no such table.
            ArchiveError: it is damaged.
        """
        archive = self._file.table(name)
        return Archive(archive.path, archive)

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
        """The number of sections, those of the tables among them, every one checked against its digest.

        Raises:
            CorruptArchive: a section is damaged.
        """
        self._file.check_all()
        return len(self.manifest.sections) + sum(len(table.manifest.sections) for table in self.values())

    def info(self) -> CollectionInfo:
        """What the tables hold, and what takes the bytes.

        Raises:
            ArchiveError: a table is damaged.
        """
        self._file.check_open()
        return describe_collection(self._file, {name: archive.info() for name, archive in self.items()})


def _reopen(path: str, digest: str) -> Collection:
    """The collection that was pickled.

    Raises:
        SourceError: another file has taken its place.
    """
    opened = open(path)
    if not isinstance(opened, Collection) or opened.manifest_digest != digest:
        opened.close()
        raise replaced(path)
    return opened
