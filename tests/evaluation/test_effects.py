"""Effects on known distributions."""

import math

import numpy as np
import pytest

from baler_vae.evaluation.effects import ColumnEffects, PeakEffects, combined, cut_effect, peak_weights
from baler_vae.evaluation.peaks import Peak, fit_peak


def gaussian(n=200_000, seed=1):
    return np.random.default_rng(seed).normal(3, 2, n)


def effects(found):
    return {effect.what: effect.in_errors for effect in found}


def test_a_sum_of_differences_in_errors():
    assert combined(np.array([3.0, 1.0]), 2.0, 1.0) == pytest.approx(math.sqrt(16 + 10) / 2)
    assert combined(np.array([3.0, 1.0]), 2.0, 4.0) == pytest.approx(math.sqrt(4 * 16 + 10) / 2)
    assert combined(np.zeros(3), 0.0, 1.0) == 0
    assert combined(np.ones(3), 0.0, 1.0) == math.inf


@pytest.mark.parametrize("grows", [1.0, 9.0])
def test_a_shift_of_the_mean_grows_with_the_root_of_the_rows(grows):
    before = gaussian()
    found = effects(ColumnEffects("x", before, grows=grows).of(before + 0.01))
    assert found["mean"] == pytest.approx(0.01 / (2 / math.sqrt(grows * len(before))), rel=0.02)


def test_a_wider_gaussian():
    """Its width has the error sigma / sqrt(2 n)."""
    before = gaussian()
    found = effects(ColumnEffects("x", before).of(3 + (before - 3) * 1.01))
    assert found["width"] == pytest.approx(0.01 * math.sqrt(2 * len(before)), rel=0.05)
    assert found["mean"] < 0.1 * found["width"]


@pytest.mark.parametrize("n", [10_000, 1_000_000])
def test_rounding_of_a_gaussian(n):
    """Steps of size s add a variance of s^2 / 12 (Sheppard), without a bias of the mean."""
    before, step = gaussian(n), 0.2
    found = effects(ColumnEffects("x", before).of(np.rint(before / step) * step))
    of_one = step / math.sqrt(12) / 2
    assert of_one <= found["mean"] < 3 * of_one
    bias = step**2 / 12 / (2 * 2**2) * math.sqrt(2 * n)
    of_luck = of_one * math.sqrt(2)
    assert math.hypot(max(0, bias - 3 * of_luck), of_luck) < found["width"] < math.hypot(bias + 3 * of_luck, of_luck)


def test_sentinels_and_zeros_do_not_hide_what_becomes_of_the_others():
    values = gaussian()
    with_others = np.concatenate([values, np.full(50_000, -9999.0), np.zeros(50_000)])
    step = 0.1
    alone, hidden = (effects(ColumnEffects("x", v).of(np.rint(v / step) * step)) for v in (values, with_others))
    assert hidden["mean"] == pytest.approx(alone["mean"], rel=0.3)
    assert hidden["width"] == pytest.approx(alone["width"], rel=0.3)


def test_angles_wrap():
    before = np.random.default_rng(2).uniform(-math.pi, math.pi, 100_000)
    after = np.where(before > math.pi - 0.001, before - 2 * math.pi, before)
    assert not any(effects(ColumnEffects("phi", before, angle=True).of(before)).values())
    assert max(effects(ColumnEffects("phi", before, angle=True).of(after)).values()) < 1e-9
    assert max(effects(ColumnEffects("phi", before).of(after)).values()) > 0.1


@pytest.mark.parametrize(
    "values",
    [np.empty(0), np.zeros(10), np.array([np.nan, np.inf]), np.array([1.0]), np.array([1e300, -1e300, 3.0])],
)
def test_little_to_measure(values):
    assert set(effects(ColumnEffects("x", values).of(values)).values()) == {0.0}


def test_nothing_compares_with_a_change_of_a_constant():
    assert effects(ColumnEffects("x", np.ones(50)).of(np.full(50, 1.001)))["mean"] == math.inf


PEAK = Peak("m", (80, 102), 60)


def masses(seed=5):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(91, 2, 30_000), rng.uniform(70, 110, 20_000)])


@pytest.mark.parametrize("fit", ["least-squares", "likelihood", "unbinned"])
def test_a_moved_peak_is_seen_as_a_second_fit_sees_it(fit):
    before = masses()
    peak = Peak("m", (80, 102), 60, fit=fit)
    moved = (before - 91) * 1.003 + 91 + 0.004
    after = np.where(np.abs(before - 91) < 8, moved, before)
    found = {what.split(" (")[0]: value for what, value in effects(PeakEffects(peak, before).of(after)).items()}
    one, two = fit_peak(before, peak), fit_peak(after, peak)
    edges, weights = peak_weights(one, fit)
    counted = [np.histogram(values, edges)[0] for values in (before, after)]
    position, width, n_rows = weights @ (counted[1] - counted[0])
    assert position == pytest.approx(two.mean - one.mean, abs=0.05 * one.mean_error)
    assert width == pytest.approx(two.width - one.width, abs=0.05 * one.width_error)
    assert n_rows == pytest.approx(two.peak_yield - one.peak_yield, abs=0.05 * one.yield_error)
    assert two.width - one.width > 0.2 * one.width_error
    assert found["peak position"] >= 0.99 * abs(position) / one.mean_error
    assert 0.9 * width < found["peak width"] * one.width_error < 3 * width


def test_a_peak_of_another_shape_with_a_tail_at_its_limit():
    before = masses()
    found = PeakEffects(Peak("m", (80, 102), 60, shape="crystal-ball", fit="likelihood"), before).of(before + 0.1)
    assert max(effect.in_errors for effect in found) > 3


def test_without_a_peak_there_is_nothing_to_move():
    flat = np.random.default_rng(3).uniform(80, 102, 1000)
    found = PeakEffects(Peak("m", (80, 102), 60), flat)
    assert not found.fit.valid
    assert found.of(flat + 1) == []


def test_rows_that_change_sides_of_a_cut():
    assert cut_effect("x > 1", 10_000, 30, 10).in_errors == pytest.approx(math.hypot(20, math.sqrt(40)) / 100)
    assert cut_effect("x > 1", 10_000, 30, 10, grows=4).in_errors == pytest.approx(math.hypot(40, math.sqrt(40)) / 100)
    assert cut_effect("x > 1", 0, 0, 0).in_errors == 0
