"""LZMA (xz) with byte shuffle: of the codes on our integer grid, and of truncated floats."""

import lzma
from typing import Any

import numpy as np

from benchmarks.rivals.by_column import Coder, on_grid, truncating
from benchmarks.rivals.shuffle import shuffled, unshuffled
from benchmarks.rivals.signature import Values


def _encode(values: Values) -> bytes:
    return lzma.compress(shuffled(values), check=lzma.CHECK_NONE, preset=9)


def _decode(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    return unshuffled(lzma.decompress(data), dtype, n_rows)


CODER = Coder(_encode, _decode)

RIVALS = (
    on_grid("grid + xz", "our integer grid, byte shuffle, xz preset 9", CODER),
    truncating("truncation + xz", "mantissa truncation, byte shuffle, xz preset 9", CODER),
)
