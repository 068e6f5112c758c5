"""Arrays of several axes in the cells of a data frame as Arrow's lists of fixed sizes, and back."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from baler_vae.source.grouping import native


def type_of_cells(values: pd.Series) -> pa.DataType | None:
    """The Arrow type of cells that hold arrays of two or more axes, all of one shape and dtype, some of them perhaps
    missing; None of any other column.
    """
    if values.dtype != np.object_:
        return None
    cells = values.to_numpy()
    first = next((cell for cell in cells if cell is not None), None)
    if not isinstance(first, np.ndarray) or first.ndim < 2 or not first.size or native(first.dtype) is None:
        return None
    if not all(_is_like(cell, first) for cell in cells if cell is not None):
        return None
    kind = pa.from_numpy_dtype(native(first.dtype))
    for size in reversed(first.shape):
        kind = pa.list_(kind, size)
    return kind


def _is_like(cell: object, first: NDArray[Any]) -> bool:
    return isinstance(cell, np.ndarray) and (cell.shape, cell.dtype) == (first.shape, first.dtype)


def array_of_cells(cells: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Cells (rows,) as an Arrow array of the type that `type_of_cells` gives."""
    kinds = [kind]
    while pa.types.is_fixed_size_list(kinds[-1]):
        kinds.append(kinds[-1].value_type)
    shape = [own.list_size for own in kinds[:-1]]
    rows = np.zeros((len(cells), *shape), kinds[-1].to_pandas_dtype())
    missing = np.array([cell is None for cell in cells], np.bool_)
    for number in np.flatnonzero(~missing):
        rows[number] = cells[number]
    array = pa.array(rows.reshape(-1))
    for own in reversed(kinds[1:-1]):
        array = pa.FixedSizeListArray.from_arrays(array, type=own)
    return pa.FixedSizeListArray.from_arrays(array, type=kind, mask=pa.array(missing) if missing.any() else None)


def are_cells(kind: pa.DataType) -> bool:
    """Whether a type is one of `type_of_cells`."""
    return bool(pa.types.is_fixed_size_list(kind) and pa.types.is_fixed_size_list(kind.value_type))


def cells_of_array(array: pa.Array) -> NDArray[Any]:
    """The cells that an Arrow array was made of, objects (rows,)."""
    cells = np.empty(len(array), object)
    for number, row in enumerate(array):
        if row.is_valid:
            cells[number] = _numbers(row.values)
    return cells


def _numbers(values: pa.Array) -> NDArray[Any]:
    shape = [len(values)]
    while pa.types.is_fixed_size_list(values.type):
        shape.append(values.type.list_size)
        values = values.flatten()
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found.reshape(shape)
