"""Networks in numpy that give the same numbers on every machine: the flow, and dense layers.

Matrix products of floats differ between processors and libraries in how they order and round their sums. Here no sum
rounds: weights are multiples of a power of two, activations are rounded to multiples of 2^-16 and kept below 2^12, and
`check_exact` holds every sum of products below 2^53 of its smallest unit, where float64 counts exactly. The rest is
done element by element in single IEEE operations.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Protocol

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

UNIT = 2.0**-16
"""Activations are whole numbers of this."""
_EXACT = 2.0**53
_THREADS = min(4, os.cpu_count() or 1)
"""Results do not depend on it."""
_CHUNK_ROWS = 1_024
"""Rows of one matrix product: its activations stay in the cache."""
_CHUNK_NUMBERS = 1 << 21
"""The most numbers of a layer in so many rows; fewer rows where they have more."""


class Layer(Protocol):
    """A layer: `weights` float32 (outputs or their channels, ...), `bias` float32 of as many. Where it `adds`, its
    outputs are added to the inputs of the layer before. `n_gathered` is the most numbers that it needs at once for a
    row.
    """

    @property
    def weights(self) -> NDArray[np.float32]: ...

    @property
    def bias(self) -> NDArray[np.float32]: ...

    @property
    def n_inputs(self) -> int: ...

    @property
    def n_outputs(self) -> int: ...

    @property
    def n_gathered(self) -> int: ...

    @property
    def adds(self) -> bool: ...

    def prepared(self, xp: Any, device: Any) -> Callable[[Array], Array]:  # noqa: ANN401  a module and a device
        """The function from activations as whole numbers of units, float64 (rows, inputs), to what the layer makes of
        them, in units, float64 (rows, outputs).
        """


@dataclass(frozen=True)
class Dense:
    """One layer: `weights` float32 (outputs, inputs), `bias` float32 (outputs,)."""

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    adds: ClassVar[bool] = False

    @property
    def n_inputs(self) -> int:
        return int(self.weights.shape[1])

    @property
    def n_outputs(self) -> int:
        return len(self.bias)

    @property
    def n_gathered(self) -> int:
        return max(self.n_inputs, self.n_outputs)

    def prepared(self, xp: Any, device: Any) -> Callable[[Array], Array]:  # noqa: ANN401  a module and a device
        weights = xp.asarray(self.weights.T.astype(np.float64), device=device)
        # Plus zero: the sign of a zero sum, which libraries choose, never reaches the outputs.
        bias = xp.asarray(self.bias.astype(np.float64) / UNIT + 0.0, device=device)
        return lambda x: x @ weights + bias


Network = tuple[Layer, ...]
"""Layers with LeakyReLU between them."""


def chained(layers: Sequence[Layer]) -> Network:
    """The network of some layers.

    Raises:
        ValueError: one does not take what the one before gives, or adds what has another size.
    """
    for number, (first, second) in enumerate(pairwise(layers), 1):
        if second.n_inputs != first.n_outputs:
            raise ValueError(f"layer {number} takes {second.n_inputs} inputs after a layer of {first.n_outputs}")
        if second.adds and second.n_outputs != first.n_inputs:
            raise ValueError(f"layer {number} adds {first.n_inputs} numbers to {second.n_outputs}")
    if not layers or layers[0].adds:
        raise ValueError("a network has no layers, or a first one that adds what was before")
    return tuple(layers)


def apply_network(network: Network, inputs: Array) -> Array:
    """The outputs of a network, float32 (rows, outputs), for inputs float32 (rows, inputs): an array of numpy or of any
    library that follows the array API standard (a tensor of PyTorch on the CPU or a GPU), and outputs of the same kind.

    They are the same on every machine for a network that passes `check_exact`.
    """
    xp, device = array_namespace(inputs), array_device(inputs)
    outputs = xp.empty((inputs.shape[0], network[-1].n_outputs), dtype=xp.float32, device=device)
    layers = [(layer.prepared(xp, device), layer.adds) for layer in network]
    most = max(layer.n_gathered for layer in network)
    chunk_rows = max(1, min(_CHUNK_ROWS, _CHUNK_NUMBERS // most))

    def apply_to(start: int) -> None:
        x = xp.astype(inputs[start : start + chunk_rows], xp.float64) / UNIT
        taken = x
        for number, (layer, adds) in enumerate(layers):
            if number:
                x = xp.maximum(x, x * float(LEAKY_SLOPE))
            before, taken = taken, activations(x, xp)
            x = layer(taken) + before if adds else layer(taken)
        outputs[start : start + chunk_rows] = xp.astype(x * UNIT, xp.float32)

    # Threads of ours, each with one of the library: its own wait for each other by spinning, which takes many times as
    # long where another process wants the same core.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(apply_to, range(0, inputs.shape[0], chunk_rows)):
            pass
    return outputs


def activations(x: Array, xp: Any) -> Array:  # noqa: ANN401  a module
    """Activations (rows, width) as whole numbers of units, within their limits, float64 (rows, width)."""
    limit = LARGEST_ACTIVATION / UNIT
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
        units = np.abs(np.ldexp(layer.weights.astype(np.float64), -common_exponent(layer.weights)))
        sums = units.reshape(len(units), -1).sum(axis=1)  # over all that an output may see
        if not np.all(sums * (LARGEST_ACTIVATION / UNIT) < _EXACT):
            raise ValueError(f"the weights of layer {number} have too many bits for exact sums")
