"""The ZIP file around sections, byte for byte: what writes headers and directory also says what a reader must find.

The layout is that of PKWARE's APPNOTE 6.3, with one way only to write each thing; see FORMAT.md.
"""

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

STORED: Final = 0
DEFLATED: Final = 8
START: Final = b"PK\x03\x04"

ReadAt = Callable[[int, int], bytes]
"""A function (offset, n_bytes) that reads bytes of a file."""

_LOCAL = struct.Struct("<4s5H3I2H")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
_DATE = 1 << 5 | 1  # 1980-01-01
_UNIX = 3 << 8
_MODE = 0o100644 << 16
_VERSION, _VERSION64 = 20, 45
_LARGE, _MANY = 0xFFFFFFFF, 0xFFFF
_NAME = re.compile(r"[a-z0-9]+([._/-][a-z0-9]+)*")


@dataclass(frozen=True)
class Member:
    """One member: its name, method, CRC-32, stored and original size in bytes, where its local header begins, and for a
    deflated one the CRC-32 of its stored bytes, because other deflated bytes may inflate to the same content.
    """

    name: str
    method: int
    crc: int
    stored_bytes: int
    n_bytes: int
    offset: int
    stored_crc: int = 0

    @property
    def comment(self) -> bytes:
        """Its comment in the directory."""
        return f"{self.stored_crc:08x}".encode("ascii") if self.method == DEFLATED else b""

    @property
    def data_offset(self) -> int:
        return self.offset + len(local_header(self))

    @property
    def end(self) -> int:
        return self.data_offset + self.stored_bytes


def local_header(member: Member) -> bytes:
    """The bytes before the data of a member."""
    sizes = (member.stored_bytes, member.n_bytes)
    extra = b""
    if max(sizes) >= _LARGE:
        extra = struct.pack("<2H2Q", 1, 16, member.n_bytes, member.stored_bytes)
        sizes = (_LARGE, _LARGE)
    name = member.name.encode("ascii")
    version = _VERSION64 if extra else _VERSION
    lengths = (len(name), len(extra))
    return _LOCAL.pack(START, version, 0, member.method, 0, _DATE, member.crc, *sizes, *lengths) + name + extra


def read_local_header(file: BinaryIO, offset: int) -> Member:
    """The member whose header begins at a byte of an open file, which is then read up to the member's data.

    Raises:
        ValueError: the header is not one that `local_header` writes.
    """
    file.seek(offset)
    start = file.read(_LOCAL.size)
    if len(start) < _LOCAL.size or not start.startswith(START):
        raise ValueError(f"there is no member at byte {offset}")
    fields = _LOCAL.unpack(start)
    method, crc, stored_bytes, n_bytes, n_name, n_extra = fields[3], *fields[6:]
    name, extra = file.read(n_name), file.read(n_extra)
    if _LARGE in (stored_bytes, n_bytes) and len(extra) == 20:
        n_bytes, stored_bytes = struct.unpack_from("<2Q", extra, 4)
    if not _NAME.fullmatch(name.decode("ascii", "replace")):
        raise ValueError(f"{name!r} is not a valid member name")
    member = Member(name.decode("ascii"), method, crc, stored_bytes, n_bytes, offset)
    if local_header(member) != start + name + extra:
        raise ValueError(f"the header at byte {offset} is damaged")
    return member


def directory(members: Sequence[Member]) -> bytes:
    """The bytes after the last member: the directory of all members, and the records that end the file."""
    entries = b"".join(map(_entry, members))
    offset = members[-1].end
    end64 = b""
    if len(members) >= _MANY or max(len(entries), offset) >= _LARGE:
        counts = (len(members), len(members))
        end64 = _END64.pack(
            b"PK\x06\x06", 44, _UNIX | _VERSION64, _VERSION64, 0, 0, *counts, len(entries), offset
        ) + _LOCATOR.pack(b"PK\x06\x07", 0, offset + len(entries), 1)
    count = min(len(members), _MANY)
    end = _END.pack(b"PK\x05\x06", 0, 0, count, count, min(len(entries), _LARGE), min(offset, _LARGE), 0)
    return entries + end64 + end


def _entry(member: Member) -> bytes:
    numbers = (member.n_bytes, member.stored_bytes, member.offset)
    large = [number for number in numbers if number >= _LARGE]
    extra = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    n_bytes, stored_bytes, offset = (min(number, _LARGE) for number in numbers)
    name = member.name.encode("ascii")
    version = _VERSION64 if large else _VERSION
    return (
        _ENTRY.pack(
            *(b"PK\x01\x02", _UNIX | version, version, 0, member.method, 0, _DATE),
            *(member.crc, stored_bytes, n_bytes, len(name), len(extra), len(member.comment), 0, 0, _MODE, offset),
        )
        + name
        + extra
        + member.comment
    )


def read_directory(read_at: ReadAt, n_bytes: int) -> tuple[Member, ...]:
    """The members of a file of `n_bytes` bytes, whose directory is, byte for byte, the one that `directory` makes
    of them, and which follow each other without gaps from the first byte on.

    Raises:
        EOFError: the file does not end as such a file does.
        ValueError: its directory is another.
    """
    if n_bytes < _END.size:
        raise EOFError("the end is missing")
    signature, *_, count, n_directory, start, _ = _END.unpack(read_at(n_bytes - _END.size, _END.size))
    if signature != b"PK\x05\x06":
        raise EOFError("the end is missing")
    if _LARGE in (n_directory, start) or count == _MANY:
        count, n_directory, start = _read_end64(read_at, n_bytes)
    if not 0 < n_directory <= n_bytes - start or count * _ENTRY.size > n_directory:
        raise ValueError(f"a directory of {n_directory} bytes for {count} members from byte {start} on")
    tail = read_at(start, n_bytes - start)
    members = tuple(_read_entries(tail, count))
    offset = 0
    for member in members:
        if not _NAME.fullmatch(member.name):
            raise ValueError(f"{member.name!r} is not a valid member name")
        if member.offset != offset:
            raise ValueError(f"member {member.name} begins at byte {member.offset} instead of {offset}")
        offset = member.end
    if len({member.name for member in members}) != len(members):
        raise ValueError("two members have the same name")
    if not members or offset != start or directory(members) != tail:
        raise ValueError("the directory does not match the members")
    return members


def _read_end64(read_at: ReadAt, n_bytes: int) -> tuple[int, int, int]:
    size = _END64.size + _LOCATOR.size + _END.size
    if n_bytes < size:
        raise ValueError("the end of a large file is missing")
    fields = _END64.unpack(read_at(n_bytes - size, _END64.size))
    return fields[-3], fields[-2], fields[-1]


def _read_entries(tail: bytes, count: int) -> list[Member]:
    members, place = [], 0
    for _ in range(count):
        if place + _ENTRY.size > len(tail):
            raise ValueError("the directory is too short")
        fields = _ENTRY.unpack_from(tail, place)
        method, (crc, stored_bytes, n_bytes, n_name, n_extra, n_comment) = fields[4], fields[7:13]
        place += _ENTRY.size
        name, extra = tail[place : place + n_name], tail[place + n_name : place + n_name + n_extra]
        place += n_name + n_extra + n_comment
        comment = tail[place - n_comment : place]
        stored_crc = int(comment, 16) if len(comment) == 8 and comment.isalnum() else 0
        large = iter(struct.unpack_from(f"<{max(0, len(extra) - 4) // 8}Q", extra.ljust(4), 4))
        numbers = [
            next(large, _LARGE) if number == _LARGE else number for number in (n_bytes, stored_bytes, fields[-1])
        ]
        members.append(Member(name.decode("ascii"), method, crc, numbers[1], numbers[0], numbers[2], stored_crc))
    return members
