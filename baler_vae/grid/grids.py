"""The grids: what the integer code of a value means.

Each is a frozen dataclass of the numbers that describe it, with `quantise`, values (rows,) to int64 codes (rows,), and
`dequantise`, codes to values of a dtype. A code is that of the nearest value of the grid; whether it is near enough is
judged in `baler_vae.grid.codes`. Grids that hold every value of a dtype (`holds_everything`) need nothing else; the
codes of the others are for finite values, stay within +-`CODE_LIMIT`, and leave room for special codes.

What a code means on a dithered grid depends on the number of its row, and on a centred one on what was predicted of
it: `grid_at` gives the grid of some rows, `around` that of what was predicted of them.
"""

import dataclasses
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeGuard, cast, get_args

import numpy as np

from baler_vae.grid.centred import CentredLogarithmic, CentredStep
from baler_vae.grid.decimal import Decimal, Significant
from baler_vae.grid.dither import DitheredLogarithmic, DitheredRows, DitheredStep
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.grid.numbers import CODE_LIMIT, Integers64, Values, pattern_dtype, widened
from baler_vae.grid.step import Step


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


PlainGrid = Integers | Pattern | Decimal | Significant | Step | Logarithmic
Grid = PlainGrid | DitheredStep | DitheredLogarithmic | CentredStep | CentredLogarithmic
RowGrid = PlainGrid | DitheredRows
"""A grid as it is for certain rows: what values and codes are given to."""

MOST_EMPTY_BITS: Final = 52
"""The mantissa bits that float64 stores."""
GRID_KINDS: Final = tuple(str(grid.kind) for grid in get_args(Grid))


def is_dithered(grid: Grid) -> TypeGuard[DitheredStep | DitheredLogarithmic]:
    """Whether the codes of a grid depend on the numbers of the rows."""
    return isinstance(grid, DitheredStep | DitheredLogarithmic)


def is_centred(grid: Grid | RowGrid) -> TypeGuard[CentredStep | CentredLogarithmic]:
    """Whether the codes of a grid depend on what is predicted of the rows."""
    return isinstance(grid, CentredStep | CentredLogarithmic)


def grid_at(grid: Grid | RowGrid, rows: Integers64 | None, n_rows: int) -> RowGrid:
    """A grid as it is for rows with certain numbers, int64 (n_rows,), in their table; None for all from 0 on. Of a
    centred one, that of rows of which nothing is predicted: what networks see of its values by themselves.
    """
    if isinstance(grid, CentredStep | CentredLogarithmic):
        return grid.unshifted(n_rows)
    if isinstance(grid, DitheredStep | DitheredLogarithmic):
        return grid.at(np.arange(n_rows) if rows is None else rows)
    return grid


def code_limit(grid: Grid | RowGrid) -> int:
    """What the codes of finite values, on a grid that does not hold everything, stay below in absolute value."""
    in_parts = DitheredStep | DitheredLogarithmic | CentredStep | CentredLogarithmic | DitheredRows
    return CODE_LIMIT // grid.parts if isinstance(grid, in_parts) else CODE_LIMIT


def check_grid(grid: Grid, dtype: np.dtype[Any]) -> None:
    """Check that numbers of a dtype can lie on a grid.

    Raises:
        ValueError: patterns are of integers, or integers of floats, or steps are dithered or centred that are not of
            floats.
    """
    of_floats = isinstance(grid, Pattern) or is_dithered(grid) or is_centred(grid)
    if isinstance(grid, Integers) if dtype.kind == "f" else of_floats:
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
            text = _describe_relative(relative, floor)
        case DitheredStep(step, parts) | CentredStep(step, parts):
            text = f"steps of {step * parts:.6g}"
        case DitheredLogarithmic(relative, floor, parts) | CentredLogarithmic(relative, floor, parts):
            text = _describe_relative(relative * parts, floor * parts)
    return f"dithered {text}" if is_dithered(grid) else f"{text}, from its formula" if is_centred(grid) else text


def _describe_relative(relative: float, floor: float) -> str:
    return f"relative steps of {2 * relative:.2g}" + (f", at least {2 * floor:.2g}" if floor else "")
