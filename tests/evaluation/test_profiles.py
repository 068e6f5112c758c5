from itertools import pairwise

import numpy as np
import pytest

from baler_vae.evaluation.histograms import column_histograms
from baler_vae.evaluation.profiles import PERCENTS, column_statistics, profile, profiled
from baler_vae.evaluation.residuals import residuals


def statistics(before, after, *, angle=False, against=None):
    pairs = residuals(before, after, angle=angle)
    return column_statistics("x", pairs, column_histograms(before, after, angle=angle), angle=angle, against=against)


def test_bins_hold_equally_many_rows_and_the_tails_their_own():
    values = np.random.default_rng(0).exponential(size=10_000)
    found = profile("x", values, np.zeros(10_000), "residual")
    assert (found.edges[0], found.edges[-1]) == (values.min(), values.max())
    np.testing.assert_allclose(found.n, np.diff(PERCENTS) * 100, atol=1)
    assert found.n.sum() == 10_000


def test_a_response_that_grows_with_the_value_is_seen_bin_by_bin():
    pt = np.linspace(10, 110, 100_001)
    found = statistics(pt, pt * (1 + pt / 1000)).by_value
    assert (found.against, found.of) == ("x", "response")
    centres = np.array([pt[(pt >= low) & (pt <= high)].mean() for low, high in pairwise(found.edges)])
    np.testing.assert_allclose(found.mean, centres / 1000, rtol=1e-3)
    # Within a bin the response is uniform: the central 68.27 % are that part of its width.
    np.testing.assert_allclose(found.half_width_68, 0.6827 * np.diff(found.edges) / 2000, rtol=0.02)
    np.testing.assert_allclose(found.rms**2 - found.mean**2, (np.diff(found.edges) / 1000) ** 2 / 12, rtol=0.02)


def test_the_width_of_a_gaussian_is_its_half_width():
    rng = np.random.default_rng(1)
    pt = rng.uniform(20, 100, 200_000)
    found = statistics(pt, pt * (1 + rng.normal(0, 0.02, len(pt)))).by_value
    big = found.n > 5000
    np.testing.assert_allclose(found.half_width_68[big], 0.02, rtol=0.05)
    np.testing.assert_allclose(found.rms[big], 0.02, rtol=0.05)


def test_damage_in_one_range_of_another_column_is_found_there():
    rng = np.random.default_rng(2)
    pt, mass = rng.uniform(0, 100, 50_000), rng.uniform(50, 60, 50_000)
    found = statistics(mass, np.where(pt > 90, mass * 1.1, mass), against=("pt", pt)).by_column
    assert (found.against, found.of) == ("pt", "response")
    below, above = found.edges[1:] < 89, found.edges[:-1] > 90
    assert np.all(found.mean[below] == 0)
    np.testing.assert_allclose(found.mean[above], 0.1, rtol=1e-9)


def test_rows_without_the_other_value_are_left_out():
    x = np.arange(1.0, 101)
    other = np.where(np.arange(100) % 2, np.arange(100.0), np.nan)
    before = np.where(np.arange(100) < 10, np.nan, x)
    found = statistics(before, before + 1, against=("y", other))
    assert found.by_column.n.sum() == 45
    assert found.by_value.n.sum() == 90


@pytest.mark.parametrize(
    ("values", "angle", "of"),
    [
        (np.ones(100), False, "response"),
        (-np.ones(100), False, "response"),
        (np.repeat([0.0, 1.0], [1, 99]), False, "response"),
        (np.repeat([0.0, 1.0], [2, 98]), False, "residual"),
        (np.linspace(-2, 2, 100), False, "residual"),
        (np.ones(100), True, "residual"),
    ],
    ids=["positive", "negative", "a few zeros", "many zeros", "both signs", "angle"],
)
def test_what_is_close_to_zero_is_not_divided_by(values, angle, of):
    assert profiled(values, angle=angle) == of


def test_an_angle_rounded_across_pi_has_small_residuals_in_every_bin():
    phi = np.random.default_rng(3).uniform(-np.pi, np.pi, 20_000)
    rounded = np.round(phi, 2)
    after = np.where(rounded >= np.pi - 0.005, rounded - 2 * np.pi, rounded)
    assert np.max(np.abs(after - phi)) > 6
    found = statistics(phi, after, angle=True).by_value
    assert found.of == "residual"
    assert np.all(found.rms < 0.005)
    np.testing.assert_allclose(found.rms, 0.01 / np.sqrt(12), rtol=0.15)


def test_nothing_is_drawn_where_nothing_moved_or_nothing_varies():
    same = statistics(np.arange(50.0), np.arange(50.0), against=("y", np.arange(50.0)))
    assert (same.by_value, same.by_column) == (None, None)
    assert same.distances.kolmogorov_smirnov == 0
    constant = statistics(np.full(50, 3.0), np.full(50, 4.0), against=("y", np.full(50, 1.0)))
    assert (constant.by_value, constant.by_column) == (None, None)
    none = statistics(np.full(5, np.nan), np.full(5, np.nan))
    assert (none.distances, none.by_value, none.by_column) == (None, None, None)


def test_integers_have_a_bin_for_each_of_few_values():
    before = np.repeat([1, 2, 3], 100)
    found = statistics(before, before + (before == 2)).by_value
    np.testing.assert_array_equal(found.edges, [1, 2, 3])
    np.testing.assert_array_equal(found.n, [100, 200])
    np.testing.assert_array_equal(found.mean, [0, 0.25])


def test_an_empty_bin_has_no_numbers():
    found = profile("x", np.array([0.0, 0.0, 10.0]), np.ones(3), "residual")
    assert found.n.sum() == 3
    np.testing.assert_array_equal(np.isnan(found.mean), found.n == 0)
    assert np.isnan(found.half_width_68[found.n == 0]).all()
    assert (found.n == 0).any()
