"""Making and running projects, and showing what came of them."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baler_vae.cli.console import note, progress_bar, say, say_json, say_verdict
from baler_vae.cli.extras import needing_reports
from baler_vae.errors import OutputError, ToleranceFailed
from baler_vae.output import check_folder, check_output, made_folder, owning, replacing
from baler_vae.paths import exists, is_folder
from baler_vae.progress import within
from baler_vae.settings.project import Project, read_project
from baler_vae.version import __version__

if TYPE_CHECKING:
    from baler_vae.verbs.evaluation import Evaluation

_SAMPLE_NAME = "sample.root"
_TEMPLATE = """# A project of baler-vae. Run it with: baler-vae run project.toml
name = {name}
# The file to compress, with its tree after a colon; paths are relative to this folder.
input = {input_spec}
# The folder for the archive, the restored file, the page and its numbers.
output = "output"
# The columns to keep, by name or glob; all of them if empty.
columns = {columns}
# What is promised for every value, such as "bits:10", "Jet_phi=abs:1e-4", "Jet_eta=exact"; "free" promises nothing.
# Float columns without a bound get "bits:12" with a floor; integers, flags and text are exact.
bound = []

# What is promised beyond bounds: cuts that no row changes sides of, and quantities within bounds of their own.
# [[guarantees]]
# cut = "(Jet_pt > 30) & (abs(Jet_eta) < 2.4)"
# at_least = 2 # of an event; without it each row keeps its side
#
# [[guarantees]]
# quantity = "dijet_mass" # one of [[evaluation.quantities]], or a formula of columns
# bound = "rel:1e-3"

# Columns that follow from others are usually found; declare the rest here ("none": no formula for these columns).
# [[derived]]
# column = "Jet_energy"
# formula = "norm(Jet_pt * cosh(Jet_eta), Jet_mass)"

[model]
kind = "auto" # the smallest of "independent", "autoregressive", "vae", "ae"; or one of these, "conv-vae", "conv-ae"
# effort = "fast" # formulas and tables without networks, fitted in seconds; "best" takes more time for fewer bytes
# latent = 4 # latents of "vae" and "ae" per row; half of the float columns by default
# seed = 0
# objective.kl.beta = 1e-3 # what "vae" and "ae" minimise under "free": see docs/objectives.md

# How much the squared error of a column counts, by glob.
[model.weights]
{weights}
# A peak that must not move: a Gaussian and a line are fitted before and after.
{peak}
# What else is judged: quantities computed from columns, and rows that change sides of a cut.
# [[evaluation.quantities]]
# name = "dijet_mass"
# kind = "mass" # or "pt", "delta_r", "delta_phi", "ht", "missing_pt"; or formula = "..." instead of all below
# objects = ["Jet_*"]
# rows = [0, 1]
#
# [[evaluation.histograms]]
# column = "dijet_mass"
# range = [0.0, 4000.0]
# bins = 80
#
# [[evaluation.cuts]]
# cut = "Jet_pt > 30"
#
# What the verdict allows; `baler-vae advise` finds bounds that stay well below.
# [evaluation.tolerances]
# peak_width_percent = 1.0
# migration_percent = 0.1
"""
_SAMPLE_WEIGHTS = "Jet_mass = 20.0\n"
_SAMPLE_PEAK = '[[evaluation.peaks]]\ncolumn = "Jet_mass"\nwindow = [100.0, 225.0]\nbins = 199\n'


def new_project(folder: Path, *, input_spec: str | None, force: bool) -> Path:
    """Writes a project.toml into a new folder, with a copy of the embedded sample where no input is named."""
    from baler_vae.sample import SAMPLE

    path = folder / "project.toml"
    check_folder(folder)
    if exists(path) and not force:
        raise OutputError("exists already", path=path, way_out="Name another folder, or overwrite it with --force")
    is_sample = input_spec is None
    input_spec = f"{_SAMPLE_NAME}:Events" if input_spec is None else _absolute(input_spec)
    text = _TEMPLATE.format(
        name=json.dumps(folder.resolve().name, ensure_ascii=False),
        input_spec=json.dumps(input_spec, ensure_ascii=False),
        columns='["Jet_*"]' if is_sample else "[]",
        weights=_SAMPLE_WEIGHTS if is_sample else '# "*mass" = 20.0\n',
        peak=_SAMPLE_PEAK if is_sample else _commented(_SAMPLE_PEAK),
    )
    with made_folder(folder), ExitStack() as files:
        # Both are written before either takes its place, so that a full disk leaves none.
        part = files.enter_context(replacing(path, force=force))
        if is_sample:
            files.enter_context(replacing(folder / _SAMPLE_NAME, force=force)).write_bytes(SAMPLE.read_bytes())
        part.write_text(text, "utf-8")
    return path


def _absolute(spec: str) -> str:
    """An input as it is named from any folder."""
    return spec if "://" in spec else str(Path(spec).absolute())


def _commented(text: str) -> str:
    return "".join(f"# {line}\n" for line in text.splitlines())


def run_project(
    path: Path,
    *,
    input_spec: str | None = None,
    output: Path | None = None,
    epochs: int | None = None,
    strict: bool = False,
    force: bool = False,
    progress_shown: bool = True,
) -> None:
    """Compresses, restores and evaluates what a project names, then runs its experiment where it declares one.

    Raises:
        ToleranceFailed: `strict`, and a tolerance of the project is exceeded; all results are there.
    """
    from baler_vae.cli.tables import summary
    from baler_vae.source.dialect import dialect_options
    from baler_vae.verbs.compress import compress_files
    from baler_vae.verbs.decompress import restore, restored_beside
    from baler_vae.verbs.evaluate import evaluate
    from baler_vae.verbs.planning import check_one_table
    from baler_vae.verbs.request import FitRequest, Request, RunRequest
    from baler_vae.verbs.restoring import RestoreRequest

    path = path / "project.toml" if is_folder(path) else path
    project = read_project(path)
    if epochs is not None:
        project = _with_epochs(project, epochs)
    dialect = dialect_options(project.csv.given())
    request = Request(codec=FitRequest.of_project(project), dialect=dialect, run=RunRequest(force=force))
    source = input_spec or _beside(project.input, path.parent)
    check_one_table(source)
    folder = output or path.parent / project.output
    archive = folder / f"{project.name}.bvae"
    restored, restored_spec = restored_beside(source, folder)
    experiment = folder / "experiment.json"
    check_reports()
    targets = (archive, restored, *evaluation_files(folder), *([experiment] if project.experiment else []))

    with made_folder(folder), owning(*targets, force=force), progress_bar(shown=progress_shown) as progress:
        info = compress_files(source, archive, request, progress)
        restore(archive, restored, RestoreRequest(force=force), progress)
        evaluation = evaluate(
            source, restored_spec, settings=project.evaluation, archive=archive, progress=within(progress, "evaluating")
        )
        progress("drawing the page", 0, 1)
        subtitle = f"{restored.name} against {Path(source).name}"
        written = list(write_evaluation(evaluation, folder, force=force, title=project.name, subtitle=subtitle))
    show_evaluation(evaluation)
    say(summary(info), f"restored file: {restored.absolute()}", *written)
    if project.experiment is not None:
        _run_experiment(project, source, experiment, force=force, progress_shown=progress_shown)
    show_verdict(evaluation)
    if strict:
        check_tolerances(evaluation, path=restored)


def check_tolerances(evaluation: "Evaluation", *, path: str | Path) -> None:
    """Raises ToleranceFailed where what came back, at `path`, exceeds a tolerance."""
    if n := len(evaluation.failures):
        raise ToleranceFailed(f"{n} {'tolerance is' if n == 1 else 'tolerances are'} exceeded", path=path)


def show_verdict(evaluation: "Evaluation", *, as_json: bool = False) -> None:
    """Prints PASS or FAIL and the reasons, as the page has them."""
    from baler_vae.report.verdict import verdict_line

    say_verdict(verdict_line(evaluation.verdict().judgement), as_json=as_json)


def _with_epochs(project: Project, epochs: int) -> Project:
    """The same project with another number of epochs, in every recipe of its experiment too."""
    changes: dict[str, Any] = {"model": project.model.model_copy(update={"epochs": epochs})}
    if project.experiment is not None:
        recipes = tuple(
            recipe.model_copy(update={"model": {**recipe.model, "epochs": epochs}})
            for recipe in project.experiment.recipes
        )
        changes["experiment"] = project.experiment.model_copy(update={"recipes": recipes})
    return project.model_copy(update=changes)


def _beside(spec: str, folder: Path) -> str:
    """An input as the project names it, found from the current folder."""
    return spec if "://" in spec or Path(spec).is_absolute() else str(folder / spec)


def check_reports() -> None:
    """Raises MissingExtra where a page could not be drawn in the end."""
    with needing_reports("the page"):
        import baler_vae.report.page  # noqa: F401


def evaluation_files(folder: Path) -> tuple[Path, Path]:
    """The page and the JSON of an evaluation in a folder."""
    return folder / "report.html", folder / "evaluation.json"


def _run_experiment(project: Project, source: str, path: Path, *, force: bool, progress_shown: bool) -> None:
    from baler_vae.cli.tables import experiment_table
    from baler_vae.study.experiment import run_experiment

    runs = []
    with progress_bar(shown=progress_shown) as progress:
        for run in run_experiment(project, source, progress=progress):
            runs.append(run)
            note(
                f"{run.recipe}, {run.kind}, seed {run.seed}: {run.archive_bytes:,} bytes, {run.training_seconds:.1f} s"
            )
    with replacing(path, force=force) as part:
        part.write_text(json.dumps({**_environment(), "runs": [run.to_dict() for run in runs]}, indent=2), "utf-8")
    say(experiment_table(runs), f"experiment: {path.absolute()}")


def _environment() -> dict[str, Any]:
    """What seconds and bytes depend on beside the data and the settings."""
    packages = ("torch", "numpy", "pcodec")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": {"system": platform.system(), "architecture": platform.machine(), "cores": os.cpu_count()},
        "versions": {
            "baler-vae": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in packages},
        },
    }


def show_evaluation(
    evaluation: "Evaluation", *, as_json: bool = False, rivals: Mapping[str, int] | None = None
) -> None:
    """Prints the tables of an evaluation and its findings, also against rivals, or its JSON with the tolerances that
    are exceeded.
    """
    from baler_vae.report.listing import Paragraph
    from baler_vae.report.tables import columns_table, cuts_table, guarantees_table, peaks_table, spectra_table
    from baler_vae.report.verdict import finding_lines

    if as_json:
        say_json(evaluation.to_dict())
        return
    for names, what in ((evaluation.missing, "did not come back"), (evaluation.left_out, "not asked for")):
        if names:
            note(f"{what}: {', '.join(names)}")
    say(columns_table(evaluation))
    if evaluation.guarantees:
        say(guarantees_table(evaluation))
    if evaluation.peaks:
        say(peaks_table(evaluation))
    if evaluation.spectra:
        say(spectra_table(evaluation))
    if evaluation.cuts:
        say(cuts_table(evaluation))
    lines = [line for finding in evaluation.verdict(rivals).findings for line in finding_lines(finding)]
    say(*map(Paragraph, lines))


def write_evaluation(
    evaluation: "Evaluation", folder: Path | None, *, pdf: Path | None = None, force: bool = False, **options: Any
) -> Iterator[str]:
    """Writes the page and the JSON of an evaluation into a folder, and the page as PDF, as far as these are given;
    gives a line on each. `options` are those of `Evaluation.write_page`.
    """
    if folder is not None or pdf is not None:
        from baler_vae.report.record import date_of_source

        options["command"] = shlex.join(["baler-vae", *sys.argv[1:]])
        options["date"] = date_of_source() or datetime.now(UTC).date().isoformat()
    if folder is not None:
        page, numbers = evaluation_files(folder)
        with made_folder(folder), owning(page, numbers, force=force):  # both of one evaluation, whoever else writes
            evaluation.write_page(page, force=force, **options)
            with replacing(numbers, force=force) as part:
                part.write_text(json.dumps(evaluation.to_dict(), indent=2, ensure_ascii=False), "utf-8")
        yield f"page: {page.absolute()}"
        yield f"numbers: {numbers.absolute()}"
    if pdf is not None:
        if folder is None:
            evaluation.print_page(pdf, force=force, **options)
        else:
            from baler_vae.report.pdf import print_page

            print_page(evaluation_files(folder)[0], pdf, force=force)
        yield f"print: {pdf.absolute()}"


def check_printing(pdf: Path, *, force: bool) -> None:
    """Fails before the work is done where a page could not be printed in the end."""
    from baler_vae.report.pdf import browser_path

    check_output(pdf, force=force)
    browser_path()
