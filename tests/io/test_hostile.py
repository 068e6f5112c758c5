"""Whatever a file holds: it is read, or refused by an error of ours in one line."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.errors import BalerError, SourceError
from baler_vae.io.files import MODULES, open_source
from baler_vae.source.source import reason

from . import hostile

FORMATS = [name for name in hostile.ORIGINALS if Path(name).suffix in MODULES]
ODD = [name for name in hostile.ODD if Path(name).suffix in MODULES]


def read(path, n_batches=4):
    """The error of ours that a file ends in, or None; of large ones only the first batches are read."""
    try:
        source = open_source(path)
        selection = source.select(skip_unreadable=True)
        source.extras()
        for _, _ in zip(range(n_batches), source.read(selection), strict=False):
            pass
    except BalerError as error:
        text = str(error)
        assert path.name in text
        assert "\n" not in text
        assert not any(words in text.lower() for words in ("please report", "an issue", "bug report", "github.com"))
        return error
    return None


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The bytes of a right file of each format."""
    folder = tmp_path_factory.mktemp("originals")
    for name in FORMATS:
        hostile.ORIGINALS[name](folder / name)
    return {name: (folder / name).read_bytes() for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_right_files_are_read(originals, tmp_path, name):
    (tmp_path / name).write_bytes(originals[name])
    assert read(tmp_path / name) is None


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_or_read(originals, tmp_path, name):
    data, others = originals[name], list(originals.values())

    @settings(max_examples=40)
    @given(st.integers(0, 2**32))
    def holds(seed):
        path = tmp_path / name
        path.write_bytes(hostile.damaged(data, random.Random(seed), others))
        read(path)

    holds()


@pytest.mark.parametrize("name", FORMATS)
def test_files_of_nothing_and_of_another_format_are_refused(originals, tmp_path, name):
    path = tmp_path / name
    for data in (b"", b"\0", bytes(1_000), os.urandom(1_000)):
        path.write_bytes(data)
        read(path)
    for other, data in originals.items():
        if Path(other).suffix != path.suffix:
            path.write_bytes(data)
            read(path)


@pytest.mark.parametrize("suffix", sorted(MODULES))
def test_what_is_no_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    assert "does not exist" in str(read(path))
    os.mkfifo(path)
    assert "is not a regular file" in str(read(path))
    path.unlink()
    path.mkdir()
    assert "is a directory" in str(read(path))
    assert isinstance(read(tmp_path / f"{'x' * 300}{suffix}"), SourceError)


def test_odd_files_are_refused_or_read_in_little_memory(originals, tmp_path):
    """In a process of its own, whose memory has an end and which may not run for ever."""
    for name in ODD:
        (tmp_path / name).write_bytes(hostile.ODD[name]())
    script = f"""
import resource, sys
from pathlib import Path
from tests.io.test_hostile import read
for path in sorted(Path({str(tmp_path)!r}).iterdir()):
    if path.suffix == ".csv":
        read(path)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (2 << 30), used + (2 << 30)))
for path in sorted(Path({str(tmp_path)!r}).iterdir()):
    print(path.name, flush=True)
    print("   ", read(path), flush=True)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120, cwd=root
    )
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("wrong; please file a bug report!"), "wrong"),
        (ValueError("It was not constructed. Please report this issue."), "It was not constructed"),
        (ValueError("Please report this."), "ValueError"),
        (
            ValueError("no such type (please open an issue at https://github.com/a/b/issues with an example)"),
            "no such type",
        ),
        (ValueError("first line\n\nSee if this has been reported at https://github.com/a/issues"), "first line"),
        (ValueError(""), "ValueError"),
        (KeyError("x"), "KeyError: 'x'"),
        (OSError(5, "Input/output error"), "[Errno 5] Input/output error"),
        (ValueError("version 1.2, not 3; see the manual"), "version 1.2, not 3; see the manual"),
    ],
)
def test_reasons_are_one_line_without_wishes(error, words):
    assert reason(error) == words


@pytest.mark.full
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_files(originals, tmp_path, name):
    """In processes of their own: libraries in C may fall over damage that nobody can catch."""
    (tmp_path / "original").mkdir()
    for other, data in originals.items():
        (tmp_path / "original" / other).write_bytes(data)
    script = f"""
import random, resource, sys
from pathlib import Path
from tests.io import hostile
from tests.io.test_hostile import read
folder = Path({str(tmp_path)!r})
data = (folder / "original" / {name!r}).read_bytes()
others = [path.read_bytes() for path in sorted((folder / "original").iterdir())]
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
for seed in range(2_000):
    path = folder / {name!r}
    path.write_bytes(hostile.damaged(data, random.Random(seed), others))
    print(seed, flush=True)
    read(path)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=1_200, cwd=root
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-4_000:]
