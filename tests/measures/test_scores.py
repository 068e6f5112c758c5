"""Summaries of scores, and their means along a column."""

import numpy as np
import pytest

from baler_vae.measures.scores import profile_of, summary_of, title_of


def test_summaries_count_what_has_no_score():
    values = np.append(np.arange(101.0), np.nan)
    found = summary_of("event", "bits", values)
    assert (found.n_rows, found.n_without, found.mean) == (102, 1, 50.0)
    assert found.quantiles == (1.0, 50.0, 99.0)
    assert found.deviation == pytest.approx(np.arange(101).std(ddof=1))
    assert np.isnan(summary_of("event", "bits", np.full(3, np.nan)).mean)


def test_a_score_that_does_not_drift_has_the_chi2_of_its_bins():
    rng = np.random.default_rng(1)
    run, values = rng.integers(10, 30, 8_000), rng.normal(5, 2, 8_000)
    values[::10] = np.nan
    profile = profile_of("bits", values, "run", run)
    assert np.array_equal(profile.low, np.arange(10, 30))
    assert np.array_equal(profile.low, profile.high)
    assert profile.counts.sum() == 7_200
    used = values[(run == 12) & np.isfinite(values)]
    assert profile.means[2] == pytest.approx(used.mean())
    assert profile.errors[2] == pytest.approx(used.std(ddof=1) / np.sqrt(len(used)))
    assert profile.n_dof == 19
    assert 1e-3 < profile.p_value < 1 - 1e-3


def test_drift_is_seen():
    rng = np.random.default_rng(2)
    run = rng.integers(0, 10, 5_000)
    assert profile_of("bits", rng.normal(size=5_000) + (run > 6), "run", run).p_value < 1e-20


def test_many_values_are_binned_with_about_as_many_rows():
    rng = np.random.default_rng(3)
    event = rng.permutation(5_000).astype(np.float64)
    event[4] = np.nan
    profile = profile_of("bits", event, "event", event)
    assert len(profile.counts) == 50
    assert np.ptp(profile.counts) <= 1
    assert np.all(profile.high[:-1] < profile.low[1:])
    # A value that most rows share has a bin of its own rows and of no others above it.
    spiked = np.where(rng.random(5_000) < 0.7, 0.0, event)
    assert profile_of("bits", event, "event", spiked).counts.sum() == 4_999


def test_edges_of_profiles():
    nothing = profile_of("bits", np.full(3, np.nan), "run", np.arange(3))
    assert (len(nothing.counts), nothing.n_dof, nothing.p_value) == (0, 0, 1.0)
    single = profile_of("bits", np.array([1.0, 2.0, 4.0]), "run", np.array([1, 1, 2]))
    assert np.array_equal(single.errors, [0.5, np.nan], equal_nan=True)
    assert single.n_dof == 0


def test_titles():
    assert title_of("negative_elbo") == "-ELBO (nats)"
    assert title_of("bits_Jet") == "bits of Jet"
    assert title_of("squared_error_Jet_mean") == "squared error a row of Jet"
