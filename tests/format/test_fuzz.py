"""Archives and codecs that say what nobody wrote: our errors only, whatever is done with them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def fuzzed(script, timeout):
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, fuzz\n{script}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((folder, os.environ.get("PYTHONPATH", "")))},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_some_changed_archives():
    said = fuzzed('sys.exit(fuzz.run(60, 60, 7, ("independent", "second")))', 240)
    assert said.count("60 files") == 2


@pytest.mark.full
def test_many_changed_archives():
    """Takes about 20 minutes of one core."""
    said = fuzzed("sys.exit(fuzz.run(20_000, 5_000))", 3 * 3_600)
    assert "20,000 files" in said
    assert "5,000 files" in said
