"""Blosc2 with zstd, byte or bit shuffle, the smaller: of codes on our integer grid, and of truncated floats."""

from typing import Any

import numpy as np

from benchmarks.rivals.by_column import Coder, on_grid, truncating
from benchmarks.rivals.signature import Values


def _encode(values: Values) -> bytes:
    import blosc2

    data, n_bytes = np.ascontiguousarray(values).tobytes(), values.dtype.itemsize
    packed = [
        blosc2.compress2(data, codec=blosc2.Codec.ZSTD, clevel=9, filters=[filter_], typesize=n_bytes, nthreads=1)
        for filter_ in (blosc2.Filter.SHUFFLE, blosc2.Filter.BITSHUFFLE)
    ]
    return min(packed, key=len)


def _decode(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    import blosc2

    return np.frombuffer(blosc2.decompress2(data, nthreads=1), dtype, n_rows)


CODER = Coder(_encode, _decode)

RIVALS = (
    on_grid("grid + Blosc2", "our integer grid, Blosc2: shuffle, zstd level 9", CODER, ("blosc2",)),
    truncating("truncation + Blosc2", "mantissa truncation, Blosc2: shuffle, zstd level 9", CODER, ("blosc2",)),
)
