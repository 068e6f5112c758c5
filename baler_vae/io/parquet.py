"""Parquet files."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from baler_vae.errors import SourceError
from baler_vae.io.grouping import (
    Described,
    Jagged,
    Lists,
    batch_from_lists,
    bytes_by_column,
    check_names,
    columns_to_read,
    describe,
    native,
    schema_of_branches,
)
from baler_vae.io.source import Ranges, Source, overlaps, reading, step_for, writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.schema import NESTED, TEXT, Column, Origin, Schema
from baler_vae.table.table import TEXT_BYTES, Batch, empty_batch, offsets_from_counts, row_groups

FAILURES = (OSError, ValueError, pa.ArrowException)


def open_parquet(path: str, inner: str) -> Source:
    """The source of a Parquet file: columns of numbers, booleans and strings, lists of numbers, and arrays of one size
    in either; all else is nested, and so are integers and booleans of which some are null.

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
        with_nulls = _with_nulls(file.metadata)
        n_values = _values_by_column(file.metadata)
    check_names(path, [field.name for field in fields], "columns")
    unsupported = {field.name: str(field.type) for field in fields if "_view" in str(field.type)}
    readable = [field for field in fields if field.name not in unsupported]
    described = [_describe(field, has_nulls=field.name in with_nulls) for field in readable]
    branch_of = {column: branch for branch in described for column in branch.elements}
    branches = {branch.name: branch for branch in described}
    event_bytes = {
        branch.name: n_values.get(branch.name, n_events) * (branch.dtype.itemsize or TEXT_BYTES) / max(1, n_events)
        for branch in described
    }

    def read_counts(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for first, rows in _chunks(path, names, step_for(sum(event_bytes[name] for name in names))):
            for name in names:
                where, branch, array = (path, name, first), branches[name], rows.column(name)
                yield name, _lengths(array, *where) if branch.is_jagged else _values(array, branch.dtype, *where)

    schema = schema_of_branches(described, Origin("parquet"), read_counts)

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {branch_of[name].name: branch_of[name] for name in columns_to_read(schema, selection)}
        for first, rows in _chunks(path, list(wanted), step, ranges):
            flat: dict[str, NDArray[np.generic]] = {}
            lists: dict[str, Lists] = {}
            for branch in wanted.values():
                where = (path, branch.name, first)
                array = rows.column(branch.name)
                if branch.is_jagged:
                    counts, values = _lists(array, branch, *where)
                    lists |= {name: (counts, own) for name, own in branch.split(values).items()}
                else:
                    flat |= branch.split(_arrays_of(array, branch, *where))
            yield batch_from_lists(schema, selection, flat, lists, path=path, first_event=first)

    return Source(path, schema, n_events, batches, unsupported, bytes_by_column(described, event_bytes))


def _values_by_column(metadata: pq.FileMetaData) -> dict[str, int]:
    """The number of values of each column, of lists those in them."""
    n_values: dict[str, int] = {}
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for column in map(group.column, range(metadata.num_columns)):
            name = column.path_in_schema.partition(".list.")[0]
            n_values[name] = n_values.get(name, 0) + column.num_values
    return n_values


def _with_nulls(metadata: pq.FileMetaData) -> set[str]:
    """The flat columns of which the statistics say that some values are null."""
    found = set()
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if column.is_stats_set and column.statistics.has_null_count and column.statistics.null_count:
                found.add(column.path_in_schema)
    return found


def _describe(field: pa.Field, *, has_nulls: bool) -> Described:
    """The branch of a field."""
    said = {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (field.metadata or {}).items()}
    is_list = pa.types.is_list(field.type) or pa.types.is_large_list(field.type)
    kind = field.type.value_type if is_list else field.type
    shape: tuple[int, ...] = ()
    while pa.types.is_fixed_size_list(kind):
        kind, shape = kind.value_type, (*shape, kind.list_size)
    dtype = _dtype(kind)
    column = Column(field.name, dtype or NESTED, said.get("title", ""), str(field.type))
    if dtype is None or (dtype == TEXT and (is_list or shape)) or (has_nulls and dtype.kind in "iub"):
        return Described(replace(column, dtype=NESTED))
    if not is_list:
        return describe(column, shape, jagged=False)
    found = describe(column, shape, jagged=True)
    if found.is_jagged:
        jagged = Jagged(column, collection=said.get("collection", ""), hint=said.get("counter", ""))
        return replace(found, column=jagged)
    return found


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


def _lists(array: pa.Array, branch: Described, path: str, name: str, first: int) -> Lists:
    lengths = _lengths(array, path, name, first)
    values = array.flatten()
    if values.null_count and branch.dtype.kind in "iub":
        event = first + int(np.searchsorted(np.cumsum(lengths), _first_null(values), "right"))
        raise _null_error(f"a null in lists of {branch.dtype}", path, name, event)
    return lengths, _arrays_of(values, branch, path, name, first)


def _arrays_of(array: pa.Array, branch: Described, path: str, name: str, first: int) -> NDArray[np.generic]:
    """The values (rows,) or (rows, *shape) of a branch that is not jagged, or inside its lists."""
    if branch.dtype == NESTED:
        nested: Any = Nested(array)
        return nested  # type: ignore[no-any-return]  # it stands for an array
    n_rows = len(array)
    for _ in branch.shape:
        if array.null_count:
            raise _null_error("a null in place of an array", path, name, first + _first_null(array))
        array = array.flatten()
    return _values(array, branch.dtype, path, name, first).reshape(n_rows, *branch.shape)


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
    branches = [branch for branch in branches_of(schema) if branch.name not in implied]
    cut = row_groups(batches, schema)
    first = next(cut, empty_batch(schema))
    fields = pa.schema([_field(branch, first) for branch in branches])
    with pq.ParquetWriter(path, fields, compression="zstd") as file:
        for batch in chain([first], cut):
            with writing("a Parquet file", pa.ArrowException, UnicodeError):
                arrays = [_array(branch, batch, fields.field(branch.name).type) for branch in branches]
                rows = pa.record_batch(arrays, schema=fields)
            file.write_batch(rows)


def _field(branch: Branch, first: Batch) -> pa.Field:
    """The field of a branch; what type nested values have, those of the first batch tell."""
    said = {"title": branch.title} if branch.title else {}
    nested = nested_of(branch.values(first)) if branch.is_nested else None
    if nested is not None:
        return pa.field(branch.name, nested.values.type, nullable=True, metadata=said or None)
    kind = pa.string() if branch.is_text else pa.from_numpy_dtype(branch.dtype)
    for size in reversed(branch.shape):
        kind = pa.list_(pa.field("element", kind, nullable=False), size)
    if branch.group.counter is not None:
        kind = pa.list_(pa.field("element", kind, nullable=False))
        said |= {"collection": branch.group.name, "counter": branch.group.counter}
    return pa.field(branch.name, kind, nullable=branch.is_text, metadata=said or None)


def _array(branch: Branch, batch: Batch, kind: pa.DataType) -> pa.Array:
    values = branch.values(batch)
    nested = nested_of(values)
    if nested is not None:
        return nested.values
    if not branch.is_jagged:
        return _fixed(values, branch, kind)
    counts = batch[0][str(branch.group.counter)].astype(np.int64)
    offsets = pa.array(offsets_from_counts(counts).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, _fixed(values, branch, kind.value_type), type=kind)


def _fixed(values: NDArray[np.generic], branch: Branch, kind: pa.DataType) -> pa.Array:
    """The values (rows,) or (rows, *shape) of a branch in its type, without the lists of jagged ones."""
    kinds = [kind]
    for _ in branch.shape:
        kinds.append(kinds[-1].value_type)
    array = pa.array(values.reshape(-1), kinds[-1])
    for outer in reversed(kinds[:-1]):
        array = pa.FixedSizeListArray.from_arrays(array, type=outer)
    return array
