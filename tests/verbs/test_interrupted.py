"""Real runs over row groups of the full size that are killed, or find their disk full."""

import subprocess

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import OutputError
from tests.processes import Run, kill_all
from tests.tables import file_of_words

N_EVENTS = 200_000


@pytest.fixture(autouse=True)
def _no_run_is_left():
    yield
    kill_all()


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Rows enough for four row groups."""
    return file_of_words(tmp_path_factory.mktemp("source") / "input.npz", N_EVENTS)


def test_kills_of_a_real_run(source, tmp_path):
    """Killed again and again, each time a little later, until it is done."""
    baler_vae.compress(source, tmp_path / "whole.bvae", kind="independent", bound="bits:8")
    folder = tmp_path / "out"
    folder.mkdir()
    output = folder / "a.bvae"
    command = ["compress", str(source), "-o", str(output), "--resume"]
    command += ["--model", "independent", "--bound", "bits:8", "--no-progress"]
    # The first process waits for the fork server to import all that is needed.
    assert Run(["--help"], tmp_path / "log").end() == 0
    rng = np.random.default_rng(4)
    for number in range(5):
        if output.exists():
            break
        run = Run(command, tmp_path / "log")
        end = run.kill_after(0.3 * (1 + number + rng.random())) if number < 4 else run.end()
        assert end in {0, -9}, run.said
    assert output.read_bytes() == (tmp_path / "whole.bvae").read_bytes()
    if not (folder / "a.bvae.part").exists():
        assert [path.name for path in folder.iterdir()] == ["a.bvae"]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small disk can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_nothing(source, small_disk):
    with pytest.raises(OutputError, match=r"a\.bvae: cannot be written: No space left"):
        baler_vae.compress(source, small_disk / "a.bvae", kind="independent", bound="bits:20")
    assert list(small_disk.iterdir()) == []
