"""Quantities that follow from columns: formulas row by row, and four-vectors of the objects of an event."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError, nearest
from baler_vae.kinematics import arithmetic, four_vectors
from baler_vae.kinematics.arithmetic import Floats64
from baler_vae.kinematics.formula import Formula, parse_formula, quoted
from baler_vae.kinematics.names import objects_of
from baler_vae.table.schema import Column, Group, Schema
from baler_vae.table.table import Batch, Table, counts_of, offsets_from_counts

_NEEDS: Final = {
    "mass": ("px", "py", "pz", "e"),
    "pt": ("px", "py"),
    "ht": ("pt",),
    "missing_pt": ("px", "py"),
    "delta_r": ("eta", "phi"),
    "delta_phi": ("phi",),
}
_OF_TWO: Final = ("delta_r", "delta_phi")


@dataclass(frozen=True)
class Quantity:
    """A quantity that follows from columns.

    `formula`, the only kind that has one, is a number for each row of the group whose columns it reads; event-level
    columns have the same value in all rows of an event. All other kinds are a number for each event, of the
    four-vectors of `objects`, named as `objects_of` does (`Jet_*`, `*1`): the invariant `mass` and the transverse
    momentum `pt` of their sum, the scalar sum `ht` of their transverse momenta, `missing_pt`, what their vector sum
    lacks in the transverse plane (as large as that sum), and of two objects `delta_phi` in [0, pi] and `delta_r`, the
    root of the sum of squares of the differences in eta and phi. A sum of no objects is 0.

    `rows` says which objects of a jagged collection, in the order of the file, counted from 0; an event that has fewer
    has no value. The energy of an object is that of its momentum and its mass, `mass_of_each` in the unit of the
    momenta where that is given, or else the one that the file holds: independently rounded, energy and momentum of a
    light and fast object determine its mass poorly.
    """

    name: str
    kind: str = "formula"
    formula: str | None = None
    objects: tuple[str, ...] = ()
    rows: tuple[int, ...] | None = None
    mass_of_each: float | None = None


@dataclass(frozen=True)
class Read:
    """A column that a quantity reads: of the `group` of that number, either in the row itself (of an event in a
    collection: the event's), or where `rows` is not None in those rows of the event, all of them where it is empty.
    """

    group: int
    name: str
    rows: tuple[int, ...] | None = None


@dataclass(frozen=True)
class RowFormula:
    """A formula over the columns of one group of a schema, and perhaps event-level ones; made by `row_formula`."""

    formula: Formula
    group: Group

    def evaluate(self, batch: Batch) -> Floats64:
        """The results, float64 (rows of the group,), for a batch that has those columns."""
        table = self.table(batch)
        arrays = {name: table.arrays[name] for name in self.formula.names if name in table.arrays}
        if len(arrays) < len(self.formula.names):
            counts = counts_of(batch, table.group)
            arrays |= {name: np.repeat(batch[0][name], counts) for name in self.formula.names if name not in arrays}
        return self.formula.evaluate(arrays)

    def table(self, batch: Batch) -> Table:
        """The table of a batch that holds the columns of the group."""
        own = [name for name in self.formula.names if name in self.group.names]
        return next(table for table in batch if own[0] in table.arrays)


class Quantities:
    """The derived columns of the batches of a schema; made by `quantities_of`.

    `schema` is that of the batches with the derived columns, float64, at the end of their groups, `names` are those of
    the derived columns; `homes` are the numbers of their groups, `reads` what they follow from, and `prepared` what
    computes them, by name.
    """

    def __init__(self, wanted: Sequence[Quantity], schema: Schema) -> None:
        self.names = tuple(quantity.name for quantity in wanted)
        self.schema = schema
        self.homes: dict[str, int] = {}
        self.prepared: dict[str, RowFormula | OfObjects] = {}
        self.reads: dict[str, tuple[Read, ...]] = {}
        self._made: list[tuple[int, str, Callable[[Batch], Floats64]]] = []
        for quantity in wanted:
            index, found = _prepared(quantity, self.schema)
            self._made.append((index, quantity.name, found.evaluate))
            self.homes[quantity.name] = index
            self.prepared[quantity.name] = found
            own = found.reads if isinstance(found, OfObjects) else self.reads_of(found.formula.names)
            self.reads[quantity.name] = own
            self.schema = _with_column(self.schema, index, quantity.name)

    def reads_of(self, names: Iterable[str]) -> tuple[Read, ...]:
        """The columns behind columns and quantities that are read in the row itself."""
        found: dict[Read, None] = {}
        for name in names:
            if name in self.reads:
                found |= dict.fromkeys(self.reads[name])
            else:
                found[Read(self.schema.group_number(self.schema.group_of(name).name), name)] = None
        return tuple(found)

    def extend(self, batch: Batch) -> Batch:
        """The same tables with the derived columns; what has no finite value is NaN, and nothing warns."""
        tables = list(batch)
        for index, name, evaluate in self._made:
            values = evaluate(tuple(tables))
            values[~np.isfinite(values)] = np.nan
            table = tables[index]
            group = replace(table.group, columns=(*table.group.columns, Column(name, values.dtype)))
            tables[index] = Table(group, {**table.arrays, name: values})
        return tuple(tables)

    def behind(self, names: Iterable[str]) -> frozenset[str]:
        """The columns that these columns and quantities are, or follow from."""
        return frozenset(read.name for read in self.reads_of(names))


def quantities_of(wanted: Sequence[Quantity], schema: Schema) -> Quantities:
    """What computes quantities in batches of a schema; one may follow from those before it.

    Raises:
        UsageError: a quantity has the name of a column, names what does not exist, or lacks columns of its kind.
    """
    return Quantities(wanted, schema)


def row_formula(text: str, schema: Schema) -> RowFormula:
    """The formula of a text, for the rows of the one group that has its columns.

    Raises:
        UsageError: the text is not a formula; a column is missing, or not numeric; columns are of two collections.
    """
    formula = parse_formula(text)
    if not formula.names:
        raise UsageError(f"the formula {text!r} reads no column")
    groups = [schema.group_of(name) for name in formula.names]
    for name, group in zip(formula.names, groups, strict=True):
        if not group.column(name).is_scalar:
            raise UsageError(f"the formula {text!r} reads a column that holds no numbers", column=name)
    jagged = list(dict.fromkeys(group.name for group in groups if group.counter is not None))
    if len(jagged) > 1:
        raise UsageError(
            f"the formula {text!r} reads columns of the collections {jagged[0]!r} and {jagged[1]!r}",
            way_out="A formula is evaluated row by row; use the columns of one collection, and of the event",
        )
    home = next((group for group in groups if group.counter is not None), schema.events)
    return RowFormula(formula, home)


def _with_column(schema: Schema, index: int, name: str) -> Schema:
    groups = list(schema.groups)
    groups[index] = replace(groups[index], columns=(*groups[index].columns, Column(name, np.dtype(np.float64))))
    return replace(schema, groups=tuple(groups), order=(*schema.order, name))


def _prepared(quantity: Quantity, schema: Schema) -> "tuple[int, RowFormula | OfObjects]":
    """The index of the group that gets a quantity, and what computes it.

    Raises:
        UsageError: as `quantities_of`.
    """
    if quantity.name in schema.order or quantity.name in {array.name for array in schema.arrays}:
        raise UsageError(
            f"the name {quantity.name!r} is taken by a column or another quantity",
            way_out="Give the quantity another name",
        )
    try:
        if quantity.kind == "formula":
            return _prepared_formula(quantity, schema)
        return 0, _prepared_objects(quantity, schema)
    except UsageError as error:
        raise UsageError(
            f"quantity {quantity.name!r}: {error.what}",
            column=error.column,
            found=error.found,
            expected=error.expected,
            way_out=error.way_out,
        ) from error


def _prepared_formula(quantity: Quantity, schema: Schema) -> tuple[int, RowFormula]:
    if quantity.formula is None:
        raise UsageError("has no formula", way_out=f"Write one, or another kind: {', '.join(_NEEDS)}")
    if quantity.objects or quantity.rows is not None or quantity.mass_of_each is not None:
        raise UsageError("a formula takes no objects, rows or masses", way_out=f"Name the kind: {', '.join(_NEEDS)}")
    found = row_formula(quantity.formula, schema)
    return schema.groups.index(found.group), found


@dataclass(frozen=True)
class OfObjects:
    """A number for each event, as `Quantity` says. `formulas` are those of what the kind needs, by object, over the
    columns of the group at `index`.
    """

    kind: str
    index: int
    formulas: tuple[tuple[Formula, ...], ...]
    rows: tuple[int, ...] | None
    is_jagged: bool

    @property
    def reads(self) -> tuple[Read, ...]:
        """The columns that it follows from."""
        names = dict.fromkeys(name for own in self.formulas for formula in own for name in formula.names)
        rows = (self.rows or ()) if self.is_jagged else None
        return tuple(Read(self.index, name, rows) for name in names)

    def evaluate(self, batch: Batch) -> Floats64:
        """The quantity, float64 (events,)."""
        vectors = list(self._vectors(batch))
        with np.errstate(all="ignore"):
            if self.kind == "delta_phi":
                return np.abs(arithmetic.wrap(vectors[0][0] - vectors[1][0]))
            if self.kind == "delta_r":
                (eta1, phi1), (eta2, phi2) = vectors
                return arithmetic.hypot(eta1 - eta2, arithmetic.wrap(phi1 - phi2))
            total = [np.sum(parts, axis=0) for parts in zip(*vectors, strict=True)]
        if self.kind == "mass":
            px, py, pz, energy = total
            return arithmetic.mass(energy, px, py, pz)
        return total[0] if self.kind == "ht" else arithmetic.hypot(*total)

    def _vectors(self, batch: Batch) -> Iterator[list[Floats64]]:
        """What the kind needs, each float64 (events,), of one object after the other, or of their sums."""
        table = batch[self.index]
        columns = [[formula.evaluate(table.arrays) for formula in own] for own in self.formulas]
        if table.group.counter is None:
            yield from columns
            return
        counts = counts_of(batch, table.group)
        for own in columns:
            if self.rows is None:
                yield [_sums(values, counts) for values in own]
            else:
                yield from ([_picked(values, counts, row) for values in own] for row in self.rows)


def _sums(values: Floats64, counts: NDArray[np.int64]) -> Floats64:
    """The sum over the rows (rows,) of each event, float64 (events,); 0 for events without any."""
    events = np.repeat(np.arange(len(counts)), counts)
    return np.bincount(events, values, len(counts)).astype(np.float64, copy=False)


def _picked(values: Floats64, counts: NDArray[np.int64], row: int) -> Floats64:
    """The value in one row of each event, float64 (events,); NaN for events with too few rows."""
    there = counts > row
    picked = np.full(len(counts), np.nan)
    picked[there] = values[offsets_from_counts(counts)[:-1][there] + row]
    return picked


def _prepared_objects(quantity: Quantity, schema: Schema) -> OfObjects:
    if quantity.kind not in _NEEDS:
        raise UsageError(f"there is no kind {quantity.kind!r}: {nearest(quantity.kind, ('formula', *_NEEDS))}")
    if quantity.formula is not None:
        raise UsageError(f"the kind {quantity.kind!r} takes no formula", way_out="Leave out the kind, or the formula")
    index, objects = _objects(quantity, schema)
    _check_rows(quantity, schema.groups[index])
    if quantity.mass_of_each is not None and "e" not in _NEEDS[quantity.kind]:
        raise UsageError(f"the kind {quantity.kind!r} needs no mass", way_out="Leave out mass_of_each")
    formulas = []
    for key, members in objects.items():
        texts = {kind: _text(kind, members, quantity) for kind in _NEEDS[quantity.kind]}
        missing = [kind for kind, text in texts.items() if not text]
        if missing:
            raise _not_told(quantity, key, members, missing)
        formulas.append(tuple(map(parse_formula, texts.values())))
    is_jagged = schema.groups[index].counter is not None
    return OfObjects(quantity.kind, index, tuple(formulas), quantity.rows, is_jagged)


def _text(kind: str, members: Mapping[str, str], quantity: Quantity) -> str:
    """The formula of one quantity of an object, or an empty text."""
    if kind != "e":
        return four_vectors.told(kind, dict(members))
    mass = "" if quantity.mass_of_each is None else repr(float(quantity.mass_of_each))
    return four_vectors.energy(dict(members), mass)


def _not_told(quantity: Quantity, key: str, members: Mapping[str, str], missing: Sequence[str]) -> UsageError:
    if missing == ["e"]:
        return UsageError(
            f"the columns of {key!r} provide neither energy nor mass",
            way_out="Give the mass of each object: mass_of_each = 0.1056583755 for muons, 0 if it does not matter",
        )
    return UsageError(
        f"the columns of {key!r} do not provide what the kind {quantity.kind!r} needs",
        found=", ".join(members.values()),
        expected=", ".join(_NEEDS[quantity.kind]),
    )


def _objects(quantity: Quantity, schema: Schema) -> tuple[int, dict[str, dict[str, str]]]:
    """The index of the group that holds the objects of a quantity, and their columns, as they stand in formulas."""
    if not quantity.objects:
        raise UsageError(f"the kind {quantity.kind!r} needs objects", way_out='Name them: objects = ["Jet_*"]')
    if len(set(quantity.objects)) < len(quantity.objects):
        raise UsageError("an object is named twice", found=", ".join(quantity.objects))
    known: dict[str, list[int]] = {}
    found = []
    for number, group in enumerate(schema.groups):
        found.append(objects_of(column.name for column in group.columns if column.is_scalar))
        for key in found[-1]:
            known.setdefault(key, []).append(number)
    for key in quantity.objects:
        if key not in known:
            raise UsageError(
                f"there is no object {key!r}: {nearest(key, known)}",
                way_out="An object is named like its columns, with * for what differs: Jet_* has Jet_pt and Jet_eta",
            )
    shared = set.intersection(*(set(known[key]) for key in quantity.objects))
    if not shared:
        homes = {schema.groups[known[key][0]].name: key for key in quantity.objects}
        (one, first), (other, second) = list(homes.items())[:2]
        raise UsageError(
            f"the object {first!r} is of the group {one!r}, {second!r} of {other!r}",
            way_out="All objects of a quantity must belong to one collection, or to the event",
        )
    index = max(shared, key=lambda number: sum(len(found[number][key]) for key in quantity.objects))
    texts = {key: {kind: quoted(name) for kind, name in found[index][key].items()} for key in quantity.objects}
    return index, texts


def _check_rows(quantity: Quantity, group: Group) -> None:
    """Check that `rows` fits the objects of a group and the kind.

    Raises:
        UsageError: it does not fit.
    """
    rows: tuple[Any, ...] | None = quantity.rows
    if rows is not None:
        if group.counter is None:
            raise UsageError(
                "rows select from a jagged collection, but these objects belong to the event", way_out="Leave out rows"
            )
        if not rows or len(set(rows)) < len(rows) or min(rows) < 0:
            raise UsageError("rows must be distinct numbers, starting at 0", found=list(rows))
    if quantity.kind in _OF_TWO:
        n_objects = len(quantity.objects) * (1 if group.counter is None else len(rows or ()))
        if n_objects != 2:
            raise UsageError(
                f"the kind {quantity.kind!r} needs two objects",
                found=n_objects or "all of an event",
                way_out="Name two of the event, or two rows of a collection: rows = [0, 1]",
            )
