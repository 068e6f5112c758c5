"""The flow by which the columns of a group come to be, latents first, whatever they come from: the parts of a section,
or chance.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import Arrays, Events, Rows, layout_of
from baler_vae.grid.codes import SPECIAL, dequantise_column
from baler_vae.grid.grids import RowGrid, is_centred
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.cell_fields import rows_of_flat
from baler_vae.model.cell_stream import CellCodes, decode_cells
from baler_vae.model.columns import Celled, Coded, Contextual, Free, Neighboured, Networked
from baler_vae.model.group import Decoder, GroupModel
from baler_vae.table.schema import Column, Group
from baler_vae.table.table import empty_column

_DECODED_CELLS = 1 << 20
"""Cells of arrays that a decoder gives at once: 8 MB of float64."""


class CodeStream(Protocol):
    """Gives the codes of a column on a grid, some rows at a time, in the order of the layout. One that `shows` them
    lets networks see them as it reads.

    Raises:
        ValueError: there are no such codes.
    """

    @property
    def shows(self) -> bool: ...

    def read(self, start: int, stop: int, predicted: NDArray[np.int64] | None) -> NDArray[np.int64]:
        """The codes int64 of the rows from `start` to `stop`, or of their cells where rows hold arrays; `predicted`
        (rows,) are those from which a column of differences differs.
        """

    def verbatim(self, n_values: int) -> NDArray[np.uint64]:
        """The bit patterns uint64 (n_values,) of the next values that have no code."""

    def finish(self) -> None:
        """Checks that there is nothing left."""


class CellStream(CellCodes, Protocol):
    """Gives the codes of the cells of arrays in the order of `CellField.order`.

    Raises:
        ValueError: there are no such codes.
    """

    def verbatim(self, n_values: int) -> NDArray[np.uint64]:
        """The bit patterns uint64 (n_values,) of the next values that have no code."""

    def finish(self) -> None:
        """Checks that there is nothing left."""


class Supply(Protocol):
    """What the rows of one group are made of.

    Raises:
        ValueError: it is not what rows of such a group are made of.
    """

    def latent_codes(self, n_rows: int) -> list[NDArray[np.int64]]:
        """The codes (rows,) of each latent that is rounded to a step."""

    def latents(self, n_rows: int) -> NDArray[np.float32]:
        """The latents (rows, k), where they are not rounded."""

    def values(self, column: Column, n_rows: int) -> NDArray[np.generic]:
        """The values (rows,) or (rows, *shape) of a column without codes."""

    def codes(self, name: str, column: Coded | Contextual | Neighboured | Networked, rows: Rows) -> CodeStream:
        """The codes of a column; networks and contexts see what is known of the rows by then."""

    def cells(self, name: str, column: Celled, rows: Rows) -> CellStream:
        """The codes of the cells of a column of arrays, whose network sees what is known of the rows by then."""


def fill_group(
    supply: Supply, model: GroupModel, group: Group, wanted: Group, n_rows: int, events: Events | None = None
) -> Arrays:
    """The columns (rows,) of `wanted`, out of those of a group. `events` has at least the columns that they need.

    Raises:
        ValueError: the supply is not one of such rows.
    """
    layout = layout_of(model, n_rows, events)
    rows = Rows(model, group, layout, events)
    needed = model.needed(wanted.names)
    rows.show_events(model.event_columns(wanted.names, () if events is None else events.names))
    if needs_latents(model, needed):
        _fill_latents(supply, rows, needed)
    own = [name for name in needed if name in model.parts]
    formulas = [formula for name in needed if (formula := model.formula(name)) is not None]
    read = {name for formula in formulas for name in formula.names}
    seen = {source for name in needed for source in model.sources_of(name)}
    # One rank after the other needs all columns at once; without ranks each is read to its end before the next.
    for names in [own] if len(layout.slices) > 1 else [[name] for name in own]:
        fillers = []
        for name in names:
            column = model.columns[name]
            if isinstance(column, Celled):
                _fill_cells(supply, name, column, rows)
            elif isinstance(column, Coded | Contextual | Neighboured | Networked):
                is_seen = model.names.index(name) in seen
                fillers.append(_ColumnFiller(supply, name, column, rows, at_once=name not in read, is_seen=is_seen))
            else:
                rows.values[name] = supply.values(group.column(name), n_rows)
        for start, stop in layout.slices:
            for filler in fillers:
                filler.fill(start, stop)
        for filler in fillers:
            filler.finish()
    missing = [name for name in wanted.names if name not in rows.values]
    if missing and n_rows:
        raise ValueError(f"no model gives the {n_rows} values of column {missing[0]!r}")
    rows.values |= {name: empty_column(group.column(name)) for name in missing}
    return {name: layout.restore(rows.values[name]) for name in wanted.names}


def needs_latents(model: GroupModel, needed: Iterable[str]) -> bool:
    """Whether a column needs the latents: those under `free` are what a decoder makes of them, networks see them."""
    first, needed = len(model.columns), tuple(needed)
    seen = {source for name in needed for source in model.sources_of(name)}
    free = model.decoder is not None and any(isinstance(model.columns[name], Free) for name in needed)
    return free or bool(seen & set(range(first, first + model.n_latents)))


def decode_free_columns(decoder: Decoder, latents: NDArray[np.float32], group: Group) -> Arrays:
    """The columns (rows,) or (rows, *shape) that are what a decoder gives, in their own dtypes; what a dtype cannot
    hold becomes its limit.
    """
    if not any(decoder.shapes):
        return _in_own_dtypes(decoder.decode(latents), group)
    step = max(1, _DECODED_CELLS // sum(decoder.cells))
    parts = [
        _in_own_dtypes(decoder.decode(latents[start : start + step]), group)
        for start in (range(0, len(latents), step) if len(latents) else (0,))
    ]
    return parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _in_own_dtypes(values: Mapping[str, NDArray[np.float64]], group: Group) -> Arrays:
    """Values (rows,) or (rows, *shape) of columns in the dtypes of these."""
    restored: Arrays = {}
    for name, own in values.items():
        dtype = group.column(name).dtype
        limits = np.finfo(dtype)
        restored[name] = np.clip(own, float(limits.min), float(limits.max)).astype(dtype)
    return restored


def _fill_latents(supply: Supply, rows: Rows, needed: Iterable[str]) -> None:
    """Takes the latents: columns under `free` are known then, networks see the codes."""
    model, n_rows = rows.model, rows.layout.n_rows
    codes = supply.latent_codes(n_rows) if model.steps else []
    for number, latent in enumerate(codes):
        rows.sources.show(len(model.columns) + number, latent)
    if model.decoder is None or not any(isinstance(model.columns[name], Free) for name in needed):
        return
    if model.steps:
        restored = [UniformGrid(step).dequantise(own) for step, own in zip(model.steps, codes, strict=True)]
        latents = np.stack(restored, axis=1)
    else:
        latents = supply.latents(n_rows)
    rows.values |= decode_free_columns(model.decoder, latents, rows.group)


def _fill_cells(supply: Supply, name: str, column: Celled, rows: Rows) -> None:
    """Takes the cells of a column of arrays, all rows of it, neighbours first."""
    described, n_rows = rows.group.column(name), rows.layout.n_rows
    stream, field = supply.cells(name, column, rows), rows.field(name, column)
    restored = np.empty(len(field.codes), described.dtype)

    def values_of(items: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.generic]:
        n_verbatim = 0 if column.grid.holds_everything else int(np.count_nonzero(codes == SPECIAL))
        restored[items] = dequantise_column(codes, stream.verbatim(n_verbatim), column.grid, described.dtype)
        return restored[items]

    decode_cells(field, stream, values_of)
    stream.finish()
    rows.fields[name] = field
    rows.values[name] = rows_of_flat(restored, n_rows).reshape(n_rows, *described.shape)


class _ColumnFiller:
    """Takes a column on a grid from its stream, some rows at a time, into the values of its rows; `at_once` when all
    are taken, where nobody asks for them before. Networks are shown its codes where one of them sees it.

    Raises:
        ValueError: the stream is not that of such a column.
    """

    def __init__(
        self,
        supply: Supply,
        name: str,
        column: Coded | Contextual | Neighboured | Networked,
        rows: Rows,
        *,
        at_once: bool,
        is_seen: bool,
    ) -> None:
        self._name, self._column, self._rows, self._at_once, self._is_seen = name, column, rows, at_once, is_seen
        self._number = rows.model.names.index(name)
        self._described = rows.group.column(name)
        self._stream = supply.codes(name, column, rows)
        self._read: list[NDArray[np.int64]] = []

    def fill(self, start: int, stop: int) -> None:
        """Takes the rows from `start` to `stop`."""
        rows = self._rows
        if self._described.is_array:
            self._restore(self._stream.read(start, stop, None), start)
            return
        predicted = rows.predict(self._name, start, stop)
        base = predicted.codes if predicted is not None and self._column.predicted else None
        codes = self._stream.read(start, stop, base)
        if self._is_seen:
            rows.show(self._number, codes, start, networks_see=self._stream.shows)
        if predicted is not None and is_centred(self._column.grid):
            self._restore(codes, start, predicted.grid)
        elif not self._at_once:
            self._restore(codes, start)
        elif len(codes):
            self._read.append(codes)

    def finish(self) -> None:
        """Checks that the whole stream was read."""
        if self._read:
            self._restore(np.concatenate(self._read), 0)
        self._stream.finish()

    def _restore(self, codes: NDArray[np.int64], start: int, row_grid: RowGrid | None = None) -> None:
        """Gives the rows from `start` on the values of codes (rows,), or (rows * cells,) where they hold arrays; on the
        grid as it is for these rows where that depends on what was predicted of them.
        """
        grid, values, shape = self._column.grid, self._rows.values, self._described.shape
        verbatim = self._stream.verbatim(0 if grid.holds_everything else int(np.count_nonzero(codes == SPECIAL)))
        if self._name not in values:  # not before: a damaged column of many rows should take no memory
            values[self._name] = np.empty((self._rows.layout.n_rows, *shape), self._described.dtype)
        rows = None if shape else self._rows.layout.order[start : start + len(codes)]
        restored = dequantise_column(codes, verbatim, row_grid or grid, self._described.dtype, rows).reshape(-1, *shape)
        values[self._name][start : start + len(restored)] = restored
