"""From a trained network to what an archive stores: rounded weights, and a step for each latent."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.group import Encoder
from baler_vae.model.network import LARGEST_ACTIVATION, Network, apply_network
from baler_vae.model.transform import Transform
from baler_vae.model.weights import round_weights
from baler_vae.settings.objective import Reconstruction

_WEIGHT_BITS = range(6, 18)
"""The bits of a weight that are tried, the fewest first; one more than the last one if none suffices."""
_WEIGHT_TOLERANCE = 0.005
"""The part by which rounded weights may raise the validation error. Chosen by hand; not measured."""
_LATENT_TOLERANCE = 0.01
"""The part by which rounded latents may raise the validation error. Chosen by hand; not measured."""
_HALVINGS = 30
"""The most times that a step is made smaller, so that the search ends."""

_LARGEST_LOGIT, _LOGIT_STEP = 12.0, 0.125
"""Between which, and how far apart, the knots of the logistic function lie: it is met within 2e-4 in between, and its
ends are 6e-6 from the bounds that logits beyond give.
"""

Error = Callable[[Network, NDArray[np.float32]], float]
"""The weighted squared error of a decoder's outputs for latents float32 (rows, k)."""


def reconstruction_error(
    scores: NDArray[np.float32], weights: NDArray[np.float32], reconstruction: Reconstruction = "squared_error"
) -> Error:
    """The function that judges decoders against scores float32 (rows, columns), columns weighted (columns,): by squared
    errors, those of the values that logits stand for where it was trained on cross entropy, or by absolute errors where
    it was trained on these.
    """

    def error(decoder: Network, latents: NDArray[np.float32]) -> float:
        outputs = apply_network(decoder, latents)
        if reconstruction == "cross_entropy":
            outputs = LOGISTIC.inverse(outputs)
        difference = (outputs - scores).astype(np.float64)
        sizes = np.abs(difference) if reconstruction == "absolute_error" else difference**2
        return float(np.mean(sizes * weights))

    return error


def _logistic() -> Transform:
    """The logistic function from logits (its scores) to values between 0 and 1 as a transform, flat beyond its ends."""
    logits = np.arange(-_LARGEST_LOGIT, _LARGEST_LOGIT + _LOGIT_STEP, _LOGIT_STEP)
    values = 1 / (1 + np.exp(-logits))
    values[[0, -1]] = 0.0, 1.0
    beyond = 2 * LARGEST_ACTIVATION
    return Transform("min-max", np.concatenate([[0.0], values, [1.0]]), np.concatenate([[-beyond], logits, [beyond]]))


LOGISTIC = _logistic()


def decoding_transform(transform: Transform, reconstruction: Reconstruction) -> Transform:
    """The transform by which a decoder's outputs become values, where a column has another one on its way in: outputs
    of networks that were trained on cross entropy are logits.
    """
    if reconstruction != "cross_entropy" or transform.kind == "constant":
        return transform
    low, high = transform.values
    return Transform(transform.kind, low + LOGISTIC.values * (high - low), LOGISTIC.scores)


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
    more than its share, then for all together. Those of categories, which are 0 or 1, keep the step 1.
    """
    mean, log_variance = encoder.encode(scores)
    n_continuous = encoder.n_continuous
    with np.errstate(over="ignore"):
        spread = np.exp(log_variance.astype(np.float64)).mean(axis=0) ** 0.5 if log_variance.size else mean.std(axis=0)
    largest = np.abs(mean[:, :n_continuous]).max(axis=0)
    steps = np.ones(encoder.n_latents)
    steps[:n_continuous] = np.minimum(spread, 2 * largest)
    steps[steps == 0] = 1.0
    before = error(decoder, mean)
    for latent in range(n_continuous):
        for _ in range(_HALVINGS):
            if error(decoder, _rounded(mean, steps, [latent])) <= before * (1 + tolerance / n_continuous):
                break
            steps[latent] /= 2
    for _ in range(_HALVINGS):
        if error(decoder, _rounded(mean, steps, range(n_continuous))) <= before * (1 + tolerance):
            break
        steps[:n_continuous] /= math.sqrt(2)
    return tuple(float(np.float32(step)) for step in steps)


def _rounded(latents: NDArray[np.float32], steps: NDArray[np.float64], which: range | list[int]) -> NDArray[np.float32]:
    rounded = latents.copy()
    for latent in which:
        grid = UniformGrid(steps[latent])
        rounded[:, latent] = grid.dequantise(grid.quantise(latents[:, latent]))
    return rounded
