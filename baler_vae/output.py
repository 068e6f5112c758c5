"""Output files that appear whole or not at all, each written by one run at a time."""

import errno
import hashlib
import io
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.locks import Lock, LockHeldError, acquire
from baler_vae.paths import exists, is_folder, status

_PIECE_BYTES = 1 << 20
_LONGEST_NAME = 255
"""Bytes of the longest file name that common file systems allow."""
_LONGEST_ENDING = len(".12345678.part")
"""Bytes appended to the name of an output for its temporary files."""


@dataclass(frozen=True)
class Owned:
    """An output that only this run writes, for now: `path` is the file itself, behind all symbolic links."""

    path: Path
    lock: Lock

    def check(self) -> None:
        """Check that this run still owns the output.

        Raises:
            OutputError: somebody removed the lock file, so that another run may be writing.
        """
        if not self.lock.is_held:
            raise OutputError(
                "its lock file was removed while it was being written",
                path=self.path,
                found=f"no {self.lock.path.name}",
                way_out="Run the command again, and leave its lock file alone while it is running",
            )


_OWNED: ContextVar[Mapping[Path, Owned]] = ContextVar("_OWNED", default={})  # noqa: B039  nobody changes it
"""The outputs owned by the run of this thread: nested blocks share them, other threads do not."""


def check_output(path: str | Path, *, force: bool = False) -> Path:
    """The path of an output file that may be written.

    Raises:
        OutputError: it exists and `force` is false, it is not a regular file, or its directory does not exist or is
            closed.
    """
    path = file_path(path)
    try:
        target = behind_links(path)
        is_directory, exists, has_directory = target.is_dir(), target.exists(), target.parent.is_dir()
        is_regular = not exists or target.is_file()
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error
    if is_directory:
        raise OutputError("is a directory", path=path, way_out="Name a file in it")
    if not is_regular:
        raise OutputError("is not a regular file", path=path, way_out="Name another output")
    if exists and not force:
        raise OutputError("exists already", path=path, way_out="Name another output, or overwrite it with --force")
    if not has_directory:
        raise OutputError(
            "cannot be written: its directory does not exist", path=path, way_out=f"Create {target.parent} first"
        )
    check_writable(target.parent, path)
    return path


def file_path(path: str | Path) -> Path:
    """The path of an output that is one file; the file system is not consulted yet.

    Raises:
        OutputError: it ends like a folder, or is not a valid file name.
    """
    if str(path).endswith(("/", os.sep)):
        raise OutputError("is a folder", path=path, way_out="Name a file")
    if "\0" in str(path):
        raise OutputError("is not a valid file name", path=path, way_out="Name another output")
    return Path(path)


def check_writable(folder: Path, output: Path | None = None) -> None:
    """Raise OutputError unless files, such as an `output`, can be made in a folder that exists."""
    if not os.access(folder, os.W_OK | os.X_OK):
        what = "is not writable" if output is None else f"cannot be written: {folder} is not writable"
        raise OutputError(what, path=output or folder, way_out="Name an output in another folder")


def check_folder(folder: Path) -> None:
    """Raise OutputError unless a folder can be made, or is there and can be written to; nothing is made yet."""
    with _making(folder):
        status(folder)  # a name that is too long is none of those that do not exist yet
        # Of a folder that is not there yet, the first one above that is.
        place = next((place for place in (folder, *folder.absolute().parents) if exists(place)), folder)
        if not is_folder(place):
            raise OutputError("is a file, not a folder", path=place, way_out="Name another folder")
        check_writable(place)


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """A context with a folder, created if missing. After an error, folders that were created and are empty
    are removed.

    Raises:
        OutputError: it cannot be made.
    """
    missing: list[Path] = []
    with _making(folder):
        missing += [place for place in (folder, *folder.parents) if not exists(place)]
        folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for place in missing:
            with suppress(OSError):  # somebody has put something into it
                place.rmdir()
        raise


def behind_links(path: Path) -> Path:
    """The file that a path refers to, with symbolic links resolved.

    Raises:
        OutputError: the links form a loop.
    """
    if not path.is_symlink():
        return path
    target = Path(os.path.realpath(path))
    if target.is_symlink():
        raise OutputError("is a symbolic link that leads to itself", path=path, way_out="Remove it")
    return target


def beside(path: Path, ending: str) -> Path:
    """A hidden file next to an output while that is being written. A name that would become too long is
    shortened, and completed with a digest of the whole.
    """
    return path.with_name(f".{short_name(path)}{ending}")


def short_name(path: Path) -> str:
    """The name of a file, short enough for what is added to it while it is being written."""
    name, room = os.fsencode(path.name), _LONGEST_NAME - 1 - _LONGEST_ENDING
    if len(name) <= room:
        return path.name
    digest = hashlib.sha256(name).hexdigest()[:16]
    return f"{name[: room - 17].decode('utf-8', 'ignore')}~{digest}"


@contextmanager
def owned(path: str | Path, *, force: bool = False) -> Iterator[Owned]:
    """A context that owns an output: until it ends, no other run writes that. Leftovers of killed runs are removed.

    Within it, further blocks for the same output, in the same thread, belong to the same run.

    Raises:
        OutputError: another run owns it, or `check_output` refuses it.
    """
    path = check_output(path, force=force)
    # Links among the folders too: two names of one file have one lock.
    target = Path(os.path.realpath(behind_links(path)))
    already = _OWNED.get().get(target)
    if already is not None:
        yield already
        return
    lock = _acquire(path, target)
    try:
        check_output(path, force=force)  # another run may have finished it before this one got the lock
        _remove_leftovers(target)
        mine = Owned(target, lock)
        token = _OWNED.set({**_OWNED.get(), target: mine})
        try:
            yield mine
        finally:
            _OWNED.reset(token)
    finally:
        lock.release()


@contextmanager
def owning(*paths: Path, force: bool = False) -> Iterator[None]:
    """A context that owns several outputs."""
    with ExitStack() as stack:
        for path in paths:
            stack.enter_context(owned(path, force=force))
        yield


@contextmanager
def replacing(path: str | Path, *, force: bool = False) -> Iterator[Path]:
    """The path of a temporary file next to `path`, which replaces it when the block ends without an error.

    Raises:
        OutputError: `path` exists and `force` is false, is a directory, is being written by another run, cannot be
            written, or the disk is full.
    """
    with owned(path, force=force) as mine:
        path = Path(path)
        part = _new_part(path, mine.path)
        try:
            with output_errors(path, part):
                yield part
                check_output(path, force=force)
                mine.check()
                put_in_place(part, mine.path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def output_errors(path: Path, *parts: Path) -> Iterator[None]:
    """A context in which failures to write an output, whose bytes go to `parts` first, become an `OutputError`."""
    try:
        yield
    except MemoryError as error:
        raise OutputError("cannot be written: there is not enough memory", path=path) from error
    except OSError as error:
        if error.filename is not None and str(error.filename) not in map(str, (path, *parts)):
            raise
        raise OutputError(f"cannot be written: {error.strerror or error}", path=path) from error


def check_writable_object(file: Any, name: str | Path) -> None:  # noqa: ANN401  whatever is given
    """Check that bytes may be written to a file object, which errors call by a name, before there are any.

    Raises:
        UsageError: it is none, is open as text, or is not open for writing.
    """
    if not callable(getattr(file, "write", None)):
        raise UsageError(
            f"{type(file).__name__} is neither a path nor a file object", way_out="Name a file, or give an open one"
        )
    if isinstance(file, io.TextIOBase):
        raise UsageError("is a file object that is open as text", path=name, way_out="Open it with 'wb'")
    try:
        is_open = not isinstance(file, io.IOBase) or file.writable()
    except ValueError as error:
        raise UsageError("is a file object that is closed", path=name, way_out="Write inside its `with`") from error
    if not is_open:
        raise UsageError("is a file object that is not open for writing", path=name, way_out="Open it with 'wb'")


def copy_to_object(source: BinaryIO, file: Any, name: str | Path) -> None:  # noqa: ANN401  whatever is given
    """Writes what is left of a file to a file object, which need not seek, and may take less than it is given.

    Raises:
        OutputError: it fails.
    """
    try:
        while piece := source.read(_PIECE_BYTES):
            rest = memoryview(piece)
            while rest:
                rest = rest[_taken(file, rest) :]
    except Exception as error:
        what = error.strerror if isinstance(error, OSError) else None
        raise OutputError(f"cannot be written: {what or str(error) or type(error).__name__}", path=name) from error


def _taken(file: Any, piece: memoryview) -> int:  # noqa: ANN401  whatever is given
    """How many of some bytes a file object took; one that does not tell took all."""
    taken = file.write(piece if isinstance(file, io.IOBase) else bytes(piece))
    if taken is None and isinstance(file, io.RawIOBase):
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return len(piece) if taken is None else int(taken)


def put_in_place(part: Path, path: Path) -> None:
    """Gives a file, whole and on the disk, the name of an output, with the permissions of the file that it replaces or
    else those of any new file.
    """
    with part.open("rb") as written:
        os.fsync(written.fileno())
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        mode = 0o666 & ~umask
    part.chmod(mode)
    part.replace(path)


@contextmanager
def _making(folder: Path) -> Iterator[None]:
    try:
        yield
    except SourceError as error:
        raise OutputError(error.what.replace("read", "written"), path=folder) from error
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot be created: {what}", path=folder, way_out="Name another folder") from error


def _acquire(path: Path, target: Path) -> Lock:
    file = beside(target, ".lock")
    try:
        return acquire(file)
    except LockHeldError as error:
        way_out = "Wait until it ends, or name another output"
        if not error.certain:
            way_out += f". If that process is no longer running, remove {file}"
        raise OutputError(f"is being written by another run ({error})", path=path, way_out=way_out) from error
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error


def _new_part(path: Path, target: Path) -> Path:
    try:
        handle, name = tempfile.mkstemp(prefix=beside(target, ".").name, suffix=".part", dir=target.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error
    return Path(name)


def _remove_leftovers(target: Path) -> None:
    """Removes the temporary files of runs to an output that were killed; the lock shows that no such run is alive."""
    part = re.compile(re.escape(beside(target, ".").name) + r"[a-z0-9_]{8}\.part")
    with os.scandir(target.parent) as entries:
        left = [Path(entry.path) for entry in entries if part.fullmatch(entry.name)]
    for path in left:
        path.unlink(missing_ok=True)
