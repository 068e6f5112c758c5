"""Locks that a process holds until it releases them or dies: a file next to what is locked, naming the holder."""

import errno
import json
import os
import socket
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_TRIES = 1000
"""How often a lock file may vanish between opening and locking it; each time, another run has just ended."""
_BUSY = {errno.EAGAIN, errno.EACCES}
"""The errors by which `flock` reports that another process holds the lock."""
_READ_ONLY = {errno.EBADF, errno.EINVAL}
"""The errors by which a write reports that the file is open read-only."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: host, process and since when."""

    host: str
    pid: int
    since: str

    @classmethod
    def this_process(cls) -> "Holder":
        """The holder that this process is, from now on."""
        return cls(socket.gethostname(), os.getpid(), datetime.now().astimezone().isoformat(" ", "seconds"))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


class LockHeldError(Exception):
    """Another run holds the lock. `holder` is None where it has not yet said who it is; `certain` is false where the
    file system has no locks, so that it may have died without a trace.
    """

    def __init__(self, holder: Holder | None, *, certain: bool) -> None:
        self.holder = holder
        self.certain = certain
        super().__init__(str(holder) if holder else "a run that is just starting")


@dataclass(frozen=True)
class Lock:
    """A lock that this process holds."""

    path: Path
    descriptor: int

    @property
    def is_held(self) -> bool:
        """Whether the lock file is still the one that was locked: nobody removed it or put another in its place."""
        return _is_open_as(self.path, self.descriptor)

    def release(self) -> None:
        """Removes the lock file, then releases it; whoever opened it before finds it gone and retries."""
        try:
            if self.is_held:
                self.path.unlink()
        finally:
            os.close(self.descriptor)


def acquire(path: Path) -> Lock:
    """The lock on the file at `path`, which is created if missing.

    It is held by `flock`, which the system releases whenever the process ends, however it ends; NFS passes it on to
    the server, so that it also works between hosts. Some file systems have no such locks (Lustre mounted without them,
    some FUSE ones). There the file itself is the lock: one process can create it, and it is taken over only from a
    process of this host that is gone. One left by another host must be removed by hand, as nobody here can know
    whether its process still runs.

    Raises:
        LockHeldError: another process, or another thread of this one, holds it.
        OSError: the file cannot be created or opened.
    """
    for _ in range(_TRIES):
        opened = _open(path)
        if opened is None:
            continue
        descriptor, is_new = opened
        try:
            if _take(path, descriptor, is_new=is_new):
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise LockHeldError(None, certain=True)


def _open(path: Path) -> tuple[int, bool] | None:
    """The open lock file and whether it is new; None if this must be retried."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), True
    except FileExistsError:
        pass
    try:
        return os.open(path, os.O_RDWR), False
    except FileNotFoundError:
        return None
    except PermissionError:
        # Another user's: locked while that run is alive, then in the way until somebody removes it.
        return os.open(path, os.O_RDONLY), False


def _take(path: Path, descriptor: int, *, is_new: bool) -> bool:
    """Whether the lock was taken; false where the file was removed or replaced meanwhile.

    Raises:
        LockHeldError: another process holds it.
    """
    try:
        has_locks = _flock(descriptor)
    except BlockingIOError as error:
        raise LockHeldError(_read(descriptor), certain=True) from error
    if not has_locks and not is_new:
        _remove_if_dead(path, descriptor)
        return False
    if not _is_open_as(path, descriptor):
        return False
    try:
        _write(descriptor, Holder.this_process())
    except OSError as error:
        path.unlink()
        if error.errno not in _READ_ONLY:
            raise
        return False  # it was the read-only file of another user's run that ended
    return True


def _flock(descriptor: int) -> bool:
    """Whether the open file was locked; false where the system or the file system has no locks.

    Raises:
        BlockingIOError: somebody else locked it.
    """
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            raise BlockingIOError(error.errno, error.strerror) from error
        return False
    return True


def _remove_if_dead(path: Path, descriptor: int) -> None:
    """Removes the lock file of a process that is gone, on a file system without locks.

    Raises:
        LockHeldError: the process is alive, or this cannot be determined.
    """
    holder = _read(descriptor)
    if holder is None or holder.host != socket.gethostname() or _lives(holder.pid):
        raise LockHeldError(holder, certain=False)
    if _is_open_as(path, descriptor):
        path.unlink(missing_ok=True)


def _lives(pid: int) -> bool:
    """Whether a process of this host is running, or may be."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _is_open_as(path: Path, descriptor: int) -> bool:
    try:
        named = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _write(descriptor: int, holder: Holder) -> None:
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(asdict(holder)).encode())


def _read(descriptor: int) -> Holder | None:
    """What the holder wrote; None if nothing yet, or unreadable."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        found = json.loads(os.read(descriptor, 4096))
        return Holder(str(found["host"]), int(found["pid"]), str(found["since"]))
    except (ValueError, KeyError, TypeError):
        return None
