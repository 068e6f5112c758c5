"""Bounds on likelihoods against a linear Gaussian model, whose likelihood is known, and distances against scipy."""

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from scipy.stats import multivariate_normal

from baler_vae.measures.likelihood import Cloud, negative_elbo


@pytest.fixture(scope="module")
def linear():
    """Rows of x = W z + b + noise, minus the logarithm of their density, and mean and covariance of z given x."""
    rng = np.random.default_rng(1)
    loading, offset, variances = rng.normal(size=(4, 2)), rng.normal(size=4), np.array([0.1, 0.5, 0.2, 1.0])
    x = rng.normal(size=(50, 2)) @ loading.T + offset + rng.normal(size=(50, 4)) * np.sqrt(variances)
    exact = -multivariate_normal(offset, loading @ loading.T + np.diag(variances)).logpdf(x)
    # A rotation of the latents makes their posterior covariance diagonal, as an encoder's is.
    rotation = np.linalg.eigh(loading.T @ (loading / variances[:, None]))[1]
    loading = loading @ rotation
    covariance = np.linalg.inv(np.eye(2) + loading.T @ (loading / variances[:, None]))
    means = ((x - offset) / variances) @ loading @ covariance
    return x, exact, means, np.diag(covariance), variances, lambda z: (z @ loading.T + offset).astype(np.float32)


@pytest.mark.parametrize("n_samples", [1, 7])
def test_with_the_exact_posterior_the_bound_is_the_likelihood(linear, n_samples):
    x, exact, means, covariance, variances, decode = linear
    log_variances = np.tile(np.log(covariance), (len(x), 1))
    rng = np.random.default_rng(2)
    found = negative_elbo(x, means, log_variances, decode, variances, n_samples=n_samples, generator=rng)
    assert found == pytest.approx(exact, abs=1e-4)


def test_with_another_posterior_more_samples_come_closer_from_above(linear):
    x, exact, means, covariance, variances, decode = linear
    log_variances = np.tile(np.log(2 * covariance), (len(x), 1))
    gaps = []
    for n_samples in (1, 10, 1000):
        rng = np.random.default_rng(3)
        args = x, means + 0.1, log_variances, decode, variances
        gaps.append(np.mean(negative_elbo(*args, n_samples=n_samples, generator=rng) - exact))
    assert gaps[0] > 0.2
    assert gaps[0] > gaps[1] > gaps[2] > -0.01
    assert gaps[2] < 0.02


def test_the_same_seed_gives_the_same_bound(linear):
    x, _, means, covariance, variances, decode = linear
    args = x, means, np.tile(np.log(3 * covariance), (len(x), 1)), decode, variances
    found = [negative_elbo(*args, n_samples=3, generator=np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_mahalanobis_distances_are_those_of_scipy():
    rng = np.random.default_rng(4)
    points = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) + 5
    points[3] = np.nan
    used = np.delete(points, 3, axis=0)
    inverse = np.linalg.inv(np.cov(used.T))
    expected = [mahalanobis(point, used.mean(axis=0), inverse) for point in used]
    assert np.sqrt(Cloud.of(points).squared_distances(used)) == pytest.approx(np.array(expected))


def test_directions_without_variance_do_not_count():
    rng = np.random.default_rng(5)
    x = rng.normal(size=100)
    flat = np.stack([x, 2 * x, np.full(100, 3.0)], axis=1)
    assert Cloud.of(flat).whitening.shape == (3, 1)
    assert Cloud.of(flat).squared_distances(flat) == pytest.approx((x - x.mean()) ** 2 / x.var(ddof=1))
    assert not Cloud.of(np.empty((0, 2))).squared_distances(np.ones((3, 2))).any()
