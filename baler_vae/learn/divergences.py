"""Terms of objectives: KL divergences of posteriors from priors, in nats."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import JointPosterior, NormalPosterior
from baler_vae.learn.objective import Term
from baler_vae.learn.schedules import Constant, Schedule

KL_DIVERGENCE = "KL divergence"
"""What histories call that of latents that are normally distributed."""
WITH_FREE_BITS = "KL divergence with free bits"
"""What they call what is minimised in its place where bits are free."""


def kl_term(beta: Schedule, capacity: Schedule | None = None) -> Term[Tensor, Outputs]:
    """The KL divergence of normally distributed latents from the standard normal distribution, in nats (Higgins et al.
    2017), or its distance from a capacity in nats (Burgess et al. 2018).

    Its function raises TypeError where the posterior is of another type.
    """

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        normal = _normal_posterior(outputs)
        return kl_divergence(normal.mean, normal.log_variance)

    return Term(KL_DIVERGENCE, function, beta, capacity)


def free_bits_terms(beta: Schedule, free_nats: float) -> tuple[Term[Tensor, Outputs], ...]:
    """The KL divergence of which so many nats of each latent, averaged over the batch, are free (Kingma et al. 2016,
    appendix C.8); and for the history the KL divergence itself.
    """

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        normal = _normal_posterior(outputs)
        of_latents = kl_of_latents(normal.mean, normal.log_variance).mean(dim=0)  # (rows, k) -> (k,)
        return of_latents.clamp(min=free_nats).sum()

    return kl_term(Constant(0.0)), Term(WITH_FREE_BITS, function, beta)


def categorical_kl_term(beta: Schedule, capacity: Schedule | None = None) -> Term[Tensor, Outputs]:
    """The KL divergence of categorical latents from equal probabilities, in nats, or its distance from a capacity
    (Dupont 2018).

    Its function raises TypeError where the posterior has no such latents.
    """

    def function(_batch: Tensor, outputs: Outputs) -> Tensor:
        if not isinstance(outputs.posterior, JointPosterior):
            raise TypeError(f"a {type(outputs.posterior).__name__} has no categorical latents")
        found = torch.stack([categorical_kl(logits) for logits in outputs.posterior.logits])
        return found.sum(dim=0).mean()  # (latents, rows) -> (rows,) -> ()

    return Term("categorical KL divergence", function, beta, capacity)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance), N(0, 1)) in nats, summed over latents, averaged over rows, of (rows, k) arrays: one number
    ().
    """
    return kl_of_latents(mean, log_variance).sum(dim=1).mean()  # (rows, k) -> (rows,) -> ()


def kl_of_latents(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance), N(0, 1)) in nats, of each row and latent, (rows, k) (Kingma and Welling 2013, appendix
    B).
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def categorical_kl(logits: Tensor) -> Tensor:
    """The KL divergence of the probabilities that logits (rows, categories) mean from equal ones, in nats, (rows,): the
    logarithm of the number of categories less the entropy.
    """
    log_probabilities = functional.log_softmax(logits, dim=1)
    minus_entropy = (log_probabilities.exp() * log_probabilities).sum(dim=1)  # (rows, categories) -> (rows,)
    return minus_entropy + math.log(logits.shape[1])


def _normal_posterior(outputs: Outputs) -> NormalPosterior:
    """The posterior of the latents that are normally distributed."""
    posterior = outputs.posterior
    if isinstance(posterior, JointPosterior):
        return posterior.continuous
    if isinstance(posterior, NormalPosterior):
        return posterior
    raise TypeError(f"a {type(posterior).__name__} has no KL divergence in closed form here")
