"""Parquet files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from baler_vae.errors import SourceError
from baler_vae.io.grouping import (
    Jagged,
    Lists,
    batch_from_lists,
    build_schema,
    check_names,
    columns_to_read,
    native,
)
from baler_vae.io.source import Ranges, Source, overlaps, reading, step_for, writing
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, offsets_from_counts, row_groups

FAILURES = (OSError, ValueError, pa.ArrowException)


def open_parquet(path: str, inner: str) -> Source:
    """The source of a Parquet file: flat columns of numbers, booleans and strings, and lists of numbers.

    Lists are grouped by prefix and equal lengths, which takes one pass over them. A null is NaN in a float column and
    None in a column of strings.

    Raises:
        SourceError: it is no Parquet file, a name is missing or occurs twice; when reading, a null where no value of
            the column's dtype stands for it.
    """
    if inner:
        raise SourceError("a Parquet file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    with reading(path, "a Parquet file", *FAILURES), pq.ParquetFile(path) as file:
        fields = list(file.schema_arrow)
        n_events = int(file.metadata.num_rows)
        n_values = _values_by_column(file.metadata)
    check_names(path, [field.name for field in fields], "columns")
    columns: list[Column | Jagged] = []
    unsupported: dict[str, str] = {}
    for field in fields:
        column = _describe(field)
        if column is None:
            unsupported[field.name] = str(field.type)
        else:
            columns.append(column)
    dtypes = {c.name: c.dtype if isinstance(c, Column) else c.column.dtype for c in columns}
    jagged = {c.name for c in columns if isinstance(c, Jagged)}

    event_bytes = {
        name: n_values.get(name, n_events) * dtype.itemsize / max(1, n_events) for name, dtype in dtypes.items()
    }

    def read_counts(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for first, rows in _chunks(path, names, step_for(sum(event_bytes[name] for name in names))):
            for name in names:
                where = (path, name, first)
                array = rows.column(name)
                yield name, _lengths(array, *where) if name in jagged else _values(array, dtypes[name], *where)

    schema = build_schema(columns, Origin("parquet"), read_counts)

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        names = columns_to_read(schema, selection)
        for first, rows in _chunks(path, names, step, ranges):
            flat = {n: _values(rows.column(n), dtypes[n], path, n, first) for n in names if n not in jagged}
            lists = {n: _lists(rows.column(n), dtypes[n], path, n, first) for n in names if n in jagged}
            yield batch_from_lists(schema, selection, flat, lists, path=path, first_event=first)

    return Source(path, schema, n_events, batches, unsupported, event_bytes)


def _values_by_column(metadata: pq.FileMetaData) -> dict[str, int]:
    """The number of values of each column, of lists those in them."""
    n_values: dict[str, int] = {}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in map(group.column, range(metadata.num_columns)):
            name = column.path_in_schema.partition(".list.")[0]
            n_values[name] = n_values.get(name, 0) + column.num_values
    return n_values


def _describe(field: pa.Field) -> Column | Jagged | None:
    """The column of a field, or None where its type is not supported."""
    said = {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (field.metadata or {}).items()}
    is_list = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
    dtype = _dtype(field.type.value_type if is_list else field.type)
    if dtype is None or (is_list and dtype == TEXT):
        return None
    column = Column(field.name, dtype, said.get("title", ""), str(field.type))
    if not is_list:
        return column
    return Jagged(column, collection=said.get("collection", ""), hint=said.get("counter", ""))


def _dtype(kind: pa.DataType) -> np.dtype[Any] | None:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return TEXT
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return native(np.dtype(kind.to_pandas_dtype()))
    return None


def _chunks(
    path: str, names: Sequence[str], step: int, ranges: Ranges | None = None
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The first event and the rows of the named columns, at most `step` events at a time; those of some ranges from the
    row groups of the file that hold them.
    """
    with reading(path, "a Parquet file", *FAILURES), pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
        firsts = np.cumsum([0, *sizes]).tolist()
        held = [[number] for number, size in enumerate(sizes) if any(overlaps(firsts[number], size, ranges))]
        for numbers in held if ranges is not None else [list(range(len(sizes)))]:
            first = firsts[numbers[0]] if numbers else 0
            for rows in file.iter_batches(step, row_groups=numbers, columns=list(names)):
                for start, stop in overlaps(first, rows.num_rows, ranges):
                    yield first + start, rows.slice(start, stop - start)
                first += rows.num_rows


def _values(array: pa.Array, dtype: np.dtype[Any], path: str, name: str, first: int) -> NDArray[np.generic]:
    if array.null_count and dtype.kind in "iub":
        raise _null_error(f"a null in a column of {dtype}", path, name, first + _first_null(array))
    with reading(path, "a Parquet file", *FAILURES):
        return np.asarray(array.to_numpy(zero_copy_only=False), dtype)


def _lengths(array: pa.Array, path: str, name: str, first: int) -> NDArray[np.generic]:
    if array.null_count:
        raise _null_error("a null in place of a list", path, name, first + _first_null(array))
    lengths: NDArray[np.generic] = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    return lengths


def _lists(array: pa.Array, dtype: np.dtype[Any], path: str, name: str, first: int) -> Lists:
    lengths = _lengths(array, path, name, first)
    values = array.flatten()
    if values.null_count and dtype.kind in "iub":
        event = first + int(np.searchsorted(np.cumsum(lengths), _first_null(values), "right"))
        raise _null_error(f"a null in lists of {dtype}", path, name, event)
    return lengths, _values(values, dtype, path, name, first)


def _first_null(array: pa.Array) -> int:
    return int(pc.index(array.is_null(), value=True).as_py())


def _null_error(what: str, path: str, name: str, event: int) -> SourceError:
    way_out = "Choose columns without it with --columns GLOB"
    return SourceError(what, path=path, column=name, rows=f"event {event}", way_out=way_out)


def write_parquet(path: Path, schema: Schema, batches: Iterable[Batch]) -> None:
    """Write Parquet, zstd compressed: jagged columns as lists that name their collection and counter in the metadata
    of the field; an implied counter is not written beside the lists that it counts. Numbers cannot be null, so that
    awkward sees no options.

    Raises:
        OutputError: a text is not valid Unicode.
    """
    implied = {group.counter for group in schema.groups[1:] if schema.events.column(str(group.counter)).implied}
    fields = pa.schema(
        [_field(column, schema.group_of(column.name)) for column in schema.columns if column.name not in implied]
    )
    with pq.ParquetWriter(path, fields, compression="zstd") as file:
        for batch in row_groups(batches, schema):
            with writing("a Parquet file", pa.ArrowException, UnicodeError):
                arrays = dict(_arrays(batch, fields))
                rows = pa.record_batch([arrays[name] for name in fields.names], schema=fields)
            file.write_batch(rows)


def _field(column: Column, group: Group) -> pa.Field:
    said = {"title": column.title} if column.title else {}
    kind = pa.string() if column.is_text else pa.from_numpy_dtype(column.dtype)
    if group.counter is not None:
        kind = pa.list_(pa.field("element", kind, nullable=False))
        said |= {"collection": group.name, "counter": group.counter}
    return pa.field(column.name, kind, nullable=column.is_text, metadata=said or None)


def _arrays(batch: Batch, fields: pa.Schema) -> Iterator[tuple[str, pa.Array]]:
    for table in batch:
        offsets = None
        if table.group.counter is not None:
            counts = batch[0][table.group.counter].astype(np.int64)
            offsets = pa.array(offsets_from_counts(counts).astype(np.int32))
        for name in table.group.names:
            if name not in fields.names:
                continue
            kind = fields.field(name).type
            if offsets is None:
                yield name, pa.array(table[name], kind)
            else:
                yield name, pa.ListArray.from_arrays(offsets, pa.array(table[name], kind.value_type), type=kind)
