from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.entropy.alphabet import fit_alphabet
from baler_vae.entropy.lanes import LaneTables
from baler_vae.entropy.plain import encode_numbers
from baler_vae.grid.codes import SPECIAL
from baler_vae.model.context import (
    OWN,
    PREDICTED,
    RANK,
    REMAINING,
    Factor,
    InContext,
    Sources,
    coded_in_context,
    context_bits,
    decode_in_context,
    encode_in_context,
)
from baler_vae.model.context_parts import decode_contexts, encode_contexts
from baler_vae.model.layout import jagged_layout

EDGES = np.array([-3, 0, 4])


def model_of(coded, factors=(), n_tables=3, seed=0, **options):
    rng = np.random.default_rng(seed)
    alphabet = fit_alphabet(coded, range_bits=10, largest=63)
    tables = LaneTables(alphabet, rng.integers(0, 30, (n_tables, alphabet.n_symbols)).astype(np.uint8))
    n_contexts = int(np.prod([factor.n_classes for factor in factors]))
    return InContext(tables, tuple(factors), rng.integers(0, n_tables, n_contexts).astype(np.uint8), **options)


FACTORS = [
    (),
    (Factor(0, EDGES, 1),),
    (Factor(OWN, EDGES, lag=1), Factor(RANK, np.array([1, 2]))),
    (Factor(0, EDGES, relative=True), Factor(PREDICTED, EDGES, 2), Factor(REMAINING, np.array([1]))),
    (Factor(1, EDGES, lag=1), Factor(OWN, EDGES, 3, lag=1), Factor(0, EDGES)),
]


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=400),
    st.sampled_from(FACTORS),
    st.sampled_from([(None, 0), (0, 0), (1, 1), (OWN, 1), ("formula", 0)]),
    st.booleans(),
    st.integers(0, 99),
)
def test_codes_come_back_in_every_context(counts, factors, base, holds, seed):
    source, lag = base
    rng = np.random.default_rng(seed)
    layout = jagged_layout(np.array(counts, np.int64), by_rank=False)
    n_rows = layout.n_rows
    first, second, codes = (rng.integers(-20, 20, n_rows) for _ in range(3))
    codes[rng.random(n_rows) < 0.1] = SPECIAL + rng.integers(0, 5)
    first[rng.random(n_rows) < 0.1] = 2**62  # too large to be subtracted
    sources, predicted = Sources(layout, {0: first, 1: second}), second * 3 if source == "formula" else None
    factors = [f for f in factors if source not in (None, OWN) or not (f.relative or f.source == PREDICTED)]
    alone = (0, 7) if source is not None and not holds else ()
    options = {"base": None if source == "formula" else source, "lag": lag, "alone": alone}
    model = model_of(codes[: 1 + n_rows // 2], factors, seed=seed, **options)
    data = encode_in_context(codes, model, sources, predicted, holds_everything=holds)
    assert np.array_equal(decode_in_context(data, model, sources, predicted, holds_everything=holds), codes)
    bits = context_bits(codes, model, sources, predicted, holds_everything=holds).sum()
    assert 8 * len(data) < bits + 8 * 70


def test_differences_and_tables_known_by_heart():
    layout = jagged_layout(np.array([2, 0, 3]), by_rank=False)
    codes, other = np.array([5, 0, 9, -2, SPECIAL]), np.array([-9, -3, 0, 4, 5])
    factors = (Factor(0, EDGES), Factor(OWN, np.array([2]), 1, lag=1))
    model = model_of(codes, factors, n_tables=12, base=0, alone=(0,))
    model = replace(model, table_of=np.arange(12, dtype=np.uint8))
    coded, chosen = coded_in_context(codes, model, Sources(layout, {0: other}), None, holds_everything=False)
    assert coded.tolist() == [14, SPECIAL + 16, 9, -6, SPECIAL]
    # Three classes of the object before: below 4, 4 and more, none; four of the other column.
    assert chosen.tolist() == [0 * 3 + 2, 1 * 3 + 1, 2 * 3 + 2, 3 * 3 + 1, 3 * 3 + 0]


def test_parts_give_the_same_contexts():
    contexts = {
        4: model_of(np.arange(90), FACTORS[3], base=0, alone=(0, -5)),
        0: model_of(np.arange(3), (), n_tables=1),
        2: model_of(np.arange(300) ** 2, FACTORS[2], base=OWN, lag=1),
    }
    parts = encode_contexts(contexts)
    found = decode_contexts(parts)
    assert [*found] == [*contexts]
    assert encode_contexts(found) == parts
    for number, own in contexts.items():
        assert (found[number].base, found[number].lag, found[number].alone) == (own.base, own.lag, own.alone)
        assert np.array_equal(found[number].tables.levels, own.tables.levels)
        assert found[number].tables.alphabet.same_as(own.tables.alphabet)


def test_parts_that_cannot_be():
    parts = encode_contexts({1: model_of(np.arange(90), FACTORS[2])})
    described = [1, 1, -5, 0, 3, 0, 2, -4, 1, 0, 0, 3, -1, 0, 0, 0, 2]

    def of(numbers):
        return [len(numbers).to_bytes(4, "little") + encode_numbers(np.array(numbers, np.int64)), *parts[1:]]

    decode_contexts(of(described))
    changes = {0: 2, 1: -1, 2: -6, 3: 2, 4: 65, 5: 9, 6: 5, 7: -9, 8: 3, 9: 2, 10: 63, 11: 256, 12: -5, 16: 0}
    for place, number in changes.items():
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_contexts(of([*described[:place], number, *described[place + 1 :]]))
    for damaged in (of(described[:-1]), of([*described, 0]), parts[:-1], [b"", *parts[1:]]):
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_contexts(damaged)
    for number in range(len(parts)):
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            decode_contexts([*parts[:number], b"\1", *parts[number + 1 :]])


@pytest.mark.parametrize(
    "options",
    [
        {"source": -5},
        {"source": OWN},
        {"source": RANK, "lag": 1},
        {"lag": 2},
        {"shift": 63},
        {"edges": np.array([1, 1])},
        {"edges": np.array([0, 1 << 13])},
        {"edges": np.array([], np.int64)},
        {"edges": np.array([1 << 62]), "shift": 1},
        {"source": 3, "lag": 1, "relative": True},
    ],
)
def test_factors_that_cannot_be(options):
    with pytest.raises(ValueError, match=r"factor|places|codes"):
        Factor(**{"source": 0, "edges": EDGES, **options})


@pytest.mark.parametrize(
    "options",
    [
        {"base": OWN},
        {"base": RANK, "lag": 1},
        {"lag": 1},
        {"base": 0, "lag": 2},
        {"base": 0, "alone": tuple(range(9))},
        {"base": 0, "alone": (1 << 62,)},
        {"table_of": np.zeros(3, np.uint8)},
        {"table_of": np.full(1, 9, np.uint8)},
        {"factors": (Factor(OWN, EDGES, lag=1),) * 2, "table_of": np.zeros(25, np.uint8)},
        {"factors": (Factor(0, EDGES),) * 5, "table_of": np.zeros(1024, np.uint8)},
    ],
)
def test_contexts_that_cannot_be(options):
    with pytest.raises(ValueError, match=r"tables|table|object|alone|differences"):
        replace(model_of(np.arange(5)), **options)
