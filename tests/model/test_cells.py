"""Cells of arrays under networks: nothing is seen before it is known, and codes come back."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.grid.codes import SPECIAL
from baler_vae.model import cell_fields
from baler_vae.model.cell_fields import flat, rows_of_flat, waves_of
from baler_vae.model.cell_stream import CellReader, cell_bits, decode_cells, encode_cells
from baler_vae.model.cell_weights import decode_cells_models, encode_cells_models
from baler_vae.model.cells import CellInput, Cells, Predictor, Seen
from baler_vae.model.conditional import Conditional, Input, IntegerLayer

from .cell_networks import GRIDS, cells_of, field_of
from .conditionals import conditional_of

seeds = st.integers(0, 2**32 - 2)


@st.composite
def networks(draw):
    """Networks of cells of all kinds."""
    square = draw(st.booleans())
    size = draw(st.integers(1, 5))
    shape = (size, size) if square else tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    flags = {"mirrored": square and draw(st.booleans()), "geometric": square and draw(st.booleans())}
    return cells_of(shape, draw(seeds), lags=draw(st.integers(0, 2)), **flags)


def decoded(data, field, values):
    """The codes of a stream, and nothing left behind them; `values` (cells * rows,) are those of the codes."""
    reader = CellReader(data, field.cells.network)
    decode_cells(field, reader, lambda items, _: values[items])
    reader.finish()
    return field.codes


@settings(max_examples=200, deadline=None)
@given(networks(), st.integers(0, 4), st.sampled_from(GRIDS), seeds)
def test_codes_come_back(cells, n_rows, of_grid, seed):
    field, empty, values = field_of(cells, n_rows, seed, *of_grid)
    data = encode_cells(field)
    assert (data == b"") == (n_rows == 0)
    values = flat(values.reshape(n_rows, *cells.shape))
    assert decoded(data, empty, values).tobytes() == field.codes.tobytes()
    assert np.array_equal(empty.values, values.astype(float), equal_nan=True)
    assert np.array_equal(empty.places, field.places)


def plain(predictor):
    return predictor.taps.tolist(), predictor.weights.tolist(), predictor.fill


@settings(max_examples=80, deadline=None)
@given(networks(), st.integers(1, 4), seeds)
def test_networks_come_back_and_pruned_ones_say_the_same(cells, n_rows, seed):
    (found,) = decode_cells_models(encode_cells_models({3: cells}), {3: cells.shape}).values()
    assert (found.inputs, found.offsets, found.predicted, found.mirrored) == (
        cells.inputs,
        cells.offsets,
        cells.predicted,
        cells.mirrored,
    )
    assert [*map(plain, found.predictors)] == [*map(plain, cells.predictors)]
    field, pruned = field_of(cells, n_rows, seed)[0], cells.pruned()
    assert encode_cells(field_of(found, n_rows, seed)[0]) == encode_cells(field)
    assert len(pruned.offsets) <= len(cells.offsets)
    np.testing.assert_allclose(cell_bits(field_of(pruned, n_rows, seed)[0]), cell_bits(field), rtol=1e-12)
    assert encode_cells_models({0: pruned.pruned()}) == encode_cells_models({0: pruned})


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(1, 4), seeds)
def test_bits_are_those_of_the_stream(cells, n_rows, seed):
    field = field_of(cells, n_rows, seed)[0]
    bits = cell_bits(field)
    assert bits.shape == (n_rows,)
    assert abs(bits.sum() / 8 - len(encode_cells(field))) < 10


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(1, 4))
def test_every_cell_comes_once_and_after_its_neighbours(cells, n_rows):
    shape = cells.shape
    coordinates = np.indices(shape, np.int32).reshape(len(shape), -1).T
    waves = [wave.tolist() for wave in waves_of(cells, coordinates, n_rows)]
    come = {item: time for time, wave in enumerate(waves) for item in wave}
    assert sorted(item for wave in waves for item in wave) == list(range(math.prod(shape) * n_rows))
    geometric = any(own.is_geometric for own in cells.predictors)
    for item, time in come.items():
        cell, row = divmod(item, n_rows)
        place = coordinates[cell]
        before = [(row - lag, *(place + steps)) for lag, *steps in cells.offsets]
        before += [(row, *place[::-1])] if cells.mirrored and place[1] < place[0] else []
        before += [(row, i, j) for i in range(place[0]) for j in range(shape[1])] if geometric else []
        for other, *there in before:
            if other >= 0 and all(0 <= k < size for k, size in zip(there, shape, strict=True)):
                assert come[int(np.ravel_multi_index(there, shape)) * n_rows + other] < time
        if geometric:
            assert {k // n_rows // shape[1] for k in waves[time]} == {int(place[0])}


@settings(max_examples=60, deadline=None)
@given(networks(), st.integers(0, 4), seeds)
def test_known_cells_are_gone_through_at_once_in_the_same_order(cells, n_rows, seed):
    found = []
    for few in (0, 1 << 40):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cell_fields, "_FEW_AT_ONCE", few)
            field = field_of(cells, n_rows, seed)[0]
            order = np.concatenate([np.empty(0, np.int64), *field.known_order()])
            assert order.tolist() == [item for items in field.order() for item in items.tolist()]
            found.append(encode_cells(field))
    assert found[0] == found[1]


def test_flat_cells_come_back():
    arrays = np.arange(24).reshape(2, 3, 4)
    assert flat(arrays)[:4].tolist() == [0, 12, 1, 13]
    assert rows_of_flat(flat(arrays), 2).tolist() == arrays.reshape(2, 12).tolist()


def test_special_codes_across_the_diagonal_are_no_base():
    """A small code less that of NaN is one that stands for a verbatim value."""
    cells = cells_of((2, 2), 0, mirrored=True)
    cells = replace(cells, predicted=False)
    for special in range(SPECIAL, SPECIAL + 5):
        for code in range(-6, 6):
            field, empty, _ = field_of(cells, 1, 0)
            codes = np.array([0, special, code, 0])
            field.fill(codes, np.zeros((1, 2, 2)))
            assert decoded(encode_cells(field), empty, np.zeros(4)).tolist() == codes.tolist()


def test_mirror_images_take_next_to_nothing():
    """Of a symmetric matrix what is coded below the diagonal is zero, which a network can tell."""
    n = 12
    alphabet = Alphabet(np.zeros(1, np.int64), np.zeros(1, np.uint8))
    layer = IntegerLayer(np.array([[32], [-32]], np.int16), np.array([0, 40], np.int32), 3)
    network = Conditional(alphabet, (Input(0),), (layer,))
    cells = Cells((n, n), network, (CellInput(Seen.MIRRORED),), alphabet, mirrored=True)
    field, empty, _ = field_of(cells, 5, 0)
    codes = np.random.default_rng(0).integers(-(2**40), 2**40, (5, n, n))
    codes += codes.transpose(0, 2, 1)
    field.fill(codes.reshape(-1), codes.astype(float))
    data = encode_cells(field)
    assert len(data) < 8 * 5 * n * (n + 1) / 2 * 1.05
    assert np.array_equal(decoded(data, empty, flat(codes)), field.codes)


def test_a_stream_cut_or_continued_is_refused():
    field, _, values = field_of(cells_of((3, 4), 5), 3, 0)
    data, values = encode_cells(field), flat(values.reshape(3, 3, 4))
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"."):
            decoded(data[:length], field_of(field.cells, 3, 0)[1], values)
    with pytest.raises(ValueError, match=r"."):
        decoded(data + bytes(4), field_of(field.cells, 3, 0)[1], values)


ONE = conditional_of((Input(0),), hidden=())
OWN = Cells((3, 3), ONE, (CellInput(Seen.COORDINATE),), ONE.alphabet)
TAPS = Predictor(np.zeros(1, np.int64), np.ones(1, np.int16))
POINTS = Predictor(np.empty(0, np.int64), np.empty(0, np.int16))


@pytest.mark.parametrize(
    "change",
    [
        {"offsets": ((0, 0, 0),)},
        {"offsets": ((0, 0, 1),)},
        {"offsets": ((0, 1, -1),)},
        {"offsets": ((-1, 0, -1),)},
        {"offsets": ((0, -1),)},
        {"offsets": ((0, -128, 0),)},
        {"offsets": ((0, 0, -1),) * 5_000},
        {"offsets": (), "predictors": (TAPS,)},
        {"offsets": ((0, 0, -1),), "predictors": (TAPS,) * 9},
        {"shape": (3, 4), "predictors": (POINTS,)},
        {"shape": (3, 4), "mirrored": True},
        {"offsets": ((1, 0, 0),), "predictors": (POINTS,)},
        {"predictors": (), "predicted": True},
        {"inputs": ()},
        *({"inputs": (CellInput(kind, 99),)} for kind in Seen if kind not in {Seen.SOURCE, Seen.SAME_CELL}),
        {"inputs": (CellInput(Seen.SOURCE, -1),)},
        {"inputs": (CellInput(Seen.COORDINATE, 0, -2),)},
    ],
)
def test_networks_that_see_what_is_not_there_are_refused(change):
    with pytest.raises(ValueError, match=r"cells|neighbours"):
        replace(OWN, **change)
