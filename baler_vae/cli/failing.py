"""Failures of the system, told like all others."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from baler_vae.errors import BalerError, OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_NO_MEMORY = "Choose fewer columns with --columns, or use a machine with more memory"


def speak_plainly() -> None:
    """Has standard output take every text: what its encoding lacks is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def speaking() -> Iterator[None]:
    """A context that writes to standard output; where that is not possible, nothing more is written there.

    Raises:
        OutputError: it cannot be written. A reader that has gone away is none of these.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _silence()
        raise OutputError(f"standard output cannot be written: {error.strerror or error}") from error


@contextmanager
def system_failures() -> Iterator[None]:
    """A context in which what the system refuses, and nothing before has explained, becomes an error of ours."""
    try:
        yield
    except BrokenPipeError:
        # As a program does that does not care: whoever was reading, such as `head`, has had enough.
        _silence()
        sys.exit(128 + 13)
    except MemoryError as error:
        raise BalerError("there is not enough memory", way_out=_NO_MEMORY) from error
    except OSError as error:
        kind = OutputError if error.errno in _FULL else BalerError
        if error.filename is None and error.errno in _FULL:
            _silence()  # it was standard output: all files are named
        raise kind(f"the system refuses: {error.strerror or error}", path=error.filename) from error
    except RuntimeError as error:
        if "new thread" not in str(error):
            raise
        raise BalerError("the system allows no more threads", way_out=_NO_MEMORY) from error


def _silence() -> None:
    """Lets go of what standard output still holds, which would fail once more when the program ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):  # there is no such stream
        return
    finally:
        os.close(nowhere)
