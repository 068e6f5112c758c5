"""What a training minimises: a list of terms, as values.

Nothing here is to be subclassed: another objective is another tuple of `Term`s, another term another pure function,
another course of a weight another schedule.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from baler_vae.learn.schedules import Constant, Moment, Schedule

BatchT = TypeVar("BatchT")
Outputs = TypeVar("Outputs")
_ONE = Constant(1.0)


@dataclass(frozen=True)
class Term(Generic[BatchT, Outputs]):
    """One term: its `name` in histories and errors, a pure `function` of a batch and of what the network made of it,
    and its `weight`. With a `target` the distance of its mean from that is minimised (Burgess et al. 2018), while
    histories tell the mean itself.

    The function gives one number (), or one for each row (rows,). What it may read are the attributes of the outputs:
    the reconstruction, the posterior, the latents, the network.
    """

    name: str
    function: Callable[[BatchT, Outputs], Tensor]
    weight: Schedule = _ONE
    target: Schedule | None = None


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
    """The mean over rows of the weighted sum of terms. A term is not computed while its weight is zero, unless the
    objective `tells_all`, so that histories have it all the same.
    """

    terms: tuple[Term[BatchT, Outputs], ...]
    tells_all: bool = False

    def loss(self, batch: BatchT, outputs: Outputs, moment: Moment) -> Loss:
        """The loss of a batch.

        Raises
        ------
        ValueError
            All weights are zero.
        """
        weights = {term.name: term.weight(moment) for term in self.terms}
        if not any(weights.values()):
            raise ValueError(f"the weights of all terms are zero in step {moment.steps}: {', '.join(weights)}")
        values: dict[str, Tensor] = {}
        weighted: list[Tensor] = []
        for term in self.terms:
            weight = weights[term.name]
            if not weight and not self.tells_all:
                continue
            with torch.set_grad_enabled(torch.is_grad_enabled() and weight != 0):
                value = term.function(batch, outputs)
            values[term.name] = _mean(value.detach())
            if not weight:
                continue
            if term.target is not None:
                value = (_mean(value) - term.target(moment)).abs()
            # No product with a weight of 1: the same sums to the last bit.
            weighted.append(value if weight == 1 else weight * value)
        total = weighted[0]
        for value in weighted[1:]:  # from left to right, for the same reason
            total = total + value
        return Loss(_mean(total), values, weights)


def _mean(value: Tensor) -> Tensor:
    """The mean over rows of what may be one number already."""
    return value.mean() if value.dim() else value  # (rows,) -> ()
