"""Monotone maps between a column's values and the scores that a network sees."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TransformKind = Literal["standard", "min-max", "asinh", "quantile", "constant"]


@dataclass(frozen=True)
class Transform:
    """A piecewise-linear map through knots, continued in a straight line beyond its ends.

    `values` float64 (knots,) does not fall, in the column's unit; `scores` float64 (knots,) rises, without unit. Two
    knots of equal value make a plateau: every score between them gives back that value exactly, which is how a spike
    of equal values (zeros, a sentinel) survives a network. One knot stands for a constant column.
    """

    kind: TransformKind
    values: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.scores) or not len(self.values):
            raise ValueError(f"{len(self.values)} values for {len(self.scores)} scores")
        if not (np.all(np.isfinite(self.values)) and np.all(np.isfinite(self.scores))):
            raise ValueError("a knot is not finite")
        with np.errstate(over="ignore"):
            rises, widths = np.diff(self.values), np.diff(self.scores)
            if np.any(rises < 0) or np.any(widths <= 0):
                raise ValueError("the knots are not increasing")
            if not np.all(np.isfinite(rises / widths)):
                raise ValueError("the slope between two knots is not finite")

    def forward(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """The scores of values, float32, same shape. A value on a plateau gets the score in its middle."""
        x = values.astype(np.float64)
        if len(self.values) == 1:
            return np.full(x.shape, self.scores[0], np.float32)
        first = np.searchsorted(self.values, x, side="left")
        last = np.searchsorted(self.values, x, side="right") - 1
        below = np.maximum(first - 1, 0)
        width = np.diff(self.values)
        slope = np.divide(np.diff(self.scores), width, out=np.zeros_like(width), where=width > 0)
        score = self.scores[below] + (x - self.values[below]) * slope[np.minimum(below, len(slope) - 1)]
        on_knot = first <= last
        middle = (self.scores[np.minimum(first, len(self.scores) - 1)] + self.scores[last]) / 2
        return np.where(on_knot, middle, score).astype(np.float32)

    def inverse(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """The values of scores, float64, same shape. Every operation is a single IEEE + - * or /."""
        y = scores.astype(np.float64)
        if len(self.values) == 1:
            return np.full(y.shape, self.values[0])
        segment = np.clip(np.searchsorted(self.scores, y, side="right") - 1, 0, len(self.scores) - 2)
        slope = np.diff(self.values) / np.diff(self.scores)
        return self.values[segment] + (y - self.scores[segment]) * slope[segment]
