"""Networks of codes, and latents trained on bits."""

import numpy as np
import pytest
import torch

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.errors import UsageError
from baler_vae.learn.conditional import (
    Training,
    TrainingSet,
    architecture_of,
    symbol_counts,
    train_conditionals,
    training_for,
)
from baler_vae.learn.fit import fit_bits_encoder, fit_squared_error_encoder
from baler_vae.model.conditional import Conditional, Input
from baler_vae.progress import silent
from baler_vae.settings.model import ModelSettings

TINY = ModelSettings(latent=1, hidden=(8, 4), epochs=3, transform="standard")


def problem(n_rows=3_000, seed=0):
    """Two inputs, and symbols that the first of them tells."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-512, 512, (n_rows, 2)).astype(np.int16)
    symbols = np.clip((inputs[:, 0] + 512) // 128 + rng.integers(-1, 2, n_rows), 0, 7).astype(np.int32)
    return inputs, symbols, Alphabet(np.arange(8), np.zeros(8, np.uint8))


def fitted(steps=150, **changes) -> Conditional:
    inputs, symbols, alphabet = problem()
    training_set = TrainingSet(alphabet, (Input(0), Input(1)), inputs, symbols)
    networks, _ = train_conditionals([training_set], short(steps, **changes))
    return networks[0]


def short(steps, **changes):
    return Training(width=8, steps=steps, n_rows=3_000, batch_rows=512, **changes)


def bits_of(network):
    inputs, symbols, _ = problem(seed=1)
    tables = network.tables(inputs.astype(np.float32))
    return -np.log2(tables[np.arange(len(symbols)), symbols] / tables.sum(axis=1)).mean()


def numbers_of(network):
    return [(layer.weights.tobytes(), layer.bias.tobytes(), layer.shift) for layer in network.layers]


def test_networks_learn_what_tells_and_drop_what_does_not():
    network = fitted()
    assert bits_of(network) < 2.1
    assert all(abs(int(weight)) <= 127 for layer in network.layers for weight in layer.weights.ravel())
    used = np.abs(network.layers[0].weights.astype(int)).sum(axis=0)
    assert used[0] > 1.5 * used[1]


def test_an_unknown_device_is_named():
    with pytest.raises(UsageError, match="--device cpu"):
        fitted(1, device="abacus")


def test_all_of_a_training_lies_on_its_device():
    """On a device without memory: an operation that mixes it with another one fails there as it does on a GPU."""
    inputs, symbols, alphabet = problem(100)
    training_sets = [TrainingSet(alphabet, (Input(0), Input(1)), inputs, symbols)] * 2
    networks = architecture_of(training_sets, 8).build(
        symbol_counts(training_sets), generator=torch.Generator(), device=torch.device("meta")
    )
    for _ in range(2):
        logits = networks.logits(torch.zeros((2, 100, 2), device="meta"))
        loss = logits.sum() + networks.weight_bits()
        loss.backward()
        assert {tensor.device.type for tensor in (loss, *(p.grad for p in networks.parameters()))} == {"meta"}
        networks.round_from_now_on(8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_gpu_learns_as_much():
    assert bits_of(fitted(device="cuda")) < bits_of(fitted(device="cpu")) + 0.05


def test_networks_of_several_sizes_are_trained_together():
    rng = np.random.default_rng(1)
    inputs, symbols, alphabet = problem()
    wide = TrainingSet(alphabet, (Input(0), Input(1)), inputs, symbols)
    coins = (inputs[:, 1] > 0).astype(np.int32)
    more = np.hstack([rng.integers(-512, 512, (len(coins), 3)).astype(np.int16), inputs[:, 1:]])
    narrow = TrainingSet(Alphabet(np.arange(2), np.zeros(2, np.uint8)), tuple(map(Input, range(4))), more, coins)
    together, _ = train_conditionals([wide, narrow], short(150))
    shapes = [[layer.weights.shape for layer in network.layers] for network in together]
    assert shapes == [[(8, 2), (8, 8), (9, 8)], [(8, 4), (8, 8), (3, 8)]]
    assert bits_of(together[0]) < 2.1
    tables = together[1].tables(more.astype(np.float32))
    assert -np.log2(tables[np.arange(len(coins)), coins] / tables.sum(axis=1)).mean() < 0.2


def test_same_seed_same_network():
    assert numbers_of(fitted(20)) == numbers_of(fitted(20)) != numbers_of(fitted(20, seed=1))


def test_the_random_state_and_the_threads_are_left_alone():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    fitted(3)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("steps", [1, 2])
def test_the_shortest_training_gives_a_network(steps):
    assert bits_of(fitted(steps)) < 8


def test_training_grows_with_the_rows():
    sizes = [training_for(n_rows) for n_rows in (0, 1, 1_000, 100_000, 10**7)]
    assert [size.width for size in sizes] == sorted(size.width for size in sizes)
    assert [size.steps for size in sizes] == sorted(size.steps for size in sizes)
    assert training_for(1_000, epochs=1).steps == 1
    assert training_for(5_000, epochs=3).steps == 15
    assert training_for(100_000, part=0.25).steps == training_for(100_000).steps // 4
    assert training_for(1_000, part=0.25).steps == training_for(0).steps


def columns(n_rows=2_000):
    u = np.random.default_rng(0).normal(size=n_rows)
    return {"u": u, "v": 3 + 2 * u, "w": -u}


@pytest.mark.parametrize("fit_encoder", [fit_squared_error_encoder, fit_bits_encoder])
def test_encoders_for_a_bound_have_steps_and_a_history(fit_encoder):
    encoder, steps, history = fit_encoder(columns(), TINY, silent)
    assert encoder.columns == ("u", "v", "w")
    assert encoder.n_latents == len(steps) == 1
    assert all(step > 0 for step in steps)
    assert [epoch.number for epoch in history] == [1, 2, 3]
    again = fit_encoder(columns(), TINY, silent)[0]
    assert [a.weights.tobytes() for a in encoder.network] == [b.weights.tobytes() for b in again.network]
    if fit_encoder is fit_bits_encoder:
        assert steps == (1.0,)
        assert [set(epoch.terms) for epoch in history] == [{"scores", "latents"}] * 3


def test_a_latent_trained_on_bits_tells_the_columns():
    settings = TINY.model_copy(update={"epochs": 15, "batch_rows": 64, "hidden": (32, 16)})
    encoder, _, history = fit_bits_encoder(columns(), settings, silent)
    latents = np.rint(encoder.encode(encoder.scores(columns()))[0][:, 0])
    within = sum(columns()["u"][latents == code].var() * np.mean(latents == code) for code in np.unique(latents))
    assert within < 0.1
    assert history[-1].validation_error < history[0].validation_error
