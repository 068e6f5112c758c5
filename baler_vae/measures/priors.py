"""How far latents, or any points, are from a prior or from each other: MMD, KL divergences, quantiles."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import digamma, gammaln, ndtri

from baler_vae.errors import UsageError

Floats = NDArray[np.float64]
Kernel = Literal["rbf", "imq"]

MMD_ROWS = 4096
"""The most rows of each set that an MMD is taken of: its cost grows with their square (1.2 s on one core)."""
MEDIAN_ROWS = 1024
"""The rows of each set of whose distances the median is taken, as the width of a kernel."""
KNN_ROWS = 8192
"""The most rows of each set whose nearest neighbours are searched."""
_BLOCK = 1024


def sampled(points: NDArray[np.generic], most: int, seed: int) -> Floats:
    """At most `most` of the points (rows, dimensions), drawn without replacement and kept in their order, float64."""
    if len(points) > most:
        points = points[np.sort(np.random.default_rng(seed).choice(len(points), most, replace=False))]
    return _doubles(points)


def mmd(
    x: NDArray[np.generic],
    y: NDArray[np.generic],
    *,
    kernel: Kernel = "rbf",
    width: float | Sequence[float] | Literal["median"] = "median",
    unbiased: bool = True,
    most_rows: int = MMD_ROWS,
    seed: int = 0,
) -> float:
    """The squared maximum mean discrepancy of two sets of points (n, d) and (m, d): zero between samples of one
    distribution, on average where it is `unbiased` (it may then be negative). Of sets above `most_rows` a sample is
    taken, drawn with `seed`.

    The kernel of points at a distance r is exp(-r^2 / 2 w^2) (`rbf`) or w^2 / (w^2 + r^2) (`imq`) at a width w, in the
    unit of the points; several widths give the sum of their kernels, `median` the median distance of all points.

    Gretton et al., J. Mach. Learn. Res. 13 (2012) 723, equations 3 and 5; the inverse multiquadric as in
    Tolstikhin et al., arXiv:1711.01558, where w^2 is the expected squared distance.

    Raises:
        UsageError: the sets have other dimensions, too few points or values that are not finite, or a width is not
            positive.
    """
    x, y = _checked(x, y, least=2)
    x, y = sampled(x, most_rows, seed), sampled(y, most_rows, seed + 1)
    widths = _widths(x, y, width, seed)
    of_kernel = _rbf if kernel == "rbf" else _imq

    def total(first: Floats, second: Floats) -> float:
        return math.fsum(
            float(np.sum(of_kernel(_squared_distances(first[at : at + _BLOCK], second), own)))
            for at in range(0, len(first), _BLOCK)
            for own in widths
        )

    n, m = len(x), len(y)
    within_x, within_y, between = total(x, x), total(y, y), total(x, y)
    if not unbiased:
        return within_x / n**2 + within_y / m**2 - 2 * between / (n * m)
    diagonal = len(widths)  # the kernel of a point with itself is 1
    return (within_x - n * diagonal) / (n * (n - 1)) + (within_y - m * diagonal) / (m * (m - 1)) - 2 * between / (n * m)


def median_distance(x: NDArray[np.generic], y: NDArray[np.generic], *, seed: int = 0) -> float:
    """The median distance between different points of two sets (n, d) and (m, d) taken together, on a sample of at most
    `MEDIAN_ROWS` of each; 1 where it is zero.
    """
    points = np.concatenate([sampled(x, MEDIAN_ROWS, seed), sampled(y, MEDIAN_ROWS, seed + 1)])
    squared = _squared_distances(points, points)
    found = math.sqrt(float(np.median(squared[np.triu_indices(len(points), 1)])))
    return found or 1.0


def knn_kl(
    x: NDArray[np.generic],
    y: NDArray[np.generic] | None = None,
    *,
    k: int = 5,
    most_rows: int = KNN_ROWS,
    seed: int = 0,
) -> float:
    """An estimate of the KL divergence, in nats, of the distribution of x (n, d) from that of y (m, d), or from the
    standard normal where y is None, by the distances to the k-th nearest neighbour. Of sets above `most_rows` a sample
    is taken, drawn with `seed`.

    In many dimensions it errs on the low side, far less between samples (-0.05 nats of two normal sets of 8,192 rows
    in 40 dimensions) than against the normal itself (-4.0). Rows with k copies of themselves have no such distance and
    are left out; where more than half of the rows are such the result is infinite, as it is of every discrete
    distribution.

    Between samples: Wang, Kulkarni and Verdu, IEEE Trans. Inf. Theory 55 (2009) 2392, equation 5. Against the normal:
    minus the entropy of Kozachenko and Leonenko (1987), less the mean of the normal's logarithm.

    Raises:
        UsageError: there are not more than k points, the sets have other dimensions or values that are not finite.
    """
    if k < 1:
        raise UsageError(f"k = {k} nearest neighbours", expected="at least 1")
    x, other = _checked(x, x if y is None else y, least=k + 1)
    x = sampled(x, most_rows, seed)
    n, n_dimensions = len(x), int(x.shape[1])
    own: Floats = cKDTree(x).query(x, k + 1)[0][:, k]
    used = own > 0
    if np.count_nonzero(used) * 2 < n:
        return math.inf
    log_own: Floats = np.log(own[used])
    if y is None:
        log_volume = 0.5 * n_dimensions * math.log(math.pi) - float(gammaln(0.5 * n_dimensions + 1))
        entropy = float(digamma(n) - digamma(k)) + log_volume + n_dimensions * float(np.mean(log_own))
        log_normal = -0.5 * n_dimensions * math.log(2 * math.pi) - 0.5 * float(np.mean(np.sum(x[used] ** 2, axis=1)))
        return -entropy - log_normal
    other = sampled(other, most_rows, seed + 1)
    across: Floats = cKDTree(other).query(x[used], [k])[0][:, 0]
    with np.errstate(divide="ignore"):
        return n_dimensions * float(np.mean(np.log(across) - log_own)) + math.log(len(other) / (n - 1))


def normal_kl(means: NDArray[np.generic], log_variances: NDArray[np.generic]) -> Floats:
    """The KL divergence, in nats, of Gaussians from the standard normal, float64 (rows, k), from their means and
    log-variances (rows, k): Kingma and Welling, arXiv:1312.6114, appendix B.
    """
    centres, logs = _doubles(means), _doubles(log_variances)
    return 0.5 * (centres**2 + np.exp(logs) - 1 - logs)


def gaussian_kl(mean: NDArray[np.generic], covariance: NDArray[np.generic]) -> float:
    """The KL divergence, in nats, of a Gaussian with a mean (d,) and a covariance (d, d) from the standard normal;
    infinite where the covariance is singular.
    """
    centre, spread = _doubles(mean), _doubles(covariance)
    sign, log_determinant = np.linalg.slogdet(spread)
    if sign <= 0:
        return math.inf
    return float(0.5 * (np.trace(spread) + centre @ centre - len(centre) - log_determinant))


def normal_quantiles(values: NDArray[np.generic], n_points: int = 101) -> tuple[Floats, Floats]:
    """Quantiles of the standard normal and of values (rows,), both float64 (points,), for a Q-Q plot: of every value,
    or of `n_points` that are evenly spread along the normal.

    The i-th of n values in order stands at the probability (i - 1/2) / n: Hazen (1914).
    """
    ordered = np.sort(_doubles(values))
    expected: Floats = ndtri((np.arange(len(ordered)) + 0.5) / max(1, len(ordered)))
    if len(ordered) <= n_points:
        return expected, ordered
    points = np.linspace(expected[0], expected[-1], n_points)
    return points, np.interp(points, expected, ordered)


def _doubles(values: NDArray[np.generic]) -> Floats:
    return np.asarray(values, np.float64)


def _checked(x: NDArray[np.generic], y: NDArray[np.generic], *, least: int) -> tuple[Floats, Floats]:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not x.shape[1]:
        raise UsageError(
            f"points of shapes {x.shape} and {y.shape}", expected="(rows, dimensions), as many dimensions in both"
        )
    if min(len(x), len(y)) < least:
        raise UsageError(f"{min(len(x), len(y)):,} rows", expected=f"at least {least:,}")
    first, second = _doubles(x), _doubles(y)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise UsageError("points with values that are not finite", way_out="Leave those rows out")
    return first, second


def _widths(x: Floats, y: Floats, width: float | Sequence[float] | str, seed: int) -> list[float]:
    if isinstance(width, str):
        if width != "median":
            raise UsageError(f"width {width!r}", expected="'median', a number or several numbers")
        return [median_distance(x, y, seed=seed)]
    widths = [float(own) for own in (width if isinstance(width, Sequence) else [width])]
    if not widths or not all(0 < own < math.inf for own in widths):
        raise UsageError(f"widths of a kernel {widths}", expected="positive numbers")
    return widths


def _squared_distances(first: Floats, second: Floats) -> Floats:
    squared = np.sum(first**2, axis=1)[:, None] + np.sum(second**2, axis=1)[None, :] - 2 * (first @ second.T)  # (n, m)
    positive: Floats = np.maximum(squared, 0.0)
    return positive


def _rbf(squared: Floats, width: float) -> Floats:
    kernel: Floats = np.exp(squared / (-2 * width**2))
    return kernel


def _imq(squared: Floats, width: float) -> Floats:
    return width**2 / (width**2 + squared)
