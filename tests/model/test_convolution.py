"""Convolutions in whole numbers: what their definition says, the same however rows are cut, and nothing hostile."""

import json
import math

import numpy as np
import pytest

from baler_vae.model.convolution import Convolution, Normalisation, output_length
from baler_vae.model.group import Decoder, Encoder, scores_of
from baler_vae.model.network import Dense, apply_network, chained, check_exact
from baler_vae.model.transform import Transform
from baler_vae.model.weights import (
    decode_decoder,
    decode_encoder,
    encode_decoder,
    encode_encoder,
    round_weights,
)

RNG = np.random.default_rng(0)
STANDARD = Transform("standard", np.array([1.0, 3.0]), np.array([0.0, 1.0]))


def numbers(*shape, scale=1.0, seed=0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def normalisation(channels, groups):
    return Normalisation(groups, numbers(channels, seed=3), numbers(channels, seed=4))


def convolution(shape, *, channels=(2, 3), kernel=3, stride=2, transposed=False, spare=0, **more):
    weights = numbers(channels[1], *(kernel,) * len(shape), channels[0], seed=1)
    padding = (kernel - 1) // 2
    output = tuple(output_length(length, kernel, stride, padding) for length in shape)
    if transposed:
        output = tuple((length - 1) * stride - 2 * padding + kernel + spare for length in shape)
    layer = Convolution(weights, numbers(channels[1], seed=2), shape, output, stride, padding, transposed, **more)
    layer.check()
    return layer


def by_hand(layer, x):
    """What a convolution makes of images (rows, places, channels), place by place, tap by tap."""
    images = x.reshape(len(x), *layer.shape, -1).astype(np.float64)
    found = np.zeros((len(x), *layer.output, len(layer.bias))) + layer.bias
    far, near = (layer.output, layer.shape) if layer.transposed else (layer.shape, layer.output)
    for place in np.ndindex(*near):
        for tap in np.ndindex(*layer.kernel):
            other = tuple(p * layer.stride - layer.padding + t for p, t in zip(place, tap, strict=True))
            if all(0 <= o < length for o, length in zip(other, far, strict=True)):
                weights = layer.weights[(slice(None), *tap)]  # (outputs, channels)
                source, target = (place, other) if layer.transposed else (other, place)
                found[(slice(None), *target)] += images[(slice(None), *source)] @ weights.T
    return found.reshape(len(x), -1)


@pytest.mark.parametrize(
    ("shape", "more"),
    [
        ((7,), {}),
        ((7, 6), {}),
        ((4, 3, 5), {}),
        ((7, 6), {"kernel": 4, "stride": 3}),
        ((5,), {"kernel": 2, "stride": 1}),
        ((4,), {"transposed": True}),
        ((4, 3), {"transposed": True, "spare": 1}),
        ((2, 3, 2), {"transposed": True}),
        ((4, 3), {"transposed": True, "kernel": 4, "stride": 3, "spare": 2}),
        ((4,), {"transposed": True, "kernel": 2, "stride": 3}),  # places that no tap reaches
    ],
)
def test_a_convolution_is_what_its_definition_says(shape, more):
    layer = convolution(shape, **more)
    x = numbers(5, layer.n_inputs, seed=5)
    found = apply_network((layer,), x)
    assert found.shape == (5, layer.n_outputs)
    np.testing.assert_allclose(found, by_hand(layer, x), atol=1e-3)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_normalised_channels_have_mean_0_and_variance_1_in_each_group(groups):
    own = Normalisation(groups, np.ones(6, np.float32), np.zeros(6, np.float32))
    layer = convolution((9, 8), channels=(2, 6), normalisation=own)
    found = apply_network((layer,), numbers(5, layer.n_inputs, scale=3))
    parts = found.reshape(5, math.prod(layer.output), groups, -1)
    np.testing.assert_allclose(parts.mean(axis=(1, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(parts.std(axis=(1, 3)), 1, atol=1e-3)
    moved = apply_network(
        (convolution((9, 8), channels=(2, 6), normalisation=normalisation(6, groups)),), numbers(5, 144, scale=3)
    )
    wanted = found.reshape(-1, 6) * normalisation(6, groups).gain + normalisation(6, groups).shift
    np.testing.assert_allclose(moved.reshape(-1, 6), wanted, atol=1e-3)


def test_sums_of_squares_are_exact_where_float64_would_round():
    """Values of 30 bits and a variance that single sums of squares would lose."""
    own = Normalisation(1, np.ones(1, np.float32), np.zeros(1, np.float32))
    x = np.full((1, 4096), 2000.0, np.float32)
    x[0, ::2] += np.float32(2.0**-10)
    layer = Convolution(np.ones((1, 1, 1), np.float32), np.zeros(1, np.float32), (4096,), (4096,), normalisation=own)
    found = apply_network((layer,), x)[0].astype(np.float64)
    spread = math.sqrt(2.0**-22 + 1e-5)
    np.testing.assert_allclose(np.abs(found), 2.0**-11 / spread, rtol=2e-3)


def network():
    """An encoder of images (8, 7) with 2 channels, and a decoder of 3 latents to them."""
    first = convolution((8, 7), channels=(2, 4), normalisation=normalisation(4, 2))
    one = convolution(first.output, channels=(4, 4), stride=1)
    two = convolution(first.output, channels=(4, 4), stride=1, adds=True, normalisation=normalisation(4, 1))
    flat = two.n_outputs
    encoder = chained(round_weights((first, one, two, Dense(numbers(3, flat), numbers(3))), 12))
    back = Convolution(numbers(2, 3, 3, 4), numbers(2), first.output, (8, 7), 2, 1, transposed=True)
    decoder = chained(round_weights((Dense(numbers(flat, 3), numbers(flat)), one, two, back), 9))
    return encoder, decoder


@pytest.fixture(scope="module")
def decoder():
    return Decoder(("a", "b"), (STANDARD, STANDARD), network()[1], ((8, 7), (8, 7)))


@pytest.fixture(scope="module")
def encoder():
    return Encoder(("a", "b"), (STANDARD, STANDARD), 3, network()[0], (), ((8, 7), (8, 7)))


def test_rows_do_not_depend_on_those_beside_them(encoder):
    scores = numbers(40, 112)
    whole = apply_network(encoder.network, scores)
    for start, stop in ((0, 1), (7, 20)):
        assert apply_network(encoder.network, scores[start:stop]).tobytes() == whole[start:stop].tobytes()


def test_sums_in_any_order_are_the_same(encoder):
    """Channels of a layer in another order, and its inputs with them."""
    first = encoder.network[0]
    order = np.array([2, 0, 3, 1])
    plain = Convolution(first.weights, first.bias, first.shape, first.output, 2, 1)
    mixed = Convolution(first.weights[order], first.bias[order], first.shape, first.output, 2, 1)
    second = encoder.network[1]
    after = Convolution(second.weights[..., order], second.bias, second.shape, second.output, 1, 1)
    x = numbers(6, 112)
    assert apply_network((plain, second), x).tobytes() == apply_network((mixed, after), x).tobytes()


def test_a_block_adds_its_input():
    layer = convolution((6,), channels=(2, 2), stride=1)
    nothing = Convolution(np.zeros((2, 3, 2), np.float32), np.zeros(2, np.float32), (6,), (6,), 1, 1, adds=True)
    x = numbers(4, 12)
    found = apply_network((layer, nothing), x)  # the second gives nothing and adds the input of the first
    np.testing.assert_allclose(found, x, atol=1e-4)


def test_tensors_give_the_same_bytes(encoder):
    torch = pytest.importorskip("torch")
    scores = numbers(30, 112)
    assert (
        apply_network(encoder.network, torch.tensor(scores)).numpy().tobytes()
        == apply_network(encoder.network, scores).tobytes()
    )


def test_scores_of_images_stand_cell_by_cell_and_come_back(decoder):
    arrays = {"a": numbers(5, 8, 7), "b": numbers(5, 8, 7, seed=1)}
    transforms = (STANDARD, STANDARD)
    interleaved = scores_of(("a", "b"), transforms, arrays, decoder.shapes, interleaved=True)
    behind = scores_of(("a", "b"), transforms, arrays, decoder.shapes)
    expected = np.stack([STANDARD.forward(arrays["a"]), STANDARD.forward(arrays["b"])], axis=-1)
    np.testing.assert_array_equal(interleaved, expected.reshape(5, -1))
    np.testing.assert_array_equal(behind, np.moveaxis(expected, -1, 1).reshape(5, -1))
    latents = numbers(4, 3)
    outputs = apply_network(decoder.network, latents).reshape(4, 8, 7, 2)
    found = decoder.decode(latents)
    for number, name in enumerate(("a", "b")):
        assert found[name].shape == (4, 8, 7)
        np.testing.assert_array_equal(found[name], STANDARD.inverse(outputs[..., number]))


def test_networks_come_back(decoder, encoder):
    latents, scores = numbers(4, 3), numbers(4, 112)
    back = decode_decoder(encode_decoder(decoder))
    assert (back.columns, back.shapes, back.n_latents) == (("a", "b"), ((8, 7), (8, 7)), 3)
    assert apply_network(back.network, latents).tobytes() == apply_network(decoder.network, latents).tobytes()
    again = decode_encoder(encode_encoder(encoder))
    assert (again.columns, again.shapes, again.n_latents) == (encoder.columns, encoder.shapes, 3)
    assert apply_network(again.network, scores).tobytes() == apply_network(encoder.network, scores).tobytes()


def test_dense_networks_of_arrays_come_back():
    layers = round_weights((Dense(numbers(7, 2), numbers(7)),), 8)
    decoder = Decoder(("x", "m"), (STANDARD, STANDARD), layers, ((), (2, 3)))
    back = decode_decoder(encode_decoder(decoder))
    found, latents = back.decode(numbers(4, 2)), numbers(4, 2)
    assert {name: values.shape for name, values in found.items()} == {"x": (4,), "m": (4, 2, 3)}
    outputs = STANDARD.inverse(apply_network(layers, latents))
    np.testing.assert_array_equal(found["x"], outputs[:, 0])
    np.testing.assert_array_equal(found["m"].reshape(4, 6), outputs[:, 1:])


def test_every_damage_of_a_part_is_refused_or_leaves_a_network(decoder):
    parts = encode_decoder(decoder)
    for i, part in enumerate(parts):
        before, after = parts[:i], parts[i + 1 :]
        for broken in ([], [part, part]):
            with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
                decode_decoder([*before, *broken, *after])
        for place in range(0, len(part), max(1, len(part) // 60)):
            changed = part[:place] + bytes([part[place] ^ 0x15]) + part[place + 1 :]
            try:
                found = decode_decoder([*before, changed, *after])
            except ValueError:
                continue
            check_exact(found.network)
            assert found.network[-1].n_outputs == 112


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("kernel", [3], "weights"),
        ("kernel", [0, 3], "damaged"),
        ("kernel", [2**31, 2**31], "weights"),
        ("kernel", [], "weights"),
        ("shape", [2**31, 2**31], "steps|gathers"),
        ("shape", [4, 4, 1, 1], "from"),
        ("shape", [-1, 4], "whole"),
        ("output", [2**20, 2**20], "steps"),
        ("output", [8, 8], "128 outputs"),
        ("stride", 0, "not positive"),
        ("stride", 2**31, "steps"),
        ("padding", 3, "padding"),
        ("padding", 2.0, "whole"),
        ("groups", 3, "parts"),
        ("transposed", 1, "damaged"),
        ("adds", True, "adds"),
        ("more", 1, "damaged"),
    ],
)
def test_descriptions_of_layers_that_nobody_could_compute(decoder, key, value, words):
    parts = encode_decoder(decoder)
    header = json.loads(parts[0])
    header["layers"][-1] = header["layers"][-1] | {key: value}
    with pytest.raises(ValueError, match=words):
        decode_decoder([json.dumps(header).encode(), *parts[1:]])


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("shapes", [[8, 7]], "1 shapes for 2 columns"),
        ("shapes", [[8, 7], [7, 8]], "shapes"),
        ("shapes", [[8, 7], []], "shapes"),
        ("shapes", [[8, 7], [0, 7]], "shapes"),
        ("shapes", [[2**31, 2**31], [2**31, 2**31]], "shapes"),
        ("shapes", [[16, 7], [16, 7]], "112 outputs"),
        ("shapes", 5, "damaged"),
        ("layers", [None, None], "parts"),
        ("layers", [3, 4, 5, 6], "damaged"),
        ("layers", 5, "damaged"),
    ],
)
def test_headers_that_do_not_fit(decoder, key, value, words):
    parts = encode_decoder(decoder)
    header = json.loads(parts[0]) | {key: value}
    with pytest.raises(ValueError, match=words):
        decode_decoder([json.dumps(header).encode(), *parts[1:]])


def test_large_layers_are_refused_before_they_take_memory():
    weights = np.zeros((1, 3, 3, 1), np.float32)
    layer = Convolution(weights, np.zeros(1, np.float32), (8191, 8191), (8191, 8191), 1, 1)
    with pytest.raises(ValueError, match="gathers"):
        layer.check()
