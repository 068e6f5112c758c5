"""Distances of samples against scipy, closed forms, and the spread of repetitions."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, wasserstein_distance

from baler_vae.measures.distances import block_mmd, column_distance, event_rows, sliced_distances, standardised


def distance_of(a, b, events=None, **options):
    return column_distance("x", "g", a, b, events or (np.arange(len(a)), np.arange(len(b))), **{"seed": 1, **options})


@pytest.mark.parametrize("digits", [0, 2, 12])
def test_columns_have_the_distances_of_scipy(digits):
    rng = np.random.default_rng(digits)
    a, b = rng.normal(size=400).round(digits), rng.normal(0.2, 1.3, 300).round(digits)
    with_nan = np.append(a, [np.nan, np.inf])
    found = distance_of(with_nan, b)
    test = ks_2samp(a, b, method="asymp")
    assert found.ks.value == pytest.approx(test.statistic, abs=1e-12)
    assert found.ks_p_value == pytest.approx(test.pvalue, abs=0.01)
    assert found.wasserstein.value == pytest.approx(wasserstein_distance(a, b))
    assert found.wasserstein_in_widths == pytest.approx(found.wasserstein.value, rel=0.2)
    assert (found.n_a, found.n_b, found.n_without_a, found.n_without_b) == (400, 300, 2, 0)


@pytest.mark.parametrize("objects", [1, 5])
def test_errors_are_the_spread_of_repetitions(objects):
    rng, n = np.random.default_rng(3), 200
    events = np.repeat(np.arange(n), objects), np.repeat(np.arange(n), objects)
    found = [
        distance_of(np.repeat(rng.normal(size=n), objects), np.repeat(rng.normal(1, 1, n), objects), events, seed=seed)
        for seed in range(60)
    ]
    for name in ("ks", "wasserstein"):
        values = [getattr(one, name).value for one in found]
        assert np.mean([getattr(one, name).error for one in found]) == pytest.approx(np.std(values), rel=0.3)


def test_equal_samples_have_no_distance():
    values = np.random.default_rng(4).normal(size=100)
    same = distance_of(values, values[::-1])
    assert (same.ks.value, same.wasserstein.value, same.ks_p_value) == (0.0, 0.0, 1.0)
    constant = distance_of(np.ones(5), np.full(7, 3.0))
    assert (constant.ks.value, constant.wasserstein.value, constant.wasserstein_in_widths) == (1.0, 2.0, None)
    nothing = distance_of(np.full(3, np.nan), np.ones(2))
    assert np.isnan(nothing.ks.value)
    assert nothing.n_without_a == 3


def test_standardised_columns():
    rng = np.random.default_rng(5)
    a = np.stack([rng.normal(3, 2, 100), np.full(100, 7.0), np.full(100, 7.0)], axis=1)
    b = np.stack([rng.normal(3, 2, 90), np.full(90, 7.0), np.full(90, 9.0)], axis=1)
    b[5, 0] = np.nan
    first, second = standardised(a, b)
    assert first.shape == (100, 2)  # what is the same constant in both is left out
    assert second.shape == (89, 2)
    assert first[:, 0].mean() == pytest.approx(0)
    assert first[:, 0].std() == pytest.approx(1)
    assert second[:, 1] == pytest.approx(np.full(89, 2.0))


def test_mmd_is_zero_for_one_distribution_and_known_for_two():
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(2, 4_000, 2))
    same = block_mmd(a, b, seed=1)
    assert abs(same.value) < 4 * same.error
    far = block_mmd(a, b + 1.0, seed=1)
    assert far.value > 10 * far.error
    assert block_mmd(a, b + 1.0, seed=1) == far
    assert block_mmd(a[:15], b, seed=1) is None
    assert block_mmd(a[:, :0], b[:, :0], seed=1) is None


def test_sliced_distance_of_a_shift_is_its_mean_projection():
    rng = np.random.default_rng(7)
    a = rng.normal(size=(3_000, 2))
    found, expected = sliced_distances(a, rng.normal((2.0, 0.0), 1.0, (2_000, 2)), seed=1)
    assert found.value == pytest.approx(2 * 2 / np.pi, rel=0.2)  # the mean of |cos| times the shift
    assert 0 < found.error < 0.1
    assert expected.value < 1.2 * found.value
    same, expected = sliced_distances(a, rng.normal(size=(2_000, 2)), seed=1)
    assert same.value == pytest.approx(expected.value, abs=5 * expected.error)
    one = rng.normal(size=(501, 1))
    two = rng.normal(size=(700, 1))
    assert sliced_distances(one, two, seed=1)[0].value == pytest.approx(wasserstein_distance(one[:, 0], two[:, 0]))
    assert sliced_distances(a[:0], a, seed=1) is None


def test_events_as_rows():
    counts = np.array([2, 0, 1])
    rows = event_rows([np.array([7.0, 8.0, 9.0])], [(counts, [np.array([1.0, 2.0, 3.0])])], n_objects=2)
    nan = np.nan
    assert np.array_equal(rows, [[7, 2, 1, 2], [8, 0, nan, nan], [9, 1, 3, nan]], equal_nan=True)
