"""Tables as Arrow arrays, in the fields, types and metadata of their source where those are known."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from baler_vae.arrow.fields import described_field, is_nullable, usual_fields, written_branches
from baler_vae.arrow.schema import ArrowExtras, column_names, stored_type
from baler_vae.source.source import writing
from baler_vae.table.branches import Branch
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, empty_batch, offsets_from_counts, row_groups


def arrow_batches(
    schema: Schema, batches: Iterable[Batch], kind: str, extras: ArrowExtras | None
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The Arrow schema of a table, and its rows, cut into row groups: jagged columns as lists that name their
    collection and counter in the metadata of the field; an implied counter is not written next to the lists that it
    counts. Without `extras` only numbers that may be missing can be null, so that awkward sees no options; with them
    fields, metadata and types are those of the source.

    Raises:
        OutputError: when reading, a text is not valid Unicode.
    """
    branches = written_branches(schema)
    read = iter(batches)
    start = next(read, empty_batch(schema))  # without events, too, it tells the types of nested columns
    cut = row_groups(chain([start], read), schema)
    first = next(cut, start)
    nested = {branch.name: nested_of(branch.values(first)) for branch in branches}
    kinds = {name: values.values.type for name, values in nested.items() if values is not None}
    fields = usual_fields(branches, kinds)
    if extras is not None:
        fields = _fields_of_source(extras, branches, fields, has_rows=first[0].n_rows > 0)

    def rows() -> Iterator[pa.RecordBatch]:
        for batch in chain([first], cut):
            with writing(kind, pa.ArrowException, UnicodeError):
                arrays = [_array(branch, batch, own.type) for branch, own in zip(branches, fields, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=fields)

    return fields, rows()


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
        elif branch.missing is not None and not is_nullable(given):
            fields.append(given.with_type(own.type).with_nullable(own.nullable))
        else:
            fields.append(given)
    return pa.schema(fields, wanted.metadata)


def _is_of(given: pa.Field, branch: Branch, own: pa.Field, *, has_rows: bool) -> bool:
    """Whether the values of a branch are those of a field of the source."""
    kind = stored_type(given.type)
    if branch.is_nested:
        return not has_rows or bool(kind == own.type)
    found = described_field(branch.name, given.with_type(kind))
    return (found.dtype, found.row_shape, found.is_jagged) == (branch.dtype, branch.shape, branch.is_jagged)


def _array(branch: Branch, batch: Batch, kind: pa.DataType) -> pa.Array:
    values = branch.values(batch)
    nested = nested_of(values)
    if nested is not None:
        array = nested.values if len(nested) else pa.array([], stored_type(kind))
        return array if array.type == kind else array.cast(kind)
    stored = stored_type(kind)
    mask = branch.mask(batch)
    if not branch.is_jagged:
        array = _fixed(values, mask, stored)
    else:
        counts = batch[0][str(branch.group.counter)].astype(np.int64)
        is_large = pa.types.is_large_list(stored)
        offsets = pa.array(offsets_from_counts(counts), pa.int64() if is_large else pa.int32())
        lists = pa.LargeListArray if is_large else pa.ListArray
        array = lists.from_arrays(offsets, _fixed(values, mask, stored.value_type), type=stored)
    return array if array.type == kind else array.cast(kind)


def _fixed(values: NDArray[np.generic], mask: NDArray[np.bool_] | None, kind: pa.DataType) -> pa.Array:
    """The values (rows,) or (rows, *shape) of a branch in a type, without the lists of jagged ones."""
    kinds = [kind]
    while pa.types.is_fixed_size_list(kinds[-1]):
        kinds.append(kinds[-1].value_type)
    array = pa.array(values.reshape(-1), kinds[-1], mask=mask)
    for outer in reversed(kinds[:-1]):
        array = pa.FixedSizeListArray.from_arrays(array, type=outer)
    return array
