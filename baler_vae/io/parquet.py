"""Parquet files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from baler_vae.errors import SourceError
from baler_vae.io.arrow_reading import FAILURES, ArrowFile, arrow_source
from baler_vae.io.arrow_schema import ArrowExtras
from baler_vae.io.arrow_writing import arrow_batches
from baler_vae.io.source import Ranges, Source, overlaps, reading
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch

_KIND = "a Parquet file"
_BUFFER_BYTES = 1 << 20
"""How much of each column chunk is read at once; all of it without a buffer."""


def open_parquet(path: str, inner: str) -> Source:
    """The source of a Parquet file; see `arrow_source`.

    Raises:
        SourceError: it is no Parquet file, a name is missing or occurs twice.
    """
    if inner:
        raise SourceError("a Parquet file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    with reading(path, _KIND, *FAILURES), pq.ParquetFile(path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        n_values, has_nulls = _statistics(schema, metadata)

    def chunks(numbers: Sequence[int], step: int, ranges: Ranges | None) -> Iterator[tuple[int, Sequence[pa.Array]]]:
        return _chunks(path, [schema.field(number).name for number in numbers], step, ranges)

    opened = ArrowFile(path, _KIND, schema, int(metadata.num_rows), chunks, n_values, has_nulls)
    return arrow_source(opened, Origin("parquet"))


def _statistics(schema: pa.Schema, metadata: pq.FileMetaData) -> tuple[dict[int, int], dict[int, bool]]:
    """The number of values of each column that has but one leaf, of lists those in them; and whether it has nulls,
    where the statistics say so: of lists only that there are none, as an empty list counts too.
    """
    place = {path: number for number, name in enumerate(schema.names) for path in _leaves(name)}
    n_values: dict[int, int] = {}
    n_known, has_nulls = dict.fromkeys(place.values(), 0), set()
    for row_group in range(metadata.num_row_groups):
        group = metadata.row_group(row_group)
        for column in map(group.column, range(metadata.num_columns)):
            number = place.get(column.path_in_schema)
            if number is None:
                continue
            n_values[number] = n_values.get(number, 0) + column.num_values
            statistics = column.statistics if column.is_stats_set else None
            n_known[number] += statistics is not None and statistics.has_null_count
            if statistics is not None and statistics.has_null_count and statistics.null_count:
                has_nulls.add(number)
    known = [number for number, times in n_known.items() if times == metadata.num_row_groups]
    return n_values, {number: number in has_nulls for number in known}


def _leaves(name: str) -> list[str]:
    """The paths that a column of numbers, or of lists of them, has in the schema of the file."""
    return [name, *(f"{name}.list.{inner}" for inner in ("element", "item", "array"))]


def _chunks(
    path: str, names: Sequence[str], step: int, ranges: Ranges | None
) -> Iterator[tuple[int, Sequence[pa.Array]]]:
    """The first event and the arrays of the named columns, at most `step` events at a time; those of some ranges from
    the row groups of the file that hold them.
    """
    with reading(path, _KIND, *FAILURES), pq.ParquetFile(path, buffer_size=_BUFFER_BYTES) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
        firsts = np.cumsum([0, *sizes]).tolist()
        held = [[number] for number, size in enumerate(sizes) if any(overlaps(firsts[number], size, ranges))]
        for numbers in held if ranges is not None else [list(range(len(sizes)))]:
            first = firsts[numbers[0]] if numbers else 0
            for rows in file.iter_batches(step, row_groups=numbers, columns=list(names)):
                arrays = [rows.column(name) for name in names]
                for start, stop in overlaps(first, rows.num_rows, ranges):
                    yield first + start, [array.slice(start, stop - start) for array in arrays]
                first += rows.num_rows


def write_parquet(path: Path, schema: Schema, batches: Iterable[Batch], *, extras: bytes = b"") -> None:
    """Write Parquet, zstd compressed, with the columns and metadata that `arrow_batches` gives.

    Raises:
        OutputError: a text is not valid Unicode.
        CorruptArchive: the extras are not those of a Parquet file.
    """
    given = ArrowExtras.from_bytes(extras) if extras else None
    fields, rows = arrow_batches(schema, batches, _KIND, given)
    # What the values of lists are called is as in the source; Parquet wants them to be called "element".
    with pq.ParquetWriter(path, fields, compression="zstd", use_compliant_nested_type=given is None) as file:
        for batch in rows:
            file.write_batch(batch)
