"""Delimited text: comma-separated values and its kin, however a program wrote them. See `dialect` for what may differ,
`sniffing` for how that is detected, and `writing` for the way back.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

from baler_vae.errors import SourceError
from baler_vae.source.dialect import NULLS, SCAN, WHITESPACE, Dialect, DialectOptions
from baler_vae.source.grouping import Described, check_names, make_batch, schema_of_branches, unique
from baler_vae.source.source import Ranges, Source, in_steps, overlaps, reading
from baler_vae.table.schema import TEXT, Column, Origin, Schema
from baler_vae.table.table import Batch
from baler_vae.text.lines import FAILURES, MARK, LineLayout, is_utf8, rows_of
from baler_vae.text.sniffing import (
    Sniffed,
    TextSample,
    check_comments,
    has_header,
    line_end_of,
    names_in_comment,
    numbered_rows,
    scan_lines,
    sniffed_layouts,
    take_sample,
)
from baler_vae.text.style import padding_of, quoted_columns, quotes_header, quoting_letters, widths_of
from baler_vae.text.values import PLAIN, TRUE, CommaEvidence, Evidence, Spelling, decimal_mark, values_of
from baler_vae.text.writing import differences_delimited, header_of, write_delimited

__all__ = ["differences_delimited", "open_delimited", "write_delimited"]

BLOCK_BYTES = 1 << 24
_FAILURES = (*FAILURES, csv.Error)


_RAGGED = "the number of values in a row differs from the number of columns"


def open_delimited(path: str, inner: str, options: DialectOptions | None = None) -> Source:
    """The source of a file of delimited text. How it is written is detected unless the `options` say so;
    columns get their dtypes from all rows: int64, uint64, float64, bool, or text where nothing else fits. A missing
    float is NaN, a missing text None; missing integers and booleans have a mask.

    Raises:
        SourceError: it is not text, names occur twice, rows have different lengths, or it is ambiguous.
    """
    if inner:
        raise SourceError("a CSV file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    options = options or DialectOptions()
    with reading(path, "a CSV file", *_FAILURES):
        sample = take_sample(path, options.encoding)
        first: SourceError | None = None
        for sniffed in sniffed_layouts(sample, options):
            try:
                return _opened(_Table(path, sample, sniffed, options))
            except SourceError as error:
                if error.what != _RAGGED:
                    raise
                first = first or error
    raise first or SourceError("holds no rows", path=path)


@dataclass(frozen=True)
class Field:
    """A column of a file: the place of its values in a row, and how they are read. `missing` is how a missing value is
    spelled, quotes included; where `mixed`, other spellings are text.
    """

    place: int
    column: Column
    spelling: Spelling
    optional: bool = False
    missing: str = ""
    mixed: bool = False

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def described(self) -> Described:
        return Described(self.column, optional=self.optional)

    def arrays(self, words: pa.Array, raw: pa.Array | None) -> dict[str, NDArray[np.generic]]:
        """The columns (rows,) of words (rows,), null where one is missing; `raw` are the words of those too."""
        if raw is not None:
            others = pc.and_(pc.is_null(words), pc.not_equal(raw, self.missing))
            words = pc.if_else(others, raw, words)
        values, missing = values_of(words, self.column.dtype, self.spelling)
        return self.described.split(values, missing)


class _Table:
    """The rows of a file under one way to read it."""

    def __init__(self, path: str, sample: TextSample, sniffed: Sniffed, options: DialectOptions) -> None:
        self.path, self.sample, self.options = path, sample, options
        layout = replace(sniffed.layout, header=has_header(sniffed, options, path))
        found = scan_lines(path, layout)
        check_comments(sniffed, layout, found.lines, options, path)
        if is_utf8(layout.encoding) and not (layout.separator == WHITESPACE or layout.spaced or found.n_lines):
            mark = len(MARK) if layout.encoding == "utf-8-sig" else 0
            layout = replace(layout, skip=mark + len(found.header))
        self.layout, self.lines = layout, tuple(found.lines)
        self.n_rows, self.n_fields = max(0, found.rows), sniffed.n_fields
        self.header = _cells(found.header, layout) if layout.header else []
        self.header_text = found.header_as_written.decode().rstrip("\r\n")
        self.ids = [str(place) for place in range(self.n_fields)]

    def blocks(self, places: Sequence[int], *, raw: bool = False) -> Iterator[pa.RecordBatch]:
        """The values at some places of the rows as strings, a block of rows at a time; null where one is missing,
        unless `raw`.
        """
        if not self.n_rows:
            return
        names = [self.ids[place] for place in places]
        convert = ConvertOptions(
            column_types=dict.fromkeys(self.ids, pa.string()),
            include_columns=names,
            null_values=list(NULLS),
            strings_can_be_null=not raw,
            quoted_strings_can_be_null=False,
        )
        layout = self.layout
        parse = ParseOptions(delimiter=layout.delimiter, quote_char=layout.quote, newlines_in_values=True)
        read = ReadOptions(block_size=BLOCK_BYTES, column_names=self.ids)
        with reading(self.path, "a CSV file", *_FAILURES), rows_of(self.path, layout) as stream:
            try:
                with open_csv(stream, read, parse, convert) as reader:
                    yield from reader
            except pa.ArrowInvalid:
                self._check_lengths()
                raise

    def _check_lengths(self) -> None:
        for number, (line, found) in enumerate(numbered_rows(self.path, self.layout)):
            if found != self.n_fields and not (number == 0 and self.layout.header):
                hint = "If the file is misread, describe it with --separator, --header or --comment"
                raise SourceError(
                    _RAGGED,
                    path=self.path,
                    rows=f"line {line}",
                    found=f"{found} values",
                    expected=f"{len(self.header) or self.n_fields}",
                    way_out=None if self.options.given() else hint,
                )

    def pairs(
        self, places: Sequence[int], mixed: Sequence[int]
    ) -> Iterator[tuple[pa.RecordBatch, dict[int, pa.Array]]]:
        """Blocks of rows, and for some of the places the words that stand there even where a value is missing."""
        if not mixed:
            for block in self.blocks(places):
                yield block, {}
            return
        for block, raw in zip(self.blocks(places), self.blocks(mixed, raw=True), strict=True):
            yield block, {place: raw.column(str(place)) for place in mixed}


def _cells(header: bytes, layout: LineLayout) -> list[str]:
    text = io.StringIO(header.decode(), newline="")
    return next(csv.reader(text, delimiter=layout.delimiter, quotechar=layout.quote), [])


def _opened(table: _Table) -> Source:
    evidence, spellings, decimal = _evidence(table)
    fields, leading, trailing = _fields(table, evidence, spellings)
    dialect = _dialect(table, fields, evidence, decimal=decimal, leading=leading, trailing=trailing)
    schema = schema_of_branches([field.described for field in fields], Origin("csv"))
    by_column = {name: field for field in fields for name in field.described.elements}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {by_column[name].place: by_column[name] for name in selection.order}
        mixed = [place for place, field in wanted.items() if field.mixed]
        first = 0
        for block, raw in table.pairs(list(wanted), mixed):
            for start, stop in in_steps(0, step, list(overlaps(first, block.num_rows, ranges))):
                rows = block.slice(start, stop - start)
                arrays: dict[str, Any] = {}
                for place, field in wanted.items():
                    own = raw[place].slice(start, stop - start) if place in raw else None
                    arrays |= field.arrays(rows.column(str(place)), own)
                yield make_batch(selection, arrays)
            first += block.num_rows

    content, said = dialect.to_bytes(), dialect.describe()
    notes = (f"read as text with {said}",) if said else ()
    return Source(
        table.path, schema, table.n_rows, batches, extras=lambda: content, notes=notes, dialect=dialect.options()
    )


def _evidence(table: _Table) -> tuple[list[Evidence], list[Spelling], str]:
    """What the values at each place of the rows are, how numbers are spelled there, and the decimal mark."""
    places = range(table.n_fields)
    found = [Evidence() for _ in places]
    n_rows = 0
    for block in table.blocks(places):
        n_rows += block.num_rows
        for place, evidence in enumerate(found):
            evidence.add(block.column(place))
    table.n_rows = n_rows
    spellings, told = [PLAIN] * table.n_fields, table.options.decimal
    has_points = any(own.points for own in found)
    doubtful = [place for place in places if found[place].has_commas or (told == "," and found[place].points)]
    if not doubtful:
        return found, spellings, told or "."
    commas = {place: CommaEvidence() for place in doubtful}
    for block in table.blocks(doubtful):
        for place, evidence_of_commas in commas.items():
            evidence_of_commas.add(block.column(str(place)))
    separator = table.layout.separator
    decimal = decimal_mark(commas.values(), has_points=has_points, separator=separator, told=told, path=table.path)
    for place, evidence_of_commas in commas.items():
        spelling = evidence_of_commas.spelling(decimal)
        if spelling is not None:
            spellings[place], found[place] = spelling, evidence_of_commas.readings[spelling]
        else:
            found[place].kinds.add("text")
    return found, spellings, decimal


def _fields(
    table: _Table, evidence: Sequence[Evidence], spellings: Sequence[Spelling]
) -> tuple[list[Field], bool, str]:
    """The columns of a file, whether rows begin with a separator that begins no column, and whether they (or the header
    too: `all`) end with one.
    """
    words = _missing_words(table, evidence)
    n_fields, header = table.n_fields, table.header
    bare = {place for place, spelled in words.items() if spelled == [""] and not evidence[place].kinds and n_fields > 1}
    trailing = ""
    if n_fields - 1 in bare and len(header) < n_fields:
        trailing = "rows"
    elif n_fields - 1 in bare and not header[-1].strip():
        trailing = "all"
    leading = trailing == "all" and n_fields > 2 and 0 in bare and not header[0].strip()
    fields = []
    for place, name in enumerate(_names(table, n_fields - bool(trailing))):
        if leading and place == 0:
            continue
        own, spelled = evidence[place], words.get(place, [])
        dtype = own.dtype
        is_text = dtype == TEXT
        mixed = is_text and len(spelled) > 1
        if "" in spelled and (is_text or not own.kinds):
            # The plainest for text; where nothing but missing values is there, what is not a bare separator.
            spelled = sorted(spelled, key=lambda word: (word == "") != is_text)
        missing = next(iter(spelled), "")
        optional = own.any_missing and dtype.kind in "iub"
        fields.append(Field(place, Column(name, dtype), spellings[place], optional, missing, mixed))
    return fields, leading, trailing


def _names(table: _Table, n_columns: int) -> list[str]:
    """The names of the columns; those without one are called as pandas calls them."""
    if not table.layout.header:
        found = names_in_comment(table.lines, table.layout, n_columns)
        return found or [f"column{place}" for place in range(n_columns)]
    cells = table.header[:n_columns]
    cells = ["", *cells] if len(cells) < n_columns else cells
    if table.layout.separator in {SCAN, "|"}:
        cells = [cell.strip() for cell in cells]
    try:
        check_names(table.path, [cell for cell in cells if cell.strip()], "columns")
    except SourceError as error:
        error.way_out = "Rename one of them, or give --header none if the first row is not a header"
        raise
    names: list[str] = []
    for place, cell in enumerate(cells):
        names.append(cell if cell.strip() else unique(f"Unnamed: {place}", [*cells, *names]))
    return names


def _missing_words(table: _Table, evidence: Sequence[Evidence]) -> dict[int, list[str]]:
    """By place how missing values are spelled there, with quotes where they have those; text in quotes is never
    missing.
    """
    places = [place for place, own in enumerate(evidence) if own.missing or (own.quoted_missing and own.dtype != TEXT)]
    found: dict[int, dict[str, None]] = {place: {} for place in places}
    quote = table.layout.quote
    for block, raw in table.pairs(places, places):
        for place, spelled in found.items():
            words = block.column(str(place))
            if words.null_count:
                spelled.update(dict.fromkeys(pc.unique(raw[place].filter(pc.is_null(words))).to_pylist()))
            if evidence[place].quoted_missing and evidence[place].dtype != TEXT:
                words = words.drop_null()
                words = pc.unique(words.filter(pc.is_in(words, pa.array(NULLS))))
                spelled.update(dict.fromkeys(f"{quote}{word}{quote}" for word in words.to_pylist()))
    return {place: list(spelled) for place, spelled in found.items()}


def _dialect(
    table: _Table, fields: Sequence[Field], evidence: Sequence[Evidence], *, decimal: str, leading: bool, trailing: str
) -> Dialect:
    layout, names = table.layout, [field.name for field in fields]
    cells = table.header[leading : leading + len(fields)]
    short_header = layout.header and len(cells) < len(fields)
    cells = ["", *cells] if short_header else cells
    thousands = {field.spelling.thousands for field in fields} - {""}
    booleans = {
        field.name: own.booleans
        for field, own in zip(fields, evidence[leading:], strict=False)
        if field.column.dtype == np.bool_ and own.booleans and own.booleans[0] != TRUE[0]
    }
    dialect = Dialect(
        separator=layout.separator,
        header=layout.header,
        names={name: cell for name, cell in zip(names, cells, strict=False) if name != cell},
        short_header=short_header,
        decimal=decimal,
        thousands=next(iter(thousands), ""),
        grouped=tuple(field.name for field in fields if field.spelling.thousands),
        encoding=layout.encoding,
        line_end=line_end_of(table.sample),
        quote=layout.quote,
        quoted=tuple(
            names[place - leading]
            for place in quoted_columns(table.sample.text, layout)
            if 0 <= place - leading < len(names)
        ),
        quoting=quoting_letters(table.sample.text, layout),
        quoted_header=layout.header and quotes_header(table.sample.text, layout),
        missing={field.name: field.missing for field in fields if field.missing},
        booleans=booleans,
        trailing=trailing,
        leading=leading,
        spaced=layout.spaced,
        widths=widths_of(table.sample.text, layout)
        or padding_of(table.sample.text, layout)[leading : leading + len(fields)],
        lines=table.lines,
        told=table.options.given(),
    )
    is_plain = not layout.header or header_of(dialect, names) == table.header_text
    return dialect if is_plain else replace(dialect, header_text=table.header_text)
