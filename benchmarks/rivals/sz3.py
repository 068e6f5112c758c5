"""SZ3's algorithms through pysz.

Absolute bounds are SZ3's own. Its relative mode means the range of the column, so bounds relative to each value go
through a logarithm, as SZ2 did it. What must be exact goes through its lossless algorithm; integers also through the
named one at a bound of one half, and the smaller of those that come back counts.
"""

from typing import Any

import numpy as np

from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import ColumnCoder, by_column
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.relative import restore, transform
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


def _unpacked(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    from pysz import sz

    return sz.decompress(np.frombuffer(data, np.uint8), dtype, (n_rows,))[0]


def _known(values: Values) -> Values:
    """Values (rows,) in a dtype that SZ3 knows, which holds them all; integers that are beyond what it takes, as pairs
    of halves (2 rows,).
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
    good = len(tried) < len(lossless) and np.array_equal(_unpacked(tried, known.dtype, len(known)), known)
    return tried if good else lossless


def _coder(algorithm: str) -> ColumnCoder:
    def encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
        known = _known(values)
        if bound.relative and values.dtype.kind == "f":
            changed = transform(values, bound)
            n_changed = len(changed.values)
            stream = _packed(changed.values, changed.tolerance, algorithm) if n_changed else b""
            return pack(n_changed, [changed.rest, stream]), "relative"
        if bound.kind == "abs" and values.dtype.kind == "f":
            return _packed(known, bound.size, algorithm), [known.dtype.str, len(known)]
        return _exact(known, algorithm), [known.dtype.str, len(known)]

    def decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
        if said == "relative":
            n_changed, (rest, packed) = unpack(stream)
            numbers = _unpacked(packed, np.dtype(np.float64), n_changed) if n_changed else np.empty(0)
            return restore(numbers, rest, dtype, n_rows)
        known = _unpacked(stream, np.dtype(said[0]), said[1])
        return known.astype(dtype) if len(known) == n_rows else known.view(dtype)

    return ColumnCoder(encode, decode)


def _rival(name: str, algorithm: str) -> Rival:
    return by_column(f"SZ3 ({name})", f"pysz, algorithm {algorithm}", _coder(algorithm), ("pysz",))


RIVALS = tuple(_rival(name, algorithm) for name, algorithm in _ALGORITHMS.items())
