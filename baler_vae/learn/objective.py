"""What a training minimises: a list of terms, as values.

Nothing here is to be subclassed: another objective is another tuple of `Term`s, another term (MMD, moments, free bits,
capacity) another pure function in `baler_vae.learn.terms`, another course of a weight another schedule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from baler_vae.learn.schedules import Constant, Moment, Schedule

BatchT = TypeVar("BatchT")
Outputs = TypeVar("Outputs")
_ONE = Constant(1.0)


@dataclass(frozen=True)
class Term(Generic[BatchT, Outputs]):
    """One term: its `name` in histories and errors, a pure `function` of a batch and of what the network made of it,
    and its `weight`.

    The function gives one number (), or one for each row (rows,). What it may read are the attributes of the outputs:
    the reconstruction, the posterior, the latents, the network.
    """

    name: str
    function: Callable[[BatchT, Outputs], Tensor]
    weight: Schedule = _ONE


@dataclass(frozen=True, eq=False)
class Loss:
    """The loss of a step: the `total` that is minimised, (); by name the mean of each term over rows, without its
    weight, (); and by name the weights.
    """

    total: Tensor
    terms: Mapping[str, Tensor]
    weights: Mapping[str, float]


@dataclass(frozen=True)
class Objective(Generic[BatchT, Outputs]):
    """The mean over rows of the weighted sum of terms. A term is not computed while its weight is zero."""

    terms: tuple[Term[BatchT, Outputs], ...]

    def loss(self, batch: BatchT, outputs: Outputs, moment: Moment) -> Loss:
        """The loss of a batch.

        Raises
        ------
        ValueError
            All weights are zero.
        """
        weights = {term.name: term.weight(moment) for term in self.terms}
        values = {term.name: term.function(batch, outputs) for term in self.terms if weights[term.name]}
        if not values:
            raise ValueError(f"the weights of all terms are zero in step {moment.steps}: {', '.join(weights)}")
        # From left to right, and no product with a weight of 1: the same sums to the last bit, term by term.
        weighted = (value if weights[name] == 1 else weights[name] * value for name, value in values.items())
        total = next(weighted)
        for value in weighted:
            total = total + value
        return Loss(_mean(total), {name: _mean(value.detach()) for name, value in values.items()}, weights)


def _mean(value: Tensor) -> Tensor:
    """The mean over rows of what may be one number already."""
    return value.mean() if value.dim() else value  # (rows,) -> ()
