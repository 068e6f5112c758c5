"""Closed folders, full disks, no temporary folder, little memory, streams that take nothing: an error of ours each."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import baler_vae

DRIVER = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from baler_vae.cli.app import main
ended = []
for arguments in json.load(sys.stdin):
    said = io.StringIO()
    sys.argv = ["baler-vae", *arguments]
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        try:
            main()
            status = 0
        except SystemExit as error:
            status = error.code or 0
    ended.append([status, said.getvalue()])
json.dump(ended, sys.stdout)
"""
"""Runs several commands in one process, and says how each ended."""

WITHOUT_RIGHTS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Takes from root what lets it enter and write where it may not."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small file and its archive."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    np.savez(folder / "a.npz", x=rng.normal(size=300), i=np.arange(300))
    baler_vae.compress(folder / "a.npz", folder / "a.bvae", kind="independent")
    return folder


@pytest.fixture
def place(made, tmp_path):
    """A folder with copies of them."""
    for name in ("a.npz", "a.bvae"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def run_all(commands, cwd, before=(), timeout=240):
    """The status of each command and what it said on standard error, all run in one process."""
    done = subprocess.run(
        [*before, sys.executable, "-c", DRIVER],
        input=json.dumps([list(map(str, command)) for command in commands]),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def available(*command):
    """Skips a test where a program cannot do what it needs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"{command[0]}: {error}")
    if done.returncode:
        pytest.skip(f"{command[0]}: {done.stderr.strip()}")


QUICK = ("--model", "independent", "--no-progress")
CLOSED = [
    (3, "info", "closed/a.bvae"),
    (3, "compress", "closed/a.npz", "-o", "x.bvae", *QUICK),
    (3, "compress", "a.npz", "-o", "x.bvae", "--codec", "closed/c.bvmodel", "--no-progress"),
    (8, "compress", "a.npz", "-o", "closed/x.bvae", *QUICK),
    (8, "compress", "a.npz", "-o", "closed/", *QUICK),
    (8, "compress", "a.npz", "-o", "read/x.bvae", *QUICK),
    (8, "compress", "a.npz", "-o", "read/folder/", *QUICK),
    (8, "compress", "a.npz", "-o", "a.bvae/", *QUICK),
    (8, "decompress", "a.bvae", "-o", "read/x.csv"),
    (8, "decompress", "a.bvae", "-o", "closed/x.csv"),
    (8, "decompress", "a.bvae", "-o", "a.npz/"),
    (8, "fit", "a.npz", "-o", "read/c.bvmodel", *QUICK),
    (8, "fit", "a.npz", "-o", "c.bvmodel/", *QUICK),
    (8, "merge", "a.bvae", "-o", "read/m.bvae"),
    (8, "merge", "a.bvae", "-o", "m.bvae/"),
    (3, "verify", "a.bvae", "--against", "closed/a.npz"),
    (8, "new", "read/project"),
    (8, "new", "closed/project"),
    (8, "demo", "-o", "read/demo"),
    (3, "run", "closed/project.toml"),
]
CLOSED_TO_REPORTS = [
    (8, "evaluate", "a.npz", "a.bvae", "-o", "read/page"),
    (8, "evaluate", "a.npz", "a.bvae", "-o", "closed/page"),
    (8, "evaluate", "a.npz", "a.bvae", "-o", "a.npz/"),
    (8, "evaluate", "a.npz", "a.bvae", "-o", "x" * 300),
    (8, "evaluate", "a.npz", "a.bvae", "--pdf", "read/page.pdf"),
    (3, "evaluate", "a.npz", "a.bvae", "--rivals", "closed/rivals.json"),
    (8, "advise", "a.npz", "--figure", "read/figure.svg"),
    (8, "compare", "a.bvae", "--against", "a.npz", "--figure", "read/figure.svg"),
    (3, "compare", "closed", "--against", "a.npz"),
]


@pytest.fixture
def closed(place):
    """Folders that may not be entered, and not be written to."""
    (place / "closed").mkdir()
    (place / "read").mkdir()
    (place / "closed" / "a.npz").touch()
    (place / "closed").chmod(0)
    (place / "read").chmod(0o555)
    yield place
    for name in ("closed", "read"):
        (place / name).chmod(0o755)


@pytest.mark.parametrize("commands", [CLOSED, CLOSED_TO_REPORTS], ids=["files", "reports"])
def test_closed_folders_are_told_before_the_work_and_nothing_is_left(closed, commands):
    before = [] if os.geteuid() else WITHOUT_RIGHTS
    if before:
        available(*WITHOUT_RIGHTS, "true")
    for (status, *command), (ended, said) in zip(
        commands, run_all([c[1:] for c in commands], closed, before), strict=True
    ):
        assert ended == status, (command, said)
        assert said.startswith("baler-vae: "), (command, said)
        assert said.count("\n") == 1, (command, said)
    (closed / "closed").chmod(0o755)
    left = sorted(str(path.relative_to(closed)) for path in closed.rglob("*"))
    assert left == ["a.bvae", "a.npz", "closed", "closed/a.npz", "read"]


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    available("mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("verb", [("new",), ("demo", "--no-progress", "-o")])
def test_a_full_disk_leaves_nothing_of_a_project(call, small_disk, verb):
    _, err = call(*verb, small_disk / "deep" / "project", status=8)
    assert "cannot be written: No space left on device" in err
    assert list(small_disk.iterdir()) == []


@pytest.mark.full
def test_no_temporary_folder(place):
    """In a place where only one folder may be written to."""
    available("unshare", "-m", "true")
    script = (
        'mount --bind . /mnt && for i in /tmp /var/tmp; do mount -t tmpfs -o ro tmpfs $i; done && cd /proc && exec "$@"'
    )
    commands = [
        ("info", "/mnt/a.bvae"),
        ("fit", "/mnt/a.npz", "-o", "/mnt/c.bvmodel", *QUICK),
        ("compress", "/mnt/a.npz", "-o", "/mnt/b.bvae", "--codec", "/mnt/c.bvmodel", "--no-progress"),
        ("compare", "--bounds", "bits:8", "--against", "/mnt/a.npz", "--no-progress"),
    ]
    env_free = ["env", "-u", "TMPDIR", "-u", "TEMP", "-u", "TMP"]
    if str(Path(baler_vae.__file__)).startswith("/tmp"):
        pytest.skip("the package itself lies in /tmp")
    before = ["unshare", "-m", "sh", "-c", script, "sh", *env_free]
    for (command, *_), (status, said) in zip(commands, run_all(commands, place, before), strict=True):
        assert status in {0, 8}, said
        if command == "compare":
            assert "no folder for temporary files" in said
        if status:
            assert "Set TMPDIR" in said
    assert not list(place.glob("*.part")) + list(place.glob(".*"))


LITTLE_MEMORY = """
import resource, sys
from pathlib import Path
import numpy, numba, pyarrow, pandas, awkward
from baler_vae.cli.app import main
from baler_vae.verbs import compress, many
from baler_vae.npz import npz
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]), used + int(sys.argv[1])))
sys.argv = ["baler-vae", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize("mib", [8, pytest.param(100, marks=pytest.mark.full)])
def test_little_memory(tmp_path, mib):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=4_000_000), y=rng.normal(size=4_000_000))
    command = ["compress", "a.npz", "-o", "a.bvae", *QUICK]
    done = subprocess.run(
        [sys.executable, "-c", LITTLE_MEMORY, str(mib << 20), *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode in {1, 3, 8}, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("baler-vae: ")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def spoken(shell, cwd, **environment):
    """What a line of a shell gives, in which `$B` is the command."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", shell],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "B": f"{sys.executable} -m baler_vae", **environment},
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("command", ["info a.bvae", "info a.bvae --json", "--help"])
def test_a_standard_output_that_is_full(place, command):
    done = spoken(f"$B {command} > /dev/full", place)
    assert done.returncode == 8
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["info a.bvae", "info a.bvae --json"])
def test_a_reader_that_goes_away(place, command):
    done = spoken(f"$B {command} | true", place)
    assert done.stderr == ""


def test_letters_that_standard_output_does_not_know(place):
    np.savez(place / "b.npz", größe=np.arange(9))
    baler_vae.compress(place / "b.npz", place / "b.bvae", kind="independent")
    done = spoken("$B info b.bvae", place, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert r"gr\xf6\xdfe" in done.stdout
    assert done.stdout.isascii()


def test_names_command_no_terminal(call, tmp_path):
    np.savez(
        tmp_path / "a.npz",
        **{"\x1b[31mred\x07": np.arange(9.0), "two\nlines\N{RIGHT-TO-LEFT OVERRIDE}": np.arange(9.0)},
    )
    name = "\x1b]0;x\x07.bvae"
    for arguments in (
        ("compress", "a.npz", "-o", name, "--model", "independent"),
        ("info", name),
        ("info", name, "--json"),
        ("verify", name, "--against", "a.npz"),
        ("evaluate", "a.npz", name, "-o", "page"),
        ("evaluate", "a.npz", name, "--json"),
        ("compare", name, "--against", "a.npz"),
        ("decompress", name, "-o", "\x1b[2J.csv"),
    ):
        out, err = call(*arguments)
        assert all(letter == "\n" or letter.isprintable() for letter in out + err), (arguments, out, err)
        if "--json" in arguments:
            json.loads(out)
    for arguments in (
        ("info", "\x1b[31m.bvae"),
        ("compress", "\x9b2J.csv", "-o", "x.bvae"),
        ("run", "\N{RIGHT-TO-LEFT OVERRIDE}"),
    ):
        _, err = call(*arguments, status=3)
        assert err.removesuffix("\n").isprintable()
    page = (tmp_path / "page" / "report.html").read_text("utf-8")
    assert all(
        letter in "\n\t" or letter.isprintable() or letter in "\N{NO-BREAK SPACE}\N{THIN SPACE}" for letter in page
    )
    assert r"\x1b[31mred\x07" in page
