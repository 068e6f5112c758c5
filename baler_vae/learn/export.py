"""From a trained network to what an archive stores: rounded weights, and a step for each latent."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.group import Encoder
from baler_vae.model.network import Network, apply_network
from baler_vae.model.weights import round_weights

_WEIGHT_BITS = range(6, 18)
"""The bits of a weight that are tried, the fewest first; one more than the last one if none suffices."""
_WEIGHT_TOLERANCE = 0.005
"""The part by which rounded weights may raise the validation error. Chosen by hand; not measured."""
_LATENT_TOLERANCE = 0.01
"""The part by which rounded latents may raise the validation error. Chosen by hand; not measured."""
_HALVINGS = 30
"""The most times that a step is made smaller, so that the search ends."""

Error = Callable[[Network, NDArray[np.float32]], float]
"""The weighted squared error of a decoder's outputs for latents float32 (rows, k)."""


def reconstruction_error(scores: NDArray[np.float32], weights: NDArray[np.float32]) -> Error:
    """The function that judges decoders against scores float32 (rows, columns), columns weighted (columns,)."""

    def error(decoder: Network, latents: NDArray[np.float32]) -> float:
        difference = (apply_network(decoder, latents) - scores).astype(np.float64)
        return float(np.mean(difference**2 * weights))

    return error


def round_decoder(decoder: Network, latents: NDArray[np.float32], error: Error) -> Network:
    """The decoder with as few bits a weight as cost at most 0.5 % more validation error."""
    limit = error(decoder, latents) * (1 + _WEIGHT_TOLERANCE)
    for bits in _WEIGHT_BITS:
        rounded = round_weights(decoder, bits)
        if error(rounded, latents) <= limit:
            return rounded
    return round_weights(decoder, _WEIGHT_BITS.stop)


def latent_steps(
    encoder: Encoder,
    decoder: Network,
    scores: NDArray[np.float32],
    error: Error,
    *,
    tolerance: float = _LATENT_TOLERANCE,
) -> tuple[float, ...]:
    """The step of each latent: rounding all latents raises the validation error by at most the part `tolerance`.

    It starts from the spread of the posterior (the spread of the latents themselves for a plain autoencoder), but not
    from more than a step that rounds all latents to zero, and is halved, first for each latent alone until it costs no
    more than its share, then for all together.
    """
    mean, log_variance = encoder.encode(scores)
    with np.errstate(over="ignore"):
        spread = np.exp(log_variance.astype(np.float64)).mean(axis=0) ** 0.5 if log_variance.size else mean.std(axis=0)
    steps = np.minimum(spread, 2 * np.abs(mean).max(axis=0)).astype(np.float64)
    steps[steps == 0] = 1.0
    before = error(decoder, mean)
    for latent in range(len(steps)):
        for _ in range(_HALVINGS):
            if error(decoder, _rounded(mean, steps, [latent])) <= before * (1 + tolerance / len(steps)):
                break
            steps[latent] /= 2
    for _ in range(_HALVINGS):
        if error(decoder, _rounded(mean, steps, range(len(steps)))) <= before * (1 + tolerance):
            break
        steps /= math.sqrt(2)
    return tuple(float(np.float32(step)) for step in steps)


def _rounded(latents: NDArray[np.float32], steps: NDArray[np.float64], which: range | list[int]) -> NDArray[np.float32]:
    rounded = latents.copy()
    for latent in which:
        grid = UniformGrid(steps[latent])
        rounded[:, latent] = grid.dequantise(grid.quantise(latents[:, latent]))
    return rounded
