"""Pairs counted in one pass, and the errors of differences between before and after."""

import dataclasses

import numpy as np
import pytest

from baler_vae.evaluation import peaks
from baler_vae.evaluation.fits import METHODS
from baler_vae.evaluation.peaks import Peak, PeakCounter, fit_peak

WINDOW = (70.0, 110.0)


def pairs(rng, *, n_signal=1500, n_background=1500, smear=0.5, shift=0.0):
    """Values of a peak on a flat line that reaches beyond the window, before and after they are smeared."""
    signal, background = rng.normal(91, 2, rng.poisson(n_signal)), rng.uniform(60, 120, rng.poisson(n_background))
    before = np.concatenate([signal, background])
    return before, before + shift + rng.normal(0, smear, len(before))


def shift_of(peak, before, after, n_parts=1):
    counter = PeakCounter(peak)
    for part in zip(np.array_split(before, n_parts), np.array_split(after, n_parts), strict=True):
        counter.add(*part)
    return counter.shift()


def numbers(fit):
    return {key: value for key, value in vars(fit).items() if not isinstance(value, np.ndarray)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", ["gauss", "breit-wigner"])
def test_a_counter_gives_the_fits_to_the_values(method, shape):
    before, after = pairs(np.random.default_rng(1))
    before[::50], after[::70], after[::110] = np.nan, np.inf, -1e300
    peak = Peak("mass", WINDOW, 80, shape, method)
    for n_parts in (1, 7):
        found = shift_of(peak, before, after, n_parts)
        for fit, values in ((found.before, before), (found.after, after)):
            expected = fit_peak(values, peak)
            assert numbers(fit) == numbers(expected)
            np.testing.assert_array_equal(fit.counts, expected.counts)
            np.testing.assert_array_equal(fit.edges, expected.edges)
    assert found.paired is None


def test_bins_are_those_of_numpy():
    rng = np.random.default_rng(2)
    peak = Peak("mass", (0.1, 0.7), 97)
    edges = np.histogram_bin_edges([], 97, (0.1, 0.7))
    around = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1), rng.uniform(0, 1, 10_000)])
    for values in (around, around.astype(np.float32)):
        found = shift_of(peak, values, values[::-1])
        counts, _ = np.histogram(values.astype(np.float64), 97, (0.1, 0.7))
        np.testing.assert_array_equal(found.before.counts, counts)
        np.testing.assert_array_equal(found.after.counts, counts)


def test_integers_can_have_a_peak():
    values = np.round(np.random.default_rng(3).normal(0, 40, 5000)).astype(np.int32)
    found = shift_of(Peak("n", (-200.5, 199.5), 100), values, values)
    assert found.before.width == pytest.approx(40, rel=0.1)


def test_more_pairs_than_are_kept_are_sampled_alike_however_they_come(monkeypatch):
    before, after = pairs(np.random.default_rng(4), n_signal=4000)
    peak = Peak("mass", WINDOW, 80, fit="unbinned")
    whole = shift_of(peak, before, after)
    monkeypatch.setattr(peaks, "MOST_PAIRS", 2000)
    sampled = [shift_of(peak, before, after, n_parts) for n_parts in (1, 3, 50)]
    assert whole.sampled == 1
    for found in sampled:
        assert numbers(found.before) == numbers(sampled[0].before)
        assert 0.3 < found.sampled < 0.5
        kept = found.before.peak_yield / found.sampled
        assert kept == pytest.approx(whole.before.peak_yield, abs=4 * found.before.yield_error / found.sampled)
        assert found.before.mean == pytest.approx(whole.before.mean, abs=4 * found.before.mean_error)


@pytest.mark.parametrize("method", METHODS)
def test_toys_give_the_error_that_repeated_experiments_give(method):
    rng = np.random.default_rng(5)
    peak = Peak("mass", WINDOW, 60, fit=method)
    repeated = []
    for _ in range(60):
        found = shift_of(peak, *pairs(rng))
        before, after = found.before, found.after
        repeated.append([after.mean - before.mean, after.width - before.width, after.peak_yield - before.peak_yield])
    simulated = [shift_of(dataclasses.replace(peak, toys=50), *pairs(rng)) for _ in range(4)]
    told = [[paired.mean, paired.width, paired.peak_yield] for paired in (found.paired for found in simulated)]
    np.testing.assert_allclose(np.mean(told, axis=0), np.std(repeated, axis=0, ddof=1), rtol=0.3)
    paired, before = simulated[0].paired, simulated[0].before
    assert (paired.n_toys, paired.n_failed) == (50, 0)
    assert paired.mean < 0.5 * before.mean_error  # the same events: most of their error is common
    assert paired.peak_yield < 0.5 * before.yield_error


@pytest.mark.parametrize("shape", ["crystal-ball", "breit-wigner"])
def test_a_shift_stands_out_of_the_paired_error_of_every_shape(shape):
    rng = np.random.default_rng(6)
    before = rng.normal(91, 2, 3000) + 1.25 * rng.standard_cauchy(3000)
    before = np.append(before, rng.uniform(60, 120, 2000))
    found = shift_of(Peak("mass", WINDOW, 60, shape, "likelihood", toys=30), before, before + 0.05)
    assert found.paired.n_failed == 0
    assert found.after.mean - found.before.mean == pytest.approx(0.05, abs=4 * found.paired.mean)
    assert abs(found.mean_shift_in_errors) < 2 < (found.after.mean - found.before.mean) / found.paired.mean


@pytest.mark.parametrize("method", METHODS)
def test_without_a_change_differences_have_no_error(method):
    before, _ = pairs(np.random.default_rng(7))
    paired = shift_of(Peak("mass", WINDOW, 60, fit=method, toys=12), before, before).paired
    assert (paired.mean, paired.width, paired.peak_yield) == (0, 0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_pairs_give_the_same_toys(method):
    peak = Peak("mass", WINDOW, 60, fit=method, toys=12)
    first, second = (shift_of(peak, *pairs(np.random.default_rng(8)), n_parts) for n_parts in (1, 5))
    assert first.paired == second.paired


def test_toys_of_a_peak_that_hardly_stands_out_fail_now_and_then():
    rng = np.random.default_rng(9)
    for _ in range(20):
        before, after = pairs(rng, n_signal=60, n_background=3000)
        found = shift_of(Peak("mass", WINDOW, 40, toys=60), before, after)
        if found.paired and found.paired.n_failed:
            break
    assert 0 < found.paired.n_failed <= found.paired.n_toys == 60
    assert (found.paired.mean is None) == (found.paired.n_failed > 50)


def test_too_few_toys_tell_no_error():
    found = shift_of(Peak("mass", WINDOW, 60, toys=5), *pairs(np.random.default_rng(10)))
    assert (found.paired.n_toys, found.paired.n_failed, found.paired.mean) == (5, 0, None)


def test_a_failed_fit_has_no_paired_errors():
    before, _ = pairs(np.random.default_rng(11))
    found = shift_of(Peak("mass", WINDOW, 60, toys=12), before, np.full(len(before), 1e6))
    assert found.before.valid
    assert not found.after.valid
    assert found.paired is None
    assert found.yield_change_percent is found.yield_shift_in_errors is None
