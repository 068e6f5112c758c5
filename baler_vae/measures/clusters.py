"""How many clusters points fall into: k-means by its elbow and silhouettes, Gaussian mixtures by BIC."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.measures.priors import Floats, sampled
from baler_vae.results import as_plain

CLUSTER_ROWS = 10_000
"""The most rows that clusters are sought among."""
SILHOUETTE_ROWS = 2_000
"""The most rows of which silhouettes are taken: their cost grows with the square."""


@dataclass(frozen=True)
class ClusterCount:
    """Points as `n` clusters.

    Attributes
    ----------
    n : int
        The clusters.
    inertia : float
        The sum of squared distances to the nearest centre of k-means, per row.
    silhouette : float or None
        The mean silhouette, from -1 to 1; None of one cluster.
    bic : float
        The Bayesian information criterion, per row, of a mixture of as many Gaussians; lower is better.
    """

    n: int
    inertia: float
    silhouette: float | None
    bic: float


@dataclass(frozen=True, eq=False)
class Clusters:
    """Points as several numbers of clusters.

    Attributes
    ----------
    counts : tuple of ClusterCount
        What is found of each number, rising from 1.
    elbow : int
        The number at the elbow of the inertia.
    by_silhouette : int
        The number with the largest silhouette; 1 where only one was tried.
    by_bic : int
        The size of the mixture with the lowest BIC.
    centres : np.ndarray
        The centres of k-means with the number that silhouettes choose, float64 (n, d), those of larger clusters first.
    n_rows, n_rows_silhouette : int
        The rows that were used.
    """

    counts: tuple[ClusterCount, ...]
    elbow: int
    by_silhouette: int
    by_bic: int
    centres: Floats
    n_rows: int
    n_rows_silhouette: int

    def to_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = as_plain(self, finite=True)
        return plain


def find_clusters(points: NDArray[np.generic], most: int, *, seed: int, most_rows: int = CLUSTER_ROWS) -> Clusters:
    """Points (rows, d) as 1, 2, ... `most` clusters, found on a sample of at most `most_rows` that is drawn with a
    seed.

    k-means of Lloyd with the starts of Arthur and Vassilvitskii (2007), the best of four; silhouettes of Rousseeuw,
    J. Comput. Appl. Math. 20 (1987) 53; mixtures with full covariances and BIC of Schwarz, Ann. Stat. 6 (1978) 461.

    Raises:
        UsageError: there are fewer rows, or fewer different ones, than clusters.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415  an extra
    from sklearn.metrics import silhouette_score  # noqa: PLC0415
    from sklearn.mixture import GaussianMixture  # noqa: PLC0415

    if most < 1:
        raise UsageError(f"{most} clusters", expected="at least 1")
    used = sampled(points, most_rows, seed)
    n_different = len(np.unique(used, axis=0))
    if n_different < most or len(used) <= most:
        raise UsageError(
            f"{n_different:,} different rows are too few for {most} clusters",
            expected=f"more than {most} rows, and {most} different ones",
            way_out="Ask for fewer with --clusters, or for none with --clusters 0",
        )
    few = np.sort(np.random.default_rng(seed).permutation(len(used))[:SILHOUETTE_ROWS])
    counts, found = [], {}
    for n in range(1, most + 1):
        means = KMeans(n, n_init=4, random_state=seed).fit(used)
        labels = means.labels_[few]
        told = 1 < len(np.unique(labels)) < len(few)
        mixture = GaussianMixture(n, random_state=seed, reg_covar=1e-6 * (float(np.var(used)) or 1.0)).fit(used)
        counts.append(
            ClusterCount(
                n=n,
                inertia=float(means.inertia_) / len(used),
                silhouette=float(silhouette_score(used[few], labels)) if told else None,
                bic=float(mixture.bic(used)) / len(used),
            )
        )
        sizes = np.bincount(means.labels_, minlength=n)
        found[n] = np.asarray(means.cluster_centers_, np.float64)[np.argsort(-sizes, kind="stable")]
    with_silhouette = [count for count in counts if count.silhouette is not None]
    chosen = max(with_silhouette, key=lambda count: (count.silhouette, -count.n), default=counts[0]).n
    return Clusters(
        counts=tuple(counts),
        elbow=elbow_of([count.inertia for count in counts]),
        by_silhouette=chosen,
        by_bic=min(counts, key=lambda count: (count.bic, count.n)).n,
        centres=found[chosen],
        n_rows=len(used),
        n_rows_silhouette=len(few),
    )


def elbow_of(inertias: list[float]) -> int:
    """The number of clusters, counted from 1, at which falling inertias lie farthest below the straight line from the
    first to the last, both axes scaled to [0, 1]: Satopaa et al., ICDCS Workshops (2011) 166.
    """
    values = np.asarray(inertias, np.float64)
    if len(values) < 3 or values[0] <= values[-1]:
        return 1
    below = 1 - np.linspace(0, 1, len(values)) - (values - values[-1]) / (values[0] - values[-1])
    return 1 + int(np.argmax(below))


def nearest_centre(points: NDArray[np.generic], centres: Floats) -> NDArray[np.int32]:
    """The number of the nearest of some centres (n, d) to each point (rows, d), int32 (rows,)."""
    distances = np.sum(centres**2, axis=1) - 2 * (np.asarray(points, np.float64) @ centres.T)  # (rows, n)
    nearest: NDArray[np.int32] = np.argmin(distances, axis=1).astype(np.int32)
    return nearest
