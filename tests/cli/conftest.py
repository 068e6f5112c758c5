"""The command line within the process of the tests."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from baler_vae.cli.app import main

Call = Callable[..., tuple[str, str]]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Call:
    """Runs `baler-vae` in a folder of its own and gives what it printed: standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, status: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["baler-vae", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            ended = 0
        except SystemExit as error:
            ended = error.code
        out, err = capsys.readouterr()
        assert ended == status, err
        return out, err

    return run
