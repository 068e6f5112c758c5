"""What a sweep varies, how often it repeats each fit, and what it measures: the table `[sweep]` of a project."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from baler_vae.settings.checking import Finite, Seed, Settings, Texts, as_list

MeasureName = Literal["validation_error", "training_loss", "rate", "distortion", "bytes", "sample_auc", "peak"]
MEASURES: tuple[MeasureName, ...] = get_args(MeasureName)
CHEAP: tuple[MeasureName, ...] = ("validation_error", "training_loss", "rate", "distortion", "bytes")
"""What is measured where a sweep does not say."""
Minimised = Literal["validation_error", "training_loss", "rate", "distortion", "bytes", "sample_auc"]
SCALE_OF_RANGE = ("low", "high")


class RangeSettings(Settings):
    """The values from `low` to `high`, both included, among which a search draws: integers where both are integers.

    With `log` they are drawn uniformly in their logarithm.
    """

    low: int | Finite
    high: int | Finite
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "RangeSettings":
        if not self.low < self.high:
            raise ValueError("low should be less than high")
        if self.log and self.low <= 0:
            raise ValueError("low should be positive where log is true")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether integers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)


Choice = tuple[Any, ...] | RangeSettings
"""What a setting may be: one of some values, or any of a range."""


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Choice]]:
    for name, value in found.items():
        if isinstance(value, Mapping) and set(SCALE_OF_RANGE) <= value.keys():
            yield f"{prefix}{name}", RangeSettings.model_validate(value)
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple) and not value:
            raise ValueError(f"{prefix}{name} should have at least one value")
        elif isinstance(value, list | tuple | RangeSettings):
            yield f"{prefix}{name}", tuple(value) if isinstance(value, list | tuple) else value
        else:
            yield f"{prefix}{name}", (value,)


def _choices(found: object) -> object:
    """The choices by dotted name, also of names that are written as tables in tables."""
    if not isinstance(found, Mapping):
        return found
    if "seed" in found:
        raise ValueError("the seeds of a sweep belong into `seeds`")
    return dict(_flat(found))


Choices = Annotated[dict[str, Any], BeforeValidator(_choices)]


def _unlike(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("Input should name different measures")
    return names


class VariantSettings(Settings):
    """One variant of a model among others: a name, what it changes in the settings of the model and in the bounds, and
    what is varied of it beside what is varied of all.
    """

    name: Annotated[str, Field(min_length=1)]
    model: dict[str, Any] = {}
    bound: Texts | None = None
    settings: Choices = {}


class SweepSettings(Settings):
    """What a sweep varies and measures.

    Attributes
    ----------
    method : {"grid", "optuna"}
        Every combination of values, or a search by a tree-structured Parzen estimator.
    settings : mapping of str to list or RangeSettings
        By dotted name of a setting of the model, or ``bound``, the values that it takes; of a search also ranges.
    variants : sequence of VariantSettings
        Variants of the model, each swept by itself.
    seeds : sequence of int
        The seeds with which each fit is repeated.
    measures : sequence of str, optional
        What is measured of each fit; the cheap ones by default, and the peak where the project declares one.
    minimise : str
        The measure whose mean over seeds decides which settings are best.
    axes : pair of str, optional
        The two measures of the Pareto picture; by default rate and distortion, or bytes and distortion where nothing
        has a rate.
    trials : int
        The settings that a search tries, of each variant.
    prune : {"median", "hyperband", "none"}
        Which rule ends a trial of a search after some of its seeds, by the mean over those; see Optuna.
    batch : int
        Trials that a search asks for at once: so many can share workers, and none learns from the others.
    sampler_seed : int
        The seed of the search.
    samples : int
        Events that are sampled for `sample_auc`, at most as many as the data have.
    samples_from : {"prior", "posterior", "mixture", "density"}, optional
        Where the latents of samples come from, as `explore sample` has it.
    """

    method: Literal["grid", "optuna"] = "grid"
    settings: Choices = {}
    variants: tuple[VariantSettings, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), BeforeValidator(as_list)] = (1, 2, 3)
    measures: (
        Annotated[tuple[MeasureName, ...], Field(min_length=1), BeforeValidator(as_list), AfterValidator(_unlike)]
        | None
    ) = None
    minimise: Minimised = "validation_error"
    axes: Annotated[tuple[Minimised, Minimised], AfterValidator(_unlike)] | None = None
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    prune: Literal["median", "hyperband", "none"] = "median"
    batch: Annotated[int, Field(ge=1, le=10_000)] = 4
    sampler_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    samples: Annotated[int, Field(ge=100, lt=2**31)] = 10_000
    samples_from: Literal["prior", "posterior", "mixture", "density"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "SweepSettings":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds should differ from each other")
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError("variants should have different names")
        for variant in self.variants:
            twice = sorted(variant.settings.keys() & self.settings.keys())
            if twice:
                raise ValueError(f"{twice[0]} is varied both of all variants and of {variant.name!r}")
        return self

    def measured(self, *, has_peak: bool) -> tuple[MeasureName, ...]:
        """What is measured of each fit: what is asked for, what decides, and what is drawn."""
        asked = self.measures or (*CHEAP, *(("peak",) if has_peak else ()))
        needed: set[str] = {*asked, self.minimise, *(self.axes or ())}
        return tuple(name for name in MEASURES if name in needed)
