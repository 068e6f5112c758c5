"""Steps, weights and more training, as the bits of the archive decide."""

import numpy as np
import pytest
from baler_vae.learn.bounded import Judge, choose_steps, choose_weights, rounding_cost

from baler_vae.learn import fit as fit_module
from baler_vae.learn.fit import fit_group
from baler_vae.model.group import Encoder
from baler_vae.model.network import Dense
from baler_vae.model.transform import Transform
from baler_vae.model.weights import encode_network, round_weights
from baler_vae.progress import silent
from baler_vae.project import ModelSettings

N_ROWS = 4_000


@pytest.fixture
def parts():
    """A decoder that repeats its one latent with many digits of weights, and a judge: bits of what it misses."""
    rng = np.random.default_rng(0)
    latent = rng.normal(size=(N_ROWS, 1)).astype(np.float32)
    truth = {"a": 1.2345678 * latent[:, 0], "b": -0.7654321 * latent[:, 0]}
    line = Transform("standard", np.array([-9.0, 9.0]), np.array([-9.0, 9.0]))
    encoder = Encoder(1, (Dense(np.array([[1.0, 0.0]], np.float32), np.zeros(1, np.float32)),))
    decoder = (Dense(np.array([[1.2345678], [-0.7654321]], np.float32), np.zeros(2, np.float32)),)

    def bits(rows, values):
        missed = sum(np.abs(values[name] - truth[name][rows]) for name in truth)
        return float(np.log2(1 + missed / 1e-3).sum())

    judge = Judge(("a", "b"), (line, line), np.arange(N_ROWS), np.hstack([latent, latent]), N_ROWS, bits)
    return encoder, decoder, judge


def test_steps_are_where_neighbours_take_more_bits(parts):
    encoder, decoder, judge = parts
    (step,) = choose_steps(encoder, decoder, judge)
    finest = round_weights(decoder, 18)
    least = judge.data_bits(encoder, finest, np.array([step]))
    assert all(judge.data_bits(encoder, finest, np.array([step * factor])) >= least for factor in (0.5, 2))


def test_weights_have_as_many_bits_as_pay(parts):
    encoder, decoder, judge = parts
    steps = choose_steps(encoder, decoder, judge)
    chosen, weight_bits = choose_weights(encoder, decoder, steps, judge)

    def whole(bits):
        rounded = round_weights(decoder, bits)
        return judge.data_bits(encoder, rounded, np.array(steps)) + 8 * sum(map(len, encode_network(rounded)))

    assert whole(weight_bits) == min(map(whole, range(4, weight_bits + 3)))
    assert np.array_equal(chosen[0].weights, round_weights(decoder, weight_bits)[0].weights)
    assert rounding_cost(encoder, decoder, round_weights(decoder, 18), steps, judge) == 0
    assert rounding_cost(encoder, decoder, round_weights(decoder, 4), steps, judge) > 0.003


@pytest.mark.parametrize(("cost", "trains_again"), [(0.0029, False), (0.0031, True)])
def test_training_goes_on_where_rounding_costs_more_than_three_in_a_thousand(monkeypatch, cost, trains_again):
    rng = np.random.default_rng(1)
    x = rng.normal(size=600)
    columns = {"a": x, "b": 2 * x + rng.normal(size=600) / 50}
    epochs = []
    monkeypatch.setattr(fit_module, "rounding_cost", lambda *_: cost)
    train = fit_module.train
    monkeypatch.setattr(fit_module, "train", lambda *a, **k: epochs.append(train(*a, **k)) or epochs[-1])

    def bits(rows, values):
        return float(sum(np.log2(1 + np.abs(values[name] - columns[name][rows]) / 1e-3).sum() for name in columns))

    settings = ModelSettings(kind="vae", hidden=(8, 4), latent=1, epochs=2, transform="standard")
    fit_group(columns, settings, silent, bits)
    without = len(epochs)
    epochs.clear()
    monkeypatch.setattr(fit_module, "rounding_cost", lambda *_: 0.0)
    fit_group(columns, settings, silent, bits)
    assert (without > len(epochs)) is trains_again
