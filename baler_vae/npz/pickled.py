"""Arrays of Python objects, as numpy pickles them: strings and numbers are read, and nothing of the file is run."""

import pickle
import pickletools
from collections.abc import Callable
from typing import IO, Literal, cast

import numpy as np
from numpy.typing import NDArray

_ARRAYS = {(f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")}
_SCALARS = {(f"numpy.{core}.multiarray", "scalar") for core in ("core", "_core")}
_OPCODES = {
    *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "GET", "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT"),
    *("GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "NONE", "NEWTRUE", "NEWFALSE", "FLOAT", "BINFLOAT"),
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST", "LIST", "APPEND", "APPENDS"),
}
"""The names that a pickle of an array of strings and numbers may use."""
_INNOCENT = (str, bytes, bool, int, float, type(None))


class _Recorded:
    """What a pickle asks to be made of a class or function of numpy: its arguments and its state, and nothing else."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Array(_Recorded):
    """An array that would be made."""


class _Scalar(_Recorded):
    """A number or string of numpy that would be made."""


class _Dtype(_Recorded):
    """A dtype that would be made."""


class _Reader(pickle.Unpickler):
    """Reads a pickle in which numpy's own names stand for notes of what they were called with; others are refused."""

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        if (module, name) in _ARRAYS:
            return _Array
        if (module, name) in _SCALARS:
            return _Scalar
        if (module, name) in {("numpy", "dtype"), ("numpy", "ndarray")}:
            return _Dtype
        raise ValueError(f"objects of {module}.{name}, which are not loaded because that would run code from the file")


def read_objects(stream: IO[bytes], shape: tuple[int, ...], *, fortran_order: bool) -> NDArray[np.generic]:
    """The array of a dtype of Python objects behind the header of an npy file: strings, bytes, numbers and None.

    Raises:
        ValueError: it is damaged, or holds other objects.
    """
    try:
        found = _loaded(stream)
    except ValueError:
        raise
    # A damaged pickle fails in more ways than its documentation lists.
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"a damaged pickle: {error}") from error
    except (MemoryError, OverflowError, RecursionError) as error:
        raise ValueError("a pickle that does not fit into memory") from error
    state = found.state if isinstance(found, _Array) else None
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[4], list):
        raise ValueError("a pickle of something other than an array of objects")
    values = [_innocent(value) for value in state[4]]
    if state[1] != shape or len(values) != int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{len(values)} objects for an array of shape {shape}")
    array = np.empty(len(values), np.object_)
    array[:] = values
    array = array.reshape(shape)  # a pickle lists its values in the order of C, whatever the array's own is
    return np.asfortranarray(array) if fortran_order else array


def _loaded(stream: IO[bytes]) -> object:
    start = stream.tell()
    foreign = {opcode.name for opcode, _, _ in pickletools.genops(stream)} - _OPCODES
    if foreign:
        raise ValueError(f"Python objects other than strings and numbers ({', '.join(sorted(foreign))})")
    stream.seek(start)
    return _Reader(stream).load()


def _innocent(value: object) -> object:
    if isinstance(value, _Scalar):
        return _scalar(*value.arguments)
    if type(value) not in _INNOCENT:
        raise ValueError(f"objects of the type {type(value).__name__}, which are not supported")
    return value


def _scalar(dtype: object = None, data: object = None, *_: object) -> object:
    """The Python value of a number or string of numpy."""
    kind = dtype.arguments[0] if isinstance(dtype, _Dtype) and dtype.arguments else None
    if not (isinstance(kind, str) and kind[:1] in set("USfiub") and isinstance(data, bytes)):
        raise ValueError("NumPy objects other than numbers and strings, which are not supported")
    state = cast("_Dtype", dtype).state
    is_big = isinstance(state, tuple) and state[1:2] == (">",)
    order: Literal["<", ">"] = ">" if is_big else "<"
    try:
        return np.frombuffer(data, np.dtype(kind).newbyteorder(order), 1)[0].item()
    except TypeError as error:
        raise ValueError(f"a NumPy number of dtype {kind!r}") from error
