"""Rows of a group before and after, chosen at random while they stream by."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from baler_vae.evaluation.residuals import Array, Floats
from baler_vae.table.schema import Column, Group

SAMPLE_ROWS = 1 << 20
"""The most rows of a group in a sample."""
SAMPLE_BYTES = 256 << 20
"""About the most bytes that the samples of all groups take together."""
SEED = 20_250_701

_ROOM = 1.25
"""A sample is cut back when it has grown so far beyond its size."""


def rows_of_samples(groups: Sequence[Group]) -> int:
    """The most rows in a sample of each group, the same for all: both sides of their numeric columns fit in memory."""
    row_bytes = sum(2 * column.dtype.itemsize for group in groups for column in group.columns if column.is_scalar)
    return max(1, min(SAMPLE_ROWS, SAMPLE_BYTES // max(1, row_bytes)))


class PairedSample:
    """Rows of numeric columns before and after, the same rows of all, in their order: all of them up to `most_rows`,
    else that many, each subset as likely as any other.

    Every row draws a number, and those with the smallest stay. So the same rows stay however the stream was cut.
    """

    def __init__(self, columns: Sequence[Column], most_rows: int, seed: int = 0) -> None:
        self._columns, self._most_rows = tuple(columns), most_rows
        self._rng = np.random.default_rng([SEED, seed])
        self._limit = 1.0
        self._n_kept = 0
        self._keys: list[Floats] = []
        self._parts: dict[str, list[tuple[Array, Array]]] = {column.name: [] for column in columns}

    def add(self, before: Mapping[str, Array], after: Mapping[str, Array], n_rows: int) -> None:
        """Takes more rows into account: numeric arrays (n_rows,) by name, among them those of the sample."""
        keys = self._rng.random(n_rows)
        rows = np.flatnonzero(keys < self._limit)
        self._keys.append(keys[rows])
        self._n_kept += len(rows)
        for name, parts in self._parts.items():
            parts.append((before[name][rows], after[name][rows]))
        if self._n_kept > _ROOM * self._most_rows:
            self._cut_back()

    def arrays(self) -> tuple[dict[str, Array], dict[str, Array]]:
        """The sampled values before and after by name, arrays (rows,) of the dtypes that were added."""
        if not self._keys:
            empty = {column.name: np.empty(0, column.dtype) for column in self._columns}
            return empty, dict(empty)
        self._cut_back()
        before, after = ({name: parts[0][i] for name, parts in self._parts.items()} for i in (0, 1))
        return before, after

    def __len__(self) -> int:
        """The number of rows that `arrays` gives."""
        return min(self._n_kept, self._most_rows)

    def _cut_back(self) -> None:
        """Leaves one part of at most `most_rows` rows."""
        if len(self._keys) == 1 and self._n_kept <= self._most_rows:
            return
        keys = np.concatenate(self._keys)
        rows: Any = slice(None)
        if len(keys) > self._most_rows:
            rows = np.sort(np.argpartition(keys, self._most_rows)[: self._most_rows])
            self._limit = float(np.max(keys[rows]))
        self._keys = [keys[rows]]
        self._n_kept = len(self._keys[0])
        for name, parts in self._parts.items():
            joined = [np.concatenate([part[i] for part in parts])[rows] for i in (0, 1)]
            self._parts[name] = [(joined[0], joined[1])]
