"""Training of latents that are rounded to whole numbers, on the bits that they and the columns take."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from baler_vae.learn.autoencoder import evaluation_rows
from baler_vae.learn.epochs import Epoch, epochs_plan, learning_rate
from baler_vae.learn.loop import Optimisation, Point, check_converged, threads, train
from baler_vae.learn.networks.dense import Architecture
from baler_vae.learn.networks.rounded import RoundedArchitecture, RoundedOutputs
from baler_vae.learn.objective import Objective, Term
from baler_vae.learn.schedules import Moment
from baler_vae.learn.terms import bits_of_latents, bits_of_scores
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings

BITS_OBJECTIVE: Objective[Tensor, RoundedOutputs] = Objective(
    (Term("scores", bits_of_scores), Term("latents", bits_of_latents))
)
"""The bits of a row, up to a constant."""


def train_bits(
    architecture: Architecture,
    training: NDArray[np.float32],
    validation: NDArray[np.float32],
    settings: ModelSettings,
    device: torch.device,
    progress: Progress,
) -> tuple[nn.Sequential, tuple[Epoch, ...]]:
    """The encoder, of an architecture, of scores float32 (rows, scores), whose latents are to be rounded to whole
    numbers, and the history: losses and errors are bits a row, up to a constant. All epochs are made, on rows in random
    order.

    Raises
    ------
    UsageError
        The training diverged.
    """
    network = RoundedArchitecture(architecture).build(seed=settings.seed, device=device)
    scores, judged = (torch.from_numpy(array).to(device) for array in (training, validation))
    n_judged = evaluation_rows(architecture, len(judged))
    plan = replace(epochs_plan(settings, len(scores)), shuffle=True)

    @torch.no_grad()
    def error() -> float:
        moment = Moment(steps=0, epochs=0, past=0.0, whole=1.0)
        total = 0.0
        for batch in torch.split(judged, n_judged):
            total += float(BITS_OBJECTIVE.loss(batch, network.rounded_outputs(batch), moment).total) * len(batch)
        return total / len(judged)

    def after_interval(point: Point) -> None:
        progress(f"latents, epochs ({point.error:.3f} bits)", point.number, plan.n_epochs)

    with threads(settings.threads):
        history = train(
            network,
            BITS_OBJECTIVE,
            scores.__getitem__,
            plan,
            Optimisation(learning_rate(settings)),
            generator=torch.Generator(device).manual_seed(settings.seed),
            device=device,
            judge=error,
            after_interval=after_interval,
        )
    check_converged(history, settings.learning_rate)
    return network.encoder, tuple(Epoch.of(point, beta=1.0) for point in history)
