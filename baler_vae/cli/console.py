"""Where the command line speaks: results to standard output, all else to standard error."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from baler_vae.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import RenderableType


def say(*lines: "RenderableType") -> None:
    """Prints results; tables are as wide as they need where the output is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=140)
    for line in lines:
        console.print(line, soft_wrap=isinstance(line, str), markup=False)


def note(text: str) -> None:
    """Prints what is not a result."""
    typer.echo(text, err=True)


def say_json(document: Mapping[str, Any]) -> None:
    """Prints one JSON document."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


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
