"""Autoencoders whose latents are rounded to whole numbers, and which say how probable latents and scores are."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from baler_vae.learn.networks.dense import Architecture
from baler_vae.learn.networks.posterior import UniformPosterior

_LEAST_LOG_SCALE = -6.0
"""Of a score: what a network is very sure of gains no more, and its gradients stay bounded."""
_LEAST_PROBABILITY = 1e-9
"""Of a whole number: far from the middle the difference of two sigmoids is 0 in float32."""


@dataclass(frozen=True, eq=False)
class Logistic:
    """Logistic distributions by their `middle` and `log_scale`, which broadcast with the values they are asked for."""

    middle: Tensor
    log_scale: Tensor

    def nats(self, values: Tensor) -> Tensor:
        """The negative logarithm of the density at values, with log-scales bounded from below."""
        log_scale = self.log_scale.clamp(min=_LEAST_LOG_SCALE)
        distance = (values - self.middle) * torch.exp(-log_scale)
        return log_scale + distance + 2 * functional.softplus(-distance)

    def log2_of_whole(self, values: Tensor) -> Tensor:
        """The binary logarithm of the probability of the interval of width 1 about values."""
        narrow = torch.exp(-self.log_scale)
        upper = torch.sigmoid((values + 0.5 - self.middle) * narrow)
        lower = torch.sigmoid((values - 0.5 - self.middle) * narrow)
        return torch.log2((upper - lower).clamp(min=_LEAST_PROBABILITY))


@dataclass(frozen=True)
class RoundedArchitecture:
    """The encoder and the decoder of another architecture, whose latents are without noise; the decoder gives the
    middle and the log-scale of each score. And a prior of each latent.
    """

    inner: Architecture

    def build(self, *, seed: int, device: torch.device) -> "RoundedAutoencoder":
        """The network with its first random weights; the state of PyTorch's own generator is left as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return RoundedAutoencoder(self).to(device)


@dataclass(frozen=True, eq=False)
class RoundedOutputs:
    """What is made of a batch: the distributions of its scores (rows, scores), the posterior, latents float32
    (rows, k), and the prior of latents (k,).
    """

    reconstruction: Logistic
    posterior: UniformPosterior
    latents: Tensor
    prior: Logistic


class RoundedAutoencoder(nn.Module):
    """The network of a `RoundedArchitecture`."""

    def __init__(self, architecture: RoundedArchitecture) -> None:
        super().__init__()
        inner = architecture.inner
        self._inner = inner
        self.encoder, self.decoder = inner.layers(2)
        self.middle = nn.Parameter(torch.zeros(inner.n_latents))
        self.scale = nn.Parameter(torch.zeros(inner.n_latents))

    def outputs(self, batch: Tensor, generator: torch.Generator) -> RoundedOutputs:
        """What is made of scores float32 (rows, scores), with noise in place of rounding."""
        posterior = UniformPosterior(self.encoder(batch))  # (rows, scores) -> (rows, k)
        return self._decoded(posterior, posterior.sample(generator))

    def rounded_outputs(self, batch: Tensor) -> RoundedOutputs:
        """What is made of scores float32 (rows, scores), with rounded latents."""
        posterior = UniformPosterior(self.encoder(batch))  # (rows, scores) -> (rows, k)
        return self._decoded(posterior, torch.round(posterior.mean))

    def _decoded(self, posterior: UniformPosterior, latents: Tensor) -> RoundedOutputs:
        middle, log_scale = self._inner.halves(self.decoder(latents))  # (rows, k) -> (rows, scores) each
        return RoundedOutputs(Logistic(middle, log_scale), posterior, latents, Logistic(self.middle, self.scale))
