"""Bit patterns, and the few ways in which float64 numbers become codes and values.

Only IEEE operations that give the same bits on every machine are used in this room: + - * /, rint, floor, frexp,
comparisons, integers and look-ups in tables made of them; never log, exp or pow of arrays.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.loading import FEW_ALONE, kernels_pay

Values = NDArray[np.generic]
Integers64 = NDArray[np.int64]
Floats64 = NDArray[np.float64]

CODE_LIMIT: Final = 1 << 61
"""Codes of grids that leave room for special codes stay below this in absolute value."""


LEAST_COMPILED: Final = 1_024
"""Rows below which arrays are as fast as compiled loops."""


def is_compiled(dtype: np.dtype[Any], n_rows: int) -> bool:
    """Whether so many values of a dtype are worth a compiled loop, and there is one."""
    is_there = dtype.kind == "f" and dtype.itemsize in (4, 8) and dtype.isnative
    return is_there and n_rows >= LEAST_COMPILED and kernels_pay(n_rows, FEW_ALONE)


def bits_of(values: Values) -> NDArray[np.uint64]:
    """The bit patterns of values (rows,) of any width, zero-extended."""
    return values.view(pattern_dtype(values.dtype)).astype(np.uint64)


def from_bits(bits: NDArray[np.uint64], dtype: np.dtype[Any]) -> Values:
    """The values of bit patterns (rows,) that `bits_of` gave.

    Raises:
        ValueError: a pattern is wider than the dtype.
    """
    narrow = bits.astype(pattern_dtype(dtype))
    if np.any(narrow != bits) or (dtype == np.bool_ and np.any(bits > 1)):
        raise ValueError(f"a bit pattern does not fit into {dtype}")
    return narrow.view(dtype)


def same_bits(original: Values, restored: Values) -> NDArray[np.bool_]:
    """Whether values (rows,) of one dtype are the same to the bit."""
    pattern = pattern_dtype(original.dtype)
    same: NDArray[np.bool_] = original.view(pattern) == restored.view(pattern)
    return same


def pattern_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The unsigned integer as wide as a dtype."""
    return np.dtype(f"u{dtype.itemsize}")


def is_finite(values: Values) -> NDArray[np.bool_]:
    """Which values (rows,) are finite: all of them where the dtype is not float."""
    return np.isfinite(values) if values.dtype.kind == "f" else np.ones(len(values), np.bool_)


def widened(values: Values) -> NDArray[np.int64] | NDArray[np.uint64]:
    """Integers or booleans (rows,) as the 64-bit integers that hold them."""
    return values.astype(np.int64) if values.dtype.kind == "i" else values.astype(np.uint64)


def to_codes(positions: Floats64) -> Integers64:
    """The nearest integers (rows,), or `CODE_LIMIT` with its sign for what is further out or not a number."""
    return np.fmax(np.fmin(np.rint(positions), CODE_LIMIT), -CODE_LIMIT).astype(np.int64)


def to_dtype(numbers: Floats64, dtype: np.dtype[Any]) -> Values:
    """Numbers (rows,) rounded to a dtype: floats beyond it become infinite, integers beyond it its limit."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return numbers.astype(dtype)
    if dtype == np.bool_:
        return numbers.astype(np.bool_)
    limits = np.iinfo(dtype)
    largest = float(limits.max)
    if int(largest) > limits.max:
        largest = float(np.nextafter(largest, 0.0))
    return np.clip(np.rint(np.nan_to_num(numbers)), float(limits.min), largest).astype(dtype)
