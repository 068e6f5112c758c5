import numpy as np
import pytest
from scipy import stats

from baler_vae.evaluation.joint import (
    LEAST_BINS,
    MOST_BINS,
    MOST_COLUMNS,
    Correlations,
    chosen_rows,
    equal_mass_bins,
    group_statistics,
    joint_columns,
    most_correlated,
    mutual_information,
)
from baler_vae.table.schema import TEXT, Column, Group


def correlations(before, after=None, cuts=()):
    found = Correlations(before.shape[1])
    for first, second in zip(np.split(before, cuts), np.split(before if after is None else after, cuts), strict=True):
        found.add(first, second)
    return found.matrices()


def correlated(seed, rho, n_rows=50_000):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_rows)
    return np.stack([x, rho * x + np.sqrt(1 - rho**2) * rng.normal(size=n_rows)], axis=1)


@pytest.mark.parametrize("offset", [0.0, 1e9, -1e12])
def test_correlations_are_those_of_numpy_however_large_the_mean_and_however_cut(offset):
    points = np.random.default_rng(0).normal(size=(3000, 4)) @ np.random.default_rng(1).normal(size=(4, 4))
    moved = points + offset
    before, after = correlations(moved, 2 * moved, cuts=[10, 700, 2500])
    # What numbers of this size cannot hold of the points is lost in them, not in the sums.
    expected = np.corrcoef((moved - offset).T)
    np.testing.assert_allclose(before, expected, atol=1e-10)
    np.testing.assert_allclose(after, expected, atol=1e-10)


def test_a_pair_uses_the_rows_that_it_has_on_both_sides():
    points = correlated(2, 0.5, 500)
    points = np.column_stack([points, np.arange(500.0)])
    after = points.copy()
    points[:100, 0], after[100:150, 1] = np.nan, np.inf
    before, _ = correlations(points, after, cuts=[50, 120])
    assert before[0, 1] == pytest.approx(np.corrcoef(points[150:, :2].T)[0, 1])
    assert before[0, 2] == pytest.approx(np.corrcoef(points[100:, 0], points[100:, 2])[0, 1])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e300])
def test_a_constant_is_correlated_with_nothing(value):
    points = np.column_stack([np.full(1000, value), np.arange(1000.0)])
    before, _ = correlations(points, cuts=[300])
    np.testing.assert_array_equal(np.isnan(before), [[True, True], [True, False]])


def test_swapped_columns_change_the_correlations():
    rng = np.random.default_rng(3)
    pair = correlated(4, 0.9, 5000)
    points = np.column_stack([pair, rng.normal(size=5000)])
    before, after = correlations(points, points[:, [0, 2, 1]])
    assert after[0, 2] == pytest.approx(before[0, 1])
    assert before[0, 1] > 0.89
    assert abs(after[0, 1]) < 0.05


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.9])
def test_the_mutual_information_of_gaussians_is_known(rho):
    found = mutual_information(correlated(5, rho, 200_000))
    expected = -0.5 * np.log2(1 - rho**2)
    assert found[0, 1] == pytest.approx(expected, abs=0.01 + 0.05 * expected)
    np.testing.assert_allclose(np.diag(found), np.log2(MOST_BINS), atol=1e-3)


def test_mutual_information_is_that_of_scipy_for_discrete_values():
    rng = np.random.default_rng(6)
    x = rng.integers(0, 4, 10_000)
    y = np.where(rng.random(10_000) < 0.3, x, rng.integers(0, 4, 10_000))
    joint = np.histogram2d(x, y, bins=4)[0]
    shares = joint / joint.sum()
    expected = stats.entropy(shares.ravel(), np.outer(shares.sum(1), shares.sum(0)).ravel(), base=2)
    found = mutual_information(np.stack([x, y], axis=1).astype(float))
    assert found[0, 1] == pytest.approx(expected, rel=1e-9)
    assert found[0, 0] == pytest.approx(stats.entropy(shares.sum(1), base=2), rel=1e-9)


def test_shuffling_loses_the_information_and_stretching_does_not():
    pair = correlated(7, 0.9, 100_000)
    before = mutual_information(pair)[0, 1]
    stretched = mutual_information(np.exp(3 * pair))[0, 1]
    assert stretched == pytest.approx(before, abs=1e-9)
    shuffled = np.stack([pair[:, 0], np.random.default_rng(8).permutation(pair[:, 1])], axis=1)
    assert before > 1
    assert mutual_information(shuffled)[0, 1] < 0.015


def test_few_rows_have_few_bins():
    independent = np.random.default_rng(9).normal(size=(2000, 2))
    found = mutual_information(independent)
    assert found[0, 0] == pytest.approx(np.log2(int(np.sqrt(2000 / 50))), abs=0.01)
    assert found[0, 1] < 0.05
    assert mutual_information(independent[:10])[0, 0] <= np.log2(LEAST_BINS)
    assert np.isnan(mutual_information(independent[:0])).all()


def test_missing_values_are_left_out_of_the_information():
    pair = correlated(10, 0.8, 100_000)
    holed = pair.copy()
    holed[::3, 0] = np.nan
    assert mutual_information(holed)[0, 1] == pytest.approx(mutual_information(pair)[0, 1], abs=0.02)
    assert np.isnan(mutual_information(np.full((100, 2), np.nan))).all()


def test_bins_have_equal_masses_and_equal_values_share_one():
    values = np.random.default_rng(11).exponential(size=8000)
    np.testing.assert_array_equal(np.bincount(equal_mass_bins(values, 8)), np.full(8, 1000))
    zeros = np.concatenate([np.zeros(6000), values[:2000] + 1e-9])
    bins = equal_mass_bins(zeros, 8)
    assert len(set(bins[:6000])) == 1
    assert not set(bins[:6000]) & set(bins[6000:])
    np.testing.assert_array_equal(equal_mass_bins(np.array([np.nan, 1.0, np.inf]), 4)[[0, 2]], [4, 4])


def test_columns_that_are_looked_at_together():
    floats = tuple(Column(f"f{i}", np.dtype(np.float32)) for i in range(30))
    flag, text = Column("flag", np.dtype(bool)), Column("text", TEXT)
    assert [c.name for c in joint_columns(Group("", (flag, text, *floats[:2])))] == ["f0", "f1", "flag"]
    assert len(joint_columns(Group("", (flag, *floats)))) == MOST_COLUMNS
    assert joint_columns(Group("", (flag, text))) == ()


def test_the_most_correlated_pairs_come_first():
    matrix = np.array([[1, 0.2, -0.9, np.nan], [0.2, 1, 0.5, np.nan], [-0.9, 0.5, 1, np.nan], [np.nan] * 4])
    assert most_correlated(matrix) == [(0, 2), (1, 2), (0, 1)]


def test_rows_are_chosen_once_each():
    np.testing.assert_array_equal(chosen_rows(5, 5), np.arange(5))
    rows = chosen_rows(1000, 100)
    assert len(set(rows.tolist())) == 100
    assert np.all(np.diff(rows) > 0)


def test_a_group_in_numbers():
    columns = tuple(Column(name, np.dtype(np.float64)) for name in "xyz")
    before = np.column_stack([correlated(12, 0.9, 20_000), np.random.default_rng(13).normal(size=20_000)])
    after = before.copy()
    after[:, 1] = np.random.default_rng(14).permutation(after[:, 1])
    found = group_statistics("Jet", columns, correlations(before, after), before, after)
    assert (found.group, found.names) == ("Jet", ("x", "y", "z"))
    assert found.correlation_before[0, 1] == pytest.approx(0.9, abs=0.01)
    assert found.mutual_information_before[0, 1] - found.mutual_information_after[0, 1] > 1
    assert found.sliced_wasserstein > 5 * found.sliced_wasserstein_of_halves
    first = found.densities[0]
    assert (first.x, first.y) == ("x", "y")
    expected, _, _ = np.histogram2d(before[:, 0], before[:, 1], bins=[first.x_edges, first.y_edges])
    np.testing.assert_array_equal(first.before, expected)
    assert first.before.shape == (len(first.x_edges) - 1, len(first.y_edges) - 1)
    assert first.before.sum() > 0.99 * 20_000
    assert np.abs(first.before - first.after).sum() > 5000
