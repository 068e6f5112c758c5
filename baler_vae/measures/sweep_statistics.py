"""What the runs of a sweep say together: means over seeds, the best settings, the Pareto front, how many latents."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.measures.sweeps import LATENT, VALUES, Estimate, LatentAnswer, SettingSummary, SweepRun


def summarised(runs: Sequence[SweepRun], n_seeds: int) -> tuple[SettingSummary, ...]:
    """Mean and spread of the runs of each setting, of which there are `n_seeds` unless a trial was pruned or failed; in
    the order of the first run of each.
    """
    by_key: dict[str, list[SweepRun]] = {}
    for run in sorted(runs, key=lambda run: run.number):
        by_key.setdefault(run.key, []).append(run)
    return tuple(_summary(own, n_seeds) for own in by_key.values())


def _summary(runs: Sequence[SweepRun], n_seeds: int) -> SettingSummary:
    names = [name for name in VALUES if any(name in run.values for run in runs)]
    estimates = {name: Estimate.of([run.values[name] for run in runs if name in run.values]) for name in names}
    failures = [run.failure for run in runs if run.failure]
    return SettingSummary(
        variant=runs[0].variant,
        settings=runs[0].settings,
        seeds=tuple(run.seed for run in runs),
        estimates=estimates,
        n_failed=len(failures),
        failure=failures[0] if failures else "",
        is_pruned=len(runs) < n_seeds and not failures,
    )


def best_of(settings: Sequence[SettingSummary], measure: str) -> int | None:
    """Which of the settings has the least mean, the first of several; None where none has all seeds and a value."""
    known = [number for number, one in enumerate(settings) if one.is_whole and measure in one.estimates]
    return min(known, key=lambda number: settings[number].estimates[measure].mean, default=None)


def pareto_front(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of some points float64 (points, axes) are not dominated: bool (points,). A point is dominated by one that
    is not above it on any axis and below it on one; a point with a NaN is never in the front.
    """
    finite = points[np.isfinite(points).all(axis=1)]
    front = np.zeros(len(points), np.bool_)
    for number, point in enumerate(points):
        below = (finite <= point).all(axis=1) & (finite < point).any(axis=1)
        front[number] = np.isfinite(point).all() and not below.any()
    return front


def front_of(settings: Sequence[SettingSummary], axes: Sequence[str]) -> tuple[int, ...]:
    """Those of the settings with all seeds whose means on both axes are on the Pareto front."""
    points = np.array([[_mean(one, axis) for axis in axes] for one in settings], np.float64).reshape(-1, len(axes))
    return tuple(map(int, np.flatnonzero(pareto_front(points))))


def _mean(one: SettingSummary, measure: str) -> float:
    found = one.estimates.get(measure)
    return math.nan if found is None or not one.is_whole else found.mean


def latent_answers(settings: Sequence[SettingSummary], measure: str) -> tuple[LatentAnswer, ...]:
    """How many latents are enough, for each combination of the other settings; none where the number of latents was not
    varied. Settings that lack a seed do not take part.
    """
    groups: dict[str, dict[int, Estimate]] = {}
    for one in settings:
        found = one.estimates.get(measure)
        if LATENT in one.settings and one.is_whole and found is not None:
            groups.setdefault(one.without(LATENT), {})[int(one.settings[LATENT])] = found
    return tuple(_answer(name, own, measure) for name, own in groups.items() if len(own) > 1)


def _answer(others: str, estimates: Mapping[int, Estimate], measure: str) -> LatentAnswer:
    best = min(estimates, key=lambda k: (estimates[k].mean, k))
    error = estimates[best].error
    if error is None:
        return LatentAnswer(others, measure, best, None, None)
    limit = estimates[best].mean + error
    return LatentAnswer(others, measure, best, min(k for k, found in estimates.items() if found.mean <= limit), limit)
