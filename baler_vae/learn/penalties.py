"""Terms of objectives: moments of latents, and the sizes of latents and of weights."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from baler_vae.learn.networks.convolutional import CONVOLUTIONS
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import JointPosterior
from baler_vae.learn.objective import Term
from baler_vae.learn.schedules import Constant, Schedule


def moments_term(weight: Schedule) -> Term[Tensor, Outputs]:
    """How far latents are from mean 0 and variance 1 over a batch: mean^2 + (variance - 1)^2, averaged over latents."""

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        return moments(outputs.posterior.aggregate(outputs.latents))

    return Term("moments", function, weight)


def moments(latents: Tensor) -> Tensor:
    """The mean over latents of (mean)^2 + (variance - 1)^2 of latents (rows, k), ()."""
    means, variances = latents.mean(dim=0), latents.var(dim=0, unbiased=False)  # (rows, k) -> (k,)
    return (means.square() + (variances - 1).square()).mean()


def absolute_latents(weight: float | Schedule) -> Term[Tensor, Outputs]:
    """The mean absolute value of latents without noise (L1), categorical ones apart."""

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        posterior = outputs.posterior
        mean = posterior.continuous.mean if isinstance(posterior, JointPosterior) else posterior.mean
        return mean.abs().mean()  # (rows, k) -> ()

    return Term("absolute latents", function, weight if callable(weight) else Constant(weight))


def absolute_weights(weight: Schedule) -> Term[Tensor, Outputs]:
    """The sum of absolute weights of encoder and decoder, biases apart (L1)."""

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        return sum((weights.abs().sum() for weights in _weights(outputs.network)), start=outputs.latents.new_zeros(()))

    return Term("absolute weights", function, weight)


def squared_weights(weight: Schedule) -> Term[Tensor, Outputs]:
    """The sum of squared weights of encoder and decoder, biases apart (L2)."""

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        return sum(
            (weights.square().sum() for weights in _weights(outputs.network)), start=outputs.latents.new_zeros(())
        )

    return Term("squared weights", function, weight)


def _weights(network: nn.Module) -> Iterator[Tensor]:
    """The weights of the dense layers and the convolutions of a network."""
    layers: Iterator[Any] = (layer for layer in network.modules() if isinstance(layer, (nn.Linear, *CONVOLUTIONS)))
    return (layer.weight for layer in layers)
