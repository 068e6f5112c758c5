"""Real processes of the command line, started by a fork server that has imported the package, so that many can be timed
and killed in little time.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "baler_vae.cli.app",
        "baler_vae.cli.project",
        "baler_vae.verbs.compress",
        "baler_vae.verbs.decompress",
        "baler_vae.verbs.evaluate",
        "baler_vae.verbs.merge",
        "baler_vae.npz.npz",
        "baler_vae.text.files",
        "baler_vae.entropy.kernels",
        "baler_vae.model.kernels",
        "baler_vae.report.page",
        "awkward",
        "numba.core.cpu",
        "rich.console",
    ]
)
_RUNS: "list[Run]" = []
LONGEST = 180
"""Seconds after which a process hangs."""


def _run(arguments: list[str], log: str) -> None:
    from baler_vae.cli.app import main

    with Path(log).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.argv = ["baler-vae", *arguments]
    main()


@dataclass
class Run:
    """A run of the command line with arguments, whose output goes to a file."""

    arguments: list[str]
    log: Path

    def __post_init__(self) -> None:
        self.process = _FORKS.Process(target=_run, args=(self.arguments, str(self.log)))
        self.process.start()
        _RUNS.append(self)

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def end(self) -> int:
        """Its exit status, negative where a signal ended it."""
        self.process.join(LONGEST)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise AssertionError(f"{self.arguments} hangs: {self.said}")
        return self.process.exitcode

    def kill_after(self, seconds: float) -> int:
        """Its exit status where it was killed so many seconds from now."""
        self.process.join(seconds)
        self.process.kill()
        return self.end()

    @property
    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


def kill_all() -> None:
    """Kills every run that has not ended, also those that were stopped."""
    while _RUNS:
        process = _RUNS.pop().process
        process.kill()
        process.join()


def children_of(pid: int, what: bytes) -> list[int]:
    """The living children of a process whose command line has some words."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if int(parent) == pid and state != "Z" and what in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:  # it ended meanwhile
                continue
    return found


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Waits until a function is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
