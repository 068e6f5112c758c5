"""What training minimises."""

from collections.abc import Callable

import torch
from torch import Tensor

from baler_vae.learn.networks import Posterior

Objective = Callable[[Tensor, Tensor, Posterior], Tensor]
"""The loss of (batch, reconstruction, posterior); batch and reconstruction are scores float32 (rows, columns)."""


def squared_error(weights: Tensor) -> Objective:
    """The mean squared error over rows and columns, columns weighted by `weights` (columns,) of mean 1."""

    def loss(batch: Tensor, reconstruction: Tensor, _posterior: Posterior) -> Tensor:
        return ((reconstruction - batch).square() * weights).mean()

    return loss


def free_objective(weights: Tensor, *, beta: float, l1: float) -> Objective:
    """The objective of the `free` bound: squared error + beta KL(posterior, standard normal) + l1 mean(abs(latents)).

    The KL divergence is summed over latents and averaged over rows (Kingma and Welling 2013, appendix B); beta scales
    it as in Higgins et al. 2017.
    """
    reconstruction_loss = squared_error(weights)

    def loss(batch: Tensor, reconstruction: Tensor, posterior: Posterior) -> Tensor:
        total = reconstruction_loss(batch, reconstruction, posterior)
        if posterior.log_variance is not None and beta:
            total = total + beta * kl_divergence(posterior.mean, posterior.log_variance)
        if l1:
            total = total + l1 * posterior.mean.abs().mean()
        return total

    return loss


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance), N(0, 1)) in nats, summed over latents, averaged over rows, of (rows, k) arrays."""
    per_latent = 0.5 * (mean.square() + torch.exp(log_variance) - 1 - log_variance)  # (rows, k)
    return per_latent.sum(dim=1).mean()
