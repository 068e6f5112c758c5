"""One short function per verb. What a verb needs is imported when it runs, so that `--help` is quick."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_vae.cli.console import note, progress_bar, say, say_json
from baler_vae.cli.dialects import with_dialect
from baler_vae.cli.examples import examples
from baler_vae.cli.explore.app import app as explore
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
    EffortOf,
    Epochs,
    Force,
    Guaranteed,
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
from baler_vae.cli.requests import check_inputs, dialect_for, fit_request, is_folder, model_options, project_of
from baler_vae.errors import BalerError, UsageError
from baler_vae.version import __version__

if TYPE_CHECKING:
    from baler_vae.reader.archive_info import ArchiveInfo

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
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the output of the demo.")] = Path(
        "baler-vae-demo"
    ),
    force: Force = False,
    no_progress: Quiet = False,
) -> None:
    """Compress, restore and evaluate an embedded sample of 20,000 jets."""
    from baler_vae.cli.project import new_project, run_project
    from baler_vae.output import check_folder
    from baler_vae.paths import exists

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
    effort: EffortOf = None,
    latent: Latent = None,
    weight: Weights = None,
    bound: Bounds = None,
    guarantee: Guaranteed = None,
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
    """Fit a codec to files and store it, for compressing these or other files."""
    from baler_vae.io.chain import open_sources
    from baler_vae.output import owned
    from baler_vae.source.source import summary
    from baler_vae.verbs.fit import fit_source
    from baler_vae.verbs.naming import check_codec_name

    check_codec_name(output)
    check_inputs(inputs, columns=columns, bounds=bound)
    options = model_options(model, latent, weight, epochs, seed, device, sample_rows, effort)
    read = project_of(project)
    request = fit_request(read, columns, bound, options, guarantees=guarantee, skip_unreadable=skip_unreadable)
    text = dialect_for(read, dialect)
    with owned(output, force=force):
        with progress_bar(shown=not no_progress) as progress:
            codec = fit_source(open_sources(inputs, text), request, progress)
        codec.save(output, force=force)
    if skipped := codec.settings.get("skipped"):
        note(f"baler-vae: left out: {summary(skipped)}")
    report = codec.report()
    for training in report.trainings:
        say(str(training))
    for guaranteed in report.guarantees:
        say(f"guaranteed: {guaranteed}")
    say(f"codec: {output} ({output.stat().st_size:,} bytes)")


@app.command(epilog=examples("compress"))
@with_dialect
def compress(
    inputs: Inputs,
    output: Annotated[
        str,
        typer.Option("-o", "--output", help="Archive to write (.bvae), or a folder for one archive per file."),
    ],
    columns: Columns = None,
    model: Model = None,
    effort: EffortOf = None,
    latent: Latent = None,
    weight: Weights = None,
    bound: Bounds = None,
    guarantee: Guaranteed = None,
    epochs: Epochs = None,
    seed: Seed = None,
    device: Device = None,
    sample_rows: SampleRows = None,
    codec: Annotated[Path | None, typer.Option("--codec", help="Use a stored codec instead of fitting one.")] = None,
    skip_unreadable: SkipUnreadable = False,
    project: ProjectPath = None,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Skip decoding the archive and comparing every value.")
    ] = False,
    keep_history: Annotated[
        bool, typer.Option("--keep-history", help="Store the training history in the archive, for its report.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue where the same command was killed or interrupted.")
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Compress files into one archive, or into one archive each; all tables of a file, or FILE:TABLE."""
    from baler_vae.codec.codec import Codec
    from baler_vae.verbs.compress import compress_files
    from baler_vae.verbs.many import compress_into
    from baler_vae.verbs.request import Request, RunRequest

    check_inputs(inputs, columns=columns, bounds=bound)
    options = model_options(model, latent, weight, epochs, seed, device, sample_rows, effort)
    if codec is not None and (project or columns or bound or guarantee or options):
        raise UsageError(
            "a codec has its own columns, bounds, guarantees and model",
            way_out="Leave out either --codec or the options that describe a model",
        )
    read = project_of(project)
    asked = fit_request(read, columns, bound, options, guarantees=guarantee, skip_unreadable=skip_unreadable)
    request = Request(
        codec=asked if codec is None else Codec.load(codec),
        dialect=dialect_for(read, dialect),
        run=RunRequest(
            verify=not no_verify,
            keep_history=keep_history,
            force=force,
            resume=resume,
            workers=workers,
            scheduler=scheduler,
        ),
    )
    with telling_how_to_resume(output), progress_bar(shown=not no_progress) as progress:
        if is_folder(output):
            written = compress_into(inputs, output, request, progress)
        else:
            written = [compress_files(inputs, output, request, progress)]
    for info in written:
        for text in info.notes:
            note(f"{info.path}: {text}" if len(written) > 1 else text)
        for warning in info.warnings:
            note(f"baler-vae: {info.path}: {warning}" if len(written) > 1 else f"baler-vae: {warning}")
        _show_info(info, json)


@app.command(epilog=examples("decompress"))
def decompress(
    archives: Annotated[list[str], typer.Argument(help="Archives to read (.bvae): paths or URLs.")],
    output: Annotated[
        str,
        typer.Option("-o", "--output", help="File to write (.root, .csv, .parquet, .h5, .npz), or a folder."),
    ],
    columns: Columns = None,
    rntuple: Annotated[bool, typer.Option("--rntuple", help="Write an RNTuple instead of a TTree.")] = False,
    compression: Annotated[
        str | None,
        typer.Option(
            metavar="ALGORITHM:LEVEL",
            help="Compression of a ROOT file: zlib:1, lzma:9, lz4:4, zstd:5 or none. By default that of the source.",
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Format of the files in the folder: root, csv, parquet, hdf5 or npz.")
    ] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    force: Force = False,
    no_progress: Quiet = False,
) -> None:
    """Restore an archive, or ARCHIVE:TABLE, to a file, or several archives to a folder."""
    from baler_vae.verbs.decompress import restore
    from baler_vae.verbs.many import restore_into
    from baler_vae.verbs.restoring import RestoreRequest

    check_inputs(archives, columns=columns)
    request = RestoreRequest.of(
        columns=columns or (),
        rntuple=rntuple,
        compression=compression,
        force=force,
        workers=workers,
        scheduler=scheduler,
    )
    with progress_bar(shown=not no_progress) as progress:
        if is_folder(output):
            written = restore_into(archives, output, request, to=to, progress=progress)
        elif len(archives) > 1 or to is not None:
            raise UsageError(
                "several archives, or --to, need an output folder",
                path=output,
                way_out="Name a folder that exists, or join the archives first (`baler-vae merge`)",
            )
        else:
            restore(archives[0], output, request, progress)
            written = [Path(output)]
    for path in written:
        say(f"restored: {path}")


@app.command(epilog=examples("merge"))
def merge(
    archives: Annotated[
        list[str], typer.Argument(help="Archives made with the same codec (.bvae), in the order of their events.")
    ],
    output: Annotated[Path, output_option("Archive to write (.bvae).")],
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
) -> None:
    """Join archives made with the same codec, without decoding them."""
    from baler_vae.verbs.merge import merge as merge_archives

    with progress_bar(shown=not no_progress) as progress:
        info = merge_archives(archives, output, force=force, progress=progress)
    _show_info(info, json)


app.command(epilog=examples("evaluate"))(with_dialect(evaluate))
app.command(epilog=examples("advise"))(with_dialect(advise))
app.command(epilog=examples("compare"))(with_dialect(compare))
app.command(epilog=examples("verify"))(with_dialect(verify))
app.add_typer(explore)


@app.command(epilog=examples("info"))
def info(archive: ArchivePath, json: AsJson = False) -> None:
    """Show what an archive contains and what its bytes are spent on."""
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
    """Run a project: compress, restore, evaluate, and run its experiment if it declares one."""
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
    name: Annotated[Path, typer.Argument(help="Folder to create; its name becomes the project's.")],
    input: Annotated[
        str | None, typer.Option("--input", help="The file to compress (default: a copy of the embedded sample).")
    ] = None,
    force: Force = False,
) -> None:
    """Create a project: a folder with a project.toml that `run` accepts as it is."""
    from baler_vae.cli.project import new_project

    say(f"project: {new_project(name, input_spec=input, force=force)}")


def _show_info(info: "ArchiveInfo", json: bool, *, columns: bool = False) -> None:
    from baler_vae.cli.collection import shown_info

    say_json(info.to_dict()) if json else say(*shown_info(info, columns=columns))
