"""What latents tell, against sums by hand and numpy."""

import math

import numpy as np
import pytest
from scipy import stats

from baler_vae.measures.information import (
    RatePoint,
    categorical_rate,
    correlations,
    eigenvalues_of,
    entropy_of_codes,
    gaussian_bound,
    latent_information,
    noise_variance_of,
    rate_distortion,
    squared_error,
    water_filling,
)


def test_a_variational_latent_has_the_rate_of_its_kl():
    means = np.array([[1.0, 0.0], [-1.0, 0.0]])
    logs = np.array([[math.log(0.25), 0.0], [math.log(0.25), 0.0]])
    told, silent = latent_information(means, logs)
    kl = 0.5 * (1 + 0.25 - 1 - math.log(0.25))
    assert told.kl == pytest.approx(kl)
    assert told.rate == pytest.approx(kl / math.log(2))
    assert (told.variance_of_means, told.variance) == (1, pytest.approx(1.25))
    assert told.is_active
    assert (silent.kl, silent.rate, silent.is_active, silent.variance) == (0, 0, False, 1)


def test_a_noisy_latent_has_the_rate_of_its_channel():
    means = np.random.default_rng(0).normal(size=(5000, 2)) * [1.0, 3.0]
    noise = noise_variance_of(means, 15)
    assert noise == pytest.approx(np.var(means, axis=0).mean() / 15)
    narrow, wide = latent_information(means, np.empty((5000, 0)), noise_variance=noise)
    assert wide.rate == pytest.approx(0.5 * math.log2(1 + np.var(means[:, 1]) / noise))
    assert wide.snr == pytest.approx(9 * narrow.snr, rel=0.1)
    assert narrow.kl is None
    alike = latent_information(means[:, :1], np.empty((5000, 0)), noise_variance=noise_variance_of(means[:, :1], 15))
    assert alike[0].rate == pytest.approx(2)  # 0.5 log2(1 + 15)


def test_rounded_latents_have_the_entropy_of_their_codes_and_points_have_no_rate():
    means = np.array([[0.0], [0.1], [1.0], [1.1]])
    assert latent_information(means, np.empty((4, 0)), steps=(1.0,))[0].rate == 1
    assert latent_information(means, np.empty((4, 0)))[0].rate is None
    assert entropy_of_codes(np.array([7, 7])) == 0
    assert entropy_of_codes(np.array([1, 2, 3, 4])) == 2


def test_categories_that_are_certain_tell_all_of_their_bits():
    assert categorical_rate(np.eye(4)) == 2
    assert categorical_rate(np.full((3, 4), 0.25)) == 0
    assert categorical_rate(np.array([[0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])) == 1.5


def test_inactive_is_what_varies_less_than_a_hundredth():
    means = np.array([[0.09, 0.11], [-0.09, -0.11]])
    assert [latent.is_active for latent in latent_information(means, np.empty((2, 0)))] == [False, True]


def test_correlations_are_those_of_scipy():
    generator = np.random.default_rng(2)
    latents = generator.normal(size=(300, 2))
    columns = {"x": np.exp(latents[:, 0]), "flag": latents[:, 1] > 0, "constant": np.ones(300)}
    pearson, spearman = correlations(latents, columns)
    assert pearson[0, 0] == pytest.approx(stats.pearsonr(latents[:, 0], columns["x"])[0])
    assert spearman[0, 0] == pytest.approx(1)
    assert spearman[1, 1] == pytest.approx(stats.spearmanr(latents[:, 1], columns["flag"])[0])
    assert np.isnan(pearson[:, 2]).all()
    holed = np.where(np.arange(300) < 150, np.nan, columns["x"])
    assert correlations(latents, {"x": holed})[0][0, 0] == pytest.approx(
        stats.pearsonr(latents[150:, 0], columns["x"][150:])[0]
    )


def test_water_fills_up_to_the_level():
    # Of variances 4, 1 and 0.25 at the level 0.5: half a bit of log2 8 and of log2 2, none of the last.
    rate, distortion = water_filling(np.array([4.0, 1.0, 0.25]), 0.5)
    assert rate == pytest.approx(0.5 * 3 + 0.5 * 1)
    assert distortion == pytest.approx((0.5 + 0.5 + 0.25) / 3)


def test_the_bound_of_one_gaussian_is_shannons():
    rates, distortions = gaussian_bound(np.array([1.0]), 5.0)
    np.testing.assert_allclose(distortions, 2.0 ** (-2 * rates))
    assert rates[0] == 0
    assert rates[-1] >= 5
    assert gaussian_bound(np.empty(0), 5.0)[0].size == 0


def test_correlated_columns_need_fewer_bits():
    generator = np.random.default_rng(1)
    common = generator.normal(size=4000)
    alike = {"a": common, "b": 3 * common + 1, "constant": np.ones(4000)}
    np.testing.assert_allclose(eigenvalues_of(alike), [2, 0], atol=1e-12)
    found = rate_distortion([RatePoint("codec", 3.0, 0.02)], alike)
    assert found.bound_at(3.0) == pytest.approx(2.0**-6, rel=0.01)
    apart = rate_distortion([], {"a": common, "b": generator.normal(size=4000)})
    assert apart.bound_at(3.0) == pytest.approx(2.0**-3, rel=0.02)


def test_errors_are_in_units_of_variances():
    before = {"a": np.array([0.0, 2.0]), "b": np.array([0.0, 20.0]), "constant": np.zeros(2)}
    after = {"a": np.array([1.0, 1.0]), "b": np.array([0.0, 20.0]), "constant": np.ones(2)}
    assert squared_error(before, after) == pytest.approx(0.5)
    assert math.isnan(squared_error({"constant": np.zeros(2)}, after))
