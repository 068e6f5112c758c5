"""Relative bounds for coders that know absolute ones only: they are given transformed values."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from baler_vae.grid.numbers import is_finite
from baler_vae.table.bounds import Bound
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.signature import Values

_SLACK = 2.0**-40
"""What rounding in the transform and back may take, relative to a value."""


@dataclass(frozen=True)
class Transformed:
    """Float64 values, of some rows or of all, which must come back within `tolerance`, and the bytes of all else."""

    values: NDArray[np.float64]
    tolerance: float
    rest: bytes


def transform(values: Values, bound: Bound, *, dense: bool = False) -> Transformed:
    """Logarithms of the sizes of floats, without zeros (some rows,); with a floor, numbers that are linear below
    floor / R and logarithmic beyond, signs included. Dense ones have the shape of the values, with the least of the
    logarithms where there is none.

    Classes of values (0 ordinary, 1 negative, 2 stored verbatim) stand in the rest.
    """
    shape, values = values.shape, values.reshape(-1)
    x = values.astype(np.float64)
    finite = is_finite(values)
    relative, floor = bound.relative, bound.floor
    rounding = 2.0 ** (-np.finfo(values.dtype).nmant - 1) + _SLACK
    if floor:
        size = np.abs(x[finite])
        with np.errstate(divide="ignore"):
            beyond = 1 / relative + np.log(size * relative / floor) / np.log1p(relative)
        places = np.where(size <= floor / relative, size / floor, beyond)
        classes = np.where(finite, 0, 2).astype(np.uint8)
        numbers, tolerance = np.copysign(places, x[finite]), 1 - 2 * rounding / relative
    else:
        ordinary = finite & (x != 0)
        classes = np.where(ordinary, (x < 0).astype(np.uint8), 2).astype(np.uint8)
        numbers, tolerance = np.log(np.abs(x[ordinary])), np.log1p(relative) - rounding
    if dense:
        filled = np.full(len(values), numbers.min() if len(numbers) else 0.0)
        filled[classes < 2] = numbers
        numbers = filled.reshape(shape)
    verbatim = zstandard.compress(values[classes == 2].tobytes(), 19)
    return Transformed(numbers, float(tolerance), pack([relative, floor], [_packed(classes), verbatim]))


def restore(numbers: NDArray[np.float64], rest: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    """The floats (n_rows,) of transformed values, dense or of some rows."""
    (relative, floor), (packed, verbatim) = unpack(rest)
    classes = _unpacked(packed, n_rows)
    numbers = numbers.reshape(-1)
    if len(numbers) == n_rows:
        numbers = numbers[classes < 2]
    values = np.empty(n_rows, dtype)
    values[classes == 2] = np.frombuffer(zstandard.decompress(verbatim), dtype)
    with np.errstate(over="ignore"):
        if floor:
            size = np.abs(numbers)
            beyond = floor / relative * np.exp((size - 1 / relative) * np.log1p(relative))
            restored = np.copysign(np.where(size <= 1 / relative, size * floor, beyond), numbers)
        else:
            restored = np.where(classes[classes < 2] == 1, -1.0, 1.0) * np.exp(numbers)
        values[classes < 2] = restored.astype(dtype)
    return values


def _packed(classes: NDArray[np.uint8]) -> bytes:
    """The planes of bits of classes (rows,): nothing where all are 0."""
    if not classes.any():
        return b""
    return zstandard.compress(np.packbits(classes & 1).tobytes() + np.packbits(classes >> 1).tobytes(), 19)


def _unpacked(data: bytes, n_rows: int) -> NDArray[np.uint8]:
    if not data:
        return np.zeros(n_rows, np.uint8)
    low, high = np.frombuffer(zstandard.decompress(data), np.uint8).reshape(2, -1)
    return np.unpackbits(low, count=n_rows) | (np.unpackbits(high, count=n_rows) << 1)
