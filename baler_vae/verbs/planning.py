"""What a request means for each of several tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from baler_vae.errors import SourceError, UsageError, listed
from baler_vae.guarantees.definitions import Guarantee, Guarantees
from baler_vae.guarantees.promises import Promises
from baler_vae.io.chain import open_sources
from baler_vae.io.files import split_spec, tables_of
from baler_vae.source.source import Source, Tables
from baler_vae.table.schema import Schema
from baler_vae.verbs.globs import Globs
from baler_vae.verbs.request import FitRequest
from baler_vae.verbs.tables import in_table

_NOT_ASKED_FOR = "it has none of the requested columns"

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Plan:
    """What is asked of one table: where it lies, the source that was opened there, and the columns, bounds and settings
    that concern it.
    """

    name: str
    specs: tuple[str, ...]
    source: Source
    fit: FitRequest


def shared_tables(specs: Sequence[str]) -> Tables:
    """The tables of several files, which all have the same ones, and whatever else is in one of them.

    Raises:
        SourceError: a file cannot be read, or has different tables from the first.
        UsageError: a suffix is unknown.
    """
    found = [tables_of(spec) for spec in specs]
    names = found[0].names if found else ("",)
    for spec, other in zip(specs, found, strict=True):
        different = sorted(set(names) ^ set(other.names))
        if different and len(names) > 1:
            raise SourceError(
                f"has different tables from {specs[0]}: {listed(different)}",
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


def plan_tables(specs: Sequence[str], tables: Tables, request: FitRequest) -> Planned:
    """What a request means for each table. Left out are those that have none of the columns that are asked for, or with
    `skip_unreadable` nothing that can be read.

    Raises:
        SourceError: a table cannot be read, and `skip_unreadable` is false; or none is left.
        UsageError: a glob matches in no table.
    """
    left_out = dict(tables.left_out)
    skip_unreadable = request.skip_unreadable
    sources = dict(_opened(specs, tables.names, left_out, skip_unreadable=skip_unreadable))
    known = list(dict.fromkeys(name for source in sources.values() for name in _columns(source)))
    shares = _Shares(tables.names, request.listed(known, known))
    plans = []
    for name, source in sources.items():
        try:
            with in_table(name, specs):
                plan = shares.plan(name, _specs(specs, name), source)
        except SourceError as error:
            if not skip_unreadable:
                raise
            left_out[name] = f"unreadable: {error.what}"
            continue
        if plan is None:
            left_out[name] = _NOT_ASKED_FOR
        else:
            plans.append(plan)
    shares.check()
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


class _Shares:
    """What each table has of a request, whose texts are listed, and which of its globs matched in one."""

    def __init__(self, names: Sequence[str], request: FitRequest) -> None:
        self._request = request
        self._bounds_by_text = {bound.text: bound for bound in request.bounds}
        patterns = {text: bound.rules[0].pattern for text, bound in self._bounds_by_text.items()}
        settings = request.settings
        self._columns, self._bounds = Globs(request.columns, names), Globs(filter(None, patterns.values()), names)
        self._weights, self._transforms = Globs(settings.weights, names), Globs(settings.transforms, names)
        self._formulas = Globs(settings.formulas, names)
        self._refused: dict[Guarantee, list[str]] = {one: [] for one in request.guarantees.promised}

    def plan(self, name: str, specs: tuple[str, ...], source: Source) -> Plan | None:
        """What it means for a table; None where no glob of columns matches in it."""
        skip_unreadable, settings = self._request.skip_unreadable, self._request.settings
        known = list(source.schema.order) if skip_unreadable else _columns(source)
        globs = tuple(self._columns.within(name, known).values())
        if self._columns and not globs:
            return None
        schema = source.select(globs, skip_unreadable=skip_unreadable)
        own = self._bounds.within(name, schema.order)
        floats = [column.name for column in schema.columns if column.is_float and column.is_scalar]
        numbers = [column.name for column in schema.columns if column.is_scalar]
        changes = {
            "weights": _renamed(settings.weights, self._weights.within(name, floats)),
            "transforms": _renamed(settings.transforms, self._transforms.within(name, floats)),
            "formulas": _renamed(settings.formulas, self._formulas.within(name, numbers)),
        }
        bounds = tuple(
            bound if (pattern := bound.rules[0].pattern) is None else bound.of_columns(own[pattern])
            for bound in self._bounds_by_text.values()
            if bound.rules[0].pattern is None or bound.rules[0].pattern in own
        )
        settings = settings.model_copy(update=changes)
        fit = replace(
            self._request,
            columns=globs,
            bounds=bounds,
            guarantees=self._guaranteed(name, schema),
            settings=settings,
        )
        return Plan(name, specs, source, fit)

    def _guaranteed(self, name: str, schema: Schema) -> Guarantees:
        """The guarantees on what the columns of a table have."""
        asked, found = self._request.guarantees, []
        for one in asked.promised:
            try:
                Promises(asked.only([one]).exactly(), schema)
            except UsageError as error:
                if one in self._refused:
                    self._refused[one].append(f"{name} ({error.what})")
                continue
            found.append(one)
            self._refused.pop(one, None)
        return asked.only(found)

    def check(self) -> None:
        """Raise UsageError where a glob matched in no table, or no table has what a guarantee reads."""
        for globs in (self._columns, self._bounds, self._weights, self._transforms, self._formulas):
            globs.check()
        for one, reasons in self._refused.items():
            raise UsageError(f"no table has what the guarantee {one.text!r} reads: {listed(reasons)}")


def _renamed(values: Mapping[str, _Value], names: Mapping[str, str]) -> dict[str, _Value]:
    """The values of the names that are given, under their new ones."""
    return {names[name]: value for name, value in values.items() if name in names}
