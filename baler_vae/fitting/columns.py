"""Choosing how the columns of one group are coded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.groups import encode_plain
from baler_vae.codec.rows import Events
from baler_vae.entropy import plain
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.entropy.tables import fit_table, table_bits, table_bytes
from baler_vae.fitting import policy
from baler_vae.fitting.conditionals import FittedNetwork, Point, Target, fit_conditionals
from baler_vae.fitting.parents import ContextColumn, most_informative_first, view_of
from baler_vae.fitting.relations import Numeric, choose_relations, parents_of
from baler_vae.grid.choose import choose_grid
from baler_vae.grid.codes import Codes, predicted_codes, quantise_column
from baler_vae.kinematics.formula import Formula
from baler_vae.model.coders import differences, fit_coder, pcodec_bits
from baler_vae.model.columns import Coded, ColumnModel, Free, Networked, OnGrid, Plain
from baler_vae.model.conditional import FORMULA
from baler_vae.model.group import GroupModel, in_order, own_view
from baler_vae.model.layout import Layout, flat_layout, jagged_layout
from baler_vae.progress import Progress, silent
from baler_vae.settings.model import ModelSettings, NetworkSettings
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Column
from baler_vae.table.table import Table

if TYPE_CHECKING:
    from baler_vae.learn.epochs import Epoch


@dataclass(frozen=True)
class GroupFit:
    """The model of a group, about how many bits its rows take together with the model, the networks' share of that, by
    how many bits formulas alone made columns smaller, by name, the histories of the training of an autoencoder and of
    the networks of its columns, and the variances that were learnt of columns under `free`, by name, in squared scores.
    """

    model: GroupModel
    bits: float
    model_bits: float = 0.0
    saved_bits: Mapping[str, float] = field(default_factory=dict)
    history: "tuple[Epoch, ...]" = ()
    network_history: tuple[Point, ...] = ()
    variances: Mapping[str, float] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        return round(self.bits / 8)


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

    `independent` is how each column would be kept without others, `numeric` the columns with codes, `events` what the
    rows see of their events. Bits are counted for `weight` rows for each of these: more than one where they stand for a
    larger file. `part` is the same for each row that `independent` was made of.
    """

    table: Table
    layout: Layout
    independent: Mapping[str, IndependentColumn]
    numeric: Mapping[str, Numeric]
    events: Events | None = None
    others: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    weight: float = 1.0
    part: float = 1.0

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
    progress: Progress = silent,
) -> GroupRows:
    """The rows of a group with the grids and codes of all columns; they stand for `n_rows` where those are more."""
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
            numeric[name] = Numeric(codes.restored[order], codes.codes[order], kept.on_grid.grid)
    others = {}
    if events is not None:
        on_grid = (name for name in events.names if isinstance(events.models[name], OnGrid))
        seen = (name for name in on_grid if events.arrays[name].ndim == 1)  # no cells of arrays
        others = {name: events.arrays[name][layout.events] for name in seen}
    return GroupRows(ordered, layout, independent, numeric, events, others, weight, weight)


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
        {name: Numeric(own.values[kept], own.codes[kept], own.grid) for name, own in rows.numeric.items()},
        events,
        {name: values[kept] for name, values in rows.others.items()},
        part=part,
    )


def fit_independent(rows: GroupRows) -> GroupFit:
    """Every column coded independently."""
    return GroupFit(GroupModel(columns={name: kept.model for name, kept in rows.independent.items()}), rows.bits)


def fit_conditional_group(
    rows: GroupRows,
    settings: ModelSettings,
    progress: Progress,
    *,
    part: float = 1.0,
    names: Sequence[str],
    latents: "GroupModel | None" = None,
    latent_codes: tuple[NDArray[np.int64], ...] = (),
) -> GroupFit:
    """Columns under formulas and networks where that takes fewer bits. Networks see the columns that stand before
    theirs in `names`; the latents of `latents`, whose codes (rows,) are given, are seen by all networks.

    Raises
    ------
    MissingExtra
        PyTorch is not installed.
    """
    base = latents or GroupModel(columns={})
    columns = {name: kept.model for name, kept in rows.independent.items()}
    bits = {name: kept.bits for name, kept in rows.independent.items()}
    progress("looking for formulas", 0, 1)
    followed = choose_relations(rows.numeric, rows.others, settings.formulas, settings.seed)
    forced = () if settings.networks is None else settings.networks.differences
    coded, hints = _under_formulas(rows, followed, columns, bits, forced)
    saved = {name: rows.independent[name].bits - bits[name] for name in followed if name not in hints}
    context = _context(rows, latent_codes, settings.networks)
    order = in_order(names, set(rows.names), parents_of(rows.names, followed))
    least = 0 if settings.keep_network else policy.LEAST_BITS_FOR_NETWORK
    targets = [t for t in _targets(rows, order, coded, hints, bits, context) if t.bits > least]
    fitted: dict[int, FittedNetwork] = {}
    history: tuple[Point, ...] = ()
    if targets and rows.table.n_rows >= policy.LEAST_ROWS_FOR_NETWORKS:
        jagged = rows.events is not None
        fitted, history = fit_conditionals(
            targets,
            context,
            rows.layout,
            jagged=jagged,
            seed=settings.seed,
            part=part,
            weight=rows.weight,
            epochs=settings.epochs,
            device=settings.device,
            keep=settings.keep_network,
            networks=settings.networks,
            progress=progress,
        )
    for number, found in fitted.items():
        name = rows.names[number]
        kept, grid = columns[name], rows.numeric[name].grid
        hinted = any(entry.source == FORMULA for entry in found.conditional.inputs)
        predicted = isinstance(kept, OnGrid) and kept.predicted
        formula = followed[name] if hinted or predicted else None
        columns[name] = Networked(grid=grid, conditional=found.conditional, formula=formula, predicted=predicted)
        bits[name] = found.bits + found.weight_bits + _verbatim_bits(rows, name)
    model = replace(base, columns=columns)
    for number in _seen(model):
        if number >= len(rows.names) or isinstance(columns[rows.names[number]], OnGrid):
            continue
        on_grid = rows.independent[rows.names[number]].on_grid
        if on_grid is not None:
            columns[rows.names[number]] = on_grid
            bits[rows.names[number]] = rows.independent[rows.names[number]].on_grid_bits
    model_bits = sum(found.weight_bits for found in fitted.values())
    model = replace(model, views=_views(model, context))
    return GroupFit(model, sum(bits.values()), model_bits, saved, network_history=history)


def information_order(rows: GroupRows, seed: int) -> tuple[str, ...]:
    """The columns of a group, the most informative ones first, those last that networks cannot see; the order of the
    group where that changes nothing.
    """
    context = _context(rows, ())
    numbers = [number for number in context if number < len(rows.names)]
    found = most_informative_first(context, numbers, seed)
    if list(found) == numbers:
        return rows.names
    first = [rows.names[number] for number in found]
    return (*first, *(name for name in rows.names if name not in first))


def _under_formulas(
    rows: GroupRows,
    followed: Mapping[str, Formula],
    columns: dict[str, ColumnModel],
    bits: dict[str, float],
    forced: Collection[str],
) -> tuple[dict[str, NDArray[np.int64]], dict[str, NDArray[np.int64]]]:
    """Puts columns under their formulas where differences take much fewer bits, or are `forced`. Gives back for every
    column with codes what is coded of it, and for the other columns the codes that their formulas predict, (rows,)
    each, by name.
    """
    arrays = {**rows.others, **{name: column.values for name, column in rows.numeric.items()}}
    coded, hints = {name: column.codes for name, column in rows.numeric.items()}, {}
    for name, formula in followed.items():
        column = rows.numeric[name]
        predicted = predicted_codes(formula.evaluate(arrays), column.grid, column.values.dtype)
        differing = differences(column.codes, predicted, column.grid)
        coder, own_bits = fit_coder(differing)
        own_bits = own_bits * rows.weight + _verbatim_bits(rows, name)
        if own_bits < bits[name] * (1 - policy.LEAST_FORMULA_SAVING) or name in forced:
            coded[name], bits[name] = differing, own_bits
            columns[name] = Coded(grid=column.grid, coder=coder, formula=formula, predicted=True)
        else:
            hints[name] = predicted
    return coded, hints


def _context(
    rows: GroupRows, latent_codes: tuple[NDArray[np.int64], ...], networks: NetworkSettings | None = None
) -> dict[int, ContextColumn]:
    """What networks can see of a group's rows, by number of source: not the columns that take much more on a grid than
    they take without one, because being seen would keep them there.
    """
    context = {}
    for number, name in enumerate(rows.names):
        kept = rows.independent[name]
        if name in rows.numeric and kept.on_grid_bits <= kept.bits * (1 + policy.MOST_EXTRA_ON_GRID):
            codes = rows.numeric[name].codes
            context[number] = ContextColumn(codes, view_of(codes, networks))
    for number, codes in enumerate(latent_codes, len(rows.names)):
        context[number] = ContextColumn(codes, view_of(codes, networks))
    if rows.events is not None:
        first = len(rows.names) + len(latent_codes)
        for number, name in enumerate(rows.events.names, first):
            if name in rows.others:
                codes = rows.events.codes(name)[rows.layout.events]
                context[number] = ContextColumn(codes, view_of(codes, networks))
    return {number: entry for number, entry in context.items() if entry.view.n_symbols > 2}


def _targets(
    rows: GroupRows,
    order: Iterable[str],
    coded: Mapping[str, NDArray[np.int64]],
    hints: Mapping[str, NDArray[np.int64]],
    bits: Mapping[str, float],
    context: Mapping[int, ContextColumn],
) -> list[Target]:
    """The columns that may get a network, each with the sources before it."""
    before = [source for source in context if source >= len(rows.names)]
    targets = []
    for name in order:
        number = rows.names.index(name)
        if name not in rows.numeric:
            continue
        own_bits = bits[name] - _verbatim_bits(rows, name)
        targets.append(Target(number, coded[name], tuple(before), hints.get(name), own_bits))
        before += [number] if number in context else []
    return targets


def sees_latents(model: GroupModel) -> bool:
    """Whether any network of a group looks at its latents."""
    return any(len(model.columns) <= source < model.first_event_source for source in _seen(model))


def without_latents(model: GroupModel) -> GroupModel:
    """The same without latents, which no network may look at: the columns of the events move up among the sources."""
    first, n_latents = len(model.columns), model.n_latents

    def moved(source: int) -> int:
        return source - n_latents if source >= first else source

    columns = {}
    for name, column in model.columns.items():
        if isinstance(column, Networked):
            inputs = tuple(replace(entry, source=moved(entry.source)) for entry in column.conditional.inputs)
            column = replace(column, conditional=replace(column.conditional, inputs=inputs))  # noqa: PLW2901
        columns[name] = column
    views = {moved(source): view for source, view in model.views.items()}
    return replace(model, columns=columns, encoder=None, steps=(), latents=(), views=views)


def _seen(model: GroupModel) -> list[int]:
    """The sources that networks of a group see."""
    return sorted({source for name in model.columns for source in model.sources_of(name)})


def _views(model: GroupModel, context: Mapping[int, ContextColumn]) -> dict[int, Alphabet]:
    """The views of all sources that networks see in another alphabet than that of their own coding."""
    views = {}
    for source in _seen(model):
        own = own_view(model, source)
        if own is None or not own.same_as(context[source].view):
            views[source] = context[source].view
    return views


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
    grid = choose_grid(values, bound, cost=code_bits)
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
    return IndependentColumn(kept.model, kept.bits * (arrays.size / max(1, cells.size)))


def code_bits(codes: Codes) -> float:
    """About how many bits codes take under a table of their own, with that table and what stands verbatim."""
    table = fit_table(codes.codes)
    return table_bits(codes.codes, table) + 8 * table_bytes([table]) + codes.verbatim_bits


def _verbatim_bits(rows: GroupRows, name: str) -> float:
    codes = rows.independent[name].codes
    return 0.0 if codes is None else codes.verbatim_bits * rows.part
