import os
from pathlib import Path

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.evaluation.peaks import Peak, PeakShift, fit_peak

DATA = Path(os.environ.get("BALER_VAE_DATA", Path(__file__).parents[3] / "shared" / "data"))
PEAK = Peak("mass", (100, 225), 199)


def toy(seed, *, mean=172.0, width=6.0, n_signal=3000, n_background=10_000):
    """A Gaussian on a falling line, with Poisson numbers of rows."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(mean, width, rng.poisson(n_signal))
    background = 225 - 125 * np.sqrt(rng.uniform(size=rng.poisson(n_background)))
    return np.concatenate([signal, background])


def test_toys_scatter_around_the_truth_as_the_errors_say():
    fits = [fit_peak(toy(seed), PEAK) for seed in range(100)]
    assert all(fit.valid for fit in fits)
    for pulls in (
        [(fit.mean - 172) / fit.mean_error for fit in fits],
        [(fit.width - 6) / fit.width_error for fit in fits],
        [(fit.peak_yield - 3000) / fit.yield_error for fit in fits],
    ):
        assert abs(np.mean(pulls)) < 4 / np.sqrt(len(pulls))
        assert 0.75 < np.std(pulls) < 1.25
    assert np.mean([fit.chi2 / fit.n_dof for fit in fits]) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("mean", "width", "n_bins"), [(110, 2, 199), (215, 3, 199), (160, 15, 199), (172, 6, 40)])
def test_peaks_elsewhere_are_found(mean, width, n_bins):
    fit = fit_peak(toy(1, mean=mean, width=width, n_signal=6000), Peak("mass", (100, 225), n_bins))
    assert fit.mean == pytest.approx(mean, abs=5 * fit.mean_error)
    assert fit.width == pytest.approx(width, abs=5 * fit.width_error)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_unit_does_not_matter(scale):
    fit = fit_peak(toy(2) * scale, Peak("mass", (100 * scale, 225 * scale), 199))
    reference = fit_peak(toy(2), PEAK)
    assert fit.mean / scale == pytest.approx(reference.mean, rel=1e-4)
    assert fit.width / scale == pytest.approx(reference.width, rel=1e-2)


def test_a_shift_and_a_doubled_width_are_measured():
    rng = np.random.default_rng(3)
    background = rng.uniform(100, 225, 5000)
    pulls = rng.normal(size=20_000)
    before = fit_peak(np.concatenate([background, 160 + 4 * pulls]), PEAK)
    after = fit_peak(np.concatenate([background, 164 + 8 * pulls]), PEAK)
    shift = PeakShift(PEAK, before, after)
    assert shift.mass_difference_percent == pytest.approx(100 * 4 / 164, rel=0.05)
    assert shift.width_change_percent == pytest.approx(100, abs=4)
    assert shift.mean_shift_in_errors == pytest.approx(4 / before.mean_error, rel=0.05)
    assert shift.width_shift_in_errors > 50


def test_nothing_moves_without_a_change():
    fit = fit_peak(toy(4), PEAK)
    shift = PeakShift(PEAK, fit, fit_peak(toy(4), PEAK))
    assert (shift.mass_difference_percent, shift.width_change_percent) == (0, 0)
    assert (shift.mean_shift_in_errors, shift.width_shift_in_errors) == (0, 0)


def test_the_expected_rows_add_up_to_the_data():
    fit = fit_peak(toy(5), PEAK)
    assert fit.expected().sum() == pytest.approx(fit.counts.sum(), rel=1e-3)
    assert fit.counts.sum() == np.count_nonzero((toy(5) >= 100) & (toy(5) <= 225))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "no row"),
        ([50.0, 300.0], "no row"),
        ([np.nan, np.inf, -np.inf], "no row"),
        ([172.0] * 500, "only 1 of 199 bins"),
        ([150.0, 172.0, 180.0], "only 3 of 199 bins"),
        (np.linspace(100, 225, 19_900), "yield"),
        (np.repeat(np.arange(100, 225, 5.0), 100), "width ran to its lower limit"),
        (np.repeat(np.arange(100, 225, 5.0), np.arange(25)), "width ran to its lower limit"),
    ],
    ids=["empty", "outside", "nan", "one bin", "three bins", "flat", "comb", "rising comb"],
)
def test_a_fit_without_a_peak_fails_with_its_reason(values, reason):
    fit = fit_peak(np.array(values), PEAK)
    assert not fit.valid
    assert reason in fit.reason
    numbers = (fit.mean, fit.mean_error, fit.width, fit.width_error, fit.peak_yield, fit.yield_error, fit.chi2)
    assert set(numbers) == {None}
    assert fit.expected() is None
    assert len(fit.counts) == 199


@pytest.mark.parametrize("seed", range(5))
def test_a_peak_smeared_away_fails(seed):
    values = toy(seed) + np.random.default_rng(seed).normal(0, 100, len(toy(seed)))
    fit = fit_peak(values, PEAK)
    assert not fit.valid
    shift = PeakShift(PEAK, fit_peak(toy(seed), PEAK), fit)
    assert shift.mass_difference_percent is shift.width_change_percent is None
    assert shift.mean_shift_in_errors is shift.width_shift_in_errors is None


def test_noise_is_rarely_taken_for_a_peak():
    rng = np.random.default_rng(6)
    assert sum(fit_peak(rng.uniform(100, 225, 20_000), PEAK).valid for _ in range(100)) <= 10


@pytest.mark.parametrize("window", [(225, 100), (100, 100), (np.nan, 200), (0, np.inf)])
def test_a_window_that_is_none_is_refused(window):
    with pytest.raises(UsageError, match="window"):
        Peak("mass", window, 199)


def test_too_few_bins_are_refused():
    with pytest.raises(UsageError, match="10 bins"):
        Peak("mass", (100, 225), 9)


def test_the_jets_of_the_reference_sample_have_the_known_width():
    path = DATA / "zprime_jets.root"
    if not path.exists():
        pytest.skip(f"the data are not there: {path}")
    import awkward as ak
    import uproot

    with uproot.open(path) as file:
        masses = ak.to_numpy(ak.flatten(file["Events"]["Jet_mass"].array()))
    assert len(masses) == 420_545
    fit = fit_peak(masses, Peak("Jet_mass", (100, 225), 199))
    assert f"{fit.width:.2f}" == "5.24"
    assert fit.mean == pytest.approx(174.74, abs=0.01)
    assert fit.width_error == pytest.approx(0.066, abs=0.005)
