"""The moves that keep a quantity: which column moves by how much, found as a reader will find it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.attempts import Attempt, moved_by, moves_between
from baler_vae.codec.correcting import Classes, Moves, moved_values
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

_WITHIN = 0.995
"""The part of its bound that a moved quantity is aimed at: the rest is room for what rounding to the dtype does."""
_AIMED = 0.8
"""The part of its bound up to which a quantity is moved at first, before codes are chosen."""
_ON_LATTICE = 1e-2
"""How far, in steps, a quantity may be from a whole number of them where many values may come from a reader."""
_MOST_TRIED = 5
"""The most values that move together whose codes are all tried out, one step to either side."""
_MOST_MOVES = 2.0**31
_MANY = 4
"""From so many values on, which only one of the modes moves together, the quantity tells whether a reader may have
moved them: values that were read for the first time differ from what codes give back in nearly all columns.
"""


@dataclass(frozen=True, eq=False)
class Solved:
    """Moves of some `items`, and their classes; by what may move the rows that get other codes, these int64 (n,), and
    what they give back; and the rows that get other values, and these.
    """

    items: Integers
    moves: Moves
    classes: Classes
    codes: Mapping[str, tuple[Integers, Integers, Values]]
    ends: Mapping[str, tuple[Integers, Values]]


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
    rest = np.flatnonzero(missed & ~attempt.solved)
    lever = problem.only(rest).lever([own[rest] for own in problem.base]) if len(rest) else None
    for mode, (first, _) in enumerate(MODES):
        if lever is None or not len(rest):
            break
        if first >= len(correction.movable):
            continue
        tried = problem.only(rest).attempt(lever, wanted[rest], allowed[rest], mode)
        attempt.take(rest, tried)
        left = np.flatnonzero(~tried.solved)
        rest, lever = rest[left], lever.only(left)
    return problem.result(attempt)


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
    ) -> Attempt:
        """The items whose values are just what a reader gets by a move from what codes give back: they were restored
        from an archive. `quantity`, float64 (items,), is that of the moved values, `lever` that of the others.

        Where several moves give the same values, the first of them is found: a move depends on values alone.
        """
        found = self._nothing()
        differing = np.array([~same_bits(own, other) for own, other in zip(base, moved, strict=True)])
        n_differing = (differing & (self.rows >= 0)).sum(axis=0)
        before = lever.quantity if lever is not None else self.correction.formula.evaluate(self.read(base))
        rows = np.flatnonzero(_may_be_moved(n_differing, self.correction, quantity, before, _ON_LATTICE))
        lever = lever.only(rows) if lever is not None else self.only(rows).lever([own[rows] for own in base])
        near = np.ones(len(rows), np.bool_)
        for mode, (first, _) in enumerate(MODES):
            if not near.all():
                rows, lever = rows[near], lever.only(near)
            if not len(rows):
                break
            if first >= len(self.cells):
                near = np.ones(len(rows), np.bool_)
                continue
            own_base, own_moved = [own[rows] for own in base], [own[rows] for own in moved]
            whole = moves_between(lever, own_base, own_moved, mode)
            good = (whole != 0) & (np.abs(whole) < _MOST_MOVES)
            ends = moved_by(own_base, lever.shares(mode, np.where(good, whole, 0.0)), lever)
            for values, own, there in zip(ends, own_moved, self.rows[:, rows], strict=True):
                good &= same_bits(values, own) | (there < 0)
            found.tell(rows, good, whole, mode, own_moved)
            if self.correction.has_classes:
                found.classes.tell(rows[good], self.correction, lever.only(good), found.moves.modes[rows[good]])
            near = ~good
        return found

    def retold(self, base: list[Values], moved: list[Values], moves: Floats64, lever: Lever) -> Attempt:
        """The same, of values that moves (items,) in the first mode brought there: no other values come of them."""
        found = self._nothing()
        good = (moves != 0) & (moves_between(lever, base, moved, 0) == moves)
        found.tell(np.arange(len(moves)), good, moves, 0, moved)
        if self.correction.has_classes:
            found.classes.tell(np.flatnonzero(good), self.correction, lever.only(good), found.moves.modes[good])
        return found

    def attempt(self, lever: Lever, wanted: Floats64, allowed: Floats64, mode: int) -> Attempt:
        """What moves in one mode solve, so that the quantity is not further from what is wanted than allowed, float64
        (items,) each; `lever` is that of the base.
        """
        found = self._nothing()
        steps = self.cells_to_go(lever, wanted, allowed, mode)
        usable, away = np.ones(len(self.items), np.bool_), np.zeros(len(self.items), np.bool_)
        for place, (base, grid, bound) in enumerate(zip(self.base, self.grids, self.bounds, strict=True)):
            rows = np.flatnonzero(steps[place])
            target = moved_values(base[rows], steps[place, rows], lever.widths[place, rows])
            codes = quantise_column(target, grid, bound, self.there[place, rows])
            found.based[place][rows], found.codes[place, rows] = codes.restored, codes.codes
            usable[rows] &= is_finite(target) & ~is_special(codes.codes)
            away[rows] = True
        rows = np.flatnonzero(away)
        lever = lever.replaced(rows, self.only(rows).lever([own[rows] for own in found.based]))
        return self.finished(found, usable, lever, wanted, allowed, mode)

    def cells_to_go(self, lever: Lever, wanted: Floats64, allowed: Floats64, mode: int) -> Floats64:
        """By how many steps of its grid the code of each value is to change before moves in a mode, float64 (movable,
        items): so that values end furthest inside their bounds, where the quantity is linear in them.
        """
        chosen = lever.order[slice(*MODES[mode])]
        changes, widths, off = (
            np.take_along_axis(own, chosen, 0) for own in (lever.changes, lever.widths, self.distances())
        )
        with np.errstate(all="ignore"):
            off = np.where(widths != 0, off / widths, 0.0)
            pull = changes / (changes * changes).sum(axis=0)
            missing = wanted - lever.quantity
            ideal = np.sign(missing) * np.maximum(np.abs(missing) - _AIMED * allowed, 0.0) * pull
            found, best = np.zeros_like(changes), np.full(len(missing), -np.inf)
            whole = np.rint(ideal)
            others = np.where(ideal < whole, -1.0, 1.0)
            for chosen_others in (
                itertools.product((0.0, 1.0), repeat=len(changes)) if len(changes) <= _MOST_TRIED else [()]
            ):
                steps = whole + others * np.array(chosen_others)[:, np.newaxis] if chosen_others else whole
                left = missing - (changes * steps).sum(axis=0)
                moves = np.sign(left) * np.ceil(np.maximum(np.abs(left) - allowed, 0.0) / lever.step)
                shares = moves * lever.step * pull
                room = -np.maximum(np.abs(off + steps + shares), np.abs(shares)).max(axis=0)
                better = room > best
                found[:, better], best[better] = steps[:, better], room[better]
        steps = np.zeros_like(lever.changes)
        np.put_along_axis(steps, chosen, np.where(np.isfinite(found), found, 0.0), 0)
        return steps

    def distances(self) -> Floats64:
        """How far the base is from what was read, float64 (movable, items)."""
        with np.errstate(all="ignore"):
            found = [b.astype(np.float64) - o.astype(np.float64) for b, o in zip(self.base, self.original, strict=True)]
        return np.array(found).reshape(self.rows.shape)

    def result(self, found: Attempt) -> Solved:
        """What is stored of an attempt."""
        items = np.flatnonzero(found.solved)
        codes: dict[str, tuple[Integers, Integers, Values]] = {}
        ends: dict[str, tuple[Integers, Values]] = {}
        for place, name in enumerate(self.correction.movable):
            based, ended = found.based[place], found.ends[place]
            changed = items[~same_bits(based[items], self.base[place][items])]
            codes[name] = self.rows[place, changed], found.codes[place, changed], based[changed]
            changed = items[~same_bits(ended[items], self.base[place][items])]
            ends[name] = self.rows[place, changed], ended[changed]
        return Solved(self.items[items], found.moves.only(items), found.classes.only(items), codes, ends)

    def _nothing(self) -> Attempt:
        return Attempt.at(self.base)

    def lever(self, base: list[Values]) -> Lever:
        """How the quantity depends on what may move, where that has some values."""
        return self.correction.lever(self.read(base), self._widths(base))

    def read(self, values: list[Values]) -> dict[str, Floats64]:
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

    def finished(
        self,
        found: Attempt,
        usable: NDArray[np.bool_],
        lever: Lever,
        wanted: Floats64,
        allowed: Floats64,
        mode: int,
    ) -> Attempt:
        """An attempt, of which some items are `usable`, bool (items,), with the moves from what it is based on, which
        has that lever, as far as they solve it.
        """
        with np.errstate(all="ignore"):
            missing = wanted - lever.quantity
            moves = np.sign(missing) * np.ceil(np.maximum(np.abs(missing) - allowed, 0.0) / lever.step)
            usable &= np.abs(moves) < _MOST_MOVES
            shares = lever.shares(mode, np.where(usable, moves, 0.0))
        moved = moved_by(found.based, shares, lever)
        for place, (values, grid, bound) in enumerate(zip(moved, self.grids, self.bounds, strict=True)):
            rows = np.flatnonzero(~same_bits(values, self.base[place]))
            kept = keeps_bound(self.original[place][rows], values[rows], bound)
            again = quantise_column(values[rows], grid, bound, self.there[place, rows])
            usable[rows] &= kept & same_bits(again.restored, found.based[place][rows])
        good = np.flatnonzero(usable)
        part, base, ends = self.only(good), [own[good] for own in found.based], [own[good] for own in moved]
        quantity = self.correction.formula.evaluate(part.read(ends))
        with np.errstate(all="ignore"):
            kept = np.abs(quantity - wanted[good]) <= allowed[good] / _WITHIN
        lever = lever.only(good)
        told = part.lattice(base, ends, quantity, lever) if mode else part.retold(base, ends, moves[good], lever)
        found.solved[good] = kept & (told.solved | part.same(base, ends))
        found.moves.put(good, told.moves)
        found.classes.put(good, told.classes)
        for own, values in zip(found.ends, ends, strict=True):
            own[good] = values
        return found

    def same(self, base: list[Values], moved: list[Values]) -> NDArray[np.bool_]:
        """The items whose values did not move, bool (items,)."""
        found = np.ones(len(self.items), np.bool_)
        for values, own, rows in zip(base, moved, self.rows, strict=True):
            found &= same_bits(values, own) | (rows < 0)
        return found
