"""What a network under `free` cannot keep."""

from collections.abc import Mapping

import numpy as np

from baler_vae.errors import SourceError
from baler_vae.table.bounds import Bound
from baler_vae.table.table import Batch, Table

LARGEST = 1e150
"""The largest absolute value that a network is shown: the square of its multiples has a place in float64."""
_CHECKED_VALUES = 1 << 22
"""Values, or cells of arrays, that are looked at together."""


def check_finite(batch: Batch, bounds: Mapping[str, Bound], first_rows: Mapping[str, int] | None = None) -> None:
    """Check that a network can take every value under `free`; `first_rows` is the number of the first row by group.

    Raises:
        SourceError: NaN, infinities or values beyond `LARGEST` would be lost; it names the first such column and row.
    """
    for table in batch:
        for name in table.group.names:
            if bounds[name].kind == "free":
                _check_column(table, name, (first_rows or {}).get(table.group.name, 0))


def _check_column(table: Table, name: str, first_row: int) -> None:
    values = table[name]
    step = max(1, _CHECKED_VALUES // max(1, values[:1].size))
    wrong = np.zeros(len(values), np.int64)  # of each row
    for start in range(0, len(values), step):
        part = values[start : start + step].astype(np.float64).reshape(len(values[start : start + step]), -1)
        wrong[start : start + step] = np.count_nonzero(~(np.abs(part) <= LARGEST), axis=1)
    if wrong.any():
        raise SourceError(
            f"{wrong.sum():,} values are NaN, infinite or beyond {LARGEST:g}, which the bound `free` cannot keep",
            column=name,
            rows=f"first in row {first_row + int(np.flatnonzero(wrong)[0])} of {table.group.name}",
            way_out=f"Keep the column exactly with --bound '{name}=exact', or leave it out",
        )
