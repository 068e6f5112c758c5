"""Names, dtypes and grouping of the columns of an ntuple."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np

from baler_vae.errors import UsageError, nearest

Format = Literal["root", "csv", "parquet", "hdf5", "npz"]

TEXT = np.dtype(object)
"""The dtype of a column of strings (`str`, or `None` where the source has no value)."""


@dataclass(frozen=True)
class Column:
    """One column of a group.

    `dtype` is in native byte order: bool, any integer or float width, or `TEXT`. `title` and `typename` are what the
    source says of the column. `implied` marks a counter that the source does not store as a column of its own (the
    lengths of a Parquet list, say).
    """

    name: str
    dtype: np.dtype[Any]
    title: str = ""
    typename: str = ""
    implied: bool = False

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def is_integer(self) -> bool:
        """Whether the column holds integers or booleans."""
        return self.dtype.kind in "iub"

    @property
    def is_text(self) -> bool:
        return self.dtype == TEXT


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

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class Origin:
    """Where a table came from: its format, the tree, HDF5 group or npz key, its title, and for an n-dimensional
    array the leading axes that its rows were made of.
    """

    format: Format
    name: str = ""
    title: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Schema:
    """The groups of an ntuple, event-level columns first, and the order of the columns in the source."""

    groups: tuple[Group, ...]
    order: tuple[str, ...]
    origin: Origin

    def __post_init__(self) -> None:
        if not self.groups or self.groups[0].counter is not None:
            raise ValueError("the first group of a schema holds the event-level columns")
        names = [name for group in self.groups for name in group.names]
        if sorted(names) != sorted(self.order) or len(set(names)) != len(names):
            raise ValueError("the order of a schema lists every column once")
        for group in self.groups[1:]:
            counter = [column for column in self.events.columns if column.name == group.counter]
            if not counter or counter[0].dtype.kind not in "iu":
                raise ValueError(f"the counter of group {group.name!r} is not an event-level column of integers")

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

    def group_of(self, name: str) -> Group:
        """The group that holds a column.

        Raises:
            UsageError: there is no such column.
        """
        for group in self.groups:
            if name in group.names:
                return group
        raise UsageError(f"there is no column {name!r}: {nearest(name, self.order)}", column=name)

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
        """The schema of the columns of these names, and of the counters that their groups need."""
        kept = [
            replace(group, columns=tuple(column for column in group.columns if column.name in wanted))
            for group in self.groups[1:]
        ]
        kept = [group for group in kept if group.columns]
        counters = {group.counter for group in kept}
        events = replace(
            self.events,
            columns=tuple(c for c in self.events.columns if c.name in wanted or c.name in counters),
        )
        names = {name for group in [events, *kept] for name in group.names}
        return replace(self, groups=(events, *kept), order=tuple(name for name in self.order if name in names))


def matches(name: str, pattern: str) -> bool:
    """Whether a glob matches a name, case-sensitively; a name always matches itself, whatever characters it has."""
    return name == pattern or fnmatchcase(name, pattern)


def match_columns(pattern: str, names: Sequence[str]) -> list[str]:
    """The names that a glob matches.

    Raises:
        UsageError: it matches none.
    """
    matched = [name for name in names if matches(name, pattern)]
    if not matched:
        raise UsageError(f"no column matches {pattern!r}: {nearest(pattern, names)}", column=pattern)
    return matched


def several(texts: str | Sequence[str]) -> tuple[str, ...]:
    """The texts; one alone need not stand in a list."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def common_prefix(name: str) -> str:
    """The collection that a column's name points to: what stands before its last `/`, or else its first `_` or `.`.

    Underscores and dots at the beginning belong to the collection; a name without any separator is its own.
    """
    if "/" in name:
        return name.rpartition("/")[0]
    found = re.match(r"([_.]*[^_.]+)[_.]+[^_.]", name)
    return found[1] if found else name
