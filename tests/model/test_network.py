"""Networks give the same numbers whatever the order of their sums."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.model.network import Dense, apply_network, check_exact, common_exponent
from baler_vae.model.weights import round_weights

FLOATS = st.floats(width=32, allow_nan=False)


def by_the_book(network, row):
    """The outputs for one row as FORMAT.md says, with sums in exact arithmetic."""
    x = [float(value) for value in row]
    for layer in network:
        near = [min(max(value, -5000.0), 5000.0) for value in x]
        x = [Fraction(min(max(round(value * 2**16), -(2**28)), 2**28), 2**16) for value in near]
        sums = [
            float(sum(Fraction(float(w)) * a for w, a in zip(weights, x, strict=True))) for weights in layer.weights
        ]
        outputs = [total + float(bias) for total, bias in zip(sums, layer.bias, strict=True)]
        x = [max(value, value * float(np.float32(0.01))) for value in outputs]
    return np.array(outputs).astype(np.float32)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    npst.arrays(np.float32, (3, 2), elements=st.floats(-8, 8, width=32)),
    npst.arrays(np.float32, (2, 3), elements=st.floats(-8, 8, width=32)),
    npst.arrays(np.float32, 5, elements=st.floats(-100, 100, width=32)),
    npst.arrays(np.float32, (4, 2), elements=FLOATS),
    st.integers(2, 20),
)
def test_networks_do_what_the_format_says(first, second, biases, inputs, bits):
    network = round_weights((Dense(first, biases[:3]), Dense(second, biases[3:])), bits)
    outputs = apply_network(network, inputs)
    assert outputs.dtype == np.float32
    assert np.array_equal(outputs, [by_the_book(network, row) for row in inputs])


def test_sums_are_exact_in_any_order(network):
    layers = round_weights(network(6, 200, 100, 5, scale=0.3), 12)
    check_exact(layers)
    x = (50 * np.random.default_rng(1).standard_cauchy(size=(3_000, 6))).astype(np.float32)
    expected = apply_network(layers, x).tobytes()
    columns, hidden = np.random.default_rng(2).permutation(6), np.random.default_rng(3).permutation(200)
    mixed = (
        Dense(layers[0].weights[hidden][:, columns], layers[0].bias[hidden]),
        Dense(layers[1].weights[:, hidden], layers[1].bias),
        layers[2],
    )
    assert apply_network(mixed, x[:, columns]).tobytes() == expected


def test_rows_do_not_depend_on_their_neighbours(network):
    layers = round_weights(network(3, 16, 2), 12)
    x = np.random.default_rng(1).normal(size=(5_000, 3)).astype(np.float32)
    whole = apply_network(layers, x)
    for start, stop in ((0, 0), (0, 1), (1_023, 1_025), (2_000, 4_999)):
        assert apply_network(layers, x[start:stop]).tobytes() == whole[start:stop].tobytes()
    assert apply_network(layers, x[::-7]).tobytes() == whole[::-7].tobytes()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("threads", [1, 2, 8])
def test_tensors_give_the_bytes_of_arrays(network, device, threads):
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA here")
    layers = round_weights(network(6, 200, 100, 5, scale=0.3), 12)
    x = (50 * np.random.default_rng(1).standard_cauchy(size=(3_000, 6))).astype(np.float32)
    x[:5, 0] = 0, -0.0, np.inf, -np.inf, 1e-40
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        outputs = apply_network(layers, torch.tensor(x, device=device))
    finally:
        torch.set_num_threads(before)
    assert (outputs.device.type, outputs.dtype) == (device, torch.float32)
    assert outputs.cpu().numpy().tobytes() == apply_network(layers, x).tobytes()


def test_inputs_are_not_changed(network):
    x = np.array([[0.1, 1e30, -5.0]], np.float32)
    before = x.copy()
    apply_network(network(3, 4, 2), x)
    assert x.tobytes() == before.tobytes()


def test_far_inputs_saturate(network):
    layers = round_weights(network(2, 3, 1), 8)
    far = np.array([[1e30, -1e30], [np.inf, -np.inf], [4096, -4096]], np.float32)
    assert len(set(apply_network(layers, far)[:, 0].tolist())) == 1


def test_the_sign_of_zero_does_not_depend_on_the_library():
    layers = (Dense(np.ones((1, 1), np.float32), np.array([-0.0], np.float32)),)
    outputs = apply_network(layers, np.array([[0.0], [-0.0], [-1e-9]], np.float32))
    assert outputs.tobytes() == np.zeros((3, 1), np.float32).tobytes()


def test_far_biases_are_kept():
    layers = (Dense(np.zeros((2, 1), np.float32), np.array([3e38, -np.inf], np.float32)),)
    assert apply_network(layers, np.zeros((1, 1), np.float32)).tolist() == [[float(np.float32(3e38)), -np.inf]]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.integers(-(2**24), 2**24), min_size=1, max_size=5), st.integers(-149, 100))
def test_the_common_exponent_is_the_largest(integers, exponent):
    weights = np.ldexp(np.array(integers, np.float64), exponent).astype(np.float32)
    found = common_exponent(weights)
    if not any(integers):
        assert found == 0
        return
    units = np.ldexp(weights.astype(np.float64), -found)
    assert np.array_equal(units, np.rint(units))
    assert np.any(units % 2)


def test_sums_that_could_round_are_refused(network):
    with pytest.raises(ValueError, match="layer 0 have too many bits"):
        check_exact(network(10, 2))
    largest = np.full((1, 1), 2**24, np.float32)  # its one bit is its step
    check_exact((Dense(largest, np.zeros(1, np.float32)),))
    for n_inputs, exact in ((2, True), (3, False)):
        weights = np.full((1, n_inputs), 2**24 - 1, np.float32)
        layers = (Dense(weights[:, :1], np.zeros(1, np.float32)), Dense(weights, np.zeros(1, np.float32)))
        if exact:
            check_exact(layers)
        else:
            with pytest.raises(ValueError, match="layer 1 have too many bits"):
                check_exact(layers)
