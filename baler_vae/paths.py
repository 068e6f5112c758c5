"""Untrusted paths: what they point to, and names that cannot escape their folder."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from baler_vae.errors import OutputError, SourceError, near_file

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EBADF, errno.ELOOP}


def exists(path: str | Path) -> bool:
    """Whether there is a file or a folder at a path.

    Raises:
        SourceError: unknown, because a folder above is not accessible.
    """
    try:
        return status(path) is not None
    except SourceError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENAMETOOLONG:
            return False
        raise


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder at a path; the errors are those of `exists`."""
    found = status(path) if exists(path) else None
    return found is not None and stat.S_ISDIR(found.st_mode)


def check_file(path: str | Path) -> None:
    """Raise SourceError unless there is a regular file at a path: a folder holds no bytes, a pipe or a device may never
    end.
    """
    found = status(path)
    if found is None:
        raise SourceError("does not exist", path=path, way_out=near_file(path))
    if stat.S_ISDIR(found.st_mode):
        raise SourceError("is a directory", path=path, way_out="Name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise SourceError("is not a regular file", path=path, way_out="Copy its content to a file first")


def read_file(path: Path, largest: int, *, way_out: str | None = None) -> bytes:
    """The bytes of a small regular file, at most `largest`.

    Raises:
        SourceError: it does not exist (the message ends with `way_out`), it is larger, or it cannot be read.
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
    """Whether a name is that of a file in a folder, and nowhere else: it is not empty, and has no separator of
    any system, no drive, no NUL, and is neither `.` nor `..`.
    """
    return bool(name.strip()) and name not in {".", ".."} and not set(name) & set("/\\\0") and name[1:2] != ":"


def stays_inside(name: str) -> bool:
    """Whether a name, which may have folders before it, is that of a file below a folder: it is not absolute, and has
    neither `..` nor a drive nor a NUL in it, whatever the system.
    """
    parts = name.replace("\\", "/").split("/")
    return bool(parts[0]) and ".." not in parts and "\0" not in name and name[1:2] != ":"


@contextmanager
def temporary_folder(*, ignore_cleanup_errors: bool = False) -> Iterator[Path]:
    """A context with a temporary folder, which is removed at its end.

    Raises:
        OutputError: it cannot be created.
    """
    with new_temporary_folder(ignore_cleanup_errors=ignore_cleanup_errors) as name:
        yield Path(name)


def new_temporary_folder(
    prefix: str = "baler-vae-", *, ignore_cleanup_errors: bool = False
) -> "TemporaryDirectory[str]":
    """A folder of its own, which is to be removed; the errors are those of `temporary_folder`."""
    try:
        return TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=ignore_cleanup_errors)
    except OSError as error:
        raise OutputError(
            f"there is no folder for temporary files: {error.strerror or error}",
            way_out="Set TMPDIR to a writable folder with enough free space",
        ) from error


def status(path: str | Path) -> os.stat_result | None:
    """The status of a path; None if it does not exist."""
    try:
        return os.stat(path)  # noqa: PTH116  of a text as it is: `Path` would drop a slash at its end
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return None
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
    except ValueError:  # a NUL
        return None
