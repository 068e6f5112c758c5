"""Training of autoencoders on the squared error of scores."""

import numpy as np
import torch
from torch import Tensor

from baler_vae.learn.epochs import Epoch, epochs_plan, learning_rate
from baler_vae.learn.loop import Optimisation, Point, threads, train
from baler_vae.learn.networks.dense import Autoencoder
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.objective import Objective
from baler_vae.learn.schedules import LinearWarmup
from baler_vae.learn.terms import absolute_latents, kl_term, squared_error, weighted_squared_error
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings

_EVALUATION_ROWS = 16_384
"""Rows of the validation set evaluated at a time; results do not depend on it."""


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
    validation error is the weighted squared error of latents without noise; the training stops early when it has not
    fallen for `patience` epochs.
    """
    plan = epochs_plan(settings, len(training))

    def after_interval(point: Point) -> None:
        progress(f"epochs (validation error {point.error:.3g})", point.number, plan.n_epochs)

    with threads(settings.threads):
        return train(
            network,
            squared_error_objective(column_weights, settings, is_variational=network.architecture.is_variational),
            training.__getitem__,
            plan,
            Optimisation(learning_rate(settings)),
            generator=torch.Generator(training.device).manual_seed(settings.seed),
            device=training.device,
            judge=lambda: validation_error(network, validation, column_weights),
            patience=settings.patience,
            after_interval=after_interval,
            sums=np.float32,  # as histories have always been summed
        )


def squared_error_objective(
    column_weights: Tensor, settings: ModelSettings, *, is_variational: bool
) -> Objective[Tensor, Outputs]:
    """Squared error + beta KL(posterior, standard normal) + l1 mean(abs(latents)); beta rises over the first epochs."""
    terms = [squared_error(column_weights)]
    if is_variational:
        terms.append(kl_term(LinearWarmup(settings.beta, settings.warmup_epochs)))
    terms.append(absolute_latents(settings.l1))
    return Objective(tuple(terms))


@torch.no_grad()
def validation_error(network: Autoencoder, scores: Tensor, column_weights: Tensor) -> float:
    """The weighted squared error of reconstructions from latents without noise, for scores (rows, columns)."""
    total = 0.0
    for batch in torch.split(scores, _EVALUATION_ROWS):
        restored = network.decode(network.encode(batch).mean)  # (rows, columns) -> (rows, k) -> (rows, columns)
        total += float(weighted_squared_error(restored, batch, column_weights)) * len(batch)
    return total / len(scores)


def epochs_of(history: tuple[Point, ...]) -> tuple[Epoch, ...]:
    """The epochs of such a history."""
    return tuple(Epoch.of(point, beta=point.term_weights.get("KL divergence", 0.0)) for point in history)
