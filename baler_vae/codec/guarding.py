"""Guarantees on the way to bytes: what misses one is moved, and what still does is stored as it was.

Each value is restored as a reader will restore it, and each guarantee is judged as an evaluation judges it. Where a
quantity misses its bound, a column that it depends on is moved inside its own bound (`solving`). Rows and events that
miss a guarantee after that get all that it reads to the bit, and so does what shares values with them and was moved,
until nothing misses. The same rows are treated the same whatever stands beside them, and restored rows like those that
they came from: a restored file is compressed to the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.correcting import Classes, Guarded, Moves, differences_of, lever_of
from baler_vae.codec.frames import Frame
from baler_vae.codec.quantising import of_events_of, quantise_centred
from baler_vae.codec.rows import Arrays
from baler_vae.codec.solving import on_lattice, solve
from baler_vae.grid.codes import Codes
from baler_vae.grid.numbers import same_bits
from baler_vae.guarantees.promises import (
    Cells,
    Mask,
    Promise,
    Promises,
    cells_read,
    check_promisable,
    events_of,
    items_reading,
)
from baler_vae.model.columns import OnGrid
from baler_vae.model.correction import Correction
from baler_vae.model.group import GroupModel
from baler_vae.table.bounds import Bound
from baler_vae.table.table import Batch, Table, counts_of

Values = NDArray[np.generic]
Coded = dict[str, Codes]
"""The codes of the columns of a table on a grid, in the order of its rows."""

_MOST_ROUNDS = 64


@dataclass(frozen=True, eq=False)
class Guard:
    """What keeps the guarantees of a codec: `models` by group, `bounds` by column."""

    promises: Promises
    models: Mapping[str, GroupModel]
    bounds: Mapping[str, Bound]

    def guard(self, batch: Batch, coded: Sequence[Coded]) -> tuple[list[Coded], list[Guarded]]:
        """The codes of the tables of a batch, some of which are others than the nearest ones, and what is stored beside
        them, so that every guarantee is kept.
        """
        return _Pass(self, batch, coded).run()


def check_guarded(promises: Promises, models: Mapping[str, GroupModel], bounds: Mapping[str, Bound]) -> None:
    """Check that the models of a schema's groups, by name, can keep what is promised.

    Raises:
        ValueError: a correction is of something else than its guarantee, or a column that one reads cannot be patched.
        UsageError: a guarantee reads a column under `free`.
    """
    check_promisable(promises, bounds)
    for number, group in enumerate(promises.quantities.schema.groups):
        model = models.get(group.name)
        if model is None:
            continue
        if not {*patchable(number, model, promises, bounds)} <= {*model.patched}:
            raise ValueError("a column that guarantees read has no patches")
        for correction in model.corrections:
            promise = promises.all[correction.promise]
            home = 0 if correction.is_of_events else number
            if promise.selection is not None or promise.home != home:
                raise ValueError("a correction is not of the rows of its guarantee")
            if not {name for _, name in promise.columns} >= correction.columns:
                raise ValueError("a correction reads what its guarantee does not read")


def patchable(number: int, model: GroupModel, promises: Promises, bounds: Mapping[str, Bound]) -> tuple[str, ...]:
    """The columns of the group of that number that guarantees read, and that do not come back to the bit."""
    return tuple(
        name
        for name, column in model.columns.items()
        if (number, name) in promises.columns and isinstance(column, OnGrid) and bounds[name].kind != "exact"
    )


def restored(table: Table, coded: Mapping[str, Codes]) -> Arrays:
    """The columns of a table as codes give them back."""
    return {
        name: coded[name].restored.reshape(array.shape) if name in coded else array
        for name, array in table.arrays.items()
    }


class _Pass:
    """The guarantees of one batch. `base` are the columns as codes give them back, `moved` the same after all moves,
    `final` as a reader gets them.
    """

    def __init__(self, guard: Guard, batch: Batch, coded: Sequence[Coded]) -> None:
        self._guard, self._batch = guard, batch
        self._coded = [dict(own) for own in coded]
        self._first = [dict(own) for own in coded]
        self._base: list[Arrays] = [restored(*pair) for pair in zip(batch, coded, strict=True)]
        self._models = [guard.models[table.group.name] for table in batch]
        self._moved: list[Arrays] = [dict(own) for own in self._base]
        self._moves: list[list[Moves]] = [[] for _ in batch]
        self._classes: list[list[Classes]] = [[] for _ in batch]
        self._exact: Cells = {}
        self._read = [self._read_by(number) for number in range(len(batch))]

    def run(self) -> tuple[list[Coded], list[Guarded]]:
        promises, batch = self._guard.promises, self._batch
        before, after = promises.values(batch), promises.values(self._tables(self._base))
        touched = self._touched([~kept for kept in promises.kept(before, after)])
        changed: set[tuple[int, str]] = set()
        for number, model in enumerate(self._models):
            for correction in model.corrections:
                place = correction.promise
                promise = promises.all[place]
                if changed & promise.columns:
                    after = promises.values(self._tables(self._moved))
                    changed.clear()
                missed = ~promise.kept(before[place], after[place])
                found = self._solve(number, correction, missed, before[place], after[place])
                changed |= {(number, correction.cells[name].column) for name in correction.movable}
                touched |= events_of(batch, promise.home, missed | (found.moves != 0))
        touched |= self._centre()
        if touched.any():
            self._settle(touched)
        final = self._final()
        return self._coded, [self._stored(number, final) for number in range(len(batch))]

    def _solve(self, number: int, correction: Correction, missed: Mask, before: Values, after: Values) -> Moves:
        """The moves of a correction for what misses the guarantee that it keeps; the quantity, float64 (items,), was so
        before, and is so after codes gave it back and the corrections before this one.
        """
        moved, original = self._frames(number)
        pair = before.astype(np.float64), after.astype(np.float64)
        items = np.flatnonzero(missed | on_lattice(moved, original, correction, *pair))
        found = Moves.none(len(missed))
        classes = Classes.unknown(len(missed))
        if len(items):
            bound = self._guard.promises.all[correction.promise].bound
            solved = solve(moved, original, correction, items, missed[items], bound, self._guard.bounds)
            found.put(solved.items, solved.moves)
            classes.put(solved.items, solved.classes)
            for name, changes in solved.codes.items():
                self._take(number, correction.cells[name].column, *changes)
            for name, ends in solved.ends.items():
                column = correction.cells[name].column
                self._moved[number][column] = _placed(self._moved[number][column], *ends)
        self._moves[number].append(found)
        self._classes[number].append(classes)
        return found

    def _frames(self, number: int) -> tuple[Frame, Frame]:
        """The columns of a group after the moves so far, and as they were read."""
        table, model = self._batch[number], self._models[number]
        counts = counts_of(self._batch, table.group) if number else None
        return (
            Frame(model, dict(self._moved[number]), self._moved[0] if number else {}, counts),
            Frame(model, dict(table.arrays), self._batch[0].arrays if number else {}, counts),
        )

    def _take(
        self, number: int, name: str, rows: NDArray[np.int64], codes: NDArray[np.int64], restored: Values
    ) -> None:
        """Takes other codes, and what they give back, for some rows of a column."""
        own = self._coded[number][name]
        base = _placed(self._base[number][name], rows, restored)
        self._base[number][name] = base
        self._coded[number][name] = Codes(_placed(own.codes, rows, codes), base, own.verbatim)

    def _centre(self) -> Mask:
        """Gives columns that are centred on predictions the codes that go with what these read now. Gives back in
        which events, bool (events,), any of them changed.
        """
        changed = np.zeros(self._batch[0].n_rows, np.bool_)
        for number, (table, model) in enumerate(zip(self._batch, self._models, strict=True)):
            read = self._read_by(number)
            if all(now is before for now, before in zip(read, self._read[number], strict=True)):
                continue
            values = {**self._base[number], **{name: table[name] for name in model.centred}}
            of_events = of_events_of(self._batch, number, self._base[0])
            codes, _ = quantise_centred(values, table.group, model, self._guard.bounds, of_events)
            for name, own in codes.items():
                changed |= events_of(self._batch, number, ~same_bits(own.restored, self._base[number][name]))
            self._coded[number] |= codes
            self._base[number] |= {name: own.restored for name, own in codes.items()}
            self._moved[number] |= {name: own.restored for name, own in codes.items()}
            self._read[number] = read
        return changed

    def _read_by(self, number: int) -> list[NDArray[np.generic]]:
        """The columns that those of a group read which are centred on predictions, but these themselves: arrays that
        are never changed but replaced by others.
        """
        model, base = self._models[number], self._base
        formulas = [formula for name in model.centred if (formula := model.formula(name)) is not None]
        names = sorted({name for formula in formulas for name in formula.names} - {*model.centred})
        return [base[number][name] if name in base[number] else base[0][name] for name in names]

    def _touched(self, missed: Sequence[Mask]) -> Mask:
        """The events, bool (events,), in which something missed a guarantee."""
        touched = np.zeros(self._batch[0].n_rows, np.bool_)
        for promise, own in zip(self._guard.promises.all, missed, strict=True):
            touched |= events_of(self._batch, promise.home, own)
        return touched

    def _settle(self, touched: Mask) -> None:
        """Stores to the bit what still misses a guarantee, until nothing does."""
        promises = self._guard.promises
        some = _Some(self._batch, touched)
        original = some.batch(self._batch)
        before = promises.values(original)
        for _ in range(_MOST_ROUNDS):
            final = self._final()
            after = some.batch(final)
            missed = [~kept for kept in promises.kept(before, promises.values(after))]
            if not any(own.any() for own in missed):
                return
            cells: Cells = {}
            for promise, own in zip(promises.all, missed, strict=True):
                _add(cells, some.whole(self._blamed(promise, own, original, after)))
            self._store(cells)
        raise ValueError("the guarantees cannot be kept")

    def _blamed(self, promise: Promise, missed: Mask, before: Batch, after: Batch) -> Cells:
        """What is to be stored to the bit for what misses a guarantee."""
        if not missed.any():
            return {}
        found = cells_read(before, promise.home, missed, promise.reads)
        for inner, moved in self._guard.promises.inner_misses(promise, before, after):
            _add(found, cells_read(before, inner.home, moved & _in_events(before, promise, missed, inner), inner.reads))
        return found

    def _store(self, cells: Cells) -> None:
        """Stores cells to the bit, and all that quantities read that read some of them, which then do not move.

        So nothing that a quantity reads is partly as it was and partly restored, and values that are restored give the
        same moves, and miss the same guarantees, as those that they came from.
        """
        waiting = cells
        while any(rows.any() for rows in waiting.values()):
            _add(self._exact, waiting)
            more: Cells = {}
            for place, promise in enumerate(self._guard.promises.all):
                if promise.selection is not None:
                    continue
                items = items_reading(self._batch, promise.home, promise.reads, waiting)
                if not items.any():
                    continue
                _add(more, cells_read(self._batch, promise.home, items, promise.reads))
                for number, model in enumerate(self._models):
                    for own, correction in enumerate(model.corrections):
                        if correction.promise == place:
                            self._undo(number, own, items)
            waiting = {key: rows & ~self._exact.get(key, np.zeros_like(rows)) for key, rows in more.items()}
        self._centre()

    def _undo(self, number: int, own: int, items: Mask) -> None:
        """Takes back the moves of some items of a correction."""
        correction, found = self._models[number].corrections[own], self._moves[number][own]
        found.moves[items], found.modes[items] = 0, 0
        self._classes[number][own].forget(items)
        frame, _ = self._frames(number)
        for name in correction.movable:
            column = correction.cells[name].column
            rows = frame.places(correction.cells[name], np.flatnonzero(items))
            rows = rows[rows >= 0]
            first = self._first[number][column]
            self._take(number, column, rows, first.codes[rows], first.restored[rows])
            self._moved[number][column] = _placed(self._moved[number][column], rows, first.restored[rows])

    def _final(self) -> Batch:
        """The columns as a reader gets them, with what is stored to the bit."""
        found = []
        for number, table in enumerate(self._batch):
            arrays = dict(self._moved[number])
            for (group, name), rows in self._exact.items():
                if group == number and rows.any():
                    arrays[name] = np.where(rows, table.arrays[name], arrays[name])
            found.append(arrays)
        return self._tables(found)

    def _stored(self, number: int, final: Batch) -> Guarded:
        """What is stored of a group beside its codes, so that a reader gets the final columns."""
        model = self._models[number]
        if not model.is_guarded:
            return Guarded()
        frame, _ = self._frames(number)
        for own, correction in enumerate(model.corrections):
            classes, found = self._classes[number][own], self._moves[number][own]
            if found.moves.any():
                items = np.flatnonzero(classes.moves < 0)
                lever = lever_of(frame, correction, items) if correction.has_classes else None
                classes.tell(items, correction, lever, found.modes[items])
        wanted, moved, patches = final[number], self._moved[number], {}
        for name in model.patched:
            rows = np.flatnonzero(~same_bits(wanted[name], moved[name]))
            if len(rows):
                patches[name] = rows, differences_of(moved[name][rows], wanted[name][rows])
        return Guarded(tuple(self._moves[number]), tuple(self._classes[number]), patches)

    def _tables(self, arrays: Sequence[Arrays]) -> Batch:
        return tuple(Table(table.group, own) for table, own in zip(self._batch, arrays, strict=True))


class _Some:
    """Some events of a batch, bool (events,), and the rows that belong to them."""

    def __init__(self, batch: Batch, events: Mask) -> None:
        self._rows = [events]
        for table in batch[1:]:
            self._rows.append(np.repeat(events, counts_of(batch, table.group)))

    def batch(self, whole: Batch) -> Batch:
        """Those events of a batch."""
        return tuple(
            Table(table.group, {name: array[rows] for name, array in table.arrays.items()})
            for table, rows in zip(whole, self._rows, strict=True)
        )

    def whole(self, cells: Cells) -> Cells:
        """Cells among those events as cells of the batch."""
        found: Cells = {}
        for (group, name), rows in cells.items():
            every = np.zeros(len(self._rows[group]), np.bool_)
            every[self._rows[group]] = rows
            found[group, name] = every
        return found


def _placed(values: NDArray[Any], rows: NDArray[np.int64], others: NDArray[Any]) -> NDArray[Any]:
    """Values (n,) with others (rows,) in some rows."""
    if not len(rows):
        return values
    found = values.copy()
    found[rows] = others
    return found


def _add(cells: Cells, more: Cells) -> None:
    for key, rows in more.items():
        cells[key] = cells[key] | rows if key in cells else rows


def _in_events(batch: Batch, promise: Promise, missed: Mask, inner: Promise) -> Mask:
    """The rows of the home of an inner cut, bool (rows,), in events where a promise is missed."""
    events = events_of(batch, promise.home, missed)
    return np.repeat(events, counts_of(batch, batch[inner.home].group))
