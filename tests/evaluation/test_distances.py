import numpy as np
import pytest
from scipy import stats

from baler_vae.evaluation.distances import (
    N_DIRECTIONS,
    distance_of_halves,
    distances,
    histogram_chi2,
    sliced_wasserstein,
    standardised,
)
from baler_vae.evaluation.histograms import Histogram, column_histograms
from baler_vae.evaluation.residuals import residuals


def compared(before, after, *, angle=False):
    pairs = residuals(before, after, angle=angle)
    histograms = column_histograms(before, after, angle=angle)
    return distances(pairs.values, pairs.restored, (histograms.before, histograms.after))


def normal(seed, n_rows=5000, **options):
    return np.random.default_rng(seed).normal(size=n_rows, **options)


def test_a_shift_is_the_wasserstein_distance():
    found = compared(normal(0), normal(0) + 0.25)
    assert found.wasserstein == pytest.approx(0.25)
    assert found.wasserstein_in_widths == pytest.approx(0.25, rel=0.05)
    assert found.kolmogorov_smirnov == pytest.approx(2 * stats.norm.cdf(0.125) - 1, abs=0.03)
    assert found.ks_p_value < 1e-10
    assert found.chi2 > 2 * found.n_dof


@pytest.mark.parametrize("n_rows", [40, 3000])
def test_independent_samples_are_judged_as_scipy_does(n_rows):
    before, after = normal(1, n_rows), normal(2, n_rows)
    found = compared(before, after)
    test = stats.ks_2samp(before, after, method="exact" if n_rows <= 100 else "asymp")
    assert (found.kolmogorov_smirnov, found.ks_p_value) == (test.statistic, test.pvalue)
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(before, after))


def test_a_uniform_spread_has_known_distances():
    rows = np.linspace(0, 1, 10_001)
    found = compared(rows, 2 * rows)
    assert found.kolmogorov_smirnov == pytest.approx(0.5, abs=1e-3)
    assert found.wasserstein == pytest.approx(0.5)


def test_nothing_moved():
    found = compared(normal(3), normal(3))
    assert (found.kolmogorov_smirnov, found.ks_p_value, found.wasserstein, found.chi2) == (0, 1, 0, 0)
    assert found.wasserstein_in_widths == 0
    assert found.n_dof > 50


def test_swapped_columns_are_seen_and_shuffled_ones_are_not():
    pt, mass = normal(4, scale=30.0) ** 2, normal(5, loc=90.0, scale=3.0)
    assert compared(mass, pt).kolmogorov_smirnov > 0.3
    assert compared(pt, np.random.default_rng(0).permutation(pt)).kolmogorov_smirnov == 0


def test_an_angle_that_crosses_pi_has_not_gone_round():
    phi = np.random.default_rng(6).uniform(-np.pi, np.pi, 10_000)
    after = np.where(phi + 0.01 < np.pi, phi + 0.01, phi + 0.01 - 2 * np.pi)
    assert compared(phi, after, angle=True).wasserstein == pytest.approx(0.01)
    assert compared(phi, np.where(phi < 0, phi + 2 * np.pi, phi), angle=True).wasserstein == pytest.approx(0, abs=1e-12)


def test_one_row_and_a_constant():
    found = compared(np.array([1.0]), np.array([2.0]))
    assert (found.kolmogorov_smirnov, found.ks_p_value, found.wasserstein) == (1, 1, 1)
    assert found.wasserstein_in_widths is None
    assert distances(np.empty(0), np.empty(0), (Histogram(np.arange(2.0), np.array([0]), 0, 0),) * 2) is None


def test_chi2_is_that_of_scipy():
    first = Histogram(np.arange(5.0), np.array([10, 0, 30, 5]), 4, 0)
    second = Histogram(np.arange(5.0), np.array([12, 0, 20, 9]), 1, 0)
    table = np.array([[4, 10, 30, 5], [1, 12, 20, 9]])
    expected = stats.chi2_contingency(table, correction=False)
    chi2, n_dof = histogram_chi2(first, second)
    assert (chi2, n_dof) == (pytest.approx(expected.statistic), expected.dof)


def test_chi2_of_independent_histograms_follows_its_degrees_of_freedom():
    edges = np.linspace(-3, 3, 31)
    found = []
    for seed in range(200):
        counts = [np.histogram(normal(seed + shift), edges)[0] for shift in (0, 1000)]
        found.append(histogram_chi2(*(Histogram(edges, n, 0, 5000 - n.sum()) for n in counts)))
    chi2, n_dof = np.mean(found, axis=0)
    assert chi2 == pytest.approx(n_dof, rel=0.05)


def test_sliced_distance_of_one_column_is_that_of_scipy():
    before, after = normal(7, 2000)[:, None], normal(8, 2000)[:, None] * 2
    assert sliced_wasserstein(before, after) == pytest.approx(
        stats.wasserstein_distance(before[:, 0], after[:, 0]), rel=1e-9
    )


def test_sliced_distance_of_a_shift_is_its_mean_projection():
    points = np.random.default_rng(9).normal(size=(500, 3))
    found = sliced_wasserstein(points, points + np.array([1.0, 0.0, 0.0]))
    # On a random direction in three dimensions a unit vector is uniform between -1 and 1.
    assert found == pytest.approx(0.5, abs=3 * np.sqrt(1 / 12 / N_DIRECTIONS))


def test_sliced_distance_sees_what_columns_alone_do_not():
    rng = np.random.default_rng(10)
    x = rng.normal(size=20_000)
    pairs = np.stack([x, 0.95 * x + np.sqrt(1 - 0.95**2) * rng.normal(size=len(x))], axis=1)
    shuffled = np.stack([pairs[:, 0], rng.permutation(pairs[:, 1])], axis=1)
    halves = distance_of_halves(pairs)
    assert sliced_wasserstein(pairs, shuffled) > 5 * halves
    assert sliced_wasserstein(pairs, pairs) == 0
    assert sliced_wasserstein(pairs, pairs + 1e-4 * rng.normal(size=pairs.shape)) < 0.1 * halves


def test_halves_differ_as_independent_samples_do():
    points = np.random.default_rng(11).normal(size=(20_000, 2))
    independent = np.random.default_rng(12).normal(size=(2, 10_000, 2))
    assert distance_of_halves(points) == pytest.approx(sliced_wasserstein(*independent), rel=0.5)
    assert distance_of_halves(points[:1]) is None


def test_columns_are_standardised_by_what_they_were():
    before = np.array([[1.0, 7.0, np.nan], [3.0, 7.0, 1.0], [np.inf, 7.0, 3.0]])
    after = np.array([[1.0, 8.0, 0.0], [5.0, 7.0, 1.0], [0.0, 7.0, 5.0]])
    first, second = standardised(before, after)
    np.testing.assert_array_equal(first, [[-1, 0], [1, -1], [0, 1]])
    np.testing.assert_array_equal(second, [[-1, 0], [3, -1], [0, 3]])


def test_no_points_have_no_distance():
    assert sliced_wasserstein(np.empty((0, 3)), np.empty((0, 3))) is None
    assert sliced_wasserstein(np.empty((5, 0)), np.empty((5, 0))) is None
