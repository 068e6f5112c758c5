"""A sweep: many fits of one project, with other settings and seeds, and what they say together."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import MissingExtra, UsageError, located
from baler_vae.explore.opening import all_rows
from baler_vae.explore.sweep_folder import SweepFolder, run_and_keep, run_on_worker
from baler_vae.explore.sweep_measures import float_columns
from baler_vae.explore.sweep_plan import Setting, check_plan, choices_of, grid, request_of, variants_of
from baler_vae.explore.sweep_run import RunTask
from baler_vae.io.chain import file_specs, open_sources
from baler_vae.io.files import split_spec
from baler_vae.measures.information import eigenvalues_of, participation_ratio
from baler_vae.measures.sweep_statistics import (
    best_of,
    front_of,
    latent_answers,
    summarised,
)
from baler_vae.measures.sweeps import LATENT, RATE_AND_DISTORTION, SweepResult, SweepRun
from baler_vae.paths import is_folder, temporary_folder
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent, within
from baler_vae.scale.cluster import Client, cluster, on_cluster
from baler_vae.settings.model import ModelSettings
from baler_vae.settings.project import Project, read_project
from baler_vae.settings.sweep import SweepSettings
from baler_vae.source.dialect import DialectOptions, dialect_options
from baler_vae.table.bounds import assign_rules
from baler_vae.table.schema import Schema
from baler_vae.verbs.fit import check_guaranteed
from baler_vae.verbs.planning import check_one_table
from baler_vae.verbs.request import FitRequest, Request, RunRequest

_LOSSES = ("validation_error", "training_loss", "distortion")
"""The measures by which the number of latents can be judged."""


@shows_progress
def sweep(
    project: Project | str | Path,
    folder: str | Path | None = None,
    *,
    source: str | Path | None = None,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    resume: bool = False,
    force: bool = False,
    progress: ShownProgress = silent,
) -> SweepResult:
    """Fit a project's input with every setting and seed of its table ``[sweep]``, and measure each fit.

    The same project gives the same result, with however many workers and interruptions. A fit that fails, because its
    training diverges or its settings do not go together, is a run with the reason.

    Parameters
    ----------
    project : Project, str or Path
        A project, or where its ``project.toml`` is.
    folder : str or Path, optional
        Where the runs are kept, from which an interrupted sweep can be resumed; nowhere by default.
    source : str or Path, optional
        What is fitted, in place of the project's input, which is looked for beside ``project.toml``.
    workers : int, optional
        The number of local processes that share the runs.
    scheduler : str or distributed.Client, optional
        A Dask scheduler whose workers see the same files.
    resume : bool
        Keep the runs that are in the folder and make the others.
    force : bool
        Remove the runs that are in the folder.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    SweepResult
        Every run, mean and spread over seeds of every setting, the best one, and those on the Pareto front.

    Raises
    ------
    SourceError
        The input cannot be read.
    UsageError
        The project declares no sweep, a setting or bound is wrong, or the sweep to be resumed was another.
    OutputError
        The folder holds a sweep and neither `resume` nor `force` is true, or it cannot be written.
    MissingExtra
        PyTorch, Optuna or what measures samples and peaks is not installed.
    """
    read, beside = _project_of(project)
    work = _work_of(read, _absolute(source if source is not None else _beside(read.input, beside)))
    with _folder_of(folder) as kept:
        kept.check(force=force, resume=resume)
        work.check_columns(check_plan(read, work.settings))
        with kept.opened(work.described(), force=force, resume=resume), cluster(workers, scheduler) as client:
            result = work.result(_Runner(work, kept, client, callback(progress)).all_runs())
            kept.finish(result)
    return result


@dataclass(frozen=True)
class _Work:
    """What a sweep is made of: a project with its table `[sweep]`, and what is fitted."""

    project: Project
    settings: SweepSettings
    source: str
    dialect: DialectOptions | None

    def described(self) -> dict[str, Any]:
        """All that the runs depend on, in plain values by name: what changed is named by these."""
        request = Request(codec=FitRequest.of_project(self.project), dialect=self.dialect, run=RunRequest())
        found = request.described(file_specs(self.source))
        model = found.pop("model")
        swept = self.settings.model_dump(mode="json")
        found |= {f"model.{name}": value for name, value in model.items()}
        found |= {f"sweep.{name}": value for name, value in swept.items()}
        return found | {"evaluation.peaks": self.project.evaluation.model_dump(mode="json")["peaks"]}

    def check_columns(self, requests: Sequence[FitRequest]) -> None:
        """Check what is asked of fits against the source.

        Raises:
            SourceError: the source cannot be read.
            UsageError: a column, a bound or a guarantee is wrong, or there are more latents than columns.
        """
        check_one_table(self.source)
        source = open_sources(self.source, self.dialect)
        for request in {(one.texts, one.settings.latent): one for one in requests}.values():
            own = request.listed_for(source)
            with located(path=source.path):
                schema = source.select(own.columns)
                assign_rules(schema, own.rules)
                check_guaranteed(own, source, schema)
                _check_latents(schema, request.settings)

    def task(self, number: int, setting: Setting, seed: int) -> RunTask:
        """The task of a run."""
        return RunTask(
            run=SweepRun(number, setting.variant, dict(setting.values), seed),
            source=self.source,
            dialect=self.dialect,
            request=request_of(self.project, setting, seed),
            measures=self.settings.measured(has_peak=bool(self.project.evaluation.peaks)),
            evaluation=self.project.evaluation,
            n_samples=self.settings.samples,
            samples_from=self.settings.samples_from,
        )

    def result(self, runs: Sequence[SweepRun]) -> SweepResult:
        """What all runs say together."""
        ordered = tuple(sorted(runs, key=lambda run: run.number))
        settings = summarised(ordered, len(self.settings.seeds))
        varied = {name for own in variants_of(self.settings) for name in choices_of(self.settings, own)}
        is_drawn = {name for run in ordered for name in run.values} >= RATE_AND_DISTORTION
        columns = self._float_columns() if LATENT in varied or is_drawn else {}
        eigenvalues = eigenvalues_of(columns)
        ratio = participation_ratio(eigenvalues) if LATENT in varied else math.nan
        axes = self.settings.axes or ("rate" if any("rate" in run.values for run in ordered) else "bytes", "distortion")
        loss = self.settings.minimise if self.settings.minimise in _LOSSES else _LOSSES[0]
        return SweepResult(
            runs=ordered,
            settings=settings,
            minimise=self.settings.minimise,
            axes=axes,
            best=best_of(settings, self.settings.minimise),
            front=front_of(settings, axes),
            latents=latent_answers(settings, loss),
            participation_ratio=None if math.isnan(ratio) else ratio,
            n_columns=0 if math.isnan(ratio) else len(columns),
            eigenvalues=tuple(eigenvalues.tolist()) if is_drawn else (),
        )

    def _float_columns(self) -> dict[str, NDArray[np.float64]]:
        """Those of the group that has the most, float64 (rows,)."""
        source = open_sources(self.source, self.dialect)
        schema = source.select(FitRequest.of(columns=self.project.columns).listed_for(source).columns)
        batch = all_rows(source, schema)
        return max((float_columns(table) for table in batch), key=len)


@dataclass(frozen=True)
class _Runner:
    """Makes the runs of a sweep that are not in its folder yet, here or on workers."""

    work: _Work
    folder: SweepFolder
    client: Client | None
    progress: Progress

    def all_runs(self) -> Sequence[SweepRun]:
        """The runs of the grid or of the search."""
        settings = self.work.settings
        if settings.method == "grid":
            pairs = [(setting, seed) for setting in grid(settings) for seed in settings.seeds]
            return self.runs([(number, *pair) for number, pair in enumerate(pairs, 1)])
        try:
            from baler_vae.explore.sweep_search import search  # noqa: PLC0415  an extra
        except ModuleNotFoundError as error:
            raise MissingExtra("a search", "explore", str(error.name)) from error
        return search(settings, self.runs)

    def runs(self, asked: Sequence[tuple[int, Setting, int]]) -> list[SweepRun]:
        """Runs by number, setting and seed, in their order."""
        tasks = [self.work.task(*one) for one in asked]
        missing = [task for task in tasks if self.folder.read(task.run) is None]
        n_done = len(tasks) - len(missing)
        for done, run in enumerate(self._made(missing, n_done, len(tasks)), n_done + 1):
            self.progress(f"runs (seed {run.seed}{', failed' if run.failure else ''})", done, len(tasks))
        found = [self.folder.read(task.run) for task in tasks]
        return [run for run in found if run is not None]

    def _made(self, tasks: Sequence[RunTask], n_done: int, n_all: int) -> Iterator[SweepRun]:
        places = [(task, self.folder.run_path(task.run.number)) for task in tasks]
        if self.client is not None:
            yield from on_cluster(self.client, run_on_worker, places)
            return
        for done, (task, path) in enumerate(places, n_done + 1):
            yield run_and_keep(task, path, within(self.progress, f"run {done}/{n_all}"))


def _project_of(given: Project | str | Path) -> tuple[Project, Path]:
    """A project, and the folder that its input is relative to."""
    if isinstance(given, Project):
        return given, Path()
    path = Path(given) / "project.toml" if is_folder(given) else Path(given)
    return read_project(path), path.parent


def _work_of(project: Project, source: str) -> _Work:
    if project.sweep is None:
        raise UsageError(
            "the project declares no sweep", way_out="Add [sweep.settings] to project.toml, such as latent = [1, 2, 3]"
        )
    if "peak" in (project.sweep.measures or ()) and not project.evaluation.peaks:
        raise UsageError(
            "the sweep measures a peak and the project declares none",
            way_out='Declare [[evaluation.peaks]] in project.toml, or leave "peak" out of `measures`',
        )
    return _Work(project, project.sweep, source, dialect_options(project.csv.given()))


def _check_latents(schema: Schema, settings: ModelSettings) -> None:
    """Raise UsageError where there would be fewer latents than settings say: without an objective a group has no more
    than float columns.
    """
    most = max(sum(column.n_cells for column in group.columns if column.is_float) for group in schema.groups)
    if settings.objective is None and settings.latent is not None and settings.latent > most:
        raise UsageError(
            f"{settings.latent} latents are more than the float columns",
            found=f"{most} in the largest group",
            way_out="Leave such numbers out of the sweep",
        )


def _beside(spec: str, folder: Path) -> str:
    """An input as the project names it, found from the current folder."""
    return spec if "://" in spec or Path(spec).is_absolute() else str(folder / spec)


def _absolute(spec: str | Path) -> str:
    """An input as workers find it, whatever their folder."""
    path, inner = split_spec(str(spec))
    return str(spec) if "://" in path else str(Path(path).absolute()) + (f":{inner}" if inner else "")


@contextmanager
def _folder_of(given: str | Path | None) -> Iterator[SweepFolder]:
    """A context with the folder that keeps the runs: one that goes again where none is given."""
    if given is not None:
        yield SweepFolder(Path(given).absolute())
        return
    with temporary_folder() as folder:
        yield SweepFolder(folder)
