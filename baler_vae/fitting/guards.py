"""What keeps the guarantees of a codec: which values move, and the tables of their moves."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.coded import coded_tables
from baler_vae.codec.correcting import lever_of
from baler_vae.codec.frames import Frame
from baler_vae.codec.groups import known_rows
from baler_vae.codec.guarding import Guard, patchable, restored
from baler_vae.codec.lengths import lengths_of
from baler_vae.codec.quantising import quantised
from baler_vae.entropy.tables import fit_table
from baler_vae.errors import UsageError
from baler_vae.fitting.moves import tabled_moves
from baler_vae.fitting.policy import (
    CORRECTION_BITS,
    GUARDED_EVENTS,
    LEAST_MOVABLE_SHARE,
    PATCH_BITS,
    STEPS_OF_BOUND,
)
from baler_vae.guarantees.definitions import Guarantee, Guarantees
from baler_vae.guarantees.drafts import Draft, draft_of
from baler_vae.guarantees.promises import Promise, Promises, check_promisable
from baler_vae.model.coders import differences, fit_coder
from baler_vae.model.columns import Coded, OnGrid
from baler_vae.model.correction import MOST_MOVABLE, Cell, ClassTables, Correction, Lever, Tail
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import Bound, column_limits, parse_bound, resolve_bound
from baler_vae.table.schema import Column, Schema
from baler_vae.table.table import Batch, concatenate, counts_of, slice_events

_SLICES = 4


def resolved_guarantees(asked: Guarantees, batch: Batch, schema: Schema, bounds: Mapping[str, Bound]) -> Guarantees:
    """Guarantees with bounds in explicit numbers, told by a sample of the rows.

    Raises:
        UsageError: one reads a column that is not there, not numeric or `free`; no sampled row passes a cut, or has a
            value of a quantity.
    """
    if not asked:
        return asked
    promises = Promises(asked.exactly(), schema)
    check_promisable(promises, bounds)
    found = []
    for one, promise, values in zip(asked.promised, promises.all, promises.values(batch), strict=True):
        _check_values(promise, values)
        found.append(replace(one, bound=_resolved(one, values)))
    return replace(asked, promised=tuple(found))


def held_columns(guarantees: Guarantees, schema: Schema) -> frozenset[str]:
    """The columns that guarantees of quantities read, some of which they may move."""
    if not guarantees:
        return frozenset()
    quantities = (promise for promise in Promises(guarantees, schema).all if promise.selection is None)
    return frozenset(name for promise in quantities for _, name in promise.columns)


def _resolved(one: Guarantee, values: NDArray[np.generic]) -> str | None:
    if one.bound is None:
        return None
    return resolve_bound(parse_bound(one.bound), Column("", np.dtype(np.float64)), column_limits(values)).text


def _check_values(promise: Promise, values: NDArray[np.generic]) -> None:
    """Raise UsageError where a guarantee is about nothing."""
    if not len(values):
        return
    if promise.selection is not None and not values.any():
        raise UsageError(
            f"nothing passes the cut {promise.guarantee.text!r}, of which a guarantee is asked",
            rows=f"none of {len(values):,}",
            way_out="Check its limits and units",
        )
    if promise.selection is None and np.isnan(values).all():
        raise UsageError(
            f"the quantity {promise.guarantee.quantity!r}, of which a guarantee is asked, has no value",
            rows=f"NaN in all {len(values):,}",
            way_out="Check its formula, objects and rows",
        )


def guarded_models(
    models: Mapping[str, GroupModel], guarantees: Guarantees, batch: Batch, schema: Schema, bounds: Mapping[str, Bound]
) -> dict[str, GroupModel]:
    """The models of the groups with what keeps guarantees, fitted to a sample of the rows; `bounds` by column."""
    promises, batch = Promises(guarantees, schema), _sampled(batch, schema)
    found = {
        table.group.name: replace(
            models[table.group.name], patched=patchable(number, models[table.group.name], promises, bounds)
        )
        for number, table in enumerate(batch)
    }
    fitter = _Fitter(promises, batch, found, bounds)
    for number, table in enumerate(batch):
        found[table.group.name] = replace(found[table.group.name], corrections=fitter.corrections(number))
    return fitter.with_centres(fitter.with_tables(found))


def _sampled(batch: Batch, schema: Schema) -> Batch:
    """Some of the events of a batch, in a few contiguous slices."""
    n_events = batch[0].n_rows
    if n_events <= GUARDED_EVENTS:
        return batch
    size = GUARDED_EVENTS // _SLICES
    starts = np.linspace(0, n_events - size, _SLICES).astype(int).tolist()
    return concatenate([slice_events(batch, start, start + size) for start in starts], schema)


class _Fitter:
    """Finds corrections on the rows of a batch. `models` say which columns may change."""

    def __init__(
        self, promises: Promises, batch: Batch, models: Mapping[str, GroupModel], bounds: Mapping[str, Bound]
    ) -> None:
        self._promises, self._batch, self._models, self._bounds = promises, batch, models, bounds
        self._coded = quantised(batch, models, bounds)
        self._frames: list[Frame] = []
        for number in range(len(batch)):
            self._frames.append(self._frame(number))
        before, after = promises.values(batch), promises.values(self._restored())
        self._missed = [~kept for kept in promises.kept(before, after)]

    def corrections(self, number: int) -> tuple[Correction, ...]:
        """The corrections of a group, without tables, of what is missed so often that patches alone would take more;
        none moves what those before it read.
        """
        found: list[Correction] = []
        taken: list[Cell | Tail] = []
        for place, promise in enumerate(self._promises.all):
            draft = self._draft(number, promise)
            if draft is None or self._follows(number, place, promise, draft):
                continue
            if np.count_nonzero(self._missed[place]) * len(draft.cells) * PATCH_BITS <= CORRECTION_BITS:
                continue
            correction = self._correction(number, place, promise, draft, taken)
            if correction is not None:
                found.append(correction)
                taken += [*correction.cells.values(), *correction.tails.values()]
        return tuple(found)

    def with_tables(self, models: Mapping[str, GroupModel]) -> dict[str, GroupModel]:
        """Models whose corrections have the steps that take the fewest bits, and the tables of the moves they make."""
        if not any(model.corrections for model in models.values()):
            return dict(models)
        levers = [
            [lever_of(frame, one, np.arange(frame.n_items(one))) for one in models[table.group.name].corrections]
            for table, frame in zip(self._batch, self._frames, strict=True)
        ]
        tried = [self._tabled(models, levers, step) for step in STEPS_OF_BOUND]
        return min(tried, key=lambda found: found[1])[0]

    def with_centres(self, models: Mapping[str, GroupModel]) -> dict[str, GroupModel]:
        """Models with tables of their own for columns that are centred on what follows from moved values, where these
        take fewer bits: what values are moved from is often not the nearest code, and predictions differ by as much.
        """
        found = dict(models)
        moved = {name for model in models.values() for one in model.corrections for name in one.moved_columns}
        if not moved or not any(model.centred for model in models.values()):
            return found
        for coded in coded_tables(self._batch, models, self._bounds, Guard(self._promises, models, self._bounds)):
            rows, columns = known_rows(coded), dict(coded.model.columns)
            lengths = lengths_of(coded, rows)
            for name in coded.model.centred:
                column, predicted = columns[name], rows.predicted_codes(name)
                if predicted is None or not isinstance(column, OnGrid) or column.formula is None:
                    continue
                if not moved & {*column.formula.names}:
                    continue
                moved.add(name)
                coder, bits = fit_coder(differences(coded.codes[name].codes, predicted, column.grid))
                if name in lengths and bits < lengths[name].sum() - coded.codes[name].verbatim_bits:
                    columns[name] = Coded(grid=column.grid, coder=coder, formula=column.formula, predicted=True)
            found[coded.group.name] = replace(coded.model, columns=columns)
        return found

    def _tabled(
        self, models: Mapping[str, GroupModel], levers: Sequence[Sequence[Lever]], step: float
    ) -> tuple[dict[str, GroupModel], float]:
        """Models with tables for moves by a part of what a bound allows, and about how many bits moves and patches
        take; `levers` are those of all items of each correction, by group, for moves by all of it.
        """
        models = {name: replace(model, corrections=_stepped(model.corrections, step)) for name, model in models.items()}
        _, guarded = Guard(self._promises, models, self._bounds).guard(self._batch, self._coded)
        found, bits = {}, 0.0
        for table, own, of_group in zip(self._batch, guarded, levers, strict=True):
            model, fitted = models[table.group.name], []
            for correction, moves, lever in zip(model.corrections, own.moves, of_group, strict=True):
                tabled = tabled_moves(moves, replace(lever, step=correction.steps(lever.quantity)))
                bits += tabled.bits
                fitted.append(replace(correction, own=tabled.own, others=tabled.others, modes=tabled.modes))
            bits += PATCH_BITS * sum(len(rows) for rows, _ in own.patches.values())
            found[table.group.name] = replace(model, corrections=tuple(fitted))
        return found, bits

    def _frame(self, number: int) -> Frame:
        """A group as codes give it back."""
        table = self._batch[number]
        arrays = restored(table, self._coded[number])
        events = self._frames[0].arrays if number else {}
        counts = counts_of(self._batch, table.group) if number else None
        return Frame(self._models[table.group.name], arrays, events, counts)

    def _restored(self) -> Batch:
        return tuple(
            replace(table, arrays=frame.arrays) for table, frame in zip(self._batch, self._frames, strict=True)
        )

    def _draft(self, number: int, promise: Promise) -> Draft | None:
        """What a correction of a guarantee in a group reads, where it has one."""
        name = promise.guarantee.quantity
        if name is None or promise.bound.kind == "exact":
            return None
        draft = draft_of(name, self._promises.quantities)
        group = self._batch[number].group
        own = [cell for cell in draft.cells.values() if cell.column in group.names] if draft is not None else []
        is_home = promise.home == number or (promise.home == 0 and any(cell.row is not None for cell in own))
        return draft if own and is_home else None

    def _follows(self, number: int, place: int, promise: Promise, draft: Draft) -> bool:
        """Whether what keeps another guarantee, on the same quantity within less, keeps a guarantee as well."""
        for other_place, other in enumerate(self._promises.all):
            tighter = other.bound.relative <= promise.bound.relative and other.bound.absolute <= promise.bound.absolute
            is_first = other.bound.relative < promise.bound.relative or other.bound.absolute < promise.bound.absolute
            if tighter and (is_first or other_place < place) and self._draft(number, other) == draft:
                return True
        return False

    def _correction(
        self, number: int, place: int, promise: Promise, draft: Draft, taken: list[Cell | Tail]
    ) -> Correction | None:
        """The correction that keeps a guarantee that is missed, without tables; None where nothing may move."""
        patched = self._models[self._batch[number].group.name].patched
        movable = [
            name
            for name, cell in draft.cells.items()
            if cell.column in patched and not any(_overlap(cell, other) for other in taken)
        ]
        if not movable:
            return None
        no_table = fit_table(np.empty(0, np.int64))
        correction = Correction(
            formula=draft.formula,
            cells=draft.cells,
            tails=draft.tails,
            movable=tuple(movable),
            relative=2 * promise.bound.relative,
            absolute=2 * promise.bound.absolute,
            own=ClassTables((no_table,)),
            others=ClassTables((no_table,)),
            modes=(no_table,),
            promise=place,
        )
        items = np.flatnonzero(self._missed[place])
        lever = lever_of(self._frames[number], correction, items)
        most = np.bincount(lever.order[0], minlength=len(movable))
        order = np.argsort(-most, kind="stable")[:MOST_MOVABLE]
        kept = [movable[i] for i in order if most[i] >= LEAST_MOVABLE_SHARE * len(items)]
        return replace(correction, movable=tuple(kept or [movable[order[0]]]))


def _overlap(cell: Cell, other: Cell | Tail) -> bool:
    """Whether a cell may be read as another cell, or in a sum, too."""
    if isinstance(other, Tail):
        return cell.column in other.formula.names and (cell.row is None or cell.row >= other.first)
    return cell.column == other.column and (cell.row is None or other.row is None or cell.row == other.row)


def _stepped(corrections: tuple[Correction, ...], step: float) -> tuple[Correction, ...]:
    """Corrections by a part of the steps that they have."""
    return tuple(replace(one, relative=step * one.relative, absolute=step * one.absolute) for one in corrections)
