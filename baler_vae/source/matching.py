"""The columns of a source as another schema describes them: that of a codec, of an archive, or of another file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError, nearest
from baler_vae.table.nested import nested_arrays
from baler_vae.table.schema import Column, Group, Schema, array_of, kind_text
from baler_vae.table.table import Batch, Table

_Values = Callable[[Table, str], NDArray[np.generic]]
"""The values of a column of a selection, from the table that the source gives."""


def described_as(own: Schema, wanted: Schema) -> Schema:
    """The schema of a source in which values may be missing where they may in `wanted`, and arrays are as there."""
    return with_arrays_of(own.optional([mask.values for mask in wanted.masks]), wanted)


def with_arrays_of(own: Schema, wanted: Schema) -> Schema:
    """The schema of a source in which arrays are nested, or a column for each element, where they are in `wanted`."""
    own = own.nested([column.name for column in wanted.events.columns if column.is_nested])
    return own.split({str(array_of(name)) for name in wanted.order if name not in own.order} - set(wanted.order))


def has_columns(own: Schema, wanted: Schema) -> bool:
    """Whether a source has all columns of `wanted`, whatever they hold."""
    return set(wanted.order) <= set(described_as(own, wanted).order)


def match_schema(source: Schema, wanted: Schema, *, path: str, owner: str, way_out: str) -> Schema:
    """What `Source.match` returns for a source of that schema.

    Raises:
        UsageError: a column is missing, has another dtype or shape, or is in another collection.
    """

    def refused(why: str, column: str, found: str = "", expected: str = "") -> UsageError:
        return UsageError(f"{owner} {why}", path=path, column=column, found=found, expected=expected, way_out=way_out)

    for name, found, expected in other_shapes(source, wanted):
        raise refused("has a different shape", name, found, expected)
    own = described_as(source, wanted)
    theirs = {column.name: column for column in own.columns}
    masks = {mask.missing for mask in wanted.masks}
    # First the values: what says where those are missing is there only if they are numbers.
    for column in sorted(wanted.columns, key=lambda column: column.name in masks):
        if column.name not in theirs:
            raise refused(f"has a column that this file lacks: {nearest(column.name, theirs)}", column.name)
        own_kind = theirs[column.name]
        if (own_kind.dtype, own_kind.shape) != (column.dtype, column.shape):
            what = "dtype" if own_kind.dtype != column.dtype else "shape"
            raise refused(f"has a different {what}", column.name, own_kind.kind, column.kind)
    for name, counter in ((name, group.counter) for group in wanted.groups for name in group.names):
        found, expected = f"counter {own.group_of(name).counter!r}", f"counter {counter!r}"
        if found != expected:
            raise refused("has it in a different collection", name, found, expected)
    for mask in source.masks:
        if mask.values in wanted.order and mask not in wanted.masks:
            raise refused("does not allow missing values, which this file has", mask.values)
    groups = tuple(
        Group(group.name, tuple(theirs[name] for name in group.names), group.counter) for group in wanted.groups
    )
    order = tuple(name for name in own.order if name in wanted.order)
    return Schema(groups, order, source.origin, wanted.arrays, wanted.masks)


def other_shapes(source: Schema, wanted: Schema) -> list[tuple[str, str, str]]:
    """The arrays that both schemas have, of other shapes: name, kind in the source, kind that is wanted."""
    found, expected = _arrays(source), _arrays(wanted)
    both = [name for name in expected if name in found and found[name][1] != expected[name][1]]
    return [(name, kind_text(*found[name]), kind_text(*expected[name])) for name in both]


def _arrays(schema: Schema) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of each array, whether it is a column or its elements are."""
    dtypes = {column.name: column.dtype_name for column in schema.columns}
    whole = {c.name: (c.dtype_name, c.shape) for c in schema.columns if c.is_array}
    return whole | {array.name: (dtypes[array.columns[0]], array.shape) for array in schema.arrays}


@dataclass(frozen=True, eq=False)
class Conversion:
    """How the tables of a selection are made of those of `own`, which is what a source has to read for it; `values`
    makes a column.
    """

    selection: Schema
    own: Schema
    values: _Values

    def batch(self, batch: Batch) -> Batch:
        """A batch of the selection, of one of `own`."""
        return tuple(
            Table(group, {name: self.values(table, name) for name in group.names})
            for group, table in zip(self.selection.groups, batch, strict=True)
        )


def conversion(schema: Schema, selection: Schema) -> Conversion | None:
    """How a source with that schema is read for a selection, which may ask where values of columns are missing of which
    none is missing here, and for arrays as nested columns, or as a column for each element; None where that is what the
    source gives.
    """
    lacking = {mask.missing for mask in selection.masks if mask not in schema.masks}
    arrays = {column.name: column for column in schema.events.columns if column.is_array}
    nested = {c.name for c in selection.events.columns if c.is_nested and c.name in arrays}
    known = set(schema.order) | lacking
    split = {name: str(array_of(name)) for name in selection.order if name not in known and array_of(name) in arrays}
    if not lacking and not nested and not split:
        return None
    sizes = {name: tuple(map(int, name[len(array) + 1 : -1].split("]["))) for name, array in split.items()}
    place = {name: int(np.ravel_multi_index(sizes[name], arrays[array].shape)) for name, array in split.items()}

    def group_of(group: Group) -> Group:
        read = ((c, arrays.get(split.get(c.name, c.name), c)) for c in group.columns if c.name not in lacking)
        return replace(group, columns=_once(own for _, own in read))

    own = replace(
        selection,
        groups=(group_of(selection.events), *(group_of(group) for group in selection.groups[1:])),
        order=tuple(dict.fromkeys(split.get(name, name) for name in selection.order if name not in lacking)),
        arrays=tuple(array for array in selection.arrays if array.name not in split.values()),
        masks=tuple(mask for mask in selection.masks if mask.missing not in lacking),
    )

    def values(table: Table, name: str) -> NDArray[np.generic]:
        if name in lacking:
            return np.zeros(table.n_rows, np.bool_)
        if name in split:
            return np.ascontiguousarray(table[split[name]].reshape(table.n_rows, -1)[:, place[name]])
        return nested_arrays(table[name], arrays[name], schema.origin.format) if name in nested else table[name]

    return Conversion(selection, own, values)


def _once(columns: Iterator[Column]) -> tuple[Column, ...]:
    """The columns without those that came before."""
    return tuple({column.name: column for column in columns}.values())
