"""The grids of numbers that were once written as decimal text."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baler_vae.grid.numbers import Floats64, Integers64, Values, to_codes, to_dtype

MOST_DECIMALS = 22
"""The largest power of ten that float64 holds exactly."""
MOST_DIGITS = 15
"""The significant decimal digits that float64 always holds."""
FURTHEST_DECADE = 308
"""The largest power of ten of float64."""

DECADES = np.array([float(f"1e{exponent}") for exponent in range(-323, FURTHEST_DECADE + 1)])
ONE = 323
POWERS_OF_TEN = DECADES[ONE:]


@dataclass(frozen=True)
class Decimal:
    """Numbers of so many decimals: the value of code k is k / 10^digits, rounded to float64 and then to the dtype."""

    digits: int

    kind: ClassVar = "decimal"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= MOST_DECIMALS:
            raise ValueError(f"a decimal grid has 0 to {MOST_DECIMALS} digits, not {self.digits}")

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) nearest to values (rows,)."""
        with np.errstate(over="ignore"):
            return to_codes(values.astype(np.float64) * POWERS_OF_TEN[self.digits])

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) of codes (rows,)."""
        return to_dtype(codes.astype(np.float64) / POWERS_OF_TEN[self.digits], dtype)


@dataclass(frozen=True)
class Significant:
    """Numbers of so many significant decimal digits, as the format `%.6g` writes them.

    Codes count these numbers upwards from zero, and downwards for negative ones: those below 10^(lowest + digits) are
    multiples of 10^lowest; from there on the unit grows tenfold with each decade of 9 * 10^(digits - 1) numbers.
    """

    digits: int
    lowest: int

    kind: ClassVar = "significant"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        if not 1 <= self.digits <= MOST_DIGITS or abs(self.lowest) > FURTHEST_DECADE:
            raise ValueError(f"no grid has {self.digits} significant digits from decade {self.lowest} on")

    @property
    def _decade(self) -> int:
        return 9 * int(10 ** (self.digits - 1))

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) nearest to values (rows,)."""
        numbers = values.astype(np.float64)
        size = np.abs(numbers)
        highest = max(0, FURTHEST_DECADE - self.lowest)
        decades = np.clip(_decades(size) - (self.digits - 1) - self.lowest, 0, highest)
        with np.errstate(over="ignore"):
            codes = to_codes(_scaled(size, -(decades + self.lowest))) + decades * self._decade
        return np.where(numbers < 0, -codes, codes)

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) of codes (rows,)."""
        count = np.abs(codes)
        decades = np.maximum(0, count - 10 ** (self.digits - 1)) // self._decade
        with np.errstate(over="ignore"):
            size = _scaled((count - decades * self._decade).astype(np.float64), decades + self.lowest)
        return to_dtype(np.where(codes < 0, -size, size), dtype)


def _decades(size: Floats64) -> Integers64:
    """The exponent of the largest power of ten that is not above each number (rows,); below all of them for zero."""
    return (np.searchsorted(DECADES, size, side="right") - 1 - ONE).astype(np.int64)


def _scaled(numbers: Floats64, exponents: Integers64) -> Floats64:
    """Numbers (rows,) times powers of ten (rows,), those beyond float64's powers taken for the last one."""
    powers = POWERS_OF_TEN[np.minimum(np.abs(exponents), FURTHEST_DECADE)]
    scaled: Floats64 = np.where(exponents < 0, numbers / powers, numbers * powers)
    return scaled
