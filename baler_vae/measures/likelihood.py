"""How strange rows are to an autoencoder: bounds on their likelihood, distances of their latents."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

Floats = NDArray[np.float64]

_CHUNK_ROWS: Final = 1 << 16
"""Rows times samples that are decoded at a time."""
_LEAST_PART: Final = 1e-12
"""Directions with less than this part of the largest variance count as constant: they are rounding."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Where points lie: their `mean` float64 (k,), and the directions float64 (k, directions) in which they vary, each
    divided by its standard deviation. Directions without variance are left out.
    """

    mean: Floats
    whitening: Floats

    @classmethod
    def of(cls, points: NDArray[np.floating]) -> Self:
        """That of points (rows, k), NaN in rows that do not count."""
        used = points[np.isfinite(points).all(axis=1)].astype(np.float64)
        if not len(used):
            return cls(np.zeros(points.shape[1]), np.empty((points.shape[1], 0)))
        mean = used.mean(axis=0)
        variances, directions = np.linalg.eigh((used - mean).T @ (used - mean) / max(1, len(used) - 1))
        kept = variances > _LEAST_PART * max(variances.max(), np.finfo(float).tiny)
        return cls(mean, directions[:, kept] / np.sqrt(variances[kept]))

    def squared_distances(self, points: NDArray[np.floating]) -> Floats:
        """The squared Mahalanobis distance of points (rows, k) from the mean, float64 (rows,)."""
        found: Floats = np.sum(((points - self.mean) @ self.whitening) ** 2, axis=1)
        return found


def negative_elbo(
    scores: NDArray[np.floating],
    means: NDArray[np.floating],
    log_variances: NDArray[np.floating],
    decode: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    variances: Floats,
    *,
    n_samples: int,
    generator: np.random.Generator,
) -> Floats:
    """Minus the importance-weighted bound on the log-likelihood of rows, in nats, float64 (rows,): with one sample the
    negative ELBO, with ever more of them minus the log-likelihood itself (Burda, Grosse, Salakhutdinov 2016).

    `scores` (rows, columns) are normal about what `decode` makes of latents float32 (n, k), with `variances` float64
    (columns,); latents are standard normal before anything is known, and have `means` and `log_variances` (rows, k)
    after.
    """
    x, centre, log_variance = (array.astype(np.float64) for array in (scores, means, log_variances))
    width = np.exp(0.5 * log_variance)
    constant = np.sum(np.log(2 * np.pi * variances))
    found = np.empty(len(x))
    step = max(1, _CHUNK_ROWS // n_samples)
    for start in range(0, len(x), step):
        rows = slice(start, start + step)
        noise = generator.standard_normal((len(x[rows]), n_samples, centre.shape[1]))
        latents = centre[rows, None] + noise * width[rows, None]  # (rows, samples, k)
        decoded = decode(latents.reshape(-1, latents.shape[-1]).astype(np.float32)).astype(np.float64)
        residuals = x[rows, None] - decoded.reshape(*latents.shape[:2], -1)  # (rows, samples, columns)
        of_scores = -0.5 * (np.sum(residuals**2 / variances, axis=-1) + constant)
        # The prior over the posterior: what both have in common, (2 pi)^(k / 2), cancels.
        of_latents = 0.5 * np.sum(noise**2 - latents**2 + log_variance[rows, None], axis=-1)
        found[rows] = np.log(n_samples) - logsumexp(of_scores + of_latents, axis=1)
    return found
