"""What is shown on a terminal: names come from files, and must not command it."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from baler_vae.errors import shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def shown_lines(text: str) -> str:
    """A text of several lines, each as it may be shown."""
    return "\n".join(map(shown, text.split("\n")))


def escaped(line: "RenderableType", console: "Console") -> "RenderableType":
    """A text, a table, or whatever else, as it may be shown: in the cells of a table line breaks are escaped too."""
    from rich.segment import Segment, Segments
    from rich.table import Table

    if isinstance(line, str):
        return shown_lines(line)
    if isinstance(line, Table):
        for column in line.columns:
            column.header = _cell(column.header)
            column._cells = [_cell(cell) for cell in column.cells]  # noqa: SLF001  there is no other way to change them
    return Segments(
        segment if segment.control or segment.text == "\n" else Segment(shown_lines(segment.text), segment.style)
        for segment in console.render(line)
    )


def escaped_json(document: Mapping[str, Any]) -> str:
    """A document as JSON that may be shown: what may not be shown as it is stands there by its number."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(letter if letter == "\n" or letter == shown(letter) else _number(letter) for letter in text)


def _cell(cell: "RenderableType") -> "RenderableType":
    from rich.text import Text

    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(shown(cell.plain), cell.style)
    return shown(cell) if isinstance(cell, str) else cell


def _number(letter: str) -> str:
    return json.dumps(letter, ensure_ascii=True)[1:-1].replace("\x7f", "\\u007f")
