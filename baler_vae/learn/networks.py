"""The autoencoder and its posterior."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from baler_vae.model.network import LEAKY_SLOPE, Dense, Network


@dataclass(frozen=True)
class Posterior:
    """What the encoder says of the latents of a batch.

    `mean` float32 (rows, k); `log_variance` float32 (rows, k), or None for a plain autoencoder.
    """

    mean: Tensor
    log_variance: Tensor | None

    def sample(self, generator: torch.Generator) -> Tensor:
        """Latents drawn by reparameterisation, float32 (rows, k) (Kingma and Welling 2013); the mean itself where
        there is no variance.
        """
        if self.log_variance is None:
            return self.mean
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + noise * torch.exp(0.5 * self.log_variance)


class Autoencoder(nn.Module):
    """Dense encoder and decoder with mirrored hidden layers: n-200-100-50-k-50-100-200-n by default."""

    def __init__(self, kind: Literal["ae", "vae"], n_columns: int, n_latents: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.kind = kind
        self.n_latents = n_latents
        n_outputs = n_latents if kind == "ae" else 2 * n_latents
        self.encoder = dense_layers((n_columns, *hidden, n_outputs))
        self.decoder = dense_layers((n_latents, *reversed(hidden), n_columns))

    def encode(self, scores: Tensor) -> Posterior:
        """The posterior of scores float32 (rows, columns)."""
        outputs = self.encoder(scores)  # (rows, k) or (rows, 2 k)
        if self.kind == "ae":
            return Posterior(outputs, None)
        return Posterior(outputs[:, : self.n_latents], outputs[:, self.n_latents :])

    def decode(self, latents: Tensor) -> Tensor:
        """The scores float32 (rows, columns) of latents (rows, k)."""
        scores: Tensor = self.decoder(latents)
        return scores


def dense_layers(sizes: tuple[int, ...]) -> nn.Sequential:
    """Dense layers from the first size to the last, LeakyReLU between them."""
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), nn.LeakyReLU(float(LEAKY_SLOPE))]
    return nn.Sequential(*layers[:-1])


def export_network(layers: nn.Module) -> Network:
    """The same network in numpy."""
    return tuple(
        Dense(layer.weight.detach().cpu().numpy().copy(), layer.bias.detach().cpu().numpy().copy())
        for layer in layers.modules()
        if isinstance(layer, nn.Linear)
    )
