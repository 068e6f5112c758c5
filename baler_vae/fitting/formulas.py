"""Formulas and tables in context, without networks: the fit of `formulas`."""

import math
from collections.abc import Mapping
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import random_rows
from baler_vae.fitting import policy
from baler_vae.fitting.columns import GroupFit
from baler_vae.fitting.contexts import ContextFit, Look, Seen, alone_bits, fit_in_context
from baler_vae.fitting.neighbours import fit_neighbours
from baler_vae.fitting.relations import Numeric, parents_of
from baler_vae.fitting.rows import GroupRows
from baler_vae.grid.codes import SPECIAL
from baler_vae.grid.grids import is_centred
from baler_vae.kinematics.formula import Formula
from baler_vae.model.coders import differences
from baler_vae.model.columns import ColumnModel, Contextual, Neighboured, OnGrid
from baler_vae.model.context import OWN, RANK, REMAINING
from baler_vae.model.context_parts import encode_contexts
from baler_vae.model.group import GroupModel
from baler_vae.model.neighbour_parts import encode_neighbours
from baler_vae.model.order import in_order
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings
from baler_vae.table.table import ROW_GROUP_ROWS

Integers64 = NDArray[np.int64]


def fit_formulas(rows: GroupRows, settings: ModelSettings, progress: Progress) -> GroupFit:
    """Each column under the formula that it follows, if any, and under tables in context, where that takes fewer bits
    than it does alone.
    """
    columns: dict[str, ColumnModel] = {name: kept.model for name, kept in rows.independent.items()}
    bits = {name: kept.bits for name, kept in rows.independent.items()}
    model_bits = _fit_arrays(rows, settings, columns, bits, progress) if rows.table.n_rows else 0.0
    if not rows.table.n_rows or not rows.numeric:
        exact_bits = _model_bits(columns)
        return GroupFit(GroupModel(columns=columns), sum(bits.values()) - model_bits + exact_bits, exact_bits)
    progress("looking for formulas", 0, 1)
    sample = random_rows(rows.table.n_rows, policy.CONTEXT_ROWS, settings.seed)
    alone, followed, rows = rows.numeric, rows.followed, rows.centred
    predicted = _predictions(rows, followed, sample)
    search = _Columns(rows, sample)
    order = in_order(rows.names, set(rows.names), parents_of(rows.names, {n: followed[n] for n in predicted}))
    saved = dict[str, float]()
    for done, name in enumerate(order):
        progress("columns in context", done, len(order))
        number, own = rows.names.index(name), rows.independent[name]
        column = rows.numeric.get(name)
        if column is not None and (name in predicted or own.bits >= policy.LEAST_BITS_FOR_CONTEXT):
            verbatim = 0.0 if own.codes is None else own.codes.verbatim_bits * rows.part
            found = search.fit(number, column, predicted.get(name))
            whole = found.bits + verbatim + _lane_bits(rows)
            if whole < own.bits * (1 + policy.MOST_EXTRA_IN_CONTEXT):
                formula = followed[name] if name in predicted else None
                columns[name] = Contextual(
                    grid=column.grid, context=found.model, formula=formula, predicted=formula is not None
                )
                bits[name] = whole
                model_bits += found.model_bits
                if formula is not None:
                    saved[name] = own.bits - whole
        if column is not None and isinstance(columns[name], OnGrid):
            search.show(number, column if isinstance(columns[name], Contextual) else alone[name])
    exact_bits = _model_bits(columns)
    return GroupFit(GroupModel(columns=columns), sum(bits.values()) - model_bits + exact_bits, exact_bits, saved)


def _model_bits(columns: Mapping[str, ColumnModel]) -> float:
    """The bits of all contexts of a group in an archive, where they stand together, and of those of arrays."""
    contexts = {n: column.context for n, column in enumerate(columns.values()) if isinstance(column, Contextual)}
    arrays = {n: column.neighbours for n, column in enumerate(columns.values()) if isinstance(column, Neighboured)}
    parts = [encode_contexts(contexts)] if contexts else []
    parts += [encode_neighbours(arrays)] if arrays else []
    return sum(8.0 * sum(map(len, own)) + policy.BITS_OF_CONTEXTS for own in parts)


def _fit_arrays(
    rows: GroupRows,
    settings: ModelSettings,
    columns: dict[str, ColumnModel],
    bits: dict[str, float],
    progress: Progress,
) -> float:
    """Puts columns of arrays under tables that neighbours choose where that takes fewer bits, and gives the bits of
    these models.
    """
    model_bits = 0.0
    for done, (name, column) in enumerate(rows.cells.items()):
        progress("arrays by their neighbours", done, len(rows.cells))
        own = rows.independent[name]
        if own.bits < policy.LEAST_BITS_FOR_CONTEXT:
            continue
        found = fit_neighbours(column, settings.seed)
        n_verbatim = 0 if column.grid.holds_everything else np.count_nonzero(column.codes == SPECIAL)
        verbatim = 8.0 * column.restored.dtype.itemsize * n_verbatim * column.weight
        whole = found.bits + verbatim + _lane_bits(rows)
        if whole < own.bits * (1 + policy.MOST_EXTRA_IN_CONTEXT):
            columns[name] = Neighboured(grid=column.grid, neighbours=found.model)
            bits[name] = whole
            model_bits += found.model_bits
    return model_bits


def _lane_bits(rows: GroupRows) -> float:
    """About the bits of what a column needs beside its codes in all row groups."""
    return policy.BITS_OF_LANES * math.ceil(rows.n_all / ROW_GROUP_ROWS)


def _predictions(rows: GroupRows, followed: Mapping[str, Formula], sample: Integers64) -> dict[str, Integers64]:
    """The codes (rows,) that formulas predict, by name, of the columns that take much less as differences from them."""
    arrays = {**rows.others, **{name: column.values for name, column in rows.numeric.items()}}
    some = {name: values[sample] for name, values in arrays.items()}
    found = {}
    for name, formula in followed.items():
        column = rows.numeric[name]
        few = column.only(sample)
        differing = differences(few.codes, few.predicted_by(formula, some), column.grid)
        if is_centred(column.grid) or alone_bits(differing) < alone_bits(few.codes) * (1 - policy.LEAST_FORMULA_SAVING):
            found[name] = column.predicted_by(formula, arrays)
    return found


class _Columns:
    """Fits columns one after the other to the rows of a group; each can look at those that were shown before."""

    def __init__(self, rows: GroupRows, sample: Integers64) -> None:
        self._rows, self._sample = rows, sample
        self._shown: dict[int, Numeric] = {}
        self._seen: Seen = {}
        self._jagged = rows.events is not None
        previous = rows.layout.previous[0]
        self._previous, self._missing = np.maximum(previous, 0), previous < 0
        self._has_before = self._jagged and not self._missing.all()
        self._before_shown: dict[int, list[Look]] = {}
        self._of_events = self._event_looks()

    def show(self, number: int, column: Numeric) -> None:
        """Lets later columns look at this one."""
        self._shown[number] = column

    def fit(self, number: int, column: Numeric, predicted: Integers64 | None) -> ContextFit:
        """The context of a column."""
        near = {other: self._shown[other] for other in self._near(number)}
        # Of columns that are no longer near, none is kept: each takes as much memory as the codes.
        self._before_shown = {n: self._before_shown.get(n) or self._before(n, near[n].codes) for n in near}
        looks = []
        for other, shown in near.items():
            can_be_base = type(shown.grid) is type(column.grid)
            looks += [Look(other, shown.codes, can_be_base=can_be_base), *self._before_shown[other]]
        if self._jagged:
            looks += self._before(OWN, column.codes, can_be_base=predicted is None)
            looks += [Look(RANK, self._rows.layout.ranks), Look(REMAINING, self._rows.layout.remaining)]
        looks += self._of_events
        return fit_in_context(column.codes, column.grid, looks, predicted, self._sample, self._rows.weight, self._seen)

    def _near(self, number: int) -> list[int]:
        """The columns that are looked at: the nearest, where there are many."""
        most = policy.MOST_LOOKS if len(self._rows.numeric) <= policy.MOST_COLUMNS_FOR_TRIALS else policy.FEW_LOOKS
        return sorted(sorted(self._shown, key=lambda other: abs(other - number))[:most])

    def _before(self, source: int, codes: Integers64, *, can_be_base: bool = False) -> list[Look]:
        if not self._has_before:
            return []
        before = np.where(self._missing, 0, codes[self._previous])
        return [Look(source, before, 1, self._missing, can_be_base)]

    def _event_looks(self) -> list[Look]:
        rows = self._rows
        if rows.events is None:
            return []
        first = len(rows.names)
        seen = ((number, name) for number, name in enumerate(rows.events.names, first) if name in rows.others)
        return [
            Look(number, rows.events.codes(name)[rows.layout.events]) for number, name in islice(seen, policy.FEW_LOOKS)
        ]
