"""Output files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baler_vae.errors import OutputError
from baler_vae.paths import check_writable


def check_output(path: str | Path, *, force: bool = False) -> Path:
    """The path of an output file that may be written.

    Raises:
        OutputError: it exists and `force` is false, it is a directory, or its directory does not exist or is closed.
    """
    if str(path).endswith("/"):
        raise OutputError("is the name of a folder", path=path, way_out="Name a file")
    if "\0" in str(path):
        raise OutputError("is no name of a file", path=path, way_out="Name another output")
    path = Path(path)
    try:
        is_directory, exists, has_directory = path.is_dir(), path.exists(), path.parent.is_dir()
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error
    if is_directory:
        raise OutputError("is a directory", path=path, way_out="Name a file in it")
    if exists and not force:
        raise OutputError("exists already", path=path, way_out="Name another output, or overwrite it with --force")
    if not has_directory:
        raise OutputError(
            "cannot be written: its directory does not exist", path=path, way_out=f"Create {path.parent} first"
        )
    check_writable(path.parent, path)
    return path


@contextmanager
def replacing(path: str | Path, *, force: bool = False) -> Iterator[Path]:
    """The path of a temporary file beside `path`, which takes its place when the block ends without an error.

    Raises:
        OutputError: `path` exists and `force` is false, is a directory, cannot be written, or the disk is full.
    """
    path = check_output(path, force=force)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"cannot be written: {error.strerror}", path=path) from error
    part = Path(name)
    try:
        with output_errors(path, part):
            yield part
            put_in_place(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def output_errors(path: Path, *parts: Path) -> Iterator[None]:
    """A block in which failures to write an output, whose bytes go to `parts` first, become an `OutputError`."""
    try:
        yield
    except MemoryError as error:
        raise OutputError("cannot be written: there is not enough memory", path=path) from error
    except OSError as error:
        if error.filename is not None and str(error.filename) not in map(str, (path, *parts)):
            raise
        raise OutputError(f"cannot be written: {error.strerror or error}", path=path) from error


def put_in_place(part: Path, path: Path) -> None:
    """Gives a file, whole and on the disk, the name of an output and the rights of any new file."""
    with part.open("rb") as written:
        os.fsync(written.fileno())
    umask = os.umask(0)
    os.umask(umask)
    part.chmod(0o666 & ~umask)
    part.replace(path)
