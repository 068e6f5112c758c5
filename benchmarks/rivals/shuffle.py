"""Byte shuffle: the first bytes of all values, then the second ones, and so on."""

from typing import Any

import numpy as np

from benchmarks.rivals.signature import Values


def shuffled(values: Values) -> bytes:
    """The bytes of values (rows,), byte by byte."""
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1).T.tobytes()


def unshuffled(data: bytes, dtype: np.dtype[Any], n_rows: int) -> Values:
    """The values (n_rows,) that `shuffled` was given."""
    lanes = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, n_rows)
    return np.ascontiguousarray(lanes.T).view(dtype)[:, 0]
