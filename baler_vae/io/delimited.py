"""Comma-separated values, UTF-8, with the names of the columns in the first row."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

from baler_vae.errors import OutputError, SourceError
from baler_vae.io.grouping import check_names, make_batch
from baler_vae.io.source import Ranges, Source, in_steps, overlaps, reading, refuse_nested, writing
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch

FAILURES = (OSError, ValueError, csv.Error, pa.ArrowException)

INTEGER = r"^[+-]?[0-9]+$"
FLOAT = r"(?i)^[+-]?([0-9]+\.?[0-9]*(e[+-]?[0-9]+)?|\.[0-9]+(e[+-]?[0-9]+)?|inf|infinity|nan)$"
TRUE = pa.array(["True", "true", "TRUE"])
FALSE = pa.array(["False", "false", "FALSE"])
MISSING = "NA"
LARGEST_EXACT_FLOAT64 = 1 << 53
BLOCK_BYTES = 1 << 24


def open_delimited(path: str, inner: str) -> Source:
    """The source of a CSV file, whose columns get their dtypes from all of its rows: int64, uint64, float64, bool, or
    text where nothing else fits. A missing number is NaN in a float64 column, a missing text is None.

    Raises:
        SourceError: it is no CSV file, a name is missing or occurs twice, or rows have different lengths.
    """
    if inner:
        raise SourceError("a CSV file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    names = _header(path)
    check_names(path, names, "columns")
    evidence = {name: Evidence() for name in names}
    n_rows = 0
    for block in _blocks(path, names, names):
        n_rows += block.num_rows
        for name in names:
            evidence[name].add(block.column(name))
    columns = tuple(Column(name, evidence[name].dtype) for name in names)
    schema = Schema((Group("events", columns),), tuple(names), Origin("csv"))

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        first = 0
        for block in _blocks(path, names, selection.order):
            for start, stop in in_steps(0, step, list(overlaps(first, block.num_rows, ranges))):
                rows = block.slice(start, stop - start)
                yield make_batch(selection, {c.name: _values(rows.column(c.name), c.dtype) for c in selection.columns})
            first += block.num_rows

    return Source(path, schema, n_rows, batches)


def _header(path: str) -> list[str]:
    with reading(path, "a CSV file", *FAILURES), Path(path).open(encoding="utf-8-sig", newline="") as stream:
        names = next((row for row in csv.reader(stream) if row), [])
    if not names:
        raise SourceError("is empty: the first row should name the columns", path=path)
    return names


def _blocks(path: str, names: Sequence[str], wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The wanted columns as strings, null where a value is missing, a block of rows at a time."""
    convert = ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        include_columns=list(wanted),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    parse = ParseOptions(newlines_in_values=True)
    with reading(path, "a CSV file", *FAILURES):
        try:
            with open_csv(path, ReadOptions(block_size=BLOCK_BYTES), parse, convert) as reader:
                yield from reader
        except pa.ArrowInvalid:
            _check_lengths(path, len(names))
            raise


def _check_lengths(path: str, expected: int) -> None:
    with Path(path).open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream)
        for row in rows:
            if row and len(row) != expected:
                raise SourceError(
                    "a row has not as many values as there are columns",
                    path=path,
                    rows=f"line {rows.line_num}",
                    found=f"{len(row)} values",
                    expected=f"{expected}",
                )


@dataclass
class Evidence:
    """What the values of a column have looked like so far, and the dtype that holds them all without loss."""

    kinds: set[str] = field(default_factory=set)
    missing: bool = False
    negative: bool = False
    wide: bool = False

    def add(self, words: pa.Array) -> None:
        self.missing |= words.null_count > 0
        words = pc.utf8_trim_whitespace(words.drop_null())
        if len(words):
            self.kinds.add(self._kind(words))

    def _kind(self, words: pa.Array) -> str:
        if _all(pc.match_substring_regex(words, INTEGER)):
            return self._integer_kind(pc.utf8_ltrim(words, "+"))
        if _all(pc.match_substring_regex(words, FLOAT)):
            return "float"
        return "bool" if _all(pc.is_in(words, pa.concat_arrays([TRUE, FALSE]))) else "text"

    def _integer_kind(self, words: pa.Array) -> str:
        for kind, dtype in (("int", pa.int64()), ("uint", pa.uint64())):
            try:
                limits = pc.min_max(words.cast(dtype))
            except pa.ArrowInvalid:
                continue
            lowest, highest = limits["min"].as_py(), limits["max"].as_py()
            self.negative |= lowest < 0
            self.wide |= max(-lowest, highest) > LARGEST_EXACT_FLOAT64
            return kind
        return "huge"

    @property
    def dtype(self) -> np.dtype[Any]:
        if "text" in self.kinds or ("bool" in self.kinds and (len(self.kinds) > 1 or self.missing)):
            return TEXT
        if "bool" in self.kinds:
            return np.dtype(np.bool_)
        if "float" in self.kinds or not self.kinds:
            return np.dtype(np.float64)
        # Integers only: they are never rounded.
        if "huge" in self.kinds or (self.missing and self.wide) or (self.negative and "uint" in self.kinds):
            return TEXT
        if self.missing:
            return np.dtype(np.float64)
        return np.dtype(np.uint64 if "uint" in self.kinds else np.int64)


def _all(matches: pa.Array) -> bool:
    return bool(pc.all(matches).as_py())


def _values(words: pa.Array, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    if dtype == TEXT:
        return np.asarray(words.to_numpy(zero_copy_only=False), TEXT)
    words = pc.utf8_ltrim(pc.utf8_trim_whitespace(words), "+")
    values = pc.is_in(words, TRUE) if dtype == np.bool_ else words.cast(pa.from_numpy_dtype(dtype))
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype)


def write_delimited(path: Path, schema: Schema, batches: Iterable[Batch]) -> None:
    """Write CSV: floats in the shortest form that reads back as the same value of their dtype, text in quotes, and
    `NA` for missing text.

    Raises:
        OutputError: the schema is jagged.
    """
    if schema.is_jagged:
        collections = ", ".join(group.name for group in schema.groups[1:])
        raise OutputError(
            f"CSV holds no lists, as there are in {collections}",
            way_out="Write .root, .parquet, .h5 or .npz instead, or choose event-level columns",
        )
    refuse_nested(schema, "CSV")
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerow(schema.order)
        for batch in batches:
            if batch[0].n_rows:
                with writing("a CSV file", pa.ArrowException, UnicodeError):
                    words = [_words(batch[0][column.name], column) for column in schema.columns]
                    lines = pc.binary_join_element_wise(*words, ",").to_pylist()
                stream.write("\n".join(lines) + "\n")


def _words(values: NDArray[np.generic], column: Column) -> pa.Array:
    if column.is_text:
        quoted = pc.replace_substring(pa.array(values, pa.string()), '"', '""')
        return pc.fill_null(pc.binary_join_element_wise('"', quoted, '"', ""), MISSING)
    if column.dtype == np.bool_:
        return pc.if_else(pa.array(values), "True", "False")
    if not column.is_float:
        return pa.array(values).cast(pa.string())
    if column.dtype == np.float16:
        # Arrow writes a float16 as the float32 that it equals; numpy knows its own shortest form.
        values = values.astype(np.str_).astype(np.float64)
    # Without a point a column of whole numbers would come back as integers.
    return pc.replace_substring_regex(pa.array(values).cast(pa.string()), r"^(-?[0-9]+)$", r"\1.0")
