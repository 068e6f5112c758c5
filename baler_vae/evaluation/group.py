"""The rows of one group against their restored version."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from baler_vae.evaluation.histograms import ColumnHistograms, column_histograms
from baler_vae.evaluation.joint import (
    JOINT_ROWS,
    Correlations,
    GroupStatistics,
    chosen_rows,
    group_statistics,
    joint_columns,
)
from baler_vae.evaluation.profiles import ColumnStatistics, column_statistics
from baler_vae.evaluation.residuals import Array, ColumnCounter, ColumnResiduals, Floats, residuals, same_turn
from baler_vae.evaluation.sample import PairedSample
from baler_vae.table.schema import Group


class GroupCounter:
    """What became of the columns of a group whose rows come in pieces: `counters` by name, a sample of `most_rows` rows
    at most, whose `seed` tells it from those of other groups. `against` names the column that profiles are drawn
    against.
    """

    def __init__(
        self, group: Group, counters: Mapping[str, ColumnCounter], *, most_rows: int, seed: int, against: str | None
    ) -> None:
        self.name, self.n_rows = group.name, 0
        self._counters, self._against = counters, against
        self._sample = PairedSample([column for column in group.columns if column.is_scalar], most_rows, seed)
        self._cells = {
            column.name: PairedSample([replace(column, shape=())], most_rows, seed)
            for column in group.columns
            if column.is_array
        }
        self._joint = joint_columns(group)
        self._correlations = Correlations(len(self._joint))

    @property
    def n_sampled(self) -> int:
        return len(self._sample)

    def add(self, before: Mapping[str, Array], after: Mapping[str, Array], n_rows: int) -> None:
        """Takes more rows into account, arrays (n_rows,) or (n_rows, *shape) by name."""
        self.n_rows += n_rows
        for name, counter in self._counters.items():
            cells = self._cells.get(name)
            if cells is None:
                counter.add(before[name], after[name])
                continue
            old, new = before[name].reshape(-1), after[name].reshape(-1)
            counter.add(old, new)
            cells.add({name: old}, {name: new}, len(old))
        self._sample.add(before, after, n_rows)
        if self._joint:
            self._correlations.add(*self._points(before, after))

    def columns(self) -> Iterator[tuple[ColumnResiduals, ColumnHistograms | None, ColumnStatistics | None]]:
        """What became of each column, its histograms where it has a finite value, and what the sample tells of it, None
        for text.
        """
        before, after = self._sample.arrays()
        for name, counter in self._counters.items():
            is_array = name in self._cells
            own, found = self._cells[name].arrays() if is_array else (before, after)
            if name not in own:
                yield counter.result(None), None, None
                continue
            pairs = residuals(own[name], found[name], angle=counter.is_angle)
            histograms = column_histograms(own[name], found[name], angle=counter.is_angle)
            against = None
            if self._against is not None and self._against != name and not is_array:
                against = self._against, before[self._against].astype(np.float64)
            statistics = column_statistics(name, pairs, histograms, angle=counter.is_angle, against=against)
            yield counter.result(pairs), histograms, statistics

    def statistics(self) -> GroupStatistics | None:
        """How the columns are related; None if there is only one."""
        if not self._joint:
            return None
        before, after = self._sample.arrays()
        rows = chosen_rows(self.n_sampled, JOINT_ROWS)
        points = self._points(*({name: array[rows] for name, array in side.items()} for side in (before, after)))
        return group_statistics(self.name, self._joint, self._correlations.matrices(), *points)

    def _points(self, before: Mapping[str, Array], after: Mapping[str, Array]) -> tuple[Floats, Floats]:
        """The values of the columns that are examined together, float64 (rows, columns) each; angles after are within
        half a turn of those before.
        """
        points = []
        for column in self._joint:
            values, found = before[column.name].astype(np.float64), after[column.name].astype(np.float64)
            is_angle = self._counters[column.name].is_angle
            points.append((values, same_turn(values, found) if is_angle else found))
        first, second = (np.stack([pair[i] for pair in points], axis=1) for i in (0, 1))
        return first, second
