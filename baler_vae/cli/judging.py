"""The verbs that judge what comes back, prove what is promised, and weigh precision against bytes."""

from pathlib import Path
from typing import Annotated, Any

import typer

from baler_vae.cli.console import note, progress_bar, say, say_json, say_verdict
from baler_vae.cli.options import (
    ArchivePath,
    AsJson,
    Bounds,
    Columns,
    Dialect,
    Force,
    Guaranteed,
    Inputs,
    ProjectPath,
    Quiet,
    Strict,
)
from baler_vae.cli.requests import dialect_for, project_of


def advise(
    inputs: Inputs,
    project: ProjectPath = None,
    columns: Columns = None,
    bound: Bounds = None,
    part: Annotated[
        float, typer.Option("--part", help="Largest effect to accept, as a fraction of the statistical error.")
    ] = 0.01,
    sample_rows: Annotated[
        int | None,
        typer.Option("--sample-rows", metavar="N", min=1, help="Measure effects on a sample of larger tables."),
    ] = None,
    no_fit: Annotated[
        bool, typer.Option("--no-fit", help="Do not fit networks to a sample to estimate the size of an archive.")
    ] = False,
    separate: Annotated[
        bool,
        typer.Option("--separate", help="A bound for each column, not one for px, py, pz, or for pt1 and pt2."),
    ] = False,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="SVG file for a figure of effects against bits.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write the bounds into the file given with --project.")
    ] = False,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Find how many bits each column needs to keep the physics in place, and how a project.toml would change."""
    from baler_vae.cli.advice import advise_on
    from baler_vae.cli.requests import check_inputs
    from baler_vae.output import owning

    check_inputs(inputs, columns=columns, bounds=bound)
    read = project_of(project)
    with owning(*([figure] if figure else []), force=force):
        advise_on(
            inputs,
            project,
            read,
            columns=columns,
            bound=bound,
            part=part,
            sample_rows=sample_rows,
            fitted=not no_fit,
            share=not separate,
            dialect=dialect_for(read, dialect),
            figure=figure,
            write=write,
            force=force,
            progress_shown=not no_progress,
            as_json=json,
        )


def compare(
    against: Annotated[str, typer.Option("--against", help="The original file.")],
    archives: Annotated[
        list[str] | None, typer.Argument(help="Archives to read (.bvae): paths, URLs, or folders of them.")
    ] = None,
    bounds: Annotated[
        list[str] | None,
        typer.Option("--bounds", help="Compress under these bounds, such as 'bits:10;Jet_phi=abs:1e-3'; repeatable."),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(
            "--models",
            help="Compress with this kind of model, as `compress --model`; repeatable (default: independent).",
        ),
    ] = None,
    columns: Columns = None,
    guarantee: Guaranteed = None,
    project: ProjectPath = None,
    rivals: Annotated[
        Path | None,
        typer.Option("--rivals", help="Sizes of rivals: results.csv of the benchmarks, or JSON of name: bytes."),
    ] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", help="SVG file for a figure of loss against bytes.")
    ] = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Show archives of one file side by side, or try several bounds and models on it."""
    from baler_vae.cli.comparison import compare_all
    from baler_vae.cli.requests import check_inputs
    from baler_vae.output import owning

    check_inputs(archives or [], columns=columns, bounds=bounds, bound_option="--bounds")
    read = project_of(project)
    with owning(*([figure] if figure else []), force=force):
        compare_all(
            archives or [],
            against,
            bounds=bounds or [],
            models=models or [],
            columns=columns,
            guarantees=guarantee,
            project=read,
            dialect=dialect_for(read, dialect),
            rivals=rivals,
            figure=figure,
            force=force,
            progress_shown=not no_progress,
            as_json=json,
        )


def evaluate(
    original: Annotated[str, typer.Argument(help="The original: a file or an archive.")],
    restored: Annotated[str, typer.Argument(help="The restored data: a file or an archive.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Folder for the page and its numbers (JSON).")
    ] = None,
    project: ProjectPath = None,
    strict: Strict = False,
    archive: Annotated[
        Path | None, typer.Option("--archive", help="The archive that the restored file came from, for its bounds.")
    ] = None,
    rivals: Annotated[
        Path | None,
        typer.Option("--rivals", help='Sizes of rivals: results.csv of the benchmarks, or JSON {"name": bytes}.'),
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", help="Also print the page to this PDF file, using an installed Chromium.")
    ] = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Compare restored data with the original: residuals, responses, peaks and cuts."""
    from baler_vae.cli.collection import evaluate_each
    from baler_vae.cli.project import (
        check_printing,
        check_tolerances,
        evaluation_files,
        show_evaluation,
        show_verdict,
        write_evaluation,
    )
    from baler_vae.output import check_folder, owning
    from baler_vae.settings.evaluation import EvaluationSettings
    from baler_vae.verbs.evaluate import evaluate as evaluate_files

    same: dict[str, Any] = {
        "project": project,
        "strict": strict,
        "rivals": rivals,
        "force": force,
        "no_progress": no_progress,
    }
    same["dialect"] = dialect
    if evaluate_each(evaluate, original, restored, output=output, pdf=pdf, archive=archive, json=json, **same):
        return
    if output is not None:
        check_folder(output)
    if pdf is not None:
        check_printing(pdf, force=force)
    read = project_of(project)
    settings = read.evaluation if read else EvaluationSettings()
    targets = [*(evaluation_files(output) if output and output.exists() else ()), *([pdf] if pdf else ())]
    with owning(*targets, force=force):
        with progress_bar(shown=not no_progress) as progress:
            evaluation = evaluate_files(
                original,
                restored,
                settings=settings,
                archive=archive,
                columns=read.columns if read else (),
                dialect=dialect_for(read, dialect),
                progress=progress,
            )
            measured = None if rivals is None else evaluation.bytes_of_rivals(rivals)
        show_evaluation(evaluation, as_json=json, rivals=measured)
        for line in write_evaluation(evaluation, output, pdf=pdf, force=force, rivals=measured):
            note(line) if json else say(line)
    show_verdict(evaluation, as_json=json)
    if strict:
        check_tolerances(evaluation, path=restored)


def verify(
    archive: ArchivePath,
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="The original: compare every value with its bound."),
    ] = None,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Check every digest and decode every row; with the original, compare every value with its bound."""
    from baler_vae.cli.tables import guarantees_table, verification_lines, verification_table
    from baler_vae.verbs.proving import check_guarantees
    from baler_vae.verbs.verify import check_broken
    from baler_vae.verbs.verify import verify as verify_file

    with progress_bar(shown=not no_progress) as progress:
        done = verify_file(archive, against=against or None, dialect=dialect, progress=progress)
    intact, verdicts = verification_lines(done, archive)
    if json:
        say_json(done.to_dict())
    else:
        say(*([verification_table(done)] if done.columns else []))
        say(*([guarantees_table(done)] if done.guarantees else []), intact)
    for verdict in verdicts:
        say_verdict(verdict, as_json=json)
    check_broken(done.columns, str(archive))
    check_guarantees(done.guarantees, str(archive))
