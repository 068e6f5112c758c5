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
from benchmarks.rivals.signature import Values

_WIDE = {np.dtype(name) for name in ("f4", "f8", "i4", "i8")}


def _packed(values: Values, tolerance: float = -1) -> bytes:
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


def _encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
    if bound.relative and values.dtype.kind == "f":
        changed = transform(values, bound)
        stream = _packed(changed.values, changed.tolerance) if len(changed.values) else b""
        return pack(None, [changed.rest, stream]), "relative"
    known = _known(values)
    return _packed(known, bound.size if bound.kind == "abs" and values.dtype.kind == "f" else -1), None


def _decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
    if said == "relative":
        _, (rest, packed) = unpack(stream)
        return restore(_unpacked(packed) if packed else np.empty(0), rest, dtype, n_rows)
    known = _unpacked(stream)
    return known.view(dtype) if known.dtype.itemsize == dtype.itemsize else known.astype(dtype)


RIVALS = (by_column("ZFP", "zfpy, fixed accuracy or reversible", ColumnCoder(_encode, _decode), ("zfpy",)),)
