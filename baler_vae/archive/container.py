"""A ZIP file of sections; see FORMAT.md."""

import hashlib
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from baler_vae.archive.manifest import FORMAT_VERSION, Manifest, SectionEntry
from baler_vae.errors import ArchiveError, CorruptArchive, SourceError, TruncatedArchive, UnsupportedVersion
from baler_vae.output import replacing

MANIFEST = "manifest.json"
MANIFEST_LIMIT = 64 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ZIP_START = b"PK\x03\x04"
_ZIP_END = b"PK\x05\x06"


class ArchiveWriter:
    """An archive that is being written: sections as they come, then the manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._zip = zipfile.ZipFile(path, "w", allowZip64=True)
        self._entries: dict[str, SectionEntry] = {}

    def add(self, name: str, data: bytes) -> None:
        """Writes a section."""
        self._zip.writestr(_member(name, zipfile.ZIP_STORED), data)
        self._entries[name] = SectionEntry(n_bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Writes the manifest, completed with the sizes and digests of the sections."""
        complete = manifest.model_copy(update={"sections": self._entries})
        text = json.dumps(complete.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self._zip.writestr(_member(MANIFEST, zipfile.ZIP_DEFLATED), text.encode("utf-8", "surrogatepass"))
        self._zip.close()


@contextmanager
def writing_archive(path: str | Path, *, force: bool = False) -> Iterator[ArchiveWriter]:
    """A writer for an archive that takes its place when the block ends without an error.

    Raises:
        OutputError: the file exists and `force` is false, or it cannot be written.
    """
    with replacing(path, force=force) as part:
        yield ArchiveWriter(part)


def _member(name: str, method: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name, date_time=_EPOCH)
    member.compress_type = method
    member.create_system = 3
    member.external_attr = 0o644 << 16
    return member


class ArchiveFile:
    """An archive open for reading.

    Raises:
        SourceError: there is no such file.
        ArchiveError: it is not an archive, or not one that this version reads; a child tells which.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._zip = _open_zip(self.path)
        try:
            self.manifest = self._read_manifest()
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
        self._zip.close()

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size

    def section(self, name: str) -> bytes:
        """The bytes of a section, checked against its digest.

        Raises:
            CorruptArchive: the section is missing or its bytes differ from what was written.
        """
        expected = self.manifest.sections.get(name)
        if expected is None:
            raise CorruptArchive("is missing", path=self.path, section=name)
        data = self._read(name, expected.n_bytes, zipfile.ZIP_STORED)
        if hashlib.sha256(data).hexdigest() != expected.sha256:
            raise CorruptArchive("the digest does not match", path=self.path, section=name)
        return data

    def check_all(self) -> None:
        for name in self.manifest.sections:
            self.section(name)

    def parts(self, name: str) -> list[bytes]:
        """The parts that `pack_parts` put in a section."""
        try:
            return unpack_parts(self.section(name))
        except ValueError as error:
            raise CorruptArchive(str(error), path=self.path, section=name) from error

    def _read(self, name: str, limit: int, *methods: int) -> bytes:
        try:
            member = self._zip.getinfo(name)
            if member.compress_type not in methods:
                raise CorruptArchive("is not compressed as it should be", path=self.path, section=name)
            if member.file_size > limit or member.compress_size > self.n_bytes:
                raise CorruptArchive(f"is larger than {min(limit, self.n_bytes)} bytes", path=self.path, section=name)
            with self._zip.open(member) as file:
                return file.read(member.file_size)  # no more, whatever the compressed bytes hold
        except KeyError as error:
            raise CorruptArchive("is missing", path=self.path, section=name) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise CorruptArchive(f"cannot be read: {error}", path=self.path, section=name) from error

    def _read_manifest(self) -> Manifest:
        if MANIFEST not in self._zip.namelist():
            raise ArchiveError(
                "is a ZIP file but not an archive of baler-vae",
                path=self.path,
                way_out="Give a file that baler-vae wrote (.bvae or .bvmodel)",
            )
        text = self._read(MANIFEST, MANIFEST_LIMIT, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED)
        try:
            content = json.loads(text.decode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError) as error:
            raise CorruptArchive(f"is not JSON: {error}", path=self.path, section=MANIFEST) from error
        if not isinstance(content, dict) or content.get("format") != "baler-vae":
            raise ArchiveError("is not an archive of baler-vae", path=self.path, section=MANIFEST)
        if content.get("version") != FORMAT_VERSION:
            raise UnsupportedVersion(
                "has a format that this version does not read",
                path=self.path,
                found=f"format {content.get('version')!r}",
                expected=f"format {FORMAT_VERSION}",
                way_out=f"It was written by {content.get('writer')!r}: use that version",
            )
        try:
            manifest = Manifest.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise CorruptArchive(f"{place}: {first['msg']}", path=self.path, section=MANIFEST) from error
        members = sorted(self._zip.namelist())
        if members != sorted([*manifest.sections, MANIFEST]):
            raise CorruptArchive("its members are not those that the manifest lists", path=self.path)
        return manifest


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise SourceError("there is no such file", path=path) from error
    except IsADirectoryError as error:
        raise SourceError("is a directory", path=path, way_out="Give a file") from error
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(max(0, path.stat().st_size - 22))
            end = file.read(4)
        if start == _ZIP_START and end != _ZIP_END:
            raise TruncatedArchive(
                "the end of the archive is missing", path=path, way_out="Copy it again from where it was written"
            ) from error
        if start == _ZIP_START:
            raise CorruptArchive(f"the directory of the archive is damaged: {error}", path=path) from error
        raise ArchiveError(
            "is not an archive of baler-vae",
            path=path,
            way_out="Give a file that baler-vae wrote (.bvae or .bvmodel)",
        ) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error


def pack_parts(parts: Sequence[bytes]) -> bytes:
    """One section made of several parts: their number (uint32), their sizes (uint64 each), then their bytes."""
    return struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)) + b"".join(parts)


def part_sizes(section: bytes) -> tuple[int, ...]:
    """The sizes in bytes of the parts of a section.

    Raises:
        ValueError: the bytes are not such a section.
    """
    try:
        (n_parts,) = struct.unpack_from("<I", section)
        if 8 * n_parts > len(section):
            raise ValueError(f"an index of {n_parts} parts in {len(section)} bytes")
        sizes = struct.unpack_from(f"<{n_parts}Q", section, 4)
    except struct.error as error:
        raise ValueError(f"the index of parts is damaged: {error}") from error
    if 4 + 8 * n_parts + sum(sizes) != len(section):
        raise ValueError(f"the parts do not fill the section of {len(section)} bytes")
    return sizes


def unpack_parts(section: bytes) -> list[bytes]:
    """The parts that `pack_parts` was given.

    Raises:
        ValueError: the bytes are not such a section.
    """
    sizes = part_sizes(section)
    parts, start = [], 4 + 8 * len(sizes)
    for size in sizes:
        parts.append(section[start : start + size])
        start += size
    return parts
