"""The sampled rows on which relations are judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.kinematics.arithmetic import Floats64
from baler_vae.kinematics.formula import Formula, quoted

FEWEST_ROWS: Final = 16
"""A column with fewer finite values is too short to judge."""

_FEW = 256
"""Rows that rule out most formulas before the whole sample is looked at."""


@dataclass(frozen=True)
class SampledColumn:
    """The values of a column, float64 (rows,), and how far they typically lie from their median (the median of that).

    Where most values are the same, `spread` is that of the others, and `unusual`, bool (rows,), marks these.
    It is 0 for columns that cannot be predicted: constants, and those without finite values.
    """

    values: Floats64
    spread: float
    unusual: NDArray[np.bool_] | None = None

    def error(self, predicted: Floats64) -> float:
        """The median distance of predicted values (rows,) in units of the spread, infinite where they are useless."""
        if not self.spread:
            return np.inf
        misses = np.abs(predicted - self.values)
        misses[np.isnan(misses)] = np.inf
        error = float(np.median(misses[np.isfinite(self.values)]))
        if self.unusual is not None:
            error = max(error, float(np.median(misses[self.unusual])))
        return error / self.spread if error < np.inf else np.inf

    def every(self, step: int) -> "SampledColumn":
        """The same with every n-th row."""
        values = self.values[::step]
        usable = np.count_nonzero(np.isfinite(values)) > 0
        return SampledColumn(values, self.spread if usable else 0.0)


class FormulaSample:
    """The numeric columns of a sample, and how well formulas predict them.

    `columns` maps names to columns, `names` maps their texts in formulas to names.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        numbers = {
            name: array.astype(np.float64) for name, array in arrays.items() if name and array.dtype.kind in "biuf"
        }
        self.n_rows = len(next(iter(numbers.values()), ()))
        step = max(1, self.n_rows // _FEW)
        self.columns = {name: _sampled(values) for name, values in numbers.items()}
        self.names = {quoted(name): name for name in numbers}
        self._few = {name: column.every(step) for name, column in self.columns.items()}
        self._all_values = numbers
        self._few_values = {name: column.values for name, column in self._few.items()}

    def evaluate(self, formula: Formula) -> Floats64:
        """The results (rows,) of a formula on all rows."""
        return formula.evaluate(self._all_values)

    def evaluate_few(self, formula: Formula) -> Floats64:
        """The results (few rows,) of a formula on a few rows."""
        return formula.evaluate(self._few_values)

    def error(self, name: str, formula: Formula) -> float:
        """The error of a formula as the prediction of a column."""
        return self.columns[name].error(self.evaluate(formula))

    def error_on_few(self, name: str, predicted: Floats64) -> float:
        """The error of predicted values (few rows,) of a column."""
        return self._few[name].error(predicted)


def _sampled(values: Floats64) -> SampledColumn:
    """A column by its values, float64 (rows,)."""
    finite = values[np.isfinite(values)]
    if len(finite) < FEWEST_ROWS or 2 * len(finite) < len(values):
        return SampledColumn(values, 0.0)
    middle = float(np.median(finite))
    spread = float(np.median(np.abs(finite - middle)))
    unusual = None
    if not spread:
        unusual = np.isfinite(values) & (values != middle)
        if np.count_nonzero(unusual) < FEWEST_ROWS // 2:
            return SampledColumn(values, 0.0)
        spread = float(np.median(np.abs(values[unusual] - middle)))
    return SampledColumn(values, spread if spread < np.inf else 0.0, unusual)
