"""The terms that objectives are made of: pure functions of a batch and of what a network made of it."""

import math

from torch import Tensor
from torch.nn import functional

from baler_vae.learn.networks.conditional import CodeBatch, CodeOutputs
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import NormalPosterior
from baler_vae.learn.networks.rounded import RoundedOutputs
from baler_vae.learn.objective import Term
from baler_vae.learn.schedules import Constant, Schedule

BIT = math.log(2)
"""In nats."""


def squared_error(column_weights: Tensor) -> Term[Tensor, Outputs]:
    """The mean squared error over rows and columns, columns weighted by `column_weights` (columns,) of mean 1."""

    def function(batch: Tensor, outputs: Outputs) -> Tensor:
        return weighted_squared_error(outputs.reconstruction, batch, column_weights)

    return Term("squared error", function)


def weighted_squared_error(reconstruction: Tensor, batch: Tensor, column_weights: Tensor) -> Tensor:
    """The mean of squared differences of scores (rows, columns), weighted by (columns,): one number ()."""
    return ((reconstruction - batch).square() * column_weights).mean()  # (rows, columns) -> ()


def kl_term(beta: Schedule) -> Term[Tensor, Outputs]:
    """The KL divergence of a normal posterior from the standard normal distribution, in nats (Higgins et al. 2017).

    Its function raises TypeError where the posterior is of another type.
    """

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        if not isinstance(outputs.posterior, NormalPosterior):
            raise TypeError(f"a {type(outputs.posterior).__name__} has no KL divergence in closed form here")
        return kl_divergence(outputs.posterior.mean, outputs.posterior.log_variance)

    return Term("KL divergence", function, beta)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance), N(0, 1)) in nats, summed over latents, averaged over rows, of (rows, k) arrays: one number
    () (Kingma and Welling 2013, appendix B).
    """
    per_latent = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)  # (rows, k)
    return per_latent.sum(dim=1).mean()  # (rows, k) -> (rows,) -> ()


def absolute_latents(weight: float) -> Term[Tensor, Outputs]:
    """The mean absolute value of latents without noise (L1)."""

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        return outputs.posterior.mean.abs().mean()  # (rows, k) -> ()

    return Term("absolute latents", function, Constant(weight))


def bits_of_scores(batch: Tensor, outputs: RoundedOutputs) -> Tensor:
    """The bits of each row's scores, up to a constant, float32 (rows,)."""
    return outputs.reconstruction.nats(batch).sum(dim=1) / BIT  # (rows, columns) -> (rows,)


def bits_of_latents(_batch: Tensor, outputs: RoundedOutputs) -> Tensor:
    """The bits of each row's latents under their prior, float32 (rows,)."""
    return -outputs.prior.log2_of_whole(outputs.latents).sum(dim=1)  # (rows, k) -> (rows,)


def nats_of_symbols(batch: CodeBatch, outputs: CodeOutputs) -> Tensor:
    """The nats of a row's symbols under all networks together, averaged over rows: one number ()."""
    logits = outputs.logits.flatten(0, 1)  # (networks, rows, symbols) -> (networks * rows, symbols)
    wanted = batch.symbols.flatten().long()  # (networks, rows) -> (networks * rows,)
    return functional.cross_entropy(logits, wanted, reduction="sum") / batch.symbols.shape[1]


def bits_of_weights(_batch: CodeBatch, outputs: CodeOutputs) -> Tensor:
    """About the bits of the weights of all networks: one number ()."""
    return outputs.network.weight_bits()
