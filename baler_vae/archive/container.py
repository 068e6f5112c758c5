"""A ZIP file of sections; see FORMAT.md."""

import hashlib
import zlib
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

from pydantic import ValidationError

from baler_vae.archive.closing import Closing
from baler_vae.archive.collection_manifest import COLLECTION, CollectionManifest
from baler_vae.archive.continuing import Section
from baler_vae.archive.document import check_size, read_json, write_json
from baler_vae.archive.manifest import FORMAT_VERSIONS, Manifest, SectionEntry
from baler_vae.archive.parts import CheckedIndex, unpack_checked_parts, unpack_parts
from baler_vae.archive.storage import Place, Storage, closed_error, name_of, open_storage
from baler_vae.archive.zip import DEFLATED, START, STORED, Member, directory, local_header, read_directory
from baler_vae.errors import ArchiveError, CorruptArchive, TruncatedArchive, UnsupportedVersion, UsageError, listed
from baler_vae.output import check_writable_object, output_errors, replacing

MANIFEST = "manifest.json"
MANIFEST_LIMIT = 64 << 20
SMALL_SECTION = 1 << 16
"""Sections of at most this many bytes are read whole, whatever is needed of them."""
_LAST_ENTRY = 256
"""Bytes at the end that hold the last entry of the directory and all end records."""
_PIECE_BYTES = 1 << 20
"""Bytes read at a time of a section that is not held in memory."""
_WAY_OUT = "Pass a file written by baler-vae (.bvae or .bvmodel)"

_Manifest = TypeVar("_Manifest", Manifest, CollectionManifest)


class ArchiveWriter:
    """An archive that is being written: sections as they come, then the manifest. `path` is that of the file, for now;
    of a file object, what errors call it. That is written to from where it stands, and stays open.

    With `kept`, what `whole_sections` found in the file of that path or the first of it, it is continued: all else is
    cut off, and the first sections to be added are those that are there.
    """

    def __init__(self, place: Path | BinaryIO, kept: Sequence[Section] = ()) -> None:
        self.path = name_of(place)
        self._owns = isinstance(place, Path)
        if isinstance(place, Path):
            self._file: BinaryIO = place.open("r+b" if kept else "wb")
            self._file.seek(kept[-1].member.end if kept else 0)
            self._file.truncate()
        else:
            self._file = place
        self._kept = deque(kept)
        self._members: list[Member] = []
        self._entries: dict[str, SectionEntry] = {}

    def add(self, name: str, data: bytes) -> None:
        """Writes a section and flushes it, so that it outlives this process.

        Raises:
            CorruptArchive: a different one is already there.
        """
        entry = SectionEntry(n_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        if self._kept:
            if self.keep(name) != entry:
                raise CorruptArchive("differs from the section that would replace it", path=self.path, section=name)
            return
        self._write(name, STORED, data, data)
        self._file.flush()
        self._entries[name] = entry

    def add_file(self, name: str, path: Path) -> None:
        """Writes the content of a file as a section, piece by piece."""
        digest, crc, n_bytes = hashlib.sha256(), 0, 0
        for piece in _pieces(path):
            digest.update(piece)
            crc, n_bytes = zlib.crc32(piece, crc), n_bytes + len(piece)
        member = Member(name, STORED, crc, n_bytes, n_bytes, self._members[-1].end if self._members else 0)
        self._file.write(local_header(member))
        for piece in _pieces(path):
            self._file.write(piece)
        self._members.append(member)
        self._entries[name] = SectionEntry(n_bytes=n_bytes, sha256=digest.hexdigest())

    def keep(self, name: str) -> SectionEntry:
        """The entry of the next section already in the file.

        Raises:
            CorruptArchive: it has a different name.
        """
        section = self._kept.popleft()
        if section.name != name:
            raise CorruptArchive(f"found in place of {name}", path=self.path, section=section.name)
        self._members.append(section.member)
        self._entries[name] = section.entry
        return section.entry

    def finish(self, manifest: Manifest | CollectionManifest) -> None:
        """Writes the manifest, completed with the sizes and digests of the sections; the file can be read from now on.

        Raises:
            ValueError: the manifest is larger than a reader accepts.
        """
        complete = manifest.model_copy(update={"sections": self._entries})
        data = write_json(complete.to_document())
        if len(data) > MANIFEST_LIMIT:
            raise ValueError(f"a manifest of {len(data)} bytes")
        check_size(data)
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._write(MANIFEST, DEFLATED, data, deflate.compress(data) + deflate.flush())
        self._file.write(directory(self._members))
        self._file.flush()
        self.close()

    def close(self) -> None:
        if self._owns:
            self._file.close()

    def _write(self, name: str, method: int, data: bytes, stored: bytes) -> None:
        offset = self._members[-1].end if self._members else 0
        stored_crc = zlib.crc32(stored) if method == DEFLATED else 0
        member = Member(name, method, zlib.crc32(data), len(stored), len(data), offset, stored_crc)
        self._file.write(local_header(member))
        self._file.write(stored)
        self._members.append(member)


@contextmanager
def writing_archive(place: str | Path | BinaryIO, *, force: bool = False) -> Iterator[ArchiveWriter]:
    """A writer for an archive that takes its place when the block ends without an error; to a file object it is written
    as it comes.

    Raises:
        OutputError: the file exists and `force` is false, or it cannot be written.
        UsageError: a file object takes no bytes.
    """
    if not isinstance(place, str | Path):
        check_writable_object(place, name_of(place))
        with output_errors(Path(name_of(place))):
            yield ArchiveWriter(place)
        return
    with replacing(place, force=force) as part:
        writer = ArchiveWriter(part)
        try:
            yield writer
        finally:
            writer.close()


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


class SectionFile(Closing, Generic[_Manifest]):
    """A file of sections open for reading: from a path or a URL, of some bytes or in a file object, or, with `storage`,
    where these are open already; that stays open where it cannot be read. `path` is what errors call it. `digest` is
    the SHA-256 of its manifest, and thus tells what every section of it holds: another archive has a different one.

    Raises:
        SourceError: there is no such file, or it cannot be fetched.
        MissingExtra: what fetches the URL is not installed.
        ArchiveError: it is not an archive, or not one that this version reads; a child tells which.
        UsageError: its manifest is of another kind.
    """

    def __init__(self, place: Place, storage: Storage | None = None) -> None:
        self._storage = storage or open_storage(place)
        self.path, self.n_bytes = self._storage.path, self._storage.n_bytes
        try:
            self._members = {member.name: member for member in self._read_directory()}
            self.manifest: _Manifest = self._own_kind(self._read_manifest())
        except BaseException:
            if storage is None:
                self.close()
            raise

    def _own_kind(self, manifest: Manifest | CollectionManifest) -> _Manifest:
        """The manifest, if it is of the kind that this class reads."""
        raise NotImplementedError

    def close(self) -> None:
        self._storage.close()

    @property
    def closed(self) -> bool:
        return self._storage.closed

    def check_open(self) -> None:
        """Raise UsageError once the archive is closed, even if nothing would be read."""
        if self.closed:
            raise closed_error(self.path)

    def section(self, name: str) -> bytes:
        """The bytes of a section, checked against its digest.

        Raises:
            CorruptArchive: the section is missing or its bytes differ from what was written.
            UsageError: the archive is closed.
        """
        member = self._member(name)
        data, expected = self._read(member), self.manifest.sections[name].sha256
        if zlib.crc32(data) != member.crc or hashlib.sha256(data).hexdigest() != expected:
            raise CorruptArchive("the digest does not match", path=self.path, section=name)
        return data

    def check_all(self) -> None:
        """Check that every section is what was written.

        Raises:
            CorruptArchive: a section differs.
        """
        self.check_open()
        for name in self.manifest.sections:
            self.section(name)

    def parts(self, name: str) -> list[bytes]:
        """The parts that `pack_parts` put in a section.

        Raises:
            CorruptArchive: the section is missing, or damaged.
        """
        try:
            return unpack_parts(self.section(name))
        except ValueError as error:
            raise CorruptArchive(str(error), path=self.path, section=name) from error

    def checked_parts(self, name: str, numbers: Collection[int], n_parts: int) -> dict[int, bytes]:
        """The parts of these numbers, out of the `n_parts` that `pack_checked_parts` put in a section.

        Where all are wanted, or the section is small, it is read whole and checked against its digest; else only its
        index and those parts are read, and each is checked against its CRC-32.

        Raises:
            CorruptArchive: the section is missing, or what was read of it is damaged.
        """
        try:
            if len(numbers) < n_parts and self._member(name).n_bytes > SMALL_SECTION:
                index = self._index(name, n_parts)
                found: dict[int, bytes] = {}
                for run in index.runs(numbers):
                    offset = self._member(name).data_offset + run.start
                    found |= index.parts_in(run, self._storage.read_at(offset, run.stop - run.start))
                return found
            parts = unpack_checked_parts(self.section(name), n_parts)
        except ValueError as error:
            raise CorruptArchive(str(error), path=self.path, section=name) from error
        return {number: parts[number] for number in numbers}

    def checked_part_sizes(self, name: str, n_parts: int) -> tuple[int, ...]:
        """The sizes in bytes of the `n_parts` parts that `pack_checked_parts` put in a section; only its index is read.

        Raises:
            CorruptArchive: the section is missing, or its index is damaged.
        """
        try:
            return self._index(name, n_parts).sizes
        except ValueError as error:
            raise CorruptArchive(str(error), path=self.path, section=name) from error

    def _index(self, name: str, n_parts: int) -> CheckedIndex:
        member = self._member(name)
        start = self._read(member, min(member.n_bytes, CheckedIndex.n_bytes(n_parts)))
        return CheckedIndex.read(start, member.n_bytes, n_parts)

    def _member(self, name: str) -> Member:
        self.check_open()
        if name not in self.manifest.sections:
            raise CorruptArchive("is missing", path=self.path, section=name)
        return self._members[name]

    def _read(self, member: Member, n_bytes: int | None = None) -> bytes:
        """The first `n_bytes` stored bytes of a member (all by default), behind the header that it must have."""
        header, n_bytes = local_header(member), member.stored_bytes if n_bytes is None else n_bytes
        data = self._storage.read_at(member.offset, len(header) + n_bytes)
        if not data.startswith(header) or len(data) != len(header) + n_bytes:
            raise CorruptArchive("its header is damaged", path=self.path, section=member.name)
        return data[len(header) :]

    def _read_directory(self) -> tuple[Member, ...]:
        try:
            members = read_directory(self._storage.read_at, self.n_bytes)
        except EOFError as error:
            if self._starts_well():
                raise TruncatedArchive(
                    "the end of the archive is missing",
                    path=self.path,
                    way_out="Copy it again from where it was written",
                ) from error
            raise ArchiveError("is not a baler-vae archive", path=self.path, way_out=_WAY_OUT) from error
        except ValueError as error:
            if self._starts_well() and self._names_a_manifest():
                raise CorruptArchive(f"the directory of the archive is damaged: {error}", path=self.path) from error
            raise ArchiveError("is not a baler-vae archive", path=self.path, way_out=_WAY_OUT) from error
        if members[-1].name != MANIFEST:
            raise ArchiveError("is not a baler-vae archive", path=self.path, way_out=_WAY_OUT)
        for member in members[:-1]:
            if member.method != STORED or member.stored_bytes != member.n_bytes:
                raise CorruptArchive("is not stored uncompressed", path=self.path, section=member.name)
        return members

    def _starts_well(self) -> bool:
        return self._storage.read_at(0, len(START)) == START

    def _names_a_manifest(self) -> bool:
        """Whether the last entry of the directory seems to be the manifest's, as in no foreign ZIP file."""
        return MANIFEST.encode() in self._storage.read_at(max(0, self.n_bytes - _LAST_ENTRY), _LAST_ENTRY)

    def _read_manifest(self) -> Manifest | CollectionManifest:
        text = self._inflate(self._members[MANIFEST])
        self.digest = hashlib.sha256(text).hexdigest()
        try:
            content = read_json(text)
            is_canonical = write_json(content) == text
        except ValueError as error:
            raise CorruptArchive(f"is not JSON: {error}", path=self.path, section=MANIFEST) from error
        if not isinstance(content, dict) or content.get("format") != "baler-vae":
            raise ArchiveError("is not a baler-vae archive", path=self.path, section=MANIFEST)
        version = content.get("version")
        if type(version) is not int or version not in FORMAT_VERSIONS:
            raise UnsupportedVersion(
                "has a format that this version cannot read",
                path=self.path,
                found=f"format {version!r}",
                expected=f"format {' or '.join(map(str, FORMAT_VERSIONS))}",
                way_out=f"It was written by {content.get('writer')!r}: use that version",
            )
        if not is_canonical:
            raise CorruptArchive("is not in canonical form", path=self.path, section=MANIFEST)
        return self._check_manifest(content, text)

    def _check_manifest(self, content: dict[str, Any], text: bytes) -> Manifest | CollectionManifest:
        model = CollectionManifest if content.get("kind") == COLLECTION else Manifest
        try:
            manifest: Manifest | CollectionManifest = model.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise CorruptArchive(f"{place}: {first['msg']}", path=self.path, section=MANIFEST) from error
        if write_json(manifest.to_document()) != text:
            raise CorruptArchive("lacks required keys", path=self.path, section=MANIFEST)
        listed = {name: entry.n_bytes for name, entry in manifest.sections.items()}
        if listed != {name: member.n_bytes for name, member in self._members.items() if name != MANIFEST}:
            raise CorruptArchive("its members do not match the manifest", path=self.path)
        return manifest

    def _inflate(self, member: Member) -> bytes:
        if member.method != DEFLATED or member.n_bytes > MANIFEST_LIMIT:
            raise CorruptArchive(
                f"is not deflated, or larger than {MANIFEST_LIMIT} bytes", path=self.path, section=MANIFEST
            )
        stored = self._read(member)
        data = _inflated(stored, member.n_bytes)
        if data is None or zlib.crc32(data) != member.crc or zlib.crc32(stored) != member.stored_crc:
            raise CorruptArchive("the digest does not match", path=self.path, section=MANIFEST)
        return data


class ArchiveFile(SectionFile[Manifest]):
    """An archive of one table, or a codec, open for reading."""

    def _own_kind(self, manifest: Manifest | CollectionManifest) -> Manifest:
        if isinstance(manifest, CollectionManifest):
            raise several_tables(manifest, self.path)
        return manifest


def several_tables(manifest: CollectionManifest, path: str | Path) -> UsageError:
    """The error for a collection where one table is needed."""
    names = manifest.names
    return UsageError(f"holds {len(names)} tables: {listed(names)}", path=path, way_out=f"Name one: {path}:{names[0]}")


def _inflated(stored: bytes, n_bytes: int) -> bytes | None:
    """The `n_bytes` bytes of one complete deflate stream; None if it is not one."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflate.decompress(stored, n_bytes + 1)
    except zlib.error:
        return None
    return data if len(data) == n_bytes and inflate.eof and not inflate.unused_data else None
