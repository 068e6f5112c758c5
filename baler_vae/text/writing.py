"""Writing delimited text: like the file that an archive was made from, or comma-separated."""

import bz2
import codecs
import csv
import gzip
import lzma
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from baler_vae.errors import CorruptArchive, OutputError
from baler_vae.source.dialect import NULLS, WHITESPACE, Dialect
from baler_vae.source.source import refuse_arrays, refuse_nested, writing
from baler_vae.table.schema import Column, Schema
from baler_vae.table.table import Batch, Table

_LEVEL = 6
_SMALLEST_PLAIN = 1e-4
_LARGEST_BY_ARROW = 1e15
_COMMENTS = ("#", "%")


def write_delimited(
    path: Path, schema: Schema, batches: Iterable[Batch], *, extras: bytes = b"", suffix: str = ".csv"
) -> None:
    """Write delimited text: floats in the shortest form that reads back as the same value of their dtype. `extras` are
    the dialect of the file that the table came from; without them a table from CSV is written as pandas does, and one
    from elsewhere with text in quotes and `NA` for missing text. The `suffix` says how it is compressed.

    Raises:
        OutputError: the schema is jagged, or the encoding lacks a character.
        CorruptArchive: the extras are not a dialect.
    """
    if schema.is_jagged:
        collections = ", ".join(group.name for group in schema.groups[1:])
        raise OutputError(
            f"CSV cannot hold lists, such as those in {collections}",
            way_out="Write .root, .parquet, .h5 or .npz instead, or choose event-level columns",
        )
    refuse_nested(schema, "CSV")
    refuse_arrays(schema, "CSV")
    dialect = _read_dialect(extras)
    if suffix.startswith(".tsv") and dialect.separator == ",":
        dialect = replace(dialect, separator="\t")
    if schema.origin.format != "csv":
        optional = {mask.values for mask in schema.masks}
        text = tuple(column.name for column in schema.columns if column.is_text)
        floats = [column.name for column in schema.columns if column.is_float and column.name not in optional]
        missing = {**dict.fromkeys(text, "NA"), **dict.fromkeys(floats, "nan")}
        dialect = replace(dialect, quoted=text, missing=missing)
    writer, encoder = _Writer(dialect, schema), codecs.getincrementalencoder(dialect.encoding)()
    with path.open("wb") as file, _compressed(file, suffix) as stream:
        for piece in writer.pieces(batches):
            with writing("a CSV file", UnicodeError):
                encoded = encoder.encode(piece)
            stream.write(encoded)
        stream.write(encoder.encode("", True))


def differences_delimited(extras: bytes, others: bytes) -> list[str]:
    """The names of what differs between how two files are written.

    Raises:
        CorruptArchive: extras are not a dialect.
    """
    own, other = _read_dialect(extras), _read_dialect(others)
    names = [entry.name for entry in fields(Dialect) if entry.name != "told"]
    return [name.replace("_", " ") for name in names if getattr(own, name) != getattr(other, name)]


def _read_dialect(extras: bytes) -> Dialect:
    try:
        return Dialect.from_bytes(extras)
    except ValueError as error:
        raise CorruptArchive(str(error), section="extras") from error


def _compressed(file: BinaryIO, suffix: str) -> Any:  # noqa: ANN401  a file object of Python or Arrow
    """A stream into a file, compressed as a suffix says, always to the same bytes."""
    way = suffix.rpartition(".")[2]
    if way == "gz":
        return gzip.GzipFile("", "wb", _LEVEL, file, mtime=0)
    if way == "bz2":
        return bz2.BZ2File(file, "wb")
    if way == "xz":
        return lzma.LZMAFile(file, "wb")
    if way == "zst":
        return pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd")
    return nullcontext(file)


class _Writer:
    """The text of a table, piece by piece."""

    def __init__(self, dialect: Dialect, schema: Schema) -> None:
        self._missing = {mask.values: mask.missing for mask in schema.masks}
        self._columns = [column for column in schema.columns if column.name not in self._missing.values()]
        self._dialect = dialect
        self._separator = _written_separator(dialect)
        self._end = (_written_separator(replace(dialect, spaced=False)) if dialect.trailing else "") + dialect.line_end
        self._widths = dialect.widths if len(dialect.widths) == len(self._columns) else (0,) * len(self._columns)

    def pieces(self, batches: Iterable[Batch]) -> Iterator[str]:
        """The header, and the rows of each batch, with the comments between them."""
        dialect = self._dialect
        lines = sorted(dialect.lines, key=lambda entry: entry[0])
        n_rows, n_lines = 0, 0

        def comments(row: int) -> Iterator[str]:
            nonlocal n_lines
            while n_lines < len(lines) and lines[n_lines][0] <= row:
                yield lines[n_lines][1] + dialect.line_end
                n_lines += 1

        yield from comments(-1)
        if dialect.header:
            yield header_of(dialect, [column.name for column in self._columns]) + dialect.line_end
        yield from comments(0)
        for batch in batches:
            rows = self._rows(batch)
            start = 0
            while n_lines < len(lines) and lines[n_lines][0] <= n_rows + len(rows):
                stop = lines[n_lines][0] - n_rows
                yield from self._joined(rows[start:stop])
                yield from comments(n_rows + stop)
                start = stop
            yield from self._joined(rows[start:])
            n_rows += len(rows)
        yield from comments(max((row for row, _ in lines), default=0))

    def _joined(self, rows: list[str]) -> Iterator[str]:
        if rows:
            yield self._end.join(rows) + self._end

    def _rows(self, batch: Batch) -> list[str]:
        """The rows of a batch, without their ends."""
        if not batch[0].n_rows:
            return []
        with writing("a CSV file", pa.ArrowException, UnicodeError):
            words = [self._words(place, column, batch[0]) for place, column in enumerate(self._columns)]
            words = list(map(self._padded, words, self._columns, self._widths))
            if self._dialect.leading:
                words[0] = pc.binary_join_element_wise("", words[0], self._separator)
            rows: list[str] = pc.binary_join_element_wise(*words, self._separator).to_pylist()
        return rows

    def _padded(self, words: pa.Array, column: Column, width: int) -> pa.Array:
        """The words of a column, as wide as the column is; text between separators has its blanks."""
        if not width:
            return words
        if self._dialect.separator == WHITESPACE:
            return (pc.utf8_lpad if width > 0 else pc.utf8_rpad)(words, abs(width), " ")
        if column.is_text:
            return words
        return pc.binary_join_element_wise(pc.utf8_lpad(words, abs(width), " "), " ", "")

    def _words(self, place: int, column: Column, table: Table) -> pa.Array:
        """The values (rows,) of a column as they are written."""
        dialect, name, values = self._dialect, column.name, table[column.name]
        missing = dialect.missing.get(name, "")
        if not missing and (len(self._columns) == 1 or dialect.separator == WHITESPACE):
            # Nothing at all would be a blank line, or no value.
            missing = "NA"
        words = pa.array(values, pa.string()) if column.is_text else self._numbers(name, values)
        mask = table[self._missing[name]] if name in self._missing else np.isnan(values) if column.is_float else None
        if mask is not None:
            words = pc.if_else(pa.array(mask), pa.scalar(None, pa.string()), words)
        if name in dialect.quoted:
            words = _in_quotes(words, dialect.quote)
        elif column.is_text or dialect.separator in {dialect.decimal, dialect.thousands}:
            words = _where_needed(words, dialect, is_first=place == 0)
        return pc.fill_null(words, missing)

    def _numbers(self, name: str, values: NDArray[np.generic]) -> pa.Array:
        dialect = self._dialect
        words = _numbers(values, dialect.booleans.get(name, ("True", "False")))
        if name in dialect.grouped:
            words = _grouped(words)
        if dialect.decimal == ".":
            return words
        words = pc.replace_substring(pc.replace_substring(words, ",", "\0"), ".", dialect.decimal)
        return pc.replace_substring(words, "\0", dialect.thousands)


def header_of(dialect: Dialect, names: Sequence[str]) -> str:
    """The header of columns, without the end of its line."""
    cells = [dialect.names.get(name, name) for name in names]
    separator, quote = _written_separator(dialect), dialect.quote
    if dialect.short_header and len(cells) > 1:
        cells = cells[1:]
    if dialect.header_text and _cells_in(dialect) == _bordered(cells, dialect):
        return dialect.header_text
    text = pa.array(cells, pa.string())
    nulls = ("",) if separator == " " else ()
    words = (
        _in_quotes(text, quote) if dialect.quoted_header else _where_needed(text, dialect, nulls=nulls)
    ).to_pylist()
    if separator == " " and len(words) == len(dialect.widths):
        words = [
            word.rjust(width) if width > 0 else word.ljust(-width)
            for word, width in zip(words, dialect.widths, strict=True)
        ]
    return separator.join(_bordered(words, dialect))


def _bordered(cells: list[str], dialect: Dialect) -> list[str]:
    """The cells of a header with nothing before and behind them where separators stand there."""
    return [""] * dialect.leading + cells + [""] * (dialect.trailing == "all")


def _cells_in(dialect: Dialect) -> list[str]:
    """The names in a header as it is written."""
    if dialect.separator == WHITESPACE:
        return dialect.header_text.split()
    try:
        text, separator, quote = dialect.header_text, dialect.separator, dialect.quote
        return next(csv.reader([text], delimiter=separator, quotechar=quote, skipinitialspace=dialect.spaced), [])
    except csv.Error:
        return []


def _written_separator(dialect: Dialect) -> str:
    return " " if dialect.separator == WHITESPACE else dialect.separator + " " * dialect.spaced


def _where_needed(
    words: pa.Array, dialect: Dialect, *, is_first: bool = True, nulls: Sequence[str] = NULLS
) -> pa.Array:
    """The words, in quotes where they would be taken for something else without."""
    special = f"{dialect.quote}\r\n{dialect.quoting}" + (
        " \t" if dialect.separator == WHITESPACE else dialect.separator
    )
    letters = "".join(f"\\x{{{ord(letter):x}}}" for letter in special)
    needs = pc.or_(pc.match_substring_regex(words, f"[{letters}]"), pc.is_in(words, pa.array(nulls, pa.string())))
    if dialect.spaced:
        needs = pc.or_(needs, pc.starts_with(words, " "))
    if is_first and dialect.told.get("comment") != "none":
        for prefix in _COMMENTS:
            needs = pc.or_(needs, pc.starts_with(words, prefix))
    return pc.if_else(needs, _in_quotes(words, dialect.quote), words)


def _in_quotes(words: pa.Array, quote: str) -> pa.Array:
    return pc.binary_join_element_wise(quote, pc.replace_substring(words, quote, 2 * quote), quote, "")


def _numbers(values: NDArray[np.generic], booleans: tuple[str, str]) -> pa.Array:
    """Numbers and truth values as words. Without a point whole floats would come back as integers."""
    if values.dtype == np.bool_:
        return pc.if_else(pa.array(values), *booleans)
    if values.dtype.kind != "f":
        return pa.array(values).cast(pa.string())
    if values.dtype == np.float16:
        # Arrow writes a float16 as the float32 that it equals; numpy knows its own shortest form.
        values = values.astype(np.str_).astype(np.float64)
    words = pc.replace_substring_regex(pa.array(values).cast(pa.string()), r"^(-?[0-9]+)$", r"\1.0")
    if values.dtype != np.float64:
        return words
    # Python, and so pandas, begins and ends with exponents elsewhere than Arrow.
    size = np.abs(values)
    others = ((size < _SMALLEST_PLAIN) & (size > 0)) | ((size >= _LARGEST_BY_ARROW) & np.isfinite(size))
    own = pa.array([repr(value) for value in values[others].tolist()], pa.string())
    return pc.replace_with_mask(words, pa.array(others), own)


def _grouped(words: pa.Array) -> pa.Array:
    """Numbers with commas between thousands."""

    def grouped(word: str) -> str:
        whole, point, rest = word.partition(".")
        return f"{int(whole):,}{point}{rest}" if whole.lstrip("-").isdigit() and word != "-0.0" else word

    return pa.array([grouped(word) for word in words.to_pylist()], pa.string())
