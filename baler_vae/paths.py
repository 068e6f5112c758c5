"""Paths that nobody vouches for: what stands at them, and names that stay where they are put."""

import errno
import hashlib
import os
import stat
from pathlib import Path

from baler_vae.errors import SourceError

LONGEST_NAME = 255
"""Bytes of a file name that every common file system takes."""
_DIGEST = 12
"""Hexadecimal digits of a digest that tell a long name from others that begin like it."""
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP}


def exists(path: str | Path) -> bool:
    """Whether there is a file or a folder at a path.

    Raises:
        SourceError: this cannot be told: a folder above may not be entered, or a name is too long.
    """
    return _status(path) is not None


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder at a path; the errors are those of `exists`."""
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def check_file(path: str | Path) -> None:
    """Raise SourceError unless there is a regular file at a path: a folder holds no bytes, a pipe or a device may never
    end.
    """
    status = _status(path)
    if status is None:
        raise SourceError("there is no such file", path=path)
    if stat.S_ISDIR(status.st_mode):
        raise SourceError("is a directory", path=path, way_out="Name a file in it")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError("is not a regular file", path=path, way_out="Copy what it gives to a file first")


def read_file(path: Path, largest: int, *, way_out: str | None = None) -> bytes:
    """The bytes of a small regular file, at most `largest`.

    Raises:
        SourceError: there is none (it ends with `way_out`), it is larger, or it cannot be read.
    """
    try:
        check_file(path)
    except SourceError as error:
        error.way_out = error.way_out or way_out
        raise
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
    if len(data) > largest:
        raise SourceError(f"is larger than {largest:,} bytes", path=path)
    return data


def is_file_name(name: str) -> bool:
    """Whether a name is that of a file in a folder, and leads nowhere else: it is not empty, and has no separator of
    any system, no drive, no NUL, and is neither `.` nor `..`.
    """
    return bool(name.strip()) and name not in {".", ".."} and not set(name) & set("/\\\0") and name[1:2] != ":"


def name_beside(path: Path, before: str, after: str, spare: int = 0) -> str:
    """The name of a file that stands beside another while that is being written: its name between `before` and
    `after`. A name that would be too long, with `spare` bytes more, is cut and told from others by a digest.
    """
    name = os.fsencode(path.name)
    room = LONGEST_NAME - len(os.fsencode(before + after)) - spare
    if len(name) > room:
        digest = hashlib.sha256(name).hexdigest()[:_DIGEST]
        # Not within a character: some file systems take only UTF-8.
        start = name[: room - _DIGEST - 1].decode("utf-8", "ignore")
        return f"{before}{start}~{digest}{after}"
    return f"{before}{path.name}{after}"


def _status(path: str | Path) -> os.stat_result | None:
    """What the system knows of a path; None where nothing is there."""
    try:
        return os.stat(path)  # noqa: PTH116  of a text as it is: `Path` would drop a slash at its end
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return None
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
    except ValueError:  # a NUL
        return None
