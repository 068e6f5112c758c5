"""The grid of the latents: multiples of one step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class UniformGrid:
    """Multiples of one step: the value of code c is c times the step."""

    step: float

    def quantise(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """The codes of the nearest multiples, int64, same shape."""
        return np.rint(values.astype(np.float64) / self.step).astype(np.int64)

    def dequantise(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """The values of codes, float32, same shape."""
        return (codes.astype(np.float64) * self.step).astype(np.float32)
