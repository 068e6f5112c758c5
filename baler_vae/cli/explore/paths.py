"""`baler-vae explore interpolate` and `baler-vae explore traverse`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from baler_vae.cli.console import note, say
from baler_vae.cli.explore.latents import GroupName
from baler_vae.cli.explore.showing import CodecPath, PagePath, check_page, show
from baler_vae.cli.extras import needing_explore
from baler_vae.cli.options import AsJson, Dialect, Force, Inputs, Seed, output_option

if TYPE_CHECKING:
    from baler_vae.measures.paths import Paths

Steps = Annotated[int, typer.Option("--steps", metavar="N", min=3, help="Steps of each path, with both ends.")]
JudgeCodec = Annotated[
    str | None,
    typer.Option(
        "--judge", metavar="CODEC", help="A codec under bounds of the same columns: how many bits decoded rows take."
    ),
]
DecodedRows = Annotated[Path | None, output_option("File for the decoded rows: .parquet, .root, .csv and the like.")]


def interpolate(
    codec: CodecPath,
    inputs: Inputs,
    rows: Annotated[
        tuple[int, int] | None, typer.Option("--rows", metavar="I J", help="Walk from one row of the group to another.")
    ] = None,
    means: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--means",
            metavar="CUT CUT",
            help="Walk from the mean of the rows that pass one cut to that of another: 'nJet > 5' 'nJet < 3'.",
        ),
    ] = None,
    steps: Steps = 11,
    pairs: Annotated[
        int, typer.Option("--pairs", metavar="N", min=0, help="Random pairs whose midpoints are judged; 0 for none.")
    ] = 200,
    judge: JudgeCodec = None,
    output: DecodedRows = None,
    group: GroupName = None,
    seed: Seed = None,
    page: PagePath = None,
    force: Force = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Walk from one row to another through the latent space, straight and on an arc, and judge what is decoded."""
    with needing_explore("walking through a latent space"):
        from baler_vae.explore.paths import interpolate as walk

    check_page(page)
    result = walk(
        codec,
        inputs[0] if len(inputs) == 1 else inputs,
        rows=rows,
        means=means,
        steps=steps,
        pairs=pairs,
        judge=judge,
        output=output,
        group=group,
        seed=seed or 0,
        force=force,
        dialect=dialect,
    )
    _show(result, output, page, as_json=json)


def traverse(
    codec: CodecPath,
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Files whose latents give means and spreads; 0 and 1 without them.")
    ] = None,
    row: Annotated[
        int | None, typer.Option("--row", metavar="I", help="Keep the other latents at those of this row of the group.")
    ] = None,
    steps: Steps = 11,
    judge: JudgeCodec = None,
    output: DecodedRows = None,
    group: GroupName = None,
    seed: Seed = None,
    page: PagePath = None,
    force: Force = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Move each latent from -3 to 3 standard deviations, and show what is decoded."""
    with needing_explore("walking through a latent space"):
        from baler_vae.explore.paths import traverse as walk

    check_page(page)
    result = walk(
        codec,
        inputs[0] if inputs and len(inputs) == 1 else inputs or None,
        row=row,
        steps=steps,
        judge=judge,
        output=output,
        group=group,
        seed=seed or 0,
        force=force,
        dialect=dialect,
    )
    _show(result, output, page, as_json=json)


def _show(result: "Paths", output: Path | None, page: Path | None, *, as_json: bool) -> None:
    from baler_vae.report.paths_section import paths_listed, paths_section

    show(result, paths_listed, paths_section, as_json=as_json, page=page)
    if output is not None:
        (note if as_json else say)(f"decoded rows: {output.absolute()}")
