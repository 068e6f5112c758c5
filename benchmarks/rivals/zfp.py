"""ZFP through zfpy, in its mode of a fixed accuracy, reversible for what must be exact.

Its mode of a fixed precision promises nothing for single values, so bounds relative to each value go through a
logarithm. zfpy and numcodecs cannot be imported in one process.
"""

from typing import Any

import numpy as np

from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import ColumnCoder, by_column
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.relative import restore, transform
from benchmarks.rivals.shapes import arrangements, smallest
from benchmarks.rivals.signature import Rival, Values

_WIDE = {np.dtype(name) for name in ("f4", "f8", "i4", "i8")}


def _packed(values: Values, tolerance: float) -> bytes:
    import zfpy

    return bytes(zfpy.compress_numpy(np.ascontiguousarray(values), tolerance=tolerance))


def _unpacked(data: bytes) -> Values:
    import zfpy

    return np.asarray(zfpy.decompress_numpy(data))


def _known(values: Values) -> Values:
    """Values (rows,) in a dtype that ZFP knows, which holds them all."""
    if values.dtype in _WIDE:
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    if values.dtype.itemsize >= 4:
        return values.view(f"i{values.dtype.itemsize}")
    return values.astype(np.int32)


def _coder(n_axes: int) -> ColumnCoder:
    def encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
        if bound.relative and values.dtype.kind == "f":
            changed = transform(values, bound, dense=values.ndim > 1)
            stream = packed(changed.values, changed.tolerance) if changed.values.size else b""
            return pack(None, [changed.rest, stream]), "relative"
        return packed(_known(values), bound.size if bound.kind == "abs" and values.dtype.kind == "f" else -1), None

    def packed(values: Values, tolerance: float) -> bytes:
        shapes = arrangements(values.shape, n_axes)
        return smallest(values, shapes, lambda numbers: _packed(numbers, tolerance))[0]

    return ColumnCoder(encode, _decode, shaped=n_axes > 1)


def _decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
    if said == "relative":
        _, (rest, packed) = unpack(stream)
        return restore(_unpacked(packed) if packed else np.empty(0), rest, dtype, n_rows)
    known = _unpacked(stream)
    return known.view(dtype) if known.dtype.itemsize == dtype.itemsize else known.astype(dtype)


def _rival(name: str, n_axes: int, further: str = "") -> Rival:
    return by_column(name, f"zfpy, fixed accuracy or reversible{further}", _coder(n_axes), ("zfpy",))


RIVALS = (_rival("ZFP", 1),)
IN_DIMENSIONS = tuple(_rival(f"ZFP ({n_axes}-D)", n_axes, f", in {n_axes} dimensions") for n_axes in (2, 3, 4))
