"""Trainings under objectives: every combination that makes sense, and what comes of some."""

import itertools
import math

import numpy as np
import pytest
import torch

from baler_vae.errors import UsageError
from baler_vae.learn import discrepancy
from baler_vae.learn.autoencoder import objective_value, train_autoencoder
from baler_vae.learn.export import LOGISTIC, decoding_transform
from baler_vae.learn.fit import fit_group, fit_squared_error_encoder
from baler_vae.learn.networks.dense import DenseArchitecture
from baler_vae.learn.networks.posterior import NORMAL, POINT
from baler_vae.learn.objectives import latents_of, objective_of
from baler_vae.learn.transforms import fit_transform
from baler_vae.model.network import apply_network
from baler_vae.progress import silent
from baler_vae.settings.model import ModelSettings

TINY = {"hidden": (6,), "epochs": 2, "batch_rows": 32, "latent": 2, "transform": "standard", "patience": None}
POSTERIORS = {
    "point": ("ae", {"kind": "point"}),
    "noisy": ("ae", {"kind": "noisy", "snr": 15.0}),
    "noisy, decibels": ("ae", {"kind": "noisy", "snr_db": 11.76}),
    "gaussian": ("vae", {"kind": "gaussian"}),
    "joint": ("vae", {"kind": "joint", "categories": [3, 2]}),
}
RECONSTRUCTIONS = {
    "squared_error": "squared error",
    "absolute_error": "absolute error",
    "cross_entropy": "cross entropy",
    "gaussian": "negative log-likelihood",
}
RISING = {"weight": 0.5, "schedule": "cyclical", "over": 2, "cycles": 1}
REGULARISERS = {
    "MMD": {"mmd": {}},
    "moments": {"moments": {"weight": 0.5, "schedule": "cosine"}},
    "MMD of a fitted prior": {"mmd": {"kernel": "imq", "width": [0.5, 2.0], "prior": "fitted"}},
    "MMD and moments": {"mmd": {"schedule": "linear", "over": 10, "unit": "steps"}, "moments": RISING},
}
WEIGHTS = {"l1_latents": RISING, "l1_weights": {"weight": 1e-4}, "l2_weights": {"weight": 1e-4}}


def columns(n_rows=80, seed=0):
    u, v = np.random.default_rng(seed).normal(size=(2, n_rows))
    return {"u": u, "v": (3 + 2 * v).astype(np.float32), "product": u * v}


def fitted(objective, data=None, kind="ae", **changes):
    settings = ModelSettings(**{**TINY, "kind": kind, "objective": objective, **changes})
    return fit_group(columns() if data is None else data, settings, silent, is_variational=kind == "vae")


def rows_of(fit, data):
    return fit.encoder.encode(fit.encoder.scores(data))


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS)
def test_every_combination_trains(posterior, reconstruction):
    kind, described = POSTERIORS[posterior]
    transform = "auto" if reconstruction == "cross_entropy" else "standard"
    kls = [{"kl": {"schedule": "linear", "over": 2}}] if kind == "vae" else [{}]
    if described["kind"] == "gaussian":
        kls += [{"kl": {"free_bits": 0.3}}, {"kl": {"capacity": 1.5, "schedule": "cosine"}}]
    if described["kind"] == "joint":
        kls += [{"kl": {"capacity": 1.5, "capacity_categorical": 1.0, "schedule": "linear"}}]
    fitted_prior = REGULARISERS["MMD of a fitted prior"]
    choices = [{**kl, **WEIGHTS} for kl in kls] + [fitted_prior]
    choices += [kls[0] | more for more in REGULARISERS.values() if more is not fitted_prior]
    for terms in choices:
        objective = {"reconstruction": reconstruction, "posterior": described, **terms}
        fit, history = fitted(objective, kind=kind, transform=transform)
        assert len(history) == 2
        assert RECONSTRUCTIONS[reconstruction] in history[-1].terms
        assert all(math.isfinite(number) for number in history[-1].stored().values()), objective
        mean, log_variance = rows_of(fit, columns())
        n_categories = sum(described.get("categories", ()))
        assert mean.shape == (80, 2 + n_categories)
        assert log_variance.shape == (80, 2 if kind == "vae" else 0)
        assert fit.steps[2:] == (1.0,) * n_categories
        assert all(np.isfinite(values).all() for values in fit.decoder.decode(mean).values())
        assert bool(fit.variances) is (reconstruction == "gaussian")


def test_a_history_tells_every_term_its_weight_and_the_steps():
    _, history = fitted({"kl": {"beta": 0.4, "schedule": "linear", "over": 4}, "mmd": {}}, kind="vae", epochs=3)
    assert [epoch.stored()["steps"] for epoch in history] == [3, 6, 9]
    assert [epoch.beta for epoch in history] == pytest.approx([0.1, 0.2, 0.3])
    for epoch in history:
        found = epoch.stored()
        weighted = sum(found[name] * found[f"weight of {name}"] for name in ("squared error", "KL divergence", "MMD"))
        assert found["training_loss"] == pytest.approx(weighted, rel=1e-5)
        assert set(found) >= {"number", "training_loss", "validation_error", "learning_rate", "beta"}


def test_a_cyclical_weight_of_zero_leaves_its_term_in_the_history():
    _, history = fitted({"kl": {"schedule": "cyclical", "over": 2, "cycles": 1}}, kind="vae", epochs=1)
    assert history[0].stored()["weight of KL divergence"] == 0
    assert history[0].stored()["KL divergence"] > 0


def test_free_bits_are_told_beside_the_divergence():
    _, history = fitted({"kl": {"beta": 0.4, "free_bits": 2.0}}, kind="vae", epochs=1)
    found = history[0].stored()
    assert found["beta"] == found["weight of KL divergence with free bits"] == 0.4
    assert found["weight of KL divergence"] == 0
    assert (
        found["KL divergence"] < found["KL divergence with free bits"] == pytest.approx(2 * 2 * math.log(2), rel=0.01)
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_objectives_train_on_a_gpu():
    for posterior in POSTERIORS.values():
        kind, described = posterior
        objective = {"reconstruction": "gaussian", "posterior": described, **REGULARISERS["MMD of a fitted prior"]}
        _, history = fitted(objective, kind=kind, device="cuda")
        assert all(math.isfinite(number) for number in history[-1].stored().values())


def test_same_seed_same_network():
    def parameters(seed):
        fit, _ = fitted({"kl": {}, "mmd": {}, "posterior": POSTERIORS["joint"][1]}, kind="vae", seed=seed)
        return [layer.weights.tobytes() for layer in fit.decoder.network]

    assert parameters(1) == parameters(1) != parameters(2)


def trained(objective, kind="vae", **changes):
    settings = ModelSettings(**{**TINY, "kind": kind, "objective": objective, **changes})
    latents = NORMAL if kind == "vae" else POINT
    network = DenseArchitecture(2, 2, (6,), latents, draws_priors=True).build(seed=1, device=torch.device("cpu"))
    scores = torch.randn(300, 2, generator=torch.Generator().manual_seed(3))
    history = train_autoencoder(network, scores[:200], scores[200:], torch.ones(2), settings=settings, progress=silent)
    return network, scores[200:], history, settings


def test_networks_are_judged_by_the_objective_that_weights_rise_to():
    objective = {"kl": {"beta": 0.2, "schedule": "linear"}, "mmd": {}}
    network, validation, history, settings = trained(objective, learning_rate=0.1, schedule="constant", epochs=12)
    errors = [point.error for point in history]
    assert len(errors) == 12
    assert min(errors) < errors[-1]
    final = objective_of(settings.objective, torch.ones(2), n_epochs=12)
    noise = torch.Generator().manual_seed(settings.seed)
    assert objective_value(network, final, validation, noise) == pytest.approx(min(errors), rel=1e-6)


@pytest.mark.parametrize(("over", "least"), [(1, 4), (40, 42)])
def test_patience_begins_when_weights_no_longer_rise(over, least):
    objective = {"kl": {"beta": 1.0, "schedule": "linear", "over": over}}
    *_, history, _ = trained(objective, learning_rate=0.3, schedule="constant", epochs=60, patience=2)
    best = min(history, key=lambda point: point.error).number
    assert len(history) == max(best, over) + 2
    assert len(history) >= min(least, 60)


def test_a_capacity_is_reached():
    _, history = fitted(
        {"kl": {"beta": 20.0, "capacity": 1.2, "schedule": "linear", "over": 10}},
        columns(400), kind="vae", epochs=30, learning_rate=1e-2,
    )  # fmt: skip
    assert history[-1].terms["KL divergence"] == pytest.approx(1.2, abs=0.1)


def test_moments_come_to_0_and_1():
    data = columns(400)
    noisy = {"posterior": {"kind": "noisy", "snr": 15.0}, "moments": {"weight": 10.0}}
    fit, _ = fitted(noisy, data, epochs=40, learning_rate=1e-2)
    latents = rows_of(fit, data)[0]
    np.testing.assert_allclose(latents.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(latents.var(axis=0), 1, atol=0.15)


def test_learnt_variances_are_those_of_the_residuals():
    rng = np.random.default_rng(4)
    u = rng.normal(size=1_000)
    data = {"u": u, "noisy": u + 0.5 * rng.normal(size=1_000), "constant": np.full(1_000, 3.0)}
    fit, _ = fitted({"reconstruction": "gaussian"}, data, epochs=40, learning_rate=1e-2, latent=1)
    restored = fit.decoder.decode(rows_of(fit, data)[0])
    scores = fit.encoder.scores(data)
    for number, name in enumerate(("u", "noisy")):
        transform = fit.encoder.transforms[number]
        residual = np.mean((transform.forward(restored[name]) - scores[:, number]) ** 2)
        assert fit.variances[name] == pytest.approx(residual, rel=0.25), name
    assert 0 < fit.variances["constant"] < 0.05


def test_logits_come_back_as_values_between_the_least_and_the_largest():
    rng = np.random.default_rng(5)
    flags = rng.integers(0, 2, 600).astype(float)
    data = {"flag": 4 + 3 * flags, "other": flags + 0.05 * rng.normal(size=600)}
    objective = {"reconstruction": "cross_entropy"}
    fit, _ = fitted(objective, data, epochs=60, learning_rate=1e-2, transform="auto")
    assert [transform.kind for transform in fit.encoder.transforms] == ["min-max"] * 2
    restored = fit.decoder.decode(rows_of(fit, data)[0])["flag"]
    assert 4 <= restored.min() <= restored.max() <= 7
    assert np.abs(restored - data["flag"]).max() < 0.3
    far = fit.decoder.transforms[0].inverse(np.array([-1e6, -50.0, 0.0, 50.0, 1e6]))
    np.testing.assert_array_equal(far, [4, 4, 5.5, 7, 7])


def test_the_logistic_function_is_met_between_its_knots():
    logits = np.linspace(-13, 13, 5_001)
    assert np.abs(LOGISTIC.inverse(logits) - 1 / (1 + np.exp(-logits))).max() < 2e-4
    constant = fit_transform("min-max", np.full(5, 2.0))
    assert decoding_transform(constant, "cross_entropy") is constant
    standard = fit_transform("standard", np.arange(5.0))
    assert decoding_transform(standard, "squared_error") is standard


def test_categories_of_an_encoder_are_one_hot_and_their_probabilities_add_up():
    data = columns()
    fit, _ = fitted({"posterior": POSTERIORS["joint"][1], "kl": {}}, kind="vae", data=data)
    encoder = fit.encoder
    assert (encoder.n_latents, encoder.n_continuous, encoder.categories) == (7, 2, (3, 2))
    mean, _ = rows_of(fit, data)
    scores = encoder.scores(data)
    outputs = apply_network(encoder.network, scores)
    np.testing.assert_array_equal(mean[:, :2], outputs[:, :2])
    three, two = encoder.probabilities(scores)
    for one_hot, logits, probabilities in ((mean[:, 2:5], outputs[:, 2:5], three), (mean[:, 5:], outputs[:, 5:7], two)):
        assert set(np.unique(one_hot)) == {0.0, 1.0}
        np.testing.assert_array_equal(one_hot.sum(axis=1), 1)
        np.testing.assert_array_equal(one_hot.argmax(axis=1), logits.argmax(axis=1))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        np.testing.assert_array_equal(one_hot.argmax(axis=1), probabilities.argmax(axis=1))


def test_there_may_be_more_latents_than_columns():
    fit, _ = fitted({"posterior": {"kind": "noisy", "snr": 15.0}}, latent=5)
    assert fit.decoder.n_latents == len(fit.steps) == 5


def test_columns_that_keep_a_bound_know_no_objective():
    settings = ModelSettings(**TINY, kind="ae", objective={"posterior": {"kind": "noisy", "snr": 1.0}})
    plain = settings.model_copy(update={"objective": None})
    found, expected = (fit_squared_error_encoder(columns(), own, silent) for own in (settings, plain))
    assert found[1:] == expected[1:]
    for ours, theirs in zip(found[0].network, expected[0].network, strict=True):
        np.testing.assert_array_equal(ours.weights, theirs.weights)


@pytest.mark.parametrize(("first", "steps"), [(4, 3), (14, 6)])
def test_a_term_that_is_not_finite_stops_the_training_and_is_named(monkeypatch, first, steps):
    """Three kernels a step, three steps an epoch, three kernels to judge it: in the second step of an epoch, so that
    the reconstruction is not finite in the third.
    """
    calls = itertools.count()

    def broken(squared, _width):
        return squared * (math.nan if next(calls) >= first else 1.0)

    monkeypatch.setitem(discrepancy._KERNELS, "rbf", broken)
    with pytest.raises(UsageError, match=rf"the training diverged: its term 'MMD' is nan after {steps} steps"):
        fitted({"mmd": {}}, epochs=4, validation_fraction=0.2, batch_rows=24)


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_one_row_and_constant_columns_train(posterior):
    kind, described = POSTERIORS[posterior]
    objective = {"posterior": described, "mmd": {}, "moments": {}, **({"kl": {}} if kind == "vae" else {})}
    for data in ({"a": np.array([2.0]), "b": np.array([1.0])}, {"a": np.full(33, 2.0), "b": np.zeros(33)}):
        fit, history = fitted(objective, data, kind=kind)
        assert all(math.isfinite(number) for epoch in history for number in epoch.stored().values())
        restored = fit.decoder.decode(rows_of(fit, data)[0])
        assert all(np.array_equal(restored[name], data[name]) for name in data)


def test_latents_are_those_of_the_posterior():
    settings = ModelSettings(kind="ae", objective={"posterior": {"kind": "noisy", "snr_db": 20.0}}).objective
    assert latents_of(settings.posterior_of("ae")).snr == pytest.approx(100.0)
    assert latents_of(ModelSettings(kind="ae", objective={}).objective.posterior_of("ae")) == POINT
