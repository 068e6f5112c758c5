"""`baler-vae explore score`: how strange rows and events are to a codec."""

from pathlib import Path
from typing import Annotated

import typer

from baler_vae.cli.console import note, progress_bar, say
from baler_vae.cli.dialects import with_dialect
from baler_vae.cli.explore.showing import CodecPath, PagePath, check_page, show
from baler_vae.cli.extras import needing_explore, needing_reports
from baler_vae.cli.options import AsJson, Dialect, Force, Quiet, Seed, output_option

Input = Annotated[str, typer.Argument(metavar="IN", help="File or archive whose rows to score.")]


@with_dialect
def score(
    codec: CodecPath,
    data: Input,
    output: Annotated[
        Path, output_option("Scores to write: ROOT, Parquet, HDF5 or npz; CSV holds those of events only.")
    ],
    label: Annotated[
        str | None, typer.Option("--label", metavar="COLUMN", help="Column of IN that is 1 or true for signal.")
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", metavar="IN2", help="Second input, which counts as signal.")
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Tell mean scores along this column, such as the run."),
    ] = None,
    training: Annotated[
        str | None,
        typer.Option("--training", metavar="FILE", help="Rows that tell what is typical (default: IN)."),
    ] = None,
    objects: Annotated[
        int | None,
        typer.Option(
            "--objects", metavar="N", min=1, help="Objects of each collection that count in events (default: all)."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="GLOB", help="Columns of IN to write beside the scores; repeatable."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option("--samples", metavar="K", min=1, help="Importance samples of a row for -ELBO (default: 16)."),
    ] = None,
    seed: Seed = None,
    page: PagePath = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Score rows and events: bits under the codec, squared error, -ELBO, distance of latents; ROC curves, drift."""
    with needing_explore("scores"):
        from baler_vae.explore.scoring import N_SAMPLES
        from baler_vae.explore.scoring import score as score_rows
    with needing_reports("the tables"):
        from baler_vae.report.scores_section import listed_scores, scores_section
    check_page(page)
    with progress_bar(shown=not no_progress) as progress:
        found = score_rows(
            codec,
            data,
            output,
            against=against,
            label=label,
            by=by,
            training=training,
            keep=keep or (),
            n_objects=objects,
            n_samples=N_SAMPLES if samples is None else samples,
            seed=seed or 0,
            dialect=dialect,
            force=force,
            progress=progress,
        )
    show(found, listed_scores, scores_section, as_json=json, page=page)
    (note if json else say)(f"scores: {output.absolute()}")
