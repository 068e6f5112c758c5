"""Trainings that are counted in epochs: how long they are, how fast they learn, and what is kept of each epoch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from baler_vae.learn.loop import Point
from baler_vae.learn.plans import Epochs
from baler_vae.learn.schedules import Constant, Cosine, Schedule
from baler_vae.settings.model import ModelSettings

_STEPS = 5_000
"""The steps that a training should have, within the limits below. Chosen by hand; not measured."""
_BATCHES = 200
"""The steps of an epoch that batches aim at, within the limits below. Chosen by hand; not measured."""
_BATCH_LIMITS = (32, 1_024)
"""The fewest and the most rows of a batch. Chosen by hand; not measured."""
_EPOCH_LIMITS = (15, 100)
"""The fewest and the most epochs, for large and for small tables. Chosen by hand; not measured."""


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training: mean training loss and validation error (squared scores, bits of a row, or what an
    objective says), the learning rate of its first step, the weight of the KL divergence, the mean of each term of the
    loss without its weight, the weights in its last step, and the steps made until its end. What is stored of it tells
    the last three where it `tells_terms`.
    """

    number: int
    training_loss: float
    validation_error: float
    learning_rate: float
    beta: float
    terms: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    n_steps: int = 0
    tells_terms: bool = False

    @classmethod
    def of(cls, point: Point, *, beta: float, tells_terms: bool = False) -> "Epoch":
        """The epoch of a point of a history."""
        return cls(
            number=point.number,
            training_loss=point.loss,
            validation_error=point.error,
            learning_rate=point.learning_rates[0],
            beta=beta,
            terms=point.terms,
            weights=point.term_weights,
            n_steps=point.n_steps,
            tells_terms=tells_terms,
        )

    def stored(self) -> dict[str, float]:
        """What the history of a codec says of it: without an objective, the loss as a whole."""
        found = {
            "number": self.number,
            "training_loss": self.training_loss,
            "validation_error": self.validation_error,
            "learning_rate": self.learning_rate,
            "beta": self.beta,
        }
        if not self.tells_terms:
            return found
        weights = {f"weight of {name}": weight for name, weight in self.weights.items()}
        return {**found, "steps": self.n_steps, **self.terms, **weights}


def epochs_plan(settings: ModelSettings, n_rows: int) -> Epochs:
    """The epochs of a training on a number of rows."""
    n_epochs, batch_rows = training_length(settings, n_rows)
    return Epochs(n_rows, batch_rows, n_epochs, settings.shuffle)


def training_length(settings: ModelSettings, n_rows: int) -> tuple[int, int]:
    """The number of epochs and the rows of a batch, for a number of training rows: what the settings say, or a batch of
    about 1/200 of the rows and as many epochs as make 5,000 steps, within limits.
    """
    power = 2 ** int(math.log2(max(1, n_rows / _BATCHES)))
    batch_rows = settings.batch_rows or min(max(power, _BATCH_LIMITS[0]), _BATCH_LIMITS[1])
    steps_per_epoch = math.ceil(n_rows / batch_rows)
    return settings.epochs or min(
        max(math.ceil(_STEPS / steps_per_epoch), _EPOCH_LIMITS[0]), _EPOCH_LIMITS[1]
    ), batch_rows


def learning_rate(settings: ModelSettings) -> Schedule:
    """The course of the learning rate that settings ask for."""
    return Constant(settings.learning_rate) if settings.schedule == "constant" else Cosine(settings.learning_rate)
