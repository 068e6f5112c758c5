"""Grids whose cells are centred on what a formula predicts, row by row.

A cell is an odd number of steps of a fine grid, and the cells of a row lie so that the fine value nearest to its
prediction is the middle of one. Where a prediction keeps the bound, the value it is made for has the code of the
prediction, always: an energy that follows from momentum and mass then takes nothing. On a grid that stands still the
two often lie on different sides of an edge, however near they are.

All of it is whole numbers, the same on every machine. Zero remains zero, and no value changes its sign, as on grids
with dither, whose cells are shifted in the same way.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from baler_vae.grid.dither import DitheredRows, check_parts
from baler_vae.grid.logarithmic import LEAST_RELATIVE, Logarithmic, has_table
from baler_vae.grid.numbers import Integers64, Values
from baler_vae.grid.step import Step

_PARTS: Final = (63, 15, 7)
"""The fine steps of a cell, as many as leave a fine grid that is fast. What is lost is that a prediction lies beside
the middle of its cell by up to half of one.
"""


@dataclass(frozen=True)
class CentredStep:
    """Cells of `parts` fine steps of `step`, in the unit of the column, one of them centred on a prediction."""

    step: float
    parts: int

    kind: ClassVar = "centred-step"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        check_parts(self.parts)
        Step(self.step)

    def around(self, predicted: Values) -> tuple[Integers64, DitheredRows]:
        """The codes (rows,) of finite values (rows,) that were predicted, and the grid for these rows."""
        return _around(Step(self.step), self.parts, predicted)

    def unshifted(self, n_rows: int) -> DitheredRows:
        """The grid for rows of which nothing was predicted."""
        return DitheredRows(Step(self.step), self.parts, np.zeros(n_rows, np.int64))


@dataclass(frozen=True)
class CentredLogarithmic:
    """Cells of `parts` steps of the logarithmic grid of `relative` and `floor`, one of them centred on a prediction."""

    relative: float
    floor: float
    parts: int

    kind: ClassVar = "centred-logarithmic"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        check_parts(self.parts)
        Logarithmic(self.relative, self.floor)

    def around(self, predicted: Values) -> tuple[Integers64, DitheredRows]:
        """The codes (rows,) of finite values (rows,) that were predicted, and the grid for these rows."""
        return _around(Logarithmic(self.relative, self.floor), self.parts, predicted)

    def unshifted(self, n_rows: int) -> DitheredRows:
        """The grid for rows of which nothing was predicted."""
        return DitheredRows(Logarithmic(self.relative, self.floor), self.parts, np.zeros(n_rows, np.int64))


def centred(grid: object) -> CentredStep | CentredLogarithmic | None:
    """The grid that promises what another one does, with cells centred on predictions; None where there is none."""
    if isinstance(grid, Step):
        return CentredStep(grid.step / _PARTS[0], _PARTS[0]) if grid.step / _PARTS[0] > 0 else None
    if not isinstance(grid, Logarithmic):
        return None
    fine = [parts for parts in _PARTS if grid.relative / parts >= LEAST_RELATIVE]
    if not fine:
        return None
    parts = next((parts for parts in fine if has_table(grid.relative / parts)), fine[-1])
    return CentredLogarithmic(grid.relative / parts, grid.floor / parts, parts)


def _around(fine: Step | Logarithmic, parts: int, predicted: Values) -> tuple[Integers64, DitheredRows]:
    """The codes of predicted values (rows,), and the grid for their rows."""
    # A cell has its middle where abs(f) + offset + parts // 2 is a multiple of its parts.
    middles: Integers64 = fine.quantise(predicted)
    size = np.abs(middles)
    codes = (size + (parts // 2 + parts - 1)) // parts
    offsets = codes * parts - (size + parts // 2)
    codes[size == 0], offsets[size == 0] = 0, 0
    return np.where(middles < 0, -codes, codes), DitheredRows(fine, parts, offsets)
