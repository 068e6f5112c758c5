"""Networks of codes: whole numbers by whole numbers, whatever the batches, and what is no network."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.model.conditional import FORMULA, PLACE_INPUTS, Conditional, Context, Input, IntegerLayer
from baler_vae.model.layout import flat_layout, jagged_layout

from .conditionals import SOME_INPUTS, alphabet_of, conditional_of, layer_of


def root_of_two(sixteenths):
    """floor(2^(sixteenths / 16)), by bisection."""
    low, high = 0, 1 << sixteenths // 16 + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**16 <= 1 << sixteenths else (low, middle)
    return low


def tables_by_hand(conditional, inputs):
    """The weights in int64, as FORMAT.md says it."""
    x = inputs.astype(np.int64)
    for number, layer in enumerate(conditional.layers):
        if number:
            x = np.clip(x, -1024, 1023)
            x = np.where(x < 0, x >> 3, x)
        sums = x @ layer.weights.T.astype(np.int64)
        x = ((sums + (1 << layer.shift >> 1)) >> layer.shift) + layer.bias
    levels = np.minimum(x.max(axis=1, keepdims=True) - x, 255)
    return np.array([root_of_two(256 - level) for level in range(256)], np.float64)[levels]


def inputs_of(n_rows, n_inputs, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-512, 513, (n_rows, n_inputs))
    inputs[rng.random(inputs.shape) < 0.1] = -512
    return inputs.astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 63), st.lists(st.integers(1, 40), max_size=3), st.integers(1, 40))
def test_tables_are_those_of_whole_numbers(seed, n_ranges, hidden, n_inputs):
    conditional = conditional_of([Input(i) for i in range(n_inputs)], n_ranges=n_ranges, hidden=hidden, seed=seed)
    inputs = inputs_of(60, n_inputs, seed)
    tables = conditional.tables(inputs)
    assert tables.dtype == np.float64
    assert tables.min() >= 1
    assert np.all(tables.max(axis=1) == 65_536)
    assert np.array_equal(tables, tables_by_hand(conditional, inputs))


def test_sums_at_the_limit_are_exact():
    """Layers as large as may be, at the ends of what their inputs can be."""
    n_inputs = 255
    weights = np.full((3, n_inputs), 64, np.int16)
    weights[1, ::2] = -64
    weights[2, 1::3] = -63
    for shift in (0, 1, 9):
        layer = IntegerLayer(weights, np.array([0, 9, -9], np.int32), shift)
        network = Conditional(alphabet_of(2), tuple(Input(i) for i in range(n_inputs)), (layer,))
        inputs = np.full((4, n_inputs), 1024, np.float32)
        inputs[1] = -1024
        inputs[2, ::2] = -1024
        inputs[3] = np.arange(n_inputs) * 7 - 1000
        assert np.array_equal(network.tables(inputs), tables_by_hand(network, inputs))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 500), max_size=8))
def test_tables_do_not_depend_on_how_rows_are_split(cuts):
    conditional = conditional_of(SOME_INPUTS, n_ranges=63, hidden=(32, 32))
    inputs = inputs_of(500, len(SOME_INPUTS))
    whole = conditional.tables(inputs)
    parts = [conditional.tables(part) for part in np.split(inputs, sorted(cuts)) if len(part)]
    assert np.array_equal(np.concatenate(parts), whole)
    assert np.array_equal(np.concatenate([conditional.tables(inputs[i : i + 1]) for i in range(500)]), whole)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 12), max_size=3))
def test_a_pruned_network_is_the_same_function(seed, hidden):
    conditional = conditional_of([Input(i) for i in range(9)], hidden=hidden, seed=seed)
    for layer in conditional.layers:
        layer.weights[np.random.default_rng(seed).random(layer.weights.shape) < 0.7] = 0
    pruned = conditional.pruned()
    kept = [conditional.inputs.index(entry) for entry in pruned.inputs]
    inputs = inputs_of(50, 9, seed)
    assert np.array_equal(pruned.tables(inputs[:, kept]), conditional.tables(inputs))
    assert all(layer.weights.any(axis=0).all() or layer.weights.shape[1] == 1 for layer in pruned.layers)
    assert pruned.pruned().inputs == pruned.inputs


def test_a_network_that_sees_nothing_keeps_one_of_each():
    conditional = conditional_of([Input(i) for i in range(9)])
    for layer in conditional.layers:
        layer.weights[:] = 0
    pruned = conditional.pruned()
    assert [layer.weights.shape for layer in pruned.layers] == [(1, 1), (1, 1), (6, 1)]
    inputs = inputs_of(7, 9)
    assert np.array_equal(pruned.tables(inputs[:, :1]), conditional.tables(inputs))


def layer(weights=((1, 2),), bias=(0,), shift=0):
    return IntegerLayer(np.array(weights, np.int16), np.array(bias, np.int32), shift)


@pytest.mark.parametrize(
    ("weights", "bias", "shift"),
    [
        ([[8192, 8192]], [0], 0),
        ([[8192, -8192]], [0], 0),
        ([[8192, 8191]], [0], 10),  # half a unit more before the shift
        ([[8191, 8190]], [4096], 0),
        ([[0]], [2**24 - 1], 0),
        ([[0]], [-(2**31)], 0),
        ([[-32768]], [0], 0),
        ([[1]], [0], -1),
        ([[1]], [0], 21),
        ([[1, 2]], [0, 0], 0),
        ([[1], [2]], [0], 0),
    ],
)
def test_layers_that_could_round_are_refused(weights, bias, shift):
    with pytest.raises(ValueError, match="layer"):
        layer(weights, bias, shift)


@pytest.mark.parametrize(
    ("weights", "bias", "shift"),
    [([[8192, -8191]], [0], 0), ([[8192, -8191]], [0], 9), ([[0]], [2**24 - 2], 0), ([[1]], [-(2**23)], 20)],
)
def test_layers_just_below_that_are_not(weights, bias, shift):
    layer(weights, bias, shift)


@pytest.mark.parametrize(
    "entry",
    [Input(-3), Input(0, 3), Input(0, -1), Input(0, 0, -2), Input(-1), Input(-1, 0, 4), Input(-1, 1, 0), Input(-2, 1)],
)
def test_inputs_that_cannot_be_are_refused(entry):
    conditional = conditional_of(SOME_INPUTS)
    with pytest.raises(ValueError, match="has an input that does not exist"):
        replace(conditional, inputs=(entry, *SOME_INPUTS[1:]))


def test_layers_that_do_not_fit_are_refused():
    conditional, rng = conditional_of(SOME_INPUTS), np.random.default_rng(0)
    for layers in (
        (),
        conditional.layers[:2],
        conditional.layers[1:],
        (*conditional.layers[:2], layer_of(5, 6, rng)),
        (*conditional.layers[:2], layer_of(4, 5, rng)),
    ):
        with pytest.raises(ValueError, match="do not lead"):
            replace(conditional, layers=layers)
    with pytest.raises(ValueError, match="do not lead"):
        replace(conditional, inputs=SOME_INPUTS[1:])


COUNTS = np.array([3, 0, 1, 5, 2, 20])
VIEW = Alphabet(np.array([-8, 0, 1, 64]), np.array([2, 0, 0, 6], np.uint8))


def test_inputs_are_what_the_page_says():
    layout, rng = jagged_layout(COUNTS), np.random.default_rng(0)
    codes = rng.integers(-12, 200, layout.n_rows)
    hints = rng.integers(-12, 200, layout.n_rows)
    sources = Context(layout, {4: VIEW})
    sources.show(4, codes)
    sources.show(9, codes)  # which nothing looks at
    sources.show_formula(VIEW, hints)
    wanted = [*(Input(4, lag, symbol) for lag in range(3) for symbol in (-1, 0, 2)), Input(FORMULA), *PLACE_INPUTS]
    found = sources.inputs(wanted, VIEW, 0, layout.n_rows)
    assert found.dtype == np.float32
    rows = [(event, rank) for rank in range(20) for event in range(6) if rank < COUNTS[event]]
    places = {row: place for place, row in enumerate(rows)}

    def seen(position, symbol):
        return 256 * (position // 64 == symbol) if symbol >= 0 else 16 * position // 4 - 512

    positions = [VIEW.positions(array).tolist() for array in (codes, hints)]
    for place, (event, rank) in enumerate(rows):
        expected = []
        for lag in range(3):
            before = places.get((event, rank - lag))
            expected += [0 if before is None else seen(positions[0][before], symbol) for symbol in (-1, 0, 2)]
        expected.append(seen(positions[1][place], -1))
        behind = int(COUNTS[event]) - 1 - rank
        expected += [32 * min(rank, 16) - 256, 32 * min(behind, 16) - 256, 256 * (rank == 0), 256 * (rank == 1)]
        assert found[place].tolist() == expected
    for start, stop in layout.slices:
        assert np.array_equal(sources.inputs(wanted, VIEW, start, stop), found[start:stop])


def test_sources_may_be_shown_rank_by_rank():
    layout = jagged_layout(COUNTS)
    codes = np.arange(layout.n_rows) - 5
    whole, parts = (Context(layout, {0: VIEW}) for _ in range(2))
    whole.show(0, codes)
    wanted = [Input(0, 0), Input(0, 1), Input(0, 2)]
    for start, stop in layout.slices:
        parts.show(0, codes[start:stop], start)
        assert np.array_equal(parts.inputs(wanted, VIEW, start, stop), whole.inputs(wanted, VIEW, start, stop))


def test_a_flat_row_has_no_row_before():
    sources = Context(flat_layout(5), {0: VIEW})
    sources.show(0, np.full(5, 70))
    assert sources.inputs([Input(0, 1), Input(0, 2)], VIEW, 0, 5).tolist() == [[0, 0]] * 5
