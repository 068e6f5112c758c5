"""Where the command line speaks: results to standard output, all else to standard error."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import typer

from baler_vae.cli.escaping import escaped, escaped_json, shown_lines
from baler_vae.cli.failing import speaking
from baler_vae.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import RenderableType


def say(*lines: "RenderableType") -> None:
    """Prints results; tables are as wide as they need where the output is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=140)
    with speaking():
        for line in lines:
            console.print(escaped(line, console), soft_wrap=isinstance(line, str), markup=False)


def note(text: str) -> None:
    """Prints what is not a result."""
    with suppress(OSError):  # there is no other place to say so
        typer.echo(shown_lines(text), err=True)


def say_json(document: Mapping[str, Any]) -> None:
    """Prints one JSON document."""
    with speaking():
        typer.echo(escaped_json(document))


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Progress]:
    """A progress callback that draws a bar on a terminal, or does nothing when `shown` is false."""
    from rich.console import Console

    console = Console(stderr=True)
    if not shown or not console.is_terminal:
        yield silent
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield tell
