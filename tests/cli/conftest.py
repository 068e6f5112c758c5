"""The command line within the process of the tests."""

import io
import sys
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from baler_vae.cli.app import main
from baler_vae.sample import SAMPLE
from tests.sharing import Shared

Call = Callable[..., tuple[str, str]]
INPUT = f"{SAMPLE}:Events"


def typed(*arguments: object, cwd: Path) -> None:
    """Runs `baler-vae` in a folder, for fixtures."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, chdir(cwd), redirect_stdout(said), redirect_stderr(said):
        patch.setattr(sys, "argv", ["baler-vae", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as error:
            status = error.code
    assert not status, said.getvalue()


@pytest.fixture(scope="session")
def folder(shared: Shared) -> Path:
    """A folder with `jets.bvae`, its codec `jets.bvmodel` and the restored `jets.root`; made once per run."""

    def make(path: Path) -> None:
        model = ("--model", "ae", "--latent", "4", "--weight", "*mass=20", "--bound", "free", "--epochs", "1")
        typed("fit", INPUT, "-o", "jets.bvmodel", "--columns", "Jet_*", *model, "--no-progress", cwd=path)
        typed("compress", INPUT, "-o", "jets.bvae", "--codec", "jets.bvmodel", "--no-progress", cwd=path)
        typed("decompress", "jets.bvae", "-o", "jets.root", "--no-progress", cwd=path)

    return shared("jets of the command line", make)


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
