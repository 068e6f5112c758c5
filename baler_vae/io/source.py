"""What every reader hands on, and how it and the writers speak of failures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from baler_vae.errors import BalerError, OutputError, SourceError, UsageError, nearest
from baler_vae.io.dialect import DialectOptions
from baler_vae.table.schema import Group, Schema, matches
from baler_vae.table.table import TEXT_BYTES, Batch, Table

STEP_EVENTS = 65_536
"""The most events that are read at once."""
STEP_BYTES = 64 << 20
"""About how many bytes of values are read at once."""

Ranges = Sequence[tuple[int, int]]
"""Ranges of events, first and end of each, in rising order and apart from each other."""


class Read(Protocol):
    """Reads a selection of columns in batches of at most so many events: all of them, or only those of some ranges,
    no batch with events of two.
    """

    def __call__(self, selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]: ...


@dataclass(frozen=True)
class Source:
    """An open input: its schema, its number of events, and a way to read a selection of columns in batches.

    `batches(selection, step)` yields batches of at most `step` events; `selection` is what `select` returns. It can be
    called again and starts anew each time. `unsupported` names the columns that cannot be read, each with the reason.
    `event_bytes` is about how many bytes an event takes by column, where that is not the size of one value.
    `extras` gives what the file holds beside its columns, in a form of its format's own, or nothing; `beside` names
    what of that takes bytes, with how many. `notes` are sentences on how the file was understood, for the user;
    `dialect` is what the user said of how it is written.
    """

    path: str
    schema: Schema
    n_events: int
    batches: Read
    unsupported: Mapping[str, str] = field(default_factory=dict)
    event_bytes: Mapping[str, float] = field(default_factory=dict)
    extras: Callable[[], bytes] = bytes
    beside: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dialect: DialectOptions | None = None

    def read(self, selection: Schema, ranges: Ranges | None = None) -> Iterator[Batch]:
        """The batches of a selection, or of ranges of its events, of about 64 MB and at most 65,536 events each."""
        n_bytes = sum(
            self.event_bytes.get(column.name, column.dtype.itemsize) + (0 if column.is_number else TEXT_BYTES)
            for column in selection.columns
        )
        return self.read_in_steps(selection, step_for(n_bytes), ranges)

    def read_in_steps(self, selection: Schema, step: int, ranges: Ranges | None = None) -> Iterator[Batch]:
        """The batches of a selection of at most `step` events each. It may ask where values of columns are missing of
        which none is missing here.
        """
        lacking = {mask.missing for mask in selection.masks if mask not in self.schema.masks}
        if not lacking:
            yield from self.batches(selection, step, ranges)
            return
        own = replace(
            selection,
            groups=tuple(
                replace(group, columns=tuple(c for c in group.columns if c.name not in lacking))
                for group in selection.groups
            ),
            order=tuple(name for name in selection.order if name not in lacking),
            masks=tuple(mask for mask in selection.masks if mask.missing not in lacking),
        )
        for batch in self.batches(own, step, ranges):
            yield tuple(
                Table(
                    group,
                    {
                        name: np.zeros(table.n_rows, np.bool_) if name in lacking else table[name]
                        for name in group.names
                    },
                )
                for group, table in zip(selection.groups, batch, strict=True)
            )

    def select(self, patterns: Sequence[str] = (), *, skip_unreadable: bool = False) -> Schema:
        """The schema of the columns that match a glob, with the counters they need; no pattern means all columns. With
        `skip_unreadable` those that cannot be read are left out.

        Raises:
            SourceError: an unsupported column is among them, or there is no column at all.
            UsageError: a pattern matches nothing.
        """
        refused = [f"{name} ({why})" for name, why in self.skipped(patterns).items()]
        if refused and not skip_unreadable:
            more = f" and {len(refused) - 8} more" if len(refused) > 8 else ""
            raise SourceError(
                f"unsupported columns: {', '.join(refused[:8])}{more}",
                path=self.path,
                way_out="Choose columns without them with --columns GLOB, or leave them out with --skip-unreadable",
            )
        if not self.schema.order:
            raise SourceError("holds no columns", path=self.path)
        return self.schema.select(patterns)

    def skipped(self, patterns: Sequence[str] = ()) -> dict[str, str]:
        """The columns that match a glob and cannot be read, each with the reason."""
        return {
            name: why
            for name, why in self.unsupported.items()
            if not patterns or any(matches(name, pattern) for pattern in patterns)
        }

    def match(self, wanted: Schema, owner: str, way_out: str) -> Schema:
        """The schema of the columns of `wanted` in this source: groups and columns in its order, titles and origin the
        source's; values may be missing where they may in `wanted`. `owner` names in errors what needs the columns.

        Raises:
            UsageError: a column is missing, has another dtype, or is in another collection; it ends with `way_out`.
        """
        own = self.schema.optional([mask.values for mask in wanted.masks])
        theirs = {column.name: column for column in own.columns}
        for column in wanted.columns:
            if column.name not in theirs:
                raise UsageError(
                    f"{owner} has a column that is not there: {nearest(column.name, theirs)}",
                    path=self.path,
                    column=column.name,
                    way_out=way_out,
                )
            if theirs[column.name].dtype != column.dtype:
                raise UsageError(
                    f"{owner} has another dtype",
                    path=self.path,
                    column=column.name,
                    found=theirs[column.name].kind,
                    expected=column.kind,
                    way_out=way_out,
                )
        for group in wanted.groups:
            for name in group.names:
                counter = own.group_of(name).counter
                if counter != group.counter:
                    raise UsageError(
                        f"{owner} has it in another collection",
                        path=self.path,
                        column=name,
                        found=f"counter {counter!r}",
                        expected=f"counter {group.counter!r}",
                        way_out=way_out,
                    )
        for mask in self.schema.masks:
            if mask.values in wanted.order and mask not in wanted.masks:
                raise UsageError(
                    f"{owner} has no place for missing values, which this file has",
                    path=self.path,
                    column=mask.values,
                    way_out=way_out,
                )
        groups = tuple(
            Group(group.name, tuple(theirs[name] for name in group.names), group.counter) for group in wanted.groups
        )
        order = tuple(name for name in own.order if name in wanted.order)
        return Schema(groups, order, self.schema.origin, wanted.arrays, wanted.masks)


def step_for(event_bytes: float) -> int:
    """The number of events to be read at once where each takes so many bytes."""
    return max(1, min(STEP_EVENTS, int(STEP_BYTES / max(1.0, event_bytes))))


def in_steps(n_events: int, step: int, ranges: Ranges | None) -> Iterator[tuple[int, int]]:
    """The first event and the end of each batch: of all events, or of those of some ranges."""
    for start, stop in [(0, n_events)] if ranges is None else ranges:
        for first in range(start, stop, step):
            yield first, min(first + step, stop)


def overlaps(first: int, n_events: int, ranges: Ranges | None) -> Iterator[tuple[int, int]]:
    """The parts of ranges that lie in the `n_events` events from `first` on, counted from there; all without ranges."""
    for start, stop in [(first, first + n_events)] if ranges is None else ranges:
        low, high = max(start, first), min(stop, first + n_events)
        if low < high:
            yield low - first, high - first


@contextmanager
def reading(path: str, kind: str, *failures: type[Exception]) -> Iterator[None]:
    """A block in which the failures of a library become a `SourceError` for the file of that kind at `path`."""
    try:
        yield
    except BalerError:
        raise
    except failures as error:
        raise SourceError(f"cannot be read as {kind}: {_first_line(error)}", path=path) from error


@contextmanager
def writing(kind: str, *failures: type[Exception]) -> Iterator[None]:
    """A block in which what a library cannot write becomes an `OutputError`; the file is named by `write_file`."""
    try:
        yield
    except BalerError:
        raise
    except failures as error:
        raise OutputError(f"cannot be written as {kind}: {_first_line(error)}") from error


def refuse_nested(schema: Schema, kind: str) -> None:
    """Nothing, where a file of a kind that holds no nested columns can be written.

    Raises:
        OutputError: there are such columns.
    """
    nested = [column.name for column in schema.columns if column.is_nested]
    if nested:
        raise OutputError(
            f"{kind} holds no nested columns, as there are: {', '.join(nested)}",
            way_out="Write .parquet, or an RNTuple (.root with --rntuple), or choose columns without them",
        )


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
