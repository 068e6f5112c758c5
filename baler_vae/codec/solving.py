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
"""How far, in steps, a quantity may be from a whole number of them where many values may come from a reader."""
_MOST_MOVES = 2.0**31
_MANY = 4
"""From so many values on, which only one of the modes moves together, the quantity tells whether a reader may have
moved them: values that were read for the first time differ from what codes give back in nearly all columns.
"""


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


def on_lattice(
    frame: Frame, original: Frame, correction: Correction, before: Floats64, after: Floats64
) -> NDArray[np.bool_]:
    """The items, bool (items,), whose values may have been moved by a reader; the quantity, float64 (items,), was so
    before, and is so after codes gave it back.
    """
    items = np.arange(len(before))
    differing = np.zeros(len(before), np.int64)
    for name in correction.movable:
        cell = correction.cells[name]
        rows = frame.places(cell, items)
        own = ~same_bits(frame.arrays[cell.column], original.arrays[cell.column])
        differing += (rows >= 0) & own[np.maximum(rows, 0)] if len(own) else 0
    # A little more than `lattice` takes, which computes in another order.
    return _may_be_moved(differing, correction, before, after, 1.1 * _ON_LATTICE)


def _may_be_moved(
    differing: Integers, correction: Correction, before: Floats64, after: Floats64, tolerance: float
) -> NDArray[np.bool_]:
    """Whether items, of which so many values are `differing` from what codes give back, may have been moved."""
    with np.errstate(all="ignore"):
        moves = (before - after) / correction.steps(after)
        near = np.abs(moves - np.rint(moves)) <= tolerance
    return (differing > 0) & ((differing < _MANY) | near)


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
    attempt = problem.lattice(problem.base, problem.original, wanted)
    for mode, (first, _) in enumerate(MODES):
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

    def lattice(
        self, base: list[Values], moved: list[Values], quantity: Floats64, lever: Lever | None = None
    ) -> _Attempt:
        """The items whose values are just what a reader gets by a move from what codes give back: they were restored
        from an archive. `quantity`, float64 (items,), is that of the moved values, `lever` that of the others.

        Where several moves give the same values, the first of them is found: a move depends on values alone.
        """
        found = self._nothing()
        differing = np.array([~same_bits(own, other) for own, other in zip(base, moved, strict=True)])
        differing &= self.rows >= 0
        n_differing = differing.sum(axis=0)
        rows = np.flatnonzero(n_differing)
        lever = self.only(rows).lever([values[rows] for values in base]) if lever is None else lever.only(rows)
        near = _may_be_moved(n_differing[rows], self.correction, quantity[rows], lever.quantity, _ON_LATTICE)
        for mode, (first, _) in enumerate(MODES):
            rows, lever = rows[near], lever.only(near)
            if not len(rows):
                break
            if first >= len(self.cells):
                near = np.ones(len(rows), np.bool_)
                continue
            part, own_base, own_moved = self.only(rows), [own[rows] for own in base], [own[rows] for own in moved]
            whole = part.moves_of(lever, own_base, own_moved, mode)
            good = (whole != 0) & (np.abs(whole) < _MOST_MOVES)
            moves = Moves(np.where(good, whole, 0.0).astype(np.int64), np.full(len(rows), mode, np.uint8))
            for values, own, there in zip(
                _placed(own_base, shares_of(lever, moves), lever), own_moved, part.rows, strict=True
            ):
                good &= same_bits(values, own) | (there < 0)
            found.moves[rows[good]], found.modes[rows[good]], found.solved[rows[good]] = moves.moves[good], mode, True
            near = ~good
        return found

    def moves_of(self, lever: Lever, base: list[Values], moved: list[Values], mode: int) -> Floats64:
        """The move in a mode, float64 (items,), that brings the value with the largest share where it is, nearly."""
        with np.errstate(all="ignore"):
            distances = np.array(
                [own.astype(np.float64) - values.astype(np.float64) for values, own in zip(base, moved, strict=True)]
            )
            largest = lever.order[MODES[mode][0]][np.newaxis]
            shares = lever.shares(mode, np.ones(len(self.items))) * lever.widths
            moves = np.take_along_axis(distances, largest, 0)[0] / np.take_along_axis(shares, largest, 0)[0]
        return np.rint(np.where(np.isfinite(moves), moves, 0.0))

    def attempt(self, wanted: Floats64, allowed: Floats64, mode: int) -> _Attempt:
        """What moves in one mode solve, so that the quantity is not further from what is wanted than allowed, float64
        (items,) each.
        """
        found = self._nothing()
        lever = self.lever(self.base)
        missing = wanted - lever.quantity
        least = np.sign(missing) * np.maximum(np.abs(missing) - _AIMED * allowed, 0.0)
        with np.errstate(all="ignore"):
            targets = _placed(self.base, lever.shares(mode, least / lever.step), lever)
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

    def lever(self, base: list[Values]) -> Lever:
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
        lever = self.lever(found.based)
        with np.errstate(all="ignore"):
            missing = wanted - lever.quantity
            moves = np.sign(missing) * np.ceil(np.maximum(np.abs(missing) - allowed, 0.0) / lever.step)
            usable &= np.abs(moves) < _MOST_MOVES
        whole = np.where(usable, moves, 0.0).astype(np.int64)
        modes = np.where(whole != 0, mode, 0).astype(np.uint8)
        moved = _placed(found.based, shares_of(lever, Moves(whole, modes)), lever)
        quantity = self.correction.formula.evaluate(self._read(moved))
        with np.errstate(all="ignore"):
            usable &= np.abs(quantity - wanted) <= allowed / _WITHIN
        for place, (values, grid, bound) in enumerate(zip(moved, self.grids, self.bounds, strict=True)):
            usable &= keeps_bound(self.original[place], values, bound)
            changed = ~same_bits(values, self.base[place])
            again = quantise_column(values[changed], grid, bound, self.there[place][changed])
            usable[changed] &= same_bits(again.restored, found.based[place][changed])
        good = np.flatnonzero(usable)
        part, base, ends = self.only(good), [own[good] for own in found.based], [own[good] for own in moved]
        told = part.lattice(base, ends, quantity[good], lever.only(good))
        found.solved[good] = told.solved | part.same(base, ends)
        found.moves[good], found.modes[good] = told.moves, told.modes
        return found, moved

    def same(self, base: list[Values], moved: list[Values]) -> NDArray[np.bool_]:
        """The items whose values did not move, bool (items,)."""
        found = np.ones(len(self.items), np.bool_)
        for values, own, rows in zip(base, moved, self.rows, strict=True):
            found &= same_bits(values, own) | (rows < 0)
        return found


def _placed(base: list[Values], shares: Floats64, lever: Lever) -> list[Values]:
    """Values after moves by shares of the steps of their grids, float64 (movable, items)."""
    return [
        np.where(own != 0, moved_values(values, own, width), values)
        for values, own, width in zip(base, shares, lever.widths, strict=True)
    ]


def _spread(values: list[Values], rows: Integers, n_items: int) -> list[Values]:
    """Values of some rows (n,) at their places among all (items,)."""
    found = []
    for own in values:
        every = np.zeros(n_items, own.dtype)
        every[rows] = own
        found.append(every)
    return found
