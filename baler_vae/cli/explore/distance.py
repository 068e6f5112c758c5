"""`baler-vae explore distance`: whether two inputs have the same distribution."""

from typing import Annotated

import typer

from baler_vae.cli.console import progress_bar
from baler_vae.cli.dialects import with_dialect
from baler_vae.cli.explore.showing import PagePath, check_page, show
from baler_vae.cli.extras import needing_explore, needing_reports
from baler_vae.cli.options import AsJson, Columns, Dialect, Quiet, Seed


@with_dialect
def distance(
    a: Annotated[str, typer.Argument(metavar="A", help="File or archive to compare.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one with the same columns, such as a sample.")],
    columns: Columns = None,
    objects: Annotated[
        int | None,
        typer.Option("--objects", metavar="K", min=1, help="Objects of a collection that tell an event (default: 3)."),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option("--rows", metavar="N", min=50, help="Rows of the largest group to compare (default: 100,000)."),
    ] = None,
    seed: Seed = None,
    page: PagePath = None,
    no_progress: Quiet = False,
    json: AsJson = False,
    dialect: Dialect = None,
) -> None:
    """Tell two inputs apart: distances of columns, MMD, and the AUC of a classifier that tries to."""
    with needing_explore("a classifier"):
        from baler_vae.explore.comparing import N_OBJECTS
        from baler_vae.explore.comparing import distance as distance_of
        from baler_vae.measures.classifier import MOST_ROWS
    with needing_reports("the tables"):
        from baler_vae.report.distance_section import distance_section, listed_distance
    check_page(page)
    with progress_bar(shown=not no_progress) as progress:
        found = distance_of(
            a,
            b,
            columns=columns or (),
            n_objects=N_OBJECTS if objects is None else objects,
            most_rows=MOST_ROWS if rows is None else rows,
            seed=seed or 0,
            dialect=dialect,
            progress=progress,
        )
    show(found, listed_distance, distance_section, as_json=json, page=page)
