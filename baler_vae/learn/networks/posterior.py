"""What an encoder says of the latents of a batch, as values.

A new posterior (noise of a given signal-to-noise ratio, discrete latents by Gumbel-softmax) is one more class with a
`mean` and a `sample`; the loop does not change.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Posterior(Protocol):
    """The distribution of the latents of each row."""

    @property
    def mean(self) -> Tensor:
        """The latents without noise, float32 (rows, k)."""

    def sample(self, generator: torch.Generator) -> Tensor:
        """Latents drawn such that gradients reach the encoder, float32 (rows, k)."""


@dataclass(frozen=True, eq=False)
class PointPosterior:
    """Latents without noise, those of a plain autoencoder: `mean` float32 (rows, k)."""

    mean: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:  # noqa: ARG002  nothing is random
        return self.mean


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """Independent normal distributions: `mean` and `log_variance`, float32 (rows, k) each (Kingma and Welling 2013)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + noise * torch.exp(0.5 * self.log_variance)


@dataclass(frozen=True, eq=False)
class UniformPosterior:
    """Latents that will be rounded to whole numbers: uniform noise of width 1 takes the place of the rounding (Balle et
    al. 2017). `mean` float32 (rows, k).
    """

    mean: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        noise = torch.rand(self.mean.shape, generator=generator, device=self.mean.device) - 0.5
        return self.mean + noise
