"""Points in fewer dimensions: principal components, t-SNE."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.measures.information import participation_ratio

Floats = NDArray[np.float64]

TSNE_ROWS = 20_000
"""The most rows that t-SNE may be asked for."""
_PERPLEXITY = 30.0


@dataclass(frozen=True, eq=False)
class Principal:
    """Principal components of points.

    Attributes
    ----------
    explained : np.ndarray
        The part of the variance along each axis, float64 (axes,), falling; its sum is 1, or 0 of equal points.
    axes : np.ndarray
        The axes, float64 (axes, dimensions), of which the largest entry is positive.
    participation : float
        The participation ratio (sum of variances)^2 / sum of squared variances: the number of axes that matter.
    """

    explained: Floats
    axes: Floats
    participation: float


def principal(points: NDArray[np.generic]) -> Principal:
    """The principal components of points (rows, d), by the eigenvectors of their covariance."""
    given = np.asarray(points, np.float64)
    centred = given - given.mean(axis=0)
    variances, vectors = np.linalg.eigh(centred.T @ centred / len(given))
    variances, axes = np.maximum(variances[::-1], 0.0), vectors.T[::-1]
    signs = np.sign(axes[np.arange(len(axes)), np.argmax(np.abs(axes), axis=1)])
    total = float(variances.sum())
    return Principal(
        explained=variances / total if total else np.zeros_like(variances),
        axes=axes * signs[:, None],
        participation=participation_ratio(variances) if total else 0.0,
    )


def projected(points: NDArray[np.generic], of: Principal, centre: NDArray[np.generic]) -> Floats:
    """The first two principal components of points (rows, d) around a centre (d,), float64 (rows, 2), of which the
    second is zero where there is one dimension.
    """
    found = (np.asarray(points, np.float64) - np.asarray(centre, np.float64)) @ of.axes[:2].T
    return found if found.shape[1] == 2 else np.hstack([found, np.zeros((len(found), 1))])


def scaled(columns: list[NDArray[np.generic]]) -> Floats:
    """Columns (rows,) as points, float64 (rows, columns), each less its mean and over its standard deviation; without
    those that are constant.
    """
    found = [values.astype(np.float64) for values in columns]
    found = [(values - values.mean()) / values.std() for values in found if values.std() > 0]
    return np.stack(found, axis=1) if found else np.zeros((len(columns[0]) if columns else 0, 1))


def tsne(points: NDArray[np.generic], seed: int) -> Floats:
    """Points (rows, d) in two dimensions, float64 (rows, 2), by t-SNE with perplexity 30, or a third of the rows where
    they are fewer than 90; zeros of fewer than four rows.

    Van der Maaten and Hinton, J. Mach. Learn. Res. 9 (2008) 2579, in the way of Barnes and Hut. Distances between
    groups of points and sizes of groups mean little in it.
    """
    from sklearn.manifold import TSNE  # noqa: PLC0415  an extra

    given = np.asarray(points, np.float32)
    if len(given) < 4:
        return np.zeros((len(given), 2))
    perplexity = min(_PERPLEXITY, (len(given) - 1) / 3)
    start = "pca" if given.shape[1] > 1 else "random"
    found = TSNE(n_components=2, perplexity=perplexity, init=start, random_state=seed).fit_transform(given)
    return np.asarray(found, np.float64)
