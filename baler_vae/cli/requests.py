"""Options of the command line as what the verbs of Python take."""

import math
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baler_vae.errors import OutputError, UsageError
from baler_vae.paths import exists


def request_of(
    project: Path | None, columns: list[str] | None, bound: list[str] | None, model: dict[str, Any]
) -> dict[str, Any]:
    """The arguments of `fit` for a project's settings and what the command line says beyond them."""
    from baler_vae.settings.checking import check_settings
    from baler_vae.settings.model import ModelSettings
    from baler_vae.settings.project import read_project

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


def dialect_for(project: Path | None, said: dict[str, str] | None) -> dict[str, str]:
    """What a project and, before it, options of the command line say of how text is written."""
    from baler_vae.settings.project import read_project

    own = {} if project is None else read_project(project / "project.toml" if project.is_dir() else project).csv.given()
    return {**own, **(said or {})}


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
        f"{values[1]!r} was taken for a file, but there is no such file",
        way_out=f"If it is a {what}, write {repeated}, or one list such as {option} {example}",
    )


def is_folder(output: str) -> bool:
    """Whether an output is a folder: one that exists, or whose name ends as that of one."""
    try:
        return output.endswith(("/", os.sep)) or Path(output).is_dir()
    except OSError:  # a folder above may not be entered: whoever writes there says so
        return False


def file_path(text: str) -> Path:
    """The path of an output that is one file.

    Raises:
        OutputError: it ends as the name of a folder does.
    """
    if text.endswith(("/", os.sep)):
        raise OutputError("is the name of a folder", path=text, way_out="Name a file")
    return Path(text)
