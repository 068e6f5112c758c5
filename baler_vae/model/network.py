"""Dense networks in numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAKY_SLOPE = np.float32(0.01)
_CHUNK_ROWS = 8_192
"""Rows of one matrix product: its activations stay in the cache."""


@dataclass(frozen=True)
class Dense:
    """One layer: `weights` float32 (outputs, inputs), `bias` float32 (outputs,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


Network = tuple[Dense, ...]
"""Dense layers with LeakyReLU between them."""


def apply_network(network: Network, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The outputs of a network, float32 (rows, outputs), for inputs (rows, inputs)."""
    outputs = np.empty((len(inputs), len(network[-1].bias)), np.float32)
    for start in range(0, len(inputs), _CHUNK_ROWS):
        x = inputs[start : start + _CHUNK_ROWS]
        for layer in network[:-1]:
            x = x @ layer.weights.T
            x += layer.bias
            np.maximum(x, x * LEAKY_SLOPE, out=x)
        outputs[start : start + _CHUNK_ROWS] = x @ network[-1].weights.T + network[-1].bias
    return outputs
