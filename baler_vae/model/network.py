"""Dense networks in numpy that give the same numbers on every machine.

Matrix products of floats differ between processors and libraries in how they order and round their sums. Here no sum
rounds: weights are multiples of a power of two, activations are rounded to multiples of 2^-16 and kept below 2^12, and
`check_exact` holds every sum of products below 2^53 of its smallest unit, where float64 counts exactly. The rest is
done element by element in single IEEE operations.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from array_api_compat import device as array_device
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

LEAKY_SLOPE = np.float32(0.01)
LARGEST_ACTIVATION = 2.0**12
"""In absolute value; inputs and hidden activations beyond are moved to it."""

Array = Any
"""An array of whichever library; numpy's own types are written out where only numpy will do."""

_UNIT = 2.0**-16
_EXACT = 2.0**53
_THREADS = min(4, os.cpu_count() or 1)
"""Results do not depend on it."""
_CHUNK_ROWS = 1_024
"""Rows of one matrix product: its activations stay in the cache."""


@dataclass(frozen=True)
class Dense:
    """One layer: `weights` float32 (outputs, inputs), `bias` float32 (outputs,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


Network = tuple[Dense, ...]
"""Dense layers with LeakyReLU between them."""


def apply_network(network: Network, inputs: Array) -> Array:
    """The outputs of a network, float32 (rows, outputs), for inputs float32 (rows, inputs): an array of numpy or of any
    library that follows the array API standard (a tensor of PyTorch on the CPU or a GPU), and outputs of the same kind.

    They are the same on every machine for a network that passes `check_exact`.
    """
    xp, device = array_namespace(inputs), array_device(inputs)
    outputs = xp.empty((inputs.shape[0], len(network[-1].bias)), dtype=xp.float32, device=device)
    # Plus zero: the sign of a zero sum, which libraries choose, never reaches the outputs.
    layers = [
        (
            xp.asarray(layer.weights.T.astype(np.float64), device=device),
            xp.asarray(layer.bias.astype(np.float64) / _UNIT + 0.0, device=device),
        )
        for layer in network
    ]

    def apply_to(start: int) -> None:
        x = xp.astype(inputs[start : start + _CHUNK_ROWS], xp.float64) / _UNIT
        for number, (weights, bias) in enumerate(layers):
            if number:
                x = xp.maximum(x, x * float(LEAKY_SLOPE))
            x = _activations(x, xp) @ weights + bias
        outputs[start : start + _CHUNK_ROWS] = xp.astype(x * _UNIT, xp.float32)

    # Threads of ours, each with one of the library: its own wait for each other by spinning, which takes many times as
    # long where another process wants the same core.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(apply_to, range(0, inputs.shape[0], _CHUNK_ROWS)):
            pass
    return outputs


def _activations(x: Array, xp: Any) -> Array:  # noqa: ANN401  a module
    """Activations (rows, width) as whole numbers of units, within their limits, float64 (rows, width)."""
    limit = LARGEST_ACTIVATION / _UNIT
    return xp.clip(xp.round(x), -limit, limit)


def common_exponent(weights: NDArray[np.float32]) -> int:
    """The exponent of the largest power of two that all weights are multiples of; 0 if all are zero."""
    if not np.any(weights):
        return 0
    mantissas, exponents = np.frexp(weights[weights != 0])
    integers = np.rint(mantissas * np.float32(2**24)).astype(np.int64)
    lowest_bits = np.log2(integers & -integers).astype(np.int64)
    return int((exponents - 24 + lowest_bits).min())


def check_exact(network: Network) -> None:
    """Check that every sum of products in the network is exact.

    Raises:
        ValueError: weights have too many bits for the width of their layer.
    """
    for number, layer in enumerate(network):
        units = np.abs(np.ldexp(layer.weights.astype(np.float64), -common_exponent(layer.weights))).sum(axis=1)
        if not np.all(units * (LARGEST_ACTIVATION / _UNIT) < _EXACT):
            raise ValueError(f"the weights of layer {number} have too many bits for exact sums")
