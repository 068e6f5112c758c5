"""What an encoder says of the latents of a batch, as values.

A new posterior is one more class with a `mean`, a `sample` and an `aggregate`, and one more description of latents,
which says how many outputs an encoder needs for them; the loop does not change.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

_LEAST_NOISE = 1e-12
"""The least variance of noise, so that the gradient of its root stays finite where latents do not vary."""


class Posterior(Protocol):
    """The distribution of the latents of each row."""

    @property
    def mean(self) -> Tensor:
        """The latents without noise, float32 (rows, k)."""

    def sample(self, generator: torch.Generator) -> Tensor:
        """Latents drawn such that gradients reach the encoder, float32 (rows, k)."""

    def aggregate(self, latents: Tensor) -> Tensor:
        """What a prior is compared with, float32 (rows, continuous latents), where those `latents` (rows, k) were
        drawn.
        """


@dataclass(frozen=True, eq=False)
class PointPosterior:
    """Latents without noise, those of a plain autoencoder: `mean` float32 (rows, k)."""

    mean: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:  # noqa: ARG002  nothing is random
        return self.mean

    def aggregate(self, latents: Tensor) -> Tensor:  # noqa: ARG002
        return self.mean


@dataclass(frozen=True, eq=False)
class NoisyPosterior:
    """Latents that pass a channel with white noise: the variance of the noise is the variance of the latents over the
    batch, averaged over latents, divided by `snr`. `mean` float32 (rows, k).

    Gradients flow through that variance, so that nothing is won by latents that are merely large.
    """

    mean: Tensor
    snr: float

    @property
    def noise_variance(self) -> Tensor:
        """The variance of the noise, ()."""
        return self.mean.var(dim=0, unbiased=False).mean() / self.snr  # (rows, k) -> (k,) -> ()

    def sample(self, generator: torch.Generator) -> Tensor:
        noise = _normal(self.mean, generator)
        return self.mean + noise * (self.noise_variance + _LEAST_NOISE).sqrt()

    def aggregate(self, latents: Tensor) -> Tensor:  # noqa: ARG002  the noise is that of the channel
        return self.mean


@dataclass(frozen=True, eq=False)
class NormalPosterior:
    """Independent normal distributions: `mean` and `log_variance`, float32 (rows, k) each (Kingma and Welling 2013)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        return self.mean + _normal(self.mean, generator) * torch.exp(0.5 * self.log_variance)

    def aggregate(self, latents: Tensor) -> Tensor:
        return latents


@dataclass(frozen=True, eq=False)
class JointPosterior:
    """Independent normal distributions and then categorical ones: `continuous`, and for each categorical latent
    `logits`, float32 (rows, categories) each (Dupont 2018).

    Latents are the continuous ones, and as many for each categorical one as it has categories: drawn from the
    Gumbel-softmax distribution of a temperature (Jang et al. 2017; Maddison et al. 2017), in the `mean` 1 for the most
    probable category and 0 for the others.
    """

    continuous: NormalPosterior
    logits: tuple[Tensor, ...]
    temperature: float

    @property
    def mean(self) -> Tensor:
        chosen = [one_hot(logits) for logits in self.logits]
        return torch.cat([self.continuous.mean, *chosen], dim=1)  # (rows, k)

    def sample(self, generator: torch.Generator) -> Tensor:
        continuous = self.continuous.sample(generator)
        drawn = [gumbel_softmax(logits, self.temperature, generator) for logits in self.logits]
        return torch.cat([continuous, *drawn], dim=1)  # (rows, k)

    def aggregate(self, latents: Tensor) -> Tensor:
        return latents[:, : self.continuous.mean.shape[1]]  # (rows, k) -> (rows, continuous latents)


def one_hot(logits: Tensor) -> Tensor:
    """1 for the largest of logits (rows, categories) in each row, 0 for the others, of the same shape and dtype."""
    return functional.one_hot(logits.argmax(dim=1), logits.shape[1]).to(logits.dtype)


def gumbel_softmax(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """Draws of the Gumbel-softmax distribution of logits (rows, categories), of the same shape."""
    uniform = torch.rand(logits.shape, generator=generator, device=logits.device, dtype=logits.dtype)
    tiny = torch.finfo(logits.dtype).tiny
    exponential = (-torch.log(uniform.clamp(min=tiny))).clamp(min=tiny)
    return functional.softmax((logits - torch.log(exponential)) / temperature, dim=1)


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal draws of the shape, device and dtype of another tensor."""
    return torch.randn(like.shape, generator=generator, device=like.device, dtype=like.dtype)


@dataclass(frozen=True, eq=False)
class UniformPosterior:
    """Latents that will be rounded to whole numbers: uniform noise of width 1 takes the place of the rounding (Balle et
    al. 2017). `mean` float32 (rows, k).
    """

    mean: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        noise = torch.rand(self.mean.shape, generator=generator, device=self.mean.device) - 0.5
        return self.mean + noise

    def aggregate(self, latents: Tensor) -> Tensor:  # noqa: ARG002  the noise is that of rounding
        return self.mean


class LatentKind(Protocol):
    """How the outputs of an encoder become the posterior of its latents, of which there are `k` in all."""

    @property
    def categories(self) -> tuple[int, ...]:
        """How many of the last latents belong to each categorical one."""

    def n_outputs(self, k: int) -> int:
        """The outputs that an encoder needs."""

    def posterior(self, outputs: Tensor, k: int) -> Posterior:
        """The posterior of outputs float32 (rows, outputs)."""


@dataclass(frozen=True)
class PointLatents:
    """An output for each latent."""

    categories: tuple[int, ...] = ()

    def n_outputs(self, k: int) -> int:
        return k

    def posterior(self, outputs: Tensor, k: int) -> Posterior:  # noqa: ARG002  there are no others
        return PointPosterior(outputs)


@dataclass(frozen=True)
class NoisyLatents:
    """An output for each latent, to which noise of a signal-to-noise ratio is added."""

    snr: float
    categories: tuple[int, ...] = ()

    def n_outputs(self, k: int) -> int:
        return k

    def posterior(self, outputs: Tensor, k: int) -> Posterior:  # noqa: ARG002  there are no others
        return NoisyPosterior(outputs, self.snr)


@dataclass(frozen=True)
class NormalLatents:
    """The means of all latents, then their log-variances."""

    categories: tuple[int, ...] = ()

    def n_outputs(self, k: int) -> int:
        return 2 * k

    def posterior(self, outputs: Tensor, k: int) -> Posterior:
        return NormalPosterior(outputs[:, :k], outputs[:, k:])  # (rows, k) each


@dataclass(frozen=True)
class JointLatents:
    """The means of continuous latents, the logits of each categorical one, then the log-variances of the continuous
    ones.
    """

    categories: tuple[int, ...]
    temperature: float

    def n_outputs(self, k: int) -> int:
        return k + self._n_continuous(k)

    def posterior(self, outputs: Tensor, k: int) -> Posterior:
        n_continuous = self._n_continuous(k)
        sizes = [n_continuous, *self.categories, n_continuous]
        mean, *logits, log_variance = torch.split(outputs, sizes, dim=1)
        return JointPosterior(NormalPosterior(mean, log_variance), tuple(logits), self.temperature)

    def _n_continuous(self, k: int) -> int:
        return k - sum(self.categories)


POINT, NORMAL = PointLatents(), NormalLatents()
"""The latents of a plain and of a variational autoencoder."""
