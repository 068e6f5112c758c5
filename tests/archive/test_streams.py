"""Archives of bytes and in file objects: the same bytes are written, and the same is read."""

import gzip
import io
from concurrent.futures import ThreadPoolExecutor

import pytest

import baler_vae
from baler_vae.archive.collection import CollectionFile, open_file
from baler_vae.archive.collection_manifest import CollectionManifest, TableEntry, table_section
from baler_vae.archive.container import ArchiveFile, ArchiveWriter, writing_archive
from baler_vae.archive.storage import name_of, open_storage
from baler_vae.errors import ArchiveError, OutputError, SourceError, TruncatedArchive, UsageError
from tests.golden.test_golden import FOLDER

from .test_container import MINIMAL, SECTIONS, write


@pytest.fixture
def data(tmp_path):
    write(tmp_path / "a.bvae")
    return (tmp_path / "a.bvae").read_bytes()


@pytest.fixture
def places(data, tmp_path):
    """The same archive in every way in which it can be given."""
    path = tmp_path / "b.bvae"
    path.write_bytes(data)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        yield [data, io.BytesIO(data), file, raw]


def test_a_file_object_gets_the_bytes_of_a_file(data):
    file = io.BytesIO(b"before")
    file.seek(0, io.SEEK_END)
    with writing_archive(file) as archive:
        assert archive.path == "<BytesIO>"
        for name, section in SECTIONS.items():
            archive.add(name, section)
        archive.finish(MINIMAL)
    assert file.getvalue() == b"before" + data
    sink = io.BytesIO()
    with gzip.open(sink, "wb") as packed:  # which can only be written on and on
        writer = ArchiveWriter(packed)
        for name, section in SECTIONS.items():
            writer.add(name, section)
        writer.finish(MINIMAL)
        writer.close()
    assert gzip.decompress(sink.getvalue()) == data


def test_every_place_is_read_alike_and_left_open(data, places):
    for place in places:
        with ArchiveFile(place) as archive:
            assert archive.n_bytes == len(data)
            assert {name: archive.section(name) for name in archive.manifest.sections} == SECTIONS
            archive.check_all()
        assert archive.closed
        with pytest.raises(UsageError, match="the archive is closed"):
            archive.section("model/0")
        if not isinstance(place, bytes):
            assert not place.closed
            with ArchiveFile(place) as archive:  # and once more
                place.close()
                assert archive.closed
                with pytest.raises(UsageError, match="the archive is closed"):
                    archive.section("model/0")


def test_every_range_is_the_same_everywhere(data, places):
    size = len(data)
    for place in places:
        storage = open_storage(place)
        assert storage.n_bytes == size
        for start, stop in [(0, 4), (5, 5), (0, size), (3, size - 1), (size - 9, size + 9), (size, size + 4)]:
            assert storage.read_at(start, stop - start) == data[start:stop]


def test_threads_may_share_a_file_object(places):
    for place in places:
        with ArchiveFile(place) as archive, ThreadPoolExecutor(8) as pool:
            names = list(SECTIONS) * 200
            assert list(pool.map(archive.section, names)) == [SECTIONS[name] for name in names]


def test_errors_name_what_was_given(data, tmp_path):
    (tmp_path / "cut").write_bytes(data[:-1])
    with (tmp_path / "cut").open("rb") as named:
        names = {data[:-1]: "<bytes>", io.BytesIO(data[:-1]): "<BytesIO>", named: str(tmp_path / "cut")}
        for place, name in names.items():
            assert name_of(place) == name
            with pytest.raises(TruncatedArchive) as caught:
                ArchiveFile(place)
            assert caught.value.path == name
    with pytest.raises(ArchiveError, match=r"^<bytes>: is not a baler-vae archive"):
        ArchiveFile(b"nonsense")
    with (tmp_path / "cut").open(encoding="latin-1") as text, pytest.raises(UsageError, match="opened in text mode"):
        ArchiveFile(text)
    with io.BytesIO(data) as inner, pytest.raises(UsageError, match="not seekable"):
        ArchiveFile(Piped(inner.getvalue()))
    with pytest.raises(SourceError, match=r"^<Failing>: cannot be read: broken"):
        ArchiveFile(Failing(data))
    with (
        pytest.raises(OutputError, match=r"^<Failing>: cannot be written: broken"),
        writing_archive(Failing()) as archive,
    ):
        archive.add("model/0", b"")


class Piped(io.BytesIO):
    def seekable(self):
        return False


class Failing(io.BytesIO):
    def read(self, size=-1, /):
        if size:
            raise OSError("broken")
        return b""

    def write(self, _):
        raise OSError("broken")


def test_a_collection_goes_to_a_file_object_and_is_read_from_bytes(tmp_path):
    write(tmp_path / "a.bvae")
    file = io.BytesIO()
    writer = ArchiveWriter(file)
    writer.add_file(table_section(0), tmp_path / "a.bvae")
    entry = TableEntry(name="Events", title="", format="root", n_events=3)
    writer.finish(CollectionManifest(writer="a test", tables=(entry,), left_out={}))
    with open_file(file.getvalue()) as opened:
        assert isinstance(opened, CollectionFile)
        opened.check_all()
        with opened.table("Events") as table:
            assert table.path == "<bytes>:Events"
            assert {name: table.section(name) for name in table.manifest.sections} == SECTIONS
    with open_file(file, "Events") as table:
        assert table.path == "<BytesIO>:Events"
        table.check_all()


def test_archives_open_from_bytes():
    data = (FOLDER / "independent.bvae").read_bytes()
    with baler_vae.open(FOLDER / "independent.bvae") as expected:
        for place in (data, io.BytesIO(data)):
            with baler_vae.open(place) as archive:
                assert str(archive.arrays().tolist()) == str(expected.arrays().tolist())  # some are NaN
