"""How columns hang together, before and after."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.residuals import Floats


@dataclass(frozen=True, eq=False)
class Density:
    """Rows in bins of two columns: edges float64 (nx + 1,) and (ny + 1,), counts int64 (nx, ny)."""

    x: str
    y: str
    x_edges: Floats
    y_edges: Floats
    before: NDArray[np.int64]
    after: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class GroupStatistics:
    """Of k columns of a group: correlations and mutual information in bits, float64 (k, k), the sliced Wasserstein
    distance in standard deviations, and the densities of some pairs.
    """

    group: str
    names: tuple[str, ...]
    correlation_before: Floats
    correlation_after: Floats
    mutual_information_before: Floats
    mutual_information_after: Floats
    sliced_wasserstein: float | None
    densities: tuple[Density, ...]
