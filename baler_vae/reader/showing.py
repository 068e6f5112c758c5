"""Columns as a table of text or HTML."""

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

from baler_vae.errors import UsageError, shown

if TYPE_CHECKING:
    from baler_vae.reader.column import ArchiveColumn
    from baler_vae.reader.face import Face

_HEADINGS = ("name", "typename", "bound, stored as")
_LONG_NUMBER = re.compile(r"\d+\.\d{6,}(?:e[-+]?\d+)?")
_LEAST_WIDTH = 3
_MOST_ROWS = 100
"""So many columns are shown in a notebook; files with thousands would slow the page down."""


class Stream(Protocol):
    """What text is written to."""

    def write(self, text: str, /) -> Any: ...  # noqa: ANN401  files count characters, others need not


def write_table(columns: "Sequence[ArchiveColumn]", widths: tuple[int, int, int], stream: Stream) -> None:
    """Write names, types and bounds of columns to a stream, one a line, as wide as that.

    Raises:
        UsageError: a width is less than 3.
    """
    if min(widths) < _LEAST_WIDTH:
        raise UsageError(f"a column of {min(widths)} characters", expected=f"{_LEAST_WIDTH} or more")
    stream.write(_line(_HEADINGS, widths))
    stream.write("-+-".join("-" * width for width in widths) + "\n")
    for column in columns:
        stream.write(_line(_cells(column), widths))


def html_table(face: "Face") -> str:
    """A table of the columns of an archive for a notebook. All text is escaped: names come from files."""
    rows = [_html_row(_cells(column), "td") for column in face.values()[:_MOST_ROWS]]
    more = len(face) - len(rows)
    rest = f"<tr><td colspan=3>and {more:,} more</td></tr>" if more > 0 else ""
    caption = f"{shown(str(face.path))}: {face.num_entries:,} events, {len(face):,} columns"
    heading = _html_row(_HEADINGS, "th")
    body = "".join(rows) + rest
    return f"<table><caption>{escape(caption)}</caption><thead>{heading}</thead><tbody>{body}</tbody></table>"


def html_list(path: str, archives: "Sequence[Face]") -> str:
    """A list of the tables of a collection for a notebook, all text escaped."""
    items = (f"{shown(own.name)}: {own.num_entries:,} events, {len(own):,} columns" for own in archives)
    return f"<p>{escape(shown(path))}</p><ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def short_numbers(text: str) -> str:
    """A text, such as that of a bound, with four digits of each number that has many."""
    return _LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", text)


def completions(names: Sequence[str]) -> list[str]:
    """The names that a notebook completes, as far as they can be typed."""
    return [name for name in names if name.isprintable()]


def _cells(column: "ArchiveColumn") -> tuple[str, str, str]:
    kept = ", ".join(text for text in (short_numbers(column.bound), column.kept_as) if text)
    return shown(column.name), shown(column.typename), shown(kept)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    fitting = (
        cell if len(cell) <= width else f"{cell[: width - 3]}..." for cell, width in zip(cells, widths, strict=True)
    )
    return " | ".join(f"{cell:{width}}" for cell, width in zip(fitting, widths, strict=True)).rstrip() + "\n"


def _html_row(cells: Sequence[str], kind: str) -> str:
    return "<tr>" + "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in cells) + "</tr>"
