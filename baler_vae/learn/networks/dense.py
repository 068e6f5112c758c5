"""Autoencoders of an encoder and a decoder, and dense ones."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import POINT, LatentKind, Posterior
from baler_vae.model.network import LEAKY_SLOPE, Dense, Layer, Network

_VARIANCE_SPEED = 10.0
"""How much faster log-variances of columns move than weights: Adam moves each parameter by about the learning rate in a
step, and 5,000 steps of 0.001 that fall to zero would not let a variance fall below 0.08.
"""


@dataclass(frozen=True)
class DenseArchitecture:
    """Dense encoder and decoder with mirrored hidden layers: n-200-100-50-k-50-100-200-n by default.

    What the encoder says of the `n_latents` latents depends on their kind: those of a variational autoencoder have a
    mean and a log-variance each, those of a plain one are its outputs themselves. Where the network `learns_variances`,
    it has a log-variance of each column besides; where it `draws_priors`, standard normal numbers are drawn beside each
    batch. Of the columns those of arrays have as many scores as `cells` says, which stand one after the other; by
    default each column has one.
    """

    n_columns: int
    n_latents: int
    hidden: tuple[int, ...]
    latents: LatentKind = POINT
    learns_variances: bool = False
    draws_priors: bool = False
    cells: tuple[int, ...] = ()

    @property
    def n_continuous(self) -> int:
        """The latents that are not categories."""
        return self.n_latents - sum(self.latents.categories)

    @property
    def n_scores(self) -> int:
        """The scores of a row."""
        return sum(self.cells) if self.cells else self.n_columns

    @property
    def column_of_scores(self) -> Tensor | None:
        """The number of the column of each score, int64 (scores,); None where each column has one."""
        if not self.cells:
            return None
        return torch.repeat_interleave(torch.arange(self.n_columns), torch.tensor(self.cells))

    def build(self, *, seed: int, device: torch.device) -> "Autoencoder":
        """The network with its first random weights; the state of PyTorch's own generator is left as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Autoencoder(self).to(device)

    def layers(self, n_each: int = 1) -> tuple[nn.Sequential, nn.Sequential]:
        """The encoder from scores (rows, scores) and the decoder to `n_each` numbers for each, with random weights."""
        n_outputs = self.latents.n_outputs(self.n_latents)
        encoder = dense_layers((self.n_scores, *self.hidden, n_outputs))
        return encoder, dense_layers((self.n_latents, *reversed(self.hidden), n_each * self.n_scores))

    def halves(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The first and the second of two numbers (rows, scores) for each score."""
        first, second = outputs.chunk(2, dim=1)
        return first, second


class Architecture(Protocol):
    """What an autoencoder is built of: an encoder and a decoder, and the same other parts for all kinds of layers."""

    @property
    def n_columns(self) -> int: ...

    @property
    def n_latents(self) -> int: ...

    @property
    def n_continuous(self) -> int: ...

    @property
    def latents(self) -> LatentKind: ...

    @property
    def learns_variances(self) -> bool: ...

    @property
    def draws_priors(self) -> bool: ...

    @property
    def column_of_scores(self) -> Tensor | None: ...

    def layers(self, n_each: int = 1) -> tuple[nn.Sequential, nn.Sequential]:
        """The encoder from scores (rows, scores) and the decoder to `n_each` numbers for each, with random weights."""

    def halves(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The first and the second of two numbers (rows, scores) for each score."""

    def build(self, *, seed: int, device: torch.device) -> "Autoencoder":
        """The network with its first random weights."""


class Autoencoder(nn.Module):
    """The network of an architecture. A row has scores of columns: one each, or one for each cell of an array."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoder, self.decoder = architecture.layers()
        self._variances = nn.Parameter(torch.zeros(architecture.n_columns)) if architecture.learns_variances else None
        self.register_buffer("_column_of_scores", architecture.column_of_scores, persistent=False)
        self._column_of_scores: Tensor | None

    @property
    def n_latents(self) -> int:
        return self.architecture.n_latents

    @property
    def column_log_variances(self) -> Tensor | None:
        """The log-variance of each column (columns,), where they are learnt."""
        return None if self._variances is None else _VARIANCE_SPEED * self._variances

    @property
    def log_variances(self) -> Tensor | None:
        """The log-variance of each score (scores,), where they are learnt: that of its column."""
        found = self.column_log_variances
        return found if found is None or self._column_of_scores is None else found[self._column_of_scores]

    def encode(self, scores: Tensor) -> Posterior:
        """The posterior of scores float32 (rows, scores)."""
        outputs = self.encoder(scores)  # (rows, scores) -> (rows, 2 k), or (rows, k) of a plain one
        return self.architecture.latents.posterior(outputs, self.n_latents)

    def decode(self, latents: Tensor) -> Tensor:
        """The scores float32 (rows, scores) of latents (rows, k)."""
        scores: Tensor = self.decoder(latents)  # (rows, k) -> (rows, scores)
        return scores

    def outputs(self, batch: Tensor, generator: torch.Generator) -> Outputs:
        """What is made of scores float32 (rows, scores), with latents drawn from their posterior."""
        posterior = self.encode(batch)
        latents = posterior.sample(generator)  # (rows, k)
        prior = self._prior(batch, generator) if self.architecture.draws_priors else None
        return Outputs(self.decode(latents), posterior, latents, self, prior, self.log_variances)

    def _prior(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal numbers for scores (rows, scores), float32 (rows, continuous latents)."""
        shape = len(batch), self.architecture.n_continuous
        return torch.randn(shape, generator=generator, device=batch.device, dtype=batch.dtype)


def dense_layers(sizes: tuple[int, ...]) -> nn.Sequential:
    """Dense layers from the first size to the last, LeakyReLU between them."""
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), nn.LeakyReLU(float(LEAKY_SLOPE))]
    return nn.Sequential(*layers[:-1])


class StoredLayer(nn.Module, ABC):
    """A layer that says itself how an archive stores it."""

    @abstractmethod
    def export(self) -> Sequence[Layer]:
        """The same layers in NumPy."""


def export_network(layers: nn.Sequential) -> Network:
    """The same network in NumPy."""
    found: list[Layer] = []
    for layer in layers:
        if isinstance(layer, nn.Linear):
            found.append(Dense(array_of(layer.weight), array_of(layer.bias)))
        elif isinstance(layer, StoredLayer):
            found += layer.export()
    return tuple(found)


def array_of(parameter: Tensor) -> NDArray[np.float32]:
    """A copy of a parameter in NumPy."""
    found: NDArray[np.float32] = parameter.detach().cpu().numpy().copy()
    return found
