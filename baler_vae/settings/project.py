"""A project: `project.toml`, checked."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from baler_vae.errors import SourceError, near_file
from baler_vae.paths import read_file
from baler_vae.settings.checking import Seed, Settings, Texts, as_list, check_settings, file_name
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.guarantees import GuaranteeSettings
from baler_vae.settings.kinds import LatentKindName
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.sweep import SweepSettings

LARGEST_PROJECT = 1 << 24
"""The most bytes of a project.toml."""


class CsvSettings(Settings):
    """How files of delimited text are written, where that cannot be detected: `separator` is a character, its name or
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


class RecipeSettings(Settings):
    """One recipe of an experiment: a name, and what it changes in the model's settings."""

    name: str
    model: dict[str, Any] = {}


class ExperimentSettings(Settings):
    """Every recipe with every kind of model and every seed; the first peak of the evaluation is followed."""

    kinds: Annotated[tuple[LatentKindName, ...], Field(min_length=1), BeforeValidator(as_list)] = ("ae", "vae")
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), BeforeValidator(as_list)] = (1, 2, 3)
    recipes: Annotated[tuple[RecipeSettings, ...], Field(min_length=1)]


class Project(Settings):
    """A whole project: what is read, how it is compressed, what is judged, and where results go.

    Paths are relative to the folder of `project.toml`. What `derived` declares becomes part of the model's settings.
    """

    name: Annotated[str, AfterValidator(file_name)]
    input: str
    output: str = "output"
    columns: Texts = ()
    bound: Texts = ()
    csv: CsvSettings = CsvSettings()
    guarantees: tuple[GuaranteeSettings, ...] = ()
    derived: tuple[DerivedSettings, ...] = ()
    model: ModelSettings = ModelSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    experiment: ExperimentSettings | None = None
    sweep: SweepSettings | None = None

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
