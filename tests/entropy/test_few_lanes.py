"""Few codes are read by loops of Python: to the same numbers as by compiled ones, whatever the bytes are."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.entropy import few_lanes, lane_kernels
from baler_vae.entropy.alphabet import fit_alphabet
from baler_vae.entropy.lanes import LARGEST_BASE, LaneTables
from baler_vae.grid.codes import SPECIAL
from baler_vae.model import context
from baler_vae.model.context import OWN, PREDICTED, RANK, Factor, InContext, Sources
from baler_vae.model.layout import jagged_layout

LOOPS = (lane_kernels, few_lanes)
NONE = np.empty(0, np.int64)
EDGES = np.array([-3, 0, 4])
EXTREMES = np.array([SPECIAL, SPECIAL + 4, SPECIAL + 5, SPECIAL + 16, -LARGEST_BASE - 1, LARGEST_BASE, 2**63 - 1])
FACTORS = (
    (),
    (Factor(0, EDGES, 1), Factor(RANK, np.array([1]))),
    (Factor(OWN, EDGES, 2, lag=1),),
    (Factor(0, EDGES, relative=True), Factor(OWN, np.array([0]), lag=1), Factor(PREDICTED, EDGES)),
    (Factor(1, np.array([-(2**62), -(2**62) + 2]), lag=1), Factor(1, np.array([2**62]))),
    (Factor(OWN, np.array([-(2**62)]), lag=1),),
)


def of_all_sizes(rng, n_rows):
    """Codes (rows,), most of them small, some as large as can be."""
    codes = rng.integers(-20, 20, n_rows)
    return np.where(rng.random(n_rows) < 0.1, rng.choice(EXTREMES, n_rows), codes)


@st.composite
def cases(draw):
    """A model, what it looks at, what a formula predicts, and whether the grid holds everything."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    n_events = draw(st.sampled_from([1, 40, 1_200]))
    layout = jagged_layout(np.append(rng.integers(0, 5, n_events), 1), by_rank=False)
    base, lag = draw(st.sampled_from([(None, 0), (0, 0), (1, 1), (OWN, 1)]))
    predicted = rng.integers(-9, 9, layout.n_rows) if base is None and draw(st.booleans()) else None
    less = base not in (None, OWN) or predicted is not None
    factors = [own for own in draw(st.sampled_from(FACTORS)) if less or not (own.relative or own.source == PREDICTED)]
    holds = draw(st.booleans())
    alphabet = fit_alphabet(of_all_sizes(rng, 99), range_bits=draw(st.sampled_from([2, 30])), largest=90)
    n_tables, n_contexts = draw(st.integers(1, 3)), int(np.prod([own.n_classes for own in factors]))
    tables = LaneTables(alphabet, rng.integers(0, 20, (n_tables, alphabet.n_symbols)).astype(np.uint8))
    table_of = rng.integers(0, n_tables, n_contexts).astype(np.uint8)
    alone = (0, 7) if base is not None and not holds else ()
    model = InContext(tables, tuple(factors), table_of, base, lag, alone)
    sources = Sources(layout, {number: of_all_sizes(rng, layout.n_rows) for number in (0, 1)})
    return model, sources, predicted, holds


def read(loops, function, *arguments, holds):
    """What a function gives with some loops; text where that is an error."""
    with patch.object(context, "reading_loops", lambda _: loops):
        try:
            return function(*arguments, holds_everything=holds)
        except ValueError as error:
            return str(error)


@given(cases(), st.integers(0, 99))
def test_codes_of_random_bits_are_the_same(case, seed):
    model, sources, predicted, holds = case
    drawn = [
        read(loops, context.draw_in_context, model, sources, predicted, np.random.default_rng(seed), holds=holds)
        for loops in LOOPS
    ]
    assert np.array_equal(*drawn)
    data = context.encode_in_context(drawn[0], model, sources, predicted, holds_everything=holds)
    assert np.array_equal(read(few_lanes, context.decode_in_context, data, *case[:3], holds=holds), drawn[0])


@given(cases(), st.data())
def test_damage_gives_the_same(case, data):
    model, sources, predicted, holds = case
    codes = of_all_sizes(np.random.default_rng(1), sources.layout.n_rows)
    stream = bytearray(context.encode_in_context(codes, model, sources, predicted, holds_everything=holds))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place] ^= data.draw(st.integers(1, 255))
    found = [read(loops, context.decode_in_context, bytes(stream), *case[:3], holds=holds) for loops in LOOPS]
    assert type(found[0]) is type(found[1])
    assert np.array_equal(*found) if isinstance(found[0], np.ndarray) else found[0] == found[1]


@pytest.mark.parametrize("loops", LOOPS)
def test_classes_of_the_largest_codes_known_by_heart(loops):
    factor = Factor(0, np.array([-(2**62), -(2**62) + 1])).packed(1)
    contexts = np.array([5, 5, 5, 5], np.uint16)
    codes = np.array([2**63 - 1, -(2**63), -(2**62), -(2**62) + 1])
    loops.add_factor(contexts, codes, NONE, NONE, factor)
    assert contexts.tolist() == [7, 5, 6, 7]
    loops.add_factor(contexts, codes, np.array([-1, 1, 1, 0]), NONE, factor)
    assert contexts.tolist() == [10, 5, 6, 9]
