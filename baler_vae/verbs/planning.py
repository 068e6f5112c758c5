"""What a request means for each of several tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from baler_vae.errors import BalerError, SourceError, UsageError, listed, nearest
from baler_vae.io.chain import open_sources
from baler_vae.io.files import split_spec, tables_of
from baler_vae.settings.model import ModelSettings
from baler_vae.source.source import Source, Tables
from baler_vae.table.bounds import parse_bound
from baler_vae.table.lists import listed_bounds, listed_columns
from baler_vae.table.schema import matches

_NOT_ASKED_FOR = "it has none of the requested columns"

_Value = TypeVar("_Value")


class Globs:
    """Globs of columns over several tables. Each concerns every table in which it matches; `TABLE:GLOB`, the table a
    name or a glob, only those. Each must match in one of them.
    """

    def __init__(self, patterns: Iterable[str], tables: Sequence[str]) -> None:
        self._tables = {pattern: dict(_places(pattern, tables)) for pattern in patterns}
        self._unused = set(self._tables)
        self._seen: list[str] = []

    def within(self, table: str, columns: Sequence[str]) -> dict[str, str]:
        """The globs that match columns of a table, each under the text that it comes from."""
        self._seen += columns
        found = {}
        for pattern, places in self._tables.items():
            own = places.get(table, pattern) if places else pattern
            if (not places or table in places) and any(matches(column, own) for column in columns):
                found[pattern] = own
                self._unused.discard(pattern)
        return found

    def __bool__(self) -> bool:
        return bool(self._tables)

    def check(self) -> None:
        """Check that every glob matched somewhere.

        Raises:
            UsageError: one did not.
        """
        for pattern in self._tables:
            if pattern in self._unused:
                raise UsageError(
                    f"no column of any table matches {pattern!r}: {nearest(pattern, dict.fromkeys(self._seen))}",
                    column=pattern,
                )


def _places(pattern: str, tables: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The tables that stand before a colon of a pattern, and the glob behind it."""
    for place, letter in enumerate(pattern):
        if letter == ":":
            yield from ((name, pattern[place + 1 :]) for name in tables if fnmatchcase(name, pattern[:place]))


@dataclass(frozen=True)
class Plan:
    """What is asked of one table: where it lies, which columns and bounds concern it, and the settings of its model."""

    name: str
    specs: tuple[str, ...]
    columns: tuple[str, ...]
    bound: tuple[str, ...]
    settings: ModelSettings


def shared_tables(specs: Sequence[str]) -> Tables:
    """The tables of several files, which all have the same ones, and whatever else is in one of them.

    Raises:
        SourceError: a file cannot be read, or has other tables than the first.
        UsageError: a suffix is unknown.
    """
    found = [tables_of(spec) for spec in specs]
    names = found[0].names if found else ("",)
    for spec, other in zip(specs, found, strict=True):
        different = sorted(set(names) ^ set(other.names))
        if different and len(names) > 1:
            raise SourceError(
                f"has other tables than {specs[0]}: {listed(different)}",
                path=spec,
                way_out="Name a table that all files have, after a colon, or leave this file out",
            )
    return Tables(names, {name: why for tables in found for name, why in tables.left_out.items()})


def check_one_table(spec: str) -> None:
    """Check that a file holds one table, or one is named.

    Raises:
        SourceError: it holds several, or cannot be read.
        UsageError: the suffix is unknown.
    """
    names = tables_of(spec).names
    if len(names) > 1:
        raise SourceError(
            f"holds {len(names)} tables: {listed(names)}", path=spec, way_out=f"Name one: {spec}:{names[0]}"
        )


@dataclass(frozen=True)
class Planned:
    """What is to be done with each table; by name the reason why others, and other objects, are left out; and how many
    columns there are in all tables.
    """

    tables: tuple[Plan, ...]
    left_out: Mapping[str, str]
    n_columns: int


def plan_tables(
    specs: Sequence[str],
    tables: Tables,
    *,
    columns: Sequence[str],
    bound: Sequence[str],
    skip_unreadable: bool,
    settings: ModelSettings,
) -> Planned:
    """What a request means for each table. Left out are those that have none of the columns that are asked for, or with
    `skip_unreadable` nothing that can be read.

    Raises:
        SourceError: a table cannot be read, and `skip_unreadable` is false; or none is left.
        UsageError: a glob matches in no table.
    """
    left_out = dict(tables.left_out)
    sources = dict(_opened(specs, tables.names, left_out, skip_unreadable=skip_unreadable))
    known = list(dict.fromkeys(name for source in sources.values() for name in _columns(source)))
    request = _Request(
        tables.names, listed_columns(columns, known), listed_bounds(bound, known), settings, skip_unreadable
    )
    plans = []
    for name, source in sources.items():
        try:
            with in_table(name, specs):
                plan = request.plan(name, _specs(specs, name), source)
        except SourceError as error:
            if not skip_unreadable:
                raise
            left_out[name] = f"unreadable: {error.what}"
            continue
        if plan is None:
            left_out[name] = _NOT_ASKED_FOR
        else:
            plans.append(plan)
    request.check()
    if not plans:
        reasons = listed([f"{name} ({left_out[name]})" for name in tables.names])
        raise SourceError("holds no table that can be read", path=specs[0], found=reasons)
    n_columns = sum(len(_columns(source)) - len(source.schema.masks) for source in sources.values())
    return Planned(tuple(plans), left_out, n_columns)


def _opened(
    specs: Sequence[str], names: Sequence[str], left_out: dict[str, str], *, skip_unreadable: bool
) -> Iterator[tuple[str, Source]]:
    """The tables that can be opened; with `skip_unreadable` the others are added to what is left out."""
    for name in names:
        try:
            with in_table(name, specs):
                yield name, open_sources(_specs(specs, name))
        except SourceError as error:
            if not skip_unreadable:
                raise
            left_out[name] = f"unreadable: {error.what}"


def _specs(specs: Sequence[str], table: str) -> tuple[str, ...]:
    """A table of several files."""
    return tuple(f"{split_spec(spec)[0]}:{table}" for spec in specs)


def _columns(source: Source) -> list[str]:
    return [*source.schema.order, *source.unsupported]


class _Request:
    """What is asked of all tables, and which of its globs matched in one."""

    def __init__(
        self,
        names: Sequence[str],
        columns: Sequence[str],
        bound: Sequence[str],
        settings: ModelSettings,
        skip_unreadable: bool,
    ) -> None:
        self._settings, self._skip_unreadable = settings, skip_unreadable
        self._patterns = {text: parse_bound(text).pattern for text in bound}
        self._columns, self._bounds = Globs(columns, names), Globs(filter(None, self._patterns.values()), names)
        self._weights, self._transforms = Globs(settings.weights, names), Globs(settings.transforms, names)
        self._formulas = Globs(settings.formulas, names)

    def plan(self, name: str, specs: tuple[str, ...], source: Source) -> Plan | None:
        """What it means for a table; None where no glob of columns matches in it."""
        known = list(source.schema.order) if self._skip_unreadable else _columns(source)
        globs = tuple(self._columns.within(name, known).values())
        if self._columns and not globs:
            return None
        schema = source.select(globs, skip_unreadable=self._skip_unreadable)
        bounds = self._bounds.within(name, schema.order)
        floats = [column.name for column in schema.columns if column.is_float and column.is_scalar]
        numbers = [column.name for column in schema.columns if column.is_scalar]
        settings = self._settings
        changes = {
            "weights": _renamed(settings.weights, self._weights.within(name, floats)),
            "transforms": _renamed(settings.transforms, self._transforms.within(name, floats)),
            "formulas": _renamed(settings.formulas, self._formulas.within(name, numbers)),
        }
        texts = tuple(
            text if pattern is None else f"{bounds[pattern]}={text.rpartition('=')[2]}"
            for text, pattern in self._patterns.items()
            if pattern is None or pattern in bounds
        )
        return Plan(name, specs, globs, texts, settings.model_copy(update=changes))

    def check(self) -> None:
        """Raise UsageError where a glob matched in no table."""
        for globs in (self._columns, self._bounds, self._weights, self._transforms, self._formulas):
            globs.check()


def _renamed(values: Mapping[str, _Value], names: Mapping[str, str]) -> dict[str, _Value]:
    """The values of the names that are given, under their new ones."""
    return {names[name]: value for name, value in values.items() if name in names}


@contextmanager
def in_table(name: str, specs: Sequence[str]) -> Iterator[None]:
    """A block in which errors that name one of several files name a table in it too."""
    files = {split_spec(spec)[0] for spec in specs}
    try:
        yield
    except BalerError as error:
        if error.path in files:
            error.path = f"{error.path}:{name}"
        raise
