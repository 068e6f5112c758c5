"""Numbers that change over a training: learning rates, weights of terms.

A schedule is a frozen value that is called with a `Moment`. Another one (cyclical annealing, a ramp of the capacity) is
one more class here; nothing else has to know of it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a step is made: how many `steps` and whole `epochs` lie before it, and that `past` of `whole` is over.

    Those two are kept apart because (pi * past) / whole and pi * (past / whole) round differently, and the same
    settings shall give the same network to the last bit.
    """

    steps: int
    epochs: int
    past: float
    whole: float


Schedule = Callable[[Moment], float]


@dataclass(frozen=True)
class Constant:
    """The same all the time."""

    value: float

    def __call__(self, moment: Moment) -> float:  # noqa: ARG002  it is the same at every moment
        return self.value


@dataclass(frozen=True)
class LinearWarmup:
    """In equal steps from near zero to `value`, which it has from the epoch number `n_epochs` on."""

    value: float
    n_epochs: int

    def __call__(self, moment: Moment) -> float:
        return self.value * min(1.0, (moment.epochs + 1) / max(1, self.n_epochs))


@dataclass(frozen=True)
class Cosine:
    """Half a period of a cosine from `value` to zero (Loshchilov and Hutter 2017), reached linearly over the first
    `warmup_steps` steps.
    """

    value: float
    warmup_steps: int = 0

    def __call__(self, moment: Moment) -> float:
        falling = 0.5 * (1 + math.cos(math.pi * moment.past / moment.whole))
        return self.value * (falling * min(1.0, (moment.steps + 1) / max(1, self.warmup_steps)))
