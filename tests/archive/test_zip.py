"""The ZIP file around sections: one way to write it, nothing else read."""

import io
import struct
import zipfile
import zlib
from dataclasses import replace

import pytest

from baler_vae.archive.zip import STORED, Member, directory, local_header, read_directory

LARGE = 2**32 - 1


def file_of(contents):
    """The bytes of a file, and its members."""
    members, data = [], b""
    for name, content in contents.items():
        member = Member(name, STORED, zlib.crc32(content), len(content), len(content), len(data))
        members.append(member)
        data += local_header(member) + content
    return data + directory(members), tuple(members)


CONTENTS = {"model/0": b"weights", "groups/0/0": b"", "manifest.json": b"{}"}
GOOD, MEMBERS = file_of(CONTENTS)


def read(data):
    return read_directory(lambda offset, size: data[offset : offset + size], len(data))


def test_what_was_written_is_read_by_us_and_by_others():
    assert read(GOOD) == MEMBERS
    with zipfile.ZipFile(io.BytesIO(GOOD)) as other:
        assert other.testzip() is None
        assert {name: other.read(name) for name in other.namelist()} == CONTENTS


def test_the_bytes_are_these():
    data, _ = file_of({"a": b"hi"})
    assert data.hex(" ", -4) == (
        "504b0304 14000000 00000000 2100ac2a 93d80200 00000200 00000100 00006168 69504b01 02140314 00000000 00000021 "
        "00ac2a93 d8020000 00020000 00010000 00000000 00000000 00a48100 00000061 504b0506 00000000 01000100 2f000000 "
        "21000000 0000"
    )


@pytest.mark.parametrize(
    "data",
    [
        GOOD + b"\0",
        b"\0" + GOOD,
        GOOD[:-2] + b"\x01\0!",
        GOOD.replace(b"weights", b"weights\0"),
        GOOD.replace(b"weights", b"weight"),
        GOOD.replace(b"PK\x01\x02\x14\x03", b"PK\x01\x02\x14\x00"),
        GOOD.replace(b"model/0", b"model/1", 1),
        GOOD.replace(b"groups/0/0", b"groups/../"),
    ],
)
def test_other_bytes_are_refused(data):
    assert data != GOOD
    try:
        members = read(data)
    except (ValueError, EOFError):
        return
    # Only a local header differs: that is seen when its member is read.
    assert any(data[m.offset : m.data_offset] != local_header(m) for m in members)


def with_end(count, n_directory, start):
    return GOOD[:-22] + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, n_directory, start, 0)


@pytest.mark.parametrize(
    ("count", "n_directory", "start"),
    [
        (0, 0, 0),
        (65_534, 200, 0),
        (3, LARGE - 1, 0),
        (3, 100, LARGE - 1),
        (65_535, LARGE, LARGE),
        (2, 174, 90),
        (3, 1, 263),
    ],
)
def test_end_records_that_lie(count, n_directory, start):
    with pytest.raises((ValueError, EOFError)):
        read(with_end(count, n_directory, start))


def test_two_members_of_one_name():
    first, second = MEMBERS[0], replace(MEMBERS[0], offset=MEMBERS[0].end)
    body = local_header(first) + b"weights"
    with pytest.raises(ValueError, match="two members"):
        read(body + body + directory((first, second)))


def test_a_gap_between_members():
    second = replace(MEMBERS[1], offset=MEMBERS[0].end + 1)
    with pytest.raises(ValueError, match="begins at byte"):
        read(local_header(MEMBERS[0]) + b"weights\0" + local_header(second) + directory((MEMBERS[0], second)))


def test_very_many_members():
    data, members = file_of({f"groups/0/{number}": b"" for number in range(65_535)})
    assert read(data) == members
    with zipfile.ZipFile(io.BytesIO(data)) as other:
        assert len(other.namelist()) == 65_535


def test_members_beyond_four_gigabytes(tmp_path):
    """A sparse file: its holes take no room on the disk."""
    large = Member("groups/0/0", STORED, 0, 5 << 30, 5 << 30, 0)
    small = Member("manifest.json", STORED, zlib.crc32(b"{}"), 2, 2, large.end)
    with (tmp_path / "sparse.zip").open("w+b") as file:
        file.write(local_header(large))
        file.seek(large.end)
        file.write(local_header(small) + b"{}" + directory((large, small)))
        n_bytes = file.tell()

        def read_at(offset, size):
            file.seek(offset)
            return file.read(size)

        assert read_directory(read_at, n_bytes) == (large, small)
        with zipfile.ZipFile(file) as other:
            assert [(m.filename, m.file_size, m.header_offset) for m in other.infolist()] == [
                ("groups/0/0", 5 << 30, 0),
                ("manifest.json", 2, large.end),
            ]
            assert other.read("manifest.json") == b"{}"
            with other.open("groups/0/0") as member:
                assert member.read(9) == bytes(9)
