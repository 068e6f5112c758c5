"""Parts of a section with a CRC-32 each."""

import itertools
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.archive import parts as module
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.parts import CheckedIndex, pack_checked_parts, unpack_checked_parts, unpack_parts
from baler_vae.errors import CorruptArchive

from .test_container import MINIMAL

PARTS = st.lists(st.binary(max_size=20), max_size=6)
SECTION = "groups/0/0"


def index_of(section, n_parts):
    return CheckedIndex.read(section[: CheckedIndex.n_bytes(n_parts)], len(section), n_parts)


def some_of(section, numbers, n_parts):
    """What a reader finds that reads these parts only."""
    index, found = index_of(section, n_parts), {}
    for run in index.runs(numbers):
        found |= index.parts_in(run, section[run.start : run.stop])
    return found


@settings(max_examples=100, deadline=None, derandomize=True)
@given(PARTS, st.data())
def test_all_and_some_parts_come_back(parts, data):
    section = pack_checked_parts(parts)
    assert unpack_checked_parts(section, len(parts)) == parts
    assert unpack_parts(section)[0] == b"".join(zlib.crc32(part).to_bytes(4, "little") for part in parts)
    assert index_of(section, len(parts)).sizes == tuple(map(len, parts))
    numbers = data.draw(st.sets(st.integers(0, len(parts) - 1))) if parts else set()
    assert some_of(section, numbers, len(parts)) == {number: parts[number] for number in numbers}


def test_parts_that_lie_near_each_other_are_read_at_once(monkeypatch):
    section = pack_checked_parts([bytes(100)] * 8)
    monkeypatch.setattr(module, "NEAR", 150)
    assert [run.numbers for run in index_of(section, 8).runs([6, 0, 2, 5])] == [(0, 2), (5, 6)]
    monkeypatch.setattr(module, "NEAR", 0)
    assert [run.numbers for run in index_of(section, 8).runs([6, 0, 2, 5])] == [(0,), (2,), (5, 6)]


def test_no_flipped_byte_of_what_is_used_goes_unnoticed():
    parts = [b"one part", b"", b"another part"]
    section = bytearray(pack_checked_parts(parts))
    index = index_of(bytes(section), 3)
    used = {*range(4 + 8 * 4 + 4), *range(index.offsets[0], index.offsets[1])}
    for place, mask in itertools.product(range(len(section)), (0x01, 0x80, 0xFF)):
        section[place] ^= mask
        with pytest.raises(ValueError, match=r"CRC-32|fill|index|parts"):
            unpack_checked_parts(bytes(section), 3)
        if place in used:
            with pytest.raises(ValueError, match=r"CRC-32|fill|index|parts"):
                some_of(bytes(section), {0}, 3)
        else:
            assert some_of(bytes(section), {0}, 3) == {0: parts[0]}
        section[place] ^= mask


def test_another_number_of_parts_is_refused():
    section = pack_checked_parts([b"a", b"b"])
    for n_parts in (0, 1, 3, 10**6):
        with pytest.raises(ValueError, match=r"instead of|index"):
            unpack_checked_parts(section, n_parts)
        with pytest.raises(ValueError, match=r"instead of|index"):
            index_of(section, n_parts)
    with pytest.raises(ValueError, match="instead of"):
        unpack_checked_parts(b"\0\0\0\0", 0)


@pytest.fixture
def path(tmp_path):
    with writing_archive(tmp_path / "a.bvae") as archive:
        archive.add(SECTION, pack_checked_parts([bytes([number]) * 50_000 for number in range(5)]))
        archive.finish(MINIMAL)
    return tmp_path / "a.bvae"


def test_a_part_is_read_without_the_others(path, monkeypatch):
    with ArchiveFile(path) as archive:
        read, asked = archive._storage.read_at, []
        monkeypatch.setattr(archive._storage, "read_at", lambda offset, size: asked.append(size) or read(offset, size))
        assert archive.checked_parts(SECTION, (3,), 5) == {3: b"\3" * 50_000}
        assert sum(asked) < 51_000
        asked.clear()
        assert archive.checked_part_sizes(SECTION, 5) == (50_000,) * 5
        assert sum(asked) < 200
        asked.clear()
        assert list(archive.checked_parts(SECTION, range(5), 5)) == [0, 1, 2, 3, 4]
        assert len(asked) == 1
        assert archive.checked_parts(SECTION, (), 5) == {}


def test_damage_to_another_part_is_only_seen_by_who_reads_it(path):
    data = bytearray(path.read_bytes())
    data[data.index(b"\4" * 100)] ^= 1
    path.write_bytes(data)
    with ArchiveFile(path) as archive:
        assert archive.checked_parts(SECTION, (3,), 5) == {3: b"\3" * 50_000}
        for numbers in ((4,), range(5)):
            with pytest.raises(CorruptArchive, match=r"groups/0/0: (the CRC-32 of part 5 does not|the digest)"):
                archive.checked_parts(SECTION, numbers, 5)


def test_a_wrong_crc_under_the_right_digest_is_refused(tmp_path):
    section = bytearray(pack_checked_parts([b"a", b"b"]))
    section[4 + 8 * 3] ^= 1
    with writing_archive(tmp_path / "a.bvae") as archive:
        archive.add(SECTION, bytes(section))
        archive.finish(MINIMAL)
    with ArchiveFile(tmp_path / "a.bvae") as archive:
        archive.check_all()
        with pytest.raises(CorruptArchive, match="CRC-32"):
            archive.checked_parts(SECTION, (0, 1), 2)


def test_a_header_that_differs_is_refused_by_who_reads_a_part(path):
    data = bytearray(path.read_bytes())
    data[12] ^= 1
    path.write_bytes(data)
    with ArchiveFile(path) as archive, pytest.raises(CorruptArchive, match="header"):
        archive.checked_parts(SECTION, (3,), 5)
