"""How far points are from a prior, against sums and closed forms."""

import math

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.measures.priors import (
    gaussian_kl,
    knn_kl,
    median_distance,
    mmd,
    normal_kl,
    normal_quantiles,
)


def _direct(x, y, kernel, *, unbiased):
    """The definition, pair by pair."""
    n, m = len(x), len(y)
    of_x = [kernel(x[i] - x[j]) for i in range(n) for j in range(n) if not (unbiased and i == j)]
    of_y = [kernel(y[i] - y[j]) for i in range(m) for j in range(m) if not (unbiased and i == j)]
    return np.mean(of_x) + np.mean(of_y) - 2 * np.mean([kernel(a - b) for a in x for b in y])


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize(
    ("name", "widths"), [("rbf", 0.7), ("rbf", (0.5, 1.0, 2.0)), ("imq", 1.5), ("imq", [1.0, 3.0])]
)
def test_mmd_is_the_double_sum(name, widths, unbiased):
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(23, 3)), generator.normal(0.5, 1.3, size=(31, 3))
    several = widths if isinstance(widths, list | tuple) else [widths]

    def kernel(difference):
        squared = difference @ difference
        return sum(math.exp(-squared / (2 * w * w)) if name == "rbf" else w * w / (w * w + squared) for w in several)

    found = mmd(x, y, kernel=name, width=widths, unbiased=unbiased)
    assert found == pytest.approx(_direct(x, y, kernel, unbiased=unbiased), abs=1e-12)


def test_mmd_of_gaussians_is_what_theory_expects():
    # E k(a - b) of a - b ~ N(m, v I) is (w^2 / (w^2 + v))^(d/2) exp(-m^2 / 2 (w^2 + v)).
    width, shift, variance, dimensions = 1.2, 0.8, 0.49, 2
    generator = np.random.default_rng(3)
    x = generator.normal(size=(3000, dimensions))
    y = generator.normal(0, math.sqrt(variance), size=(3000, dimensions)) + np.array([shift, 0])

    def expected(difference_variance, distance):
        total = width**2 + difference_variance
        return (width**2 / total) ** (dimensions / 2) * math.exp(-(distance**2) / (2 * total))

    theory = expected(2, 0) + expected(2 * variance, 0) - 2 * expected(1 + variance, shift)
    assert mmd(x, y, width=width) == pytest.approx(theory, rel=0.05)
    assert abs(mmd(x, generator.normal(size=(3000, dimensions)), width=width)) < 1e-3


def test_median_is_that_of_all_pairs():
    x, y = np.array([[0.0], [1.0]]), np.array([[3.0], [7.0]])
    assert median_distance(x, y) == pytest.approx(math.sqrt((9 + 16) / 2))  # of 1, 2, 3, 4, 6, 7: squares are averaged
    assert median_distance(np.zeros((3, 2)), np.zeros((4, 2))) == 1
    assert mmd(x, y) == mmd(x, y, width=median_distance(x, y))


def test_a_sample_is_drawn_with_the_seed():
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(500, 2)), generator.normal(size=(500, 2))
    small = [mmd(x, y, most_rows=100, seed=seed) for seed in (1, 1, 2)]
    assert small[0] == small[1] != small[2]
    assert mmd(x, y, most_rows=100, seed=1) != mmd(x, y)


def test_neighbours_tell_the_divergence_of_gaussians():
    generator = np.random.default_rng(5)
    mean, spread = np.array([0.5, -0.3]), np.array([0.6, 1.4])
    x = mean + spread * generator.normal(size=(6000, 2))
    theory = gaussian_kl(mean, np.diag(spread**2))
    assert knn_kl(x) == pytest.approx(theory, abs=0.04)
    assert knn_kl(x, generator.normal(size=(8000, 2))) == pytest.approx(theory, abs=0.06)
    assert knn_kl(generator.normal(size=(6000, 3))) == pytest.approx(0, abs=0.04)


def test_copies_of_points_have_no_density():
    points = np.random.default_rng(0).normal(size=(400, 1))
    with_copies = np.concatenate([points, np.zeros((20, 1))])
    assert math.isfinite(knn_kl(with_copies, k=3))
    assert knn_kl(np.repeat(points, 5, axis=0), k=3) == math.inf


def test_closed_forms_agree():
    means, log_variances = np.array([[0.4, -1.0, 0.0]]), np.array([[0.2, -2.0, 0.0]])
    one_by_one = normal_kl(means, log_variances)
    assert one_by_one[0, 2] == 0
    assert one_by_one.sum() == pytest.approx(gaussian_kl(means[0], np.diag(np.exp(log_variances[0]))))
    turned, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    same = gaussian_kl(turned @ means[0], turned @ np.diag(np.exp(log_variances[0])) @ turned.T)
    assert same == pytest.approx(one_by_one.sum())
    assert gaussian_kl(np.zeros(2), np.ones((2, 2))) == math.inf


def test_quantiles_of_a_normal_lie_on_the_diagonal():
    values = np.random.default_rng(7).normal(2, 3, size=20_000)
    expected, found = normal_quantiles(values)
    assert len(expected) == len(found) == 101
    middle = np.abs(expected) < 2
    np.testing.assert_allclose(found[middle], 2 + 3 * expected[middle], atol=0.25)
    expected, found = normal_quantiles(np.array([5.0, 1.0]))
    np.testing.assert_allclose(expected, [-0.6744897501960817, 0.6744897501960817])
    assert found.tolist() == [1, 5]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (lambda: mmd(np.zeros((3, 2)), np.zeros((3, 1))), "shapes"),
        (lambda: mmd(np.zeros((3, 0)), np.zeros((3, 0))), "shapes"),
        (lambda: mmd(np.zeros((1, 2)), np.zeros((3, 2))), "1 rows"),
        (lambda: mmd(np.full((3, 2), np.nan), np.zeros((3, 2))), "not finite"),
        (lambda: mmd(np.zeros((3, 2)), np.zeros((3, 2)), width=0), "positive"),
        (lambda: mmd(np.zeros((3, 2)), np.zeros((3, 2)), width=()), "positive"),
        (lambda: mmd(np.zeros((3, 2)), np.zeros((3, 2)), width="mean"), "width 'mean'"),
        (lambda: knn_kl(np.zeros((5, 2)), k=5), "at least 6"),
        (lambda: knn_kl(np.zeros((5, 2)), k=0), "at least 1"),
    ],
)
def test_what_cannot_be_measured(asked, said):
    with pytest.raises(UsageError, match=said):
        asked()
