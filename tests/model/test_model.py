"""Inference in numpy, and models as bytes."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.group import Decoder, Encoder
from baler_vae.model.network import Dense, apply_network, check_exact
from baler_vae.model.transform import Transform
from baler_vae.model.weights import (
    decode_decoder,
    decode_encoder,
    decode_network,
    encode_decoder,
    encode_encoder,
    encode_network,
    round_weights,
)


def network(*sizes, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return tuple(
        Dense(
            (scale * rng.normal(size=(n_outputs, n_inputs))).astype(np.float32),
            rng.normal(size=n_outputs).astype(np.float32),
        )
        for n_inputs, n_outputs in pairwise(sizes)
    )


def same_network(a, b):
    pairs = list(zip(a, b, strict=True))
    return all(x.weights.tobytes() == y.weights.tobytes() and x.bias.tobytes() == y.bias.tobytes() for x, y in pairs)


def test_a_network_is_products_sums_and_leaky_relu():
    layers = network(3, 5, 2)
    x = np.random.default_rng(1).normal(size=(7, 3)).astype(np.float32)
    hidden = x.astype(np.float64) @ layers[0].weights.T + layers[0].bias
    hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
    expected = hidden @ layers[1].weights.T + layers[1].bias
    np.testing.assert_allclose(apply_network(layers, x), expected, rtol=1e-4, atol=1e-3)
    assert apply_network(layers, x[:0]).shape == (0, 2)


def test_sums_are_exact_in_any_order():
    layers = round_weights(network(6, 200, 100, 5, scale=0.3), 12)
    check_exact(layers)
    x = (50 * np.random.default_rng(1).standard_cauchy(size=(3_000, 6))).astype(np.float32)
    expected = apply_network(layers, x)
    order = np.random.default_rng(2).permutation(6)
    first = Dense(layers[0].weights[:, order], layers[0].bias)
    assert apply_network((first, *layers[1:]), x[:, order]).tobytes() == expected.tobytes()
    hidden = np.random.default_rng(3).permutation(200)
    mixed = (
        Dense(layers[0].weights[hidden], layers[0].bias[hidden]),
        Dense(layers[1].weights[:, hidden], layers[1].bias),
        layers[2],
    )
    assert apply_network(mixed, x).tobytes() == expected.tobytes()
    assert np.concatenate([apply_network(layers, row[None]) for row in x[:50]]).tobytes() == expected[:50].tobytes()
    assert apply_network(layers, x[1_000:1_003]).tobytes() == expected[1_000:1_003].tobytes()


def test_wide_layers_get_fewer_bits():
    for n_inputs, bits in ((5_000, 24), (60_000, 12)):
        layers = round_weights(network(n_inputs, 2), bits)
        check_exact(layers)
    with pytest.raises(ValueError, match="too many bits"):
        check_exact(network(10, 2))


def test_far_inputs_saturate():
    layers = round_weights(network(2, 3, 1), 8)
    far = np.array([[1e30, -1e30], [np.inf, -np.inf], [4096, -4096]], np.float32)
    assert len(set(apply_network(layers, far)[:, 0].tolist())) == 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    npst.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**60), 2.0**60, width=32)),
    st.integers(2, 24),
)
def test_rounded_weights_are_stored_without_loss(weights, bits):
    layers = (Dense(weights, np.array([1.5, np.inf, -0.0], np.float32)),)
    rounded = round_weights(layers, bits)
    assert same_network(decode_network(encode_network(rounded)), rounded)
    largest = np.abs(weights).max()
    assert np.abs(rounded[0].weights - weights).max() <= largest / (2 ** (bits - 1) - 1) * (1 + 1e-6)


def test_weights_must_be_rounded_first():
    with pytest.raises(ValueError, match="too many bits"):
        encode_network((Dense(np.array([[1e30, 1e-30]], np.float32), np.zeros(1, np.float32)),))


KNOTS = Transform("quantile", np.array([0.0, 0.0, 1.0, 5.0, 5.0]), np.array([-2.0, -0.5, 0.0, 1.0, 3.0]))


@pytest.fixture
def decoder():
    transforms = (KNOTS, Transform("constant", np.array([7.25]), np.zeros(1)))
    return Decoder(("a", "é"), transforms, round_weights(network(3, 8, 2), 10))


def test_decoders_and_encoders_as_bytes(decoder):
    back = decode_decoder(encode_decoder(decoder))
    assert back.columns == decoder.columns
    assert same_network(back.network, decoder.network)
    for a, b in zip(back.transforms, decoder.transforms, strict=True):
        assert a.kind == b.kind
        assert np.array_equal(a.values, b.values)
        assert np.array_equal(a.scores, b.scores)
    encoder = Encoder(3, round_weights(network(2, 8, 6), 16))
    restored = decode_encoder(encode_encoder(encoder))
    assert restored.n_latents == 3
    assert same_network(restored.network, encoder.network)


def test_damaged_models_are_refused(decoder):
    parts = encode_decoder(decoder)
    for i in range(len(parts)):
        for damaged in ([*parts[:i], *parts[i + 1 :]], [*parts[:i], parts[i][:-1], *parts[i + 1 :]]):
            with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
                decode_decoder(damaged)
    for damaged in ([], [b""], parts[:1]):
        with pytest.raises(ValueError):  # noqa: PT011
            decode_encoder(damaged)
    wide = encode_network(round_weights(network(3, 8, 5), 8))
    with pytest.raises(ValueError, match="5 outputs for 2 columns"):
        decode_decoder([*parts[:3], *wide])
    with pytest.raises(ValueError, match="takes 3 inputs after a layer of 8"):
        decode_network(encode_network(round_weights((*network(3, 8), *network(3, 2)), 8)))


def test_plateaus_and_lines():
    assert KNOTS.inverse(np.array([-9, -1, -0.5, 0, 0.5, 1, 2, 9])).tolist() == [0, 0, 0, 1, 3, 5, 5, 5]
    assert KNOTS.forward(np.array([0.0, 0.5, 1.0, 3.0, 5.0])).tolist() == [-1.25, -0.25, 0.0, 0.5, 2.0]
    assert np.isfinite(KNOTS.forward(np.array([-1e30, 1e30]))).all()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=9),
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=20),
)
def test_transforms_are_monotone_and_keep_plateaus(steps, drawn):
    rises = np.array(steps, np.float64)
    transform = Transform("quantile", np.cumsum(rises[:, 0]) - 100, np.cumsum(rises[:, 1]) / 16)
    x = np.sort(drawn)
    assert (np.diff(transform.forward(x)) >= 0).all()
    assert (np.diff(transform.inverse(x)) >= 0).all()
    knots = transform.values
    assert np.array_equal(transform.inverse(transform.forward(knots)), knots) or np.allclose(
        transform.inverse(transform.forward(knots)), knots, rtol=0, atol=1e-3
    )


@pytest.mark.parametrize(
    ("values", "scores"),
    [([], []), ([1.0], [1.0, 2.0]), ([1.0, 0.0], [0.0, 1.0]), ([0.0, 1.0], [0.0, 0.0]), ([0.0, np.nan], [0.0, 1.0])],
)
def test_knots_that_do_not_rise_are_refused(values, scores):
    with pytest.raises(ValueError, match=r"knot|values"):
        Transform("standard", np.array(values), np.array(scores))


@given(st.floats(2.0**-20, 2.0**20), npst.arrays(np.float32, 5, elements=st.floats(-1000, 1000, width=32)))
def test_grid_values_are_within_half_a_step(step, values):
    grid = UniformGrid(step)
    codes = grid.quantise(values)
    assert codes.dtype == np.int64
    assert np.abs(grid.dequantise(codes) - values).max() <= 0.5 * step + 1e-3
    assert np.array_equal(grid.quantise(grid.dequantise(codes)), codes) or step < 1e-3
