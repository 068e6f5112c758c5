"""An n-dimensional array of numbers as a table: rows from all axes but the last, and back."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import OutputError, SourceError
from baler_vae.source.grouping import check_names, make_batch, native
from baler_vae.source.source import Ranges, Source, in_steps
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Batch, concatenate


def array_source(path: str, array: NDArray[np.generic], names: Sequence[str], origin: Origin) -> Source:
    """The source of one array (..., columns), or (rows,) for a single column.

    If the number of names differs from that of columns, they are replaced by `<key>_0`, `<key>_1`, and so on.

    Raises:
        SourceError: it does not hold numbers, has no axis, or names are empty or occur twice.
    """
    key = origin.name.rpartition("/")[2]
    dtype = native(array.dtype)
    if dtype is None or array.ndim == 0:
        raise SourceError(
            f"the array {key!r} is not a table of numbers", path=path, found=f"{array.ndim}-d {array.dtype}"
        )
    check_rows(path, array)
    table = array.reshape(-1, array.shape[-1] if array.ndim > 1 else 1)
    if len(names) != table.shape[1]:
        names = [f"{key}_{i}" for i in range(table.shape[1])] if array.ndim > 1 else [key]
    check_names(path, names, f"columns of {key!r}")
    schema = Schema((Group("events", tuple(Column(name, dtype) for name in names)),), tuple(names), origin)
    place = {name: i for i, name in enumerate(names)}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        for start, stop in in_steps(len(table), step, ranges):
            rows = table[start:stop]
            arrays = {name: np.ascontiguousarray(rows[:, place[name]], dtype) for name in selection.order}
            yield make_batch(selection, arrays)

    return Source(path, schema, len(table), batches)


def check_rows(path: str, array: NDArray[np.generic]) -> None:
    """Check that there are columns in the rows of an array.

    Raises:
        SourceError: its last axis is empty.
    """
    if array.ndim > 1 and not array.shape[-1]:
        raise SourceError("holds no columns: its last axis is empty", path=path, found=f"an array of {array.shape}")


def restored_array(schema: Schema, batches: Iterable[Batch]) -> NDArray[np.generic]:
    """All columns of a table as one array (..., columns), its leading axes as in the source where the rows allow it.

    Raises:
        OutputError: the columns have different dtypes.
    """
    dtypes = {column.dtype for column in schema.columns}
    if len(dtypes) > 1:
        raise OutputError("columns of different dtypes do not make one array", found=", ".join(map(str, dtypes)))
    table = concatenate(list(batches), schema)[0]
    array = np.stack([table[name] for name in schema.order], axis=-1)
    if schema.origin.shape and np.prod(schema.origin.shape) == len(array):
        return array.reshape(*schema.origin.shape, array.shape[-1])
    return array
