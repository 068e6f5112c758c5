"""Arrow IPC files: Feather (version 2), and streams."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from baler_vae.arrow.fields import is_list
from baler_vae.arrow.reading import FAILURES, ArrowFile, arrow_source
from baler_vae.arrow.schema import ArrowExtras
from baler_vae.arrow.writing import arrow_batches
from baler_vae.errors import SourceError
from baler_vae.source.source import Ranges, Source, overlaps, reading, writing
from baler_vae.table.arrow import compression_of
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch

_KIND = "an Arrow file"
_MAGIC, _FIRST_FEATHER = b"ARROW1", b"FEA1"
_FIRST_MESSAGE = 8
"""Where the first message of a file begins, behind the magic bytes."""


def open_feather(path: str, inner: str) -> Source:
    """The source of an Arrow IPC file, which is mapped into memory, or of a stream; see `arrow_source`. Its extras say
    also whether it is a stream, and how its batches are compressed.

    Raises:
        SourceError: it is not an Arrow file, or one of Feather's first version; a name is missing or occurs twice.
    """
    if inner:
        raise SourceError("an Arrow file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    with reading(path, _KIND, *FAILURES), Path(path).open("rb") as stream:
        start = stream.read(len(_MAGIC))
    if start.startswith(_FIRST_FEATHER):
        way_out = "Convert it with pandas: pd.read_feather(old).to_feather(new)"
        raise SourceError("is a Feather version 1 file, which is not supported", path=path, way_out=way_out)
    is_stream = start != _MAGIC
    n_events, n_values, nulls = 0, Counter[int](), set[int]()
    with reading(path, _KIND, *FAILURES, struct.error):
        options = {"stream": is_stream, "compression": _compression(path, is_stream=is_stream)}
        with _opened(path, None, is_stream=is_stream) as (schema, batches):
            for batch in batches:
                n_events += batch.num_rows
                for number, array in enumerate(batch.columns):
                    n_values[number] += len(array.flatten()) if is_list(array.type) else len(array)
                    nulls |= {number} if array.null_count or array.type.num_fields else set()

    def chunks(numbers: Sequence[int], step: int, ranges: Ranges | None) -> Iterator[tuple[int, Sequence[pa.Array]]]:
        return _chunks(path, numbers, step, ranges, is_stream=is_stream)

    by_event = {number: times / max(1, n_events) for number, times in n_values.items()}
    without_nulls = frozenset(range(len(schema))) - nulls
    opened = ArrowFile(path, _KIND, schema, n_events, chunks, by_event, without_nulls, options)
    return arrow_source(opened, Origin("feather"))


@contextmanager
def _opened(
    path: str, numbers: Sequence[int] | None, *, is_stream: bool
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    """The schema of a file, and its record batches, every value in its place; with the columns of some numbers only."""
    options = pa.ipc.IpcReadOptions(included_fields=None if numbers is None else sorted(numbers))
    with pa.memory_map(path) as mapped:
        if is_stream:
            with pa.ipc.open_stream(mapped, options=options) as stream:
                yield stream.schema, map(_checked, stream)
        else:
            with pa.ipc.open_file(mapped, options=options) as file:
                yield file.schema, (_checked(file.get_batch(number)) for number in range(file.num_record_batches))


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)
    return batch


def _compression(path: str, *, is_stream: bool) -> str | None:
    """How the first record batch is compressed."""
    with pa.memory_map(path) as mapped:
        mapped.seek(0 if is_stream else _FIRST_MESSAGE)
        for message in pa.ipc.MessageReader.open_stream(mapped):
            if message.type == "record batch":
                return compression_of(message)
    return None


def _chunks(
    path: str, numbers: Sequence[int], step: int, ranges: Ranges | None, *, is_stream: bool
) -> Iterator[tuple[int, Sequence[pa.Array]]]:
    """The first event and the arrays of the columns of these numbers, at most `step` events at a time."""
    place = {number: i for i, number in enumerate(sorted(numbers))}
    with reading(path, _KIND, *FAILURES), _opened(path, numbers, is_stream=is_stream) as (_, batches):
        first = 0
        for batch in batches:
            for start, stop in overlaps(first, batch.num_rows, ranges):
                for low in range(start, stop, step):
                    rows = batch.slice(low, min(step, stop - low))
                    yield first + low, [rows.column(place[number]) for number in numbers]
            first += batch.num_rows


def write_feather(path: Path, schema: Schema, batches: Iterable[Batch], *, extras: bytes = b"") -> None:
    """Write an Arrow IPC file with the columns and metadata that `arrow_batches` gives: a stream where the source was
    one, compressed as it was; without extras with zstd.

    Raises:
        OutputError: a text is not valid Unicode.
        CorruptArchive: the extras are not those of an Arrow file.
    """
    given = ArrowExtras.from_bytes(extras) if extras else None
    said = given.options if given else {"compression": "zstd"}
    fields, rows = arrow_batches(schema, batches, _KIND, given)
    compression = said.get("compression") if said.get("compression") in ("lz4", "zstd") else None
    options = pa.ipc.IpcWriteOptions(compression=compression, unify_dictionaries=True)
    is_stream = said.get("stream") is True
    new: Any = pa.ipc.new_stream if is_stream else pa.ipc.new_file
    with writing(_KIND, pa.ArrowException), new(str(path), fields, options=options) as file:
        if not is_stream and any(_has_dictionary(own.type) for own in fields):
            # A file has one dictionary for all batches, which only a whole table can have.
            file.write_table(pa.Table.from_batches(list(rows), fields))
        else:
            for batch in rows:
                file.write_batch(batch)


def _has_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(number).type) for number in range(kind.num_fields))
