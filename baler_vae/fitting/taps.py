"""Weighted means of neighbours that predict the cells of arrays, by least squares or least absolute errors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from baler_vae.fitting import policy
from baler_vae.model.cells import WEIGHT_UNIT, Offset, Predictor

Floats64 = NDArray[np.float64]

_LARGEST_WEIGHT = (1 << 15) - 1
_RIDGE = 1e-9
_BITS_OF_A_TAP = 24.0
"""What a tap of a predictor takes in an archive, about: its offset and its weight."""


def causal_offsets(shape: Sequence[int], reach: Sequence[int], *, lags: int = 0) -> list[Offset]:
    """The offsets of all causal neighbours, the nearest first: up to `reach` cells away along each axis, and up to
    `lags` rows before.
    """
    steps = [range(-min(far, size - 1), min(far, size - 1) + 1) for far, size in zip(reach, shape, strict=True)]
    every = product(range(lags + 1), *steps)
    found = [(lag, *own) for lag, *own in every if lag or next((step for step in own if step), 0) < 0]
    return sorted(found, key=lambda offset: (sum(step * step for step in offset), [abs(step) for step in offset]))


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The neighbours of some cells at `offsets`: their values float64 (offsets, cells) and whether they are there."""

    offsets: Sequence[Offset]
    values: Floats64
    present: NDArray[np.bool_]

    def only(self, chosen: Sequence[int]) -> "Neighbourhood":
        """The same at some of the offsets, by number."""
        return Neighbourhood([self.offsets[k] for k in chosen], self.values[chosen], self.present[chosen])

    def relative(self, fill: float) -> tuple[Floats64, Floats64]:
        """The first neighbour of each cell that is there (cells,), or `fill`, and how much larger each neighbour is
        (offsets, cells), zero where it is not there.
        """
        first = np.full(self.values.shape[1], fill)
        for values, present in zip(self.values[::-1], self.present[::-1], strict=True):
            first = np.where(present, values, first)
        return first, np.where(self.present, self.values - first, 0.0)


def neighbourhood(values: Floats64, items: NDArray[np.int64], offsets: Sequence[Offset]) -> Neighbourhood:
    """The neighbours of the cells `items`, by number in C order, of arrays (rows, *shape)."""
    shape = values.shape
    places = np.array(np.unravel_index(items, shape))
    flat = values.reshape(-1)
    found, present = np.empty((len(offsets), len(items))), np.empty((len(offsets), len(items)), np.bool_)
    for k, offset in enumerate(offsets):
        steps = np.array([-offset[0], *offset[1:]])[:, None]
        moved = places + steps
        inside = np.all((moved >= 0) & (moved < np.array(shape)[:, None]), axis=0)
        taken = flat[np.ravel_multi_index(tuple(np.where(inside, moved, 0)), shape)]
        present[k] = inside & np.isfinite(taken)
        found[k] = np.where(present[k], taken, 0.0)
    return Neighbourhood(offsets, found, present)


def fit_taps(
    around: Neighbourhood, targets: Floats64, scales: Floats64, *, n_cells: float, most: int = policy.MOST_TAPS
) -> tuple[list[int], Floats64]:
    """The numbers of the offsets of a predictor of `targets` (cells,), in their order, and the weight of each: of least
    squares in units of `scales` (cells,). Taps that do not pay for themselves on `n_cells` cells are left out.
    """
    fill = float(np.median(targets))
    chosen = list(range(len(around.offsets)))
    weights = weights_of(around, targets, scales, fill)
    best: tuple[float, list[int], Floats64] | None = None
    n_taps = min(len(chosen), most)
    while n_taps:
        if n_taps < len(chosen):
            _, relative = around.only(chosen).relative(fill)
            matters = np.abs(weights) * np.sqrt(np.mean(np.square(relative / scales), axis=1))
            # The first stays: it stands for those that are missing.
            kept = sorted({0, *np.argsort(-matters, kind="stable")[:n_taps].tolist()})
            chosen = [chosen[k] for k in kept]
            weights = weights_of(around.only(chosen), targets, scales, fill)
        bits = _bits(around.only(chosen), targets, scales, fill, weights, n_cells)
        if best is None or bits < best[0]:
            best = bits, chosen, weights
        n_taps = n_taps // 3
    if best is None:
        return [], np.empty(0)
    return best[1], best[2]


def predictor_of(numbers: Sequence[int], weights: Floats64, fill: float) -> Predictor:
    """The predictor of weights of the offsets of some numbers."""
    whole = np.clip(np.rint(weights / WEIGHT_UNIT), -_LARGEST_WEIGHT, _LARGEST_WEIGHT).astype(np.int16)
    return Predictor(np.array(numbers, np.int64), whole, fill)


def weights_of(around: Neighbourhood, targets: Floats64, scales: Floats64, fill: float) -> Floats64:
    """The weights (offsets,) of least squares in units of `scales` (cells,)."""
    first, relative = around.relative(fill)
    relative, wanted = relative / scales, (targets - first) / scales
    largest = float(np.abs(relative).max(initial=0.0)) or 1.0
    relative, wanted = relative / largest, wanted / largest
    gram = relative @ relative.T
    gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)) / len(gram), 1e-30)
    rounded: Floats64 = np.rint(np.linalg.solve(gram, relative @ wanted) / WEIGHT_UNIT) * WEIGHT_UNIT
    return rounded


def local_scales(
    values: Floats64, items: NDArray[np.int64], offsets: Sequence[Offset], fill: float, seed: int
) -> Floats64:
    """How much a predictor of neighbours at `offsets` errs about the cells `items` (n,), by number in C order, of
    arrays (rows, *shape): the mean error s among the nearest neighbours of each, so that small errors count where cells
    are quiet, and where its own error r is larger the root of s r, so that strange cells count less (Huber 1964).
    """
    near = list(offsets[: policy.NEIGHBOURS_OF_SCALES])
    around, targets = neighbourhood(values, items, offsets), values.reshape(-1)[items]
    scales = np.full(len(items), float(np.abs(targets - fill).mean()) or 1.0)
    best, least = scales, math.inf
    chosen = np.random.default_rng(seed).permutation(len(items))[: max(1_024, 20 * len(offsets))]
    for _ in range(policy.REWEIGHTINGS):
        some = Neighbourhood(offsets, around.values[:, chosen], around.present[:, chosen])
        errors = _errors(values, offsets, weights_of(some, targets[chosen], scales[chosen], fill), fill)
        beside = neighbourhood(errors, items, near)
        about = beside.values.sum(axis=0) / np.maximum(beside.present.sum(axis=0), 1)
        about += policy.LEAST_RESIDUAL * (float(np.median(about)) or float(about.mean()) or 1.0)
        scales = np.sqrt(about) * np.sqrt(np.maximum(about, errors.reshape(-1)[items]))
        if np.log(scales).mean() < least:
            best, least = scales, float(np.log(scales).mean())
    return best


def _errors(values: Floats64, offsets: Sequence[Offset], weights: Floats64, fill: float) -> Floats64:
    """By how much a predictor errs, (rows, *shape) like the values; NaN where these are not finite."""
    items = np.arange(values.size)
    errors = np.empty(values.size)
    for start in range(0, values.size, policy.CELLS_OF_TAPS[1]):
        own = items[start : start + policy.CELLS_OF_TAPS[1]]
        first, relative = neighbourhood(values, own, offsets).relative(fill)
        errors[own] = np.abs(values.reshape(-1)[own] - first - weights @ relative)
    return errors.reshape(values.shape)


def _bits(
    around: Neighbourhood, targets: Floats64, scales: Floats64, fill: float, weights: Floats64, n_cells: float
) -> float:
    """About how many bits cells take less than without a predictor, up to what all predictors have in common."""
    first, relative = around.relative(fill)
    rest = np.abs(targets - first - weights @ relative) / scales
    each = float(np.log2(rest + policy.LEAST_RESIDUAL * (float(np.median(rest)) or 1.0)).mean())
    return n_cells * (each if math.isfinite(each) else 0.0) + _BITS_OF_A_TAP * len(weights)
