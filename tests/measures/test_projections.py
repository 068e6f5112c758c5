"""Principal components against numpy's singular values; t-SNE of groups that are apart."""

import numpy as np
import pytest

from baler_vae.measures.projections import principal, projected, scaled, tsne


def test_principal_components_are_those_of_singular_values():
    points = np.random.default_rng(1).normal(size=(200, 4)) @ np.diag([3.0, 2.0, 1.0, 0.1]) + 5
    found = principal(points)
    _, values, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(found.explained, values**2 / np.sum(values**2))
    np.testing.assert_allclose(np.abs(found.axes @ axes.T), np.eye(4), atol=1e-9)
    assert (found.axes[np.arange(4), np.abs(found.axes).argmax(axis=1)] > 0).all()
    assert found.participation == pytest.approx(np.sum(values**2) ** 2 / np.sum(values**4))
    on_axes = projected(points, found, points.mean(axis=0))
    np.testing.assert_allclose(np.var(on_axes, axis=0) * 200, values[:2] ** 2)


def test_one_dimension_and_equal_points_are_no_trouble():
    line = np.array([[1.0], [2.0], [4.0]])
    found = principal(line)
    assert found.participation == 1
    assert projected(line, found, line.mean(axis=0))[:, 1].tolist() == [0, 0, 0]
    still = principal(np.ones((5, 2)))
    assert still.explained.tolist() == [0, 0]
    assert still.participation == 0


def test_columns_are_scaled_without_those_that_are_constant():
    found = scaled([np.array([1, 3]), np.array([7.0, 7.0]), np.array([False, True])])
    assert found.tolist() == [[-1, -1], [1, 1]]
    assert scaled([np.ones(3)]).shape == (3, 1)


def test_tsne_keeps_groups_apart_and_repeats_itself():
    generator = np.random.default_rng(0)
    points = np.concatenate([generator.normal(0, 0.1, (20, 3)), generator.normal(5, 0.1, (20, 3))])
    found = tsne(points, 3)
    np.testing.assert_array_equal(found, tsne(points, 3))
    within = np.linalg.norm(found[:20] - found[:20].mean(axis=0), axis=1).max()
    assert np.linalg.norm(found[:20].mean(axis=0) - found[20:].mean(axis=0)) > within
    assert tsne(points[:3], 0).tolist() == np.zeros((3, 2)).tolist()
