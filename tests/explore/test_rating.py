"""The bound on the likelihood of a codec made by hand, whose networks are linear, against the likelihood itself."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from baler_vae.codec.codec import Codec
from baler_vae.codec.observations import VARIANCES
from baler_vae.explore import score
from baler_vae.model.columns import Free
from baler_vae.model.group import Decoder, Encoder, GroupModel
from baler_vae.model.network import Dense
from baler_vae.model.transform import Transform
from baler_vae.table.bounds import FREE
from baler_vae.table.schema import Column, Group, Origin, Schema

LOADING = np.array([[1.0], [0.5]])
VARIANCE = np.array([0.25, 0.5])
UNITS = np.array([2.0, 10.0])
"""Of the columns: a score of 1 is so much."""


@pytest.fixture(scope="module")
def linear():
    """A codec of x = units (loading z + noise) with one latent, whose encoder knows the exact posterior."""
    precision = 1 + float((LOADING[:, 0] ** 2 / VARIANCE).sum())
    gain = (LOADING[:, 0] / VARIANCE) / precision
    transforms = tuple(Transform("standard", np.array([0.0, unit]), np.array([0.0, 1.0])) for unit in UNITS)
    decoder = Decoder(("a", "b"), transforms, (Dense(LOADING.astype(np.float32), np.zeros(2, np.float32)),))
    weights = np.stack([gain, np.zeros(2)]).astype(np.float32)
    bias = np.array([0.0, -np.log(precision)], np.float32)
    encoder = Encoder(("a", "b"), transforms, 1, (Dense(weights, bias),))
    group = Group("events", (Column("a", np.dtype(np.float64)), Column("b", np.dtype(np.float64))))
    model = GroupModel(columns={"a": Free(), "b": Free()}, decoder=decoder, encoder=encoder)
    schema = Schema((group,), ("a", "b"), Origin("npz"))
    fits = {"events": {"kind": "vae", VARIANCES: dict(zip("ab", VARIANCE.tolist(), strict=True))}}
    return Codec(schema, {"a": FREE, "b": FREE}, {"events": model}, {}, {}, fits)


def drawn(n_rows):
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(n_rows, 1)) @ LOADING.T + rng.normal(size=(n_rows, 2)) * np.sqrt(VARIANCE)
    return scores, {"a": UNITS[0] * scores[:, 0], "b": UNITS[1] * scores[:, 1]}


def likelihood(scores, variances):
    return -multivariate_normal(np.zeros(2), LOADING @ LOADING.T + np.diag(variances)).logpdf(scores)


def test_with_the_variances_of_the_objective_one_sample_is_exact(linear):
    scores, data = drawn(500)
    found = score(linear, data, n_samples=1).levels["event"]
    assert found["negative_elbo"] == pytest.approx(likelihood(scores, VARIANCE), abs=1e-3)
    assert "bits" not in found  # the latents are kept as they are


def test_without_them_they_are_mean_squares_of_residuals(linear):
    scores, data = drawn(500)
    plain = Codec(linear.schema, linear.bounds, linear.models, {}, {})
    gain = linear.models["events"].encoder.network[0].weights[0]
    residuals = scores - (scores @ gain)[:, None] * LOADING[:, 0]
    variances = np.mean(residuals**2, axis=0)
    found = score(plain, data, n_samples=1_000).levels["event"]["negative_elbo"]
    assert found == pytest.approx(likelihood(scores, variances), abs=0.3)
    assert np.mean(found) == pytest.approx(np.mean(likelihood(scores, variances)), abs=0.01)
    assert not np.allclose(variances, VARIANCE, rtol=0.1)


def test_squared_errors_and_distances_are_in_the_units_of_training_rows(linear):
    scores, data = drawn(400)
    _, training = drawn(2_000)
    found = score(linear, data, training=training).levels["event"]
    gain = linear.models["events"].encoder.network[0].weights[0].astype(np.float64)
    residuals = scores - (scores @ gain)[:, None] * LOADING[:, 0]
    ends = [np.quantile(training[name], (0.158655, 0.841345)) for name in "ab"]
    widths = np.array([(high - low) / 2 for low, high in ends]) / UNITS
    assert found["squared_error"] == pytest.approx(np.sum((residuals / widths) ** 2, axis=1), rel=1e-3, abs=1e-4)
    latents = np.stack([training["a"] / UNITS[0], training["b"] / UNITS[1]], axis=1) @ gain
    expected = np.abs(scores @ gain - latents.mean()) / latents.std(ddof=1)
    assert found["mahalanobis"] == pytest.approx(expected, abs=1e-3)
