"""What the header of a network says of its convolutions, and back."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.plain import decode_raw
from baler_vae.model.convolution import Convolution, Normalisation

_FLOAT32 = np.dtype(np.float32)
_KEYS = {"kernel", "shape", "output", "stride", "padding", "transposed", "adds", "groups"}
_MOST_CHANNELS = 1 << 16


def description_of(layer: Convolution) -> dict[str, Any]:
    """All that a header says of a convolution; `groups` is 0 where nothing is normalised."""
    return {
        "kernel": layer.kernel,
        "shape": layer.shape,
        "output": layer.output,
        "stride": layer.stride,
        "padding": layer.padding,
        "transposed": layer.transposed,
        "adds": layer.adds,
        "groups": 0 if layer.normalisation is None else layer.normalisation.groups,
    }


@dataclass(frozen=True, kw_only=True)
class Described:
    """A convolution without its numbers."""

    kernel: tuple[int, ...]
    shape: tuple[int, ...]
    output: tuple[int, ...]
    stride: int
    padding: int
    transposed: bool
    adds: bool
    groups: int

    @classmethod
    def of(cls, found: Any) -> "Described":  # noqa: ANN401  whatever a header holds
        """What `description_of` said.

        Raises:
            ValueError, TypeError: it is something else.
        """
        if not isinstance(found, dict) or found.keys() != _KEYS:
            raise ValueError("the description of a convolution is damaged")
        kernel, shape, output = (tuple(map(whole, found[key])) for key in ("kernel", "shape", "output"))
        stride, padding, groups = (whole(found[key]) for key in ("stride", "padding", "groups"))
        transposed, adds = found["transposed"], found["adds"]
        if not isinstance(transposed, bool) or not isinstance(adds, bool) or math.prod(kernel) < 1:
            raise ValueError("the description of a convolution is damaged")
        return cls(
            kernel=kernel,
            shape=shape,
            output=output,
            stride=stride,
            padding=padding,
            transposed=transposed,
            adds=adds,
            groups=groups,
        )

    @property
    def n_parts(self) -> int:
        """How many parts its numbers have."""
        return 5 if self.groups else 3

    def layer(self, weights: NDArray[np.float32], bias: NDArray[np.float32], more: list[bytes]) -> Convolution:
        """The layer with weights float32 (channels out, taps * channels in) and `bias` (channels out,); `more` parts
        hold gains and shifts.

        Raises:
            ValueError: they do not fit, or the layer would be too large to be computed.
        """
        n_taps = math.prod(self.kernel)
        if weights.shape[1] % n_taps or max(weights.shape[1] // n_taps, len(bias)) > _MOST_CHANNELS:
            raise ValueError(f"weights {weights.shape} for a kernel of {self.kernel}")
        normalisation = None
        if self.groups:
            gain, shift = (decode_raw(part, _FLOAT32, len(bias)).astype(np.float32) for part in more)
            if not np.isfinite([gain, shift]).all():
                raise ValueError("what a convolution normalises with is not finite")
            normalisation = Normalisation(self.groups, gain, shift)
        layer = Convolution(
            weights.reshape(len(bias), *self.kernel, -1),
            bias,
            self.shape,
            self.output,
            self.stride,
            self.padding,
            self.transposed,
            self.adds,
            normalisation,
        )
        layer.check()
        return layer


def whole(number: Any) -> int:  # noqa: ANN401  whatever a header holds
    """The number.

    Raises:
        TypeError: it is none that is whole and small enough.
    """
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 32:
        raise TypeError(f"{number!r} is no whole number")
    return number
