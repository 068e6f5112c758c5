"""What a request means for each of several tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from baler_vae.errors import BalerError, SourceError, UsageError, nearest
from baler_vae.io.chain import open_sources
from baler_vae.io.files import split_spec, tables_of
from baler_vae.io.source import Tables
from baler_vae.pipeline.remarks import listed
from baler_vae.project import ModelSettings
from baler_vae.table.bounds import parse_bound
from baler_vae.table.schema import matches

_NOT_ASKED_FOR = "it has none of the columns that were asked for"

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

    def check(self) -> None:
        """Nothing, when every glob matched somewhere.

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
                f"has other tables than {specs[0]}: {', '.join(different[:8])}",
                path=spec,
                way_out="Name a table that all files have behind a colon, or leave the file out",
            )
    return Tables(names, {name: why for tables in found for name, why in tables.left_out.items()})


def check_one_table(spec: str) -> None:
    """Nothing, when a file holds one table, or one is named.

    Raises:
        SourceError: it holds several, or cannot be read.
        UsageError: the suffix is unknown.
    """
    names = tables_of(spec).names
    if len(names) > 1:
        raise SourceError(
            f"holds {len(names)} tables: {listed(names)}", path=spec, way_out=f"Name one: {spec}:{names[0]}"
        )


def plan_tables(
    specs: Sequence[str],
    tables: Tables,
    *,
    columns: Sequence[str],
    bound: Sequence[str],
    skip_unreadable: bool,
    settings: ModelSettings,
) -> tuple[list[Plan], dict[str, str]]:
    """What is to be done with each table, and by name the reason why others are left out: they have none of the columns
    that are asked for, or with `skip_unreadable` nothing that can be read.

    Raises:
        SourceError: a table cannot be read, and `skip_unreadable` is false; or none is left.
        UsageError: a glob matches in no table.
    """
    names = tables.names
    wanted, left_out = Globs(columns, names), dict(tables.left_out)
    patterns = {text: parse_bound(text).pattern for text in bound}
    rules = Globs([pattern for pattern in patterns.values() if pattern is not None], names)
    weights, transforms = Globs(settings.weights, names), Globs(settings.transforms, names)
    formulas = Globs(settings.formulas, names)
    plans = []
    for name in names:
        own = tuple(f"{split_spec(spec)[0]}:{name}" for spec in specs)
        try:
            with in_table(name, specs):
                source = open_sources(own)
                known = [*source.schema.order, *(() if skip_unreadable else source.unsupported)]
                globs = tuple(wanted.within(name, known).values())
                if columns and not globs:
                    left_out[name] = _NOT_ASKED_FOR
                    continue
                schema = source.select(globs, skip_unreadable=skip_unreadable)
        except SourceError as error:
            if not skip_unreadable:
                raise
            left_out[name] = f"unreadable: {error.what}"
            continue
        ruled = rules.within(name, schema.order)
        floats = [column.name for column in schema.columns if column.is_float]
        numbers = [column.name for column in schema.columns if column.is_number]
        changes = {
            "weights": _renamed(settings.weights, weights.within(name, floats)),
            "transforms": _renamed(settings.transforms, transforms.within(name, floats)),
            "formulas": _renamed(settings.formulas, formulas.within(name, numbers)),
        }
        texts = tuple(
            text if pattern is None else f"{ruled[pattern]}={text.rpartition('=')[2]}"
            for text, pattern in patterns.items()
            if pattern is None or pattern in ruled
        )
        plans.append(Plan(name, own, globs, texts, settings.model_copy(update=changes)))
    for each in (wanted, rules, weights, transforms, formulas):
        each.check()
    if not plans:
        reasons = listed([f"{name} ({left_out[name]})" for name in names])
        raise SourceError("holds no table that can be read", path=specs[0], found=reasons)
    return plans, left_out


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
