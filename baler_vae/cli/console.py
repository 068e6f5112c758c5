"""Where the command line speaks: results to standard output, all else to standard error."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from baler_vae.cli.escaping import escaped, escaped_json, shown_lines
from baler_vae.cli.failing import speaking
from baler_vae.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import RenderableType

_NO_TERMINAL = 100_000
"""The width of what is not a terminal: lines are as long as they are."""


def say(*lines: "RenderableType") -> None:
    """Prints results; tables are as wide as they need where the output is not a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_TERMINAL)
    with speaking():
        for line in lines:
            console.print(escaped(line, console), no_wrap=True, overflow="ignore", crop=False, markup=False)


def say_verdict(text: str, *, as_json: bool) -> None:
    """Prints what all comes to, as the last of the results, or beside a JSON document."""
    from rich.text import Text

    from baler_vae.report.listing import Paragraph

    if as_json:
        note(text)
    else:
        say(Text(), Paragraph(text, style="bold"))


def note(text: str) -> None:
    """Prints what is not a result; on a terminal long lines end between words."""
    text, width = shown_lines(text), shutil.get_terminal_size().columns
    if sys.stderr.isatty() and len(text) > width:
        from baler_vae.report.listing import filled

        text = "\n".join(line for part in text.splitlines() for line in filled(part, width))
    with suppress(OSError):  # there is no other place to say so
        typer.echo(text, err=True)


def say_json(document: Mapping[str, Any]) -> None:
    """Prints one JSON document."""
    with speaking():
        typer.echo(escaped_json(document))


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Progress]:
    """A callback whose work is drawn on a terminal; it does nothing elsewhere, and when `shown` is false."""
    from rich.console import Console

    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield silent
        return
    from baler_vae.progress.display import on_terminal

    with on_terminal(console) as told:
        yield told
