"""Convolutions in numpy that give the same numbers on every machine.

A convolution is a matrix product of whole numbers: the neighbours of each place are gathered into a row, and rows are
multiplied by the weights. What `baler_vae.model.network` says of dense layers holds for it: no sum rounds. A transposed
convolution is as many of those as its stride has phases: the places of each phase see the same taps of the kernel.

Numbers of images stand place by place, the channels of a place side by side.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.model.network import UNIT, Array, activations

MOST_GATHERED = 1 << 25
"""The most numbers that one layer gathers, or gives, for one row: 256 MB."""
MOST_NORMALISED = 1 << 24
"""The most numbers that are normalised together: so many exact sums have a place in float64."""

_SPREAD_FLOOR = 1e-5
"""What is added to a variance before its root is taken, as in PyTorch."""
_HALF = 2.0**15
"""Differences of whole numbers are below 2^30: their squares are summed in two halves, so that no sum rounds."""


@dataclass(frozen=True)
class Normalisation:
    """The channels of an image in `groups` of equally many, each with mean 0 and variance 1 over its channels and all
    places, then multiplied by `gain` and moved by `shift`, float32 (channels,) each (Wu and He 2018).

    Sums of whole numbers are exact; quotients and roots are single IEEE operations, which all machines round alike.
    """

    groups: int
    gain: NDArray[np.float32]
    shift: NDArray[np.float32]

    def prepared(self, xp: Any, device: Any) -> Callable[[Array], Array]:  # noqa: ANN401  a module and a device
        """The function from numbers in units, float64 (rows, places, channels), to what they become, in units."""
        gain = xp.asarray(self.gain.astype(np.float64) / UNIT, device=device)
        shift = xp.asarray(self.shift.astype(np.float64) / UNIT, device=device)

        def apply(x: Array) -> Array:
            rows, places, channels = x.shape
            together = channels // self.groups
            whole = xp.reshape(activations(x, xp), (rows, places, self.groups, together))
            count = float(places * together)
            centred = xp.round(whole - _total(whole, xp) / count)
            upper = xp.round(centred / _HALF)
            lower = centred - upper * _HALF
            squares = _total(upper * upper, xp) * (_HALF * _HALF)
            squares = squares + _total(upper * lower, xp) * (2 * _HALF)
            squares = squares + _total(lower * lower, xp)
            spread = xp.sqrt(squares / count + _SPREAD_FLOOR / UNIT / UNIT)
            return xp.reshape(centred / spread, (rows, places, channels)) * gain + shift

        return apply


def _total(numbers: Array, xp: Any) -> Array:  # noqa: ANN401  a module
    """The sums over places and channels of numbers (rows, places, groups, channels), (rows, 1, groups, 1)."""
    return xp.sum(numbers, axis=(1, 3), keepdims=True)


@dataclass(frozen=True)
class Convolution:
    """One layer from images with axes `shape` to images with axes `output`.

    `weights` are float32 (channels out, *kernel, channels in), `bias` float32 (channels out,). The first tap of the
    kernel stands `padding` places before the place that it is for, and places are `stride` apart along each axis: those
    of the input, or of the output where the convolution is `transposed`. Beyond the ends of an image there are zeros.
    What comes out is then perhaps normalised, and where the layer `adds` it is added to the input of the layer before,
    as in residual networks (He et al. 2016).
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    shape: tuple[int, ...]
    output: tuple[int, ...]
    stride: int = 1
    padding: int = 0
    transposed: bool = False
    adds: bool = False
    normalisation: Normalisation | None = None

    @property
    def kernel(self) -> tuple[int, ...]:
        """The taps along each axis."""
        return self.weights.shape[1:-1]

    @property
    def n_inputs(self) -> int:
        return math.prod(self.shape) * int(self.weights.shape[-1])

    @property
    def n_outputs(self) -> int:
        return math.prod(self.output) * len(self.bias)

    @property
    def n_gathered(self) -> int:
        """The most numbers that are gathered at once for one row."""
        taps = (-(-taps // self.stride) if self.transposed else taps for taps in self.kernel)
        places = (-(-axis // self.stride) if self.transposed else axis for axis in self.output)
        gathered = math.prod(places) * math.prod(taps) * int(self.weights.shape[-1])
        return max(gathered, self.n_inputs, self.n_outputs)

    def check(self) -> None:
        """Raise ValueError unless the layer makes sense, and is not too large to be computed."""
        ndim = len(self.shape)
        if not 1 <= ndim <= 3 or len(self.output) != ndim or self.weights.ndim != ndim + 2:
            raise ValueError(f"a convolution from {self.shape} to {self.output} with weights {self.weights.shape}")
        if min(*self.shape, *self.output, *self.weights.shape, self.stride) < 1 or self.padding < 0:
            raise ValueError("a convolution has an axis, a kernel or a stride that is not positive")
        if self.padding >= min(self.kernel):
            raise ValueError(f"a convolution has a padding of {self.padding} beside a kernel of {self.kernel}")
        far, near = (self.output, self.shape) if self.transposed else (self.shape, self.output)
        for large, small, taps in zip(far, near, self.kernel, strict=True):
            if small != output_length(large, taps, self.stride, self.padding):
                raise ValueError(f"a convolution from {self.shape} to {self.output} has other steps than its stride")
        if self.n_gathered > MOST_GATHERED:
            raise ValueError(f"a convolution gathers {self.n_gathered} numbers for each row")
        normalisation = self.normalisation
        if normalisation is not None:
            channels = len(self.bias)
            if normalisation.groups < 1 or channels % normalisation.groups:
                raise ValueError(f"{channels} channels do not make {normalisation.groups} groups")
            if self.n_outputs // normalisation.groups > MOST_NORMALISED:
                raise ValueError(f"{self.n_outputs} numbers are normalised together")

    def prepared(self, xp: Any, device: Any) -> Callable[[Array], Array]:  # noqa: ANN401  a module and a device
        """The function from activations as whole numbers of units, float64 (rows, inputs), to what the layer makes of
        them, in units, float64 (rows, outputs).
        """
        n_channels, n_places, n_found = self.weights.shape[-1], math.prod(self.shape), len(self.bias)
        taps = self.weights.reshape(n_found, -1, n_channels).astype(np.float64)
        parts, order = [], []
        for phase in self._phases():
            weights = np.ascontiguousarray(taps[:, phase.taps].reshape(n_found, -1).T)  # (taps * channels, outputs)
            sources = xp.asarray(phase.sources.reshape(-1), device=device)
            parts.append((sources, len(phase.places), xp.asarray(weights, device=device)))
            order.append(phase.places)
        in_order = None if len(order) == 1 else xp.asarray(np.argsort(np.concatenate(order)), device=device)
        # Plus zero: the sign of a zero sum, which libraries choose, never reaches the outputs.
        bias = xp.asarray(self.bias.astype(np.float64) / UNIT + 0.0, device=device)
        normalise = None if self.normalisation is None else self.normalisation.prepared(xp, device)

        def apply(x: Array) -> Array:
            rows = x.shape[0]
            beyond = xp.zeros((rows, 1, n_channels), dtype=xp.float64, device=device)
            images = xp.concat([xp.reshape(x, (rows, n_places, n_channels)), beyond], axis=1)
            found = []
            for sources, n_here, weights in parts:
                gathered = xp.take(images, sources, axis=1)  # (rows, places * taps, channels)
                gathered = xp.reshape(gathered, (rows * n_here, weights.shape[0]))
                found.append(xp.reshape(gathered @ weights, (rows, n_here, n_found)))
            sums = found[0] if in_order is None else xp.take(xp.concat(found, axis=1), in_order, axis=1)
            sums = sums + bias
            if normalise is not None:
                sums = normalise(sums)
            return xp.reshape(sums, (rows, -1))

        return apply

    def _phases(self) -> list["_Phase"]:
        """Places of the output that see the same taps of the kernel, together all places."""
        if not self.transposed:
            axes = [
                [_Axis.of(np.arange(length), np.arange(taps), source, lambda o, t: o * self.stride - self.padding + t)]
                for length, taps, source in zip(self.output, self.kernel, self.shape, strict=True)
            ]
        else:
            axes = [
                [self._transposed_axis(length, taps, source, phase) for phase in range(min(self.stride, length))]
                for length, taps, source in zip(self.output, self.kernel, self.shape, strict=True)
            ]
        return [_joined(chosen, self.output, self.kernel, self.shape) for chosen in product(*axes)]

    def _transposed_axis(self, length: int, taps: int, source: int, first: int) -> "_Axis":
        """The places of one axis from `first` on, a stride apart."""
        places = np.arange(first, length, self.stride)
        seen = np.arange((first + self.padding) % self.stride, taps, self.stride)
        return _Axis.of(places, seen, source, lambda o, t: (o + self.padding - t) // self.stride)


def output_length(length: int, taps: int, stride: int, padding: int) -> int:
    """How many places an axis has behind a convolution."""
    return (length + 2 * padding - taps) // stride + 1


@dataclass(frozen=True)
class _Axis:
    """Along one axis: `places` of the output, `taps` that they see, and `sources` int64 (places, taps): the places of
    the input, -1 beyond its ends.
    """

    places: NDArray[np.int64]
    taps: NDArray[np.int64]
    sources: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        places: NDArray[np.int64],
        taps: NDArray[np.int64],
        length: int,
        source: Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.int64]],
    ) -> "_Axis":
        found = source(places[:, np.newaxis], taps[np.newaxis])
        return cls(places, taps, np.where((found >= 0) & (found < length), found, -1))


@dataclass(frozen=True)
class _Phase:
    """The same of whole images, places and taps counted through: `sources` int64 (places, taps) are numbers of places
    of the input, the number of all its places beyond its ends.
    """

    places: NDArray[np.int64]
    taps: NDArray[np.int64]
    sources: NDArray[np.int64]


def _joined(axes: Sequence[_Axis], output: tuple[int, ...], kernel: tuple[int, ...], shape: tuple[int, ...]) -> _Phase:
    places, taps = np.zeros(1, np.int64), np.zeros(1, np.int64)
    sources, beyond = np.zeros((1, 1), np.int64), np.zeros((1, 1), np.bool_)
    for axis, n_output, n_taps, length in zip(axes, output, kernel, shape, strict=True):
        places = (places[:, np.newaxis] * n_output + axis.places).reshape(-1)
        taps = (taps[:, np.newaxis] * n_taps + axis.taps).reshape(-1)
        own = axis.sources[np.newaxis, :, np.newaxis, :]  # (1, places, 1, taps)
        rows, columns = len(places), len(taps)
        sources = (sources[:, np.newaxis, :, np.newaxis] * length + own).reshape(rows, columns)
        beyond = (beyond[:, np.newaxis, :, np.newaxis] | (own < 0)).reshape(rows, columns)
    return _Phase(places, taps, np.where(beyond, math.prod(shape), sources))
