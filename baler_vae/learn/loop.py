"""The one training loop. It knows no particular network, objective or data: all of them are arguments.

It takes a network (`Trainable`: an architecture's module), an objective (a tuple of terms), data (batches of rows), a
plan (which rows each step sees), an optimiser's settings, and callbacks; it returns the history, each term separately.
What is new to be tried comes as another value of one of these, and never as another loop.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from baler_vae.errors import UsageError
from baler_vae.learn.objective import Loss, Objective
from baler_vae.learn.plans import TrainingPlan
from baler_vae.learn.schedules import Moment, Schedule

BatchT = TypeVar("BatchT")
BatchT_contra = TypeVar("BatchT_contra", contravariant=True)
Outputs = TypeVar("Outputs")
Outputs_co = TypeVar("Outputs_co", covariant=True)


class Trainable(Protocol[BatchT_contra, Outputs_co]):
    """What can be trained: a module of PyTorch that says what it makes of a batch."""

    def outputs(self, batch: BatchT_contra, generator: torch.Generator) -> Outputs_co:
        """What is made of a batch; noise is drawn from the generator."""

    def parameters(self) -> Iterable[torch.nn.Parameter]: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> object: ...


@dataclass(frozen=True)
class Optimisation:
    """Adam (Kingma and Ba 2015) with a learning rate that follows a schedule."""

    learning_rate: Schedule
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class Point:
    """A point of a history: an interval of a plan.

    It has its `number` from 1 on, the number of steps made until its end, sums over its steps of the `loss` and of each
    of its terms, by name and without their weights, and of the `weight` of the steps; the weights of terms in its last
    step; the learning rates of its first and its last step; and the `error` that a judge found at its end, NaN without
    one. `diverged` names the term with a weight that is the first not to be finite, where there is one.
    """

    number: int
    n_steps: int
    loss_sum: float
    term_sums: Mapping[str, float]
    weight: int
    term_weights: Mapping[str, float]
    learning_rates: tuple[float, float]
    error: float = math.nan
    diverged: str | None = None

    @property
    def loss(self) -> float:
        """The mean loss."""
        return self.loss_sum / self.weight

    @property
    def terms(self) -> dict[str, float]:
        """The mean of each term, without its weight."""
        return {name: total / self.weight for name, total in self.term_sums.items()}


def _no_step(_moment: Moment) -> None:
    """What is done before a step where there is nothing to do."""


def _no_point(_point: Point) -> None:
    """What is done after an interval where there is nothing to do."""


def train(
    network: Trainable[BatchT, Outputs],
    objective: Objective[BatchT, Outputs],
    data: Callable[[Tensor], BatchT],
    plan: TrainingPlan,
    optimisation: Optimisation,
    *,
    generator: torch.Generator,
    device: torch.device,
    judge: Callable[[], float] | None = None,
    patience: int | None = None,
    patient_from: int = 0,
    before_step: Callable[[Moment], None] = _no_step,
    after_interval: Callable[[Point], None] = _no_point,
    sums: type[np.floating[Any]] = np.float64,
) -> tuple[Point, ...]:
    """The history of a training; with a judge, the network is left as it was at the point of least error.

    Parameters
    ----------
    network, objective
        What is trained, and what it minimises.
    data
        Gives the batch of rows int64 (batch rows,).
    plan
        Which rows each step sees.
    optimisation
        How the optimiser is set.
    generator
        Orders rows and draws noise, in turn.
    device
        Where the network and the data are.
    judge
        Gives the error of the network as it is, after each interval.
    patience, patient_from
        The training stops when the error has not fallen for so many intervals, which are counted from an interval on.
    before_step, after_interval
        Are told the moment of each step before it, and each point of the history.
    sums
        The precision in which an interval's losses are added up.

    The training stops after an interval in which a term was not finite; its point names the term.
    """
    optimiser = torch.optim.Adam(network.parameters(), betas=optimisation.betas, fused=True)
    best_error, best = math.inf, copy.deepcopy(network.state_dict()) if judge is not None else None
    history: list[Point] = []
    n_steps = 0
    for number, steps in enumerate(plan.intervals(generator, device), 1):
        tally = _Tally()
        for step in steps:
            before_step(step.moment)
            rate = optimisation.learning_rate(step.moment)
            batch = data(step.rows)
            outputs = network.outputs(batch, generator)
            loss = objective.loss(batch, outputs, step.moment)
            _descend(optimiser, rate, loss.total)
            tally.add(loss, step.weight, rate)
            n_steps += 1
        error = judge() if judge is not None else math.nan
        history.append(tally.point(number, n_steps, error, sums))
        after_interval(history[-1])
        if error < best_error:
            best_error, best = error, copy.deepcopy(network.state_dict())
        elif patience and number - max(patient_from, _best(history).number) >= patience:
            break
        if history[-1].diverged is not None:
            break
    if best is not None:
        network.load_state_dict(best)
    return tuple(history)


def check_converged(history: Sequence[Point], learning_rate: float, *, to_its_end: bool = False) -> None:
    """Raise UsageError unless a training has a network to give: one of finite error, or with finite terms `to_its_end`,
    which they must have where nothing judged it.

    Raises
    ------
    UsageError
        The training diverged; the term that is not finite is named.
    """
    last = history[-1]
    is_judged = any(not math.isnan(point.error) for point in history)
    is_finite = any(math.isfinite(point.error) for point in history)
    if last.diverged is None and (is_finite or not is_judged):
        return
    if is_finite and not to_its_end:
        return
    what = "no epoch has a finite validation error"
    if last.diverged is not None:
        what = f"its term {last.diverged!r} is {last.terms[last.diverged]} after {last.n_steps} steps"
    way_out = "Lower learning_rate"
    raise UsageError(f"the training diverged: {what}", found=f"learning_rate {learning_rate}", way_out=way_out)


def device_of(name: str) -> torch.device:
    """The device of a name; `auto` is a GPU where there is one.

    Raises
    ------
    UsageError
        It is not available.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device {name!r} cannot be used: {error}", way_out="Name another one with --device cpu"
        ) from error
    return device


@contextmanager
def threads(number: int) -> Iterator[None]:
    """A context in which PyTorch uses a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Tally:
    """The losses of an interval's steps. They stay on the device until its end: reading a number waits for all that was
    asked of the device before.
    """

    losses: list[Loss] = field(default_factory=list)
    weights: list[int] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, loss: Loss, weight: int, rate: float) -> None:
        """Takes a step into account."""
        self.losses.append(Loss(loss.total.detach(), loss.terms, loss.weights))
        self.weights.append(weight)
        self.rates.append(rate)

    def point(self, number: int, n_steps: int, error: float, dtype: type[np.floating[Any]]) -> Point:
        """The point of the interval."""
        names = dict.fromkeys(name for loss in self.losses for name in loss.terms)
        sums = {name: self._sum([loss.terms.get(name) for loss in self.losses], dtype) for name in names}
        total = self._sum([loss.total for loss in self.losses], dtype)
        rates = self.rates[0], self.rates[-1]
        weights = self.losses[-1].weights
        suspects = [name for name, found in sums.items() if not math.isfinite(found) and weights[name]]
        diverged = min(suspects, key=self._first_without_number, default=None)
        return Point(number, n_steps, total, sums, sum(self.weights), weights, rates, error, diverged)

    def _first_without_number(self, name: str) -> int:
        """The step in which a term, whose sum is not finite, is not finite itself; the first one where none is."""
        values = [loss.terms.get(name) for loss in self.losses]
        return next((step for step, value in enumerate(values) if value is not None and not value.isfinite()), 0)

    def _sum(self, values: Sequence[Tensor | None], dtype: type[np.floating[Any]]) -> float:
        """The weighted sum of values () of all steps, added one after the other; none counts as zero."""
        known = [value for value in values if value is not None]
        weights = [weight for value, weight in zip(values, self.weights, strict=True) if value is not None]
        products = torch.stack(known).cpu().numpy().astype(dtype) * np.array(weights, dtype)  # (steps,)
        return float(np.cumsum(products)[-1])


def _descend(optimiser: torch.optim.Optimizer, rate: float, loss: Tensor) -> None:
    """Moves the parameters down the gradient of a loss ()."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def _best(history: Sequence[Point]) -> Point:
    return min(history, key=lambda point: point.error)
