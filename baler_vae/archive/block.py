"""The frame of a block: rows in a few bytes, without the model that decodes them; see FORMAT.md."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from baler_vae.archive.document import read_json, write_json
from baler_vae.archive.manifest import SECOND_FORMAT, OriginEntry
from baler_vae.archive.parts import pack_parts, unpack_parts
from baler_vae.errors import ArchiveError, CorruptArchive, TruncatedArchive, UnsupportedVersion, UsageError

MAGIC: Final = b"\x89BVB\r\n\x1a\n"
IDENTITY_BYTES: Final = 16
"""How much of the digest of its codec a block holds."""

_HEAD: Final = struct.Struct(f"<8sI{IDENTITY_BYTES}s")
_CHECK: Final = struct.Struct("<I")
_NAME: Final = "<block>"
"""What errors call a block."""


class LabelsEntry(BaseModel):
    """What a source says of a column beside its dtype."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = ""
    typename: str = ""
    implied: bool = False


class Description(BaseModel):
    """What of a source differs from what its codec was fitted on: where it came from, the order of its columns, and
    what it says of columns.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: OriginEntry | None = None
    order: tuple[str, ...] | None = None
    columns: dict[str, LabelsEntry] | None = None

    def to_bytes(self) -> bytes:
        """A JSON document with the keys that there are; nothing where there are none."""
        document = self.model_dump(mode="json", exclude_none=True)
        return write_json(document) if document else b""

    @classmethod
    def from_bytes(cls, data: bytes) -> "Description":
        """What `to_bytes` was called on.

        Raises:
            ValueError: the bytes are not those of such a document.
        """
        return cls.model_validate(read_json(data)) if data else cls()


@dataclass(frozen=True, kw_only=True)
class Block:
    """The rows of some events: the first bytes of the digest of the codec, the numbers of rows of every group in each
    row group, what of the source differs from that of the codec, its extras, and the sections of each row group, one
    for each group.
    """

    identity: bytes
    n_rows: tuple[tuple[int, ...], ...]
    description: Description
    extras: bytes
    sections: tuple[bytes, ...]

    def to_bytes(self) -> bytes:
        """The block as bytes."""
        numbers = [number for rows in self.n_rows for number in rows]
        counts = struct.pack(f"<{len(numbers)}I", *numbers)
        head = _HEAD.pack(MAGIC, SECOND_FORMAT, self.identity)
        data = head + pack_parts([counts, self.description.to_bytes(), self.extras, *self.sections])
        return data + _CHECK.pack(zlib.crc32(data))

    @classmethod
    def from_bytes(cls, data: bytes, identity: bytes, n_groups: int) -> "Block":
        """The block of a codec of that identity, with so many groups; nothing is decoded.

        Raises:
            UsageError: it is one of another codec.
            ArchiveError: the bytes are no block.
            TruncatedArchive: the end is missing.
            UnsupportedVersion: it needs a newer reader.
            CorruptArchive: the bytes are not those that were written, or no writer writes such.
        """
        body = _checked_body(data)
        if _HEAD.unpack_from(data)[2] != identity:
            raise UsageError(
                "was encoded with another codec",
                path=_NAME,
                found=f"{_HEAD.unpack_from(data)[2].hex()} as its identity",
                expected=identity.hex(),
                way_out="Decode it with the codec that encoded it",
            )
        try:
            counts, description, extras, *sections = unpack_parts(body)
            n_rows = _by_row_group(counts, len(sections), n_groups)
            described = Description.from_bytes(description)
        except (ValueError, struct.error) as error:
            raise CorruptArchive(f"is not what a block holds: {' '.join(str(error).split())}", path=_NAME) from error
        return cls(identity=identity, n_rows=n_rows, description=described, extras=extras, sections=tuple(sections))


def _by_row_group(counts: bytes, n_sections: int, n_groups: int) -> tuple[tuple[int, ...], ...]:
    """The numbers of rows of every group in each row group."""
    numbers = struct.unpack(f"<{len(counts) // 4}I", counts)
    if len(numbers) % n_groups or n_sections != len(numbers):
        raise ValueError(f"{n_sections} sections for {len(numbers)} numbers of rows of {n_groups} groups")
    return tuple(numbers[start : start + n_groups] for start in range(0, len(numbers), n_groups))


def _checked_body(data: bytes) -> bytes:
    """The parts of a block, after its bytes were checked."""
    start = data[: len(MAGIC)]
    if not MAGIC.startswith(start):
        way_out = "Give what Codec.encode gave"
        if start.startswith(b"PK\x03\x04"):
            way_out = "It looks like an archive: give it to baler_vae.loads"
        raise ArchiveError("is not a block", path=_NAME, way_out=way_out)
    if len(data) < _HEAD.size + 2 * _CHECK.size:
        raise _truncated(data, "a head and its parts")
    _, version, _ = _HEAD.unpack_from(data)
    if version != SECOND_FORMAT:
        raise UnsupportedVersion(
            "has a version of blocks that is not known",
            path=_NAME,
            found=version,
            expected=SECOND_FORMAT,
            way_out="Use the version of baler-vae that wrote it",
        )
    body = data[_HEAD.size : -_CHECK.size]
    if (zlib.crc32(data[: -_CHECK.size]),) == _CHECK.unpack(data[-_CHECK.size :]):
        return body
    expected = _expected_bytes(body)
    if expected > len(data):
        raise _truncated(data, f"{expected:,} bytes")
    raise CorruptArchive("was changed since it was written: its CRC-32 does not match", path=_NAME)


def _expected_bytes(body: bytes) -> int:
    """How long a block is by what its parts say of themselves, as far as they do."""
    (n_parts,) = struct.unpack_from("<I", body)
    n_known = min(n_parts, (len(body) - 4) // 8)
    sizes = struct.unpack_from(f"<{n_known}Q", body, 4)
    return int(_HEAD.size + 4 + 8 * n_parts + sum(sizes) + _CHECK.size)


def _truncated(data: bytes, expected: str) -> TruncatedArchive:
    return TruncatedArchive(
        "the end of the block is missing",
        path=_NAME,
        found=f"{len(data):,} bytes",
        expected=expected,
        way_out="Get it again from where it came from",
    )
