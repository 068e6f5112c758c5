"""What moved, bin by bin of a value."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.residuals import Floats


@dataclass(frozen=True, eq=False)
class Profile:
    """Responses or residuals in bins of the column `against`: `edges` float64 (n + 1,), `n` int64 (n,), and mean, root
    mean square and half-width of the central 68 %, float64 (n,), NaN in an empty bin.
    """

    against: str
    edges: Floats
    n: NDArray[np.int64]
    mean: Floats
    rms: Floats
    half_width_68: Floats
    of: Literal["response", "residual"]
