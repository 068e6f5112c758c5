"""`baler-vae explore latents`."""

from pathlib import Path
from typing import Annotated

import typer

from baler_vae.cli.console import note, progress_bar, say
from baler_vae.cli.explore.showing import CodecPath, PagePath, check_page, show
from baler_vae.cli.extras import needing_explore
from baler_vae.cli.options import AsJson, Dialect, Force, Inputs, Quiet, Seed, output_option

GroupName = Annotated[
    str | None, typer.Option("--group", metavar="GROUP", help="The collection, or events, where several have latents.")
]


def latents(
    codec: CodecPath,
    inputs: Inputs,
    output: Annotated[
        Path | None, output_option("File for the latents of every row: .parquet, .root, .csv and the like.")
    ] = None,
    group: GroupName = None,
    colour: Annotated[
        list[str] | None,
        typer.Option("--colour", metavar="COLUMN", help="Colour points by this column, of any numbers; repeatable."),
    ] = None,
    clusters: Annotated[
        int, typer.Option("--clusters", metavar="N", min=0, help="Largest number of clusters to try; 0 for none.")
    ] = 8,
    tsne: Annotated[bool, typer.Option("--tsne/--no-tsne", help="Make a t-SNE, which takes longest.")] = True,
    tsne_rows: Annotated[
        int, typer.Option("--tsne-rows", metavar="N", min=1, max=20_000, help="Rows of the t-SNE, at most.")
    ] = 5_000,
    seed: Seed = None,
    page: PagePath = None,
    force: Force = False,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Encode rows, and show what their latents tell: rates, components, clusters, distance from the prior."""
    with needing_explore("looking at latents"):
        from baler_vae.explore.latent_space import latents as look
        from baler_vae.report.latents_section import latents_listed, latents_section

    check_page(page)
    with progress_bar(shown=not no_progress) as progress:
        result = look(
            codec,
            inputs[0] if len(inputs) == 1 else inputs,
            output=output,
            group=group,
            colour=colour or (),
            clusters=clusters,
            tsne=tsne,
            tsne_rows=tsne_rows,
            seed=seed or 0,
            force=force,
            dialect=dialect,
            progress=progress,
        )
    show(result, latents_listed, latents_section, as_json=json, page=page)
    if output is not None:
        (note if json else say)(f"latents: {output.absolute()}")
