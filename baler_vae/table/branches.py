"""The branches of a file: what its columns are joined to when they are written or read back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.table.schema import Column, FixedArray, Group, Schema
from baler_vae.table.table import Table


@dataclass(frozen=True)
class Branch:
    """A column, or the array of one `shape` in every row of which `columns` are the elements in C order."""

    name: str
    columns: tuple[Column, ...]
    group: Group
    shape: tuple[int, ...] = ()
    title: str = ""
    typename: str = ""

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
        table = next(table for table in batch if table.group.name == self.group.name)
        if not self.shape:
            return table[self.columns[0].name]
        values = np.empty((table.n_rows, len(self.columns)), self.dtype)
        for number, column in enumerate(self.columns):
            values[:, number] = table[column.name]
        return values.reshape(-1, *self.shape)


def branches_of(schema: Schema) -> tuple[Branch, ...]:
    """The branches of a schema, in the order of the first column of each."""
    arrays = {name: array for array in schema.arrays for name in array.columns}
    found: dict[str, Branch] = {}
    for column in schema.columns:
        group = schema.group_of(column.name)
        array = arrays.get(column.name)
        if array is None:
            found[column.name] = Branch(column.name, (column,), group, (), column.title, column.typename)
        elif array.name not in found:
            found[array.name] = _array_branch(array, group)
    return tuple(found.values())


def _array_branch(array: FixedArray, group: Group) -> Branch:
    columns = tuple(group.column(name) for name in array.columns)
    return Branch(array.name, columns, group, array.shape, array.title, array.typename)
