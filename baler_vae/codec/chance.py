"""What the rows of a group are made of when they are drawn: chance, under the tables and networks of its columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.drawing import (
    Again,
    CellDrawer,
    ConditionalDrawer,
    ContextDrawer,
    TableDrawer,
    Tally,
    Target,
    count_redrawn,
    drawn_by_neighbours,
    drawn_from_ranges,
)
from baler_vae.codec.groups import quantise_latents
from baler_vae.codec.rows import Rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.grid.codes import Codes
from baler_vae.grid.grids import Integers
from baler_vae.model.coders import differences, sums
from baler_vae.model.columns import Celled, Coded, Contextual, Neighboured, Networked
from baler_vae.model.group import GroupModel
from baler_vae.table.schema import Column
from baler_vae.table.table import empty_column

Latents = Callable[[int, np.random.Generator], NDArray[np.floating]]
"""Gives the latents (rows, k) of as many rows of a group, by chance."""

_NO_VERBATIM: Final = np.empty(0, np.uint64)
_TRIES: Final = 16
"""How often a difference is drawn again before the nearest value that was seen is taken."""
_RANGES_AWAY: Final = 16
"""How many times as far as its range is wide a difference may lead beside a value that stands alone, to mean this."""
_LATENT: Final = Target("latents", Integers(), np.dtype(np.int64))


@dataclass(frozen=True, eq=False)
class Kept:
    """Rows of one group, out of which the values are taken that have no probabilities: `values` (rows,) by column, and
    what is `coded` of columns on a grid.
    """

    n_rows: int
    values: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    coded: Mapping[str, Codes] = field(default_factory=dict)


class Chance:
    """What the rows of a group are made of when they are drawn: `kept` rows are those numbered by `chosen` (rows,)."""

    def __init__(
        self,
        model: GroupModel,
        counters: set[str | None],
        ranges: Mapping[str, Alphabet],
        generator: np.random.Generator,
        latents: Latents | None,
        kept: Kept | None,
        chosen: NDArray[np.int64] | None,
        tally: Tally,
    ) -> None:
        self._model, self._counters, self._generator, self._latents = model, counters, generator, latents
        self._ranges, self._kept, self._chosen, self._tally = ranges, kept, chosen, tally

    def latent_codes(self, n_rows: int) -> list[NDArray[np.int64]]:
        """The codes (rows,) of each latent."""
        if self._latents is not None:
            return quantise_latents(self.latents(n_rows), self._model.steps)
        return [
            TableDrawer(coder.table, _LATENT, self._generator, self._tally).read(0, n_rows)
            for coder in self._model.latents
            if coder.table is not None
        ]

    def latents(self, n_rows: int) -> NDArray[np.float32]:
        """The latents (rows, k)."""
        if self._latents is None:
            raise ValueError("latents without tables are not drawn")
        return self._latents(n_rows, self._generator).astype(np.float32)

    def values(self, column: Column, n_rows: int) -> NDArray[np.generic]:
        """The values (rows,) or (rows, *shape) of a column without codes."""
        if not n_rows:
            return empty_column(column)
        if self._kept is None or self._chosen is None:
            raise ValueError(f"there are no rows to take the {n_rows} values of {column.name!r} from")
        return self._kept.values[column.name][self._chosen]

    def codes(
        self, name: str, column: Coded | Contextual | Neighboured | Networked, rows: Rows
    ) -> "_DrawnCodes | ContextDrawer":
        """The codes of a column."""
        described = rows.group.column(name)
        seen = self._model.views.get(self._model.names.index(name))
        target = Target(name, column.grid, described.dtype, name in self._counters, seen)
        n_cells, n_codes = described.n_cells, rows.layout.n_rows * described.n_cells
        if isinstance(column, Contextual):
            return ContextDrawer(column.context, target, rows.looked_at, self._generator, self._tally)
        if isinstance(column, Neighboured):
            codes = drawn_by_neighbours(column.neighbours, target, rows.layout.n_rows, self._generator, self._tally)
            return _DrawnCodes(target, _Taken(codes), self._tally, n_cells)
        if isinstance(column, Networked):
            drawer = ConditionalDrawer(column.conditional, target, rows, self._generator, self._tally)
            return _DrawnCodes(target, drawer, self._tally)
        if column.coder.table is not None:
            table = TableDrawer(column.coder.table, target, self._generator, self._tally)
            return _DrawnCodes(target, table, self._tally, n_cells)
        if self._kept is not None and self._chosen is not None:
            cells = self._chosen[:, None] * n_cells + np.arange(n_cells)
            taken = self._kept.coded[name].only(cells.reshape(-1))
            return _DrawnCodes(target, _Taken(taken.codes), self._tally, n_cells, taken.verbatim)
        if name in self._ranges:
            codes = drawn_from_ranges(self._ranges[name], target, n_codes, self._generator)
        else:  # of a column that is drawn as it is predicted
            codes = np.zeros(n_codes, np.int64)
        return _DrawnCodes(target, _Taken(codes), self._tally, n_cells)

    def cells(self, name: str, column: Celled, rows: Rows) -> CellDrawer:
        """The codes of the cells of a column of arrays."""
        target = Target(name, column.grid, rows.group.column(name).dtype, seen=column.cells.view)
        return CellDrawer(column.cells, target, self._generator, self._tally)


class _Taken:
    """Codes (cells,) that are at hand."""

    def __init__(self, codes: NDArray[np.int64]) -> None:
        self._codes = codes

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """The codes from `start` to `stop`."""
        return self._codes[start:stop]

    def again(self, rows: NDArray[np.intp]) -> Again:
        """The same: there are no others."""
        return lambda chosen: self._codes[rows[chosen]]

    @property
    def alphabet(self) -> None:
        """They come from no ranges."""


class _DrawnCodes:
    """The codes of a column on a grid, as chance gives them; a row has `n_cells`."""

    shows: Final = False

    def __init__(
        self,
        target: Target,
        drawer: ConditionalDrawer | TableDrawer | _Taken,
        tally: Tally,
        n_cells: int = 1,
        verbatim: NDArray[np.uint64] = _NO_VERBATIM,
    ) -> None:
        self._target, self._drawer, self._tally, self._n_cells = target, drawer, tally, n_cells
        self._verbatim, self._n_verbatim = verbatim, 0

    def read(self, start: int, stop: int, predicted: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The codes of the rows from `start` to `stop`, or of their cells. What a formula predicts and its difference
        may lead beyond all values that were seen: the difference is drawn again then.
        """
        codes = self._drawer.read(start * self._n_cells, stop * self._n_cells)
        if predicted is None:
            return codes
        codes, is_strange = self._summed(codes, predicted)
        rows = np.flatnonzero(is_strange)
        count_redrawn(self._tally.beyond, self._target.name, len(rows))
        if not len(rows):
            return codes
        again, left = self._drawer.again(start + rows), np.arange(len(rows))
        for _ in range(_TRIES):
            codes[rows[left]], is_strange = self._summed(again(left), predicted[rows[left]])
            left = left[is_strange]
            if not len(left):
                break
        codes[rows[left]] = self._target.nearest_seen(codes[rows[left]])
        return codes

    def _summed(
        self, drawn: NDArray[np.int64], predicted: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The codes (rows,) that predictions and differences give, and which of them were never seen. The nearest that
        was is taken instead where the same range of differences leads to it, or where it is a value that stands alone,
        such as zero, and a few ranges away: its differences are others for each prediction.
        """
        target, alphabet = self._target, self._drawer.alphabet
        codes = target.sensible(sums(drawn, predicted, target.grid))
        is_strange = target.is_strange(codes)
        rows = np.flatnonzero(is_strange)
        if alphabet is None or not len(rows):
            return codes, is_strange
        nearest = target.nearest_seen(codes[rows])
        symbols = alphabet.split(differences(nearest, predicted[rows], target.grid))[0]
        drawn_symbols = alphabet.split(drawn[rows])[0]
        reach = _RANGES_AWAY * np.exp2(alphabet.widths[drawn_symbols].astype(np.float64))
        is_near = np.abs(codes[rows].astype(np.float64) - nearest) <= reach
        is_near = (symbols == drawn_symbols) | (is_near & target.stands_alone(nearest))
        codes[rows[is_near]] = nearest[is_near]
        is_strange[rows[is_near]] = False
        return codes, is_strange

    def verbatim(self, n_values: int) -> NDArray[np.uint64]:
        """The bit patterns (n_values,) of the next values without a code."""
        self._n_verbatim += n_values
        return self._verbatim[self._n_verbatim - n_values : self._n_verbatim]

    def finish(self) -> None:
        """Nothing is left: as much is drawn as is asked for."""
