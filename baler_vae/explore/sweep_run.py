"""One fit of a sweep and what is measured of it: the same for the same settings and seed, in whichever process."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baler_vae.codec.codec import Codec
from baler_vae.errors import BoundBroken, UsageError
from baler_vae.explore.latent_draws import LatentSource
from baler_vae.explore.opening import all_rows
from baler_vae.explore.sweep_measures import distortions, mean_of, rate_of, sample_auc
from baler_vae.io.chain import open_sources
from baler_vae.measures.sweeps import SweepRun
from baler_vae.paths import temporary_folder
from baler_vae.progress import Progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.sweep import MeasureName
from baler_vae.source.dialect import DialectOptions
from baler_vae.verbs.compress import compress_files
from baler_vae.verbs.evaluate import evaluate
from baler_vae.verbs.fit import fit_source
from baler_vae.verbs.request import FitRequest, Request, RunRequest

_OF_EPOCHS = ("number", "steps", "training_loss", "validation_error", "learning_rate", "beta")
"""What the history tells of an epoch beside the terms of its loss and their weights."""
_WEIGHT = "weight of "
"""How the names of weights begin in histories."""
_NETWORKS = ", networks"
"""How histories of networks of codes end, whose losses are bits and no squared errors."""


@dataclass(frozen=True, kw_only=True)
class RunTask:
    """All that a run depends on: plain values, which go to any process. `run` has its number, settings and seed."""

    run: SweepRun
    source: str
    dialect: DialectOptions | None
    request: FitRequest
    measures: tuple[MeasureName, ...]
    evaluation: EvaluationSettings
    n_samples: int
    samples_from: LatentSource | None


def measured_run(task: RunTask, progress: Progress = silent) -> SweepRun:
    """The run of a task, measured; one whose fit fails for a reason that lies in its settings has that reason.

    Raises:
        SourceError: the source cannot be read.
        OutputError: there is no room for the archive.
        MissingExtra: a package is not installed.
    """
    try:
        codec = fit_source(open_sources(task.source, task.dialect), task.request, progress)
        found = {**_of_training(codec, task), **_of_archive(codec, task, progress)}
    except (UsageError, BoundBroken) as error:
        return replace(task.run, failure=str(error))
    columns: Mapping[str, float] = found.pop("distortions", {})
    terms: Mapping[str, float] = found.pop("terms", {})
    run = replace(task.run, values=_finite(found), terms=_finite(terms), distortions=_finite(columns))
    return SweepRun.from_dict(run.to_dict())


def _finite(numbers: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if value is not None and math.isfinite(value)}


def _of_training(codec: Codec, task: RunTask) -> dict[str, Any]:
    """What the history says, of the largest group that has an autoencoder."""
    trained = [name for name, epochs in codec.history.items() if not name.endswith(_NETWORKS) and epochs]
    if not trained:
        return {}
    largest = max(trained, key=lambda name: codec.fits[name]["rows"])
    epochs = codec.history[largest]
    found: dict[str, Any] = {}
    if "validation_error" in task.measures:
        errors = [epoch["validation_error"] for epoch in epochs]
        found["validation_error"] = min((error for error in errors if math.isfinite(error)), default=None)
    if "training_loss" in task.measures:
        found["training_loss"] = epochs[-1]["training_loss"]
        found["terms"] = {
            name: value for name, value in epochs[-1].items() if name not in _OF_EPOCHS and not name.startswith(_WEIGHT)
        }
    return found


def _of_archive(codec: Codec, task: RunTask, progress: Progress) -> dict[str, Any]:
    """What the archive of the data, the rows that come back from it and samples of the codec say."""
    found: dict[str, Any] = {}
    measures = set(task.measures)
    if not measures & {"rate", "distortion", "bytes", "sample_auc", "peak"}:
        return found
    with temporary_folder() as folder:
        archive = folder / "archive.bvae"
        request = Request(codec=codec, dialect=task.dialect, run=RunRequest(verify=False))
        info = compress_files(task.source, archive, request, progress)
        if "bytes" in measures:
            found |= {"bytes": info.archive_bytes, "ratio": info.original_bytes / info.archive_bytes}
            found |= {"guarantees_bytes": info.bytes.guarantees} if codec.guarantees else {}
        if "peak" in measures:
            found |= _of_peak(task, archive)
        source = open_sources(task.source, task.dialect).as_in(codec.schema)
        if "rate" in measures:
            found["rate"] = rate_of(codec, source, info)
        if measures & {"distortion", "sample_auc"}:
            rows = all_rows(source, codec.match(source))
        if "distortion" in measures:
            with Archive(archive) as opened:
                restored = opened.as_source()
                by_column = distortions(rows, all_rows(restored, codec.match(restored)))
            found |= {"distortions": by_column, "distortion": mean_of(by_column.values())}
        if "sample_auc" in measures:
            progress("sampling", 0, 1)
            found["sample_auc"] = sample_auc(codec, rows, source, task.n_samples, task.samples_from, task.run.seed)
    return found


def _of_peak(task: RunTask, archive: Path) -> dict[str, Any]:
    """The first peak that is declared, after against before."""
    peaks = task.evaluation.peaks or ()
    settings = task.evaluation.model_copy(update={"peaks": peaks[:1], "cuts": (), "profile": None})
    (peak,) = evaluate(task.source, archive, settings=settings, dialect=task.dialect).peaks
    return {"peak_shift_percent": peak.mean_change_percent, "peak_width_percent": peak.width_change_percent}
