"""New rows from a codec: drawn, and what was drawn shown."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from baler_vae.cli.console import progress_bar
from baler_vae.cli.explore.showing import CodecPath, PagePath, check_page, show
from baler_vae.cli.extras import needing_explore
from baler_vae.cli.options import AsJson, Dialect, Force, Quiet, Seed, output_option

if TYPE_CHECKING:
    from baler_vae.measures.samples import Samples
    from baler_vae.report.laboratory import Section

Number = Annotated[int, typer.Option("-n", "--number", metavar="N", min=1, help="Events, or rows of a flat table.")]
From = Annotated[
    Literal["prior", "posterior", "mixture", "density"] | None,
    typer.Option(
        "--from",
        metavar="SOURCE",
        case_sensitive=False,
        help="Where latents come from. prior: the standard normal; posterior: training rows; mixture: Gaussians fitted "
        "to those of training rows; density: their own tables (default: density for columns that keep a bound, mixture "
        "or else density for those under free).",
    ),
]
TrainingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--training",
        metavar="FILE",
        help="Rows that the codec was fitted on, for latents, text, and numbers kept in their order; repeatable. An "
        "archive has its own.",
    ),
]


def sample(
    codec: CodecPath,
    number: Number,
    output: Annotated[Path, output_option("File for the new rows: .root, .parquet, .csv, .h5, .npz and so on.")],
    source: From = None,
    training: TrainingOption = None,
    seed: Seed = None,
    rntuple: Annotated[bool, typer.Option("--rntuple", help="Write an RNTuple into a ROOT file.")] = False,
    page: PagePath = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Draw new rows, or whole events, from a codec."""
    check_page(page)
    with needing_explore("drawing rows"):
        from baler_vae.explore.sampling import sample as draw
    from baler_vae.report.samples_listing import samples_lines, samples_table

    with progress_bar(shown=not quiet) as progress:
        found = draw(
            codec,
            number,
            output,
            source=source,
            training=training or None,
            seed=0 if seed is None else seed,
            rntuple=rntuple,
            shapes=page is not None,
            force=force,
            dialect=dialect or None,
            progress=progress,
        )
    show(
        found,
        lambda result: [samples_table(result), *samples_lines(result)],
        _section,
        as_json=as_json,
        page=page,
    )


def _section(samples: "Samples") -> "Section":
    """The section of the page."""
    from baler_vae.report.samples_section import samples_section

    return samples_section(samples)
