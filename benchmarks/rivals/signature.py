"""What a rival is: columns and bounds to bytes, and those bytes alone back to columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.table.bounds import Bound

Values = NDArray[np.generic]
Columns = Mapping[str, Values]
"""Values (rows,) by name, or (rows, *shape) where each row holds an array; a jagged collection's columns are longer
than the counts beside them. Text is `object`.
"""
Bounds = Mapping[str, Bound]


class NotApplicableError(Exception):
    """A rival has no way to keep such columns or bounds; the text says why."""


@dataclass(frozen=True)
class Rival:
    """One way to store columns.

    `decompress` runs in a process of its own that has nothing but the bytes which `compress` gave, so that these are
    all that is needed. `needs` names what must be importable. A rival that `promises` nothing is measured all the same,
    and its violations are counted.
    """

    name: str
    what: str
    compress: Callable[[Columns, Bounds], bytes]
    decompress: Callable[[bytes], Columns]
    needs: tuple[str, ...] = ()
    promises: bool = True
