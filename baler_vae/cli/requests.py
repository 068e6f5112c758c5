"""Options of the command line as what the verbs of Python take."""

import math
import os
from pathlib import Path
from typing import Any

from baler_vae.errors import UsageError


def request_of(
    project: Path | None, columns: list[str] | None, bound: list[str] | None, model: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of `fit` for a project's settings and what the command line says beyond them."""
    from baler_vae.project import ModelSettings, check_settings, read_project

    base: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    if project is not None:
        read = read_project(project)
        base = {"columns": read.columns, "bound": read.bound}
        settings = read.model.model_dump(exclude_defaults=True)
    if columns:
        base["columns"] = columns
    if bound:
        base["bound"] = bound
    return {**base, "settings": check_settings(ModelSettings, {**settings, **model})}


def dialect_for(project: Path | None, said: dict[str, str]) -> dict[str, str]:
    """What a project and, before it, options of the command line say of how text is written."""
    from baler_vae.project import read_project

    own = {} if project is None else read_project(project / "project.toml" if project.is_dir() else project).csv.given()
    return {**own, **said}


def model_options(
    model: str | None,
    latent: int | None,
    weight: list[str] | None,
    epochs: int | None,
    seed: int | None,
    device: str | None,
    sample_rows: int | None,
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
    }
    return {name: value for name, value in options.items() if value is not None}


def _weight(text: str) -> tuple[str, float]:
    pattern, _, number = text.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not pattern or math.isnan(weight):
        raise UsageError(f"{text!r} is not a weight", expected="GLOB=NUMBER, such as Jet_mass=20")
    return pattern, weight


def is_folder(output: str) -> bool:
    """Whether an output is a folder: one that exists, or whose name ends as that of one."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()
