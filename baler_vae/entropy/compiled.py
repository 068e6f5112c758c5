"""Compiling loops, and where what was compiled is kept."""

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import Any, TypeVar, cast

import numba
from numba.core import entrypoints
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

tuple_of: Any = numba.types.Tuple
"""The type of tuples in signatures."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_cache_of: Callable[[Callable[..., Any]], object] = FunctionCache
"""What numba keeps of a function on disk; it raises RuntimeError where there is no folder for that."""


def compiled(signature: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401  of numba
    """A function compiled for a signature, which runs without the interpreter; no float operation is changed for speed.
    It must not divide by zero, nor mix numbers with and without a sign: numba takes them for floats, and `int` leaves
    those without one as they are.

    What was compiled is kept for later processes: in the folder that NUMBA_CACHE_DIR names, beside this package, in the
    user's cache, or in a folder for temporary files, whichever can be written. Where none can, or nothing can be read
    or written there, it is compiled once more, for this process alone.
    """

    def compile_it(function: _Function) -> _Function:
        def made(*, cache: bool) -> _Function:
            found: _Function = numba.njit(signature, nogil=True, error_model="numpy", cache=cache)(function)
            return found

        with global_compiler_lock, _without_extensions():
            try:
                with _writable_cache(function):
                    return made(cache=True)
            except Exception:  # noqa: BLE001  no folder, a full disk, a damaged file; an error of the function comes again
                return made(cache=False)

    return compile_it


@contextmanager
def _writable_cache(function: Callable[..., Any]) -> Iterator[None]:
    """A context in which compiled functions are kept among temporary files where numba has no other place for one."""
    config: Any = numba.config
    asked = config.CACHE_DIR
    try:
        _cache_of(function)
    except RuntimeError:
        folder = _private_folder()
        config.CACHE_DIR = asked if folder is None else str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = asked


def _private_folder() -> Path | None:
    """A folder for temporary files that this user alone can read and write, since what lies there is run; None where
    there is none.
    """
    if not hasattr(os, "getuid"):  # such a system has a folder for each user, which numba knows
        return None
    folder = Path(tempfile.gettempdir()) / f"baler-vae-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    return folder if is_private else None


@contextmanager
def _without_extensions() -> Iterator[None]:
    """A context in which this thread compiles without the packages that extend numba by types of their own, such as
    awkward and vector: importing them takes longer than all else together, and no loop here knows their types. Whoever
    compiles functions of theirs later, or in another thread, has them.
    """
    load_all: Callable[[], None] = entrypoints.init_all
    own = get_ident()

    def load_for_others() -> None:
        if get_ident() != own:
            load_all()

    entrypoints.init_all = load_for_others
    try:
        yield
    finally:
        entrypoints.init_all = load_all


def inlined(function: _Function) -> _Function:
    """A function that becomes part of the compiled functions that call it: a call for every row would count references
    to the arrays that it is given.
    """
    made: Any = numba.njit(inline="always", error_model="numpy")(function)
    return cast("_Function", made)


# numba makes this when a function is first compiled: under a lock of its own it waits for that of the compiler. Above,
# the two are taken in the other order: of two threads that compile for the first time each could hold one, for ever.
with _without_extensions():
    _ = cpu_target.target_context
