"""Dense autoencoders."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import POINT, LatentKind, Posterior
from baler_vae.model.network import LEAKY_SLOPE, Dense, Network

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
    batch.
    """

    n_columns: int
    n_latents: int
    hidden: tuple[int, ...]
    latents: LatentKind = POINT
    learns_variances: bool = False
    draws_priors: bool = False

    @property
    def n_continuous(self) -> int:
        """The latents that are not categories."""
        return self.n_latents - sum(self.latents.categories)

    def build(self, *, seed: int, device: torch.device) -> "Autoencoder":
        """The network with its first random weights; the state of PyTorch's own generator is left as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Autoencoder(self).to(device)


class Autoencoder(nn.Module):
    """The network of a dense architecture."""

    def __init__(self, architecture: DenseArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        n_columns, n_latents, hidden = architecture.n_columns, architecture.n_latents, architecture.hidden
        self.encoder = dense_layers((n_columns, *hidden, architecture.latents.n_outputs(n_latents)))
        self.decoder = dense_layers((n_latents, *reversed(hidden), n_columns))
        self._variances = nn.Parameter(torch.zeros(n_columns)) if architecture.learns_variances else None

    @property
    def n_latents(self) -> int:
        return self.architecture.n_latents

    @property
    def log_variances(self) -> Tensor | None:
        """The log-variance of each column (columns,), where they are learnt."""
        return None if self._variances is None else _VARIANCE_SPEED * self._variances

    def encode(self, scores: Tensor) -> Posterior:
        """The posterior of scores float32 (rows, columns)."""
        outputs = self.encoder(scores)  # (rows, columns) -> (rows, 2 k), or (rows, k) of a plain one
        return self.architecture.latents.posterior(outputs, self.n_latents)

    def decode(self, latents: Tensor) -> Tensor:
        """The scores float32 (rows, columns) of latents (rows, k)."""
        scores: Tensor = self.decoder(latents)  # (rows, k) -> (rows, columns)
        return scores

    def outputs(self, batch: Tensor, generator: torch.Generator) -> Outputs:
        """What is made of scores float32 (rows, columns), with latents drawn from their posterior."""
        posterior = self.encode(batch)
        latents = posterior.sample(generator)  # (rows, k)
        prior = self._prior(batch, generator) if self.architecture.draws_priors else None
        return Outputs(self.decode(latents), posterior, latents, self, prior, self.log_variances)

    def _prior(self, batch: Tensor, generator: torch.Generator) -> Tensor:
        """Standard normal numbers for scores (rows, columns), float32 (rows, continuous latents)."""
        shape = len(batch), self.architecture.n_continuous
        return torch.randn(shape, generator=generator, device=batch.device, dtype=batch.dtype)


def dense_layers(sizes: tuple[int, ...]) -> nn.Sequential:
    """Dense layers from the first size to the last, LeakyReLU between them."""
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), nn.LeakyReLU(float(LEAKY_SLOPE))]
    return nn.Sequential(*layers[:-1])


def export_network(layers: nn.Module) -> Network:
    """The same network in NumPy."""
    return tuple(
        Dense(layer.weight.detach().cpu().numpy().copy(), layer.bias.detach().cpu().numpy().copy())
        for layer in layers.modules()
        if isinstance(layer, nn.Linear)
    )
