"""The branches of a file: what its columns are combined into when they are written or read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.table.padded import PaddedArray
from baler_vae.table.padding import padded_values
from baler_vae.table.schema import Column, FixedArray, Group, Schema, kind_text
from baler_vae.table.table import Table, counts_of


@dataclass(frozen=True)
class Branch:
    """A column, or the array of one `shape` in every row of which `columns` are the elements in C order; that of one
    column with a shape is its own. `missing` is the column that says where a value is missing, None where none ever is.
    That of a `padded` array has the features of a collection, `home`, as columns, and is no more jagged than it was.
    """

    name: str
    columns: tuple[Column, ...]
    group: Group
    shape: tuple[int, ...] = ()
    title: str = ""
    typename: str = ""
    missing: Column | None = None
    padded: PaddedArray | None = None
    home: Group | None = None

    @property
    def is_jagged(self) -> bool:
        return self.group.counter is not None

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.columns[0].dtype

    @property
    def is_text(self) -> bool:
        return self.columns[0].is_text

    @property
    def is_nested(self) -> bool:
        return self.columns[0].is_nested

    @property
    def implied(self) -> bool:
        return self.columns[0].implied

    def values(self, batch: Sequence[Table]) -> NDArray[np.generic]:
        """The values (rows,) or (rows, *shape) of a batch; a `Nested` where it is nested."""
        table = self._table(batch)
        if self.padded is not None:
            return padded_values(self.padded, counts_of(tuple(batch), table.group), table.arrays)
        if not self.shape or self.columns[0].is_array:
            return table[self.columns[0].name]
        values = np.empty((table.n_rows, len(self.columns)), self.dtype)
        for number, column in enumerate(self.columns):
            values[:, number] = table[column.name]
        return values.reshape(-1, *self.shape)

    def mask(self, batch: Sequence[Table]) -> NDArray[np.bool_] | None:
        """Whether each value of a batch is missing, bool (rows,); None where none ever is."""
        if self.missing is None:
            return None
        return np.asarray(self._table(batch)[self.missing.name], np.bool_)

    def _table(self, batch: Sequence[Table]) -> Table:
        home = self.group if self.home is None else self.home
        return next(table for table in batch if table.group.name == home.name)


def branches_of(schema: Schema, *, masks: bool = True) -> tuple[Branch, ...]:
    """The branches of a schema, in the order of the first column of each. What says where the values of a column are
    missing belongs to its branch; without `masks` it is a branch of its own, for files that have no missing numbers.
    Padded arrays are branches where all their features are there, and then what counts these is none.
    """
    arrays = {name: array for array in schema.arrays for name in array.columns}
    missing = {mask.values: mask.missing for mask in schema.masks} if masks else {}
    groups = {group.name: group for group in schema.groups}
    padded, hidden = dict[str, Branch](), set(missing.values())
    for made in schema.padded:
        home = groups.get(made.name)
        own = () if home is None else made.whole(home.names)
        padded |= {
            name: _padded_branch(array, schema.events, groups[made.name]) for array in own for name in array.features
        }
        if home is not None and set(home.names) <= padded.keys():
            hidden.add(made.counter)
    found: dict[str, Branch] = {}
    for column in schema.columns:
        if column.name in hidden:
            continue
        if column.name in padded:
            found.setdefault(padded[column.name].name, padded[column.name])
            continue
        group = schema.group_of(column.name)
        array = arrays.get(column.name)
        if array is None:
            mask = group.column(missing[column.name]) if column.name in missing else None
            found[column.name] = Branch(
                column.name, (column,), group, column.shape, column.title, column.typename, mask
            )
        elif array.name not in found:
            found[array.name] = _array_branch(array, group)
    return tuple(found.values())


def _padded_branch(array: PaddedArray, events: Group, home: Group) -> Branch:
    columns = tuple(home.column(name) for name in array.features)
    typename = array.typename or kind_text(array.dtype.name, array.shape)
    return Branch(array.name, columns, events, array.shape, array.title, typename, padded=array, home=home)


def _array_branch(array: FixedArray, group: Group) -> Branch:
    columns = tuple(group.column(name) for name in array.columns)
    return Branch(array.name, columns, group, array.shape, array.title, array.typename)
