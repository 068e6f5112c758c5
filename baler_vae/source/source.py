"""What every reader returns, and how readers and writers report failures."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from baler_vae.errors import BalerError, OutputError, SourceError, listed
from baler_vae.source.dialect import DialectOptions
from baler_vae.source.matching import conversion, has_columns, match_schema
from baler_vae.table.padding import collected, matched_collections, spread, with_features, without_collections
from baler_vae.table.schema import Schema, array_of, matches
from baler_vae.table.table import TEXT_BYTES, Batch, Table, empty_batch

STEP_EVENTS = 65_536
"""The most events that are read at once."""
STEP_BYTES = 64 << 20
"""About how many bytes of values are read at once."""

_REPORT = re.compile(
    r"""
    (?: (?<=[.;,!?]) \s* | \s* \( | ^ )  # from the beginning of a clause on
    [^.;,!?(]* (?: please \s (?:report|file|open|submit|add|contact)
                | (?:file|open|submit) \s an \s issue | bug \s report | report \s (?:this|it) \b
                | (?:has|have) \s been \s reported | github\.com/\S+/issues )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BARE = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError)
_IN_FILES = "Choose columns without them with --columns GLOB, or leave them out with --skip-unreadable"
_IN_MEMORY = "Choose columns without them with columns=..., or leave them out with skip_unreadable=True"
_MOST_NAMED = 8
"""The most columns that a sentence lists individually."""
_EXAMPLES, _MOST_KINDS, _LONGEST = 3, 6, 60
"""Where there are more: the columns that it names for a kind of reason, the kinds, and the characters of a reason."""

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
    called again, and starts over each time. `unsupported` names the columns that cannot be read, each with the reason.
    `event_bytes` is about how many bytes an event takes by column, where that is not the size of one value.
    `extras` gives what the file holds besides its columns, in a form of its format's own, or nothing; `extra_bytes`
    gives the size of each thing there. `notes` are sentences on how the file was understood, for the user.
    `empty(selection)` is a batch without events, whose nested columns have their types where the file tells those.
    `dialect` is what the user said of how a text is written. Where earlier versions had other rows of a file, or kept
    arrays besides the columns that are columns now, `earlier` gives the source as those would.
    The schema may have padded collections: `batches` reads the arrays that these are made of, but for sources with
    `has_collections`, which hold them as they are.
    """

    path: str
    schema: Schema
    n_events: int
    batches: Read
    unsupported: Mapping[str, str] = field(default_factory=dict)
    event_bytes: Mapping[str, float] = field(default_factory=dict)
    extras: Callable[[], bytes] = bytes
    extra_bytes: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    empty: Callable[[Schema], Batch] = empty_batch
    dialect: DialectOptions | None = None
    earlier: "Callable[[], Source] | None" = None
    has_collections: bool = False

    def read(self, selection: Schema, ranges: Ranges | None = None) -> Iterator[Batch]:
        """The batches of a selection, or of ranges of its events, of about 64 MB and at most 65,536 events each."""
        return self.read_in_steps(selection, step_for(self.bytes_of_event(selection)), ranges)

    def bytes_of_event(self, selection: Schema) -> float:
        """About how many bytes the values of a selection take in an event."""
        return sum(
            self.event_bytes.get(column.name, column.dtype.itemsize * column.n_cells)
            + (0 if column.is_number else TEXT_BYTES)
            for column in without_collections(selection, whole=True).columns
        )

    def read_in_steps(self, selection: Schema, step: int, ranges: Ranges | None = None) -> Iterator[Batch]:
        """The batches of a selection of at most `step` events each. It may ask where values of columns are missing of
        which none is missing here, for arrays as nested columns or as a column for each element, and for other padded
        collections or none.
        """
        if (self.schema.padded or selection.padded) and not self._holds(selection):
            for batch in self.arrays.read_in_steps(without_collections(selection, whole=True), step, ranges):
                yield collected(batch, selection)
            return
        made = conversion(self.schema, selection)
        if made is None:
            yield from self.batches(selection, step, ranges)
            return
        for batch in self.batches(made.own, step, ranges):
            yield made.batch(batch)

    def _holds(self, selection: Schema) -> bool:
        """Whether `batches` gives a selection with its padded collections as they are."""
        own = self.schema
        if not self.has_collections or not set(selection.padded) <= set(own.padded):
            return False
        return set(selection.order) <= set(own.order)

    @property
    def arrays(self) -> "Source":
        """The source without padded collections: arrays in their place."""
        if not self.schema.padded:
            return self
        own = replace(self, schema=without_collections(self.schema), has_collections=False)
        return replace(own, batches=self._spread) if self.has_collections else own

    def _spread(self, selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        """The batches of a selection of arrays, of a source that has them as padded collections."""
        own = self.schema.only(with_features(self.schema, selection))
        for batch in self.batches(own, step, ranges):
            tables = {table.group.name: table for table in spread(batch, own)}
            yield tuple(
                Table(group, {name: tables[group.name][name] for name in group.names}) for group in selection.groups
            )

    def typed_empty(self, selection: Schema) -> Batch:
        """A batch without events of a selection, as `empty` gives it."""
        if not selection.padded or self._holds(selection):
            return self.empty(selection)
        return collected(self.empty(without_collections(selection, whole=True)), selection)

    def select(self, patterns: Sequence[str] = (), *, skip_unreadable: bool = False) -> Schema:
        """The schema of the columns that match a glob, with the counters they need; no pattern means all columns. With
        `skip_unreadable` those that cannot be read are left out.

        Raises:
            SourceError: an unsupported column is among them, or there is no column at all.
            UsageError: a pattern matches nothing.
        """
        refused = self.skipped(patterns)
        if refused and not skip_unreadable:
            raise SourceError(
                f"unsupported columns: {summary(refused)}",
                path=self.path,
                way_out=_IN_MEMORY if self.schema.origin.format == "memory" else _IN_FILES,
            )
        # Arrays that have another shape in another file are columns of the first one, and refused all the same.
        elements = {name for array in self.schema.arrays for name in array.columns}
        lost = {name for name in self.schema.order if name in refused and name not in elements}
        known = [name for name in self.schema.order if name not in lost and array_of(name) not in refused]
        if not known:
            why = f" that can be read: {summary(refused)}" if refused else ""
            why = why or (f", only extras: {', '.join(self.extra_bytes)}" if self.extra_bytes else "")
            raise SourceError(f"holds no columns{why}", path=self.path)
        if patterns and refused and not any(matches(n, p) for n in known for p in patterns):
            raise SourceError(f"none of these columns is supported: {summary(refused)}", path=self.path)
        schema = self.schema if len(known) == len(self.schema.order) else self.schema.only(known)
        return schema.select(patterns)

    def skipped(self, patterns: Sequence[str] = ()) -> dict[str, str]:
        """The columns that match a glob and cannot be read, each with the reason."""
        return {
            name: why
            for name, why in self.unsupported.items()
            if not patterns or any(matches(name, pattern) for pattern in patterns)
        }

    def match(self, wanted: Schema, owner: str, way_out: str) -> Schema:
        """The schema of the columns of `wanted` in this source: groups and columns in its order, titles and origin the
        source's; values may be missing where they may in `wanted`, and arrays are nested or a column for each element
        where they are there. `owner` names in errors what needs the columns.

        Raises:
            UsageError: a column is missing, has another dtype or shape, or is in another collection; it ends with
                `way_out`.
        """
        if (self.schema.padded or wanted.padded) and not self._holds(wanted):
            arrays = self.arrays.match(without_collections(wanted, whole=True), owner, way_out)
            return matched_collections(arrays, wanted)
        return match_schema(self.schema, wanted, path=self.path, owner=owner, way_out=way_out)

    def as_in(self, wanted: Schema) -> "Source":
        """The source itself; as earlier versions read it, where only that has the columns of `wanted`."""
        arrays = without_collections(wanted, whole=True)
        if self.earlier is None or has_columns(self.arrays.schema, arrays):
            return self
        earlier = self.earlier()
        return earlier if has_columns(earlier.schema, arrays) else self


@dataclass(frozen=True)
class Tables:
    """The tables of a file by the names that `open_source` takes behind a colon, in the order of the file, and by name
    what else it holds, each with what it is.
    """

    names: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Content:
    """One of several tables that are written into a file: its origin names it."""

    schema: Schema
    batches: Iterable[Batch]
    extras: bytes = b""
    n_rows: Mapping[str, int] | None = None


def summary(reasons: Mapping[str, str]) -> str:
    """Columns, each with what is said of it. Where they are many, each kind of reason, which
    stands before the first `: `, with how many there are and a few of them.
    """
    if len(reasons) <= _MOST_NAMED:
        return ", ".join(f"{name} ({why})" for name, why in reasons.items())
    kinds: dict[str, dict[str, str]] = {}
    for name, why in reasons.items():
        kind, _, detail = why.partition(": ")
        kinds.setdefault(kind, {})[name] = detail
    ordered = sorted(kinds.items(), key=lambda item: -len(item[1]))
    parts = [f"{kind}: {_counted(len(own))} ({_examples(own)})" for kind, own in ordered[:_MOST_KINDS]]
    others = sum(len(own) for _, own in ordered[_MOST_KINDS:])
    return "; ".join([*parts, f"other reasons: {_counted(others)}"] if others else parts)


def _examples(details: Mapping[str, str]) -> str:
    """A few columns with what is said of each, preferably without repeating a detail."""
    firsts = {detail: name for name, detail in reversed(list(details.items()))}
    chosen = [name for name, detail in details.items() if firsts[detail] == name][:_EXAMPLES]
    chosen += [name for name in details if name not in chosen][: _EXAMPLES - len(chosen)]
    named = [f"{name}: {_shortened(details[name])}" if details[name] else name for name in chosen]
    return listed([*named, *(name for name in details if name not in chosen)], len(named))


def _counted(n_columns: int) -> str:
    return f"{n_columns:,} column{'s' if n_columns > 1 else ''}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


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
def reading(path: str, kind: str, *failures: type[Exception], column: str | None = None) -> Iterator[None]:
    """A context in which the failures of a library become a `SourceError` for the file of that kind at `path`, and for
    the `column` of it that is read.
    """
    try:
        yield
    except BalerError:
        raise
    except failures as error:
        way_out = "Choose columns without it with --columns GLOB" if column else None
        raise SourceError(
            f"cannot be read as {kind}: {reason(error)}", path=path, column=column, way_out=way_out
        ) from error


@contextmanager
def any_failure(path: str) -> Iterator[None]:
    """A context in which any other exception becomes a `SourceError`: on damaged bytes libraries may raise
    anything.
    """
    try:
        yield
    except BalerError:
        raise
    except MemoryError as error:
        raise SourceError(
            "needs more memory than is available", path=path, way_out="Choose fewer columns with --columns"
        ) from error
    except Exception as error:
        what = f"cannot be read: damaged or unsupported ({reason(error)})"
        raise SourceError(what, path=path) from error


def guarded(source: Source) -> Source:
    """The same source, in which `any_failure` holds for all that is read later."""

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        with any_failure(source.path):
            yield from source.batches(selection, step, ranges)

    def extras() -> bytes:
        with any_failure(source.path):
            return source.extras()

    def earlier() -> Source:
        with any_failure(source.path):
            return source if source.earlier is None else guarded(source.earlier())

    return replace(source, batches=batches, extras=extras, earlier=source.earlier and earlier)


@contextmanager
def writing(kind: str, *failures: type[Exception]) -> Iterator[None]:
    """A context in which what a library cannot write becomes an `OutputError`; the file is named by `write_file`."""
    try:
        yield
    except BalerError:
        raise
    except failures as error:
        raise OutputError(f"cannot be written as {kind}: {reason(error)}") from error


def refuse_arrays(schema: Schema, kind: str) -> None:
    """Check that there are no array columns, which files of this kind cannot hold.

    Raises:
        OutputError: there are columns of such arrays.
    """
    arrays = [f"{column.name} ({column.kind})" for column in schema.columns if column.is_array]
    if arrays:
        raise OutputError(
            f"{kind} cannot hold array columns: {listed(arrays)}",
            way_out="Write .parquet, .root, .h5 or .npz, or choose columns without them",
        )


def refuse_nested(schema: Schema, kind: str) -> None:
    """Check that there are no nested columns, which files of this kind cannot hold.

    Raises:
        OutputError: there are such columns.
    """
    nested = [column.name for column in schema.columns if column.is_nested]
    if nested:
        raise OutputError(
            f"{kind} cannot hold nested columns: {listed(nested)}",
            way_out="Write .parquet, or an RNTuple (.root with --rntuple), or choose columns without them",
        )


def reason(error: Exception) -> str:
    """Why a library failed, in one line: its message, without the request to report a bug, which is not the user's.
    Where the message alone means nothing, the name of the error precedes it.
    """
    text = str(error).strip()
    line = _REPORT.split(text.splitlines()[0], maxsplit=1)[0].strip(" .;,:(") if text else ""
    name = type(error).__name__
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, _BARE):
        return f"{name}: {line}" if line else name
    return line or name
