"""Places from distances: points in a plane whose distances are those of a matrix, and which way is down."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Embedded:
    """Points float64 (n, particles, 2) around their centre of mass, and the `rest` float64 (n,): the part of the
    absolute eigenvalues of the Gram matrix that is not of the two leading ones, 0 for distances in a plane.
    """

    points: Floats
    rest: Floats


def embedded(distances: NDArray[np.floating]) -> Embedded:
    """The points in a plane of matrices (n, particles, particles) of distances: classical scaling (Torgerson 1952).

    Squared distances from the centre of mass give the Gram matrix of the points; its two leading eigenvectors, times
    the roots of their eigenvalues, are their places up to a rotation and a reflection.
    """
    squares = np.square(distances, dtype=np.float64)
    row_means = squares.mean(axis=2, keepdims=True)
    gram = -0.5 * (squares - row_means - row_means.transpose(0, 2, 1) + row_means.mean(axis=1, keepdims=True))
    values, vectors = np.linalg.eigh(gram)  # from the smallest on
    points = vectors[:, :, :-3:-1] * np.sqrt(np.maximum(values[:, None, :-3:-1], 0))
    total = np.abs(values).sum(axis=1)
    rest = 1 - np.abs(values[:, -2:]).sum(axis=1) / np.where(total > 0, total, 1)
    return Embedded(points, rest)


def upright(points: Floats) -> Floats:
    """Points (n, particles, 2), which stand in the order of their heights, rotated such that the second coordinate
    rises with the order most closely, in the sense of least squares; of the two mirror images the one in which the
    lowest particle lies left of the centre of mass. The centre of mass is 0.
    """
    centred = points - points.mean(axis=1, keepdims=True)
    ranks = np.arange(points.shape[1]) - (points.shape[1] - 1) / 2
    up = np.linalg.solve(np.einsum("nik,nil->nkl", centred, centred) + 1e-9 * np.eye(2), (ranks @ centred)[:, :, None])
    return _mirrored(turned(centred, np.pi / 2 - np.arctan2(up[:, 1, 0], up[:, 0, 0])))


def tumbled(points: Floats) -> Floats:
    """Points (n, particles, 2) as a tumbler comes to rest: of the sides of their convex hull the one that is nearest to
    the centre of mass lies below. Mirror images are chosen and the centre is as in `upright`.
    """
    centred = points - points.mean(axis=1, keepdims=True)
    return _mirrored(turned(centred, np.array([_angle_of_rest(one) for one in centred])))


def turned(points: Floats, angles: Floats) -> Floats:
    """Points (n, particles, 2) rotated by angles (n,) against the clock, in rad."""
    cosine, sine = np.cos(angles), np.sin(angles)
    rotation = np.stack([np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)], axis=1)
    return np.einsum("nkl,nil->nik", rotation, points)


def tilt(points: Floats, reference: Floats) -> Floats:
    """By which angle points (n, particles, 2) would have to be rotated, after a reflection where that helps, to lie on
    reference points (n, particles, 2) most closely, in degrees from 0 to 180, (n,).
    """
    own = points - points.mean(axis=1, keepdims=True)
    other = reference - reference.mean(axis=1, keepdims=True)
    angles, norms = [], []
    for sign in (1.0, -1.0):
        mirrored = own * [sign, 1.0]
        along = (mirrored * other).sum(axis=(1, 2))
        across = (mirrored[..., 0] * other[..., 1] - mirrored[..., 1] * other[..., 0]).sum(axis=1)
        angles.append(np.abs(np.degrees(np.arctan2(across, along))))
        norms.append(np.hypot(along, across))
    found: Floats = np.where(norms[0] >= norms[1], *angles)
    return found


def misplaced(points: Floats, reference: Floats) -> Floats:
    """The root of the mean squared distance of points (n, particles, 2) from reference points (n, particles, 2), (n,),
    where they are moved, rotated and reflected to be nearest to them (Kabsch 1976).
    """
    own = points - points.mean(axis=1, keepdims=True)
    other = reference - reference.mean(axis=1, keepdims=True)
    singular = np.linalg.svd(np.einsum("nik,nil->nkl", own, other), compute_uv=False)
    squares = (own**2).sum(axis=(1, 2)) + (other**2).sum(axis=(1, 2)) - 2 * singular.sum(axis=1)
    found: Floats = np.sqrt(np.maximum(squares, 0) / points.shape[1])
    return found


def _mirrored(points: Floats) -> Floats:
    signs = np.where(points[:, :1, :1] > 0, -1.0, 1.0)
    found: Floats = points * np.concatenate([signs, np.ones_like(signs)], axis=2)
    return found


def _angle_of_rest(points: Floats) -> float:
    """The angle by which points (particles, 2) around 0 must be rotated for the side nearest to 0 to lie below."""
    try:
        normals = ConvexHull(points).equations  # outward normal and minus the distance of each side
    except QhullError:  # all on a line, which lies down
        direction = np.linalg.svd(points)[2][0]
        return float(-np.arctan2(direction[1], direction[0]))
    nearest = normals[np.argmax(normals[:, 2])]
    return float(-np.pi / 2 - np.arctan2(nearest[1], nearest[0]))
