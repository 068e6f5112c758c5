"""Numbers that change over a training: learning rates, weights of terms.

A schedule is a frozen value that is called with a `Moment`. Another one is one more class here; nothing else has to
know of it.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


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

END = Moment(steps=sys.maxsize - 1, epochs=sys.maxsize - 1, past=1.0, whole=1.0)
"""A moment at which every weight that rises is what it rises to."""


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


@dataclass(frozen=True)
class Span:
    """So many epochs or steps, counted from the beginning of a training."""

    length: int
    unit: Literal["epochs", "steps"] = "epochs"

    def before(self, moment: Moment) -> int:
        """How many of them lie before a moment."""
        return moment.epochs if self.unit == "epochs" else moment.steps

    def part(self, moment: Moment) -> float:
        """The part that has begun: 1 / length in the first of them, 1 from the last on."""
        return min(1.0, (self.before(moment) + 1) / self.length)


@dataclass(frozen=True)
class LinearRise:
    """In equal steps to `value`, which it has from the last epoch or step of a span on."""

    value: float
    span: Span

    def __call__(self, moment: Moment) -> float:
        return self.value * self.span.part(moment)


@dataclass(frozen=True)
class CosineRise:
    """Half a period of a cosine from near zero to `value`, which it has from the last epoch or step of a span on."""

    value: float
    span: Span

    def __call__(self, moment: Moment) -> float:
        return self.value * (0.5 * (1 - math.cos(math.pi * self.span.part(moment))))


@dataclass(frozen=True)
class CyclicalRise:
    """From zero to `value` in the first half of each of `n_cycles` cycles that make up a span, and `value` in the
    second half and after the span (Fu et al. 2019, equations 6 and 7, with R = 0.5).
    """

    value: float
    span: Span
    n_cycles: int

    def __call__(self, moment: Moment) -> float:
        before = self.span.before(moment)
        if before >= self.span.length:
            return self.value
        position = before * self.n_cycles % self.span.length / self.span.length
        return self.value * min(1.0, 2 * position)
