"""How the columns of a file become the groups of a schema, and its lists the tables of a batch."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import SourceError, listed
from baler_vae.table.schema import (
    NESTED,
    Column,
    FixedArray,
    Group,
    Mask,
    Origin,
    Schema,
    common_prefix,
    element_names,
    is_possible_shape,
    mask_name,
)
from baler_vae.table.table import Batch, Table

NUMBERS = frozenset(map(np.dtype, ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")))
"""The dtypes that a column of numbers can have."""

LEAST_CELLS = 64
"""The fewest elements of an array in each event that is one column with a shape; those of smaller ones are a column
each. An 8 x 8 image is worth a model of neighbouring cells, a covariance matrix of track parameters is not."""
MOST_ELEMENTS = 256
"""The most elements of an array in each place of a list that are a column each; a list of larger ones is nested."""

Lists = tuple[NDArray[np.generic], NDArray[np.generic]]
"""A jagged column of a batch: the number of values in each event (events,), and all values (rows,)."""

ReadCounts = Callable[[Sequence[str]], Iterable[tuple[str, NDArray[np.generic]]]]
"""Reads columns through once: the lengths of the lists of jagged ones, the values of integer ones, in pieces."""


def native(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The dtype in native byte order, or None where a column of numbers cannot have it."""
    dtype = dtype.newbyteorder("=")
    return dtype if dtype in NUMBERS else None


@dataclass(frozen=True)
class Jagged:
    """A column of lists whose collection is not known yet.

    `counter` is the event-level column that the source says counts it. Where there is none, `collection` and `hint` are
    names of the collection and of its counter that the source suggests.
    """

    column: Column
    counter: str = ""
    collection: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def prefix(self) -> str:
        return self.collection or common_prefix(self.name)


def counter_names(collection: str, hint: str = "") -> list[str]:
    """The names by which a collection's counter is looked for, the likeliest first."""
    folder, slash, last = collection.rpartition("/")
    names = [hint] if hint else []
    names += [f"{folder}{slash}{letter}{last}" for letter in "nN"]
    if slash:
        names += [f"n{last}", f"N{last}"]
    return [*names, f"{collection}/n{last}", f"{collection}/N{last}", f"{collection}_size"]


@dataclass(frozen=True)
class Described:
    """What a source says of a branch: a column, jagged or not, and the `shape` of the array that each of its rows
    holds, whose elements are columns; a column with a shape of its own stays whole. Where it is `optional`, some of its
    numbers may be missing, and another column says which.
    """

    column: Column | Jagged
    shape: tuple[int, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def is_jagged(self) -> bool:
        return isinstance(self.column, Jagged)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.column.column.dtype if isinstance(self.column, Jagged) else self.column.dtype

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of the array in each row, or in each place of a list, whether its elements are columns or not."""
        return self.shape or (() if isinstance(self.column, Jagged) else self.column.shape)

    @property
    def elements(self) -> tuple[str, ...]:
        """The columns that it is read as, the one first that says where its numbers are missing."""
        if self.shape:
            return element_names(self.name, self.shape)
        return (mask_name(self.name), self.name) if self.optional else (self.name,)

    def split(
        self, values: NDArray[np.generic], missing: NDArray[np.bool_] | None = None
    ) -> dict[str, NDArray[np.generic]]:
        """The columns (rows,) of values (rows,) or (rows, *shape), and of what says which of them are missing; the
        column (rows, *shape) where it has a shape of its own.
        """
        if self.optional:
            missing = np.zeros(len(values), np.bool_) if missing is None else missing
            return {mask_name(self.name): missing, self.name: values}
        if not self.shape:
            return {self.name: values}
        flat = values.reshape(len(values), len(self.elements))
        return {name: np.ascontiguousarray(flat[:, number]) for number, name in enumerate(self.elements)}


def bytes_by_column(branches: Iterable[Described], event_bytes: Mapping[str, float]) -> dict[str, float]:
    """About how many bytes an event takes by column, from what it takes by branch."""
    return {
        name: event_bytes[branch.name] / len(branch.elements)
        for branch in branches
        if branch.name in event_bytes
        for name in branch.elements
    }


def describe(column: Column, shape: Sequence[int], *, jagged: bool, counter: str = "") -> Described:
    """A branch of arrays of some shape: one column of that shape where it `has_cells`, or else elements that are a
    column each where they are few, or nested.
    """
    if not jagged and column.is_number and has_cells(shape):
        return Described(replace(column, shape=tuple(shape)))
    if shape and not 0 < math.prod(shape) <= MOST_ELEMENTS:
        return Described(replace(column, dtype=NESTED))
    return Described(Jagged(column, counter) if jagged else column, tuple(shape))


def has_cells(shape: Sequence[int]) -> bool:
    """Whether arrays of a shape, one in each event, are the cells of one column."""
    return bool(shape) and math.prod(shape) >= LEAST_CELLS and is_possible_shape(shape)


def schema_of_branches(described: Sequence[Described], origin: Origin, read_counts: ReadCounts | None = None) -> Schema:
    """The schema of branches in the order of the source, as `build_schema` makes it, arrays as a column for each of
    their elements.
    """
    schema = build_schema([branch.column for branch in described], origin, read_counts)
    branches = {branch.name: branch for branch in described if branch.shape or branch.optional}
    arrays = []
    for group in schema.groups:
        for column in group.columns:
            if column.name in branches and branches[column.name].shape:
                own = branches[column.name]
                arrays.append(FixedArray(own.name, own.shape, own.elements, column.title, column.typename))

    def elements(name: str) -> tuple[str, ...]:
        return branches[name].elements if name in branches else (name,)

    def element(column: Column, name: str) -> Column:
        if branches[column.name].shape:
            return replace(column, name=name, title="", typename="")
        return column if name == column.name else Column(name, np.dtype(np.bool_))

    def expanded(group: Group) -> Group:
        columns = (
            column if column.name not in branches else element(column, name)
            for column in group.columns
            for name in elements(column.name)
        )
        return replace(group, columns=tuple(columns))

    order = tuple(name for branch in schema.order for name in elements(branch))
    twice = sorted(name_clashes(described))
    if twice:
        raise SourceError(name_clashes(described)[twice[0]], column=twice[0], way_out="Rename it in the file")
    clashes = sorted({mask_name(name) for name in branches if branches[name].optional} & set(schema.order))
    if clashes:
        raise SourceError(
            "has the name reserved for the mask of another column",
            column=clashes[0],
            way_out="Rename it, or choose columns without it with --columns GLOB",
        )
    masks = tuple(Mask(name, mask_name(name)) for name in schema.order if name in branches and branches[name].optional)
    return Schema(tuple(map(expanded, schema.groups)), order, origin, tuple(arrays), masks)


def name_clashes(described: Sequence[Described]) -> dict[str, str]:
    """The branches that have the name of an element of an array, with the reason why they cannot be columns too."""
    arrays = {name: branch.name for branch in described if branch.shape for name in branch.elements}
    own = [branch.name for branch in described if branch.name in arrays]
    return {name: f"it has the name of an element of the array {arrays[name]!r}" for name in own}


def build_schema(columns: Sequence[Column | Jagged], origin: Origin, read_counts: ReadCounts | None = None) -> Schema:
    """The schema of columns in the order of the source.

    Jagged columns under the same counter are a collection. Those without one are a collection where their prefixes
    are equal and the lengths of their lists too; `read_counts` reads those. An integer column with the name of a
    counter and equal values counts them; where there is none, they get an implied counter, int32, before their first
    column.
    """
    events = [column for column in columns if isinstance(column, Column)]
    jagged = [column for column in columns if isinstance(column, Jagged)]
    order = [column.name for column in columns]
    digests = _digests(events, [column for column in jagged if not column.counter], read_counts)
    collections: dict[tuple[str, str, bytes], list[Jagged]] = {}
    for column in jagged:
        key = (column.counter, "", b"") if column.counter else ("", column.prefix, digests[column.name])
        collections.setdefault(key, []).append(column)
    groups: list[Group] = []
    for members in collections.values():
        first = members[0]
        known = (name for name in counter_names(first.prefix, first.hint) if name in digests)
        counter = first.counter or next((name for name in known if digests[name] == digests[first.name]), "")
        if not counter:
            counter = unique(counter_names(first.prefix, first.hint)[0], order)
            events.append(Column(counter, np.dtype(np.int32), implied=True))
            order.insert(order.index(first.name), counter)
        name = unique(_collection_name(members), ["events", *(group.name for group in groups)])
        groups.append(Group(name, tuple(member.column for member in members), counter))
    place = {name: i for i, name in enumerate(order)}
    events.sort(key=lambda column: place[column.name])
    return Schema((Group("events", tuple(events)), *groups), tuple(order), origin)


def _digests(events: Sequence[Column], loose: Sequence[Jagged], read_counts: ReadCounts | None) -> dict[str, bytes]:
    """One digest for the lengths of each jagged column, and for each integer column that may be their counter, so
    that equal ones are known without keeping them all.
    """
    wanted = {name for column in loose for name in counter_names(column.prefix, column.hint)}
    names = [column.name for column in loose]
    names += [column.name for column in events if column.dtype.kind in "iu" and column.name in wanted]
    hashes = {name: hashlib.sha256() for name in names}
    if loose and read_counts is not None:
        for name, counts in read_counts(names):
            hashes[name].update(counts.astype(np.int64).tobytes())
    return {name: digest.digest() for name, digest in hashes.items()}


def _collection_name(members: Sequence[Jagged]) -> str:
    """What the columns of a collection have in common in their names, or else what its counter counts."""
    names = [member.name for member in members]
    prefixes = {member.prefix for member in members}
    counter = members[0].counter
    if len(prefixes) == 1 and not (counter and prefixes <= set(names)):
        return prefixes.pop()
    return re.sub(r"^[nN]_?(?=[^_])|_size$", "", counter.rpartition("/")[2])


def unique(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it where it is taken."""
    number = 2
    candidate = name
    while candidate in taken:
        candidate = f"{name}_{number}"
        number += 1
    return candidate


def make_batch(selection: Schema, arrays: Mapping[str, NDArray[np.generic]]) -> Batch:
    """A batch of the arrays that a selection names."""
    return tuple(Table(group, {name: truths(arrays[name]) for name in group.names}) for group in selection.groups)


def truths(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same values, booleans as bytes of 0 and 1: a file may have others, as of memory that nobody set, all true."""
    if values.dtype != np.bool_:
        return values
    stored = values.view(np.uint8)
    return values if stored.max(initial=0) <= 1 else stored != 0


def columns_to_read(schema: Schema, selection: Schema) -> list[str]:
    """The columns of the source that a selection needs: an implied counter is read off a column that it counts."""
    implied = {column.name for column in selection.columns if column.implied}
    counted = {group.counter for group in selection.groups[1:]}
    names = [name for name in selection.order if name not in implied]
    names += [group.names[0] for group in schema.groups[1:] if group.counter in implied - counted]
    return names


def batch_from_lists(
    schema: Schema,
    selection: Schema,
    flat: Mapping[str, NDArray[np.generic]],
    lists: Mapping[str, Lists],
    *,
    path: str,
    first_event: int,
) -> Batch:
    """A batch of what `columns_to_read` named: event-level arrays, and lists of the whole schema's collections.

    Raises:
        SourceError: the lists of a column are not as long as its counter says.
    """
    arrays = dict(flat)
    for group in schema.groups[1:]:
        for name in group.names:
            if name not in lists:
                continue
            counts, arrays[name] = lists[name]
            counter = str(group.counter)
            if counter not in arrays:
                arrays[counter] = counts.astype(np.int32)
            check_counts(arrays[counter], counts, path=path, column=name, counter=counter, first_event=first_event)
    return make_batch(selection, arrays)


def check_counts(
    expected: NDArray[np.generic],
    counts: NDArray[np.generic],
    *,
    path: str,
    column: str,
    counter: str,
    first_event: int,
) -> None:
    """Check that the lengths of a column's lists are what its counter says.

    Raises:
        SourceError: they differ; it names the first such event.
    """
    wrong = np.flatnonzero(expected != counts)
    if len(wrong):
        i = int(wrong[0])
        raise SourceError(
            "the lengths of the lists differ from their counter",
            path=path,
            column=column,
            rows=f"event {first_event + i}",
            found=f"{counts[i]} values",
            expected=f"{counter} = {expected[i]}",
        )


def missing(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """The rows of a column of text that have no value, int64."""
    return np.flatnonzero([value is None for value in values.tolist()])


def check_names(path: str, names: Iterable[str], what: str) -> None:
    """Check that no name is empty or occurs twice.

    Raises:
        SourceError: a name is empty or occurs twice.
    """
    names = list(names)
    empty = [str(i + 1) for i, name in enumerate(names) if not name.strip()]
    if empty:
        raise SourceError(f"{what} without a name: number {listed(empty)}", path=path, way_out="Give each a name")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise SourceError(f"{what} with the same name: {listed(twice)}", path=path, way_out="Rename one of them")
