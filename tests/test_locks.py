"""Locks are held by one, released by death, and never taken from the living."""

import errno
import os
import socket
import subprocess
import sys

import pytest

from baler_vae import locks
from baler_vae.locks import Holder, LockHeldError, acquire

HOLD = "import sys; from pathlib import Path; from baler_vae.locks import acquire; acquire(Path(sys.argv[1]))"


def holder_in_another_process(path):
    """A process that holds a lock until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{HOLD}; print('held', flush=True); sys.stdin.read()", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    return process


@pytest.fixture(params=["flock", "no flock"])
def file_system(request, monkeypatch):
    """A file system that has locks, and one that has none."""
    if request.param == "no flock":

        def refuse(*_):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr("baler_vae.locks.fcntl.flock", refuse)
    return request.param


def test_one_holds_it(file_system, tmp_path):
    path = tmp_path / "lock"
    first = acquire(path)
    assert first.is_held
    with pytest.raises(LockHeldError) as told:
        acquire(path)
    assert (told.value.holder.host, told.value.holder.pid) == (socket.gethostname(), os.getpid())
    assert told.value.certain == (file_system == "flock")
    first.release()
    assert not path.exists()
    acquire(path).release()


def test_death_releases_it(file_system, tmp_path):
    path = tmp_path / "lock"
    other = holder_in_another_process(path)
    with pytest.raises(LockHeldError, match=f"process {other.pid} on {socket.gethostname()}, since 20"):
        acquire(path)
    other.kill()
    other.communicate()
    assert path.exists()
    mine = acquire(path)
    assert mine.is_held
    mine.release()
    assert not path.exists()


def test_without_flock_nobody_takes_the_lock_of_another_host(tmp_path, monkeypatch):
    monkeypatch.setattr("baler_vae.locks._flock", lambda _: False)
    path = tmp_path / "lock"
    path.write_text('{"host": "far.away", "pid": 1, "since": "2026-11-28 15:17:39+00:00"}')
    with pytest.raises(LockHeldError, match=r"process 1 on far\.away, since 2026-11-28 15:17:39") as told:
        acquire(path)
    assert not told.value.certain
    for nothing in ("", '{"host"', '{"pid": 1}', "[]"):
        path.write_text(nothing)
        with pytest.raises(LockHeldError, match="a run that is just starting"):
            acquire(path)


def test_a_lock_file_that_is_left_is_taken(tmp_path):
    path = tmp_path / "lock"
    for left in ("", "not JSON", '{"host": "far.away", "pid": 1, "since": "2026-11-28"}'):
        path.write_text(left)
        lock = acquire(path)
        assert Holder.this_process().host.encode() in path.read_bytes()
        lock.release()


def test_a_lock_file_that_was_removed_is_not_held(tmp_path):
    path = tmp_path / "lock"
    first = acquire(path)
    path.unlink()
    assert not first.is_held
    second = acquire(path)
    assert second.is_held
    assert not first.is_held
    first.release()
    assert second.is_held
    second.release()


def test_a_read_only_lock_file_of_another_user(tmp_path, monkeypatch):
    """Who may not write it can still see whether its run lives, and remove it if not."""
    path = tmp_path / "lock"
    real = os.open

    def refuse_existing(name, flags, *mode):
        if name == path and flags == os.O_RDWR:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(name, flags, *mode)

    monkeypatch.setattr(locks.os, "open", refuse_existing)
    first = acquire(path)
    with pytest.raises(LockHeldError, match=f"process {os.getpid()}"):
        acquire(path)
    os.close(first.descriptor)
    second = acquire(path)
    assert second.is_held
    second.release()
