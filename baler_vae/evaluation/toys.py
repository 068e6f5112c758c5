"""How far a peak may move by chance when the same events are measured twice.

Before and after are the same events, so that most of their statistical error is common: the error of a difference is
far smaller than that of either fit. Toys estimate it. In each, every event counts a Poisson number of times (the
bootstrap of B. Efron, Ann. Statist. 7 (1979) 1), the same number before and after, and both are fitted again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from baler_vae.evaluation.fits import Minimum, PeakModel, PeakRows, refit

SEED = 20_230_701
FEWEST_TOYS = 10
"""If fewer succeed, no error is given."""


@dataclass(frozen=True)
class PairedErrors:
    """Standard errors of the differences after - before of position and width, in the column's unit, and of the yield.

    None where fewer than `FEWEST_TOYS` of the `n_toys` toys succeeded; in `n_failed` a fit found no peak.
    """

    mean: float | None
    width: float | None
    peak_yield: float | None
    n_toys: int
    n_failed: int


Resample = Callable[[np.random.Generator], tuple[PeakRows, PeakRows]]
"""One toy: the rows before and after in which each event counts a random number of times."""


def paired_errors(model: PeakModel, before: Minimum, after: Minimum, resample: Resample, n_toys: int) -> PairedErrors:
    """The spread of the differences between two fits over toys that start at the fits to the data.

    The same arguments give the same errors.
    """
    rng = np.random.default_rng(SEED)
    differences = []
    for _ in range(n_toys):
        rows_before, rows_after = resample(rng)
        found = [refit(model, rows, start) for rows, start in ((rows_before, before), (rows_after, after))]
        if found[0] is not None and found[1] is not None:
            differences.append((found[1] - found[0])[:3])
    n_failed = n_toys - len(differences)
    if len(differences) < FEWEST_TOYS:
        return PairedErrors(None, None, None, n_toys, n_failed)
    peak_yield, mean, width = map(float, np.std(differences, axis=0, ddof=1))
    return PairedErrors(mean, width, peak_yield, n_toys, n_failed)
