"""Every recipe with every kind of model and every seed: bytes, seconds, and what became of the mass peak."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from baler_vae.errors import UsageError
from baler_vae.evaluation.numbers import GuaranteeResult
from baler_vae.io.chain import open_sources
from baler_vae.paths import temporary_folder
from baler_vae.progress import Progress, silent, within
from baler_vae.results import as_plain
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import Project
from baler_vae.source.dialect import DialectOptions, dialect_options
from baler_vae.verbs.compress import compress_files
from baler_vae.verbs.decompress import restore, restored_beside
from baler_vae.verbs.evaluate import evaluate
from baler_vae.verbs.fit import fit_source
from baler_vae.verbs.request import FitRequest, Request
from baler_vae.verbs.restoring import RestoreRequest


@dataclass(frozen=True)
class ExperimentRun:
    """One model of an experiment. `n_rows` are those of the largest group; seconds are wall-clock; the two percentages
    are None where a fit failed; `guarantees` are what the project guarantees, and `guarantees_bytes` what keeps it.
    """

    kind: str
    recipe: str
    seed: int
    n_rows: int
    archive_bytes: int
    original_bytes: int
    training_seconds: float
    compression_seconds: float
    decompression_seconds: float
    mass_difference_percent: float | None
    width_change_percent: float | None
    guarantees_bytes: int = 0
    guarantees: tuple[GuaranteeResult, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        found: dict[str, Any] = as_plain(self)
        return found


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation over seeds (0 for one seed), and how many of the runs had no value."""

    mean: float | None
    deviation: float | None
    n_failed: int


def run_experiment(project: Project, source: str, *, progress: Progress = silent) -> Iterator[ExperimentRun]:
    """The runs of a project's experiment, each as soon as it is done; archives go to a temporary folder.

    Raises:
        UsageError: the project declares no experiment or no peak.
        BalerError: whatever `fit`, `compress`, `decompress` and `evaluate` raise.
    """
    if project.experiment is None:
        raise UsageError("the project declares no experiment", way_out="Add [[experiment.recipes]] to project.toml")
    base, experiment = project.model.model_dump(exclude_defaults=True), project.experiment
    # All of them are made before the first one runs, which may take hours.
    models = [
        (recipe.name, check_settings(ModelSettings, {**base, **recipe.model, "kind": kind, "seed": seed}))
        for recipe in experiment.recipes
        for kind in experiment.kinds
        for seed in experiment.seeds
    ]
    asked = FitRequest.of_project(project)
    dialect = dialect_options(project.csv.given())
    for recipe, model in models:
        told = within(progress, f"{recipe}, {model.kind}, seed {model.seed}")
        yield _run(source, recipe, replace(asked, settings=model), dialect, project.evaluation, told)


def _run(
    source: str,
    recipe: str,
    request: FitRequest,
    dialect: DialectOptions | None,
    evaluation_settings: EvaluationSettings,
    progress: Progress,
) -> ExperimentRun:
    with temporary_folder() as folder:
        archive = folder / "archive.bvae"
        restored, restored_spec = restored_beside(source, folder)
        started = time.perf_counter()
        codec = fit_source(open_sources(source, dialect), request, progress)
        fitted = time.perf_counter()
        info = compress_files(source, archive, Request(codec=codec, dialect=dialect), progress)
        compressed = time.perf_counter()
        restore(archive, restored, RestoreRequest(), progress)
        decompressed = time.perf_counter()
        evaluation = evaluate(
            source, restored_spec, settings=evaluation_settings, archive=archive, dialect=dialect, progress=progress
        )
    if not evaluation.peaks:
        raise UsageError("the experiment has no peak to follow", way_out="Declare [[evaluation.peaks]] in project.toml")
    peak = evaluation.peaks[0]
    return ExperimentRun(
        kind=request.settings.kind,
        recipe=recipe,
        seed=request.settings.seed,
        n_rows=max(info.n_rows.values()),
        archive_bytes=info.archive_bytes,
        original_bytes=info.original_bytes,
        training_seconds=fitted - started,
        compression_seconds=compressed - fitted,
        decompression_seconds=decompressed - compressed,
        mass_difference_percent=peak.mass_difference_percent,
        width_change_percent=peak.width_change_percent,
        guarantees_bytes=info.bytes.guarantees,
        guarantees=evaluation.guarantees,
    )


def spread(values: list[float | None]) -> Spread:
    """Mean and deviation of the values that are there."""
    known = [value for value in values if value is not None]
    if not known:
        return Spread(None, None, len(values))
    return Spread(statistics.fmean(known), statistics.stdev(known) if len(known) > 1 else 0.0, len(values) - len(known))
