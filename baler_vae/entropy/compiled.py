"""Compiling loops."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

void: Any = numba.void
tuple_of: Any = numba.types.Tuple
INT64: Any = numba.int64
FLOAT64: Any = numba.float64
INTS64: Any = numba.int64[::1]
FLOATS64: Any = numba.float64[::1]
READ_INTS64: Any = numba.types.Array(numba.int64, 1, "C", readonly=True)
READ_FLOATS64: Any = numba.types.Array(numba.float64, 1, "C", readonly=True)
"""Types of signatures; arrays are flat, without gaps. Those that are only read may lie in read-only memory."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(signature: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401  of numba
    """A function compiled for a signature, which runs without the interpreter; no float operation is changed for speed.
    It must not divide by zero, nor mix numbers with and without a sign: numba takes them for floats, and `int` leaves
    those without one as they are.

    Compiled code is cached on disk where possible.
    """

    def compile_it(function: _Function) -> _Function:
        try:
            made: _Function = numba.njit(signature, nogil=True, error_model="numpy", cache=True)(function)
        except RuntimeError:  # neither the package's directory nor the user's can be written
            made = numba.njit(signature, nogil=True, error_model="numpy")(function)
        return made

    return compile_it


def inlined(function: _Function) -> _Function:
    """A function that becomes part of the compiled functions that call it: a call for every row would count references
    to the arrays that it is given.
    """
    made: Any = numba.njit(inline="always", error_model="numpy")(function)
    return cast("_Function", made)
