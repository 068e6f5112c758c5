"""The generators of `projects/`: run as a user runs them, or loaded to call their functions."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def script_of(project: str) -> Path:
    return ROOT / "projects" / project / "generate.py"


def run_python(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def generated(project: str, path: Path, **options: object) -> Path:
    """The file that a generator makes with options."""
    given = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    finished = run_python(script_of(project), path, *given)
    assert finished.returncode == 0, finished.stderr
    return path


def need_pythia() -> None:
    pytest.importorskip("pythia8mc", reason="generating events needs pythia8mc, of the extra 'generate'")
    pytest.importorskip("fastjet", reason="generating events needs fastjet, of the extra 'generate'")


def loaded(project: str) -> ModuleType:
    """The module of a generator, under a name of its own."""
    found = importlib.util.spec_from_file_location(f"generate_{project}", script_of(project))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
