"""Columns to codes and back: every value is restored as a reader will restore it, and checked."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.dither import DitheredRows
from baler_vae.grid.grids import Grid, RowGrid, code_limit, grid_at, is_centred, is_dithered
from baler_vae.grid.judge import keeps_bound
from baler_vae.grid.logarithmic import Logarithmic
from baler_vae.grid.numbers import CODE_LIMIT, Floats64, Integers64, Values, bits_of, from_bits, is_finite, to_dtype
from baler_vae.table.bounds import EXACT, Bound

SPECIAL: Final = -(1 << 63)
"""The first special code: the next value of the verbatim list. The codes after it stand for `_PATTERNS`."""

_PATTERNS: Final = {
    2: (0x7E00, 0x7C00, 0xFC00, 0x8000),
    4: (0x7FC0_0000, 0x7F80_0000, 0xFF80_0000, 0x8000_0000),
    8: (0x7FF8_0000_0000_0000, 0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000, 0x8000_0000_0000_0000),
}
"""The quiet NaN, infinity, minus infinity and -0.0, by the size of a float in bytes."""


_PIECE: Final = 1 << 20
"""The most values that are quantised at once: what is held meanwhile is several times as large as they are."""

_NO_VERBATIM: Final = np.empty(0, np.uint64)


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of a column, and what they give back.

    `codes` int64 (rows,); `restored` (rows,) in the dtype of the column, the values as a reader will get them;
    `verbatim` uint64 (n,) holds the bit patterns, zero-extended, of the values whose code is `SPECIAL`, in the order of
    the rows.
    """

    codes: Integers64
    restored: Values
    verbatim: NDArray[np.uint64] = field(default_factory=lambda: _NO_VERBATIM)

    @property
    def verbatim_bits(self) -> int:
        """The estimated bits of the verbatim values: those of the dtype, as what is not on a grid hardly
        compresses.
        """
        return 8 * self.restored.dtype.itemsize * len(self.verbatim)

    def only(self, rows: NDArray[np.int64]) -> "Codes":
        """The codes of some rows, by number, in the order in which these are given."""
        codes, restored = self.codes[rows], self.restored[rows]
        if not len(self.verbatim):
            return Codes(codes, restored)
        numbers = np.cumsum(self.codes == SPECIAL) - 1
        return Codes(codes, restored, self.verbatim[numbers[rows[codes == SPECIAL]]])


def is_special(codes: Integers64) -> NDArray[np.bool_]:
    """Which codes (rows,), of a grid that does not hold everything, are special."""
    return np.less_equal(codes, SPECIAL + 4)


def quantise_column(values: Values, grid: Grid | RowGrid, bound: Bound, rows: Integers64 | None = None) -> Codes:
    """The codes of values (rows,) whose restored values keep a bound, verbatim where there is none; of the cells of
    arrays (rows, *shape) in C order. `rows` int64 (rows,) are the numbers of the rows in their table, from 0 on where
    they are None: those of some rows have the same codes as among all.

    Quantising the restored values gives the same codes again. Under a bound with dither, what is on a grid without it
    keeps its bits.
    """
    values = values.reshape(-1)
    if bound.dither and not (isinstance(grid, DitheredRows) or is_dithered(grid)):
        bound = EXACT
    own = grid_at(grid, rows, len(values))
    if len(values) <= _PIECE:
        return _quantised(values, own, bound)
    places = [slice(start, start + _PIECE) for start in range(0, len(values), _PIECE)]
    pieces = [_quantised(values[place], _only(own, place), bound) for place in places]
    return Codes(
        np.concatenate([piece.codes for piece in pieces]),
        np.concatenate([piece.restored for piece in pieces]),
        np.concatenate([piece.verbatim for piece in pieces]),
    )


def _only(grid: RowGrid, places: Integers64 | slice) -> RowGrid:
    """A grid as it is for some of its rows, by their places."""
    return grid.only(places) if isinstance(grid, DitheredRows) else grid


def _quantised(values: Values, grid: RowGrid, bound: Bound) -> Codes:
    """What `quantise_column` returns of values (rows,)."""
    if grid.holds_everything:
        return Codes(grid.quantise(values), values)
    found = grid.settled(values, (bound.relative, bound.absolute)) if isinstance(grid, Logarithmic) else None
    if found is None:
        return _quantised_by_arrays(values, grid, bound)
    codes, restored, rows = found
    if not len(rows):
        return Codes(codes, restored)
    others = _quantised_by_arrays(values[rows], grid, bound)
    codes[rows], restored[rows] = others.codes, others.restored
    return Codes(codes, restored, others.verbatim)


def _quantised_by_arrays(values: Values, grid: RowGrid, bound: Bound) -> Codes:
    """What `quantise_column` returns of values (rows,) on a grid that does not hold everything."""
    finite = is_finite(values)
    codes = grid.quantise(_or_zero(values, finite))
    settled, restored = _settle(values, codes, grid, bound)
    if settled.all():
        return Codes(codes, restored)
    rows = np.flatnonzero(finite & ~settled)
    nearest, own = codes[rows], _only(grid, rows)
    # Where the restored value has another code, that one may do; the last that does is taken.
    for tried in (nearest - 1, nearest + 1, own.quantise(_restored(nearest, own, values.dtype))):
        good, found = _settle(values[rows], tried, own, bound)
        codes[rows[good]] = tried[good]
        restored[rows[good]] = found[good]
        settled[rows[good]] = True
    rows = np.flatnonzero(~settled)
    restored[rows] = values[rows]
    return Codes(codes, restored, _make_special(codes, rows, values))


def dequantise_column(
    codes: Integers64,
    verbatim: NDArray[np.uint64],
    grid: Grid | RowGrid,
    dtype: np.dtype[Any],
    rows: Integers64 | None = None,
) -> Values:
    """The values (rows,) of codes (rows,), and of the bit patterns (n,) of the verbatim values. `rows` int64 (rows,)
    are the numbers of the rows in their table, from 0 on where they are None.

    Raises:
        ValueError: there is a code that the grid or the dtype does not have, or the verbatim values are not those of
            the codes.
    """
    special = np.zeros(len(codes), np.bool_) if grid.holds_everything else is_special(codes)
    places = np.flatnonzero(special)
    numbers = codes[places] - SPECIAL
    n_verbatim = np.count_nonzero(numbers == 0)
    if n_verbatim != len(verbatim):
        raise ValueError(f"{len(verbatim)} verbatim values for {n_verbatim} codes that stand for them")
    ordinary = np.where(special, 0, codes) if len(places) else codes
    if not grid.holds_everything and not _within_limit(ordinary, grid).all():
        raise ValueError("a code is beyond those of a grid")
    restored = grid_at(grid, rows, len(codes)).dequantise(ordinary, dtype)
    if len(places):
        if dtype.kind != "f" and n_verbatim != len(places):
            raise ValueError(f"a code of infinity, -0.0 or NaN does not exist for {dtype}")
        bits = np.array([0, *_PATTERNS.get(dtype.itemsize, ())], np.uint64)[np.where(dtype.kind == "f", numbers, 0)]
        bits[numbers == 0] = verbatim
        restored[places] = from_bits(bits, dtype)
    return restored


@dataclass(frozen=True, eq=False)
class Predicted:
    """What a formula predicts of rows: the `codes` int64 (rows,), and the grid as it is for these rows."""

    codes: Integers64
    grid: RowGrid


def predict_codes(values: Floats64, grid: Grid, dtype: np.dtype[Any], rows: Integers64 | None = None) -> Predicted:
    """What values (rows,) predict, whatever float64 they are: NaN counts as 0, what is beyond the dtype or the codes of
    the grid as the last one. The same on every machine. `rows` int64 (rows,) are the numbers of the rows in their
    table, from 0 on where they are None.
    """
    limits = np.finfo(dtype) if dtype.kind == "f" else None
    numbers = np.where(np.isnan(values), 0.0, values)
    if limits is not None:
        numbers = np.clip(numbers, float(limits.min), float(limits.max))
    rounded = to_dtype(numbers, dtype)
    if is_centred(grid):
        return Predicted(*grid.around(rounded))
    own = grid_at(grid, rows, len(values))
    codes = own.quantise(rounded)
    return Predicted(codes if grid.holds_everything else np.clip(codes, -CODE_LIMIT, CODE_LIMIT), own)


def predicted_codes(values: Floats64, grid: Grid, dtype: np.dtype[Any], rows: Integers64 | None = None) -> Integers64:
    """The codes (rows,) alone that values (rows,) predict."""
    return predict_codes(values, grid, dtype, rows).codes


def _settle(values: Values, codes: Integers64, grid: RowGrid, bound: Bound) -> tuple[NDArray[np.bool_], Values]:
    """Where codes (rows,) give back values that keep a bound to `values` (rows,) and have the same code again, and the
    values that they give back (rows,).
    """
    within = _within_limit(codes, grid)
    restored = grid.dequantise(codes if within.all() else np.where(within, codes, 0), values.dtype)
    again = grid.quantise(_or_zero(restored, is_finite(restored)))
    settled: NDArray[np.bool_] = keeps_bound(values, restored, bound) & (again == codes)
    return settled, restored


def _restored(codes: Integers64, grid: RowGrid, dtype: np.dtype[Any]) -> Values:
    """The values (rows,) of codes (rows,), 0 for those that are none of the grid or not finite."""
    restored = grid.dequantise(np.where(_within_limit(codes, grid), codes, 0), dtype)
    return _or_zero(restored, is_finite(restored))


def _within_limit(codes: Integers64, grid: Grid | RowGrid) -> NDArray[np.bool_]:
    limit = code_limit(grid)
    within: NDArray[np.bool_] = (codes > -limit) & (codes < limit)
    return within


def _or_zero(values: Values, keep: NDArray[np.bool_]) -> Values:
    return values if keep.all() else np.where(keep, values, np.zeros((), values.dtype))


def _make_special(codes: Integers64, rows: NDArray[np.intp], values: Values) -> NDArray[np.uint64]:
    """The bit patterns (n,) of the verbatim values, out of `values` (all rows,); some rows get special codes."""
    bits = bits_of(values[rows])
    numbers = np.zeros(len(rows), np.int64)
    if values.dtype.kind == "f":
        for number, pattern in enumerate(_PATTERNS[values.dtype.itemsize], start=1):
            numbers[bits == pattern] = number
    codes[rows] = SPECIAL + numbers
    verbatim: NDArray[np.uint64] = bits[numbers == 0]
    return verbatim
