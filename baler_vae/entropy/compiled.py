"""Compiling loops."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(signature: Any) -> Callable[[_Function], _Function]:  # noqa: ANN401  of numba
    """A function compiled for a signature, which runs without the interpreter; no float operation is changed for speed.
    It must not divide by zero.

    Compiled code is cached on disk where possible.
    """

    def compile_it(function: _Function) -> _Function:
        try:
            made: _Function = numba.njit(signature, nogil=True, error_model="numpy", cache=True)(function)
        except RuntimeError:  # neither the package's directory nor the user's can be written
            made = numba.njit(signature, nogil=True, error_model="numpy")(function)
        return made

    return compile_it
