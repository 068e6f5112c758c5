"""Tables and sentences as wide as the terminal: nothing is cut, nothing wraps by itself."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.text import Text

from baler_vae.errors import shown as escaped
from baler_vae.table.bounds import shortened, shortened_guarantee

_GAP = "  "
_NAME_SHARE = 0.45
"""Of the width: longer names get a line of their own."""
_LEAST_NAME_WIDTH = 24
_NO_BREAK = "\ue000"  # of private use: in no text
_UNIT = re.compile(r"(?<=\d) (?=\w|%)")
"""The space between a number and its unit, where no line breaks."""


@dataclass(frozen=True)
class Heading:
    """A column of a listing. Where there is little room, those of the highest `rank` are left out first, those of rank
    0 never.
    """

    text: str
    rank: int = 0
    right: bool = False


@dataclass(frozen=True)
class Cell:
    """A text, and the same with fewer digits where there is little room."""

    full: str
    short: str

    def text(self, *, short: bool) -> str:
        return self.short if short else self.full


def numbers(text: str, rank: int = 0) -> Heading:
    """A column of numbers."""
    return Heading(text, rank, right=True)


@dataclass(frozen=True)
class _Remark:
    """A line between rows."""

    text: str
    indent: str


def bytes_text(n_bytes: float) -> str:
    """A size in decimal units with three digits."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            break
        n_bytes /= 1000
    return f"{n_bytes:.3g} {unit}" if n_bytes < 1000 else f"{n_bytes:,.0f} {unit}"


def bytes_cell(n_bytes: int) -> Cell:
    """A number of bytes, or about how many."""
    return Cell(f"{n_bytes:,}", bytes_text(n_bytes))


def short_numbers(text: str) -> Cell:
    """A bound or a grid, or the same with three digits in each of its numbers."""
    return Cell(text, shortened(text))


def guarantee_cell(text: str) -> Cell:
    """A guarantee, or the same with three digits in each number of its bound."""
    return Cell(text, shortened_guarantee(text))


def _cell(cell: str | Cell) -> Cell:
    """A cell whose text stays in its line, whatever a file calls its columns."""
    full, short = (cell.full, cell.short) if isinstance(cell, Cell) else (cell, cell)
    return Cell(escaped(full), escaped(short))


@dataclass
class Listing:
    """A table whose first column holds names. It is as wide as its contents where there is room. Elsewhere digits are
    left out, then columns, which are named below; a name that is too long even then stands on a line of its own.
    """

    title: str
    headings: Sequence[Heading]
    rows: list[tuple[Cell, ...] | _Remark] = field(default_factory=list)

    def add(self, *cells: str | Cell) -> None:
        """Adds a row, which may have fewer cells than there are headings."""
        made = [_cell(cell) for cell in cells]
        self.rows.append((*made, *[Cell("", "")] * (len(self.headings) - len(made))))

    def head(self, text: str) -> None:
        """Adds a line for what the rows behind it have in common."""
        self.rows.append(_Remark(escaped(text), ""))

    def remark(self, text: str) -> None:
        """Adds a line for what is to be said of the row before."""
        self.rows.append(_Remark(escaped(text), _GAP))

    def lines(self, width: int) -> Iterator[Text]:
        """The lines of the table, of which only those are longer than `width` that hold a longer name."""
        short = self._width(range(len(self.headings)), None, short=False) > width
        name_width = max(_LEAST_NAME_WIDTH, int(_NAME_SHARE * width)) if short else None
        shown = list(range(len(self.headings)))
        left_out: list[int] = []
        while short and self._width(shown, name_width, short=True) > width:
            droppable = [number for number in shown if self.headings[number].rank]
            if not droppable:
                break
            left_out.append(max(droppable, key=lambda number: (self.headings[number].rank, number)))
            shown.remove(left_out[-1])
        if short:
            others = self._width(shown, 0, short=True)
            longest = self._widths([0], None, short=True)[0]
            name_width = min(longest, max(name_width or 0, width - others))
        yield from self._drawn(shown, name_width, width, short=short)
        if left_out:
            names = ", ".join(self.headings[number].text for number in sorted(left_out))
            yield from _wrapped(f"No room for: {names}.", width, "dim")

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield from self.lines(options.max_width)

    def _drawn(self, shown: Sequence[int], name_width: int | None, width: int, *, short: bool) -> Iterator[Text]:
        widths = self._widths(shown, name_width, short=short)
        if self.title:
            yield from _wrapped(self.title, width, "italic")
        header = Text(self._line([self.headings[number].text for number in shown], shown, widths), style="bold")
        yield header
        yield Text("─" * min(width, sum(widths) + len(_GAP) * (len(widths) - 1)))
        for row in self.rows:
            if isinstance(row, _Remark):
                yield from _wrapped(row.text, width, indent=row.indent)
                continue
            texts = [row[number].text(short=short) for number in shown]
            if cell_len(texts[0]) > widths[0]:
                yield Text(texts[0])
                texts[0] = ""
            yield Text(self._line(texts, shown, widths))

    def _line(self, texts: Sequence[str], shown: Sequence[int], widths: Sequence[int]) -> str:
        cells = []
        for text, number, width in zip(texts, shown, widths, strict=True):
            blank = " " * max(0, width - cell_len(text))
            cells.append(blank + text if self.headings[number].right else text + blank)
        return _GAP.join(cells).rstrip()

    def _width(self, shown: Sequence[int], name_width: int | None, *, short: bool) -> int:
        return sum(self._widths(shown, name_width, short=short)) + len(_GAP) * (len(shown) - 1)

    def _widths(self, shown: Sequence[int], name_width: int | None, *, short: bool) -> list[int]:
        """The width of each column that is shown; of names at most `name_width`."""
        rows = [row for row in self.rows if not isinstance(row, _Remark)]
        widths = []
        for number in shown:
            texts = [self.headings[number].text, *(row[number].text(short=short) for row in rows)]
            if number == 0 and name_width is not None:
                texts = [text for text in texts if cell_len(text) <= name_width]
            widths.append(max(map(cell_len, texts), default=0))
        return widths


@dataclass(frozen=True)
class Paragraph:
    """A text that is broken between words where the terminal ends; its further lines are indented."""

    text: str
    style: str = ""

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield from _wrapped(self.text, options.max_width, self.style)


def filled(text: str, width: int, indent: str = "") -> list[str]:
    """The lines of a text that is broken between words, of which none is cut; all but the first are indented."""
    options: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    together = _UNIT.sub(_NO_BREAK, text)
    lines = textwrap.wrap(together, width, initial_indent=indent, subsequent_indent=f"{indent}{_GAP}", **options)
    return [line.replace(_NO_BREAK, " ") for line in lines] or [""]


def _wrapped(text: str, width: int, style: str = "", indent: str = "") -> Iterator[Text]:
    for line in filled(text, width, indent):
        yield Text(line, style=style)
