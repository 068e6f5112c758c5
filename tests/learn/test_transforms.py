"""What each kind of transform promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.learn.transforms import fit_transform

KINDS = ["standard", "min-max", "asinh", "quantile"]
SKEWED = np.random.default_rng(0).lognormal(2, 1.5, 5_000)


@pytest.mark.parametrize("kind", KINDS)
def test_values_come_back(kind):
    transform = fit_transform(kind, SKEWED)
    beyond = np.append(SKEWED, [0.5 * SKEWED.min(), 2 * SKEWED.max(), -3.0])
    spread = np.abs(SKEWED).max()
    np.testing.assert_allclose(transform.inverse(transform.forward(beyond)), beyond, rtol=1e-4, atol=1e-6 * spread)


@pytest.mark.parametrize("kind", ["standard", "asinh", "quantile"])
def test_scores_have_mean_0_and_variance_1(kind):
    scores = fit_transform(kind, SKEWED).forward(SKEWED)
    assert scores.mean() == pytest.approx(0, abs=2e-3)
    assert scores.std() == pytest.approx(1, abs=2e-3)


def test_min_max_scores_fill_0_to_1():
    scores = fit_transform("min-max", SKEWED).forward(SKEWED)
    assert scores.min() == 0
    assert scores.max() == 1


def test_quantile_scores_are_normal():
    scores = np.sort(fit_transform("quantile", SKEWED).forward(SKEWED))
    assert np.quantile(scores, [0.025, 0.16, 0.5, 0.84, 0.975]) == pytest.approx(
        [-1.96, -0.994, 0, 0.994, 1.96], abs=0.05
    )


@pytest.mark.parametrize("spike", [0.0, -999.0, 0.1, 50.0])
def test_spikes_survive_noise(spike):
    rng = np.random.default_rng(1)
    values = np.where(rng.random(5_000) < 0.4, spike, rng.normal(20, 10, 5_000))
    transform = fit_transform("quantile", values)
    noisy = transform.forward(values) + rng.uniform(-0.1, 0.1, 5_000)
    assert np.array_equal(transform.inverse(noisy)[values == spike], np.full((values == spike).sum(), spike))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [0.0, -1.5, 1e300, 5e-324])
def test_a_constant_comes_back_exactly(kind, value):
    transform = fit_transform(kind, np.full(10, value))
    assert transform.kind == "constant"
    assert np.array_equal(transform.inverse(transform.forward(np.full(3, value)) + 7), np.full(3, value))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=40),
    st.integers(1, 60),
)
def test_any_values_have_a_transform(kind, values, repeats):
    column = np.repeat(np.array(values, np.float32), np.arange(len(values)) % repeats + 1)
    transform = fit_transform(kind, column)
    scores = transform.forward(column)
    assert np.isfinite(scores).all()
    restored = transform.inverse(scores)
    assert np.isfinite(restored).all()
    reach = np.ptp(column.astype(np.float64)) + np.abs(column).max()
    np.testing.assert_allclose(restored, column, atol=1e-3 * reach)


@pytest.mark.parametrize("values", [[0.0, 1.0], [-1.0, 0.0, 1.0, 2.0], [0.1, np.nextafter(0.1, 1)], [-1e9, 0.0, 1e-9]])
def test_neighbouring_spikes_stay_apart(values):
    column = np.repeat(values, 500 * np.arange(1, len(values) + 1))
    transform = fit_transform("quantile", column)
    noise = np.random.default_rng(1).uniform(-0.02, 0.02, len(column))
    assert np.array_equal(transform.inverse(transform.forward(column) + noise), column)


def test_a_spike_among_close_values_is_exact():
    rng = np.random.default_rng(2)
    column = np.where(rng.random(5_000) < 0.5, 0.1, 0.1 + rng.normal(0, 1e-12, 5_000))
    transform = fit_transform("quantile", column)
    assert np.array_equal(transform.inverse(transform.forward(column[column == 0.1])), column[column == 0.1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("offset", "width"), [(1.7e9, 10), (0, 1e-300), (0, 1e140), (1e16, 64), (0, 1e-140)])
def test_float64_columns_that_float32_cannot_hold(kind, offset, width):
    column = offset + width * np.random.default_rng(3).random(2_000)
    transform = fit_transform(kind, column)
    np.testing.assert_allclose(transform.inverse(transform.forward(column)), column, rtol=0, atol=1e-5 * width + 1e-150)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_columns_up_to_their_limits(kind, dtype):
    limits = np.finfo(dtype)
    column = np.random.default_rng(4).normal(size=2_000).astype(dtype)
    column[:4] = limits.min, limits.max, limits.smallest_subnormal, -limits.smallest_subnormal
    transform = fit_transform(kind, column)
    scores = transform.forward(column)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(transform.inverse(scores), column, rtol=0, atol=1e-4 * float(limits.max))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(KINDS), st.lists(st.floats(-1e150, 1e150), min_size=1, max_size=40))
def test_any_float64_values_have_a_transform(kind, values):
    column = np.array(values)
    transform = fit_transform(kind, column)
    scores = transform.forward(column)
    assert np.isfinite(scores).all()
    reach = np.ptp(column) + np.abs(column).max()
    np.testing.assert_allclose(transform.inverse(scores), column, rtol=0, atol=1e-3 * reach + 1e-150)
