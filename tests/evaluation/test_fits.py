"""Fits of all shapes by all methods to toys whose truth is known."""

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_law

from baler_vae.errors import UsageError
from baler_vae.evaluation.fits import METHODS
from baler_vae.evaluation.peaks import Peak, PeakCounter, PeakShift, fit_peak
from baler_vae.evaluation.shapes import SHAPES, shape_of

WINDOW = (70.0, 110.0)
LIKELIHOODS = METHODS[1:]
ALPHAS = (1.2, 1.6)


def peak(shape="gauss", fit="least-squares", **settings):
    return Peak("mass", WINDOW, 80, shape, fit, **settings)


def toy(rng, shape="gauss", *, mean=91.0, width=2.0, n_signal=2000, n_background=2000):
    """A peak, drawn from its distribution function, on a falling line, with Poisson numbers of rows in the window."""
    if shape == "breit-wigner":
        signal = rng.normal(mean, width, 4 * n_signal) + 2.4955 / 2 * rng.standard_cauchy(4 * n_signal)
    elif shape == "crystal-ball":
        edges = np.linspace(*WINDOW, 20_001)
        shares = shape_of(shape, 1).shares(edges, mean, width, *ALPHAS)
        signal = np.interp(rng.uniform(size=4 * n_signal), np.append(0, np.cumsum(shares)), edges)
    else:
        signal = rng.normal(mean, width, 4 * n_signal)
    signal = signal[(signal >= WINDOW[0]) & (signal <= WINDOW[1])][: rng.poisson(n_signal)]
    heights = rng.uniform(size=(2, 4 * n_background))
    falling = heights[0][heights[1] < 1 - heights[0] / 2][: rng.poisson(n_background)]
    return np.concatenate([signal, WINDOW[0] + (WINDOW[1] - WINDOW[0]) * falling])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_toys_scatter_around_the_truth_as_the_errors_say(shape, method):
    rng = np.random.default_rng(1)
    fits = [fit_peak(toy(rng, shape), peak(shape, method)) for _ in range(25)]
    assert [fit.reason for fit in fits] == [""] * 25
    truth = {"mean": 91, "width": 2, "yield": 2000, "level": 2000 / 80, "tilt": -2000 / 80 / 3}
    if shape == "crystal-ball":
        truth |= dict(zip(("alpha_low", "alpha_high"), ALPHAS, strict=True))
    for name, true in truth.items():
        pulls = [(value - true) / error for value, error in (fit.parameters[name] for fit in fits) if error]
        assert len(pulls) > 20
        assert abs(np.mean(pulls)) < 4 / np.sqrt(len(pulls)), name
        assert 0.6 < np.std(pulls) < 1.5, name
    assert np.mean([fit.chi2 / fit.n_dof for fit in fits]) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize("method", METHODS)
def test_without_a_background_errors_are_those_of_mean_and_deviation(method):
    values = np.random.default_rng(2).normal(91, 2, 20_000)
    values = np.append(values, np.linspace(*WINDOW, 200))
    fit = fit_peak(values, peak(fit=method))
    assert (fit.mean, fit.width) == pytest.approx((91, 2), abs=0.06)
    ratios = np.array([fit.mean_error, np.sqrt(2) * fit.width_error]) * np.sqrt(20_000) / fit.width
    if method == "least-squares":  # equal weights waste some of what the rows tell
        assert ratios[0] == pytest.approx(np.sqrt(8 / np.sqrt(27)), rel=0.03)
        assert 1 < ratios[1] < 1.8
    else:
        np.testing.assert_allclose(ratios, 1, atol=0.1)
        assert fit.yield_error == pytest.approx(np.sqrt(20_000), rel=0.02)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_three_methods_agree_where_the_shape_is_right(shape):
    values = toy(np.random.default_rng(3), shape)
    fits = [fit_peak(values, peak(shape, method)) for method in METHODS]
    for fit in fits:
        assert fit.mean == pytest.approx(fits[-1].mean, abs=fits[-1].mean_error)
        assert fit.expected().sum() == pytest.approx(len(values), rel=2e-3)
        assert fit.p_value == pytest.approx(chi2_law.sf(fit.chi2, fit.n_dof))
        assert fit.n_dof == 80 - len(fit.parameters)
        assert (fit.mean, fit.mean_error) == fit.parameters["mean"]
        assert (fit.peak_yield, fit.yield_error) == fit.parameters["yield"]


def test_a_wrong_shape_has_a_small_p_value():
    values = toy(np.random.default_rng(4), "breit-wigner", width=0.8, n_signal=20_000)
    assert fit_peak(values, peak("gauss", "likelihood")).p_value < 1e-10
    assert fit_peak(values, peak("breit-wigner", "likelihood")).p_value > 1e-3


def test_a_tail_that_is_not_there_is_held_at_its_limit():
    rng = np.random.default_rng(5)
    fits = [fit_peak(toy(rng), peak("crystal-ball", method)) for _ in range(5) for method in METHODS]
    assert all(fit.valid for fit in fits)
    at_limit = [fit for fit in fits if fit.parameters["alpha_low"][1] is None]
    assert at_limit
    for fit in at_limit:
        assert fit.parameters["alpha_low"][0] == pytest.approx(4, abs=0.05)
        assert 0 < fit.width_error < 0.2


@pytest.mark.parametrize("method", LIKELIHOODS)
def test_a_line_that_ends_at_zero_is_no_obstacle(method):
    rng = np.random.default_rng(6)
    values = np.append(rng.normal(91, 2, 1000), 110 - 40 * np.sqrt(rng.uniform(size=2000)))
    fit = fit_peak(values, peak(fit=method))
    assert fit.mean == pytest.approx(91, abs=5 * fit.mean_error)
    assert fit.peak_yield == pytest.approx(1000, abs=5 * fit.yield_error)
    assert np.all(fit.expected() > -1e-9)


@pytest.mark.parametrize("method", LIKELIHOODS)
def test_a_peak_on_nothing_is_fitted(method):
    values = np.random.default_rng(7).normal(91, 2, 1000)
    fit = fit_peak(values, peak(fit=method))
    assert fit.peak_yield == pytest.approx(1000, abs=10)
    assert fit.mean_error == pytest.approx(2 / np.sqrt(1000), rel=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_and_a_doubled_width_are_seen(shape, method):
    rng = np.random.default_rng(8)
    before = fit_peak(toy(rng, shape), peak(shape, method))
    shifted = PeakShift(peak(), before, fit_peak(toy(rng, shape, mean=93), peak(shape, method)))
    wider = PeakShift(peak(), before, fit_peak(toy(rng, shape, width=4), peak(shape, method)))
    halved = PeakShift(peak(), before, fit_peak(toy(rng, shape, n_signal=1000), peak(shape, method)))
    assert shifted.mass_difference_percent == pytest.approx(100 * 2 / 93, rel=0.2)
    assert shifted.mean_shift_in_errors > 15
    assert wider.width_change_percent == pytest.approx(100, abs=50)
    assert wider.width_shift_in_errors > 10
    assert halved.yield_change_percent == pytest.approx(-50, abs=12)
    assert halved.yield_shift_in_errors < -5


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_noise_is_rarely_taken_for_a_peak(shape, method):
    rng = np.random.default_rng(9)
    fits = [fit_peak(rng.uniform(*WINDOW, 2000), peak(shape, method)) for _ in range(15)]
    assert sum(fit.valid for fit in fits) <= 3
    assert all(fit.expected() is fit.p_value is None for fit in fits if not fit.valid)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("method", LIKELIHOODS)
@pytest.mark.parametrize(
    ("values", "reason"),
    [([], "no row"), ([91.0] * 500, "only 1 of 80 bins"), (np.linspace(*WINDOW, 16_001)[:-1], "")],
    ids=["empty", "one bin", "flat"],
)
def test_a_fit_that_means_nothing_tells_why(shape, method, values, reason):
    fit = fit_peak(values, peak(shape, method))
    assert not fit.valid
    assert reason in fit.reason
    assert fit.mean is fit.yield_error is fit.chi2 is fit.p_value is fit.expected() is None
    assert not fit.parameters


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_unit_does_not_matter(shape, scale):
    values = toy(np.random.default_rng(10), shape)
    window = (WINDOW[0] * scale, WINDOW[1] * scale)
    for method in METHODS:
        reference = fit_peak(values, peak(shape, method))
        fit = fit_peak(values * scale, Peak("m", window, 80, shape, method, natural_width=2.4955 * scale))
        assert fit.mean / scale == pytest.approx(reference.mean, rel=1e-4)
        assert fit.width / scale == pytest.approx(reference.width, rel=1e-2)


def test_a_z_peak_of_the_wrong_natural_width_has_another_resolution():
    values = toy(np.random.default_rng(11), "breit-wigner", n_signal=5000)
    narrow = fit_peak(values, peak("breit-wigner", "likelihood", natural_width=1.0))
    right = fit_peak(values, peak("breit-wigner", "likelihood"))
    assert right.width == pytest.approx(2, abs=5 * right.width_error)
    assert narrow.width > right.width + 3 * right.width_error


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shape": "gaussian"}, "not a peak shape.*gauss"),
        ({"fit": "likelihoods"}, "not a fit method.*likelihood"),
        ({"natural_width": 0.0}, "natural width must be positive"),
        ({"natural_width": np.nan}, "natural width must be positive"),
        ({"toys": -1}, "must not be negative"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        Peak("mass", WINDOW, 80, **settings)


def test_a_counter_without_rows_has_reasons():
    for method in METHODS:
        shift = PeakCounter(peak(fit=method, toys=20)).shift()
        assert "no row" in shift.before.reason
        assert "no row" in shift.after.reason
        assert shift.paired is None
        assert shift.sampled == 1
