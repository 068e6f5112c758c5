"""Zstandard with byte shuffle: of the codes on our integer grid, and of truncated floats."""

from typing import Any

import numpy as np
import zstandard

from benchmarks.rivals.by_column import Coder, on_grid, truncating
from benchmarks.rivals.shuffle import shuffled, unshuffled
from benchmarks.rivals.signature import Values

_LEVEL = 19


def _encode(values: Values) -> bytes:
    return zstandard.compress(shuffled(values), _LEVEL)


def _decode(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    return unshuffled(zstandard.decompress(data), dtype, n_rows)


CODER = Coder(_encode, _decode)

RIVALS = (
    on_grid("grid + zstd", "our integer grid, byte shuffle, zstd level 19", CODER),
    truncating("truncation + zstd", "mantissa truncation, byte shuffle, zstd level 19", CODER),
)
