"""Names, dtypes and grouping of the columns of an ntuple."""

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal

import numpy as np

from baler_vae.errors import UsageError, nearest
from baler_vae.table.padded import MOST_CELLS, MOST_COLUMNS, PaddedCollection, check_padded
from baler_vae.table.projected import ProjectedCollection

Format = Literal["root", "csv", "parquet", "hdf5", "npz", "npy", "feather", "memory"]

TEXT = np.dtype(object)
"""The dtype of a column of strings (`str`, or `None` where the source has no value)."""

NESTED = np.dtype("V")
"""The dtype of a column of lists in lists, lists of strings, records and the like, kept as a `Nested`."""

MOST_AXES = 31
"""The most axes of the array in each row of a column: with that of the rows, numpy's maximum."""

_ELEMENT = re.compile(r"(.+?)(?:(?:\[\d+\])+|\[:(?:,\d+)+\])")


@dataclass(frozen=True)
class Column:
    """One column of a group.

    `dtype` is in native byte order: bool, any integer or float width, `TEXT` or `NESTED`. `title` and `typename` are
    what the source says of the column. `implied` marks a counter that the source does not store as a column of its own
    (the lengths of a Parquet list, say). With a `shape`, each row holds an array of that shape: values are (rows,
    *shape), and the dtype is that of the cells.
    """

    name: str
    dtype: np.dtype[Any]
    title: str = ""
    typename: str = ""
    implied: bool = False
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.shape and (not self.is_number or not is_possible_shape(self.shape)):
            raise ValueError(f"column {self.name!r} of {self.dtype} cannot have the shape {self.shape[:4]}")

    @property
    def is_array(self) -> bool:
        """Whether each row holds an array of numbers in place of a value."""
        return bool(self.shape)

    @property
    def n_cells(self) -> int:
        """The number of values in each row."""
        return math.prod(self.shape)

    @property
    def is_scalar(self) -> bool:
        """Whether each row holds one number."""
        return self.is_number and not self.shape

    @property
    def is_float(self) -> bool:
        """Whether the values, or the cells of arrays, are floats."""
        return self.dtype.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether the values, or the cells of arrays, are integers or booleans."""
        return self.dtype.kind in "iub"

    @property
    def is_text(self) -> bool:
        return self.dtype == TEXT

    @property
    def is_nested(self) -> bool:
        return self.dtype == NESTED

    @property
    def is_number(self) -> bool:
        """Whether the column holds floats, integers or booleans, or arrays of them."""
        return self.is_float or self.is_integer

    @property
    def dtype_name(self) -> str:
        """The name of the dtype: `float32`, `text`, `nested`."""
        return "text" if self.is_text else "nested" if self.is_nested else self.dtype.name

    @property
    def kind(self) -> str:
        """The name of the dtype, with the shape of arrays: `float32[30, 30]`."""
        return kind_text(self.dtype_name, self.shape)


@dataclass(frozen=True)
class Group:
    """Columns of equal length: the event-level columns, or one jagged collection.

    `counter` names the event-level column that holds the number of rows in each event; it is None for the event-level
    group itself.
    """

    name: str
    columns: tuple[Column, ...]
    counter: str | None = None

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class Origin:
    """Where a table came from: its format, the tree, HDF5 group or npz key, its title, of an n-dimensional array the
    leading axes that rows were made of, of a ROOT file whether it is an RNTuple, (`lzma:9`) how it is compressed, and
    of which lists of records its branches are projections.
    """

    format: Format
    name: str = ""
    title: str = ""
    shape: tuple[int, ...] = ()
    rntuple: bool = False
    compression: str = ""
    collections: tuple[ProjectedCollection, ...] = ()

    def of_any_file(self) -> "Origin":
        """The same without what is of one file, not of what is known about others of its kind."""
        return replace(self, compression="", collections=())


@dataclass(frozen=True)
class FixedArray:
    """A branch of an array of one `shape` in each row; `columns` of one group and dtype, in C order, are its cells."""

    name: str
    shape: tuple[int, ...]
    columns: tuple[str, ...]
    title: str = ""
    typename: str = ""

    def __post_init__(self) -> None:
        if self.columns != element_names(self.name, self.shape):
            raise ValueError(f"an array {self.name!r} of shape {self.shape} has elements {self.columns[:4]}")


@dataclass(frozen=True)
class Mask:
    """Where values are missing: `missing` is a column of booleans, true where the column `values` of the same group has
    no value. What stands there is 0, false or NaN, and means nothing.
    """

    values: str
    missing: str


@dataclass(frozen=True)
class Schema:
    """The groups of an ntuple, event-level columns first, the order of the columns in the source, which of them are the
    elements of arrays, which say where values of others are missing, and the groups that were made of padded arrays.
    """

    groups: tuple[Group, ...]
    order: tuple[str, ...]
    origin: Origin
    arrays: tuple[FixedArray, ...] = ()
    masks: tuple[Mask, ...] = ()
    padded: tuple[PaddedCollection, ...] = ()

    def __post_init__(self) -> None:
        if not self.groups or self.groups[0].counter is not None:
            raise ValueError("the first group of a schema holds the event-level columns")
        names = [name for group in self.groups for name in group.names]
        if sorted(names) != sorted(self.order) or len(set(names)) != len(names):
            raise ValueError("the order of a schema lists every column once")
        for group in self.groups[1:]:
            counter = [column for column in self.events.columns if column.name == group.counter]
            if not counter or counter[0].dtype.kind not in "iu" or counter[0].is_array:
                raise ValueError(f"the counter of group {group.name!r} is not an event-level column of integers")
            if any(column.is_nested or column.is_array for column in group.columns):
                raise ValueError(f"group {group.name!r} has nested columns or arrays, which only events can have")
        for array in self.arrays:
            homes = {group.name for group in self.groups for name in group.names if name in array.columns}
            dtypes = {column.dtype for group in self.groups for column in group.columns if column.name in array.columns}
            if not set(array.columns) <= set(names) or len(homes) != 1 or len(dtypes) != 1 or array.name in names:
                raise ValueError(f"the elements of the array {array.name!r} are not columns of one group and one dtype")
            shaped = any(column.is_array for column in self.columns if column.name in array.columns)
            if dtypes & {TEXT, NESTED} or shaped:
                raise ValueError(f"the elements of the array {array.name!r} are not numbers")
        if len({array.name for array in self.arrays}) != len(self.arrays):
            raise ValueError("two arrays have the same name")
        self._check_masks()
        self._check_padded()

    def _check_padded(self) -> None:
        others = {name for mask in self.masks for name in (mask.values, mask.missing)}
        others |= {name for array in self.arrays for name in array.columns}
        groups = {group.name: (group.counter, {(c.name, c.dtype) for c in group.columns}) for group in self.groups}
        counters = {c.name for c in self.events.columns if c.dtype.kind in "iu" and not c.is_array}
        check_padded(self.padded, groups, counters, others)

    def _check_masks(self) -> None:
        paired = [name for mask in self.masks for name in (mask.values, mask.missing)]
        elements = {name for array in self.arrays for name in array.columns}
        counters = {group.counter for group in self.groups}
        if len(set(paired)) != len(paired) or set(paired) & (elements | counters):
            raise ValueError("a column that may be missing, or says where another is, has another part too")
        for mask in self.masks:
            homes = [group for group in self.groups if {mask.values, mask.missing} <= set(group.names)]
            if len(homes) != 1:
                raise ValueError(f"{mask.missing!r} and {mask.values!r} are not columns of one group")
            values, missing = homes[0].column(mask.values), homes[0].column(mask.missing)
            if missing.dtype != np.bool_ or missing.is_array or not values.is_scalar:
                raise ValueError(f"{mask.missing!r} does not say where numbers of {mask.values!r} are missing")

    @property
    def events(self) -> Group:
        """The group of the event-level columns."""
        return self.groups[0]

    @property
    def is_jagged(self) -> bool:
        return len(self.groups) > 1

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, in the order of the source."""
        by_name = {column.name: column for group in self.groups for column in group.columns}
        return tuple(by_name[name] for name in self.order)

    def optional(self, names: Collection[str]) -> "Schema":
        """The schema in which values of these columns may be missing too, as far as it has them, and as numbers."""
        others: set[str | None] = {name for mask in self.masks for name in (mask.values, mask.missing)}
        others |= {group.counter for group in self.groups} | {name for array in self.arrays for name in array.columns}
        added = {
            column.name: Column(mask_name(column.name), np.dtype(np.bool_))
            for column in self.columns
            if column.name in names and column.is_scalar and not {column.name, mask_name(column.name)} & others
        }

        def with_masks(group: Group) -> Group:
            pairs = ((added.get(column.name), column) for column in group.columns)
            return replace(group, columns=tuple(column for pair in pairs for column in pair if column is not None))

        pairs = ((added[name].name, name) if name in added else (name,) for name in self.order)
        return replace(
            self,
            groups=tuple(map(with_masks, self.groups)),
            order=tuple(name for pair in pairs for name in pair),
            masks=(*self.masks, *(Mask(name, column.name) for name, column in added.items())),
        )

    def nested(self, names: Collection[str]) -> "Schema":
        """The schema in which columns of arrays with these names are nested, as older archives have them."""

        def without_shapes(group: Group) -> Group:
            chosen = {column.name for column in group.columns if column.is_array} & set(names)
            columns = (replace(c, dtype=NESTED, shape=()) if c.name in chosen else c for c in group.columns)
            return replace(group, columns=tuple(columns))

        return replace(self, groups=tuple(map(without_shapes, self.groups)))

    def split(self, names: Collection[str]) -> "Schema":
        """The schema in which the elements of arrays with these names are a column each, as older archives have them:
        of those that have few enough.
        """
        few = [c for c in self.events.columns if c.is_array and c.name in names and c.n_cells <= MOST_COLUMNS]
        split = {c.name: FixedArray(c.name, c.shape, element_names(c.name, c.shape), c.title, c.typename) for c in few}
        taken = set(self.order)
        split = {name: array for name, array in split.items() if not taken & set(array.columns)}
        if not split:
            return self
        columns = tuple(
            replace(column, name=name, title="", typename="", shape=()) if column.name in split else column
            for column in self.events.columns
            for name in (split[column.name].columns if column.name in split else (column.name,))
        )
        order = tuple(own for name in self.order for own in (split[name].columns if name in split else (name,)))
        groups = (replace(self.events, columns=columns), *self.groups[1:])
        return replace(self, groups=groups, order=order, arrays=(*self.arrays, *split.values()))

    def group_of(self, name: str) -> Group:
        """The group that holds a column.

        Raises:
            UsageError: there is no such column.
        """
        for group in self.groups:
            if name in group.names:
                return group
        raise UsageError(f"there is no column {name!r}: {nearest(name, self.order)}", column=name)

    def group_number(self, name: str) -> int:
        """The place of the group of that name."""
        return [group.name for group in self.groups].index(name)

    def select(self, patterns: Sequence[str]) -> "Schema":
        """The schema of the columns that match a glob, and of the counters that their groups need.

        An empty `patterns` selects everything.

        Raises:
            UsageError: a pattern matches nothing.
        """
        if not patterns:
            return self
        return self.only({name for pattern in patterns for name in match_columns(pattern, self.order)})

    def only(self, wanted: Collection[str]) -> "Schema":
        """The schema of the columns of these names, of the counters that their groups need, and of what says where
        their values are missing.
        """
        masks = tuple(mask for mask in self.masks if {mask.values, mask.missing} & set(wanted))
        wanted = {*wanted, *(name for mask in masks for name in (mask.values, mask.missing))}
        parts = [replace(g, columns=tuple(c for c in g.columns if c.name in wanted)) for g in self.groups[1:]]
        kept = [group for group in parts if group.columns]
        needed = wanted | {str(group.counter) for group in kept}
        events = replace(self.events, columns=tuple(c for c in self.events.columns if c.name in needed))
        names = {name for group in [events, *kept] for name in group.names}
        return replace(
            self,
            groups=(events, *kept),
            order=tuple(name for name in self.order if name in names),
            arrays=tuple(array for array in self.arrays if set(array.columns) <= names),
            masks=masks,
            padded=tuple(made for made in self.padded if made.counter in events.names),
        )


def is_possible_shape(shape: Sequence[int]) -> bool:
    """Whether the rows of a column may hold arrays of that shape."""
    return 0 < len(shape) <= MOST_AXES and min(shape) > 0 and math.prod(shape) <= MOST_CELLS


def kind_text(dtype: str, shape: Sequence[int]) -> str:
    """How a dtype and a shape are shown: `float32`, `float32[30, 30]`."""
    return f"{dtype}[{', '.join(map(str, shape))}]" if shape else dtype


def element_names(name: str, shape: Sequence[int]) -> tuple[str, ...]:
    """The columns of an array of some shape, in C order: `x[0]`, `x[1]`; `x[0][0]` and so on."""
    return tuple(name + "".join(f"[{i}]" for i in place) for place in np.ndindex(*shape))


def mask_name(name: str) -> str:
    """The mask: the column that says where values of another are missing."""
    return f"{name}[missing]"


def matches(name: str, pattern: str) -> bool:
    """Whether a glob matches a name or that of its array, case-sensitively; a name matches itself, whatever it is."""
    if name == pattern or fnmatchcase(name, pattern):
        return True
    array = array_of(name)
    return array is not None and (array == pattern or fnmatchcase(array, pattern))


def array_of(name: str) -> str | None:
    """The array of which a column of that name would be an element, or a feature of its slots."""
    found = _ELEMENT.fullmatch(name)
    return found[1] if found else None


def match_columns(pattern: str, names: Sequence[str]) -> list[str]:
    """The names that a glob matches; only that column, or the elements of that array, where it is a name.

    Raises:
        UsageError: nothing matches.
    """
    matched = [name for name in names if pattern in {name, array_of(name)}]
    matched = matched or [name for name in names if matches(name, pattern)]
    if not matched:
        raise UsageError(f"no column matches {pattern!r}: {nearest(pattern, names)}", column=pattern)
    return matched


def as_tuple(texts: str | Sequence[str]) -> tuple[str, ...]:
    """The texts; a single one need not be in a list."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def common_prefix(name: str) -> str:
    """The collection that a column's name points to: what stands before its last `/`, or else its first `_` or `.`.

    Underscores and dots at the beginning belong to the collection; a name without any separator is its own.
    """
    if "/" in name:
        return name.rpartition("/")[0]
    found = re.match(r"([_.]*[^_.]+)[_.]+[^_.]", name)
    return found[1] if found else name
