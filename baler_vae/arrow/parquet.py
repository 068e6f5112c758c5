"""Parquet files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from baler_vae.arrow.fields import is_list
from baler_vae.arrow.reading import FAILURES, ArrowFile, arrow_source
from baler_vae.arrow.schema import ArrowExtras
from baler_vae.arrow.writing import arrow_batches
from baler_vae.errors import SourceError
from baler_vae.source.source import Ranges, Source, overlaps, reading
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch

_KIND = "a Parquet file"
_BUFFER_BYTES = 1 << 20
"""Bytes of each column chunk read at a time; without a buffer, and where Arrow reads ahead, all of it."""
_SAMPLE = 256
"""The events that tell how long lists are."""


def open_parquet(path: str, inner: str) -> Source:
    """The source of a Parquet file; see `arrow_source`.

    Raises:
        SourceError: it is not a Parquet file, a name is missing or occurs twice.
    """
    if inner:
        raise SourceError("a Parquet file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    with reading(path, _KIND, *FAILURES), _opened(path) as file:
        schema, sizes, n_values = file.schema_arrow, _row_groups(file), _sampled(file)

    def chunks(numbers: Sequence[int], step: int, ranges: Ranges | None) -> Iterator[tuple[int, Sequence[pa.Array]]]:
        return _chunks(path, sizes, [schema.field(number).name for number in numbers], step, ranges)

    return arrow_source(ArrowFile(path, _KIND, schema, sum(sizes), chunks, n_values), Origin("parquet"))


def _opened(path: str) -> pq.ParquetFile:
    return pq.ParquetFile(path, buffer_size=_BUFFER_BYTES, pre_buffer=False)


# What the metadata say of row groups and columns is not asked for: where they are damaged, Arrow ends the process.


def _row_groups(file: pq.ParquetFile) -> list[int]:
    """The number of events of each row group."""
    groups = range(file.num_row_groups)
    return [sum(rows.num_rows for rows in file.iter_batches(row_groups=[number], columns=[])) for number in groups]


def _sampled(file: pq.ParquetFile) -> dict[int, float]:
    """How many values each column of lists has in an event, by the first events."""
    numbers = [number for number, own in enumerate(file.schema_arrow) if is_list(own.type)]
    names = [file.schema_arrow.field(number).name for number in numbers]
    rows = next(file.iter_batches(_SAMPLE, columns=names), None) if names else None
    if rows is None:
        return {}
    return {
        number: len(rows.column(name).flatten()) / rows.num_rows for number, name in zip(numbers, names, strict=True)
    }


def _chunks(
    path: str, sizes: Sequence[int], names: Sequence[str], step: int, ranges: Ranges | None
) -> Iterator[tuple[int, Sequence[pa.Array]]]:
    """The first event and the arrays of the named columns, at most `step` events at a time; those of some ranges from
    the row groups of the file, of these `sizes`, that hold them.
    """
    with reading(path, _KIND, *FAILURES), _opened(path) as file:
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
