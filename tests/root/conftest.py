"""ROOT in a process of its own, where it is installed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ORACLE = Path(__file__).parent / "oracle.py"


@pytest.fixture(scope="session")
def root():
    """What ROOT says: `write(path, n_events)` makes a tree, `write_wide(path, n_events, n_flags, compression)` one as
    nanoAOD has them, with a setting of ROOT's such as 101, `write_imported(path, tree, ntuple)` an RNTuple of a
    tree, with projections, `write_odd(folder, n_events)` the files of odd.hxx,
    `read(path, tree, columns)` gives the values of columns by name.
    """
    if importlib.util.find_spec("ROOT") is None:
        pytest.skip("ROOT is not installed (pip install 'baler-vae[root]')")

    def run(*arguments):
        command = [sys.executable, str(ORACLE), *map(str, arguments)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout

    class Root:
        @staticmethod
        def write(path, n_events):
            run("write", path, n_events)

        @staticmethod
        def write_wide(path, n_events, n_flags, compression):
            run("wide", path, n_events, n_flags, compression)

        @staticmethod
        def write_imported(path, tree, ntuple):
            run("import", path, tree, ntuple)

        @staticmethod
        def write_odd(folder, n_events):
            run("odd", folder, n_events)

        @staticmethod
        def read(path, tree, columns=()):
            text = run("read", path, tree, *columns)
            return json.loads(text[text.index("{") :])

    return Root
