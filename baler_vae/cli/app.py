"""One short function per verb. What a verb needs is imported when it runs, so that `--help` is quick."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from baler_vae.cli.console import note, progress_bar, say, say_json
from baler_vae.cli.dialects import with_dialect
from baler_vae.cli.examples import examples
from baler_vae.cli.failing import speak_plainly, system_failures
from baler_vae.cli.interrupts import telling_how_to_resume
from baler_vae.cli.judging import advise, compare, evaluate, verify
from baler_vae.cli.options import (
    ArchivePath,
    AsJson,
    Bounds,
    Columns,
    Device,
    Dialect,
    Epochs,
    Force,
    Inputs,
    Latent,
    Model,
    ProjectPath,
    Quiet,
    SampleRows,
    Scheduler,
    Seed,
    SkipUnreadable,
    Strict,
    Weights,
    Workers,
    output_option,
)
from baler_vae.cli.requests import check_inputs, dialect_for, is_folder, model_options, request_of
from baler_vae.errors import BalerError, UsageError
from baler_vae.version import __version__

app = typer.Typer(
    name="baler-vae",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Runs the command line; a `BalerError` becomes one line and its exit status."""
    speak_plainly()
    try:
        with system_failures():
            app()
    except BalerError as error:
        note(f"baler-vae: {type(error).__name__}: {error}")
        sys.exit(error.exit_status)


def _show_version(asked: bool) -> None:
    if asked:
        say(f"baler-vae {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learned compression for the columns of high-energy-physics ntuples."""


@app.command(epilog=examples("demo"))
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for what the demo makes.")] = Path(
        "baler-vae-demo"
    ),
    force: Force = False,
    no_progress: Quiet = False,
) -> None:
    """Compress, restore and evaluate an embedded sample of 20,000 jets."""
    from baler_vae.cli.project import new_project, run_project
    from baler_vae.paths import check_folder, exists

    check_folder(output)
    if force or not exists(output / "project.toml"):
        new_project(output, input_spec=None, force=force)
    run_project(output / "project.toml", force=force, progress_shown=not no_progress)


@app.command(epilog=examples("fit"))
@with_dialect
def fit(
    inputs: Inputs,
    output: Annotated[Path, output_option("Codec to write (.bvmodel).")],
    columns: Columns = None,
    model: Model = None,
    latent: Latent = None,
    weight: Weights = None,
    bound: Bounds = None,
    epochs: Epochs = None,
    seed: Seed = None,
    device: Device = None,
    sample_rows: SampleRows = None,
    skip_unreadable: SkipUnreadable = False,
    project: ProjectPath = None,
    force: Force = False,
    no_progress: Quiet = False,
    dialect: Dialect = None,
) -> None:
    """Fit a codec to files and store it, to compress them or others with."""
    from baler_vae.output import owned
    from baler_vae.source.source import summary
    from baler_vae.verbs.fit import fit as fit_file
    from baler_vae.verbs.naming import check_codec_name

    check_codec_name(output)
    check_inputs(inputs, columns=columns, bounds=bound)
    options = model_options(model, latent, weight, epochs, seed, device, sample_rows)
    request = request_of(project, columns, bound, options) | {"dialect": dialect_for(project, dialect)}
    with owned(output, force=force):
        with progress_bar(shown=not no_progress) as progress:
            codec = fit_file(inputs, skip_unreadable=skip_unreadable, progress=progress, **request)
        codec.save(output, force=force)
    if skipped := codec.settings.get("skipped"):
        note(f"baler-vae: left out: {summary(skipped)}")
    for name, points in codec.history.items():
        if "training_bits" in points[-1]:
            say(f"{name}: {points[-1]['number']:,} steps, {points[-1]['training_bits']:.1f} bits a row")
        else:
            best = min(epoch["validation_error"] for epoch in points)
            say(f"{name}: {len(points)} epochs, validation error {best:.3g}")
    say(f"codec: {output} ({output.stat().st_size:,} bytes)")


@app.command(epilog=examples("compress"))
@with_dialect
def compress(
    inputs: Inputs,
    output: Annotated[
        str,
        typer.Option("-o", "--output", help="Archive to write (.bvae), or a folder for an archive of each file."),
    ],
    columns: Columns = None,
    model: Model = None,
    latent: Latent = None,
    weight: Weights = None,
    bound: Bounds = None,
    epochs: Epochs = None,
    seed: Seed = None,
    device: Device = None,
    sample_rows: SampleRows = None,
    codec: Annotated[Path | None, typer.Option("--codec", help="Use a stored codec instead of fitting one.")] = None,
    skip_unreadable: SkipUnreadable = False,
    project: ProjectPath = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Do not decode the archive and compare every value.")
    ] = False,
    keep_history: Annotated[
        bool, typer.Option("--keep-history", help="Keep the history of the training in the archive, for its report.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was killed or interrupted.")
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Compress columns of files into an archive, or into one for each file; all tables of a file, or FILE:TABLE."""
    from baler_vae.verbs.compress import compress as compress_files
    from baler_vae.verbs.many import compress_each

    check_inputs(inputs, columns=columns, bounds=bound)
    options = model_options(model, latent, weight, epochs, seed, device, sample_rows)
    request: dict[str, Any] = {"codec": codec, "verify": not no_verify, "force": force, "resume": resume}
    request |= {"workers": workers, "scheduler": scheduler, "keep_history": keep_history}
    request["dialect"] = dialect_for(project, dialect)
    if codec is None:
        request |= request_of(project, columns, bound, options) | {"skip_unreadable": skip_unreadable}
    elif project or columns or bound or options:
        raise UsageError(
            "a codec has its own columns, bounds and model", way_out="Leave out --codec, or all that describes a model"
        )
    with telling_how_to_resume(output), progress_bar(shown=not no_progress) as progress:
        if is_folder(output):
            written = compress_each(inputs, output, progress=progress, **request)
        else:
            written = [compress_files(inputs, output, progress=progress, **request)]
    for info in written:
        for text in info["notes"]:
            note(f"{info['path']}: {text}" if len(written) > 1 else text)
        for warning in info["warnings"]:
            note(f"baler-vae: {info['path']}: {warning}" if len(written) > 1 else f"baler-vae: {warning}")
        _show_info(info, json)


@app.command(epilog=examples("decompress"))
def decompress(
    archives: Annotated[list[str], typer.Argument(help="Archives to read (.bvae): paths or URLs.")],
    output: Annotated[
        str,
        typer.Option("-o", "--output", help="File to write (.root, .csv, .parquet, .h5, .npz), or a folder."),
    ],
    columns: Columns = None,
    rntuple: Annotated[bool, typer.Option("--rntuple", help="Write an RNTuple into a ROOT file, not a TTree.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", help="Format of files in a folder: root, csv, parquet, hdf5 or npz.")
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    force: Force = False,
    no_progress: Quiet = False,
) -> None:
    """Restore the columns of an archive, or of ARCHIVE:TABLE, to a file, or those of several to a folder."""
    from baler_vae.verbs.decompress import decompress as decompress_file
    from baler_vae.verbs.many import decompress_each

    check_inputs(archives, columns=columns)
    options: dict[str, Any] = {"columns": columns or (), "rntuple": rntuple, "force": force}
    options |= {"workers": workers, "scheduler": scheduler}
    with progress_bar(shown=not no_progress) as progress:
        if is_folder(output):
            written = decompress_each(archives, output, to=to, progress=progress, **options)
        elif len(archives) > 1 or to is not None:
            raise UsageError(
                "several archives, or a format, need a folder",
                path=output,
                way_out="Name a folder that exists, or join the archives first (`baler-vae merge`)",
            )
        else:
            decompress_file(archives[0], output, progress=progress, **options)
            written = [Path(output)]
    for path in written:
        say(f"restored: {path}")


@app.command(epilog=examples("merge"))
def merge(
    archives: Annotated[list[str], typer.Argument(help="Archives of one codec (.bvae), in the order of their events.")],
    output: Annotated[Path, output_option("Archive to write (.bvae).")],
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
) -> None:
    """Join archives that one codec was used for, without decoding them."""
    from baler_vae.verbs.merge import merge as merge_archives

    with progress_bar(shown=not no_progress) as progress:
        info = merge_archives(archives, output, force=force, progress=progress)
    _show_info(info, json)


app.command(epilog=examples("evaluate"))(with_dialect(evaluate))
app.command(epilog=examples("advise"))(with_dialect(advise))
app.command(epilog=examples("compare"))(with_dialect(compare))
app.command(epilog=examples("verify"))(with_dialect(verify))


@app.command(epilog=examples("info"))
def info(archive: ArchivePath, json: AsJson = False) -> None:
    """Say what an archive holds and what takes its bytes."""
    from baler_vae.reader.opening import open_archive

    with open_archive(archive) as opened:
        _show_info(opened.info(), json, columns=True)


@app.command(epilog=examples("run"))
def run(
    project: Annotated[Path, typer.Argument(help="The project.toml to run, or its folder.")],
    input: Annotated[str | None, typer.Option("--input", help="Read this file instead of the project's.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder for results.")] = None,
    epochs: Epochs = None,
    strict: Strict = False,
    force: Force = False,
    no_progress: Quiet = False,
) -> None:
    """Run a project: compress, restore, evaluate, and its experiment where it declares one."""
    from baler_vae.cli.project import run_project

    run_project(
        project,
        input_spec=input,
        output=output,
        epochs=epochs,
        strict=strict,
        force=force,
        progress_shown=not no_progress,
    )


@app.command(epilog=examples("new"))
def new(
    name: Annotated[Path, typer.Argument(help="Folder to make; its name is the project's.")],
    input: Annotated[
        str | None, typer.Option("--input", help="The file to compress; default a copy of the embedded sample.")
    ] = None,
    force: Force = False,
) -> None:
    """Make a project: a folder with a project.toml that `run` completes as it is."""
    from baler_vae.cli.project import new_project

    say(f"project: {new_project(name, input_spec=input, force=force)}")


def _show_info(info: dict[str, Any], json: bool, *, columns: bool = False) -> None:
    from baler_vae.cli.collection import shown_info

    say_json(info) if json else say(*shown_info(info, columns=columns))
