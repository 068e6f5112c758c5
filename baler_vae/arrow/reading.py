"""Columns of Arrow arrays, in whatever file, as those of a source."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from baler_vae.arrow.fields import described_field, is_list, is_nullable, usual_fields, written_branches
from baler_vae.arrow.schema import ArrowExtras, column_names, has_usual_names, is_kept, plain_schema, stored_type
from baler_vae.source.grouping import (
    Described,
    Jagged,
    Lists,
    ReadCounts,
    batch_from_lists,
    bytes_by_column,
    check_names,
    columns_to_read,
    schema_of_branches,
)
from baler_vae.source.source import Ranges, Source, reading, step_for
from baler_vae.table.nested import Nested
from baler_vae.table.schema import NESTED, Origin, Schema, mask_name
from baler_vae.table.table import TEXT_BYTES, Batch

FAILURES = (OSError, ValueError, pa.ArrowException)

Chunks = Callable[[Sequence[int], int, Ranges | None], Iterable[tuple[int, Sequence[pa.Array]]]]
"""Reads the columns of these numbers: the first event and the arrays of at most so many events at a time."""

_LIST, _VALUE = "list", "value"


@dataclass(frozen=True)
class ArrowFile:
    """A file of Arrow columns: its schema, how many events it has, a way to read them, about how many values each
    column of lists has in an event, and the columns that are known to have no nulls.
    """

    path: str
    kind: str
    schema: pa.Schema
    n_events: int
    chunks: Chunks
    n_values: Mapping[int, float]
    without_nulls: frozenset[int] = frozenset()
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class _Columns:
    """The columns of a file that can be read: the number of each, and the type that its values are stored in."""

    file: ArrowFile
    places: Mapping[str, int]
    kinds: Mapping[str, pa.DataType]

    def arrays(
        self, names: Sequence[str], step: int, ranges: Ranges | None = None
    ) -> Iterator[tuple[int, dict[str, pa.Array]]]:
        """The first event and the arrays of columns, at most `step` events at a time."""
        for first, found in self.file.chunks([self.places[name] for name in names], step, ranges):
            with reading(self.file.path, self.file.kind, *FAILURES):
                arrays = {name: _stored(one, self.kinds[name]) for name, one in zip(names, found, strict=True)}
            yield first, arrays

    def described(self, schema: pa.Schema) -> list[Described]:
        """The branches of the columns; a pass over those that may have nulls tells which have."""
        fields = {name: schema.field(number) for name, number in self.places.items()}
        loose = [described_field(name, own.with_type(self.kinds[name])) for name, own in fields.items()]
        doubtful = [
            branch
            for branch in loose
            if (branch.is_jagged or branch.dtype.kind in "fiub")
            and self.places[branch.name] not in self.file.without_nulls
            and is_nullable(fields[branch.name])
        ]
        names = [branch.name for branch in doubtful]
        step = step_for(sum(self.event_bytes(doubtful).values()))
        nulls: dict[str, set[str]] = {name: set() for name in names}
        for _, arrays in self.arrays(names, step) if names else ():
            for name, array in arrays.items():
                nulls[name] |= _places_of_nulls(array)
        return [_with_nulls(branch, nulls.get(branch.name, set()), taken=self.kinds) for branch in loose]

    def event_bytes(self, branches: Collection[Described]) -> dict[str, float]:
        """About how many bytes an event takes by branch."""
        n_values = {
            branch.name: self.file.n_values.get(self.places[branch.name], 1) * math.prod(branch.row_shape)
            for branch in branches
        }
        return {branch.name: n_values[branch.name] * (branch.dtype.itemsize or TEXT_BYTES) for branch in branches}

    def counts(self, described: Collection[Described]) -> ReadCounts:
        """Reads the lengths of lists, and integers; those of which some are null count nothing."""
        branches = {branch.name: branch for branch in described}
        event_bytes = self.event_bytes(described)

        def read(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
            for _, arrays in self.arrays(names, step_for(sum(event_bytes[name] for name in names))):
                for name, array in arrays.items():
                    if branches[name].is_jagged:
                        yield name, _lengths(array)
                    elif not branches[name].optional:
                        yield name, _numbers(array, branches[name].dtype)

        return read


def arrow_source(file: ArrowFile, origin: Origin) -> Source:
    """The source of Arrow columns: those of numbers, booleans and strings, lists of numbers, and arrays of one size in
    either; all else is nested. Numbers that may be null have another column that says which are. Its extras are
    the schema, where one that says the same would not be written anyway.

    Lists are grouped by prefix and equal lengths, which takes one pass over them. Where numbers or lists may be null,
    one more pass finds out whether any is.

    Raises:
        SourceError: a name is missing or occurs twice.
    """
    with reading(file.path, file.kind, *FAILURES):
        given = plain_schema(file.schema)
        names = column_names(given)
        kinds = {name: stored_type(own.type) for name, own in zip(names, given, strict=True)}
    check_names(file.path, names, "columns")
    unsupported = {name: str(kind) for name, kind in kinds.items() if not is_kept(kind)}
    columns = _Columns(file, {name: i for i, name in enumerate(names) if name not in unsupported}, kinds)
    described = columns.described(given)
    event_bytes = columns.event_bytes(described)
    schema = schema_of_branches(described, origin, columns.counts(described))
    branch_of = {column: branch for branch in described for column in branch.elements}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {branch_of[name].name: branch_of[name] for name in columns_to_read(schema, selection)}
        for first, arrays in columns.arrays(list(wanted), step, ranges):
            flat: dict[str, NDArray[np.generic]] = {}
            lists: dict[str, Lists] = {}
            for name, branch in wanted.items():
                with reading(file.path, file.kind, *FAILURES):
                    if branch.is_jagged:
                        counts, inner = _lengths(arrays[name]), arrays[name].flatten()
                        lists |= {column: (counts, own) for column, own in _columns_of(inner, branch).items()}
                    else:
                        flat |= _columns_of(arrays[name], branch)
            yield batch_from_lists(schema, selection, flat, lists, path=file.path, first_event=first)

    def extras() -> bytes:
        nested = [kinds[branch.name] for branch in described if branch.dtype == NESTED]
        is_told = file.options is None and (file.n_events > 0 or not nested) and all(map(has_usual_names, nested))
        if is_told and given.equals(usual_fields(written_branches(schema), kinds), check_metadata=True):
            return b""
        return ArrowExtras(given, file.options or {}).to_bytes()

    unnamed = [name for name, own in zip(names, given, strict=True) if not own.name]
    notes = tuple(f"the column without a name is called {name!r}" for name in unnamed)
    sizes = bytes_by_column(described, event_bytes)
    return Source(file.path, schema, file.n_events, batches, unsupported, sizes, extras, notes=notes)


def _places_of_nulls(array: pa.Array) -> set[str]:
    """Where an array has nulls: in place of lists, or of values."""
    found = set()
    while is_list(array.type) or pa.types.is_fixed_size_list(array.type):
        found |= {_LIST} if array.null_count else set()
        array = array.flatten()
    return found | ({_VALUE} if array.null_count else set())


def _with_nulls(branch: Described, nulls: Collection[str], taken: Collection[str]) -> Described:
    """The branch with a column that says where its numbers are null; a nested one where other nulls are among them."""
    if not nulls:
        return branch
    if nulls == {_VALUE} and not branch.row_shape and mask_name(branch.name) not in taken:
        return replace(branch, optional=True)
    column = branch.column.column if isinstance(branch.column, Jagged) else branch.column
    return Described(replace(column, dtype=NESTED, shape=()))


def _stored(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The values in the type that they are stored in."""
    while isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array if array.type.equals(kind, check_metadata=True) else array.cast(kind)


def _lengths(array: pa.Array) -> NDArray[np.generic]:
    if array.null_count:
        raise ValueError("a null list, though the rows before have none")
    lengths: NDArray[np.generic] = pc.list_value_length(array).to_numpy(zero_copy_only=False)
    return lengths


def _columns_of(array: pa.Array, branch: Described) -> dict[str, NDArray[np.generic]]:
    """The columns (rows,) of a branch that is not jagged, or of what is inside its lists."""
    if branch.dtype == NESTED:
        nested: Any = Nested(array)
        return branch.split(nested)
    n_rows = len(array)
    while pa.types.is_fixed_size_list(array.type):
        if array.null_count:
            raise ValueError("a null array, though the rows before have none")
        array = array.flatten()
    if branch.optional:
        missing = np.asarray(array.is_null().to_numpy(zero_copy_only=False), np.bool_)
        return branch.split(_numbers(_filled(array), branch.dtype), missing)
    return branch.split(_numbers(array, branch.dtype).reshape(n_rows, *branch.row_shape))


def _filled(array: pa.Array) -> pa.Array:
    """The array with NaN, 0 or false in place of nulls."""
    if pa.types.is_floating(array.type):
        return array.fill_null(pa.scalar(np.nan, pa.float64()).cast(array.type))
    return array.fill_null(pa.scalar(value=0, type=pa.int8()).cast(array.type))


def _numbers(array: pa.Array, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    if array.null_count and dtype.kind in "fiub":
        raise ValueError(f"a null in a {dtype} column, though the rows before have none")
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype)
