"""What the verbs of the laboratory have in common: their options, and how a result is shown."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from baler_vae.cli.console import note, say, say_json
from baler_vae.cli.extras import needing_reports
from baler_vae.output import file_path

if TYPE_CHECKING:
    from rich.console import RenderableType

    from baler_vae.report.laboratory import Section

CodecPath = Annotated[str, typer.Argument(metavar="CODEC", help="A codec (.bvmodel), or an archive (.bvae).")]
PagePath = Annotated[
    Path | None,
    typer.Option(
        "--page", parser=file_path, metavar="PAGE", help="Add a section on this to a page (.html) of the laboratory."
    ),
]


class Shown(Protocol):
    """What every result of the laboratory can give."""

    def to_dict(self) -> dict[str, Any]: ...


Result = TypeVar("Result", bound=Shown)


def check_page(page: Path | None) -> None:
    """Check before the work is done that a page, where one is asked for, can be written to.

    Raises:
        OutputError: the file exists and is no page of the laboratory, or has no folder.
    """
    if page is not None:
        with needing_reports("the page"):
            from baler_vae.report.laboratory import check_page as check
        check(page)


def show(
    result: Result,
    listed: "Callable[[Result], Sequence[RenderableType]]",
    section: "Callable[[Result], Section]",
    *,
    as_json: bool,
    page: Path | None,
) -> None:
    """Prints a result, as tables and sentences or as one JSON document, and adds its section to a page."""
    if as_json:
        say_json(result.to_dict())
    else:
        say(*listed(result))
    if page is not None:
        from baler_vae.report.laboratory import write_section

        write_section(page, section(result))
        (note if as_json else say)(f"page: {page.absolute()}")
