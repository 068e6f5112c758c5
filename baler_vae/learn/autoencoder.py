"""Training of autoencoders on scores: on their squared error, or on an objective."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from baler_vae.learn.divergences import KL_DIVERGENCE, WITH_FREE_BITS, kl_term
from baler_vae.learn.epochs import Epoch, epochs_plan, learning_rate
from baler_vae.learn.loop import Optimisation, Point, threads, train
from baler_vae.learn.networks.dense import Architecture, Autoencoder
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import NORMAL
from baler_vae.learn.objective import Objective
from baler_vae.learn.objectives import epochs_scheduled, objective_of
from baler_vae.learn.penalties import absolute_latents
from baler_vae.learn.plans import Epochs
from baler_vae.learn.reconstruction import squared_error, weighted_squared_error
from baler_vae.learn.schedules import END, LinearWarmup
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings

_EVALUATION_ROWS = 16_384
"""Rows of the validation set evaluated at a time; results do not depend on it."""
_EVALUATION_SCORES = 1 << 20
"""The most scores of arrays in so many rows."""
_OBJECTIVE_ROWS = 1_024
"""The same under an objective, whose terms compare the rows of a batch with each other."""


def train_autoencoder(
    network: Autoencoder,
    training: Tensor,
    validation: Tensor,
    column_weights: Tensor,
    *,
    settings: ModelSettings,
    progress: Progress,
) -> tuple[Point, ...]:
    """The history of a training; the network is left with the weights of the epoch of least validation error.

    `training` and `validation` are scores float32 (rows, columns), `column_weights` float32 (columns,) of mean 1. The
    validation error is the weighted squared error of latents without noise; under an objective it is the value of the
    objective as it is when its weights have risen, with the same noise after every epoch. The training stops early when
    it has not fallen for `patience` epochs, not counting those in which weights still rise.
    """
    plan = epochs_plan(settings, len(training))
    objective, judge, patient_from = _judged_objective(network, validation, column_weights, settings, plan)

    def after_interval(point: Point) -> None:
        progress(f"epochs (validation error {point.error:.3g})", point.number, plan.n_epochs)

    with threads(settings.threads):
        return train(
            network,
            objective,
            training.__getitem__,
            plan,
            Optimisation(learning_rate(settings)),
            generator=torch.Generator(training.device).manual_seed(settings.seed),
            device=training.device,
            judge=judge,
            patience=settings.patience,
            patient_from=patient_from,
            after_interval=after_interval,
            sums=np.float32,  # as histories have always been summed
        )


def _judged_objective(
    network: Autoencoder, validation: Tensor, column_weights: Tensor, settings: ModelSettings, plan: Epochs
) -> tuple[Objective[Tensor, Outputs], Callable[[], float], int]:
    """What settings say is minimised, what judges the network, and the epoch from which on no weight rises."""
    if settings.objective is None:
        is_variational = network.architecture.latents == NORMAL
        objective = squared_error_objective(column_weights, settings, is_variational=is_variational)
        return objective, lambda: validation_error(network, validation, column_weights), 0
    n_categorical = len(network.architecture.latents.categories)
    objective = objective_of(settings.objective, column_weights, n_epochs=plan.n_epochs, n_categorical=n_categorical)
    steps_per_epoch = math.ceil(plan.n_rows / plan.batch_rows)
    patient_from = epochs_scheduled(settings.objective, n_epochs=plan.n_epochs, steps_per_epoch=steps_per_epoch)

    def judge() -> float:
        noise = torch.Generator(validation.device).manual_seed(settings.seed)
        return objective_value(network, objective, validation, noise)

    return objective, judge, patient_from


def squared_error_objective(
    column_weights: Tensor, settings: ModelSettings, *, is_variational: bool
) -> Objective[Tensor, Outputs]:
    """Squared error + beta KL(posterior, standard normal) + l1 mean(abs(latents)); beta rises over the first epochs."""
    terms = [squared_error(column_weights)]
    if is_variational:
        terms.append(kl_term(LinearWarmup(settings.beta, settings.warmup_epochs)))
    terms.append(absolute_latents(settings.l1))
    return Objective(tuple(terms))


def evaluation_rows(architecture: Architecture, most: int) -> int:
    """How many rows are evaluated at a time: at most so many, fewer where they are arrays."""
    of_scores = architecture.column_of_scores
    return most if of_scores is None else max(1, min(most, _EVALUATION_SCORES // len(of_scores)))


@torch.no_grad()
def validation_error(network: Autoencoder, scores: Tensor, column_weights: Tensor) -> float:
    """The weighted squared error of reconstructions from latents without noise, for scores (rows, columns)."""
    total = 0.0
    for batch in torch.split(scores, evaluation_rows(network.architecture, _EVALUATION_ROWS)):
        restored = network.decode(network.encode(batch).mean)  # (rows, columns) -> (rows, k) -> (rows, columns)
        total += float(weighted_squared_error(restored, batch, column_weights)) * len(batch)
    return total / len(scores)


@torch.no_grad()
def objective_value(
    network: Autoencoder, objective: Objective[Tensor, Outputs], scores: Tensor, noise: torch.Generator
) -> float:
    """The value of an objective whose weights have risen, for scores (rows, columns)."""
    total = 0.0
    for batch in torch.split(scores, _OBJECTIVE_ROWS):
        total += float(objective.loss(batch, network.outputs(batch, noise), END).total) * len(batch)
    return total / len(scores)


def epochs_of(history: tuple[Point, ...], *, tells_terms: bool = False) -> tuple[Epoch, ...]:
    """The epochs of such a history; what is stored of them tells each term where that is asked for."""
    return tuple(Epoch.of(point, beta=_beta(point), tells_terms=tells_terms) for point in history)


def _beta(point: Point) -> float:
    """The weight of the KL divergence, or of what takes its place."""
    weights = point.term_weights
    return weights.get(WITH_FREE_BITS, weights.get(KL_DIVERGENCE, 0.0))
