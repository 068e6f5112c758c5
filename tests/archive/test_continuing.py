"""An archive whose writing was broken off, at any byte, is continued to the same bytes."""

import pytest

from baler_vae.archive.container import ArchiveFile, ArchiveWriter
from baler_vae.archive.continuing import whole_sections
from baler_vae.archive.manifest import Manifest, OriginEntry
from baler_vae.errors import CorruptArchive

SECTIONS = {"model/0": b"weights" * 9, "groups/0/0": b"", "groups/0/1": b"x" * 100, "groups/0/2": bytes(range(99))}
MANIFEST = Manifest(
    kind="archive", writer="test", origin=OriginEntry(format="npz", name="", title="", shape=()), groups=(), order=()
)


@pytest.fixture
def whole(tmp_path):
    path = tmp_path / "whole"
    writer = ArchiveWriter(path)
    for name, data in SECTIONS.items():
        writer.add(name, data)
    writer.finish(MANIFEST)
    return path


def continued(path, kept=None):
    writer = ArchiveWriter(path, whole_sections(path) if kept is None else kept)
    for name, data in SECTIONS.items():
        writer.add(name, data)
    writer.finish(MANIFEST)
    return path.read_bytes()


def test_a_cut_at_every_byte_is_continued(whole, tmp_path):
    data = whole.read_bytes()
    ends = [section.member.end for section in whole_sections(whole)]
    assert len(ends) == len(SECTIONS)
    for size in range(len(data) + 1):
        part = tmp_path / "part"
        part.write_bytes(data[:size])
        assert len(whole_sections(part)) == sum(end <= size for end in ends)
        assert continued(part) == data


def test_what_is_kept_is_as_much_as_one_wants(whole):
    data, sections = whole.read_bytes(), whole_sections(whole)
    for number in range(len(sections) + 1):
        assert continued(whole, sections[:number]) == data
    with ArchiveFile(whole) as archive:
        archive.check_all()


def test_no_flipped_byte_is_kept(whole, tmp_path):
    """But in names, which a writer compares with its own."""
    data, ends = whole.read_bytes(), [section.member.end for section in whole_sections(whole)]
    starts = [data.index(name.encode()) for name in SECTIONS]
    names = {place for name, start in zip(SECTIONS, starts, strict=True) for place in range(start, start + len(name))}
    for place in sorted(set(range(ends[-1])) - names):
        damaged = bytearray(data)
        damaged[place] ^= 4
        part = tmp_path / "part"
        part.write_bytes(damaged)
        assert len(whole_sections(part)) == sum(end <= place for end in ends)


def test_other_sections_are_not_taken_for_those_that_are_there(whole):
    writer = ArchiveWriter(whole, whole_sections(whole))
    with pytest.raises(CorruptArchive, match=r"section model/0: found in place of groups/0/0"):
        writer.keep("groups/0/0")
    writer.close()
    writer = ArchiveWriter(whole, whole_sections(whole))
    with pytest.raises(CorruptArchive, match=r"section model/0: differs from the section that would replace it"):
        writer.add("model/0", b"others")
    writer.close()


def test_no_file_has_no_sections(tmp_path):
    assert whole_sections(tmp_path / "none") == []
