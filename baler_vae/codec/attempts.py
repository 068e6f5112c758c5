"""Attempts to keep a quantity by moves: what they solve, and where the values end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.correcting import Classes, Moves, moved_values
from baler_vae.model.correction import MODES, Lever

Floats64 = NDArray[np.float64]
Integers = NDArray[np.int64]
Values = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Attempt:
    """Which items are solved, bool (n,), by which moves, of which classes; on which codes what may move is `based`, and
    where it `ends`, (movable, n) each.
    """

    solved: NDArray[np.bool_]
    moves: Moves
    classes: Classes
    codes: Integers
    based: list[Values]
    ends: list[Values]

    @classmethod
    def at(cls, base: list[Values]) -> "Attempt":
        """Nothing solved of items whose values (movable, n) are those of a base."""
        n_items = len(base[0])
        return cls(
            np.zeros(n_items, np.bool_),
            Moves.none(n_items),
            Classes.unknown(n_items),
            np.zeros((len(base), n_items), np.int64),
            [values.copy() for values in base],
            [values.copy() for values in base],
        )

    def tell(self, rows: Integers, good: NDArray[np.bool_], moves: Floats64, mode: int, ends: list[Values]) -> None:
        """Takes over the `good` ones, bool (rows,), of some moves (rows,) in a mode, and where they end."""
        solved = rows[good]
        self.solved[solved] = True
        self.moves.moves[solved], self.moves.modes[solved] = moves[good].astype(np.int64), mode
        for own, values in zip(self.ends, ends, strict=True):
            own[solved] = values[good]

    def take(self, rows: Integers, other: "Attempt") -> None:
        """Takes over what another attempt solved of some rows."""
        solved = np.flatnonzero(other.solved)
        good = rows[solved]
        self.solved[good] = True
        self.moves.put(good, other.moves.only(solved))
        self.classes.put(good, other.classes.only(solved))
        self.codes[:, good] = other.codes[:, solved]
        for own, found in zip([*self.based, *self.ends], [*other.based, *other.ends], strict=True):
            own[good] = found[solved]


def moved_by(base: list[Values], shares: Floats64, lever: Lever) -> list[Values]:
    """Values after moves by shares of the steps of their grids, float64 (movable, items)."""
    found = []
    for values, own, widths in zip(base, shares, lever.widths, strict=True):
        rows, moved = np.flatnonzero(own), values.copy()
        moved[rows] = moved_values(values[rows], own[rows], widths[rows])
        found.append(moved)
    return found


def moves_between(lever: Lever, base: list[Values], moved: list[Values], mode: int) -> Floats64:
    """The move in a mode, float64 (items,), that brings the value with the largest share where it is, nearly."""
    largest = lever.order[MODES[mode][0]]
    distances, ways = np.zeros(len(largest)), np.zeros(len(largest))
    shares = lever.shares(mode, np.ones(len(largest)))
    with np.errstate(all="ignore"):
        for place, (before, after) in enumerate(zip(base, moved, strict=True)):
            rows = np.flatnonzero(largest == place)
            distances[rows] = after[rows].astype(np.float64) - before[rows].astype(np.float64)
            ways[rows] = shares[place, rows] * lever.widths[place, rows]
        moves = distances / ways
    return np.rint(np.where(np.isfinite(moves), moves, 0.0))
