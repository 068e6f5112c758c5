"""Points of matrices of distances: what the rows before say of those behind."""

import numpy as np
import pytest

from baler_vae.model.distances import PointsOfRows


def matrices_of(points):
    """The distances (cells * rows,) of points (rows, points, 2)."""
    steps = points[:, :, None] - points[:, None]
    return np.ascontiguousarray(np.hypot(*np.moveaxis(steps, -1, 0)).reshape(len(points), -1).T).reshape(-1)


def told(distances, n_rows, n_points, row, points=None):
    """What is said of the cells of one row of the matrices, (points, rows)."""
    items = np.arange(row * n_points * n_rows, (row + 1) * n_points * n_rows)
    found = np.empty(len(items))
    points = points or PointsOfRows(n_rows, n_points)
    known = np.where(np.arange(len(distances)) < items[0], distances, np.nan)
    points.predict(items, known, -1.0, found)
    return found.reshape(n_points, n_rows)


@pytest.mark.parametrize("n_points", [4, 5, 12])
def test_points_of_a_plane_are_told_to_rounding(n_points):
    n_rows = 50
    points = np.random.default_rng(n_points).uniform(0, 10, (n_rows, n_points, 2))
    distances = matrices_of(points)
    own = PointsOfRows(n_rows, n_points)
    for row in range(n_points):
        found = told(distances, n_rows, n_points, row, own)
        if row < 3:
            assert (found == -1).all()
        else:
            expected = distances.reshape(n_points, n_points, n_rows)[row]
            assert np.quantile(np.abs(found - expected), 0.97) < 1e-9
            assert np.all(found[row] == 0)


def test_rows_of_matrices_may_come_again():
    distances = matrices_of(np.random.default_rng(0).normal(size=(7, 6, 2)))
    own = PointsOfRows(7, 6)
    for row in (5, 3, 4, 0, 5):
        assert told(distances, 7, 6, row, own).tobytes() == told(distances, 7, 6, row).tobytes()


def test_rounded_distances_are_told_the_better_the_more_are_known():
    n_rows, n_points = 200, 20
    distances = matrices_of(np.random.default_rng(0).uniform(0, 10, (n_rows, n_points, 2)))
    rounded = np.round(distances, 1)
    error = [
        np.median(np.abs(told(rounded, n_rows, n_points, row) - distances.reshape(n_points, n_points, -1)[row]))
        for row in (4, 19)
    ]
    assert error[1] < error[0]
    assert error[1] < 0.03


@pytest.mark.parametrize("matrix", [np.zeros((5, 5)), np.ones((5, 5)), np.diag(np.arange(5.0)), np.full((5, 5), 1e300)])
def test_what_no_points_have_is_told_too(matrix):
    """Any number may be said, and the same one each time."""
    distances = matrix.reshape(-1).copy()
    assert told(distances, 1, 5, 4).tobytes() == told(distances, 1, 5, 4).tobytes()
