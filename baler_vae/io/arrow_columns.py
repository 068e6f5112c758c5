"""Columns of Arrow tables, in whatever file: the branches that they are, their values, and Arrow arrays of them again."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from baler_vae.errors import SourceError
from baler_vae.io.arrow_schema import ArrowExtras, column_names, has_usual_names, is_kept, plain_schema, stored_type
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
from baler_vae.io.source import Ranges, Source, reading, step_for, writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.schema import NESTED, TEXT, Column, Origin, Schema, mask_name
from baler_vae.table.table import TEXT_BYTES, Batch, empty_batch, offsets_from_counts, row_groups

FAILURES = (OSError, ValueError, pa.ArrowException)

Chunks = Callable[[Sequence[int], int, Ranges | None], Iterable[tuple[int, Sequence[pa.Array]]]]
"""Reads the columns of these numbers: the first event and the arrays of at most so many events at a time."""

_LIST, _VALUE = "list", "value"


@dataclass(frozen=True)
class ArrowFile:
    """A file of Arrow columns: its schema, how many events it has, a way to read them, and what is known of each column
    without reading it: how many values it has (of lists those in them), and whether any is null.
    """

    path: str
    kind: str
    schema: pa.Schema
    n_events: int
    chunks: Chunks
    n_values: Mapping[int, int]
    has_nulls: Mapping[int, bool]
    options: Mapping[str, Any] | None = None


def arrow_source(file: ArrowFile, origin: Origin) -> Source:
    """The source of Arrow columns: those of numbers, booleans and strings, lists of numbers, and arrays of one size in
    either; all else is nested. Numbers that may be null have a column beside them that says which are.

    Lists are grouped by prefix and equal lengths, which takes one pass over them; where the file does not say whether
    there are nulls, one more pass finds out.

    Raises:
        SourceError: a name is missing or occurs twice.
    """
    schema = plain_schema(file.schema)
    names = column_names(schema)
    check_names(file.path, names, "columns")
    kinds = {name: stored_type(own.type) for name, own in zip(names, schema, strict=True)}
    unsupported = {name: str(own.type) for name, own in zip(names, schema, strict=True) if not is_kept(kinds[name])}
    place = {name: number for number, name in enumerate(names) if name not in unsupported}

    def sizes(branch: Described) -> float:
        size = branch.dtype.itemsize or TEXT_BYTES
        return file.n_values.get(place[branch.name], file.n_events) * size / max(1, file.n_events)

    def arrays(wanted: Sequence[str], step: int, ranges: Ranges | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        for first, found in file.chunks([place[name] for name in wanted], step, ranges):
            with reading(file.path, file.kind, *FAILURES):
                yield first, {name: _stored(one, kinds[name]) for name, one in zip(wanted, found, strict=True)}

    loose = [_describe(name, schema.field(place[name]).with_type(kinds[name])) for name in place]
    event_bytes = {branch.name: sizes(branch) for branch in loose}
    doubtful = [branch for branch in loose if file.has_nulls.get(place[branch.name], True) and _may_have_nulls(branch)]
    doubtful = [branch for branch in doubtful if _is_nullable(schema.field(place[branch.name]))]
    step = step_for(sum(event_bytes[branch.name] for branch in doubtful))
    nulls = _nulls_of([branch.name for branch in doubtful], arrays, step)
    described = [_with_nulls(branch, nulls.get(branch.name, set()), taken=names) for branch in loose]
    branches = {branch.name: branch for branch in described}
    branch_of = {column: branch for branch in described for column in branch.elements}

    def read_counts(wanted: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for _, found in arrays(wanted, step_for(sum(event_bytes[name] for name in wanted))):
            for name, array in found.items():
                if branches[name].is_jagged:
                    yield name, _lengths(array)
                elif not branches[name].optional:
                    yield name, _numbers(array, branches[name].dtype)

    found = schema_of_branches(described, origin, read_counts)

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {branch_of[name].name: branch_of[name] for name in columns_to_read(found, selection)}
        for first, read in arrays(list(wanted), step, ranges):
            flat: dict[str, NDArray[np.generic]] = {}
            lists: dict[str, Lists] = {}
            for name, branch in wanted.items():
                with reading(file.path, file.kind, *FAILURES):
                    if branch.is_jagged:
                        counts, array = _lengths(read[name]), read[name].flatten()
                        lists |= {column: (counts, own) for column, own in _columns(array, branch).items()}
                    else:
                        flat |= _columns(read[name], branch)
            yield batch_from_lists(found, selection, flat, lists, path=file.path, first_event=first)

    def extras() -> bytes:
        nested = [kinds[branch.name] for branch in described if branch.dtype == NESTED]
        is_told = file.options is None and (file.n_events > 0 or not nested) and all(map(has_usual_names, nested))
        if is_told and schema.equals(_fields(_written_branches(found), kinds), check_metadata=True):
            return b""
        return ArrowExtras(schema, file.options or {}).to_bytes()

    unnamed = next((name for name, own in zip(names, schema, strict=True) if not own.name), "")
    notes = (f"the column without a name is called {unnamed!r}",) if unnamed else ()
    sizes_of_columns = bytes_by_column(described, event_bytes)
    return Source(file.path, found, file.n_events, batches, unsupported, sizes_of_columns, extras, notes=notes)


def _describe(name: str, own: pa.Field) -> Described:
    """The branch of a field of a type that is stored, as if none of its values were null."""
    said = {k.decode(errors="replace"): v.decode(errors="replace") for k, v in (own.metadata or {}).items()}
    is_list = _is_list(own.type)
    kind = own.type.value_type if is_list else own.type
    shape: tuple[int, ...] = ()
    while pa.types.is_fixed_size_list(kind):
        kind, shape = kind.value_type, (*shape, kind.list_size)
    dtype = _dtype(kind)
    column = Column(name, dtype or NESTED, said.get("title", ""), str(own.type))
    if dtype is None or (dtype == TEXT and (is_list or shape)):
        return Described(replace(column, dtype=NESTED))
    if not is_list:
        return describe(column, shape, jagged=False)
    found = describe(column, shape, jagged=True)
    if found.is_jagged:
        jagged = Jagged(column, collection=said.get("collection", ""), hint=said.get("counter", ""))
        return replace(found, column=jagged)
    return found


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _dtype(kind: pa.DataType) -> np.dtype[Any] | None:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return TEXT
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return native(np.dtype(kind.to_pandas_dtype()))
    return None


def _may_have_nulls(branch: Described) -> bool:
    """Whether nulls make another branch of one."""
    return branch.is_jagged or branch.dtype.kind in "fiub"


def _is_nullable(own: pa.Field) -> bool:
    """Whether a value, or one in its lists, may be null."""
    kind, nullable = own.type, own.nullable
    while _is_list(kind) or pa.types.is_fixed_size_list(kind):
        nullable = nullable or kind.value_field.nullable
        kind = kind.value_type
    return bool(nullable)


def _nulls_of(names: Sequence[str], arrays: Callable[..., Any], step: int) -> dict[str, set[str]]:
    """Where columns have nulls: in place of lists, or of values."""
    nulls: dict[str, set[str]] = {name: set() for name in names}
    for _, found in arrays(names, step) if names else ():
        for name, array in found.items():
            inner = array
            while _is_list(inner.type) or pa.types.is_fixed_size_list(inner.type):
                nulls[name] |= {_LIST} if inner.null_count else set()
                inner = inner.flatten()
            nulls[name] |= {_VALUE} if inner.null_count else set()
    return nulls


def _with_nulls(branch: Described, nulls: Collection[str], taken: Collection[str]) -> Described:
    """The branch with a column that says where its numbers are null; a nested one where other nulls are among them."""
    if not nulls:
        return branch
    if nulls == {_VALUE} and not branch.shape and mask_name(branch.name) not in taken:
        return replace(branch, optional=True)
    column = branch.column.column if isinstance(branch.column, Jagged) else branch.column
    return Described(replace(column, dtype=NESTED))


def _stored(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values in the type that they are stored in."""
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array if array.type.equals(kind, check_metadata=True) else array.cast(kind)


def _lengths(array: pa.Array) -> NDArray[np.generic]:
    if array.null_count:
        raise ValueError("a null in place of a list, where there was none before")
    lengths: NDArray[np.generic] = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    return lengths


def _columns(array: pa.Array, branch: Described) -> dict[str, NDArray[np.generic]]:
    """The columns (rows,) of a branch that is not jagged, or of what is inside its lists."""
    if branch.dtype == NESTED:
        nested: Any = Nested(array)
        return branch.split(nested)
    n_rows = len(array)
    for _ in branch.shape:
        if array.null_count:
            raise ValueError("a null in place of an array, where there was none before")
        array = array.flatten()
    if branch.optional:
        missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False), np.bool_)
        return branch.split(_numbers(_filled(array), branch.dtype), missing)
    return branch.split(_numbers(array, branch.dtype).reshape(n_rows, *branch.shape))


def _filled(array: pa.Array) -> pa.Array:
    """The array with NaN, 0 or false in place of nulls."""
    if pa.types.is_floating(array.type):
        return array.fill_null(pa.scalar(np.nan, pa.float64()).cast(array.type))
    return array.fill_null(pa.scalar(value=0, type=pa.int8()).cast(array.type))


def _numbers(array: pa.Array, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    if array.null_count and dtype.kind in "fiub":
        raise ValueError(f"a null in a column of {dtype}, where there was none before")
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype)


def arrow_batches(
    schema: Schema, batches: Iterable[Batch], kind: str, extras: ArrowExtras | None
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The Arrow schema of a table, and its rows, cut into row groups: jagged columns as lists that name their collection
    and counter in the metadata of the field; an implied counter is not written beside the lists that it counts. Without
    `extras` only numbers that may be missing can be null, so that awkward sees no options; with them fields, metadata
    and types are those of the source.

    Raises:
        OutputError: when reading, a text is not valid Unicode.
    """
    branches = _written_branches(schema)
    cut = row_groups(batches, schema)
    first = next(cut, empty_batch(schema))
    nested = {branch.name: nested_of(branch.values(first)) for branch in branches}
    kinds = {name: values.values.type for name, values in nested.items() if values is not None}
    fields = _fields(branches, kinds)
    if extras is not None:
        fields = _fields_of_source(extras, branches, fields, has_rows=first[0].n_rows > 0)

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in chain([first], cut):
            with writing(kind, pa.ArrowException, UnicodeError):
                arrays = [_array(branch, batch, own.type) for branch, own in zip(branches, fields, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    return fields, rows()


def _written_branches(schema: Schema) -> list[Branch]:
    """The branches of a table but for implied counters."""
    implied = {group.counter for group in schema.groups[1:] if schema.events.column(str(group.counter)).implied}
    return [branch for branch in branches_of(schema) if branch.name not in implied]


def _fields(branches: Sequence[Branch], kinds: Mapping[str, pa.DataType]) -> pa.Schema:
    """The Arrow schema of branches without extras; `kinds` has the types of nested ones."""
    return pa.schema([_field(branch, kinds.get(branch.name)) for branch in branches])


def _field(branch: Branch, nested: pa.DataType | None) -> pa.Field:
    said = {"title": branch.title} if branch.title else {}
    if branch.is_nested:
        return pa.field(branch.name, nested, nullable=True, metadata=said or None)
    kind = pa.string() if branch.is_text else pa.from_numpy_dtype(branch.dtype)
    nullable = branch.is_text or branch.missing is not None
    for size in reversed(branch.shape):
        kind = pa.list_(pa.field("element", kind, nullable=False), size)
    if branch.group.counter is not None:
        kind, nullable = pa.list_(pa.field("element", kind, nullable=nullable)), False
        said |= {"collection": branch.group.name, "counter": branch.group.counter}
    return pa.field(branch.name, kind, nullable=nullable, metadata=said or None)


def _fields_of_source(
    extras: ArrowExtras, branches: Sequence[Branch], plain: pa.Schema, *, has_rows: bool
) -> pa.Schema:
    """The fields as in the source, as far as the columns still are what they were there."""
    wanted = extras.of_columns([branch.name for branch in branches])
    theirs = dict(zip(column_names(wanted), wanted, strict=True))
    fields = []
    for branch, own in zip(branches, plain, strict=True):
        given = theirs.get(branch.name)
        if given is None or not _is_of(given, branch, own, has_rows=has_rows):
            fields.append(own)
        elif branch.missing is not None and not _is_nullable(given):
            fields.append(given.with_type(own.type).with_nullable(own.nullable))
        else:
            fields.append(given)
    return pa.schema(fields, wanted.metadata)


def _is_of(given: pa.Field, branch: Branch, own: pa.Field, *, has_rows: bool) -> bool:
    """Whether the values of a branch are those of a field of the source."""
    kind = stored_type(given.type)
    if branch.is_nested:
        return not has_rows or bool(kind == own.type)
    found = _describe(branch.name, given.with_type(kind))
    return (found.dtype, found.shape, found.is_jagged) == (branch.dtype, branch.shape, branch.is_jagged)


def _array(branch: Branch, batch: Batch, kind: pa.DataType) -> pa.Array:
    values = branch.values(batch)
    nested = nested_of(values)
    if nested is not None:
        array = nested.values if len(nested) else pa.array([], stored_type(kind))
        return array if array.type == kind else array.cast(kind)
    stored = stored_type(kind)
    mask = branch.mask(batch)
    if not branch.is_jagged:
        array = _fixed(values, mask, branch, stored)
    else:
        counts = batch[0][str(branch.group.counter)].astype(np.int64)
        is_large = pa.types.is_large_list(stored)
        offsets = pa.array(offsets_from_counts(counts), pa.int64() if is_large else pa.int32())
        lists = pa.LargeListArray if is_large else pa.ListArray
        array = lists.from_arrays(offsets, _fixed(values, mask, branch, stored.value_type), type=stored)
    return array if array.type == kind else array.cast(kind)


def _fixed(
    values: NDArray[np.generic], mask: NDArray[np.bool_] | None, branch: Branch, kind: pa.DataType
) -> pa.Array:
    """The values (rows,) or (rows, *shape) of a branch in its type, without the lists of jagged ones."""
    kinds = [kind]
    for _ in branch.shape:
        kinds.append(kinds[-1].value_type)
    array = pa.array(values.reshape(-1), kinds[-1], mask=mask)
    for outer in reversed(kinds[:-1]):
        array = pa.FixedSizeListArray.from_arrays(array, type=outer)
    return array
