"""SPERR in its mode of a point-wise error, through the filter of hdf5plugin; the file around it is not counted.

It has no lossless mode. Bounds relative to each value go through a logarithm. Integers are stored as ours are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import ColumnCoder, by_column
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.relative import restore, transform
from benchmarks.rivals.shapes import Shape, arrangements, smallest
from benchmarks.rivals.signature import NotApplicableError, Rival, Values


def _packed(values: Values, tolerance: float) -> bytes:
    with _dataset(values.shape, values.dtype, tolerance) as made:
        made[...] = values
        made.flush()
        _, stream = made.id.read_direct_chunk((0,) * values.ndim)
    return pack([values.shape, values.dtype.str, tolerance], [bytes(stream)])


def _unpacked(data: bytes) -> Values:
    (shape, dtype, tolerance), (stream,) = unpack(data)
    with _dataset(tuple(shape), np.dtype(dtype), tolerance) as made:
        made.id.write_direct_chunk((0,) * len(shape), stream)
        return np.asarray(made[...])


@contextmanager
def _dataset(shape: Shape, dtype: np.dtype[Any], tolerance: float) -> Iterator[Any]:
    """A dataset of one chunk in a file that is in memory only."""
    import h5py
    import hdf5plugin

    with h5py.File("sperr.h5", "w", driver="core", backing_store=False) as file:
        yield file.create_dataset("x", shape, dtype, chunks=shape, **hdf5plugin.Sperr(absolute=tolerance))


def _coder(n_axes: int) -> ColumnCoder:
    def encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
        if values.dtype.kind != "f" or values.ndim == 1:
            return encode_numbers(values.reshape(-1)), "plain"
        if bound.kind == "exact":
            raise NotApplicableError("SPERR has no lossless mode")
        if bound.relative:
            changed = transform(values, bound, dense=True)
            return pack(None, [changed.rest, packed(changed.values, changed.tolerance)]), "relative"
        return packed(values, bound.size), None

    def packed(values: Values, tolerance: float) -> bytes:
        shapes = [shape for shape in arrangements(values.shape, n_axes) if _is_possible(shape)]
        return smallest(values, shapes, lambda numbers: _packed(numbers, tolerance))[0]

    return ColumnCoder(encode, _decode, shaped=True)


def _is_possible(shape: Shape) -> bool:
    return len(shape) in {2, 3}


def _decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
    if said == "plain":
        return decode_numbers(stream, dtype, n_rows)
    if said == "relative":
        _, (rest, packed) = unpack(stream)
        return restore(_unpacked(packed), rest, dtype, n_rows)
    return _unpacked(stream)


def _rival(n_axes: int) -> Rival:
    what = f"hdf5plugin's SPERR, fixed point-wise error, in {n_axes} dimensions"
    return by_column(f"SPERR ({n_axes}-D)", what, _coder(n_axes), ("h5py", "hdf5plugin"))


IN_DIMENSIONS = tuple(map(_rival, (2, 3)))
