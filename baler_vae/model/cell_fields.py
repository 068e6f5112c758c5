"""The cells of a column of arrays while they are encoded or decoded: which come when, and what networks see of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.codes import is_special, predicted_codes
from baler_vae.grid.grids import Grid
from baler_vae.grid.numbers import Integers64
from baler_vae.model.cells import WEIGHT_UNIT, Cells, Seen
from baler_vae.model.coders import differences, sums

if TYPE_CHECKING:
    from baler_vae.model.cell_kernels import Neighbours
    from baler_vae.model.distances import PointsOfRows

_AT_ONCE: Final = 8_192
"""The most cells whose inputs are made at once: 40 of them take 1.3 MB. Results do not depend on it."""
_FEW_AT_ONCE: Final = 256
"""Cells up to which it takes longer to begin with those of a wave than to go through them. Results do not depend on
it.
"""

Places = NDArray[np.int16]


def flat(arrays: NDArray[np.generic]) -> NDArray[Any]:
    """Arrays (rows, *shape) as one (cells * rows,), cell by cell."""
    n_cells = math.prod(arrays.shape[1:])
    return np.ascontiguousarray(arrays.reshape(len(arrays), n_cells).T).reshape(-1)


def rows_of_flat(cells: NDArray[np.generic], n_rows: int) -> NDArray[Any]:
    """The cells (rows, cells) of what `flat` gave."""
    return np.ascontiguousarray(cells.reshape(len(cells) // max(1, n_rows), n_rows).T)


@dataclass(frozen=True, eq=False)
class Known:
    """What networks of cells see besides these: `sources` int32 (n, rows), the places of the codes of columns of
    numbers and latents in their views, and how many ranges those have, by number; `others` the same of the cells of
    other columns, int16 (n, cells * rows).
    """

    sources: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    source_ranges: Mapping[int, int] = field(default_factory=dict)
    others: Mapping[int, Places] = field(default_factory=dict)
    other_ranges: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Look:
    """What the network sees of some cells: their numbers `items` int64 (n,) in the flat array, `inputs` float32
    (inputs, n), the codes `base` int64 (n,) from which differences are coded, None where codes are, and what the first
    predictor says, float64 (n,), None where there is none.
    """

    items: Integers64
    inputs: NDArray[np.float32]
    base: Integers64 | None
    expected: NDArray[np.float64] | None


class CellField:
    """The cells of a column in some rows: `codes` and restored `values`, int64 and float64 (cells * rows,), all of them
    when they are encoded, and those that are known so far when they are decoded.
    """

    def __init__(self, cells: Cells, grid: Grid, dtype: np.dtype[Any], n_rows: int, known: Known) -> None:
        self.cells, self.grid, self.n_rows = cells, grid, n_rows
        self._dtype = dtype
        self.n_cells = math.prod(cells.shape)
        self.codes: Integers64 = np.zeros(self.n_cells * n_rows, np.int64)
        self.values: NDArray[np.float64] = np.zeros(self.n_cells * n_rows)
        self.places: Places = np.zeros(self.n_cells * n_rows, np.int16)
        self._residuals: Places = np.zeros(self.n_cells * n_rows, np.int16)
        self._errors = np.zeros(self.n_cells * n_rows if cells.sees_spread else 0)
        self._near = np.array(cells.near, np.int64)
        self._coordinates = _coordinates_of(cells.shape)
        self._neighbours = self._where_neighbours_are()
        self._inputs = self._described(known)
        empty = np.zeros((1, max(1, self.n_cells * n_rows if known.others else 1)), np.int16)
        self._sources = np.array([*known.sources.values()] or np.zeros((1, 1)), np.int32)
        self._others = np.array([*known.others.values()], np.int16) if known.others else empty[:, :1]
        self._weights = [own.weights.astype(np.float64) * WEIGHT_UNIT for own in cells.predictors]
        geometric = any(own.is_geometric for own in cells.predictors)
        self._points = _points_of_rows(n_rows, cells.shape[0]) if geometric else None
        self._mirrors = self._mirror_images() if cells.mirrored else None

    def order(self) -> Iterator[Integers64]:
        """The numbers of the cells that are coded next, int64 (n,), none of which depend on each other."""
        for wave in _waves(*self._sorted, 1 if self.cells.paces[0] else self.n_rows):
            for start in range(0, len(wave), _AT_ONCE):
                yield wave[start : start + _AT_ONCE]

    def known_order(self) -> Iterator[Integers64]:
        """The same numbers in the same order, of a field of which all cells are known: many at once, so that those of
        small waves depend on each other. What is coded of them has to be shown before.
        """
        if not self.has_small_waves:
            yield from self.order()
            return
        cells, _ = self._sorted
        n_rows = 1 if self.cells.paces[0] else self.n_rows
        step = max(1, _AT_ONCE // max(1, n_rows))
        for start in range(0, len(cells), step):
            yield _in_rows(cells[start : start + step], n_rows)

    @cached_property
    def has_small_waves(self) -> bool:
        """Whether known cells are better not gone through wave by wave, which those of points have to be."""
        n_waves = len(self._sorted[1])
        return self._points is None and self.n_cells * self.n_rows < _FEW_AT_ONCE * n_waves

    @cached_property
    def _sorted(self) -> tuple[Integers64, Integers64]:
        return _sorted_cells(self.cells, self._coordinates, self.n_rows)

    def show_all_coded(self) -> None:
        """Lets cells see what is coded of all of them, which are known."""
        if self.cells.sees_residuals or self.cells.sees_spread:
            for items in self.known_order():
                look = self.look(items, blindly=True)
                self.show_coded(look, self.coded(look.base, self.codes[items]))

    def look(self, items: Integers64, *, blindly: bool = False) -> Look:
        """What the network sees of cells whose neighbours are known; `blindly` without inputs."""
        from baler_vae.model.cell_kernels import see_cells  # noqa: PLC0415 - numba takes half a second to import

        values = self._expected(items, 1 if blindly else None)
        if self.cells.sees_spread and not blindly:
            spread = self._spread(items)
            values = np.vstack([values, values[0] + spread, values[0] - spread])
        predicted = predicted_codes(values.reshape(-1), self.grid, self._dtype).reshape(values.shape)
        base, mirrored = self._base(items, predicted)
        own, view = self.cells.network.alphabet, self.cells.view
        expected = values[0] if len(values) else None
        inputs = np.empty((0 if blindly else len(self.cells.inputs), len(items)), np.float32)
        if blindly:
            return Look(items, inputs, base, expected)
        see_cells(
            self._neighbours,
            items,
            self._inputs,
            self.codes,
            self._residuals,
            self.places,
            predicted,
            np.zeros(len(items), np.int64) if base is None else base,
            mirrored,
            (own.starts, own.shifts),
            (view.starts, view.shifts),
            self.grid.holds_everything,
            self._sources,
            self._others,
            inputs,
        )
        return Look(items, inputs, base, expected)

    def fill(self, codes: Integers64, values: NDArray[np.generic]) -> None:
        """Sets the codes (rows * cells,) and restored values (rows, *shape) of all cells, which are known."""
        self.codes = flat(codes.reshape(self.n_rows, self.n_cells))
        self.values = flat(values).astype(np.float64)
        self.places = self.cells.view.positions(self.codes).astype(np.int16)

    def restore(self, look: Look, codes: Integers64, coded: Integers64, values: NDArray[np.generic]) -> None:
        """Sets the codes (n,) of cells, of which `coded` (n,) was coded, and their restored `values` (n,)."""
        self.codes[look.items], self.values[look.items] = codes, values
        self.places[look.items] = self.cells.view.positions(codes)
        self.show_coded(look, coded)

    def show_coded(self, look: Look, coded: Integers64) -> None:
        """Lets cells behind see what was coded (n,) of cells whose values are known."""
        if self.cells.sees_residuals:
            self._residuals[look.items] = self.cells.network.alphabet.positions(coded)
        if self.cells.sees_spread and look.expected is not None:
            self._errors[look.items] = np.abs(self.values[look.items] - look.expected)

    def coded(self, base: Integers64 | None, codes: Integers64) -> Integers64:
        """What is coded of codes (n,)."""
        return codes if base is None else differences(codes, base, self.grid)

    def decoded(self, base: Integers64 | None, coded: Integers64) -> Integers64:
        """The codes (n,) of which `coded` (n,) is coded."""
        return coded if base is None else sums(coded, base, self.grid)

    def _where_neighbours_are(self) -> "Neighbours":
        cells, shape = self.cells, np.array(self.cells.shape, np.int64)
        offsets = np.array(cells.offsets, np.int32).reshape(-1, 1 + len(shape))
        strides = np.append(np.cumprod(shape[:0:-1])[::-1], 1)
        deltas = (offsets[:, 1:] @ strides) * self.n_rows - offsets[:, 0]
        inner = np.ones(self.n_cells, np.bool_)
        for own, steps, size in zip(self._coordinates.T, offsets[:, 1:].T, cells.shape, strict=True):
            inner &= (own >= -steps.min(initial=0)) & (own < size - steps.max(initial=0))
        return offsets, deltas, self._coordinates, shape.astype(np.int32), inner.astype(np.uint8), self.n_rows

    def _described(self, known: Known) -> NDArray[np.int32]:
        """The inputs as the kernels take them."""
        own, view = len(self.cells.network.alphabet.starts), len(self.cells.view.starts)
        sources, others = [*known.sources], [*known.others]
        fields = np.zeros((len(self.cells.inputs), 4), np.int32)
        for row, entry in zip(fields, self.cells.inputs, strict=True):
            kind, number, n_ranges = entry.kind, entry.number, own
            if entry.kind in (Seen.VALUE, Seen.PREDICTED):
                n_ranges = view
            elif entry.kind == Seen.SOURCE:
                number, n_ranges = sources.index(entry.number), known.source_ranges[entry.number]
            elif entry.kind == Seen.SAME_CELL:
                number, n_ranges = others.index(entry.number), known.other_ranges[entry.number]
            elif entry.kind == Seen.SPREAD:  # behind what predictors say
                kind, number = Seen.DIFFERENCE, len(self.cells.predictors) + entry.number
            row[:] = kind, number, entry.symbol, n_ranges
        return fields

    def _mirror_images(self) -> Integers64:
        """The number of the cell (cells,) across the diagonal, of those below it, -1 of all others."""
        i, j = self._coordinates.astype(np.int64).T
        return np.where(j < i, j * self.cells.shape[0] + i, -1)

    def _expected(self, items: Integers64, first: int | None = None) -> NDArray[np.float64]:
        """What predictors say, float64 (predictors, n); those of the `first` only."""
        from baler_vae.model.cell_kernels import predict  # noqa: PLC0415

        predictors = self.cells.predictors[:first]
        found = np.empty((len(predictors), len(items)))
        for values, own, weights in zip(found, predictors, self._weights, strict=False):
            if self._points is not None and own.is_geometric:
                self._points.predict(items, self.values, own.fill, values)
            else:
                predict(self._neighbours, items, self.values, own.taps, weights, own.fill, values)
        return found

    def _spread(self, items: Integers64) -> NDArray[np.float64]:
        """The mean error of the first predictor (n,) among the nearest neighbours of cells."""
        from baler_vae.model.cell_kernels import mean_of_neighbours  # noqa: PLC0415

        found = np.empty(len(items))
        mean_of_neighbours(self._neighbours, items, self._errors, self._near, found)
        return found

    def _base(self, items: Integers64, predicted: NDArray[np.int64]) -> tuple[Integers64 | None, NDArray[np.uint8]]:
        """The codes (n,) from which differences are coded, if any are, and where that is the mirror image."""
        base = predicted[0] if self.cells.predicted else None
        mirrored = np.zeros(len(items), np.uint8)
        if self._mirrors is not None:
            images = self._mirrors[items // self.n_rows]
            mirrored = (images >= 0).astype(np.uint8)
            base = np.zeros(len(items), np.int64) if base is None else base.copy()
            found = np.flatnonzero(mirrored)
            across = self.codes[images[found] * self.n_rows + items[found] % self.n_rows]
            # A difference from a special code could be one itself.
            base[found] = across if self.grid.holds_everything else np.where(is_special(across), 0, across)
        return base, mirrored


def _coordinates_of(shape: tuple[int, ...]) -> NDArray[np.int32]:
    """The coordinates (cells, axes) of all cells in C order."""
    found = np.empty((*shape, len(shape)), np.int32)
    for axis, size in enumerate(shape):
        found[..., axis] = np.arange(size).reshape(-1, *(1,) * (len(shape) - axis - 1))
    return found.reshape(-1, len(shape))


def waves_of(cells: Cells, coordinates: NDArray[np.int32], n_rows: int) -> Iterator[Integers64]:
    """The numbers of the cells of rows, wave by wave in the order in which they are coded: those of a wave do not
    depend on each other.
    """
    return _waves(*_sorted_cells(cells, coordinates, n_rows), 1 if cells.paces[0] else n_rows)


def _waves(order: Integers64, ends: Integers64, n_rows: int) -> Iterator[Integers64]:
    """The numbers of cells, wave by wave, from those of one row in their order, and where the waves of them end."""
    for start, end in pairwise([0, *ends.tolist()]):
        yield _in_rows(order[start:end], n_rows)


def _in_rows(cells: Integers64, n_rows: int) -> Integers64:
    """The numbers of cells of one row in all rows."""
    return cells if n_rows == 1 else (cells[:, None] * n_rows + np.arange(n_rows)).reshape(-1)


def _sorted_cells(cells: Cells, coordinates: NDArray[np.int32], n_rows: int) -> tuple[Integers64, Integers64]:
    """The numbers of the cells of all rows (cells * rows,), or, where rows do not depend on each other, of one (cells,)
    in the order in which they are coded, and where each wave of them ends.
    """
    times = coordinates.astype(np.int64) @ np.array(cells.paces[1:], np.int64)
    if cells.paces[0]:
        times = (times[:, None] + cells.paces[0] * np.arange(n_rows)).reshape(-1)
    order = np.argsort(times, kind="stable")
    times = times[order]
    ends = np.append(np.flatnonzero(times[1:] != times[:-1]) + 1, len(times))
    return order, ends


def _points_of_rows(n_rows: int, n_points: int) -> "PointsOfRows":
    """The points of matrices of distances of so many points, none of which are known."""
    from baler_vae.model.distances import PointsOfRows  # noqa: PLC0415 - numba takes half a second to import

    return PointsOfRows(n_rows, n_points)
