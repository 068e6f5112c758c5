"""The grid of the multiples of one step."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from baler_vae.grid.numbers import Integers64, Values, to_codes, to_dtype, widened

LARGEST_WHOLE_STEP: Final = 2**53 - 1
"""The largest odd whole number that float64 holds exactly."""


@dataclass(frozen=True)
class Step:
    """Multiples of one step, in the unit of the column: the value of code c is c * step, rounded to the dtype; for
    integers the step is a whole number, and the product is exact modulo 2 to the bits of the dtype.
    """

    step: float

    kind: ClassVar = "step"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        if not 0 < self.step < math.inf:
            raise ValueError(f"a grid cannot have steps of {self.step}")

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) of the multiples nearest to values (rows,)."""
        if values.dtype.kind == "f":
            with np.errstate(over="ignore"):
                return to_codes(values.astype(np.float64) / self.step)
        below, rest = np.divmod(widened(values), self._whole)
        return (below + (rest > self._whole // 2)).astype(np.int64)

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) of codes (rows,)."""
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                return to_dtype(codes.astype(np.float64) * self.step, dtype)
        return (codes * self._whole).astype(dtype)

    @property
    def _whole(self) -> int:
        return min(max(1, int(self.step)), LARGEST_WHOLE_STEP)
