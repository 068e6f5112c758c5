"""From settings to what an autoencoder minimises, and to the latents that it has."""

import math
from collections.abc import Callable, Mapping

from torch import Tensor

from baler_vae.learn.discrepancy import mmd_term
from baler_vae.learn.divergences import categorical_kl_term, free_bits_terms, kl_term
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import NORMAL, POINT, JointLatents, LatentKind, NoisyLatents
from baler_vae.learn.objective import Objective, Term
from baler_vae.learn.penalties import absolute_latents, absolute_weights, moments_term, squared_weights
from baler_vae.learn.reconstruction import absolute_error, cross_entropy, gaussian_likelihood, squared_error
from baler_vae.learn.schedules import Constant, CosineRise, CyclicalRise, LinearRise, Schedule, Span
from baler_vae.settings.objective import (
    LIKELIHOODS,
    ObjectiveSettings,
    PosteriorSettings,
    Reconstruction,
    ScheduledSettings,
)

_RECONSTRUCTIONS: Mapping[Reconstruction, Callable[[Tensor], Term[Tensor, Outputs]]] = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "cross_entropy": cross_entropy,
    "gaussian": gaussian_likelihood,
}


def latents_of(posterior: PosteriorSettings) -> LatentKind:
    """The latents of a posterior."""
    if posterior.kind == "noisy":
        return NoisyLatents(posterior.ratio)
    if posterior.kind == "joint":
        return JointLatents(posterior.categories, posterior.temperature)
    return NORMAL if posterior.kind == "gaussian" else POINT


def objective_of(
    settings: ObjectiveSettings,
    column_weights: Tensor,
    *,
    n_epochs: int,
    n_categorical: int = 0,
    n_cells: float = 1.0,
) -> Objective[Tensor, Outputs]:
    """The objective that settings describe, for scores weighted by (scores,) of mean 1, over a training of so many
    epochs, of an autoencoder with so many categorical latents, and of so many scores for each column.
    """
    terms = [_RECONSTRUCTIONS[settings.reconstruction](column_weights)]
    terms += _kl_terms(settings, n_epochs, n_categorical, n_cells)
    if (mmd := settings.mmd) is not None:
        weight = schedule_of(mmd, mmd.weight, n_epochs)
        terms.append(mmd_term(weight, kernel=mmd.kernel, width=mmd.width, is_fitted=mmd.prior == "fitted"))
    if (one := settings.moments) is not None:
        terms.append(moments_term(schedule_of(one, one.weight, n_epochs)))
    if (one := settings.l1_latents) is not None:
        terms.append(absolute_latents(schedule_of(one, one.weight, n_epochs)))
    if (one := settings.l1_weights) is not None:
        terms.append(absolute_weights(schedule_of(one, one.weight, n_epochs)))
    if (one := settings.l2_weights) is not None:
        terms.append(squared_weights(schedule_of(one, one.weight, n_epochs)))
    return Objective(tuple(terms), tells_all=True)


def schedule_of(settings: ScheduledSettings, value: float, n_epochs: int) -> Schedule:
    """The course of a value over a training of so many epochs."""
    span = Span(n_epochs) if settings.over is None else Span(settings.over, settings.unit)
    if settings.schedule == "linear":
        return LinearRise(value, span)
    if settings.schedule == "cosine":
        return CosineRise(value, span)
    if settings.schedule == "cyclical":
        return CyclicalRise(value, span, max(1, min(settings.cycles, span.length // 2)))
    return Constant(value)


def epochs_scheduled(settings: ObjectiveSettings, *, n_epochs: int, steps_per_epoch: int) -> int:
    """The epoch from which on no weight rises any more, in a training of so many epochs."""
    ends = [0]
    for term in settings.scheduled.values():
        if term.schedule != "constant":
            of_steps = term.over is not None and term.unit == "steps"
            over = n_epochs if term.over is None else term.over
            ends.append(math.ceil(over / steps_per_epoch) if of_steps else over)
    return min(max(ends), n_epochs)


def _kl_terms(
    settings: ObjectiveSettings, n_epochs: int, n_categorical: int, n_cells: float
) -> list[Term[Tensor, Outputs]]:
    """The terms of KL divergences: where there is a capacity, it follows the schedule in place of the weight. A weight
    that is not given beside a mean over cells is that of a column, divided by the number of its cells.
    """
    kl = settings.kl
    if kl is None:
        return []
    is_mean = kl.beta is None and settings.reconstruction not in LIKELIHOODS
    weight = settings.beta / n_cells if is_mean else settings.beta
    beta = schedule_of(kl, weight, n_epochs)
    if kl.free_bits:
        return list(free_bits_terms(beta, kl.free_bits * math.log(2)))

    def weighted(capacity: float | None) -> tuple[Schedule, Schedule | None]:
        return (beta, None) if capacity is None else (Constant(weight), schedule_of(kl, capacity, n_epochs))

    terms = [kl_term(*weighted(kl.capacity))]
    return [*terms, categorical_kl_term(*weighted(kl.capacity_categorical))] if n_categorical else terms
