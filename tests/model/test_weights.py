"""Models as bytes: nothing is lost, and damage is refused."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.entropy.plain import encode_numbers, encode_raw
from baler_vae.model.group import Decoder, Encoder
from baler_vae.model.network import Dense, check_exact
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

WEIGHTS = st.one_of(
    st.floats(-(2.0**60), 2.0**60, width=32),
    st.floats(-(2.0**-120), 2.0**-120, width=32),
    st.floats(-(2.0**-145), 2.0**-145, width=32),
)


def same_network(a, b):
    pairs = list(zip(a, b, strict=True))
    return all(x.weights.tobytes() == y.weights.tobytes() and x.bias.tobytes() == y.bias.tobytes() for x, y in pairs)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    npst.arrays(np.float32, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=WEIGHTS),
    st.integers(2, 24),
    npst.arrays(np.uint32, 4),
)
def test_rounded_weights_are_stored_without_loss(weights, bits, biases):
    layers = (Dense(weights, np.nan_to_num(biases.view(np.float32))[: len(weights)]),)
    rounded = round_weights(layers, bits)
    check_exact(rounded)
    assert same_network(decode_network(encode_network(rounded)), rounded)
    assert same_network(round_weights(rounded, 24), rounded)
    largest = float(np.abs(weights).max())
    n_levels = min(2 ** (bits - 1) - 1, 2**25 // (weights.shape[1] + 1))
    error = np.abs(rounded[0].weights.astype(np.float64) - weights).max()
    assert error <= largest / n_levels * (1 + 1e-6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(npst.arrays(np.float32, (2, 3), elements=WEIGHTS), st.integers(2, 20))
def test_rounded_weights_need_no_more_bits_than_allowed(weights, bits):
    (rounded,) = round_weights((Dense(weights, np.zeros(2, np.float32)),), bits)
    (step,) = {struct.unpack("<IIi", part)[2] for part in encode_network((rounded,))[:1]}
    assert np.abs(np.ldexp(rounded.weights.astype(np.float64), -step)).max() <= 2 ** (bits - 1)


def test_wide_layers_get_fewer_bits(network):
    for n_inputs, bits in ((5_000, 24), (60_000, 12)):
        check_exact(round_weights(network(n_inputs, 2), bits))


def test_weights_must_be_rounded_first():
    with pytest.raises(ValueError, match="too many bits"):
        encode_network((Dense(np.array([[1e30, 1e-30]], np.float32), np.zeros(1, np.float32)),))


@pytest.fixture
def decoder(network):
    quantile = Transform("quantile", np.array([0.0, 0.0, 1.0, 5.0]), np.array([-2.0, -0.5, 0.0, 1.0]))
    constant = Transform("constant", np.array([7.25]), np.zeros(1))
    return Decoder(("a", "é\ud800"), (quantile, constant), round_weights(network(2, 3, 2), 10))


@pytest.fixture
def encoder(network, decoder):
    return Encoder(("x", "é\ud800"), decoder.transforms, 2, round_weights(network(2, 3, 4), 10))


def test_decoders_come_back(decoder):
    back = decode_decoder(encode_decoder(decoder))
    assert back.columns == decoder.columns
    assert back.n_latents == 2
    assert same_network(back.network, decoder.network)
    for a, b in zip(back.transforms, decoder.transforms, strict=True):
        assert a.kind == b.kind
        assert a.values.tobytes() == b.values.tobytes()
        assert a.scores.tobytes() == b.scores.tobytes()


def test_encoders_come_back(encoder):
    back = decode_encoder(encode_encoder(encoder))
    assert back.columns == encoder.columns
    assert back.n_latents == encoder.n_latents
    for a, b in zip(back.transforms, encoder.transforms, strict=True):
        assert (a.kind, a.values.tobytes(), a.scores.tobytes()) == (b.kind, b.values.tobytes(), b.scores.tobytes())
    assert same_network(back.network, encoder.network)


def refused_or_whole(decode, parts, n_outputs):
    """Nothing but a ValueError, or a network whose layers fit together."""
    try:
        network = decode(parts).network
    except ValueError:
        return
    widths = [len(layer.bias) for layer in network]
    assert [layer.weights.shape[0] for layer in network] == widths
    assert [layer.weights.shape[1] for layer in network[1:]] == widths[:-1]
    assert widths[-1] == n_outputs
    check_exact(network)


@pytest.mark.parametrize("kind", ["decoder", "encoder"])
def test_every_damage_is_refused_or_leaves_a_network(kind, decoder, encoder):
    decode, parts, n_outputs = {
        "decoder": (decode_decoder, encode_decoder(decoder), 2),
        "encoder": (decode_encoder, encode_encoder(encoder), 4),
    }[kind]
    for i, part in enumerate(parts):
        before, after = parts[:i], parts[i + 1 :]
        for broken in ([], [part, part]):
            with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
                decode([*before, *broken, *after])
        for length in range(len(part)):
            with pytest.raises(ValueError):  # noqa: PT011
                decode([*before, part[:length], *after])
        for place in range(len(part)):
            for mask in (0x01, 0x80, 0xFF):
                changed = part[:place] + bytes([part[place] ^ mask]) + part[place + 1 :]
                refused_or_whole(decode, [*before, changed, *after], n_outputs)


def layer(shape=(1, 2), exponent=0, levels=(1, 2), bias=(0.0,)):
    return [
        struct.pack("<IIi", *shape, exponent),
        encode_numbers(np.array(levels, np.int64)),
        encode_raw(np.array(bias, np.float32)),
    ]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "0 parts"),
        (layer()[:2], "2 parts"),
        (layer((2**32 - 1, 2**32 - 1)), "pcodec"),
        (layer((2**20, 2**20)), "pcodec"),
        (layer((0, 5)), "pcodec"),
        (layer((1, 2), bias=(0, 0)), "8 bytes instead of 1 values"),
        (layer(exponent=127), "not float32"),
        (layer(exponent=2**31 - 1), "not float32"),
        (layer(exponent=-150), "not float32"),
        (layer(levels=(2**24 + 1, 2)), "not float32"),
        (layer(levels=(2**62, 1)), "too many bits"),
        ([*layer(), *layer()], "takes 2 inputs after a layer of 1"),
    ],
)
def test_hostile_networks_are_refused(parts, words):
    with pytest.raises(ValueError, match=words):
        decode_network(parts)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"columns": ["a"]}',
        b'{"columns": 5, "transforms": 5}',
        b'{"columns": [], "transforms": []}',
        b'{"columns": ["a", "b"], "transforms": [["standard", 2]]}',
        b'{"columns": ["a"], "transforms": [["standard"]]}',
        b'{"columns": ["a"], "transforms": [["cubic", 2]]}',
        b'{"columns": ["a"], "transforms": [[{}, 2]]}',
        *(
            b'{"columns": ["a"], "transforms": [["standard", %s]]}' % n
            for n in (
                b"0",
                b"1",
                b"3",
                b"-1",
                b"null",
                b"[]",
                b"NaN",
                b"Infinity",
                b"1e30",
                b"1" + b"0" * 15,
                b"9" * 5000,
            )
        ),
    ],
)
def test_hostile_headers_are_refused(header):
    knots = encode_numbers(np.array([0.0, 1.0, 0.0, 1.0]))
    good = json.dumps({"columns": ["a"], "transforms": [["standard", 2]]}).encode()
    assert decode_decoder([good, knots, *layer()]).columns == ("a",)
    with pytest.raises(ValueError):  # noqa: PT011
        decode_decoder([header, knots, *layer()])


def test_parts_that_do_not_fit_together_are_refused(decoder, network):
    wide = encode_network(round_weights(network(3, 8, 5), 8))
    with pytest.raises(ValueError, match="5 outputs for 2 columns"):
        decode_decoder([*encode_decoder(decoder)[:3], *wide])
    serving = encode_decoder(decoder)[:3]
    for n_latents in (0, 1, 3, 2**32 - 1):
        with pytest.raises(ValueError, match=f"5 outputs for {n_latents} latents"):
            decode_encoder([struct.pack("<I", n_latents), *serving, *wide])
    with pytest.raises(ValueError, match="3 inputs for 2 columns"):
        decode_encoder([struct.pack("<I", 2), *serving, *encode_network(round_weights(network(3, 8, 4), 8))])
    with pytest.raises(ValueError, match="number of latents"):
        decode_encoder([])
