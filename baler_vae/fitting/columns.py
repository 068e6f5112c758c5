"""Choosing how the columns of one group are coded."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.fitting import policy
from baler_vae.fitting.cells import CellTrainer, RowSource
from baler_vae.fitting.conditionals import FittedNetwork, Point, Target, check_training, fit_conditionals
from baler_vae.fitting.parents import ContextColumn, Parents, most_informative_first, view_of
from baler_vae.fitting.relations import parents_of
from baler_vae.fitting.rows import GroupRows
from baler_vae.fitting.wide import promising, rank_bits, seen_of_events
from baler_vae.grid.grids import is_centred
from baler_vae.kinematics.formula import Formula
from baler_vae.model.coders import differences, fit_coder
from baler_vae.model.columns import Celled, Coded, ColumnModel, Networked, OnGrid
from baler_vae.model.conditional import FORMULA
from baler_vae.model.group import GroupModel, own_view
from baler_vae.model.order import in_order
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings, NetworkSettings

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
    followed, rows = rows.followed, rows.centred
    forced = () if settings.networks is None else settings.networks.differences
    coded, hints = _under_formulas(rows, followed, columns, bits, forced)
    saved = {name: rows.independent[name].bits - bits[name] for name in followed if name not in hints}
    context = _context(rows, latent_codes, settings.networks)
    order = in_order(names, set(rows.names), parents_of(rows.names, followed))
    least = 0 if settings.keep_network else policy.LEAST_BITS_FOR_NETWORK
    targets = [t for t in _targets(rows, order, coded, hints, bits, context) if t.bits > least]
    jagged = rows.events is not None
    looks_back, only_promising = jagged, rows.many_columns > 0 and not settings.keep_network
    if only_promising:
        looks_back &= sum(rank_bits(rows, columns).values()) <= policy.MOST_FOR_RANKS * sum(bits.values())
    parents = Parents(context, rows.layout, jagged=looks_back, seed=settings.seed)
    if only_promising:
        targets = promising(targets, context, rows, parents)
    fitted: dict[int, FittedNetwork] = {}
    history: tuple[Point, ...] = ()
    if targets and rows.table.n_rows >= policy.LEAST_ROWS_FOR_NETWORKS:
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
            parents=parents,
            many_columns=rows.many_columns,
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
    if rows.many_columns and model.looks_back:
        for name, more in rank_bits(rows, columns).items():
            bits[name] += more
    model_bits = sum(found.weight_bits for found in fitted.values())
    model_bits += _put_under_cells(rows, columns, bits, context, settings, part, progress)
    model = replace(model, columns=columns)
    model = replace(model, views=_views(model, context))
    return GroupFit(model, sum(bits.values()), model_bits, saved, network_history=history)


def _put_under_cells(
    rows: GroupRows,
    columns: dict[str, ColumnModel],
    bits: dict[str, float],
    context: Mapping[int, ContextColumn],
    settings: ModelSettings,
    part: float,
    progress: Progress,
) -> float:
    """Puts columns of arrays under networks of cells where that takes fewer bits, and gives back the bits of these."""
    wanted = {name: cells for name, cells in rows.cells.items() if cells.n_cells >= policy.LEAST_ROWS_FOR_AUTO}
    if not wanted:
        return 0.0
    check_training()
    of_latents = [number for number in context if number >= len(rows.names)]
    on_grid = [n for n in context if n < len(rows.names) and isinstance(columns[rows.names[n]], OnGrid)]
    sources = {number: RowSource(context[number].codes, context[number].view) for number in (*on_grid, *of_latents)}
    trainer = CellTrainer(sources, settings)
    model_bits = 0.0
    for done, (name, cells) in enumerate(wanted.items()):
        progress(f"arrays: {name}", done, len(wanted))
        found = trainer.fit(cells, part)
        if found is None or (found.bits + found.weight_bits >= bits[name] and not settings.keep_network):
            continue
        trainer.keep(rows.names.index(name), found.cells, cells)
        columns[name] = Celled(grid=cells.grid, cells=found.cells)
        bits[name] = found.bits + found.weight_bits
        model_bits += found.weight_bits
    return model_bits


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
    """Puts columns under their formulas where differences take much fewer bits or are `forced`, and where cells are
    centred. Gives back for every column with codes what is coded of it, and for the other columns the codes that their
    formulas predict, (rows,) each, by name.
    """
    arrays = {**rows.others, **{name: column.values for name, column in rows.numeric.items()}}
    coded, hints = {name: column.codes for name, column in rows.numeric.items()}, {}
    for name, formula in followed.items():
        column = rows.numeric[name]
        predicted = column.predicted_by(formula, arrays)
        differing = differences(column.codes, predicted, column.grid)
        coder, own_bits = fit_coder(differing)
        own_bits = own_bits * rows.weight + _verbatim_bits(rows, name)
        saves = own_bits < bits[name] * (1 - policy.LEAST_FORMULA_SAVING)
        if saves or name in forced or is_centred(column.grid):
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
        first, seen = len(rows.names) + len(latent_codes), seen_of_events(rows)
        for number, name in enumerate(rows.events.names, first):
            if name in seen:
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


def _verbatim_bits(rows: GroupRows, name: str) -> float:
    codes = rows.independent[name].codes
    return 0.0 if codes is None else codes.verbatim_bits * rows.part
