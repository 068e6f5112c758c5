"""fpzip, lossless, or with as many bits of mantissas as a relative bound leaves, in up to four dimensions.

Integers are stored as ours are.
"""

from typing import Any

import numpy as np

from baler_vae.entropy.plain import decode_numbers, encode_numbers
from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import ColumnCoder, by_column, truncated
from benchmarks.rivals.shapes import arrangements, smallest
from benchmarks.rivals.signature import NotApplicableError, Values

_KNOWN = (np.dtype(np.float32), np.dtype(np.float64))
_MOST_AXES = 4


def _encode(values: Values, bound: Bound) -> tuple[bytes, Any]:
    if values.dtype not in _KNOWN:
        return encode_numbers(values.reshape(-1)), "plain"
    if bound.kind not in {"exact", "bits"}:
        raise NotApplicableError("fpzip keeps bits of the mantissa, no absolute bound")
    shapes = [shape for n_axes in range(1, _MOST_AXES + 1) for shape in arrangements(values.shape, n_axes)]
    rounded = truncated(values, bound)
    return smallest(rounded, dict.fromkeys(shapes), lambda numbers: _packed(numbers, bound))[0], None


def _packed(values: Values, bound: Bound) -> bytes:
    import fpzip

    info = np.finfo(values.dtype)
    precision = 1 + info.nexp + int(bound.size) if bound.kind == "bits" else 0
    shape = (1,) * (_MOST_AXES - values.ndim) + values.shape
    return bytes(fpzip.compress(values.reshape(shape), precision=precision, order="C"))


def _decode(stream: bytes, said: Any, dtype: np.dtype[Any], n_rows: int) -> Values:
    import fpzip

    if said == "plain":
        return decode_numbers(stream, dtype, n_rows)
    return np.asarray(fpzip.decompress(stream, order="C")).astype(dtype, copy=False)


IN_DIMENSIONS = (
    by_column("fpzip", "in all dimensions, the smallest", ColumnCoder(_encode, _decode, shaped=True), ("fpzip",)),
)
