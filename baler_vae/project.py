"""Settings of a project: `project.toml`, checked."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from baler_vae.errors import SourceError, UsageError

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
T = TypeVar("T", bound="Settings")
Globs = dict[str, Positive]

Limits = dict[str, NotNegative]


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

    kind: Literal["auto", "independent", "autoregressive", "ae", "vae"] = "auto"
    latent: Annotated[int, Field(ge=1, le=4096)] | None = None
    hidden: tuple[Annotated[int, Field(ge=1, le=65536)], ...] = (200, 100, 50)
    epochs: Annotated[int, Field(ge=1)] | None = None
    batch_rows: Annotated[int, Field(ge=1)] | None = None
    learning_rate: Positive = 1e-3
    schedule: Literal["cosine", "constant"] = "cosine"
    patience: Annotated[int, Field(ge=1)] | None = 5
    shuffle: bool = True
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    beta: NotNegative = 1e-3
    warmup_epochs: Annotated[int, Field(ge=0)] = 3
    l1: NotNegative = 0.0
    weights: Globs = {}
    transform: Literal["auto", "standard", "min-max", "asinh", "quantile"] = "auto"
    transforms: dict[str, Literal["standard", "min-max", "asinh", "quantile"]] = {}
    latents: Literal["rounded", "float64"] = "rounded"
    keep_log_variance: bool = False
    keep_network: bool = False
    formulas: dict[str, str] = {}
    seed: Seed = 0
    threads: Annotated[int, Field(ge=1)] = 1
    device: str = "auto"
    sample_rows: Annotated[int, Field(ge=1)] = 1 << 20

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
    window: tuple[float, float]
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
    objects: tuple[str, ...] = ()
    rows: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    mass_of_each: NotNegative | None = None


class CutSettings(Settings):
    """A cut such as `Jet_pt > 30` or `abs(Jet_eta) < 2.4`, a formula on one side and a number on the other; with
    `at_least`, an event passes if so many of its rows do.
    """

    cut: str
    at_least: Annotated[int, Field(ge=1)] | None = None


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

    angles: tuple[str, ...] | None = None
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

    kinds: Annotated[tuple[Literal["ae", "vae"], ...], Field(min_length=1)] = ("ae", "vae")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (1, 2, 3)
    recipes: Annotated[tuple[RecipeSettings, ...], Field(min_length=1)]


class Project(Settings):
    """A whole project: what is read, how it is kept, what is judged, and where results go.

    Paths are relative to the folder of `project.toml`. What `derived` declares becomes part of the model's settings.
    """

    name: str
    input: str
    output: str = "output"
    columns: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
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
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise SourceError("there is no such file", path=path, way_out="Make one with: baler-vae new NAME") from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", path=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
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
        found = None if first["type"] == "missing" else repr(first["input"])
        raise UsageError(f"setting {place!r}: {first['msg']}", path=path, found=found) from error
