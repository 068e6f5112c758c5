"""How well a score tells signal from background: ROC curves and what is read from them, with errors."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.results import as_plain, html_table

Floats = NDArray[np.float64]
Groups = NDArray[np.int64]
Counts = NDArray[np.int64]

EFFICIENCIES: Final = (0.3, 0.5)
"""The efficiencies for signal at which the rejection of background is told."""
CURVE_POINTS: Final = 201
"""Points of a curve that is kept, at even steps of the efficiency for signal."""
LEAST_BACKGROUND: Final = 10
"""Rows of background that must pass a cut whose significance counts: fewer make the largest one a matter of luck."""
N_BOOTSTRAPS: Final = 100
"""Errors are then good to 7 %."""
BOOTSTRAP_CUTS: Final = 2_048
"""Cuts at even steps of signal, and of background, at which bootstraps are read: finer ones change no error."""


@dataclass(frozen=True)
class Auc:
    """An area under a ROC curve: the probability that a row of signal, or of the second sample, has a higher score than
    one of background, or of the first; ties count half. `error` is its standard error.
    """

    value: float
    error: float
    n_first: int = 0
    n_second: int = 0


@dataclass(frozen=True)
class Measured:
    """A number and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class Roc:
    """How well one score tells signal from background.

    Attributes
    ----------
    auc : Auc
        The area under the curve, with its bootstrap error.
    rejections : dict of str to Measured
        By efficiency for signal, in per cent, one over the efficiency for background. Where no background passes, the
        value is the least possible, the rows of background, without an error (NaN).
    significance : Measured
        The largest significance improvement: efficiency for signal over the root of that for background, of cuts that
        at least 10 rows of background pass.
    significance_efficiency : float
        The efficiency for signal at that cut.
    signal : ndarray
        Efficiencies for signal of the curve, float64 (points,).
    background : ndarray
        Those for background, float64 (points,).
    n_signal, n_background : int
        Rows with a score.
    """

    auc: Auc
    rejections: dict[str, Measured]
    significance: Measured
    significance_efficiency: float
    signal: Floats
    background: Floats
    n_signal: int
    n_background: int

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values for JSON: NaN and infinities become None."""
        plain: dict[str, Any] = as_plain(self, finite=True)
        return plain

    def _repr_html_(self) -> str:
        rows = [("AUC", self.auc.value, self.auc.error)]
        rows += [(f"rejection at {name} %", found.value, found.error) for name, found in self.rejections.items()]
        rows.append(("significance improvement", self.significance.value, self.significance.error))
        return html_table("ROC", ("quantity", "value", "error"), rows)


def auc_of(first: Floats, second: Floats, groups: tuple[Groups, Groups] | None = None) -> Auc:
    """The area under the ROC curve of scores float64 (rows,) of two samples, and its error from the placements of rows
    among those of the other sample (DeLong et al. 1988); rows with the same number in `groups` (rows,) of the two
    samples, such as the objects of an event, count as one (Obuchowski 1997).

    Raises:
        UsageError: a sample has no rows.
    """
    _check_rows(first, second)
    of_second = _placements(first, second)
    of_first = 1.0 - _placements(second, first)
    value = float(of_second.mean())
    parts = np.concatenate([(of_first - value) / len(first), (of_second - value) / len(second)])
    if groups is None:
        variance = len(first) * parts[: len(first)].var() + len(second) * parts[len(first) :].var()
    else:
        numbers = np.unique(np.concatenate(groups), return_inverse=True)[1]
        sums = np.bincount(numbers, parts)
        variance = float(np.sum(sums**2)) * len(sums) / max(1, len(sums) - 1)
    return Auc(value, float(np.sqrt(variance)), len(first), len(second))


def _placements(others: Floats, own: Floats) -> Floats:
    """Which part of the others each own score (rows,) exceeds; ties count half."""
    ordered = np.sort(others)
    below, upto = np.searchsorted(ordered, own, "left"), np.searchsorted(ordered, own, "right")
    found: Floats = (below + upto) / (2.0 * len(others))
    return found


def roc_of(
    background: Floats,
    signal: Floats,
    groups: tuple[Groups, Groups] | None = None,
    *,
    seed: int = 0,
    n_bootstraps: int = N_BOOTSTRAPS,
) -> Roc:
    """What a ROC curve tells of finite scores float64 (rows,) of background and signal: the higher, the more like
    signal. Errors are standard deviations over bootstraps, which draw rows, or all rows of a number of `groups` (rows,)
    together.

    Raises:
        UsageError: a sample has no rows.
    """
    _check_rows(background, signal)
    scores = np.concatenate([background, signal])
    order = np.argsort(-scores, kind="stable")
    is_signal = order >= len(background)
    ordered = scores[order]
    ends = 1 + np.append(np.flatnonzero(ordered[1:] < ordered[:-1]), len(ordered) - 1)
    passed = [np.append(0, np.cumsum(own))[ends] for own in (is_signal, ~is_signal)]
    found = _read(*passed)
    numbers = np.arange(len(scores)) if groups is None else np.concatenate(groups)
    numbers = np.unique(numbers, return_inverse=True)[1][order]
    of_kind = [numbers[own] for own in (is_signal, ~is_signal)]
    kept = _few_cuts(*passed)
    few = [own[kept] for own in passed]
    rng = np.random.default_rng(seed)
    n_groups = int(numbers.max()) + 1
    tried = []
    for _ in range(n_bootstraps):
        counts = np.bincount(rng.integers(0, n_groups, n_groups), minlength=n_groups)
        drawn = [np.append(0, np.cumsum(counts[own]))[cut] for own, cut in zip(of_kind, few, strict=True)]
        if drawn[0][-1] and drawn[1][-1]:
            tried.append(_read(*drawn).numbers)
    errors = np.std(np.array(tried), axis=0, ddof=1) if len(tried) > 1 else np.full(len(found.numbers), np.nan)
    # Where no background passes, all that is known is that the rejection is larger: that has no error.
    errors[2:] = np.where(np.array(found.numbers[2:]) < len(background), errors[2:], np.nan)
    rejections = {
        f"{100 * efficiency:g}": Measured(value, float(error))
        for efficiency, value, error in zip(EFFICIENCIES, found.numbers[2:], errors[2:], strict=True)
    }
    steps = np.linspace(0.0, 1.0, CURVE_POINTS)
    return Roc(
        auc=Auc(found.numbers[0], float(errors[0]), len(background), len(signal)),
        rejections=rejections,
        significance=Measured(found.numbers[1], float(errors[1])),
        significance_efficiency=found.best,
        signal=steps,
        background=np.interp(steps, found.signal, found.background),
        n_signal=len(signal),
        n_background=len(background),
    )


@dataclass(frozen=True, eq=False)
class _Reading:
    """A curve from (0, 0) to (1, 1), the numbers read from it (area, significance, rejections) and the efficiency of
    the best cut.
    """

    signal: Floats
    background: Floats
    numbers: tuple[float, ...]
    best: float


def _few_cuts(signal: Counts, background: Counts) -> NDArray[np.intp]:
    """Some of the cuts that so many rows pass (cuts,): at even steps of both, and the last one."""
    chosen = [
        np.searchsorted(passed, np.linspace(1, passed[-1], min(int(passed[-1]), BOOTSTRAP_CUTS)))
        for passed in (signal, background)
    ]
    return np.unique(np.concatenate([*chosen, [len(signal) - 1]]))


def _read(of_signal: Counts, of_background: Counts) -> _Reading:
    """The curve of cuts that so many rows pass (cuts,), of which the last one all pass."""
    signal, passed = (np.append(0.0, own) for own in (of_signal, of_background))
    signal, n_background = signal / signal[-1], passed[-1]
    background = passed / n_background
    area = float(np.sum(np.diff(background) * (signal[1:] + signal[:-1]) / 2))
    enough = passed >= min(LEAST_BACKGROUND, n_background)
    improvement = np.where(enough, signal / np.sqrt(np.where(enough, background, 1.0)), 0.0)
    best = int(np.argmax(improvement))
    at = np.interp(EFFICIENCIES, signal, background)
    # Where no row of background passes, what is told is the least that the rows can tell.
    rejections = (1.0 / np.maximum(at, 1.0 / n_background)).tolist()
    return _Reading(signal, background, (area, float(improvement[best]), *rejections), float(signal[best]))


def _check_rows(first: Floats, second: Floats) -> None:
    if not len(first) or not len(second):
        raise UsageError(
            f"samples of {len(first):,} and {len(second):,} rows cannot be told apart",
            expected="rows in both",
        )
