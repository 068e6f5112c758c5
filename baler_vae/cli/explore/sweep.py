"""`baler-vae explore sweep`: many fits of one project, and the project with the best settings."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_vae.cli.console import note, progress_bar, say
from baler_vae.cli.explore.showing import PagePath, check_page, show
from baler_vae.cli.extras import needing_explore, needing_reports
from baler_vae.cli.interrupts import telling_how_to_resume
from baler_vae.cli.options import AsJson, Force, Quiet, Scheduler, Workers
from baler_vae.errors import UsageError

if TYPE_CHECKING:
    from baler_vae.explore.sweep_folder import SweepFolder
    from baler_vae.measures.sweeps import SweepResult
    from baler_vae.settings.project import Project


def sweep(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="project.toml that declares a sweep, or its folder.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Folder for the runs (default: sweep in the project's output)."
        ),
    ] = None,
    input_spec: Annotated[
        str | None, typer.Option("--input", metavar="FILE", help="Fit this file in place of the project's input.")
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    resume: Annotated[bool, typer.Option("--resume", help="Keep the runs that are done and make the others.")] = False,
    page: PagePath = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
) -> None:
    """Fit a project with many settings and seeds; write a table, the Pareto front and the best settings."""
    from baler_vae.explore.sweep_folder import SweepFolder
    from baler_vae.paths import is_folder
    from baler_vae.settings.project import read_project

    path = project / "project.toml" if is_folder(project) else project
    read = read_project(path)
    with needing_explore("a sweep"):
        from baler_vae.explore.sweeping import sweep as sweep_project
    with needing_reports("the table"):
        from baler_vae.report.sweep_section import listed_sweep, sweep_section
    check_page(page)
    kept = SweepFolder((output or path.parent / read.output / "sweep").absolute())
    with telling_how_to_resume(str(kept.path)), progress_bar(shown=not no_progress) as progress:
        result = sweep_project(
            path,
            kept.path,
            source=input_spec,
            workers=workers,
            scheduler=scheduler,
            resume=resume,
            force=force,
            progress=progress,
        )
    tell = note if json else say
    show(result, listed_sweep, sweep_section, as_json=json, page=page)
    tell(f"table: {kept.table} ({len(result.runs):,} runs, {kept.seconds(result.runs):,.0f} s of computing)")
    tell(f"numbers: {kept.summary}")
    if result.best is not None:
        _write_best(path, read, input_spec, kept, result)
        tell(f"project with the best settings: {kept.best}")
    failures = [run.failure for run in result.runs if run.failure]
    if len(failures) == len(result.runs):
        raise UsageError("no run of the sweep succeeded", path=path, found=f"{failures[0]} (the first of all runs)")


def _write_best(
    path: Path, project: "Project", input_spec: str | None, kept: "SweepFolder", result: "SweepResult"
) -> None:
    """Writes the project with the best settings into the folder of a sweep, from where it finds the same input.

    Raises:
        UsageError: the text of the project cannot be changed; what is to be written is told.
    """
    from baler_vae.cli.editing import with_list, with_values
    from baler_vae.explore.sweep_plan import Setting, changes_of
    from baler_vae.output import replacing

    run = result.best_run
    if run is None:
        return
    model, bound = changes_of(project, Setting(run.variant, run.settings), run.seed)
    changes = {("model", *names): value for names, value in model.items()}
    text = path.read_bytes().decode("utf-8")
    if input_spec is not None or not _is_fixed(project.input):
        changes["input",] = _from(kept.path, input_spec or str(path.parent / project.input))
    text = with_values(text, changes)
    if bound != project.bound:
        text = with_list(text, "bound", bound)
    with replacing(kept.best, force=True) as part:
        part.write_text(text, "utf-8", newline="")


def _is_fixed(spec: str) -> bool:
    """Whether an input is the same from every folder."""
    return "://" in spec or Path(spec).is_absolute()


def _from(folder: Path, spec: str) -> str:
    """An input as a project in a folder names it."""
    from baler_vae.io.files import split_spec

    place, inner = split_spec(spec)
    if "://" in place:
        return spec
    return os.path.relpath(place, folder) + (f":{inner}" if inner else "")
