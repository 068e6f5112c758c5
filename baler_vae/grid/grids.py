"""The grids: what the integer code of a value means.

Each is a frozen dataclass of the numbers that describe it, with `quantise`, values (rows,) to int64 codes (rows,), and
`dequantise`, codes to values of a dtype. A code is that of the nearest value of the grid; whether it is near enough is
judged in `baler_vae.grid.codes`. Grids that hold every value of a dtype (`holds_everything`) need nothing else; the
codes of the others are for finite values, stay within +-`CODE_LIMIT`, and leave room for special codes.
"""

import dataclasses
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, cast, get_args

import numpy as np

from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.grid.numbers import Integers64, Values, pattern_dtype, to_codes, to_dtype, widened


@dataclass(frozen=True)
class Integers:
    """Integers and booleans as they are: the code is the value modulo 2^64."""

    kind: ClassVar = "integers"
    holds_everything: ClassVar = True

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) of integers or booleans (rows,)."""
        return widened(values).astype(np.int64)

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) of codes (rows,), modulo 2 to the bits of the dtype."""
        return codes.astype(dtype)


@dataclass(frozen=True)
class Pattern:
    """Bit patterns of floats in the order of the values, less their `shift` lowest bits, to the nearest one.

    The code of a positive value is its pattern over 2^shift, that of its negative -1 less that: -0.0 has code -1.
    """

    shift: int = 0

    kind: ClassVar = "pattern"

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= MOST_EMPTY_BITS:
            raise ValueError(f"a grid of patterns cannot drop {self.shift} bits")

    @property
    def holds_everything(self) -> bool:
        return self.shift == 0

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) of the patterns nearest to floats (rows,)."""
        pattern = values.view(pattern_dtype(values.dtype))
        sign_bit = pattern.dtype.type(1 << (8 * pattern.itemsize - 1))
        size = (pattern & (sign_bit - 1)).astype(np.int64)
        if self.shift:
            size = (size >> self.shift) + ((size >> (self.shift - 1)) & 1)
        codes: Integers64 = np.where(pattern >= sign_bit, ~size, size)
        return codes

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The floats (rows,) of codes (rows,)."""
        pattern = pattern_dtype(dtype)
        sign_bit = pattern.type(1 << (8 * pattern.itemsize - 1))
        size = np.where(codes < 0, ~codes, codes)
        if self.shift:
            # Rounding up the largest patterns must not lead beyond infinity, nor codes that none has beyond 64 bits.
            infinity = int(np.array(np.inf, dtype).view(pattern))
            size = np.minimum(np.minimum(size, -(-infinity >> self.shift)) << self.shift, infinity)
        bits = size.astype(pattern) & (sign_bit - 1)
        signed: Values = np.where(codes < 0, bits | sign_bit, bits).astype(pattern)
        return signed.view(dtype)


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


Grid = Integers | Pattern | Decimal | Significant | Step | Logarithmic

LARGEST_WHOLE_STEP: Final = 2**53 - 1
"""The largest odd whole number that float64 holds exactly."""
MOST_EMPTY_BITS: Final = 52
"""The mantissa bits that float64 stores."""
GRID_KINDS: Final = tuple(str(grid.kind) for grid in get_args(Grid))


def check_grid(grid: Grid, dtype: np.dtype[Any]) -> None:
    """Check that numbers of a dtype can lie on a grid.

    Raises:
        ValueError: patterns are of integers, or integers of floats.
    """
    if (isinstance(grid, Integers) and dtype.kind == "f") or (isinstance(grid, Pattern) and dtype.kind != "f"):
        raise ValueError(f"a grid {grid.kind!r} for {dtype}")


def grid_parameters(grid: Grid) -> dict[str, int | float]:
    """The numbers that describe a grid, by name; `grid_of` gives the same grid back, through JSON too."""
    return dataclasses.asdict(grid)


def grid_of(kind: str, parameters: Mapping[str, int | float]) -> Grid:
    """The grid of a kind with the numbers that `grid_parameters` gave.

    Raises:
        ValueError: there is no such kind, or it does not have these numbers.
    """
    found = next((grid for grid in get_args(Grid) if grid.kind == kind), None)
    if found is None:
        raise ValueError(f"there is no grid {kind!r}, only {', '.join(GRID_KINDS)}")
    types: dict[str, type[int | float]] = {field.name: cast("type", field.type) for field in dataclasses.fields(found)}
    if types.keys() != parameters.keys():
        raise ValueError(f"a grid {kind!r} has {sorted(types)}, not {sorted(parameters)}")
    for name, number in parameters.items():
        fits = type(number) is int or (types[name] is float and type(number) is float and math.isfinite(number))
        if not fits or abs(number) > sys.float_info.max:
            raise ValueError(f"{name} of a grid {kind!r} cannot be {number!r}")
    grid: Grid = found(**{name: types[name](number) for name, number in parameters.items()})
    return grid


def describe_grid(grid: Grid) -> str:
    """What a grid is, in a few words."""
    match grid:
        case Integers():
            text = "integers"
        case Pattern(shift):
            text = f"bit patterns without the lowest {shift} bits" if shift else "bit patterns"
        case Decimal(digits):
            text = f"decimals: {digits} digits"
        case Significant(digits):
            text = f"{digits} significant digits"
        case Step(step):
            text = f"steps of {step:.6g}"
        case Logarithmic(relative, floor):
            text = f"relative steps of {2 * relative:.2g}" + (f", at least {2 * floor:.2g}" if floor else "")
    return text
