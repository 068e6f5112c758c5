from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.alphabet import fit_alphabet
from baler_vae.entropy.lanes import FIRST_ALONE, LaneTables
from baler_vae.entropy.plain import encode_numbers
from baler_vae.grid.codes import SPECIAL
from baler_vae.model.context import PREDICTED, Factor, InContext
from baler_vae.model.neighbour_parts import decode_neighbours, encode_neighbours
from baler_vae.model.neighbours import (
    SIDE,
    Neighbours,
    Weighted,
    coded_by_neighbours,
    decode_by_neighbours,
    draw_by_neighbours,
    encode_by_neighbours,
    neighbour_bits,
    predict_cells,
)

EDGES = np.array([-3, 0, 4])


def weighted(*taps):
    """Neighbours, each a weight and an offset."""
    return Weighted(tuple(offset for _, offset in taps), np.array([weight for weight, _ in taps], np.int64))


def model_of(coded, shape, factors=(), n_tables=3, seed=0, alone=(), **options):
    rng = np.random.default_rng(seed)
    alphabet = fit_alphabet(coded, range_bits=10, largest=63)
    tables = LaneTables(alphabet, rng.integers(0, 30, (n_tables, alphabet.n_symbols)).astype(np.uint8))
    n_contexts = int(np.prod([factor.n_classes for factor in factors]))
    table_of = rng.integers(0, n_tables, n_contexts).astype(np.uint8)
    context = InContext(tables, tuple(factors), table_of, alone=alone)
    return Neighbours(shape, context, rng.integers(0, 256, alphabet.n_symbols).astype(np.uint8), **options)


ABOVE, LEFT = (0, -1, 0), (0, 0, -1)
PLANS = [
    ((3,), {}, ()),
    ((1,), {"taps": weighted((1, (1, 0)))}, (Factor(PREDICTED, EDGES, 2),)),
    ((5, 4), {"sums": (weighted((1, LEFT), (2, ABOVE)),)}, (Factor(0, EDGES, 5), Factor(2, np.array([1, 3])))),
    (
        (4, 4),
        {"taps": weighted((9, LEFT), (-3, ABOVE), (7, (2, 3, 3))), "shift": 3, "mirrored": True},
        (Factor(SIDE, np.array([1, 2])), Factor(PREDICTED, EDGES)),
    ),
    ((4, 4), {"mirrored": True, "sums": (weighted((1, (0, -1, 3))), weighted((1, (1, 0, 0))))}, (Factor(1, EDGES, 3),)),
    (
        (2, 3, 4),
        {"taps": weighted((5, (0, -1, 2, 0)), (-32767, (0, 0, -1, -1)), (3, (0, -1, 0, 0))), "shift": 1},
        (Factor(PREDICTED, np.array([-1, 0, 1]), 61), Factor(0, np.array([1])), Factor(2, np.array([2]))),
    ),
]


@settings(max_examples=60)
@given(st.sampled_from(PLANS), st.sampled_from([1, 2, 7, 300]), st.booleans(), st.booleans(), st.integers(0, 99))
def test_codes_come_back_whatever_neighbours_say(plan, n_rows, holds, wild, seed):
    shape, options, factors = plan
    rng = np.random.default_rng(seed)
    n_codes = n_rows * int(np.prod(shape))
    codes = np.cumsum(rng.integers(-5, 6, n_codes))
    if wild:
        limit = 1 << 63 if holds else 1 << 61
        codes[::3] = rng.integers(-limit, limit, len(codes[::3]))
    if not holds:
        codes[rng.random(n_codes) < 0.1] = SPECIAL + rng.integers(0, 5)
    alone = (0, 7) if not holds and "taps" in options else ()
    model = model_of(codes[: 1 + n_codes // 2], shape, factors, seed=seed, alone=alone, **options)
    data = encode_by_neighbours(codes, model, n_rows, holds_everything=holds)
    assert np.array_equal(decode_by_neighbours(data, model, n_rows, holds_everything=holds), codes)
    bits = neighbour_bits(codes, model, n_rows, holds_everything=holds)
    assert bits.shape == codes.shape
    assert 8 * len(data) < bits.sum() + 8 * 70
    drawn = draw_by_neighbours(model, n_rows, np.random.default_rng(seed), holds_everything=holds)
    if holds and not model.predicts:  # the escape is never drawn
        assert model.context.tables.alphabet.split(drawn)[0].max() < model.context.tables.alphabet.n_symbols - 1


def test_no_rows_have_no_bytes():
    model = model_of(np.arange(5), (3,))
    assert encode_by_neighbours(np.empty(0, np.int64), model, 0, holds_everything=True) == b""
    assert len(decode_by_neighbours(b"", model, 0, holds_everything=True)) == 0
    with pytest.raises(ValueError, match="2 bytes for no rows"):
        decode_by_neighbours(b"\0\0", model, 0, holds_everything=True)
    data = encode_by_neighbours(np.arange(6), model, 2, holds_everything=True)
    for damaged in (data[:-1], data + b"\0", b""):
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_by_neighbours(damaged, model, 2, holds_everything=True)


def test_predictions_and_tables_known_by_heart():
    """A cell from that above it, and half of what the left one is more than that; what is missing says nothing."""
    codes = np.array([10, 7, 4, SPECIAL + 1, 9, 0])
    factors = (Factor(0, np.array([3, 40])),)
    taps, sums = weighted((1, ABOVE), (1, LEFT)), (weighted((2, LEFT), (1, ABOVE)),)
    model = model_of(np.arange(-40, 40), (2, 3), factors, n_tables=3, alone=(0,), taps=taps, shift=1, sums=sums)
    context = replace(model.context, table_of=np.arange(3, dtype=np.uint8))
    starts, n_symbols = context.tables.alphabet.starts, context.tables.alphabet.n_symbols
    marks = np.append(np.clip(np.abs(starts), 0, 255), 30).astype(np.uint8)
    model = replace(model, context=context, marks=marks)
    base = predict_cells(codes, model, 1, holds_everything=False)
    # The special code of the fourth cell counts as 10, that above it; 9 is 2 more than 7, of which the left is 3 more.
    assert base.tolist() == [0, 10, 7, 10, 9, 7]
    coded, chosen = coded_by_neighbours(codes, model, 1, holds_everything=False)
    assert coded.tolist() == [10, -3, -3, SPECIAL + 1, 0, FIRST_ALONE]
    own = dict(zip(coded.tolist(), marks[context.tables.alphabet.split(coded)[0]].tolist(), strict=True))
    ten, three, special, none = own[10], own[-3], own[SPECIAL + 1], own[0]
    sums = [0, 3 * ten, 3 * three, 3 * ten, 2 * special + three, 2 * none + three]
    assert chosen.tolist() == [sum(edge <= one for edge in (3, 40)) for one in sums]
    assert n_symbols == len(marks)


def test_parts_give_the_same_models():
    models = {
        4: model_of(np.arange(90), *PLANS[3][::2], alone=(0, -5), **PLANS[3][1]),
        1: model_of(np.arange(3), (3,), n_tables=1),
        2: model_of(np.arange(300) ** 2, *PLANS[2][::2], **PLANS[2][1]),
    }
    parts, shapes = encode_neighbours(models), {number: own.shape for number, own in models.items()}
    found = decode_neighbours(parts, shapes)
    assert [*found] == [*models]
    assert encode_neighbours(found) == parts
    for number, own in models.items():
        assert (found[number].offsets, found[number].shift) == (own.offsets, own.shift)
        assert (found[number].shape, found[number].mirrored) == (own.shape, own.mirrored)
        assert np.array_equal(found[number].marks, own.marks)


def test_parts_that_cannot_be():
    parts = encode_neighbours({1: model_of(np.arange(90), *PLANS[2][::2], **PLANS[2][1])})
    described = [1, 0, 0, 1, 0, 2, 1, 0, 0, -1, 2, 0, -1, 0]
    shapes = {1: (5, 4)}

    def of(numbers):
        return [len(numbers).to_bytes(4, "little") + encode_numbers(np.array(numbers, np.int64)), *parts[1:]]

    decode_neighbours(of(described), shapes)
    changes = {0: 2, 1: 1, 2: 16, 3: 5, 4: 65, 5: 3, 6: -1, 7: -1, 8: 1, 9: 0, 10: 1 << 15, 12: -128}
    for place, number in changes.items():
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_neighbours(of([*described[:place], number, *described[place + 1 :]]), shapes)
    for damaged in (of(described[:-1]), of([*described, 0]), parts[:-1], [b"", *parts[1:]], parts[:1], []):
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_neighbours(damaged, shapes)
    for number in range(len(parts)):
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_neighbours([*parts[:number], b"\1", *parts[number + 1 :]], shapes)
    for other in ({1: (5,)}, {1: (5, 4), 2: (5, 4)}, {2: (5, 4)}, {}):
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_neighbours(parts, other)


@pytest.mark.parametrize(
    "options",
    [
        {"shape": ()},
        {"shape": (1,) * 9},
        {"taps": weighted((1, (0, 0, 1)))},
        {"taps": weighted((1, (0, 0, 0)))},
        {"taps": weighted((1, (-1, 0, 0)))},
        {"taps": weighted((1, (0, -128, 0)))},
        {"taps": weighted((1, (0, -1)))},
        {"taps": weighted((1, ()))},
        {"sums": (weighted((1, ABOVE)),) * 5},
        {"sums": (weighted(),)},
        {"sums": (weighted((-1, ABOVE)),)},
        {"shift": 16},
        {"shift": -1},
        {"mirrored": True},
        {"marks": np.zeros(3, np.uint8)},
        {"context": replace(model_of(np.arange(5), (3,)).context, base=0)},
        {"context": replace(model_of(np.arange(5), (3,)).context, alone=(0,))},
    ],
)
def test_models_that_cannot_be(options):
    with pytest.raises(ValueError, match=r"cells|marks|neighbour"):
        replace(model_of(np.arange(5), (5, 4)), **options)


@pytest.mark.parametrize(
    "factor",
    [Factor(2, EDGES), Factor(PREDICTED, EDGES), Factor(SIDE, EDGES), Factor(-2, EDGES), Factor(0, EDGES, lag=1)],
)
def test_factors_of_what_is_not_there(factor):
    with pytest.raises(ValueError, match="what cells do not have"):
        model_of(np.arange(5), (5, 4), (factor,))
    with pytest.raises(ValueError, match="the weight of a neighbour"):
        weighted((1 << 15, ABOVE))
