"""What moves a value inside the bound of its column so that a quantity that follows from it keeps a bound of its own.

A quantity is off by what all its columns are off. A column that it depends on strongly can take all of that upon
itself: moved by part of a step of its grid, it cancels the errors of the others. The reader, who knows how strongly the
quantity depends on each column, needs but one small whole number for that.

All sums and products are single IEEE operations in a fixed order, so that every reader moves values alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.tables import FrequencyTable
from baler_vae.grid.codes import is_special
from baler_vae.grid.grids import Grid, code_limit, grid_at
from baler_vae.grid.numbers import is_finite, same_bits
from baler_vae.kinematics.formula import Formula

Floats64 = NDArray[np.float64]
Values = NDArray[np.generic]

MODES: Final = ((0, 1), (1, 3), (0, 5), (0, 2), (0, 4), (1, 4), (0, 16), (2, 6))
"""The ways to share a move among the columns, which stand in the order of how strongly the quantity depends on them:
the first of those that move, and the one behind the last; part of the format. Found one by one as what takes the fewest
bits for masses of pairs of muons within 1e-5.
"""
_ALL: Final = MODES.index((0, 16))
MOST_MODE_TABLES: Final = 16
"""The most tables of modes; part of the format."""
_RATIO_CLASSES: Final = 8.0
"""Classes of a ratio of changes up to twice the least; part of the format."""
NOTHING: Final = -(1 << 20)
"""The octave of what changes nothing; part of the format."""
MOST_MOVABLE: Final = 16
"""The most columns that a correction may move; part of the format."""
MOST_CELLS: Final = 256
"""The most cells, and the most tails, that a correction reads; part of the format."""


@dataclass(frozen=True)
class Cell:
    """A value that a formula reads: of a column in the row itself, or in a row of the event, counted from 0."""

    column: str
    row: int | None = None


@dataclass(frozen=True)
class Tail:
    """A number that a formula reads: the sum of another formula over the rows of an event from the `first` one on."""

    formula: Formula
    first: int


@dataclass(frozen=True)
class ClassTables:
    """Tables of moves by class: how far the columns that move can change the quantity tells how large moves will be.

    A class is one of 2 ** `fineness` parts of an octave; `first` is the number of the lowest.
    """

    tables: tuple[FrequencyTable, ...]
    first: int = 0
    fineness: int = 1

    def classes(self, lever: "Lever", mode: int) -> NDArray[np.int64]:
        """The class of each item, int64 (items,), in a mode."""
        return np.clip(lever.octaves(mode, self.fineness) - self.first, 0, len(self.tables) - 1)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """Moves of values that keep a quantity, which is a number for each row of a group, or of each event.

    `formula` computes the quantity, nearly, from `cells` and `tails` by the names under which it reads them; `movable`
    names the cells that may move, which are of columns on a grid. A move by k changes the quantity by about k steps of
    max(`relative` abs(quantity), `absolute`). `own` has the tables of moves in the first mode, `others` those of moves
    in all other modes, and `modes` those of the modes of all items, by how the quantity depends on what may move beside
    what it depends on most. `promise` is the number of the guarantee which is kept.
    """

    formula: Formula
    cells: Mapping[str, Cell]
    tails: Mapping[str, Tail]
    movable: tuple[str, ...]
    relative: float
    absolute: float
    own: ClassTables
    others: ClassTables
    modes: tuple[FrequencyTable, ...]
    promise: int = 0

    @property
    def is_of_events(self) -> bool:
        """Whether it reads rows of events by their places: there is one number for each event of a collection."""
        return bool(self.tails) or any(cell.row is not None for cell in self.cells.values())

    @property
    def columns(self) -> set[str]:
        """The columns that it reads."""
        own = {cell.column for cell in self.cells.values()}
        return own.union(*(tail.formula.names for tail in self.tails.values()))

    @property
    def moved_columns(self) -> set[str]:
        """The columns whose values it may move."""
        return {self.cells[name].column for name in self.movable}

    def steps(self, quantity: Floats64) -> Floats64:
        """By how much the quantity (items,) changes with a move by 1."""
        with np.errstate(all="ignore"):
            return np.maximum(self.relative * np.abs(quantity), self.absolute)

    def lever(self, values: Mapping[str, Floats64], widths: Floats64) -> "Lever":
        """How the quantity depends on what may move, from what the formula reads, float64 (items,) each, and the steps
        of the grids, float64 (movable, items), 0 for what cannot move.
        """
        quantity, moved = self.formula.evaluate_shifted(values, dict(zip(self.movable, widths, strict=True)))
        with np.errstate(all="ignore"):
            changes = moved - quantity
            changes[~np.isfinite(changes)] = 0.0
            order = np.argsort(-np.abs(changes), axis=0, kind="stable")
        return Lever(quantity, self.steps(quantity), changes, order, widths)

    @property
    def tables(self) -> tuple[FrequencyTable, ...]:
        """All of its tables: of moves in the first mode and in others, and of modes."""
        return *self.move_tables, *self.modes

    @property
    def move_tables(self) -> tuple[FrequencyTable, ...]:
        """The tables of moves."""
        return *self.own.tables, *self.others.tables

    @property
    def has_classes(self) -> bool:
        """Whether how the quantity depends on what may move tells the table of an item."""
        return len(self.tables) > 3

    def mode_classes(self, lever: "Lever") -> NDArray[np.int64]:
        """The number of the table of the mode of each item, int64 (items,)."""
        if len(self.modes) < 2:
            return np.zeros(len(lever.quantity), np.int64)
        return np.minimum(lever.ratios(), len(self.modes) - 1)


@dataclass(frozen=True, eq=False)
class Lever:
    """The quantity, float64 (items,), the step of its moves, its `changes`, float64 (movable, items), by a step of the
    grid of each, their `order` from the largest to the smallest, int64 (movable, items), and these steps, `widths`,
    float64 (movable, items).
    """

    quantity: Floats64
    step: Floats64
    changes: Floats64
    order: NDArray[np.int64]
    widths: Floats64

    def octaves(self, mode: int, fineness: int) -> NDArray[np.int64]:
        """How far what moves in a mode can change the quantity, in steps of the moves: as octaves, int64 (items,), in 2
        ** `fineness` parts of one; a large negative number where it cannot.
        """
        own, total = self._moving(mode)
        with np.errstate(all="ignore"):
            reach = (total / np.abs(own[0])) / self.step if len(own) else np.zeros(len(total))
            for _ in range(fineness):
                reach = reach * reach
            usable = np.isfinite(reach) & (reach > 0)
            _, exponents = np.frexp(np.where(usable, reach, 1.0))
        return np.where(usable, exponents.astype(np.int64), NOTHING)

    def ratios(self) -> NDArray[np.int64]:
        """By how much the squares of all changes exceed the largest of them, in parts of that, int64 (items,)."""
        own, total = self._moving(_ALL)
        with np.errstate(all="ignore"):
            ratios = (total / (own[0] * own[0]) - 1.0) * _RATIO_CLASSES
            usable = (ratios >= 0) & (ratios < MOST_MODE_TABLES)
        return np.where(usable, ratios, np.where(ratios >= MOST_MODE_TABLES, MOST_MODE_TABLES - 1, 0)).astype(np.int64)

    def _moving(self, mode: int) -> tuple[Floats64, Floats64]:
        """The changes by what moves in a mode, float64 (moving, items), and the sum of their squares, (items,)."""
        own = np.take_along_axis(self.changes, self.order[slice(*MODES[mode])], 0)
        total = np.zeros(len(self.quantity))
        with np.errstate(all="ignore"):
            for change in own:
                total = total + change * change
        return own, total

    def shares(self, mode: int, moves: Floats64) -> Floats64:
        """By how many steps of its grid each movable value moves, float64 (movable, items), for moves (items,) that
        are shared in a mode.
        """
        own, total = self._moving(mode)
        with np.errstate(all="ignore"):
            found = own * ((moves * self.step) / total)
        found[~np.isfinite(found)] = 0.0
        shares = np.zeros_like(self.changes)
        np.put_along_axis(shares, self.order[slice(*MODES[mode])], found, 0)
        return shares

    def replaced(self, items: NDArray[Any], other: "Lever") -> "Lever":
        """The same with those of some items in place of its own."""
        quantity, step, changes, widths = (own.copy() for own in (self.quantity, self.step, self.changes, self.widths))
        found = Lever(quantity, step, changes, self.order.copy(), widths)
        found.quantity[items], found.step[items] = other.quantity, other.step
        found.changes[:, items], found.order[:, items], found.widths[:, items] = (
            other.changes,
            other.order,
            other.widths,
        )
        return found

    def only(self, items: NDArray[Any]) -> "Lever":
        """The same of some items, by their numbers or as bool (items,)."""
        if items.dtype == np.bool_:
            items = np.flatnonzero(items)
        if len(items) == len(self.quantity):
            return self
        # Much faster than an index of two axes.
        return Lever(
            self.quantity[items],
            self.step[items],
            np.take(self.changes, items, 1).astype(np.float64, copy=False),
            np.take(self.order, items, 1).astype(np.int64, copy=False),
            np.take(self.widths, items, 1).astype(np.float64, copy=False),
        )


def cell_widths(values: Values, grid: Grid, rows: NDArray[np.int64]) -> Floats64:
    """The distance, float64 (n,), of values (n,), in `rows` int64 (n,) of their table, from those that have the next
    code on their grid; 0 for values that have no code.
    """
    dtype, own = values.dtype, grid_at(grid, rows, len(values))
    finite = is_finite(values)
    codes = own.quantise(np.where(finite, values, np.zeros((), dtype)))
    usable = finite & (np.abs(codes) < code_limit(grid)) & ~is_special(codes)
    codes = np.where(usable, codes, 0)
    usable &= same_bits(own.dequantise(codes, dtype), values)
    with np.errstate(all="ignore"):
        widths = own.dequantise(codes + 1, dtype).astype(np.float64) - values.astype(np.float64)
    return np.where(usable & np.isfinite(widths), widths, 0.0)


def zigzag(moves: NDArray[np.int64]) -> NDArray[np.int64]:
    """Moves as codes: 0 for none, 1, 2, 3, 4 ... for -1, 1, -2, 2 ...."""
    return np.where(moves < 0, -2 * moves - 1, 2 * moves)


def unzigzag(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The moves that `zigzag` was given."""
    return np.where(codes & 1, -(codes >> 1) - 1, codes >> 1)
