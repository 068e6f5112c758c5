"""What a trained network is worth where every value keeps a bound: the archive's bits decide on steps and weights."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.tables import fit_table, table_bits
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.group import Decoder, Encoder
from baler_vae.model.network import Network
from baler_vae.model.transform import Transform
from baler_vae.model.weights import encode_network, round_weights

Bits = Callable[[NDArray[np.intp], Mapping[str, NDArray[np.float64]]], float]
"""What the columns of some rows (rows,) take, in bits, when the decoder gives these values (rows,) for them."""

_DOUBLINGS = 14
_REFINEMENTS = 2
_WEIGHT_BITS = range(4, 18)
_FINEST_BITS = 18
_PATIENCE = 2
"""Worse results in a row after which a search ends."""


@dataclass(frozen=True)
class Judge:
    """Counts the bits of the rows `rows` out of `n_rows`, whose scores are float32 (rows, columns)."""

    columns: tuple[str, ...]
    transforms: tuple[Transform, ...]
    rows: NDArray[np.intp]
    scores: NDArray[np.float32]
    n_rows: int
    bits: Bits

    def data_bits(self, encoder: Encoder, decoder: Network, steps: NDArray[np.float64]) -> float:
        """Latents and codes, in bits, for all rows."""
        mean, _ = encoder.encode(self.scores)
        grids = [UniformGrid(step) for step in steps]
        codes = [grid.quantise(latent) for grid, latent in zip(grids, mean.T, strict=True)]
        latents = np.stack([grid.dequantise(code) for grid, code in zip(grids, codes, strict=True)], axis=1)
        latent_bits = sum(table_bits(code, None, fit_table(code, None)) for code in codes)
        values = Decoder(self.columns, self.transforms, decoder).decode(latents)
        return (latent_bits + self.bits(self.rows, values)) * self.n_rows / len(self.rows)


def choose_steps(encoder: Encoder, decoder: Network, judge: Judge) -> tuple[float, ...]:
    """The step of each latent that makes latents and codes take the fewest bits: all steps are doubled from the spread
    of the posterior on while that pays, then each alone is doubled and halved.
    """
    mean, log_variance = encoder.encode(judge.scores)
    finest = round_weights(decoder, _FINEST_BITS)
    with np.errstate(over="ignore"):
        spread = np.exp(log_variance.astype(np.float64)).mean(axis=0) ** 0.5 if log_variance.size else mean.std(axis=0)
    start = np.exp2(np.rint(np.log2(np.where(np.isfinite(spread) & (spread > 0), spread, 1.0)))) / 8

    def cost(steps: NDArray[np.float64]) -> float:
        return judge.data_bits(encoder, finest, steps)

    steps, least, worse = start, cost(start), 0
    for doubling in range(1, _DOUBLINGS):
        trial = start * 2.0**doubling
        bits = cost(trial)
        if bits < least:
            steps, least, worse = trial, bits, 0
        else:
            worse += 1
            if worse == _PATIENCE:
                break
    for _ in range(_REFINEMENTS):
        before = least
        for latent in range(len(steps)):
            for factor in (2.0, 0.5):
                trial = steps.copy()
                trial[latent] *= factor
                bits = cost(trial)
                if bits < least:
                    steps, least = trial, bits
                    break
        if least == before:
            break
    return tuple(float(step) for step in steps)


def choose_weights(encoder: Encoder, decoder: Network, steps: tuple[float, ...], judge: Judge) -> tuple[Network, int]:
    """The decoder with as many bits a weight as make the archive smallest, its own bytes counted, and that number."""
    best, chosen, least, worse = decoder, _FINEST_BITS, np.inf, 0
    for weight_bits in _WEIGHT_BITS:
        rounded = round_weights(decoder, weight_bits)
        bits = judge.data_bits(encoder, rounded, np.array(steps)) + 8 * sum(map(len, encode_network(rounded)))
        if bits < least:
            best, chosen, least, worse = rounded, weight_bits, bits, 0
        else:
            worse += 1
            if worse == _PATIENCE:
                break
    return best, chosen


def rounding_cost(
    encoder: Encoder, decoder: Network, rounded: Network, steps: tuple[float, ...], judge: Judge
) -> float:
    """By what part the rounded decoder makes latents and codes larger than the decoder as it was trained."""
    before = judge.data_bits(encoder, round_weights(decoder, _FINEST_BITS), np.array(steps))
    return judge.data_bits(encoder, rounded, np.array(steps)) / before - 1
