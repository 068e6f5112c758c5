"""Which fits a sweep makes: settings by dotted name over those of the project, checked before the first fit."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from baler_vae.errors import UsageError, located
from baler_vae.measures.sweeps import setting_key
from baler_vae.settings.checking import check_settings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import Project
from baler_vae.settings.sweep import Choice, RangeSettings, SweepSettings, VariantSettings
from baler_vae.table.schema import as_tuple
from baler_vae.verbs.request import FitRequest

BOUND = "bound"
"""The name of the bounds among the settings that are varied; all others are the model's."""
_BY_COLUMN = ("weights", "transforms", "formulas")
"""Settings that are tables by column, whose names may have dots in them."""
_EVERY_VARIANT = VariantSettings(name="-")


@dataclass(frozen=True)
class Setting:
    """One combination of what is varied: the name of the variant, empty where there are none, and values by name."""

    variant: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What its runs have in common, as these say it."""
        return setting_key(self.variant, self.values)


def variants_of(settings: SweepSettings) -> tuple[VariantSettings, ...]:
    """The variants of a sweep; one that changes nothing where it names none."""
    return settings.variants or (_EVERY_VARIANT,)


def choices_of(settings: SweepSettings, variant: VariantSettings) -> dict[str, Choice]:
    """What is varied of a variant, by dotted name."""
    return {**settings.settings, **variant.settings}


def name_of(variant: VariantSettings) -> str:
    """The name of a variant in results."""
    return "" if variant is _EVERY_VARIANT else variant.name


def grid(settings: SweepSettings) -> Iterator[Setting]:
    """Every combination of the values of each variant, the last name varying fastest.

    Raises:
        UsageError: a range is among them.
    """
    for variant in variants_of(settings):
        choices = choices_of(settings, variant)
        for name, choice in choices.items():
            if isinstance(choice, RangeSettings):
                raise UsageError(
                    f"a grid cannot take the range of {name!r}",
                    section="sweep.settings",
                    way_out='List its values, or search with method = "optuna"',
                )
        for values in itertools.product(*choices.values()):
            yield Setting(name_of(variant), dict(zip(choices, values, strict=True)))


def request_of(project: Project, setting: Setting, seed: int) -> FitRequest:
    """What a setting and a seed ask of a fit: variants replace settings of the project's model, and the bounds, as a
    whole; dotted names reach into tables.

    Raises:
        UsageError: a setting is unknown or has a wrong value, or a bound is none.
    """
    variants = () if project.sweep is None else project.sweep.variants
    variant = next((one for one in variants if one.name == setting.variant), _EVERY_VARIANT)
    model = {**project.model.model_dump(exclude_defaults=True), **variant.model}
    bound = project.bound if variant.bound is None else variant.bound
    for name, value in setting.values.items():
        if name == BOUND:
            bound = as_tuple(value)
        else:
            model = _with(model, _path(name), value)
    with located(section="sweep"):
        checked = check_settings(ModelSettings, {**model, "seed": seed})
        return replace(FitRequest.of_project(project, bound=bound), settings=checked)


def check_plan(project: Project, settings: SweepSettings) -> list[FitRequest]:
    """What a sweep asks of fits, of a search at the ends of ranges; checked before the first fit, which may take hours.

    Raises:
        UsageError: it cannot be asked for.
    """
    if settings.method == "grid":
        asked = list(grid(settings))
    else:
        asked = [setting for variant in variants_of(settings) for setting in _one_by_one(settings, variant)]
    return [request_of(project, setting, settings.seeds[0]) for setting in asked]


def changes_of(project: Project, setting: Setting, seed: int) -> tuple[dict[tuple[str, ...], Any], tuple[str, ...]]:
    """What a setting changes in the table `[model]` of a project, by path, and the bounds that it leaves there."""
    variants = () if project.sweep is None else project.sweep.variants
    variant = next((one for one in variants if one.name == setting.variant), _EVERY_VARIANT)
    bound = project.bound if variant.bound is None else variant.bound
    changes: dict[tuple[str, ...], Any] = {(name,): value for name, value in variant.model.items()}
    for name, value in setting.values.items():
        if name == BOUND:
            bound = as_tuple(value)
        else:
            changes[_path(name)] = value
    return {**changes, ("seed",): seed}, tuple(bound)


def _path(name: str) -> tuple[str, ...]:
    first, _, rest = name.partition(".")
    return (first, rest) if first in _BY_COLUMN and rest else tuple(name.split("."))


def _with(table: Mapping[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """The same table with another value at a path, with the tables that are missing on its way."""
    if len(path) == 1:
        return {**table, path[0]: value}
    inner = table.get(path[0])
    return {**table, path[0]: _with(inner if isinstance(inner, Mapping) else {}, path[1:], value)}


def _ends(choice: Choice) -> tuple[Any, ...]:
    return (choice.low, choice.high) if isinstance(choice, RangeSettings) else choice


def _one_by_one(settings: SweepSettings, variant: VariantSettings) -> Iterator[Setting]:
    """Settings of a variant in which every value occurs, without all combinations."""
    choices = {name: _ends(choice) for name, choice in choices_of(settings, variant).items()}
    first = {name: values[0] for name, values in choices.items()}
    yield Setting(name_of(variant), first)
    for name, values in choices.items():
        for value in values[1:]:
            yield Setting(name_of(variant), {**first, name: value})
