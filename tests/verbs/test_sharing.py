"""One archive in many threads and processes, in a pickle, and after it was closed."""

import copy
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile
from baler_vae.errors import ArchiveError, SourceError, UsageError
from benchmarks.server import serving

N_EVENTS = 150_000
"""Enough for three row groups."""


def write_archive(path, seed=0):
    rng = np.random.default_rng(seed)
    columns = {"x": rng.normal(size=N_EVENTS).astype(np.float32), "i": rng.integers(0, 1 << 30, N_EVENTS)}
    np.savez(path.with_suffix(".npz"), **columns)
    baler_vae.compress(path.with_suffix(".npz"), path, kind="independent", bound="bits:8", verify=False)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("shared") / "a.bvae")


def values(archive, start, stop):
    return archive.arrays("i", entry_start=start, entry_stop=stop, library="np")["i"]


FORKED = """
    import os, sys
    import numpy as np
    import baler_vae

    archive = baler_vae.open(sys.argv[1])
    if sys.argv[2] == "read":
        archive.arrays(library="np")
    expected = np.load(sys.argv[3])["i"]
    places = range(0, 150_000, 65_536)
    children = []
    for child in range(int(sys.argv[4])):
        pid = os.fork()
        if not pid:
            wrong = 0
            try:
                for _ in range(int(sys.argv[5])):
                    for start in places:
                        found = archive.arrays("i", entry_start=start, entry_stop=start + 9, library="np")["i"]
                        wrong += not np.array_equal(found, expected[start : start + 9])
            except BaseException as error:
                print(type(error).__name__, error, flush=True)
                wrong += 1
            os._exit(min(wrong, 99))
        children.append(pid)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    sys.exit(f"children failed: {statuses}" if any(statuses) else 0)
"""


FEW_AND_MANY = pytest.mark.parametrize(("children", "times"), [(3, 4), pytest.param(6, 12, marks=pytest.mark.full)])


def forked(place, source, first, *counts):
    script = [sys.executable, "-c", textwrap.dedent(FORKED), str(place), first, str(source), *map(str, counts)]
    done = subprocess.run(script, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@FEW_AND_MANY
def test_forked_processes_read_at_the_same_time(path, children, times):
    forked(path, path.with_suffix(".npz"), "unread", children, times)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@FEW_AND_MANY
def test_forked_processes_read_behind_a_url(path, children, times):
    pytest.importorskip("aiohttp")
    with serving(path.parent) as served:
        forked(f"{served.url}/a.bvae", path.with_suffix(".npz"), "read", children, times)


def test_threads_read_at_the_same_time(path):
    expected = np.load(path.with_suffix(".npz"))["i"]
    starts = [int(start) for start in np.random.default_rng(1).integers(0, N_EVENTS - 100, 60)]
    with baler_vae.open(path) as archive, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: values(archive, start, start + 100), starts))
    for start, own in zip(starts, found, strict=True):
        np.testing.assert_array_equal(own, expected[start : start + 100])


def test_closing_while_others_read_gives_no_wrong_bytes(path):
    """The number of a closed descriptor soon stands for another file."""
    archive = ArchiveFile(path)
    name = max(archive.manifest.sections, key=lambda name: archive.manifest.sections[name].n_bytes)
    expected = archive.section(name)

    def read(number):
        if number == 40:
            archive.close()
            return True
        try:
            return archive.section(name) == expected
        except UsageError as error:
            with path.with_suffix(".npz").open("rb"):
                return "the archive is closed" in str(error)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(200)))
    assert all(found)
    assert archive.closed


def test_archives_and_columns_pickle(path, tmp_path, monkeypatch):
    monkeypatch.chdir(path.parent)
    with baler_vae.open("a.bvae") as archive:
        expected = values(archive, 5, 20)
        data, column = pickle.dumps(archive), pickle.dumps(archive["i"])
        assert len(data) < 1_000
        twin = copy.copy(archive)
    assert not twin.closed
    np.testing.assert_array_equal(values(twin, 5, 20), expected)
    monkeypatch.chdir(tmp_path)
    with pickle.loads(data) as again:
        assert again.keys() == archive.keys()
        np.testing.assert_array_equal(values(again, 5, 20), expected)
    own = pickle.loads(column)
    assert own.name == "i"
    np.testing.assert_array_equal(own.array(entry_start=5, entry_stop=20, library="np"), expected)


def test_a_pickle_of_another_file_is_refused(path, tmp_path):
    moved = tmp_path / "a.bvae"
    moved.write_bytes(path.read_bytes())
    with baler_vae.open(moved) as archive:
        data = pickle.dumps(archive)
    moved.unlink()
    with pytest.raises(SourceError, match=r"a\.bvae: does not exist"):
        pickle.loads(data)
    write_archive(moved, seed=1)
    with pytest.raises(SourceError, match=r"a\.bvae: is not the archive that was pickled.* Open the new one"):
        pickle.loads(data)


READS = {
    "arrays": lambda archive: archive.arrays(library="np"),
    "iterate": lambda archive: next(archive.iterate(library="np")),
    "batch": lambda archive: archive.batch(archive.schema),
    "column": lambda archive: archive["x"].array(),
    "source": lambda archive: next(archive.as_source().read(archive.schema)),
    "info": lambda archive: archive.info(),
    "history": lambda archive: archive.history(),
    "extras": lambda archive: archive.extras(),
    "check": lambda archive: archive.check_sections(),
    "pickle": pickle.dumps,
}


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("n_events", [0, 3])
def test_a_closed_archive_says_so(tmp_path, read, n_events):
    np.savez(tmp_path / "a.npz", x=np.arange(n_events, dtype=np.float64))
    baler_vae.compress(tmp_path / "a.npz", tmp_path / "a.bvae", kind="independent")
    archive = baler_vae.open(tmp_path / "a.bvae")
    if n_events:
        archive.arrays()
    archive.close()
    archive.close()
    assert archive.closed
    assert "closed" in repr(archive)
    assert archive.keys() == ["x"]
    with pytest.raises(UsageError, match=r"a\.bvae: the archive is closed\. Open it again"):
        READS[read](archive)


def test_a_closed_archive_behind_a_url_says_so(path):
    pytest.importorskip("aiohttp")
    with serving(path.parent) as served:
        archive = baler_vae.open(f"{served.url}/a.bvae")
        archive.close()
        with pytest.raises(UsageError, match="the archive is closed"):
            archive.arrays(entry_stop=3)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.bvae")
    with pytest.raises(SourceError, match="is not a regular file"):
        baler_vae.open(tmp_path / "pipe.bvae")
    with pytest.raises(SourceError, match="is a directory"):
        baler_vae.open(tmp_path)
    (tmp_path / "empty.bvae").touch()
    with pytest.raises(ArchiveError):
        baler_vae.open(tmp_path / "empty.bvae")
