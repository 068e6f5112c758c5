"""Which rows each step of a training sees, as values."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from baler_vae.learn.schedules import Moment


@dataclass(frozen=True, eq=False)
class TrainingStep:
    """A step to be made: its rows int64 (batch rows,), its moment, and its weight in the means of a history."""

    rows: Tensor
    moment: Moment
    weight: int


class TrainingPlan(Protocol):
    """The steps of a training. A history has a point for each interval."""

    def intervals(self, generator: torch.Generator, device: torch.device) -> Iterator[Iterator[TrainingStep]]:
        """The steps of each interval, both made only when they are asked for: networks draw their noise from the same
        generator.
        """


@dataclass(frozen=True)
class Epochs:
    """Each epoch takes all of `n_rows` rows once, `batch_rows` at a time, in a new random order with `shuffle`. An
    interval is an epoch; steps weigh as many as they have rows.
    """

    n_rows: int
    batch_rows: int
    n_epochs: int
    shuffle: bool = True

    def intervals(self, generator: torch.Generator, device: torch.device) -> Iterator[Iterator[TrainingStep]]:
        for epoch in range(self.n_epochs):
            yield self._steps(epoch, generator, device)

    def _steps(self, epoch: int, generator: torch.Generator, device: torch.device) -> Iterator[TrainingStep]:
        rows = (
            torch.randperm(self.n_rows, generator=generator, device=device)
            if self.shuffle
            else torch.arange(self.n_rows, device=device)
        )
        n_batches = math.ceil(self.n_rows / self.batch_rows)
        for number, batch in enumerate(torch.split(rows, self.batch_rows)):
            past = (epoch + number / n_batches) / self.n_epochs
            moment = Moment(steps=epoch * n_batches + number, epochs=epoch, past=past, whole=1.0)
            yield TrainingStep(batch, moment, len(batch))


@dataclass(frozen=True)
class RandomBatches:
    """Each of `n_steps` steps takes `batch_rows` of `n_rows` rows at random, with repetition, or all rows where there
    are no more. An interval is `interval` steps, the last one perhaps fewer; all steps weigh the same.
    """

    n_rows: int
    batch_rows: int
    n_steps: int
    interval: int

    def intervals(self, generator: torch.Generator, device: torch.device) -> Iterator[Iterator[TrainingStep]]:
        every = torch.arange(self.n_rows, device=device)
        for first in range(0, self.n_steps, self.interval):
            yield self._steps(range(first, min(first + self.interval, self.n_steps)), every, generator)

    def _steps(self, numbers: range, every: Tensor, generator: torch.Generator) -> Iterator[TrainingStep]:
        for number in numbers:
            rows = every
            if self.batch_rows < self.n_rows:
                drawn = torch.randint(self.n_rows, (self.batch_rows,), generator=generator, device=generator.device)
                rows = drawn.to(every.device)
            yield TrainingStep(rows, Moment(steps=number, epochs=0, past=number, whole=self.n_steps), 1)
