"""What several tests need and takes long to make, made once per run, however many workers of pytest-xdist it has."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from baler_vae.locks import Lock, LockHeldError, acquire

Shared = Callable[[str, Callable[[Path], object]], Path]
_PATIENCE = 300
"""Seconds within which another worker has made a thing, or died."""


def shared_by(factory: pytest.TempPathFactory) -> Shared:
    """Gives the folder of a name, which a function fills once; other tests read it only."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def share(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = base / f"shared {name}", base / f"shared {name}.made"
        lock = _wait_for(base / f"shared {name}.lock")
        try:
            if not done.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                done.touch()
        finally:
            lock.release()
        return folder

    return share


def _wait_for(path: Path) -> Lock:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return acquire(path)
        except LockHeldError:
            assert time.monotonic() < deadline, f"{path} is held"
            time.sleep(0.05)
