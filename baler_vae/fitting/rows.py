"""The rows of a group on which a model is fitted, and how each of their columns would be kept without others."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.groups import encode_plain
from baler_vae.codec.rows import Events, random_rows
from baler_vae.entropy import plain
from baler_vae.entropy.tables import fit_table, table_bits, table_bytes
from baler_vae.fitting import policy
from baler_vae.fitting.cells import CellColumn, cell_column, chosen_rows
from baler_vae.fitting.centring import with_centres
from baler_vae.fitting.relations import Numeric, choose_relations
from baler_vae.grid.choose import choose_grid
from baler_vae.grid.codes import Codes, quantise_column
from baler_vae.grid.dither import key_of
from baler_vae.grid.grids import Grid
from baler_vae.kinematics.formula import Formula
from baler_vae.model.cells import MOST_CELL_AXES
from baler_vae.model.coders import fit_coder, pcodec_bits
from baler_vae.model.columns import Coded, ColumnModel, Free, OnGrid, Plain
from baler_vae.model.layout import Layout, flat_layout, jagged_layout
from baler_vae.progress import Progress, silent
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Column
from baler_vae.table.table import Table

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class IndependentColumn:
    """A column coded independently: how, and the estimated bits; how it would be coded on a grid, so that
    networks can use its codes, the estimated bits of that, and those codes.
    """

    model: ColumnModel
    bits: float = 0.0
    on_grid: Coded | None = None
    on_grid_bits: float = 0.0
    codes: Codes | None = None


@dataclass(frozen=True)
class GroupRows:
    """The rows of a group in the order of their layout, and what is known of them.

    `independent` is how each column would be kept without others, `numeric` the columns with codes, `cells` some rows
    of the columns of arrays with codes, under their `bounds`, `events` what the rows see of their events. Bits are
    counted for `weight` rows for each of these: more than one where they stand for a larger file. `part` is the same
    for each row that `independent` was made of. `many_columns` is the number of columns in all groups where it is above
    `MANY_COLUMNS`, otherwise 0. What guarantees of quantities read is `held`: its cells are not centred on anything.
    Formulas are those that a user `declared`, by column, and others, looked for in rows that a `seed` chooses.
    """

    table: Table
    layout: Layout
    independent: Mapping[str, IndependentColumn]
    numeric: Mapping[str, Numeric]
    events: Events | None = None
    others: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    weight: float = 1.0
    part: float = 1.0
    cells: Mapping[str, CellColumn] = field(default_factory=dict)
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    many_columns: int = 0
    held: frozenset[str] = frozenset()
    declared: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def followed(self) -> Mapping[str, Formula]:
        """The formula of each column that follows one, by name.

        Raises:
            UsageError: a declared one is wrong.
        """
        return choose_relations(self.numeric, self.others, self.declared, self.seed, self.sought_of_events)

    @cached_property
    def centred(self) -> "GroupRows":
        """The same with cells of columns centred on what their formulas predict, where that takes fewer bits."""
        return with_centres(self, self.followed)

    @property
    def sought_of_events(self) -> list[str]:
        """The columns of the events that formulas which are looked for may read: of a file of many columns no flags."""
        return [name for name, values in self.others.items() if not self.many_columns or values.dtype != np.bool_]

    @property
    def n_all(self) -> float:
        """The number of rows that bits are counted for."""
        return self.table.n_rows * self.weight

    @property
    def bits(self) -> float:
        return sum(kept.bits for kept in self.independent.values())

    @property
    def names(self) -> tuple[str, ...]:
        return self.table.group.names


def rows_of_group(
    table: Table,
    bounds: Mapping[str, Bound],
    events: Events | None,
    n_rows: int | None = None,
    *,
    many_columns: int = 0,
    held: frozenset[str] = frozenset(),
    declared: Mapping[str, str] = _NOTHING,
    seed: int = 0,
    progress: Progress = silent,
) -> GroupRows:
    """The rows of a group with the grids and codes of all columns; they stand for `n_rows` where those are more. The
    others are those of `GroupRows`.
    """
    weight = 1.0 if n_rows is None or not table.n_rows else n_rows / table.n_rows
    independent = {}
    for number, column in enumerate(table.group.columns):
        progress("choosing grids, columns", number, len(table.group.columns))
        independent[column.name] = _weighted(
            fit_independent_column(table[column.name], column, bounds[column.name]), weight
        )
    layout = flat_layout(table.n_rows) if events is None else jagged_layout(events.counts)
    order = slice(None) if events is None else layout.order  # events are in their order: nothing is copied
    ordered = Table(table.group, {name: array[order] for name, array in table.arrays.items()})
    numeric = {}
    for name, kept in independent.items():
        if kept.codes is not None and kept.on_grid is not None:
            codes = kept.codes
            numeric[name] = Numeric(codes.restored[order], codes.codes[order], kept.on_grid.grid, layout.order)
    others = {}
    if events is not None:
        on_grid = (name for name in events.names if isinstance(events.models[name], OnGrid))
        seen = (name for name in on_grid if events.arrays[name].ndim == 1)  # no cells of arrays
        others = {name: events.arrays[name][layout.events] for name in seen}
    cells = {
        column.name: _some_cells(table[column.name], column, coded.grid, bounds[column.name], weight)
        for column in table.group.columns
        if 0 < len(column.shape) <= MOST_CELL_AXES and (coded := independent[column.name].on_grid) is not None
    }
    return GroupRows(
        ordered,
        layout,
        independent,
        numeric,
        events,
        others,
        weight,
        part=weight,
        cells=cells,
        bounds=bounds,
        many_columns=many_columns,
        held=held,
        declared=declared,
        seed=seed,
    )


def sample_of(rows: GroupRows, n_rows: int, seed: int) -> GroupRows:
    """The rows of random events, at least `n_rows` of them; all where there are no more."""
    if rows.table.n_rows <= n_rows:
        return rows
    counts = rows.events.counts if rows.events is not None else np.ones(rows.table.n_rows, np.int64)
    events_in_order = np.random.default_rng(seed).permutation(len(counts))
    n_events = int(np.searchsorted(np.cumsum(counts[events_in_order]), n_rows)) + 1
    chosen = np.zeros(len(counts), np.bool_)
    chosen[events_in_order[:n_events]] = True
    kept = chosen[rows.layout.events]
    table = Table(rows.table.group, {name: array[kept] for name, array in rows.table.arrays.items()})
    events = rows.events
    if events is not None:
        events = events.only(chosen)
    part = table.n_rows / rows.table.n_rows
    return GroupRows(
        table,
        flat_layout(table.n_rows) if events is None else jagged_layout(events.counts),
        {name: _weighted(own, part / rows.weight) for name, own in rows.independent.items()},
        {name: own.only(kept) for name, own in rows.numeric.items()},
        events,
        {name: values[kept] for name, values in rows.others.items()},
        part=part,
        bounds=rows.bounds,
        held=rows.held,
        declared=rows.declared,
        seed=rows.seed,
    )


def sample_of_largest_array(rows: GroupRows, n_rows: int, seed: int) -> GroupRows:
    """The column of arrays of floats with codes that has most cells, as the only column there is, in random rows of
    those, or in all where there are no more.
    """
    chosen = random_rows(rows.table.n_rows, n_rows, seed)
    group = rows.table.group
    arrays = [column for column in group.columns if column.name in rows.cells and column.is_float]
    columns = tuple(sorted(arrays, key=lambda column: -column.n_cells)[:1])
    table = Table(replace(group, columns=columns), {column.name: rows.table[column.name][chosen] for column in columns})
    part = len(chosen) / rows.table.n_rows
    cells = {}
    for column in columns:
        name = column.name
        cells[name] = _some_cells(table[name], column, rows.cells[name].grid, rows.bounds[name], 1.0)
    return GroupRows(
        table,
        flat_layout(len(chosen)),
        {column.name: _weighted(rows.independent[column.name], part / rows.weight) for column in columns},
        {},
        part=part,
        cells=cells,
        bounds=rows.bounds,
    )


def _weighted(kept: IndependentColumn, weight: float) -> IndependentColumn:
    """The same with bits for so many times as many rows."""
    return replace(kept, bits=kept.bits * weight, on_grid_bits=kept.on_grid_bits * weight)


def fit_independent_column(values: NDArray[np.generic], column: Column, bound: Bound) -> IndependentColumn:
    """How values (rows,), or arrays (rows, *shape), of a column are kept without any other, under a bound. Cells of
    arrays are coded independently: no other column uses them.
    """
    if column.is_array and bound.kind != "free":
        return _fit_cells(values, column, bound)
    if not column.is_number:
        return IndependentColumn(
            Plain(coding=plain.TEXT if column.is_text else plain.ARROW), 8.0 * len(encode_plain(values))
        )
    if bound.kind == "free":
        return IndependentColumn(Free())
    grid = choose_grid(values, bound, cost=code_bits, key=key_of(column.name))
    codes = quantise_column(values, grid, bound)
    coder, bits = fit_coder(codes.codes)
    bits += codes.verbatim_bits
    on_grid = Coded(grid=grid, coder=coder)
    plain_bits = pcodec_bits(values)
    if plain_bits < bits:
        return IndependentColumn(Plain(coding=plain.PCODEC), plain_bits, on_grid, bits, codes)
    return IndependentColumn(on_grid, bits, on_grid, bits, codes)


def _fit_cells(arrays: NDArray[np.generic], column: Column, bound: Bound) -> IndependentColumn:
    """How arrays (rows, *shape) of a column are kept, judged by the cells of some of them if there are many."""
    n_chosen = max(1, policy.MOST_CELLS // column.n_cells)
    cells = arrays[:: max(1, -(-len(arrays) // n_chosen))].reshape(-1)
    cells = cells[:: max(1, -(-cells.size // policy.MOST_CELLS))]
    kept = fit_independent_column(cells, replace(column, shape=()), bound)
    more = arrays.size / max(1, cells.size)
    return IndependentColumn(kept.model, kept.bits * more, kept.on_grid, kept.on_grid_bits * more)


def _some_cells(arrays: NDArray[np.generic], column: Column, grid: Grid, bound: Bound, weight: float) -> CellColumn:
    """The codes of some of the arrays (rows, *shape) of a column."""
    rows = chosen_rows(len(arrays), column.n_cells)
    codes = quantise_column(arrays[rows], grid, bound)
    return cell_column(codes, column.shape, rows, grid, weight * len(arrays) / max(1, len(rows)))


def code_bits(codes: Codes) -> float:
    """About how many bits codes take under a table of their own, with that table and what stands verbatim."""
    table = fit_table(codes.codes)
    return table_bits(codes.codes, table) + 8 * table_bytes([table]) + codes.verbatim_bits
