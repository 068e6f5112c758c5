"""SZ3's algorithms through pysz.

Absolute bounds are SZ3's own. Its relative mode means the range of the column, so bounds relative to each value go
through a logarithm, as SZ2 did it. What must be exact goes through its lossless algorithm; integers also through the
named one at a bound of one half, and the smaller of those that come back counts.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import ColumnCoder, by_column
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.relative import restore, transform
from benchmarks.rivals.shapes import Shape, arrangements, smallest
from benchmarks.rivals.signature import Rival, Values

_ALGORITHMS = {"default": "INTERP_LORENZO", "Lorenzo": "LORENZO_REG", "no prediction": "NOPRED"}
_WIDE = (np.dtype(np.float32), np.dtype(np.float64))
_LARGEST = 1 << 53
"""SZ3 takes no integers beyond what a double holds exactly."""


def _packed(values: Values, tolerance: float, algorithm: str) -> bytes:
    from pysz import sz, szAlgorithm, szConfig, szErrorBoundMode

    config = szConfig()
    config.errorBoundMode = szErrorBoundMode.ABS
    config.absErrorBound = tolerance
    config.cmprAlgo = getattr(szAlgorithm, algorithm)
    return sz.compress(np.ascontiguousarray(values), config)[0].tobytes()


def _unpacked(data: bytes, dtype: np.dtype[Any], shape: Shape) -> Values:
    from pysz import sz

    return sz.decompress(np.frombuffer(data, np.uint8), dtype, tuple(map(int, shape)))[0]


def _known(values: Values) -> Values:
    """Values in a dtype that SZ3 knows, which holds them all; integers that are beyond what it takes, as pairs of
    halves (the last axis doubled).
    """
    if values.dtype in _WIDE[:2]:
        return values
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    low, high = int(values.min()), int(values.max())
    for dtype, limit in ((np.int32, (1 << 31) - 1), (np.int64, _LARGEST)):
        if max(-low, high) <= limit:
            return values.astype(dtype)
    return values.view(np.int32)


def _exact(known: Values, algorithm: str) -> bytes:
    lossless = _packed(known, 1e-300, "LOSSLESS")
    if known.dtype.kind == "f":
        return lossless
    tried = _packed(known, 0.5, algorithm)
    good = len(tried) < len(lossless) and np.array_equal(_unpacked(tried, known.dtype, known.shape), known)
    return tried if good else lossless


def _coder(algorithm: str, n_axes: int) -> ColumnCoder:
    def encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
        if bound.relative and values.dtype.kind == "f":
            changed = transform(values, bound, dense=values.ndim > 1)
            stream, shape = b"", (0,)
            if changed.values.size:
                stream, shape = packed(changed.values, lambda numbers: _packed(numbers, changed.tolerance, algorithm))
            return pack(shape if len(shape) > 1 else shape[0], [changed.rest, stream]), "relative"
        known = _known(values)
        if bound.kind == "abs" and values.dtype.kind == "f":
            stream, shape = packed(known, lambda numbers: _packed(numbers, bound.size, algorithm))
        else:
            stream, shape = packed(known, lambda numbers: _exact(numbers, algorithm))
        return stream, [known.dtype.str, shape if len(shape) > 1 else shape[0]]

    def decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
        if said == "relative":
            shape, (rest, packed) = unpack(stream)
            numbers = _unpacked(packed, np.dtype(np.float64), np.atleast_1d(shape)) if packed else np.empty(0)
            return restore(numbers, rest, dtype, n_rows)
        known = _unpacked(stream, np.dtype(said[0]), np.atleast_1d(said[1]))
        return known.astype(dtype) if known.size == n_rows else known.view(dtype)

    def packed(values: Values, pack_one: Callable[[Values], bytes]) -> tuple[bytes, Shape]:
        return smallest(values, arrangements(values.shape, n_axes), pack_one)

    return ColumnCoder(encode, decode, shaped=n_axes > 1)


def _rival(name: str, algorithm: str, n_axes: int = 1) -> Rival:
    what = f"pysz, algorithm {algorithm}" + (f", in {n_axes} dimensions" if n_axes > 1 else "")
    full = f"{name}, {n_axes}-D" if n_axes > 1 else name
    return by_column(f"SZ3 ({full})", what, _coder(algorithm, n_axes), ("pysz",))


RIVALS = tuple(_rival(name, algorithm) for name, algorithm in _ALGORITHMS.items())
IN_DIMENSIONS = tuple(
    _rival(name, algorithm, n_axes)
    for name, algorithm in (_ALGORITHMS | {"interpolation": "INTERP"}).items()
    for n_axes in (2, 3, 4)
)
