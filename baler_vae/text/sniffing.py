"""The layout of a file of delimited text, detected from its first rows: separator, quotes, comments, header."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from baler_vae.errors import SourceError
from baler_vae.source.dialect import NULLS, SCAN, WHITESPACE, DialectOptions
from baler_vae.text.lines import LineCutter, LineLayout, cut_rows, find_encoding, is_utf8, raw_chunks, text_chunks
from baler_vae.text.style import has_spaced_quotes, widths_of
from baler_vae.text.values import FALSE, TRUE

SAMPLE_BYTES = 1 << 18
MOST_SAMPLE_BYTES = 1 << 26
"""How much of a file is looked at first: the most that is needed where lines are not longer than some megabytes."""
_FEWEST_LINES = 3
_SCORED_ROWS = 200
_PUNCTUATION = (",", ";", "\t", "|")
_COMMENTS = ("#", "%")
_RULE = re.compile(rb"^\*{4,}\s*$", re.MULTILINE)
_AROUND_SCANS = ("****", "==>")
"""What lines begin with around and below a table of `TTree::Scan`, whose values stand between asterisks."""
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d+|\.)?|[.,]\d+)(e[+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)
_COMMA_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)


@dataclass(frozen=True)
class Sniffed:
    """A way to read a file: its layout, the values of its first rows, and the number of values in a row. Where
    `short_header`, the header has one fewer.
    """

    layout: LineLayout
    rows: list[list[str]]
    n_fields: int
    short_header: bool = False


@dataclass(frozen=True)
class TextSample:
    """The beginning of a file in UTF-8, whole lines of it."""

    path: str
    text: bytes
    is_whole: bool
    encoding: str

    def rows(self, layout: LineLayout, *, strict: bool = True) -> list[list[str]] | None:
        """The rows of the sample, the header among them, under a layout; None where they cannot be told apart, or
        `strict` and a quoted value goes on behind its quotes.
        """
        try:
            text = LineCutter(replace(layout, header=False)).feed(self.text, last=True)
        except ValueError:
            return None
        stream, rows = io.StringIO(text.decode(), newline=""), []
        limit = csv.field_size_limit(len(self.text) + 1)
        try:
            for row in csv.reader(stream, delimiter=layout.delimiter, quotechar=layout.quote, strict=strict):
                rows += [row] if row else []
        except csv.Error:
            if self.is_whole or stream.read(1):
                return None
        finally:
            csv.field_size_limit(limit)
        return rows if self.is_whole or len(rows) < 3 else rows[:-1]


def take_sample(path: str, encoding: str | None) -> TextSample:
    """The first 256 kB of a file, or more where it has long lines.

    Raises:
        ValueError: it is not text, or not encoded as the user says.
    """
    if encoding is None:
        encoding = find_encoding(path)
    elif is_utf8(encoding) and next(raw_chunks(path), b"").startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    text, is_whole = b"", True
    for chunk in text_chunks(path, encoding):
        text += chunk
        n_lines = max(text.count(b"\n"), text.count(b"\r"))
        if len(text) > MOST_SAMPLE_BYTES or (len(text) > SAMPLE_BYTES and n_lines > _FEWEST_LINES):
            is_whole = False
            break
    if not is_whole:
        begin = text[:SAMPLE_BYTES]
        text = begin if max(begin.count(b"\n"), begin.count(b"\r")) > _FEWEST_LINES else text
        text = text[: max(text.rfind(b"\n"), text.rfind(b"\r", 0, len(text) - 1)) + 1] or text
    return TextSample(path, text, is_whole, encoding)


def sniffed_layouts(sample: TextSample, options: DialectOptions) -> list[Sniffed]:
    """The ways to read a file, the likeliest first.

    Raises:
        SourceError: it is empty, or two ways are equally likely.
    """
    comments = _COMMENTS if options.comments is None else options.comments
    base = LineLayout(",", sample.encoding, comments)
    separators = (*_PUNCTUATION, " ", WHITESPACE) if options.separator is None else (options.separator,)
    if _RULE.search(sample.text) and options.separator in {None, SCAN}:
        base, separators = replace(base, comments=(*comments, *_AROUND_SCANS)), (SCAN,)
    shapes = _shapes(base, sample, separators) or _shapes(
        replace(base, quote="'"), sample, [own for own in separators if own in _PUNCTUATION]
    )
    found = [(_score(sniffed), sniffed) for sniffed in shapes if _is_table(sniffed, sample, options)]
    spaces = {sniffed.layout.separator: sniffed for _, sniffed in found}
    if len(separators) > 1 and " " in spaces and WHITESPACE in spaces:
        other = _other_space(spaces[" "], spaces[WHITESPACE], sample)
        found = [entry for entry in found if entry[1].layout.separator != other]
    found.sort(key=lambda entry: -entry[0])
    best = [sniffed for score, sniffed in found if score == found[0][0]]
    if best and best[0].layout.separator in _PUNCTUATION:
        best = [sniffed for sniffed in best if sniffed.layout.separator in _PUNCTUATION]
    if len(best) > 1:
        names = " or ".join(
            "white space" if own.layout.separator == WHITESPACE else repr(own.layout.separator) for own in best
        )
        raise SourceError(f"the separator may be {names}", path=sample.path, way_out="Choose it with --separator")
    return [sniffed for _, sniffed in found] or [_fallback(base, sample, separators)]


def _shapes(base: LineLayout, sample: TextSample, separators: Sequence[str]) -> list[Sniffed]:
    """The ways to read a sample in which rows have as many values, and more than one where there is a choice."""
    found = []
    for separator in separators:
        layout = replace(base, separator=separator)
        layout = replace(layout, spaced=has_spaced_quotes(sample.text, layout))
        rows = sample.rows(layout)
        sniffed = None if rows is None else _shape(layout, rows)
        if sniffed is not None and (sniffed.n_fields > 1 or len(separators) == 1):
            found.append(sniffed)
    return found


def _shape(layout: LineLayout, rows: list[list[str]]) -> Sniffed | None:
    """A way to read rows, where all of them have as many values; the first one may have one fewer."""
    numbers = {len(row) for row in rows[1:]} or {len(row) for row in rows}
    if len(numbers) != 1:
        return None
    n_fields, first = numbers.pop(), len(rows[0])
    if first == n_fields:
        return Sniffed(layout, rows, n_fields)
    is_short = first == n_fields - 1 and first > 1
    return Sniffed(layout, rows, n_fields, short_header=True) if is_short else None


def _is_table(sniffed: Sniffed, sample: TextSample, options: DialectOptions) -> bool:
    """Whether rows of several values are likely to be meant, and not words of a text."""
    if options.separator is not None:
        return True
    is_text = ".csv" in Path(sample.path).name.lower() and _score(sniffed) == 0
    has_quotes = sniffed.layout.quote.encode() in sample.text
    return sniffed.layout.separator in (*_PUNCTUATION, SCAN) or has_quotes or not (is_text and _values(sniffed))


def _other_space(sniffed: Sniffed, squeezed: Sniffed, sample: TextSample) -> str:
    """The separator that is not meant where rows are as long by single spaces as by runs of them; none if neither."""
    empty = [frozenset(place for place, value in enumerate(row) if not value) for row in sniffed.rows]
    if sniffed.rows == squeezed.rows or (not any(empty[1:]) and empty[0] <= {0}):
        return WHITESPACE
    aligned = widths_of(sample.text, replace(sniffed.layout, separator=WHITESPACE, header=False))
    return " " if len(set(empty)) == 1 and aligned and sniffed.n_fields - 1 not in empty[0] else ""


def _score(sniffed: Sniffed) -> float:
    """The part of the values that are numbers or truth values."""
    number = _COMMA_NUMBER if sniffed.layout.separator == "," else _NUMBER
    values, known = _values(sniffed), (*TRUE, *FALSE)
    return sum(number.fullmatch(value) is not None or value in known for value in values) / max(1, len(values))


def _values(sniffed: Sniffed) -> list[str]:
    rows = sniffed.rows[1:_SCORED_ROWS] or sniffed.rows
    return [value.strip() for row in rows for value in row if value.strip() not in NULLS]


def _fallback(base: LineLayout, sample: TextSample, separators: Sequence[str]) -> Sniffed:
    """The way to read a file whose rows differ in length, or have but one value: by the separator of the first row."""
    chosen = None
    for separator in separators:
        rows = sample.rows(replace(base, separator=separator), strict=False) or []
        if not rows:
            continue
        sniffed = Sniffed(replace(base, separator=separator), rows, len(rows[0]))
        if chosen is None or (len(rows[0]) > chosen.n_fields and separator in _PUNCTUATION):
            chosen = sniffed
    if chosen is None:
        raise SourceError("is empty: the first row should name the columns", path=sample.path)
    if sample.rows(chosen.layout) is None:
        raise SourceError(
            "a quoted value does not end, or continues after its closing quote",
            path=sample.path,
            way_out="Fix it, or choose the separator with --separator",
        )
    return chosen


def has_header(sniffed: Sniffed, options: DialectOptions, path: str) -> bool:
    """Whether the first row has the names of the columns.

    Raises:
        SourceError: it may or may not.
    """
    if options.header is not None:
        return options.header == "first"
    first, rest = [value.strip() for value in sniffed.rows[0]], sniffed.rows[1:_SCORED_ROWS]
    if sniffed.short_header or not any(map(_is_value, first)):
        return True
    if all(_is_value(value) or value in NULLS for value in first):
        counted = first[1:] if first[0] == "" else first
        if counted != [str(number) for number in range(len(counted))]:
            return False
        # This is how pandas names columns that have no names.
        floats = any(_is_value(value.strip()) and not value.strip().isdigit() for row in rest for value in row)
        if first[0] == "" or floats:
            return True
    else:
        columns = [[row[place].strip() for row in rest if place < len(row)] for place in range(len(first))]
        texts = [(name, own) for name, own in zip(first, columns, strict=True) if not _is_value(name)]
        over_numbers = any(name and own and all(map(_is_value, _given(own))) and _given(own) for name, own in texts)
        repeated = any(name and name in own for name, own in texts)
        if not rest or (over_numbers and not repeated):
            return True
        if repeated and not over_numbers:
            return False
    raise SourceError(
        "the first row may be a header or values",
        path=path,
        found=", ".join(first[:6]),
        way_out="Choose with --header first or --header none",
    )


def _given(values: Sequence[str]) -> list[str]:
    return [value for value in values if value not in NULLS]


def _is_value(word: str) -> bool:
    """Whether a word is a number or a truth value, which no column is called."""
    return (_NUMBER.fullmatch(word) is not None and word not in NULLS) or word in (*TRUE, *FALSE)


def names_in_comment(lines: Sequence[tuple[int, str]], layout: LineLayout, n_fields: int) -> list[str]:
    """The names of the columns where the last comment before the first row has as many words; none where not."""
    leading = [text.strip() for row, text in lines if row <= 0 and text.strip()]
    if not leading:
        return []
    text = leading[-1]
    for prefix in layout.comments:
        text = text.removeprefix(prefix)
    text = text.strip().lstrip("".join(layout.comments) or " ").strip()
    ways = (r"\s+" if layout.separator == WHITESPACE else re.escape(layout.separator), r"\s*[,;|\t]\s*", r"\s+")
    for way in ways:
        names = [name.strip(" \t\"'") for name in re.split(way, text)]
        if len(names) == n_fields == len(set(names)) and all(names) and not any(map(_is_value, names)):
            return names
    return []


def scan_lines(path: str, layout: LineLayout) -> LineCutter:
    """What a file contains besides its rows: comments, blank lines and header."""
    cutter = LineCutter(layout)
    for _ in cut_rows(text_chunks(path, layout.encoding), cutter):
        pass
    return cutter


def line_end_of(sample: TextSample) -> str:
    """What the first line of a file ends with."""
    found = re.search(rb"\r\n|\n|\r", sample.text)
    return "\n" if found is None else found[0].decode()


def check_comments(
    sniffed: Sniffed, layout: LineLayout, lines: Sequence[tuple[int, str]], options: DialectOptions, path: str
) -> None:
    """Check that comments between rows can be nothing else.

    Raises:
        SourceError: one may be a row.
    """
    rows = sniffed.rows[1:] or sniffed.rows
    if options.comments is not None or all(_is_value(row[0].strip()) for row in rows if row[0]):
        return
    for row, text in lines:
        if row < 0 or (row == 0 and not layout.header) or not text.strip():
            continue
        if layout.separator == WHITESPACE:
            n_values = len(text.split())
        else:
            n_values = len(next(csv.reader([text], delimiter=layout.delimiter, quotechar=layout.quote)))
        if n_values == sniffed.n_fields:
            raise SourceError(
                f"a line that begins with {text.strip()[0]!r} may be a comment or a row",
                path=path,
                found=text.strip()[:60],
                way_out=f"Say which with --comment {text.strip()[0]!r} or --comment none",
            )


def numbered_rows(path: str, layout: LineLayout) -> Iterator[tuple[int, int]]:
    """The number of the last line of each row, the header among them, and the number of its values."""
    cutter = LineCutter(replace(layout, header=False))
    place = 0

    def lines() -> Iterator[str]:
        nonlocal place
        rest = b""
        for chunk in text_chunks(path, layout.encoding):
            *whole, rest = (rest + chunk).splitlines(keepends=True) or [b""]
            for line in whole:
                place += 1
                yield cutter.row(line).decode()
        place += 1
        yield cutter.row(rest).decode() if rest else ""

    for row in csv.reader(filter(None, lines()), delimiter=layout.delimiter, quotechar=layout.quote):
        if row:
            yield place, len(row)
