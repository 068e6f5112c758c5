"""The sections of an archive whose writing was interrupted."""

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from baler_vae.archive.manifest import SectionEntry
from baler_vae.archive.zip import STORED, Member, local_header, read_local_header

_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Section:
    """A section that is complete in a file: its member, and its entry for the manifest."""

    member: Member
    entry: SectionEntry

    @property
    def name(self) -> str:
        return self.member.name


def whole_sections(path: Path) -> list[Section]:
    """The sections from the beginning of a file on whose headers are as they should be and whose bytes have the CRC-32
    that those tell; none where there is no such file. What lies behind them, such as half a section, is not a section.
    """
    if not path.exists():
        return []
    with path.open("rb") as file:
        return list(_sections(file))


def _sections(file: BinaryIO) -> Iterator[Section]:
    offset = 0
    while True:
        try:
            member = read_local_header(file, offset)
        except ValueError:
            return
        digest, crc, left = hashlib.sha256(), 0, member.stored_bytes
        while left:
            piece = file.read(min(left, _PIECE_BYTES))
            if not piece:
                return
            digest.update(piece)
            crc = zlib.crc32(piece, crc)
            left -= len(piece)
        if member.method != STORED or crc != member.crc or member.stored_bytes != member.n_bytes:
            return
        yield Section(member, SectionEntry(n_bytes=member.n_bytes, sha256=digest.hexdigest()))
        offset += len(local_header(member)) + member.stored_bytes
