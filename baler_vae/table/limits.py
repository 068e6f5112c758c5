"""The limits of columns that are too long for memory."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.table.bounds import ColumnLimits, are_whole

_SHIFTS = {2: 0, 4: 12, 8: 41}
"""The trailing bits of a float of so many bytes that a histogram leaves out: it keeps all of float16, the leading 20
bits of float32 and the leading 23 of float64, of both of which 11 are the mantissa's."""


class StreamedLimits:
    """The limits of the values of one column of numbers, which come in pieces; `column_limits` has them at once.

    Minimum and maximum are the same. The median of float32 and float64 is the middle of a bin of a sparse histogram of
    the leading bits of abs(x), or the mean of two, at most 2^-12 of itself (0.024 %) and 2^-12 of the smallest normal
    number from the median; that of float16 is the same. Without `with_median`, and for integers, it is NaN.
    """

    def __init__(self, dtype: np.dtype[Any], *, with_median: bool = True) -> None:
        self._unsigned = np.dtype(f"u{dtype.itemsize}")
        self._dtype = dtype
        self._has_median = with_median and dtype.kind == "f"
        self._minimum, self._maximum = math.inf, -math.inf
        self._whole = True
        self._bins = np.empty(0, self._unsigned)
        self._counts = np.empty(0, np.int64)

    def add(self, values: NDArray[np.generic]) -> None:
        """Takes more values (rows,), or cells (rows, *shape), into account."""
        if self._dtype.kind == "f":
            values = values[np.isfinite(values)]
        if not len(values):
            return
        self._minimum = min(self._minimum, float(values.min()))
        self._maximum = max(self._maximum, float(values.max()))
        self._whole = self._whole and are_whole(values)
        if self._has_median:
            patterns = np.abs(values[values != 0]).view(self._unsigned)
            self._count(patterns >> self._unsigned.type(_SHIFTS[self._dtype.itemsize]))

    @property
    def limits(self) -> ColumnLimits:
        if self._minimum > self._maximum:
            return ColumnLimits()
        return ColumnLimits(self._minimum, self._maximum, self._median(), self._whole)

    def _count(self, keys: NDArray[np.generic]) -> None:
        found, counts = np.unique(keys, return_counts=True)
        bins, places = np.unique(np.concatenate([self._bins, found]), return_inverse=True)
        totals = np.zeros(len(bins), np.int64)
        np.add.at(totals, places, np.concatenate([self._counts, counts]))
        self._bins, self._counts = bins, totals

    def _median(self) -> float:
        if not len(self._bins):
            return math.nan
        ends = np.cumsum(self._counts)
        n_values = int(ends[-1])
        shift = _SHIFTS[self._dtype.itemsize]
        first = self._bins[np.searchsorted(ends, [(n_values - 1) // 2, n_values // 2], side="right")]
        middle = (first << self._unsigned.type(shift)) | self._unsigned.type((1 << shift) >> 1)
        low, high = middle.view(self._dtype).astype(np.float64).tolist()
        return float(low if low == high else low / 2 + high / 2)
