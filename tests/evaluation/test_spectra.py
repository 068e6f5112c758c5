"""What the bins of a histogram say of rows that change bins, by known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chi2 as chi2_law

from baler_vae.errors import UsageError
from baler_vae.evaluation import bins
from baler_vae.evaluation.bins import paired_chi2, steps_per_bin
from baler_vae.evaluation.evaluate import evaluate_tables
from baler_vae.evaluation.spectra import Spectrum, SpectrumCounter, declared_spectrum
from baler_vae.settings.evaluation import HistogramSettings
from tests.pages import table

UNIT = Spectrum("x", (0.0, 1.0), 50)


def shift_of(before, after, spectrum=UNIT, *, cuts=()):
    counter = SpectrumCounter(spectrum)
    for old, new in zip(np.split(before, cuts), np.split(after, cuts), strict=True):
        counter.add(old, new)
    return counter.shift()


def on_grid(values, step, start=0.0):
    return start + step * np.round((values - start) / step)


def test_the_paired_chi2_of_two_bins_is_that_of_mcnemar():
    assert paired_chi2(np.array([[50.0, 16.0], [4.0, 30.0]])) == (pytest.approx(12**2 / 20), 1)


def test_the_paired_chi2_of_three_bins_is_that_of_stuart_and_maxwell():
    """Diagnoses of 100 patients by two raters: J. L. Fleiss, Statistical Methods for Rates and Proportions (1981)."""
    ratings = np.array([[35.0, 5, 0], [15, 20, 5], [10, 5, 5]])
    assert paired_chi2(ratings) == (pytest.approx(14.0), 2)


def test_of_neighbours_alone_each_edge_counts_for_itself():
    """(left - right)^2 / (left + right) at each edge, as the flow over an edge follows from the differences."""
    migration = np.diag([9.0, 9, 9, 9, 9]) + np.diag([4.0, 1, 0, 6], 1) + np.diag([1.0, 1, 0, 2], -1)
    assert paired_chi2(migration) == (pytest.approx(9 / 5 + 0 + 16 / 8), 3)


def test_without_a_change_there_is_nothing_to_judge():
    values = np.random.default_rng(1).random(1000)
    found = shift_of(values, values)
    assert (found.chi2, found.n_dof, found.p_value, found.rise, found.percent_moved) == (0, 0, 1, 0, 0)
    assert (found.largest_in_errors, found.largest_pull, found.rise_in_deviations) == (0, 0, 0)
    assert not found.has_comb


def test_what_moves_by_chance_has_a_chi2_of_one_and_no_rise():
    rng = np.random.default_rng(2)
    spectrum, toys = Spectrum("x", (0.0, 1.0), 20), []
    for _ in range(60):
        values = rng.uniform(-1, 2, 6_000)
        toys.append(shift_of(values, values + rng.normal(0, 0.02, len(values)), spectrum))
    per_dof = np.array([toy.chi2 / toy.n_dof for toy in toys])
    assert np.mean(per_dof) == pytest.approx(1, abs=4 * np.sqrt(2 / 20 / len(toys)))
    assert 0.2 < np.mean([toy.p_value < 0.5 for toy in toys]) < 0.8
    rises = np.array([toy.rise_in_deviations for toy in toys])
    assert abs(np.mean(rises)) < 4 * np.std(rises) / np.sqrt(len(toys))
    assert np.std(rises) < 1


def test_even_other_values_for_all_rows_are_chance():
    rng = np.random.default_rng(3)
    found = shift_of(rng.random(20_000), rng.random(20_000))
    assert found.percent_moved > 95
    assert found.p_value > 1e-3
    assert chi2_law.sf(found.chi2, found.n_dof) == found.p_value


@pytest.mark.parametrize("steps", [2.3, 3.7, 7.5, 15.5])
def test_a_comb_is_seen_as_large_as_it_is(steps):
    """Bins of k steps, f of them over whole ones, hold k - f or k - f + 1: the chi2 of a flat model grows by
    n f (1 - f) / k^2.
    """
    values = np.random.default_rng(4).random(60_000)
    found = shift_of(values, on_grid(values, 0.02 / steps, 0.0013))
    over = steps % 1
    expected = len(values) * over * (1 - over) / steps**2
    assert found.rise == pytest.approx(expected, rel=0.15, abs=15)
    assert found.steps == pytest.approx(steps, rel=0.1)
    assert found.p_value < 1e-6
    assert found.has_comb == (steps < 10)
    relative = max(over, 1 - over) / steps
    assert abs(found.largest_in_errors) == pytest.approx(relative * np.sqrt(1200), rel=0.35)


def test_the_rise_is_by_how_much_the_chi2_of_a_model_grows():
    rng = np.random.default_rng(5)
    spectrum, growths, rises = Spectrum("x", (0.0, 1.0), 40), [], []
    for _ in range(40):
        values = rng.random(8_000)
        found = shift_of(values, on_grid(values + rng.normal(0, 0.01, len(values)), 0.01, 0.003), spectrum)
        chi2 = [np.sum((counts[2:-2] - 200) ** 2 / 200) for counts in (found.before, found.after)]
        growths.append(chi2[1] - chi2[0])
        rises.append(found.rise)
    differences = np.array(rises) * 36 / 40 - np.array(growths)
    assert np.mean(growths) > 100
    assert abs(np.mean(differences)) < 0.1 * np.mean(growths) + 4 * np.std(differences) / np.sqrt(len(rises))


@given(hnp.arrays(np.float64, st.integers(0, 60), elements=st.floats(-0.5, 1.5)), st.data())
def test_pieces_give_what_the_whole_gives(values, data):
    after = data.draw(hnp.arrays(np.float64, len(values), elements=st.floats(-0.5, 1.5) | st.just(np.nan)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3)))
    whole, pieces = (shift_of(values, after, Spectrum("x", (0, 1), 7), cuts=own) for own in ((), cuts))
    np.testing.assert_array_equal(whole.before, np.histogram(values, 7, (0, 1))[0])
    np.testing.assert_array_equal(whole.after, np.histogram(after[np.isfinite(after)], 7, (0, 1))[0])
    np.testing.assert_array_equal(whole.after - whole.before, whole.n_in - whole.n_out)
    assert (pieces.chi2, pieces.n_dof, pieces.rise) == (whole.chi2, whole.n_dof, whole.rise)
    assert 0 <= whole.n_dof <= 7
    assert whole.chi2 >= -1e-9


def test_many_bins_are_taken_together_for_the_paired_chi2(monkeypatch):
    rng = np.random.default_rng(6)
    values = rng.random(4_000)
    after = values + rng.normal(0, 0.05, len(values))
    fine, coarse = Spectrum("x", (0, 1), 60), Spectrum("x", (0, 1), 20)
    expected = shift_of(values, after, coarse)
    monkeypatch.setattr(bins, "MOST_BINS", 25)
    found = shift_of(values, after, fine)
    assert (found.chi2, found.n_dof) == (pytest.approx(expected.chi2), expected.n_dof)
    assert len(found.before) == 60


def test_steps_are_counted_where_rows_are_few_and_spikes_do_not_matter():
    rng = np.random.default_rng(7)
    edges = np.linspace(0, 1, 101)
    grid = on_grid(rng.random(1_500), 0.01 / 6)
    assert steps_per_bin(grid, edges) == pytest.approx(6, rel=0.3)
    assert steps_per_bin(rng.random(1_500), edges) == np.inf
    spikes = np.concatenate([rng.random(1_500), np.zeros(9_000), np.full(500, 0.5)])
    assert steps_per_bin(spikes, edges) == np.inf
    assert steps_per_bin(rng.random(100), edges) is None


def test_a_grid_that_the_original_has_is_no_comb_of_ours():
    decimals = on_grid(np.random.default_rng(8).random(5_000), 0.005, 0.0013)
    found = shift_of(decimals, decimals.astype(np.float32))
    assert found.steps == found.steps_before == pytest.approx(4)
    assert not found.has_comb


def test_a_spike_where_nothing_was_is_the_largest_change_and_single_rows_are_none():
    values = np.repeat((np.arange(50) + 0.5) / 50, 40)
    moved = values.copy()
    moved[:40] = 1.5
    moved[40:60] = 0.01
    found = shift_of(values, moved)
    assert found.largest == 0
    assert found.largest_in_errors == pytest.approx(-20 / np.sqrt(40))
    few = shift_of(np.array([0.01]), np.array([0.99]))
    assert (few.largest, few.largest_in_errors) == (None, 0)
    assert few.largest_pull == -1


def test_an_evaluation_has_the_bins_of_peaks_and_histograms_but_of_no_peak_that_is_not_there():
    rng = np.random.default_rng(9)
    mass = np.concatenate([rng.normal(172, 6, 2_000), rng.uniform(100, 225, 2_000)])
    histogram = Spectrum("mass", (0.0, 300.0), 30)
    tables = [(table(mass=values),) for values in (mass, np.round(mass))]
    found = evaluate_tables(*tables, histograms=[histogram])
    assert [own.spectrum.is_peak for own in found.spectra] == [True, False]
    frame = found.to_pandas("spectra")
    assert list(frame["column"]) == ["mass", "mass"]
    assert list(frame["high"]) == [225, 300]
    assert list(frame["chi2_rise"]) == [own.rise for own in found.spectra]
    document = found.to_dict()["spectra"]
    assert document[0]["steps_before"] is None
    low, high = document[1]["largest_window"]
    assert high - low == pytest.approx(10)
    flat = rng.uniform(100, 225, 20_000)
    assert evaluate_tables((table(mass=flat),), (table(mass=np.round(flat)),)).spectra == ()
    with pytest.raises(UsageError, match="'mas': is not a numeric column to compare a histogram of"):
        evaluate_tables(*tables, histograms=[Spectrum("mas", (0.0, 1.0), 3)])


def test_a_range_that_is_none_is_refused():
    for window in ((1.0, 0.0), (2.0, 2.0)):
        with pytest.raises(UsageError, match="range must be two finite numbers"):
            declared_spectrum(HistogramSettings(column="x", range=window))
    assert declared_spectrum(HistogramSettings(column="x", range=(0, 1), bins=4)) == Spectrum("x", (0.0, 1.0), 4)
