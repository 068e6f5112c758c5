"""The moves that keep a quantity: which column moves by how much, found as a reader will find it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.correcting import Moves, moved_values, shares_of
from baler_vae.codec.frames import Frame
from baler_vae.grid.codes import is_special, quantise_column
from baler_vae.grid.grids import Grid
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.numbers import is_finite, same_bits
from baler_vae.model.columns import OnGrid
from baler_vae.model.correction import MODES, Cell, Correction, Lever, cell_widths
from baler_vae.table.bounds import Bound

Floats64 = NDArray[np.float64]
Integers = NDArray[np.int64]
Values = NDArray[np.generic]

_WITHIN = 0.99
"""The part of its bound that a moved quantity is aimed at: the rest is room for what rounding to the dtype does."""
_AIMED = 0.8
"""The part of its bound up to which a quantity is moved at first, before codes are chosen."""
_ON_LATTICE = 1e-2
"""How far, in steps, a quantity may be from a whole number of them where its values may come from a reader."""


@dataclass(frozen=True, eq=False)
class Solved:
    """Moves of some `items`; by column the rows that get other codes, these int64 (n,), and what they give back."""

    items: Integers
    moves: Moves
    codes: Mapping[str, tuple[Integers, Integers, Values]]

    @classmethod
    def of_codes(cls, codes: Mapping[str, tuple[Integers, Integers, Values]]) -> "Solved":
        """Codes without moves."""
        none = np.empty(0, np.int64)
        return cls(none, Moves(none, np.empty(0, np.uint8)), codes)


def on_lattice(correction: Correction, before: Floats64, after: Floats64) -> NDArray[np.bool_]:
    """Where a quantity, float64 (items,), may have been moved by a reader: about a whole number of steps away from what
    codes give back.
    """
    with np.errstate(all="ignore"):
        moves = (before - after) / correction.steps(after)
        return (np.abs(moves - np.rint(moves)) <= _ON_LATTICE) & (np.abs(moves) > 0.5)


def solve(
    frame: Frame,
    original: Frame,
    correction: Correction,
    items: Integers,
    missed: NDArray[np.bool_],
    bound: Bound,
    bounds: Mapping[str, Bound],
) -> Solved:
    """The moves of as many as possible of some items after which the quantity of a correction keeps its bound to what
    it was in the original: of those that `missed` it, bool (items,), and of those whose originals a reader would get by
    moves. Every value keeps its own of the `bounds`, by column.
    """
    problem = _Problem.of(frame, original, correction, items, bounds)
    wanted = correction.formula.evaluate(original.values(correction, items))
    with np.errstate(all="ignore"):
        allowed = _WITHIN * np.maximum(bound.relative * np.abs(wanted), bound.absolute)
    attempt = problem.lattice(wanted)
    for mode in range(len(MODES)):
        first, _ = MODES[mode]
        if first >= len(correction.movable):
            continue
        rest = np.flatnonzero(missed & ~attempt.solved)
        if not len(rest):
            break
        attempt.take(rest, problem.only(rest).attempt(wanted[rest], allowed[rest], mode))
    return problem.result(attempt)


@dataclass(frozen=True, eq=False)
class _Attempt:
    """Which items are solved, bool (n,), by which moves, and what is `based` on which codes, (movable, n) each."""

    solved: NDArray[np.bool_]
    moves: Integers
    modes: NDArray[np.uint8]
    codes: Integers
    based: list[Values]

    def take(self, rows: Integers, other: "_Attempt") -> None:
        """Takes over what another attempt solved of some rows."""
        good = rows[other.solved]
        self.solved[good] = True
        self.moves[good], self.modes[good] = other.moves[other.solved], other.modes[other.solved]
        self.codes[:, good] = other.codes[:, other.solved]
        for own, found in zip(self.based, other.based, strict=True):
            own[good] = found[other.solved]


@dataclass(frozen=True, eq=False, kw_only=True)
class _Problem:
    """Some `items` whose quantity is off. `values` are what its formula reads, `base` those of its `cells` that may
    move, in `rows` int64 (movable, items), and `original` the same as they were read.
    """

    correction: Correction
    items: Integers
    values: Mapping[str, Floats64]
    cells: list[Cell]
    grids: list[Grid]
    bounds: list[Bound]
    rows: Integers
    base: list[Values]
    original: list[Values]

    @property
    def there(self) -> Integers:
        """The rows, and the first one where there is none."""
        return np.maximum(self.rows, 0)

    @classmethod
    def of(
        cls, frame: Frame, original: Frame, correction: Correction, items: Integers, bounds: Mapping[str, Bound]
    ) -> "_Problem":
        cells = [correction.cells[name] for name in correction.movable]
        rows = np.array([frame.places(cell, items) for cell in cells], np.int64)
        columns = [frame.model.columns[cell.column] for cell in cells]
        there = np.maximum(rows, 0)
        return cls(
            correction=correction,
            items=items,
            values=frame.values(correction, items),
            cells=cells,
            grids=[column.grid for column in columns if isinstance(column, OnGrid)],
            bounds=[bounds[cell.column] for cell in cells],
            rows=rows,
            base=[frame.arrays[cell.column][own] for cell, own in zip(cells, there, strict=True)],
            original=[original.arrays[cell.column][own] for cell, own in zip(cells, there, strict=True)],
        )

    def only(self, rows: Integers) -> "_Problem":
        """The same for some of the items."""
        return replace(
            self,
            items=self.items[rows],
            values={name: values[rows] for name, values in self.values.items()},
            rows=self.rows[:, rows],
            base=[values[rows] for values in self.base],
            original=[values[rows] for values in self.original],
        )

    def lattice(self, wanted: Floats64) -> _Attempt:
        """The items whose originals are just what a reader gets by a move: they were restored from an archive."""
        found = self._nothing()
        lever = self._lever(self.base)
        with np.errstate(all="ignore"):
            moves = (wanted - lever.quantity) / lever.step
            near = np.abs(moves - np.rint(moves)) <= _ON_LATTICE
        rows = np.flatnonzero(near & (np.rint(moves) != 0))
        part, own, whole = self.only(rows), lever.only(rows), np.rint(moves[rows]).astype(np.int64)
        for mode in range(len(MODES)):
            modes = np.full(len(rows), mode, np.uint8)
            moved = part.moved(own, part.base, Moves(whole, modes))
            same = np.ones(len(rows), np.bool_)
            for values, original in zip(moved, part.original, strict=True):
                same &= same_bits(values, original)
            good = same & ~found.solved[rows]
            found.moves[rows[good]], found.modes[rows[good]], found.solved[rows[good]] = whole[good], mode, True
        return found

    def attempt(self, wanted: Floats64, allowed: Floats64, mode: int) -> _Attempt:
        """What moves in one mode solve, so that the quantity is not further from what is wanted than allowed, float64
        (items,) each.
        """
        found = self._nothing()
        lever = self._lever(self.base)
        missing = wanted - lever.quantity
        least = np.sign(missing) * np.maximum(np.abs(missing) - _AIMED * allowed, 0.0)
        with np.errstate(all="ignore"):
            targets = self._shifted(lever, self.base, mode, least / lever.step)
        for _ in range(2):
            rest = np.flatnonzero(~found.solved)
            part = self.only(rest)
            tried, targets = part.based(wanted[rest], allowed[rest], mode, [values[rest] for values in targets])
            found.take(rest, tried)
            targets = _spread(targets, rest, len(self.items))
        return found

    def result(self, found: _Attempt) -> Solved:
        """What is stored of an attempt."""
        items = np.flatnonzero(found.solved)
        codes: dict[str, tuple[Integers, Integers, Values]] = {}
        for place, cell in enumerate(self.cells):
            changed = items[~same_bits(found.based[place][items], self.base[place][items])]
            own = self.rows[place, changed], found.codes[place, changed], found.based[place][changed]
            if cell.column in codes:
                before = codes[cell.column]
                own = tuple(np.concatenate(pair) for pair in zip(before, own, strict=True))  # type: ignore[assignment]
            codes[cell.column] = own
        return Solved(self.items[items], Moves(found.moves[items], found.modes[items]), codes)

    def _nothing(self) -> _Attempt:
        n_items = len(self.items)
        return _Attempt(
            np.zeros(n_items, np.bool_),
            np.zeros(n_items, np.int64),
            np.zeros(n_items, np.uint8),
            np.zeros((len(self.cells), n_items), np.int64),
            [values.copy() for values in self.base],
        )

    def _lever(self, base: list[Values]) -> Lever:
        """How the quantity depends on what may move, where that has some values."""
        return self.correction.lever(self._read(base), self._widths(base))

    def _read(self, values: list[Values]) -> dict[str, Floats64]:
        """What the formula reads, where what may move has some values."""
        read = dict(self.values)
        for name, rows, own in zip(self.correction.movable, self.rows, values, strict=True):
            read[name] = np.where(rows >= 0, own.astype(np.float64), np.nan)
        return read

    def _widths(self, base: list[Values]) -> Floats64:
        found = [
            cell_widths(values, grid, rows) for values, grid, rows in zip(base, self.grids, self.there, strict=True)
        ]
        return np.where(self.rows >= 0, np.array(found).reshape(self.rows.shape), 0.0)

    def _shifted(self, lever: Lever, base: list[Values], mode: int, moves: Floats64) -> list[Values]:
        """The values after moves that need not be whole."""
        shares, widths = lever.shares(mode, moves), self._widths(base)
        return [
            np.where(own != 0, moved_values(values, own, width), values)
            for values, own, width in zip(base, shares, widths, strict=True)
        ]

    def moved(self, lever: Lever, base: list[Values], moves: Moves) -> list[Values]:
        """The values after moves, as a reader gets them."""
        shares, widths = shares_of(lever, moves), self._widths(base)
        return [
            np.where(own != 0, moved_values(values, own, width), values)
            for values, own, width in zip(base, shares, widths, strict=True)
        ]

    def based(
        self, wanted: Floats64, allowed: Floats64, mode: int, targets: list[Values]
    ) -> tuple[_Attempt, list[Values]]:
        """What is solved from the codes nearest to targets, and what came out, to be tried next."""
        found = self._nothing()
        n_items = len(self.items)
        usable = np.ones(n_items, np.bool_)
        for place, (target, grid, bound) in enumerate(zip(targets, self.grids, self.bounds, strict=True)):
            moving = is_finite(target) & ~same_bits(target, self.base[place])
            codes = quantise_column(target, grid, bound, self.there[place])
            special = is_special(codes.codes) if not grid.holds_everything else np.zeros(n_items, np.bool_)
            usable &= is_finite(target) & ~(special & moving)
            take = moving & ~special
            found.based[place][take] = codes.restored[take]
            found.codes[place] = codes.codes
        lever = self._lever(found.based)
        with np.errstate(all="ignore"):
            missing = wanted - lever.quantity
            moves = np.sign(missing) * np.ceil(np.maximum(np.abs(missing) - allowed, 0.0) / lever.step)
            usable &= np.abs(moves) < 2.0**31
        whole = np.where(usable, moves, 0.0).astype(np.int64)
        modes = np.where(whole != 0, mode, 0).astype(np.uint8)
        moved = self.moved(lever, found.based, Moves(whole, modes))
        quantity = self.correction.formula.evaluate(self._read(moved))
        with np.errstate(all="ignore"):
            usable &= np.abs(quantity - wanted) <= allowed / _WITHIN
        for place, (values, grid, bound) in enumerate(zip(moved, self.grids, self.bounds, strict=True)):
            usable &= keeps_bound(self.original[place], values, bound)
            changed = ~same_bits(values, self.base[place])
            again = quantise_column(values[changed], grid, bound, self.there[place][changed])
            usable[changed] &= same_bits(again.restored, found.based[place][changed])
        found.solved[:] = usable
        found.moves[:], found.modes[:] = whole, modes
        return found, moved


def _spread(values: list[Values], rows: Integers, n_items: int) -> list[Values]:
    """Values of some rows (n,) at their places among all (items,)."""
    found = []
    for own in values:
        every = np.zeros(n_items, own.dtype)
        every[rows] = own
        found.append(every)
    return found
