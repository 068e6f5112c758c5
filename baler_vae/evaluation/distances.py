"""How far apart two distributions are.

What is compared here is the same rows before and after, not two independent samples: a value that hardly moves drags
its partner along, so that differences are far smaller than chance would make them. A p-value near 1 then says little,
chi2 / n_dof is expected well below 1, and a small p-value is a sure sign of damage.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats

from baler_vae.evaluation.histograms import Histogram
from baler_vae.evaluation.residuals import Floats, half_widths

MOST_EXACT = 100
"""Up to this many rows the p-value of Kolmogorov and Smirnov is exact, beyond them asymptotic."""

N_DIRECTIONS = 64
"""Of the sliced Wasserstein distance. Chosen by hand; not measured."""
SEED = 20_250_702


@dataclass(frozen=True)
class Distances:
    """Between the values of a column before and after, over the pairs of finite values of the sample.

    `kolmogorov_smirnov` is the largest difference of the two cumulative distributions, `ks_p_value` the probability
    of a larger one between independent samples of one distribution, which paired values are not: it errs on the side
    of 1. `wasserstein` (Wasserstein-1, the earth mover's distance) has the column's unit;
    `wasserstein_in_widths` is that in half-widths of the central 68.27 % of the values before, None where that is
    zero. `chi2` with `n_dof` is that of the two histograms as if they were independent, so that values well below
    `n_dof` are what is expected.
    """

    kolmogorov_smirnov: float
    ks_p_value: float
    wasserstein: float
    wasserstein_in_widths: float | None
    chi2: float
    n_dof: int


def distances(before: Floats, after: Floats, histograms: tuple[Histogram, Histogram]) -> Distances | None:
    """The distances between float64 values (rows,) before and after, finite both, with their histograms on common
    edges; None without values.
    """
    if not len(before):
        return None
    chi2, n_dof = histogram_chi2(*histograms)
    if np.array_equal(before, after):
        width, _ = half_widths(before)
        return Distances(0.0, 1.0, 0.0, 0.0 if width else None, chi2, n_dof)
    first, second = np.sort(before), np.sort(after)
    with warnings.catch_warnings():  # where the exact way fails, scipy takes the other one by itself
        warnings.simplefilter("ignore", RuntimeWarning)
        test = stats.ks_2samp(first, second, method="asymp" if len(first) > MOST_EXACT else "exact")
    with np.errstate(over="ignore", invalid="ignore"):
        moved = float(stats.wasserstein_distance(first, second))
    width, _ = half_widths(first)
    return Distances(
        kolmogorov_smirnov=float(test.statistic),
        ks_p_value=float(test.pvalue),
        wasserstein=moved,
        wasserstein_in_widths=moved / width if width else None,
        chi2=chi2,
        n_dof=n_dof,
    )


def histogram_chi2(before: Histogram, after: Histogram) -> tuple[float, int]:
    """Pearson's chi2 of the hypothesis that two independent histograms on common edges have one distribution, and its
    degrees of freedom, one less than the bins with rows; rows outside of the edges count as two more bins.

    With the same number of rows in both it is the sum of (a - b)^2 / (a + b).
    """
    first, second = (
        np.concatenate([[found.underflow], found.counts, [found.overflow]]).astype(np.float64)
        for found in (before, after)
    )
    total = first + second
    filled = total > 0
    n_first, n_second = first.sum(), second.sum()
    if not n_first or not n_second:
        return float("nan"), 0
    ratio = np.sqrt(n_second / n_first)
    differences = first[filled] * ratio - second[filled] / ratio
    return float(np.sum(differences**2 / total[filled])), int(np.count_nonzero(filled)) - 1


def standardised(before: Floats, after: Floats) -> tuple[Floats, Floats]:
    """Both (rows, columns), less the mean before and divided by the standard deviation before, of each column.

    Columns that are constant before are left out. Rows of a column where either value is not finite stand at its mean
    on both sides, so that they count as not moved.
    """
    used = np.isfinite(before) & np.isfinite(after)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        n_used = np.maximum(np.count_nonzero(used, axis=0), 1)
        means = np.sum(np.where(used, before, 0.0), axis=0) / n_used
        centred = np.where(used, before - means, 0.0)
        widths = np.sqrt(np.sum(centred**2, axis=0) / n_used)
        kept = np.isfinite(widths) & (widths > 1e-12 * np.abs(means))
        moved = np.where(used, after - means, 0.0)
        return centred[:, kept] / widths[kept], moved[:, kept] / widths[kept]


def sliced_wasserstein(before: Floats, after: Floats) -> float | None:
    """The Wasserstein-1 distance of two sets of as many points (rows, columns), each on a random direction, averaged
    over `N_DIRECTIONS` directions, always the same ones; in the unit of the columns. None without points or columns.

    Bonneel, Rabin, Peyre and Pfister, J. Math. Imaging Vision 51 (2015) 22.
    """
    if not before.size:
        return None
    directions = np.random.default_rng(SEED).normal(size=(N_DIRECTIONS, before.shape[1]))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):
        found = [
            float(np.mean(np.abs(np.sort(before @ direction) - np.sort(after @ direction)))) for direction in directions
        ]
    return float(np.mean(found))


def distance_of_halves(points: Floats) -> float | None:
    """The sliced Wasserstein distance between two halves of points (rows, columns), split at random: how far apart
    independent samples of one distribution lie. None with less than two points.
    """
    n_rows = len(points) // 2
    order = np.random.default_rng(SEED).permutation(len(points))
    return sliced_wasserstein(points[order[:n_rows]], points[order[n_rows : 2 * n_rows]])
