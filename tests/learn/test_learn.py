"""How a model comes to be."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal
from torch.distributions import kl_divergence as torch_kl

from baler_vae.errors import UsageError
from baler_vae.learn.autoencoder import epochs_of, squared_error_objective, train_autoencoder, validation_error
from baler_vae.learn.divergences import kl_divergence
from baler_vae.learn.epochs import training_length
from baler_vae.learn.export import latent_steps, reconstruction_error, round_decoder
from baler_vae.learn.fit import fit_group
from baler_vae.learn.networks.dense import Autoencoder, DenseArchitecture, export_network
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import NORMAL, POINT, NormalPosterior, PointPosterior
from baler_vae.learn.schedules import Moment
from baler_vae.learn.scores import split
from baler_vae.model.group import Encoder
from baler_vae.model.network import Dense, apply_network
from baler_vae.progress import silent
from baler_vae.settings.model import ModelSettings

QUICK = {"hidden": (16, 8), "epochs": 3, "transform": "standard"}


def columns(n_rows=2_000, seed=0):
    """Four columns on a two-dimensional surface."""
    u, v = np.random.default_rng(seed).normal(size=(2, n_rows))
    return {"u": u, "v": (3 + 2 * v).astype(np.float32), "sum": u + v, "product": u * v}


def scores(n_rows=600, n_columns=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_rows, n_columns, generator=generator)


def autoencoder(kind, *sizes):
    return Autoencoder(DenseArchitecture(*sizes, NORMAL if kind == "vae" else POINT))


def fitted(data, settings, progress=silent):
    return fit_group(data, settings, progress, is_variational=settings.kind != "ae")


def encoder_of(n_latents, layers):
    """An encoder of scores, whatever columns they are of."""
    return Encoder((), (), n_latents, layers)


def test_kl_divergence_is_that_of_the_normal_distribution():
    mean, log_variance = scores(50, 3), scores(50, 3, seed=1)
    expected = torch_kl(Normal(mean, torch.exp(0.5 * log_variance)), Normal(0.0, 1.0)).sum(dim=1).mean()
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)
    assert kl_divergence(torch.zeros(2, 3), torch.zeros(2, 3)) == 0


def test_objective_is_the_sum_of_its_terms():
    batch, reconstruction = scores(20), scores(20, seed=1)
    posterior = NormalPosterior(scores(20, 2, seed=2), scores(20, 2, seed=3))
    weights = torch.tensor([0.5, 1.0, 1.5])
    squared = ((reconstruction - batch) ** 2 * weights).mean()
    kl = kl_divergence(posterior.mean, posterior.log_variance)
    latents = posterior.mean.abs().mean()

    def loss(posterior, **settings):
        objective = squared_error_objective(
            weights, ModelSettings(warmup_epochs=4, **settings), is_variational=isinstance(posterior, NormalPosterior)
        )
        moment = Moment(steps=9, epochs=1, past=0.25, whole=1.0)
        return objective.loss(batch, Outputs(reconstruction, posterior, posterior.mean, nn.Identity()), moment)

    whole = loss(posterior, beta=0.6, l1=0.2)
    torch.testing.assert_close(whole.total, squared + 0.3 * kl + 0.2 * latents)
    assert whole.weights == {"squared error": 1.0, "KL divergence": 0.3, "absolute latents": 0.2}
    for name, value in {"squared error": squared, "KL divergence": kl, "absolute latents": latents}.items():
        torch.testing.assert_close(whole.terms[name], value)
    plain = loss(PointPosterior(posterior.mean), beta=0.6, l1=0.0)
    torch.testing.assert_close(plain.total, squared)
    assert set(plain.terms) == {"squared error"}


def test_posterior_samples_have_its_mean_and_variance():
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.log(torch.tensor([[4.0, 0.01]]))
    generator = torch.Generator().manual_seed(0)
    many = NormalPosterior(mean.expand(40_000, 2), log_variance.expand(40_000, 2)).sample(generator)
    torch.testing.assert_close(many.mean(dim=0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(many.std(dim=0), torch.tensor([2.0, 0.1]), atol=0.03, rtol=0)
    assert torch.equal(PointPosterior(mean).sample(generator), mean)


@pytest.mark.parametrize(("kind", "n_outputs"), [("ae", 4), ("vae", 8)])
def test_layers_are_the_ancestors(kind, n_outputs):
    network = autoencoder(kind, 9, 4, (200, 100, 50))
    shapes = [tuple(layer.weights.shape) for layer in export_network(network.encoder)]
    assert shapes == [(200, 9), (100, 200), (50, 100), (n_outputs, 50)]
    shapes = [tuple(layer.weights.shape) for layer in export_network(network.decoder)]
    assert shapes == [(50, 4), (100, 50), (200, 100), (9, 200)]


def test_every_layer_but_the_last_is_followed_by_a_leaky_relu():
    network = autoencoder("vae", 9, 4, (20, 10))
    for part in (network.encoder, network.decoder):
        assert [type(layer) for layer in part] == [nn.Linear, nn.LeakyReLU, nn.Linear, nn.LeakyReLU, nn.Linear]
        assert [part[1].negative_slope, part[3].negative_slope] == pytest.approx([0.01, 0.01])


def test_numpy_computes_what_torch_computes():
    network = autoencoder("vae", 5, 3, (20, 10))
    batch = scores(200, 5)
    with torch.no_grad():
        posterior = network.encode(batch)
        decoded = network.decode(posterior.mean)
    encoder = encoder_of(3, export_network(network.encoder))
    mean, log_variance = encoder.encode(batch.numpy())
    np.testing.assert_allclose(mean, posterior.mean, atol=1e-3)
    np.testing.assert_allclose(log_variance, posterior.log_variance, atol=1e-3)
    np.testing.assert_allclose(apply_network(export_network(network.decoder), mean), decoded, atol=1e-3)


def trained(**changes):
    settings = ModelSettings(**{"epochs": 6, "batch_rows": 50, "patience": None, **changes})
    torch.manual_seed(settings.seed)
    network = autoencoder(settings.kind, 3, 2, (8,))
    tensors = scores(), scores(200, seed=9), torch.ones(3)
    return network, epochs_of(train_autoencoder(network, *tensors, settings=settings, progress=silent))


def test_the_best_epoch_is_kept():
    network, history = trained(learning_rate=0.3, schedule="constant")
    errors = [epoch.validation_error for epoch in history]
    assert min(errors) < errors[-1]
    assert validation_error(network, scores(200, seed=9), torch.ones(3)) == pytest.approx(min(errors), rel=1e-6)


def test_training_stops_early():
    _, history = trained(learning_rate=0.3, schedule="constant", epochs=100, patience=3)
    errors = [epoch.validation_error for epoch in history]
    assert len(history) < 100
    assert len(errors) - 1 - int(np.argmin(errors)) == 3


def test_beta_warms_up_and_the_learning_rate_falls():
    _, history = trained(kind="vae", beta=0.4, warmup_epochs=4)
    assert [epoch.beta for epoch in history] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert [epoch.learning_rate for epoch in history] == pytest.approx(
        [1e-3 * 0.5 * (1 + math.cos(math.pi * i / 6)) for i in range(6)]
    )
    assert {epoch.learning_rate for epoch in trained(schedule="constant")[1]} == {1e-3}
    assert {epoch.beta for epoch in trained(kind="ae")[1]} == {0.0}


@pytest.mark.parametrize(("n_rows", "expected"), [(1, (100, 32)), (18_000, (18, 64)), (378_000, (15, 1024))])
def test_training_length_follows_from_the_rows(n_rows, expected):
    assert training_length(ModelSettings(), n_rows) == expected
    assert training_length(ModelSettings(epochs=7, batch_rows=10), n_rows) == (7, 10)


@pytest.mark.parametrize("n_rows", [2, 5, 17, 1_000])
def test_split_takes_every_row_once(n_rows):
    training, validation = split(n_rows, ModelSettings(seed=4))
    if round(0.1 * n_rows) == 0:
        assert np.array_equal(training, validation)
        assert sorted(training) == list(range(n_rows))
    else:
        assert len(validation) == round(0.1 * n_rows)
        assert sorted([*training, *validation]) == list(range(n_rows))
    unshuffled = np.concatenate(split(n_rows, ModelSettings(shuffle=False, validation_fraction=0.5)))
    assert unshuffled.tolist() == list(range(n_rows))


def test_shuffled_rows_are_in_disorder():
    training, validation = split(1_000, ModelSettings(seed=4))
    assert not np.array_equal(training, np.sort(training))
    assert validation.mean() == pytest.approx(500, abs=120)
    assert not np.array_equal(validation, split(1_000, ModelSettings(seed=5))[1])


def test_training_learns_the_surface():
    model, history = fitted(columns(), ModelSettings(kind="ae", latent=2, hidden=(32, 16), epochs=40))
    assert history[-1].validation_error < 0.1 * history[0].validation_error
    latents = model.encoder.encode(model.encoder.scores(columns()))[0]
    restored = model.decoder.decode(latents)
    for name, values in columns().items():
        assert np.std(restored[name] - values) < 0.3 * np.std(values), name


def test_same_seed_same_model():
    def parameters(seed):
        model, _ = fitted(columns(300), ModelSettings(**QUICK, seed=seed))
        return [layer.weights.tobytes() for layer in model.decoder.network], model.steps

    assert parameters(1) == parameters(1)
    assert parameters(1) != parameters(2)


def test_fitting_leaves_the_random_state_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    fitted(columns(200), ModelSettings(**QUICK))
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_make_a_column_better():
    def error(weights):
        settings = ModelSettings(kind="ae", latent=1, hidden=(16, 8), epochs=15, transform="standard", weights=weights)
        model, _ = fitted(columns(), settings)
        restored = model.decoder.decode(model.encoder.encode(model.encoder.scores(columns()))[0])
        return np.std(restored["product"] - columns()["product"])

    assert error({"prod*": 50.0}) < 0.7 * error({})


def test_transforms_are_chosen_by_column_and_can_be_overridden():
    rng = np.random.default_rng(3)
    zeros = np.where(rng.random(3_000) < 0.7, 0, rng.exponential(size=3_000))
    data = {"flat": rng.random(3_000), "zeros": zeros}
    settings = ModelSettings(kind="ae", latent=2, hidden=(16, 8), epochs=2)
    model, _ = fitted(data, settings)
    assert model.decoder.transforms[1].kind == "quantile"
    fixed = settings.model_copy(update={"transforms": {"z*": "asinh"}, "transform": "min-max"})
    model, _ = fitted(data, fixed)
    assert [transform.kind for transform in model.decoder.transforms] == ["min-max", "asinh"]


@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_rounding_costs_what_is_promised(kind):
    settings = ModelSettings(kind=kind, hidden=(16, 8), epochs=15, batch_rows=50)
    torch.manual_seed(0)
    network = autoencoder(kind, 3, 2, (16, 8))
    train_autoencoder(network, scores(), scores(200, seed=9), torch.ones(3), settings=settings, progress=silent)
    encoder, decoder = encoder_of(2, export_network(network.encoder)), export_network(network.decoder)
    batch = scores(500, seed=4).numpy()
    error = reconstruction_error(batch, np.ones(3, np.float32))
    latents = encoder.encode(batch)[0]
    rounded = round_decoder(decoder, latents, error)
    assert error(rounded, latents) <= 1.005 * error(decoder, latents)
    assert any(np.any(a.weights != b.weights) for a, b in zip(rounded, decoder, strict=True))
    steps = np.array(latent_steps(encoder, rounded, batch, error))
    coarse = (np.rint(latents / steps) * steps).astype(np.float32)
    assert error(rounded, coarse) <= 1.01 * error(rounded, latents) * (1 + 1e-6)
    assert steps.min() > 1e-4


def test_steps_are_found_from_an_absurd_posterior():
    """An encoder whose posterior is as wide as float32 allows, over latents of about 1."""
    rng = np.random.default_rng(6)
    encoder = encoder_of(
        2, (Dense(np.vstack([np.eye(2), np.zeros((2, 2))]).astype(np.float32), np.float32([0, 0, 700, 88])),)
    )
    decoder = (Dense(rng.normal(size=(3, 2)).astype(np.float32), np.zeros(3, np.float32)),)
    latents = rng.normal(size=(500, 2)).astype(np.float32)
    target = apply_network(decoder, latents) + rng.normal(0, 0.1, (500, 3)).astype(np.float32)
    error = reconstruction_error(target, np.ones(3, np.float32))
    steps = np.array(latent_steps(encoder, decoder, latents, error))
    coarse = (np.rint(latents / steps) * steps).astype(np.float32)
    assert error(decoder, coarse) <= 1.01 * error(decoder, latents) * (1 + 1e-6)
    assert 1e-3 < steps.min() <= steps.max() < 1


@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_a_latent_that_never_moves_has_a_step(kind):
    columns = {"a": np.full(50, 2.0), "b": np.full(50, -1.0)}
    model, _ = fitted(columns, ModelSettings(**QUICK, kind=kind))
    assert all(math.isfinite(step) and step > 0 for step in model.steps)
    restored = model.decoder.decode(model.encoder.encode(model.encoder.scores(columns))[0])
    assert all(np.array_equal(restored[name], columns[name]) for name in columns)


def test_there_are_no_more_latents_than_columns():
    model, _ = fitted(columns(100), ModelSettings(**QUICK, latent=9))
    assert model.encoder.n_latents == model.decoder.n_latents == 4
    assert len(model.steps) == 4
    model, _ = fitted(columns(100), ModelSettings(**QUICK))
    assert model.decoder.n_latents == 2


def test_names_with_brackets_match_themselves():
    data = {"x[0]": columns(200)["u"], "x[1]": columns(200)["v"]}
    settings = ModelSettings(**QUICK | {"transforms": {"x[1]": "min-max"}, "weights": {"x[1]": 3.0}})
    model, _ = fitted(data, settings)
    assert [transform.kind for transform in model.decoder.transforms] == ["standard", "min-max"]
    unweighted, _ = fitted(data, settings.model_copy(update={"weights": {}}))
    assert not np.array_equal(model.decoder.network[0].bias, unweighted.decoder.network[0].bias)


def test_a_training_that_diverges_is_no_model():
    with pytest.raises(UsageError, match=r"diverged.*Lower learning_rate"):
        fitted(columns(200), ModelSettings(**QUICK, learning_rate=1e6))


def test_fitting_uses_the_threads_it_is_given_and_leaves_the_others():
    before = torch.get_num_threads()
    seen = []
    settings = ModelSettings(**QUICK, threads=before + 1)
    fitted(columns(100), settings, lambda *_: seen.append(torch.get_num_threads()))
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_progress_counts_the_epochs():
    told = []
    fitted(columns(100), ModelSettings(**QUICK), lambda _, done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_an_unknown_device_is_named():
    with pytest.raises(UsageError, match="--device cpu"):
        fitted(columns(50), ModelSettings(**QUICK, device="abacus"))
