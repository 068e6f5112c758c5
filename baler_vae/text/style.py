"""How a table of delimited text is formatted, apart from its values: quotes, and columns that stand below
each other; detected from its first rows.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from baler_vae.source.dialect import NULLS, SCAN, WHITESPACE
from baler_vae.text.lines import LineCutter, LineLayout, blanks_before_values

_MOST_ROWS = 1000
_LETTERS = ",;\t| #%'"
"""Letters that make some programs put a value in quotes."""


def quoting_letters(sample: bytes, layout: LineLayout) -> str:
    """The letters that each value has in quotes which has one of them, though they are not separators here."""
    tokens = [token for row in _tokens(sample, layout) for token in row]
    quoted = [token for token in tokens if token[:1] == layout.quote and _are_quoted([token], layout)]
    bare = [token for token in tokens if token[:1] != layout.quote]
    inside = {letter for letter in _LETTERS for token in quoted if letter in token}
    return "".join(sorted(letter for letter in inside if not any(letter in token for token in bare)))


def has_spaced_quotes(sample: bytes, layout: LineLayout) -> bool:
    """Whether blanks stand behind separators and before values in quotes."""
    if layout.separator not in {",", ";"}:
        return False
    starts = blanks_before_values(layout).finditer(sample)
    ends = (layout.separator.encode(), b"\r", b"\n", b"")
    return any(start[2] and start[3] and sample[start.end() : start.end() + 1] in ends for start in starts)


def quoted_columns(sample: bytes, layout: LineLayout) -> tuple[int, ...]:
    """The places of the columns in which each value is in quotes, though not each needs them."""
    places: dict[int, list[str]] = {}
    for number, row in enumerate(_tokens(sample, layout)):
        if number or not layout.header:
            for place, token in enumerate(row):
                if token not in NULLS and token != 2 * layout.quote:
                    places.setdefault(place, []).append(token)
    return tuple(place for place, tokens in sorted(places.items()) if _are_quoted(tokens, layout))


def quotes_header(sample: bytes, layout: LineLayout) -> bool:
    """Whether each name in the header is in quotes, though not each needs them."""
    return _are_quoted([token for token in next(_tokens(sample, layout), []) if token], layout)


def _are_quoted(tokens: list[str], layout: LineLayout) -> bool:
    special = {layout.delimiter, layout.quote, "\r", "\n", *(" \t" if layout.separator == WHITESPACE else "")}
    is_needless = any(not special & set(token[1:-1]) for token in tokens)
    return is_needless and all(len(token) > 1 and token[0] == token[-1] == layout.quote for token in tokens)


def _tokens(sample: bytes, layout: LineLayout) -> Iterator[list[str]]:
    """The values of the first rows, the header among them, as they are written."""
    cutter = LineCutter(layout)
    rows = cutter.feed(sample, last=True)
    text = (cutter.header + rows).decode()
    quote, delimiter = re.escape(layout.quote), re.escape(layout.delimiter)
    token = re.compile(
        rf"({quote}(?:[^{quote}]++|{quote}{quote})*+{quote}|[^{delimiter}\r\n]*+)({delimiter}|\r\n|\n|\r|$)"
    )
    row: list[str] = []
    n_rows = 0
    for found in token.finditer(text):
        row.append(found[1])
        if found[2] != layout.delimiter:
            if row != [""]:
                yield row
                n_rows += 1
            row = []
        if n_rows == _MOST_ROWS:
            return


def padding_of(sample: bytes, layout: LineLayout) -> tuple[int, ...]:
    """How wide the values at each place of the rows are, with the blanks before them but without one behind; 0 where
    they are not padded to one width.
    """
    rows = list(_tokens(sample, layout))[layout.header :]
    if not rows or layout.separator not in {SCAN, "|"}:
        return ()
    columns = [[row[place] for row in rows if place < len(row)] for place in range(len(rows[0]))]
    return tuple(_padding(tokens) for tokens in columns)


def _padding(tokens: list[str]) -> int:
    is_padded = all(token.endswith(" ") for token in tokens) and len(set(map(len, tokens))) == 1
    return len(tokens[0]) - 1 if is_padded else 0


def widths_of(sample: bytes, layout: LineLayout) -> tuple[int, ...]:
    """How wide the columns of a table are that white space holds apart, without one space before each but the first;
    negative where values stand on the left; nothing where they do not stand below each other.
    """
    if layout.separator != WHITESPACE:
        return ()
    rows = [
        [found.span() for found in re.finditer(r"\"[^\"]*\"|\S+", line)]
        for line in sample.decode().splitlines()[:_MOST_ROWS]
        if line.strip() and not line.strip().startswith(layout.comments or ("\0",))
    ]
    rows = [row for row in rows[layout.header :] if len(row) == len(rows[-1])] if rows else []
    if not rows or "\t" in sample.decode():
        return ()
    ends = [{row[place][1] for row in rows} for place in range(len(rows[0]))]
    starts = [{row[place][0] for row in rows} for place in range(len(rows[0]))]
    if all(len(own) == 1 for own in ends):
        edges = [own.pop() for own in ends]
        return (edges[0], *(end - before - 1 for before, end in pairwise(edges)))
    if all(len(own) == 1 for own in starts):
        edges = [own.pop() for own in starts]
        return (*(start - end + 1 for start, end in pairwise(edges)), 0)
    return ()
