"""Subtractive dither: grids whose cells are shifted from row to row, by a hash of the column and the row.

A cell is an odd number of steps of a fine grid. What a value is rounded to is the middle of its cell, and as the cells
of a row begin anywhere, the error is uniform over a cell and does not depend on the value: a histogram of rounded
values has no comb (L. Schuchman, "Dither signals and their effect on quantization noise", IEEE Trans. Communications 12
(1964) 162). A reader knows the hash, so that the error is not larger than that of a grid that stands still.

Zero remains zero, and no value changes its sign: the cells nearest to zero end there. All of it is whole numbers, the
same on every machine.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from baler_vae.grid.logarithmic import LEAST_RELATIVE, Logarithmic
from baler_vae.grid.numbers import Integers64, Values
from baler_vae.grid.step import Step

MOST_PARTS: Final = (1 << 16) - 1
"""The most fine steps of a cell; part of the format."""
MOST_KEYS: Final = 1 << 48
"""The keys of columns are below this, so that every reader of JSON gets them exactly; part of the format."""

_PARTS: Final = (1023, 63, 7)
"""The fine steps of a cell, as many as leave steps that float64 can tell apart. With 1,023 what is left of the comb is
0.1 % of a cell, below the statistical error of any bin with fewer than 10^6 entries a cell.
"""
_GAMMA: Final = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIX: Final = ((30, np.uint64(0xBF58_476D_1CE4_E5B9)), (27, np.uint64(0x94D0_49BB_1331_11EB)))


def key_of(name: str) -> int:
    """The key of a column: the first six bytes of the SHA-256 of its name, as an integer."""
    return int.from_bytes(hashlib.sha256(name.encode(errors="surrogatepass")).digest()[:6], "big")


def dither_of(key: int, rows: Integers64, parts: int) -> Integers64:
    """By how many fine steps the cells of rows, by number, int64 (rows,), are shifted: from 0 to `parts` - 1.

    The numbers are those of SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014) with the key as its seed, that of row
    r the r-th from 0 on; their upper 32 bits times `parts` are shifted right by 32.
    """
    state = rows.astype(np.uint64)
    state += np.uint64(1)
    state *= _GAMMA
    state += np.uint64(key)
    for shift, factor in _MIX:
        state ^= state >> np.uint64(shift)
        state *= factor
    state ^= state >> np.uint64(31)
    state >>= np.uint64(32)
    state *= np.uint64(parts)
    return (state >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class DitheredRows:
    """A dithered or centred grid for certain rows: the `fine` grid, the `parts` fine steps of a cell, and by how many
    each row is shifted, `offsets` int64 (rows,).

    A value with code f on the fine grid has code 0 where f is 0, else that of its sign with
    1 + floor((abs(f) - 1 + offset) / parts).
    """

    fine: Step | Logarithmic
    parts: int
    offsets: Integers64

    holds_everything: ClassVar = False

    def quantise(self, values: Values) -> Integers64:
        """The codes (rows,) of the cells that hold values (rows,)."""
        fine = self.fine.quantise(values)
        size = np.abs(fine)
        codes = (size + (self.offsets + (self.parts - 1))) // self.parts
        codes[size == 0] = 0
        return np.where(fine < 0, -codes, codes)

    def dequantise(self, codes: Integers64, dtype: np.dtype[Any]) -> Values:
        """The values (rows,) in the middle of the cells of codes (rows,); no nearer to zero than a fine step, where the
        code is not that of zero.
        """
        size = np.maximum(1, np.abs(codes) * self.parts - (self.offsets + self.parts // 2))
        return self.fine.dequantise(np.sign(codes) * size, dtype)

    def only(self, places: Integers64 | slice) -> "DitheredRows":
        """The same for some of the rows, by their places among these."""
        return DitheredRows(self.fine, self.parts, self.offsets[places])


@dataclass(frozen=True)
class DitheredStep:
    """Cells of `parts` fine steps of `step`, in the unit of the column, shifted by the hash of a `key` and the row."""

    step: float
    parts: int
    key: int

    kind: ClassVar = "dithered-step"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        check_parts(self.parts)
        _check_key(self.key)
        Step(self.step)

    def at(self, rows: Integers64) -> DitheredRows:
        """The grid for rows with certain numbers, int64 (rows,), in their table."""
        return DitheredRows(Step(self.step), self.parts, dither_of(self.key, rows, self.parts))


@dataclass(frozen=True)
class DitheredLogarithmic:
    """Cells of `parts` steps of the logarithmic grid of `relative` and `floor`, shifted by the hash of a `key` and the
    row.
    """

    relative: float
    floor: float
    parts: int
    key: int

    kind: ClassVar = "dithered-logarithmic"
    holds_everything: ClassVar = False

    def __post_init__(self) -> None:
        check_parts(self.parts)
        _check_key(self.key)
        Logarithmic(self.relative, self.floor)

    def at(self, rows: Integers64) -> DitheredRows:
        """The grid for rows with certain numbers, int64 (rows,), in their table."""
        return DitheredRows(Logarithmic(self.relative, self.floor), self.parts, dither_of(self.key, rows, self.parts))


def dithered_steps(half: float, key: int) -> list[DitheredStep]:
    """The grid, if there is one, whose values are nowhere further than `half` from the middle of their cell."""
    step = 2 * half / _PARTS[0]
    return [DitheredStep(step, _PARTS[0], key)] if 0 < step < math.inf else []


def dithered_logarithmic(relative: float, floor: float, key: int) -> list[DitheredLogarithmic]:
    """The grid, if there is one, in whose cells no logarithm of a value is further than `relative` from the middle, and
    none that is small further than `floor`.
    """
    for parts in _PARTS:
        if relative / parts >= LEAST_RELATIVE:
            return [DitheredLogarithmic(relative / parts, floor / parts, parts, key)]
    return []


def check_parts(parts: int) -> None:
    """Raise ValueError where cells cannot be of so many steps of a fine grid."""
    if not (3 <= parts <= MOST_PARTS and parts % 2):
        raise ValueError(f"a grid cannot have cells of {parts} steps")


def _check_key(key: int) -> None:
    if not 0 <= key < MOST_KEYS:
        raise ValueError(f"a dithered grid cannot have the key {key}")
