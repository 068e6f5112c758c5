"""Archives of several tables, each of which is an archive of its own in a section, read where it lies."""

import hashlib
import zlib
from pathlib import Path

from baler_vae.archive.collection_manifest import CollectionManifest, TableEntry, table_section
from baler_vae.archive.container import ArchiveFile, SectionFile
from baler_vae.archive.manifest import Manifest
from baler_vae.archive.storage import TAIL_BYTES, Place, Storage, closed_error, open_storage
from baler_vae.errors import CorruptArchive, UsageError, nearest

_PIECE_BYTES = 1 << 20


class Window:
    """The bytes from `start` on of another storage, as many as `n_bytes`. Its end, where an archive has its directory,
    is read once. Closing it closes the other one only where it `owns` that.
    """

    def __init__(self, storage: Storage, path: str, start: int, n_bytes: int, *, owns: bool) -> None:
        self.path: str | Path = path
        self.n_bytes = n_bytes
        self._closed = False
        self._storage, self._start, self._owns = storage, start, owns
        self._tail_offset = max(0, n_bytes - TAIL_BYTES)
        self._tail = storage.read_at(start + self._tail_offset, n_bytes - self._tail_offset)

    @property
    def closed(self) -> bool:
        return self._closed or self._storage.closed

    def read_at(self, offset: int, size: int) -> bytes:
        if self.closed:
            raise closed_error(self.path)
        stop = min(offset + size, self.n_bytes)
        if offset >= self._tail_offset:
            return self._tail[offset - self._tail_offset : max(0, stop - self._tail_offset)]
        return self._storage.read_at(self._start + offset, max(0, stop - offset))

    def close(self) -> None:
        self._closed = True
        if self._owns:
            self._storage.close()


class CollectionFile(SectionFile[CollectionManifest]):
    """An archive of several tables, open for reading.

    Raises:
        UsageError: it is an archive of one table, or a codec.
    """

    def entry(self, name: str) -> TableEntry:
        """What the manifest says of a table.

        Raises:
            UsageError: there is no such table.
        """
        found = [table for table in self.manifest.tables if table.name == name]
        if not found:
            raise UsageError(f"there is no table {name!r}: {nearest(name, self.manifest.names)}", path=self.path)
        return found[0]

    def table(self, name: str, *, owns: bool = False) -> ArchiveFile:
        """The archive of a table, read in place; closing it closes this file too if it `owns` it.

        Raises:
            UsageError: there is no such table.
            ArchiveError: it is damaged, or does not hold what the manifest says.
        """
        entry = self.entry(name)
        section = table_section(self.manifest.tables.index(entry))
        member = self._member(section)
        self._read(member, 0)
        path = f"{self.path}:{name}"
        window = Window(self._storage, path, member.data_offset, member.n_bytes, owns=owns)
        try:
            archive = ArchiveFile(path, window)
        except UsageError as error:
            raise CorruptArchive("is a collection inside a collection", path=self.path, section=section) from error
        manifest = archive.manifest
        n_events = sum(rows[0] for rows in manifest.row_groups if rows)
        if (manifest.kind, manifest.origin.format, n_events) != ("archive", entry.format, entry.n_events):
            raise CorruptArchive(
                f"is not the table {name!r} that the manifest lists",
                path=self.path,
                section=section,
                found=f"{n_events} events of a {manifest.origin.format} {manifest.kind}",
                expected=f"{entry.n_events} events of a {entry.format} archive",
            )
        return archive

    def check_all(self) -> None:
        """Check that every section, and every section of the tables, is what was written.

        Raises:
            CorruptArchive: a section differs.
        """
        for name in self.manifest.sections:
            self._check(name)
        for table in self.manifest.names:
            self.table(table).check_all()

    def _check(self, name: str) -> None:
        """Compares a section with its digests, piece by piece: a table may be larger than memory."""
        member = self._member(name)
        self._read(member, 0)
        digest, crc = hashlib.sha256(), 0
        for offset in range(0, member.n_bytes, _PIECE_BYTES):
            size = min(_PIECE_BYTES, member.n_bytes - offset)
            piece = self._storage.read_at(member.data_offset + offset, size)
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
        if crc != member.crc or digest.hexdigest() != self.manifest.sections[name].sha256:
            raise CorruptArchive("the digest does not match", path=self.path, section=name)

    def _own_kind(self, manifest: Manifest | CollectionManifest) -> CollectionManifest:
        if isinstance(manifest, Manifest):
            raise UsageError("holds one table", path=self.path)
        return manifest


def open_file(place: Place, table: str = "") -> ArchiveFile | CollectionFile:
    """The archive at a path or a URL, of some bytes or in a file object, or a table of it: that of a collection, or the
    only one.

    Raises:
        SourceError: there is no such file, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
        UsageError: there is no such table.
    """
    storage = open_storage(place)
    try:
        opened = _opened(storage)
        if isinstance(opened, CollectionFile):
            return opened.table(table, owns=True) if table else opened
        _check_name(opened, table)
    except BaseException:
        storage.close()
        raise
    return opened


def _check_name(archive: ArchiveFile, table: str) -> None:
    """Check that an archive of one table is of the table named, if one is."""
    only = archive.manifest.origin.name
    if table and table != only:
        raise UsageError(
            f"there is no table {table!r}",
            path=archive.path,
            found=f"one table {only!r}" if only else "one table without a name",
            way_out=f"Give {archive.path}",
        )


def _opened(storage: Storage) -> ArchiveFile | CollectionFile:
    try:
        return ArchiveFile(storage.path, storage)
    except UsageError:
        return CollectionFile(storage.path, storage)
