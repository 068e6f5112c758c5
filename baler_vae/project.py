"""Settings of a project: `project.toml`, checked."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from baler_vae.errors import SourceError, UsageError, did_you_mean, near_file
from baler_vae.paths import is_file_name, read_file


def _as_list(value: object) -> object:
    """A value that stands alone where a list is meant, as a list of it."""
    return [value] if isinstance(value, str | int) else value


def _in_lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rows = Annotated[int, Field(ge=1, lt=2**53)]
"""A number of rows: more than there are anywhere, and a number that a float holds."""
T = TypeVar("T", bound="Settings")

LARGEST_PROJECT = 1 << 24
"""The most bytes of a project.toml."""
_LARGEST = 1e150
_LONGEST_SHOWN = 80
"""Characters of a wrong value that an error shows."""
Globs = dict[str, Positive]
Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list)]

Limits = dict[str, NotNegative]


def _file_name(name: str) -> str:
    """The name, which that of the archive begins with, and which must not lead out of the output folder."""
    if not is_file_name(name):
        raise ValueError("Input should be a name without folders, such as 'jets'")
    return name


def _moderate(number: float) -> float:
    """The number, whose square and whose distance from another one must be numbers too."""
    if not abs(number) <= _LARGEST:
        raise ValueError(f"Input should be a number between -{_LARGEST:g} and {_LARGEST:g}")
    return number


Finite = Annotated[float, AfterValidator(_moderate)]


class Settings(BaseModel):
    """The base of every table of a project: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(Settings):
    """How a model is built and trained.

    `latent` is the number of latents per group (half of the group's float columns by default, never more than those).
    `epochs` and `batch_rows` follow from the number of rows by default, about 5,000 steps in all. `weights` multiplies
    the squared error of columns by glob. `beta` scales the KL divergence of a VAE and rises linearly from zero over
    `warmup_epochs`; `l1` scales the mean absolute latent. `transform` says how columns become scores; `transforms`
    overrides it by glob. `latents` says whether latents are rounded to a step or stored as float64, and then whether
    with the log-variance of a VAE beside them. Where values keep a bound, `keep_network` keeps networks and latents
    that take more bytes than they save. `formulas` says by column which formula predicts it (its grammar stands in
    `baler_vae.kinematics.formula`), or by glob that `none` does; formulas of all other columns are looked for.
    `threads` is fixed, so that results do not depend on the number of cores; these networks are so small that more
    threads gain little, and lose a hundredfold where another process wants the same cores. `sample_rows` is the number
    of rows of the largest group beyond which a model is fitted on a sample of about so many.
    """

    kind: Annotated[Literal["auto", "independent", "autoregressive", "ae", "vae"], BeforeValidator(_in_lower_case)] = (
        "auto"
    )
    latent: Annotated[int, Field(ge=1, le=4096)] | None = None
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(_as_list)] = (200, 100, 50)
    epochs: Rows | None = None
    batch_rows: Rows | None = None
    learning_rate: Positive = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    patience: Rows | None = 5
    shuffle: bool = True
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    beta: NotNegative = 1e-3
    warmup_epochs: Annotated[int, Field(ge=0, lt=2**53)] = 3
    l1: NotNegative = 0.0
    weights: Globs = {}
    transform: Literal["auto", "standard", "min-max", "asinh", "quantile"] = "auto"
    transforms: dict[str, Literal["standard", "min-max", "asinh", "quantile"]] = {}
    latents: Literal["rounded", "float64"] = "rounded"
    keep_log_variance: bool = False
    keep_network: bool = False
    formulas: dict[str, str] = {}
    seed: Seed = 0
    threads: Annotated[int, Field(ge=1, le=4096)] = 1
    device: str = "auto"
    sample_rows: Rows = 1 << 20

    def described(self) -> dict[str, Any]:
        """All settings as plain values, but for a `sample_rows` that is the default: archives of what is fitted whole
        are what they were before there were samples.
        """
        is_default = self.sample_rows == type(self).model_fields["sample_rows"].default
        return self.model_dump(mode="json", exclude={"sample_rows"} if is_default else None)


class CsvSettings(Settings):
    """How files of delimited text are written, where that cannot be found out: `separator` is a character, its name or
    `whitespace`, `header` is `first` or `none`, `comment` what comment lines begin with or `none`, `decimal` a point or
    a comma, `encoding` one that Python knows.
    """

    separator: str | None = None
    header: Literal["first", "none"] | None = None
    comment: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None

    def given(self) -> dict[str, Any]:
        """What is said."""
        return self.model_dump(exclude_none=True)


class DerivedSettings(Settings):
    """A column, or a glob of columns, and the formula that predicts it from other columns; `none` where none may."""

    column: str
    formula: str


class PeakSettings(Settings):
    """A mass peak to be fitted before and after, in bins of a window of a column or quantity.

    The shapes stand on a straight line: a Gaussian, a double-sided Crystal Ball, or a Breit-Wigner of a fixed natural
    width (`natural_width`, 2.4955 GeV is that of the Z) smeared by a Gaussian. `least-squares` gives every bin the same
    weight; `likelihood` is a binned Poisson likelihood, `unbinned` one of the values. With `toys` resampled event by
    event, before and after together, differences get errors of their own.
    """

    column: str
    window: tuple[Finite, Finite]
    bins: Annotated[int, Field(ge=10, le=100_000)] = 199
    shape: Literal["gauss", "crystal-ball", "breit-wigner"] = "gauss"
    fit: Literal["least-squares", "likelihood", "unbinned"] = "least-squares"
    natural_width: Positive = 2.4955
    toys: Annotated[int, Field(ge=0, le=10_000)] = 0


class QuantitySettings(Settings):
    """A quantity that follows from columns, computed before and after and judged like a column.

    `formula` is one over the columns of one table, row by row (its grammar stands in `baler_vae.kinematics.formula`).
    All other kinds are one number for each event, of the four-vectors of `objects` (`Jet_*` where columns are `Jet_pt`,
    `Jet_eta` ..., `*1` for `pt1`, `eta1` ...): the invariant `mass`, the transverse momentum `pt` of their sum,
    `delta_r` and `delta_phi` of two, the scalar sum `ht` of transverse momenta, the missing transverse momentum
    `missing_pt`. Of a jagged collection `rows` says which objects of an event, all without it; an event that has fewer
    has no value. `mass_of_each` is for objects whose columns tell neither energy nor mass, and takes the place of what
    they tell: pair masses of muons by momenta and 0.1056583755 GeV move much less than those by rounded energies.
    """

    name: Annotated[str, Field(min_length=1)]
    kind: Literal["formula", "mass", "pt", "delta_r", "delta_phi", "ht", "missing_pt"] = "formula"
    formula: str | None = None
    objects: Texts = ()
    rows: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**31)], ...] | None, BeforeValidator(_as_list)] = None
    mass_of_each: NotNegative | None = None


class CutSettings(Settings):
    """A cut such as `Jet_pt > 30` or `abs(Jet_eta) < 2.4`, a formula on one side and a number on the other; with
    `at_least`, an event passes if so many of its rows do.
    """

    cut: str
    at_least: Annotated[int, Field(ge=1, lt=2**31)] | None = None


class ToleranceSettings(Settings):
    """What `evaluate --strict` allows; None is not looked at.

    Peaks: how far position, width and yield may move, in per cent and in statistical errors. `migration_percent`: how
    many of those that pass a cut may change sides. `differing_percent`: how many values of integers, flags and text
    may differ. `lost`: how many finite values may become NaN or infinite, or the other way round. `missing`: how many
    columns may be lacking that were not left out on purpose. `in_bounds`: the largest residual of a column in units of
    its bound. By glob of columns: the largest residual, the mean and the
    root mean square of the response in per cent, the Kolmogorov-Smirnov distance.
    """

    peak_position_percent: NotNegative | None = 1.0
    peak_position_errors: NotNegative | None = None
    peak_width_percent: NotNegative | None = 1.0
    peak_width_errors: NotNegative | None = None
    peak_yield_percent: NotNegative | None = None
    peak_yield_errors: NotNegative | None = None
    migration_percent: NotNegative | None = 0.1
    differing_percent: NotNegative | None = 0.0
    lost: NotNegative | None = 0
    missing: NotNegative | None = 0
    in_bounds: NotNegative | None = 1.0
    largest: Limits = {}
    response_mean_percent: Limits = {}
    response_rms_percent: Limits = {}
    kolmogorov_smirnov: Limits = {}


class EvaluationSettings(Settings):
    """What is judged: which columns are angles, by glob, which peaks are fitted (None: found by name), which quantities
    are computed, which cuts are applied, against which column the profiles of the others in its table are drawn, and
    what may differ by how much.
    """

    angles: Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)] = None
    peaks: tuple[PeakSettings, ...] | None = None
    quantities: tuple[QuantitySettings, ...] = ()
    cuts: tuple[CutSettings, ...] = ()
    profile: str | None = None
    tolerances: ToleranceSettings = ToleranceSettings()


class RecipeSettings(Settings):
    """One recipe of an experiment: a name, and what it changes in the model's settings."""

    name: str
    model: dict[str, Any] = {}


class ExperimentSettings(Settings):
    """Every recipe with every kind of model and every seed; the first peak of the evaluation is followed."""

    kinds: Annotated[tuple[Literal["ae", "vae"], ...], Field(min_length=1), BeforeValidator(_as_list)] = ("ae", "vae")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), BeforeValidator(_as_list)] = (1, 2, 3)
    recipes: Annotated[tuple[RecipeSettings, ...], Field(min_length=1)]


class Project(Settings):
    """A whole project: what is read, how it is kept, what is judged, and where results go.

    Paths are relative to the folder of `project.toml`. What `derived` declares becomes part of the model's settings.
    """

    name: Annotated[str, AfterValidator(_file_name)]
    input: str
    output: str = "output"
    columns: Texts = ()
    bound: Texts = ()
    csv: CsvSettings = CsvSettings()
    derived: tuple[DerivedSettings, ...] = ()
    model: ModelSettings = ModelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    experiment: ExperimentSettings | None = None

    @model_validator(mode="after")
    def _with_formulas(self) -> "Project":
        declared = {entry.column: entry.formula for entry in self.derived}
        if not declared.items() <= self.model.formulas.items():
            formulas = {**self.model.formulas, **declared}
            object.__setattr__(self, "model", self.model.model_copy(update={"formulas": formulas}))
        return self


def read_project(path: str | Path) -> Project:
    """The project that a TOML file describes.

    Raises:
        SourceError: the file cannot be read or is not TOML.
        UsageError: a setting is unknown or has a wrong value.
    """
    path = Path(path)
    data = read_file(path, LARGEST_PROJECT, way_out=near_file(path) or "Make one with: baler-vae new NAME")
    try:
        content = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise SourceError("is not TOML: not UTF-8 text", path=path, way_out="Save the file in UTF-8") from error
    except RecursionError as error:
        raise SourceError("is not TOML: nested too deeply", path=path) from error
    except ValueError as error:  # also a number of too many digits
        raise SourceError(f"is not TOML: {error}", path=path) from error
    return check_settings(Project, content, path=path)


def check_settings(kind: type[T], content: dict[str, Any], *, path: Path | None = None) -> T:
    """The settings of a kind, made of plain values.

    Raises:
        UsageError: a setting is unknown or has a wrong value; the text names the first one.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = _settings_beside(kind, first["loc"])
            raise UsageError(
                f"there is no setting {place!r}",
                path=path,
                way_out=did_you_mean(place, known) or f"There are {', '.join(known)}",
            ) from error
        found = None if first["type"] == "missing" else _shown(first["input"])
        choices = re.findall(r"'([^']*)'", first.get("ctx", {}).get("expected", ""))
        way_out = did_you_mean(first["input"], choices) if isinstance(first["input"], str) and choices else None
        raise UsageError(f"setting {place!r}: {first['msg']}", path=path, found=found, way_out=way_out) from error


def _shown(value: object) -> str:
    """A wrong value as an error shows it."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no number of more than some thousand digits
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _settings_beside(kind: type[Settings], place: tuple[int | str, ...]) -> list[str]:
    """The settings that stand in the same table as a wrong one, and those of that name anywhere, with their tables."""
    table = kind
    for part in place[:-1]:
        found = _table_of(table.model_fields[part].annotation) if isinstance(part, str) else table
        if found is None:
            break
        table = found
    prefix = "".join(f"{part}." for part in place[:-1])
    beside = [f"{prefix}{name}" for name in table.model_fields]
    elsewhere = [name for name in _all_settings(kind) if name.rpartition(".")[2] == place[-1]]
    return [*elsewhere, *beside]


def _all_settings(kind: type[Settings], prefix: str = "") -> Iterator[str]:
    """Every setting with the tables that it stands in."""
    for name, field in kind.model_fields.items():
        table = _table_of(field.annotation)
        yield f"{prefix}{name}"
        if table is not None:
            yield from _all_settings(table, f"{prefix}{name}.")


def _table_of(annotation: object) -> type[Settings] | None:
    """The settings that a field holds, or a list of which; None where it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_of(part)) is not None), None)
