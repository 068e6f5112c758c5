"""Archives behind URLs."""

import subprocess
import sys
import textwrap

import pytest

from baler_vae.archive import storage
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.storage import open_storage
from baler_vae.errors import ArchiveError, SourceError, TruncatedArchive
from benchmarks.server import serving

from .test_container import MINIMAL

pytest.importorskip("aiohttp")
SECTIONS = {"model/0": bytes(100_000), "groups/0/0": b"little", "groups/0/1": bytes(200_000)}


@pytest.fixture
def path(tmp_path):
    with writing_archive(tmp_path / "a.bvae") as archive:
        for name, data in SECTIONS.items():
            archive.add(name, data)
        archive.finish(MINIMAL)
    return tmp_path / "a.bvae"


@pytest.fixture
def served(tmp_path):
    with serving(tmp_path) as served:
        yield served


def test_every_range_is_the_same_here_and_there(path, served, monkeypatch):
    data = path.read_bytes()
    monkeypatch.setattr(storage, "TAIL_BYTES", 1_000)
    local, remote = open_storage(path), open_storage(f"{served.url}/a.bvae")
    assert local.n_bytes == remote.n_bytes == len(data)
    size = len(data)
    for start, stop in [(0, 4), (5, 5), (0, size), (size - 1_001, size), (size - 1_000, size), (size - 9, size + 9)]:
        assert local.read_at(start, stop - start) == remote.read_at(start, stop - start) == data[start:stop]
    assert local.read_at(size, 4) == remote.read_at(size, 4) == b""
    local.close()


def test_directory_and_manifest_come_in_one_request_and_a_section_in_another(path, served):
    with ArchiveFile(f"{served.url}/a.bvae") as archive:
        assert len(served.ranges) == 1
        assert archive.path == f"{served.url}/a.bvae"
        assert archive.section("groups/0/0") == b"little"
        assert len(served.ranges) == 2
        assert served.n_bytes < storage.TAIL_BYTES + 2_000
        archive.check_all()


def test_a_manifest_larger_than_the_tail_is_read_all_the_same(path, served, monkeypatch):
    monkeypatch.setattr(storage, "TAIL_BYTES", 100)
    with ArchiveFile(f"{served.url}/a.bvae?token=1") as archive:
        assert archive.section("groups/0/0") == b"little"


def test_failures_name_the_url(path, served, tmp_path):
    with pytest.raises(SourceError, match=rf"{served.url}/none.bvae: does not exist"):
        ArchiveFile(f"{served.url}/none.bvae")
    with pytest.raises(SourceError, match=r"http://127.0.0.1:9/a.bvae: cannot be fetched"):
        ArchiveFile("http://127.0.0.1:9/a.bvae")
    with pytest.raises(SourceError, match=r"cannot be fetched: .*xrootd"):
        ArchiveFile("root://host//a.bvae")
    with pytest.raises(SourceError, match=r"nonsense://host/a.bvae: cannot be fetched"):
        ArchiveFile("nonsense://host/a.bvae")
    (tmp_path / "cut.bvae").write_bytes(path.read_bytes()[:-10])
    with pytest.raises(TruncatedArchive, match=rf"{served.url}/cut.bvae: the end of the archive is missing"):
        ArchiveFile(f"{served.url}/cut.bvae")
    (tmp_path / "empty.bvae").write_bytes(b"")
    with pytest.raises(ArchiveError, match="not a baler-vae archive"):
        ArchiveFile(f"{served.url}/empty.bvae")


def test_a_server_that_goes_away_is_named(path, tmp_path):
    with serving(tmp_path) as served:
        archive = ArchiveFile(f"{served.url}/a.bvae")
    with pytest.raises(SourceError, match=rf"{served.url}/a.bvae: cannot be fetched"):
        archive.section("groups/0/0")


def test_a_file_that_shrinks_is_named(path, served):
    with ArchiveFile(f"{served.url}/a.bvae") as archive:
        path.write_bytes(path.read_bytes()[:50_000])
        with pytest.raises(SourceError, match="sent fewer bytes"):
            archive.section("model/0")


def test_a_server_without_ranges_is_refused(path, tmp_path):
    with serving(tmp_path, in_ranges=False) as served, pytest.raises(SourceError, match=r"sends more .* Download"):
        ArchiveFile(f"{served.url}/a.bvae")


def test_without_aiohttp_the_extra_is_named():
    script = """
    import sys
    sys.modules["aiohttp"] = None
    import baler_vae
    try:
        baler_vae.open("https://host/a.bvae")
    except baler_vae.MissingExtra as error:
        print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "https://host/a.bvae" in done.stdout
    assert "'aiohttp'" in done.stdout
    assert "pip install 'baler-vae[remote]'" in done.stdout


def test_any_file_system_of_fsspec_will_do(path):
    with ArchiveFile(f"file://{path}") as archive:
        assert archive.section("groups/0/0") == b"little"
