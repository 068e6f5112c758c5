"""Everything that is measured on a table, and how far it moves when columns do."""

from collections.abc import Mapping

import numpy as np

from baler_vae.evaluation.effects import ColumnEffects, Effect, PeakEffects
from baler_vae.evaluation.evaluate import _angles, _peaks
from baler_vae.evaluation.peaks import Peak
from baler_vae.evaluation.residuals import Array
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.project import EvaluationSettings, PeakSettings
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, Table


class Sensitivity:
    """What is measured on a batch that stands for `n_rows` by group: mean and width of float columns and of declared
    quantities, peaks, and cuts. `angles` are the columns and quantities that wrap around, `skipped` says what cannot be
    measured.

    Raises:
        UsageError: what the settings declare does not fit the columns.
    """

    def __init__(self, schema: Schema, batch: Batch, settings: EvaluationSettings, n_rows: Mapping[str, int]) -> None:
        self._quantities = quantities_of([Quantity(**own.model_dump()) for own in settings.quantities], schema)
        self._batch, self._extended = batch, self._quantities.extend(batch)
        arrays = arrays_of(self._extended)
        grows = {
            name: max(1.0, n_rows[table.group.name] / max(1, table.n_rows))
            for table in self._extended
            for name in table.arrays
        }
        self.angles = _angles(arrays, settings.angles)
        floats = [name for name, array in arrays.items() if array.dtype.kind == "f"]
        self._columns = {
            name: ColumnEffects(name, arrays[name], angle=name in self.angles, grows=grows[name]) for name in floats
        }
        declared = settings.peaks
        peaks = None if declared is None else [_peak(peak) for peak in declared]
        measured = [
            PeakEffects(peak, arrays[peak.column], grows=grows[peak.column]) for peak in _peaks(arrays, arrays, peaks)
        ]
        self._peaks = [peak for peak in measured if peak.fit.valid]
        self.skipped = tuple(
            f"peak of {peak.peak.column}: {peak.fit.reason}" for peak in measured if not peak.fit.valid
        )

    def of(self, changed: Mapping[str, Array]) -> list[Effect]:
        """The effects of other values (rows,) in some columns, on all that depends on them; the largest first."""
        after = self._quantities.extend(
            tuple(
                Table(table.group, {name: changed.get(name, array) for name, array in table.arrays.items()})
                for table in self._batch
            )
        )
        arrays, before = arrays_of(after), arrays_of(self._extended)
        moved = {name for name, array in arrays.items() if array is not before[name] and not _same(array, before[name])}
        effects = [effect for name in self._columns if name in moved for effect in self._columns[name].of(arrays[name])]
        for peak in self._peaks:
            if peak.peak.column in moved:
                effects += peak.of(arrays[peak.peak.column])
        return sorted(effects, key=lambda effect: -effect.in_errors)


def arrays_of(batch: Batch) -> dict[str, Array]:
    """The columns of all tables by name."""
    return {name: array for table in batch for name, array in table.arrays.items()}


def _same(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _peak(settings: PeakSettings) -> Peak:
    """A peak as it is declared; no toys are needed here."""
    return Peak(
        settings.column,
        settings.window,
        settings.bins,
        shape=settings.shape,
        fit=settings.fit,
        natural_width=settings.natural_width,
    )
