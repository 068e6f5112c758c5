"""What is measured on a table, and how far it moves when columns do."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from baler_vae.evaluation.cuts import CutCounter, Migration
from baler_vae.evaluation.effect import Effect
from baler_vae.evaluation.effects import ColumnEffects, PeakEffects, cut_effect
from baler_vae.evaluation.evaluate import DEFAULT_ANGLES, chosen_peaks
from baler_vae.evaluation.peaks import declared_peak
from baler_vae.evaluation.residuals import LARGEST_ANGLE, Array
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.table.schema import Schema, match_columns, matches
from baler_vae.table.table import Batch, Table


class Sensitivity:
    """What is measured on a batch that stands for `n_rows` by group: mean and width of float columns and of declared
    quantities, peaks, and cuts. `angles` are the columns and quantities that wrap around, `skipped` says what cannot be
    measured, `used` are the columns that the quantities, peaks and cuts of the settings follow from, and peaks that
    were found; all columns where the settings declare nothing.

    Raises:
        UsageError: what the settings declare does not fit the columns.
    """

    def __init__(self, schema: Schema, batch: Batch, settings: EvaluationSettings, n_rows: Mapping[str, int]) -> None:
        self._quantities = quantities_of([Quantity(**own.model_dump()) for own in settings.quantities], schema)
        self._batch, self._extended = batch, self._quantities.extend(batch)
        arrays = arrays_of(self._extended)
        self._grows = {table.group.name: max(1.0, n_rows[table.group.name] / max(1, table.n_rows)) for table in batch}
        grows = {name: self._grows[table.group.name] for table in self._extended for name in table.arrays}
        self.angles = _angles(arrays, settings.angles)
        self._cuts = settings.cuts
        self._feeding = self._quantities.behind(self._quantities.names)
        floats = [name for name, array in arrays.items() if array.dtype.kind == "f" and array.ndim == 1]
        self._columns = {
            name: ColumnEffects(name, arrays[name], angle=name in self.angles, grows=grows[name]) for name in floats
        }
        columns = [column for group in self._quantities.schema.groups for column in group.columns]
        declared = None if settings.peaks is None else [declared_peak(peak) for peak in settings.peaks]
        measured = [
            PeakEffects(peak, arrays[peak.column], grows=grows[peak.column]) for peak in chosen_peaks(columns, declared)
        ]
        if declared is None:  # what was only looked for, and is missing, is not missed
            measured = [peak for peak in measured if peak.fit.counts.any()]
        self._peaks = [peak for peak in measured if peak.fit.valid]
        self.skipped = tuple(
            f"peak of {peak.peak.column}: {peak.fit.reason}" for peak in measured if not peak.fit.valid
        )
        cut = [name for own in self._cuts for name in CutCounter(own, self._quantities.schema).names]
        of_peaks = [peak.peak.column for peak in measured]
        declares = bool(settings.quantities or settings.cuts or settings.peaks or settings.histograms)
        drawn = [own.column for own in settings.histograms]
        read = [*self._quantities.names, *of_peaks, *drawn, *cut] if declares else schema.order
        self.used = self._quantities.behind(read)

    def of(self, changed: Mapping[str, Array]) -> list[Effect]:
        """The effects of other values (rows,) in some columns, on all that depends on them; the largest first."""
        after = self._after(changed)
        arrays, before = arrays_of(after), arrays_of(self._extended)
        moved = {name for name, array in arrays.items() if array is not before[name] and not _same(array, before[name])}
        effects = [effect for name in self._columns if name in moved for effect in self._columns[name].of(arrays[name])]
        for peak in self._peaks:
            if peak.peak.column in moved:
                effects += peak.of(arrays[peak.peak.column])
        effects += self._moved_by_cuts(after, moved)
        return sorted(effects, key=lambda effect: -effect.in_errors)

    def values(self, changed: Mapping[str, Array]) -> dict[str, Array]:
        """All columns and quantities by name, where some columns have other values (rows,)."""
        return arrays_of(self._after(changed))

    def rows_of(self, name: str) -> float:
        """How many rows there are in all of a column or quantity."""
        return next(table.n_rows * self._grows[table.group.name] for table in self._extended if name in table.arrays)

    def migrations(self, changed: Mapping[str, Array]) -> list[tuple[Migration, float]]:
        """What other values (rows,) in some columns move over each cut, and how many rows or events each of those that
        it was applied to stands for.
        """
        after = self._after(changed)
        found = []
        for cut in self._cuts:
            counter = CutCounter(cut, self._quantities.schema)
            counter.add(self._extended, after)
            sides = counter.migration()
            found.append((sides, self._grows_of(sides)))
        return found

    def _after(self, changed: Mapping[str, Array]) -> Batch:
        """The tables with other values in some columns, and the quantities that follow."""
        feeds = not self._feeding.isdisjoint(changed)
        batch = tuple(
            Table(table.group, {name: changed.get(name, array) for name, array in table.arrays.items()})
            for table in (self._batch if feeds else self._extended)
        )
        return self._quantities.extend(batch) if feeds else batch

    def _grows_of(self, moved: Migration) -> float:
        """How many rows or events each of those that a cut was applied to stands for."""
        tables = self._batch[:1] if moved.of == "events" else self._batch
        return max(self._grows[table.group.name] for table in tables if table.n_rows == moved.n)

    def _moved_by_cuts(self, after: Batch, moved: Collection[str]) -> list[Effect]:
        """The effects on the numbers of rows or events that pass the cuts."""
        found = []
        for cut in self._cuts:
            counter = CutCounter(cut, self._quantities.schema)
            if not set(counter.names) & set(moved):
                continue
            counter.add(self._extended, after)
            sides = counter.migration()
            if sides.n_out or sides.n_in:
                found.append(cut_effect(cut.cut, sides.n_before, sides.n_out, sides.n_in, grows=self._grows_of(sides)))
        return found


def arrays_of(batch: Batch) -> dict[str, Array]:
    """The columns of all tables by name."""
    return {name: array for table in batch for name, array in table.arrays.items()}


def _same(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _angles(arrays: Mapping[str, Array], patterns: Sequence[str] | None) -> frozenset[str]:
    """The float columns that match a glob; without globs those named as angles whose values are angles in radians."""
    floats = [name for name, array in arrays.items() if array.dtype.kind == "f"]
    if patterns is not None:
        return frozenset(name for pattern in patterns for name in match_columns(pattern, floats))
    named = [name for name in floats if any(matches(name, pattern) for pattern in DEFAULT_ANGLES)]
    return frozenset(name for name in named if _in_radians(arrays[name]))


def _in_radians(values: Array) -> bool:
    return float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0)) < LARGEST_ANGLE
