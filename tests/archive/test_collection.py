"""Archives in an archive: read in place, damage found, lies refused."""

import json
import zipfile

import pytest
from pydantic import ValidationError

from baler_vae.archive import collection, storage
from baler_vae.archive.collection import CollectionFile, open_file
from baler_vae.archive.collection_manifest import CollectionManifest, TableEntry, table_section
from baler_vae.archive.container import ArchiveFile, ArchiveWriter, writing_archive
from baler_vae.errors import ArchiveError, CorruptArchive, UnsupportedVersion, UsageError
from benchmarks.server import serving

from .test_container import MINIMAL

TABLES = {"Events": b"some rows", "dir/Runs;é": b"", "a::b": bytes(300)}
N_EVENTS = 3


def table(path, section):
    with writing_archive(path) as archive:
        archive.add("groups/0/0", section)
        archive.finish(MINIMAL)
    return path


def manifest(names=tuple(TABLES), **changes):
    tables = tuple(TableEntry(name=name, title="é", format="root", n_events=N_EVENTS) for name in names)
    left_out = {"h": "TH1D"}
    return CollectionManifest(**{"writer": "a test", "tables": tables, "left_out": left_out} | changes)


def write(path, inner, own=None):
    """A collection of these files."""
    writer = ArchiveWriter(path)
    for number, each in enumerate(inner):
        writer.add_file(table_section(number), each)
    writer.finish(own or manifest())
    return path


@pytest.fixture
def inner(tmp_path):
    return [table(tmp_path / f"{n}.bvae", section) for n, section in enumerate(TABLES.values())]


@pytest.fixture
def path(inner, tmp_path):
    return write(tmp_path / "all.bvae", inner)


def read(path):
    """All that is in a collection."""
    with open_file(path) as opened:
        opened.check_all()
        return {name: opened.table(name).section("groups/0/0") for name in opened.manifest.names}


def test_tables_are_archives_of_their_own(path, inner):
    assert read(path) == TABLES
    with CollectionFile(path) as opened:
        assert opened.manifest.left_out == {"h": "TH1D"}
        assert opened.manifest.version == 2
        for name in TABLES:
            assert opened.table(name).path == f"{path}:{name}"
    for name, data in TABLES.items():
        with open_file(path, name) as archive:
            assert isinstance(archive, ArchiveFile)
            assert archive.section("groups/0/0") == data
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["archives/0", "archives/1", "archives/2", "manifest.json"]
        assert [archive.read(f"archives/{n}") for n in range(3)] == [each.read_bytes() for each in inner]
        assert set(json.loads(archive.read("manifest.json"))) == {
            *("format", "version", "kind", "writer", "tables", "left_out", "settings", "sections")
        }


def test_same_tables_same_bytes(path, inner, tmp_path):
    assert write(tmp_path / "again.bvae", inner).read_bytes() == path.read_bytes()


def test_a_table_is_closed_without_the_others(path):
    with CollectionFile(path) as opened:
        opened.table("Events").close()
        assert opened.table("a::b").section("groups/0/0") == TABLES["a::b"]


@pytest.fixture
def small(inner, tmp_path):
    """The bytes of a collection of two tables."""
    return write(tmp_path / "small.bvae", inner[:2], manifest(names=("Events", "Runs"))).read_bytes()


def test_a_collection_cut_anywhere_is_refused(small, tmp_path):
    data, cut = small, tmp_path / "cut.bvae"
    for length in range(len(data)):
        cut.write_bytes(data[:length])
        with pytest.raises(ArchiveError):
            read(cut)


def test_a_collection_with_any_byte_changed_is_refused(small, tmp_path):
    data, changed = bytearray(small), tmp_path / "changed.bvae"
    for place in range(len(data)):
        mask = 0x01 if place % 2 else 0xFF
        data[place] ^= mask
        changed.write_bytes(data)
        with pytest.raises(ArchiveError):
            read(changed)
        data[place] ^= mask


def test_a_changed_byte_of_a_table_is_found_without_the_digest_of_the_whole(path, tmp_path):
    """By whoever reads that table in place, and by nobody who reads another one."""
    with CollectionFile(path) as opened:
        member = opened._member("archives/0")
    data, changed = bytearray(path.read_bytes()), tmp_path / "changed.bvae"
    for place in range(member.offset, member.end):
        data[place] ^= 0x01
        changed.write_bytes(data)
        with pytest.raises(ArchiveError), open_file(changed, "Events") as archive:
            archive.section("groups/0/0")
        with open_file(changed, "a::b") as archive:
            assert archive.section("groups/0/0") == TABLES["a::b"]
        data[place] ^= 0x01


def test_where_one_table_is_needed_the_names_are_told(path):
    with pytest.raises(UsageError, match=r"all\.bvae: holds 3 tables: Events, .*Name one: .*all\.bvae:Events"):
        ArchiveFile(path)
    with pytest.raises(UsageError, match=r"no table 'Event': the nearest names are 'Events'"):
        open_file(path, "Event")


def test_an_archive_of_one_table_may_be_named_by_it(inner):
    with open_file(inner[0], MINIMAL.origin.name) as archive:
        assert archive.path == inner[0]
    with pytest.raises(UsageError, match=r"no table 'Runs'.*one table 'Events'"):
        open_file(inner[0], "Runs")
    with pytest.raises(UsageError, match="holds one table"):
        CollectionFile(inner[0])


def test_tables_in_tables_are_refused(path, inner, tmp_path):
    deep = write(tmp_path / "deep.bvae", [path, *inner[1:]])
    with pytest.raises(CorruptArchive, match=r"section archives/0: is a collection inside a collection"):
        open_file(deep, "Events")
    with pytest.raises(CorruptArchive, match="a collection inside a collection"):
        read(deep)


def test_a_codec_in_place_of_a_table_is_refused(inner, tmp_path):
    with writing_archive(tmp_path / "codec") as archive:
        archive.finish(MINIMAL.model_copy(update={"kind": "codec"}))
    with pytest.raises(CorruptArchive, match="is not the table 'Events'"):
        read(write(tmp_path / "lies.bvae", [tmp_path / "codec", *inner[1:]]))


@pytest.mark.parametrize("change", [{"n_events": 4}, {"format": "csv"}])
def test_a_table_that_is_not_the_one_that_is_listed_is_refused(inner, tmp_path, change):
    tables = manifest().tables
    lies = manifest(tables=(tables[0].model_copy(update=change), *tables[1:]))
    with pytest.raises(CorruptArchive, match="is not the table 'Events' that the manifest lists"):
        read(write(tmp_path / "lies.bvae", inner, lies))


def test_a_table_without_a_section_and_one_that_is_none_are_refused(inner, tmp_path):
    with pytest.raises(CorruptArchive, match="section archives/2: is missing"):
        read(write(tmp_path / "few.bvae", inner[:2]))
    (tmp_path / "text").write_text("no archive at all")
    with pytest.raises(ArchiveError, match=r"is not a baler-vae archive"):
        read(write(tmp_path / "text.bvae", [tmp_path / "text", *inner[1:]]))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"version": 1}, CorruptArchive),
        ({"version": 3}, UnsupportedVersion),
        ({"version": 2.0}, UnsupportedVersion),
        ({"tables": []}, CorruptArchive),
        ({"tables": [{"name": "", "title": "", "format": "root", "n_events": 0}]}, CorruptArchive),
        ({"tables": [{"name": "a", "title": "", "format": "root", "n_events": -1}]}, CorruptArchive),
        ({"tables": [{"name": "a", "title": "", "format": "root", "n_events": 3}] * 2}, CorruptArchive),
        ({"tables": "a"}, CorruptArchive),
        ({"left_out": ["a"]}, CorruptArchive),
        ({"settings": None}, CorruptArchive),
        ({"groups": []}, CorruptArchive),
        ({"kind": "archive"}, CorruptArchive),
        ({"kind": ["collection"]}, CorruptArchive),
    ],
)
def test_manifests_that_no_writer_makes_are_refused(inner, tmp_path, content, error):
    class Lies(CollectionManifest):
        def to_document(self):
            return super().to_document() | content

    with pytest.raises(error):
        read(write(tmp_path / "lies.bvae", inner, Lies(**dict(manifest()))))


def test_names_differ_and_are_not_empty():
    with pytest.raises(ValidationError, match="two tables have the same name"):
        manifest(names=("a", "b", "a"))
    with pytest.raises(ValidationError):
        manifest(names=("",))


def test_of_a_remote_collection_only_what_is_needed_is_read(tmp_path):
    pytest.importorskip("aiohttp")
    inner = [table(tmp_path / f"{n}.bvae", bytes(500_000)) for n in range(3)]
    write(tmp_path / "all.bvae", inner)
    with serving(tmp_path) as served:
        url = f"{served.url}/all.bvae"
        with open_file(url) as opened:
            assert len(served.ranges) == 1
            archive = opened.table("dir/Runs;é")
            assert archive.path == f"{url}:dir/Runs;é"
            assert len(served.ranges) == 3
            assert served.n_bytes < 2 * storage.TAIL_BYTES + 3_000
            archive.section("groups/0/0")
            assert served.n_bytes < 500_000 + 2 * storage.TAIL_BYTES + 4_000


def test_a_window_gives_what_lies_in_it(tmp_path, monkeypatch):
    data = bytes(range(200))
    (tmp_path / "file").write_bytes(b"before" + data + b"behind")
    for tail in (0, 1, 50, 1_000):
        monkeypatch.setattr(collection, "TAIL_BYTES", tail)
        whole = storage.open_storage(tmp_path / "file")
        window = collection.Window(whole, "name", 6, len(data), owns=True)
        for offset in (0, 1, 149, 150, 151, 199, 200, 300):
            for size in (0, 1, 49, 50, 51, 200, 500):
                assert window.read_at(offset, size) == data[offset : offset + size]
        window.close()
