"""Options of the command line as what the verbs of Python take."""

import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baler_vae.errors import UsageError
from baler_vae.paths import exists

if TYPE_CHECKING:
    from baler_vae.settings.project import Project
    from baler_vae.source.dialect import DialectOptions
    from baler_vae.verbs.request import FitRequest


def project_of(path: Path | None) -> "Project | None":
    """The project of a file or its folder; None where none is named.

    Raises:
        SourceError: the file cannot be read or is not TOML.
        UsageError: a setting is unknown or has a wrong value.
    """
    from baler_vae.settings.project import read_project

    return None if path is None else read_project(path / "project.toml" if is_folder(str(path)) else path)


def fit_request(
    project: "Project | None",
    columns: list[str] | None,
    bound: list[str] | None,
    model: dict[str, Any],
    *,
    guarantees: list[str] | None = None,
    skip_unreadable: bool = False,
) -> "FitRequest":
    """What a project's settings, and the command line beyond them, ask of a codec.

    Raises:
        UsageError: a bound, a guarantee or a setting is wrong.
    """
    from baler_vae.settings.checking import check_settings
    from baler_vae.settings.model import ModelSettings
    from baler_vae.verbs.request import FitRequest

    settings = {} if project is None else project.model.model_dump(exclude_defaults=True)
    return FitRequest.of(
        columns=columns or (() if project is None else project.columns),
        bound=bound or (() if project is None else project.bound),
        guarantees=guarantees or (() if project is None else project.guarantees),
        quantities=() if project is None else project.evaluation.quantities,
        skip_unreadable=skip_unreadable,
        settings=check_settings(ModelSettings, {**settings, **model}),
    )


def dialect_for(project: "Project | None", said: dict[str, str] | None) -> "DialectOptions | None":
    """What a project and, before it, options of the command line say of how text is written.

    Raises:
        UsageError: an option has a wrong value.
    """
    from baler_vae.source.dialect import dialect_options

    return dialect_options({**({} if project is None else project.csv.given()), **(said or {})})


def model_options(
    model: str | None,
    latent: int | None,
    weight: list[str] | None,
    epochs: int | None,
    seed: int | None,
    device: str | None,
    sample_rows: int | None,
    effort: str | None = None,
) -> dict[str, Any]:
    """What options say of a model, without those that were not given."""
    options = {
        "kind": model,
        "latent": latent,
        "weights": dict(map(_weight, weight)) if weight else None,
        "epochs": epochs,
        "seed": seed,
        "device": device,
        "sample_rows": sample_rows,
        "effort": effort,
    }
    return {name: value for name, value in options.items() if value is not None}


def _weight(text: str) -> tuple[str, float]:
    pattern, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not pattern or math.isnan(weight):
        raise UsageError(f"invalid weight {text!r}", expected="GLOB=NUMBER, such as Jet_mass=20")
    return pattern, weight


def check_inputs(
    inputs: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    bounds: Sequence[str] | None = None,
    bound_option: str = "--bound",
) -> None:
    """Check that no input is really the second value of an option, each of which takes only one.

    Raises:
        UsageError: it is; the text says how several values are written.
    """
    from baler_vae.io.files import ARCHIVE_SUFFIX, MODULES, split_spec
    from baler_vae.table.lists import is_bound

    for text in inputs:
        path = split_spec(text)[0]
        if "://" in text or exists(path) or Path(path).suffix.lower() in {*MODULES, ARCHIVE_SUFFIX}:
            continue
        if bounds and is_bound(text):
            raise _several(bound_option, "bound", [bounds[-1], text], "bits:10,Jet_phi=abs:1e-4")
        if columns:
            raise _several("--columns", "column", [columns[-1], text], "Jet_pt,Jet_eta")


def _several(option: str, what: str, values: list[str], example: str) -> UsageError:
    """The error of a second value behind an option."""
    repeated = " ".join(f"{option} {shlex.quote(value)}" for value in values)
    return UsageError(
        f"{values[1]!r} was taken for a file, but no such file exists",
        way_out=f"If it is a {what}, write {repeated}, or one list such as {option} {example}",
    )


def is_folder(output: str) -> bool:
    """Whether an output is a folder: one that exists, or whose name ends as that of one."""
    try:
        return output.endswith(("/", os.sep)) or Path(output).is_dir()
    except OSError:  # a folder above may not be entered: whoever writes there says so
        return False
