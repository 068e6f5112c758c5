"""Codes under networks: round trips, reading in pieces, and constriction, which takes the same stream."""

from functools import cache
from itertools import pairwise

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.frequencies import TOTAL, root_of_two_to
from baler_vae.entropy.stream import StreamReader, join_stream
from baler_vae.model.conditional import FORMULA, PLACE_INPUTS, Context, Input
from baler_vae.model.layout import flat_layout, jagged_layout
from baler_vae.model.stream import ConditionalReader, encode_conditional

from .conditionals import alphabet_of, conditional_of

WEIGHTS = np.array([root_of_two_to(256 - level) for level in range(256)], np.float64)
FAMILY = constriction.stream.model.Categorical(perfect=False)


def quantiles_of(weights):
    """Where each symbol begins, and the end of the last, by the rule of FORMAT.md, in binary64."""
    n_symbols, before = len(weights), np.cumsum(weights) - weights
    scale = np.float64(TOTAL - n_symbols) / np.float64(weights.sum())
    return [*(k + int(float(c) * float(scale)) for k, c in enumerate(before)), TOTAL]


@st.composite
def weights(draw):
    """Rows of whole numbers such as networks give."""
    n_symbols = draw(st.integers(2, 64))
    levels = draw(st.lists(st.integers(0, 255), min_size=n_symbols, max_size=n_symbols))
    return WEIGHTS[levels]


@settings(max_examples=60, deadline=None)
@given(weights())
def test_constriction_gives_symbols_the_quantiles_of_the_page(row):
    """They are read off the decoder: a state of 2^32 + q, just below a word, gives the symbol of quantile q."""
    ends = quantiles_of(row)
    for symbol, (first, last) in enumerate(pairwise(ends)):
        assert first < last
        for quantile in (first, (first + last) // 2, last - 1):
            coder = constriction.stream.stack.AnsCoder(np.array([quantile, 1], np.uint32))
            assert coder.decode(FAMILY, row[None, :])[0] == symbol


def test_known_symbols_under_known_weights_give_known_words():
    rows = np.array([[65536, 1, 5, 0], [3, 3, 3, 3], [0, 0, 7, 65536], [40000, 20000, 10000, 1]], np.float64)
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(np.array([0, 1, 2, 3] * 4, np.int32), FAMILY, np.tile(rows, (4, 1)))
    assert coder.get_compressed().tolist() == KNOWN_WORDS


KNOWN_WORDS = [117440347, 3909091271, 1107296228, 3036980585, 32]


def by_hand(data, alphabet, rows):
    """The codes of a stream as FORMAT.md describes it, in whole numbers of Python and products of binary64."""
    n_words = shift = place = 0
    while True:
        group = data[place]
        n_words |= (group & 127) << shift
        place, shift = place + 1, shift + 7
        if group < 128:
            break
    words = [int.from_bytes(data[place + 4 * i : place + 4 * i + 4], "little") for i in range(n_words)]
    bits = int.from_bytes(data[place + 4 * n_words :], "little")
    state = 0
    while words and state < 2**32:
        state = state << 32 | words.pop()
    widths, starts = [*alphabet.shifts.tolist(), 64], [*alphabet.starts.tolist(), 0]
    codes = []
    for row in rows:
        ends = quantiles_of(row)
        quantile = state % TOTAL
        symbol = max(k for k in range(len(row)) if ends[k] <= quantile)
        state = (ends[symbol + 1] - ends[symbol]) * (state // TOTAL) + quantile - ends[symbol]
        if state < 2**32 and words:
            state = state << 32 | words.pop()
        code = starts[symbol] + bits % 2 ** widths[symbol]
        bits >>= widths[symbol]
        codes.append((code + 2**63) % 2**64 - 2**63)
    assert state == bits == 0
    assert not words
    return codes


INPUTS = (Input(0), Input(0, 1), Input(1, 2), Input(1, 0, 1), *PLACE_INPUTS, Input(FORMULA))


@cache
def example(n_ranges=20, seed=0):
    """Codes, some of them escaped, their network, what it sees, and the weights (rows, symbols) that it gives."""
    rng = np.random.default_rng(seed)
    layout = jagged_layout(rng.poisson(3, 100))
    network = conditional_of(INPUTS, n_ranges=n_ranges, seed=seed)
    sources = Context(layout, {0: alphabet_of(7), 1: alphabet_of(9)})
    for source in range(2):
        sources.show(source, rng.integers(-1_200, 1_200, layout.n_rows))
    sources.show_formula(network.alphabet, rng.integers(-1_200, 1_200, layout.n_rows))
    codes = rng.integers(-1_100, 1_100, layout.n_rows)
    codes[::37] = rng.integers(-(2**63), 2**63 - 1, len(codes[::37]))
    inputs = sources.inputs(network.inputs, network.alphabet, 0, layout.n_rows)
    return codes, network, sources, network.tables(inputs)


def test_a_stream_can_be_read_by_hand():
    codes, network, sources, rows = example()
    assert by_hand(encode_conditional(codes, network, sources), network.alphabet, rows) == codes.tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 63), st.integers(0, 10**6))
def test_constriction_takes_the_same_stream(n_ranges, seed):
    codes, network, sources, rows = example(n_ranges, seed)
    data = encode_conditional(codes, network, sources)
    symbols, offsets = network.alphabet.split(codes)
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(symbols, FAMILY, rows)
    assert join_stream(coder.get_compressed(), offsets, network.alphabet.widths[symbols]) == data
    reader = StreamReader(data)
    coder = constriction.stream.stack.AnsCoder(reader.words)
    assert np.array_equal(reader.codes(coder.decode(FAMILY, rows), network.alphabet), codes)
    reader.finish(words_are_used=coder.is_empty())


def read(data, network, sources, cuts=()):
    reader = ConditionalReader(data, network, sources)
    places = [0, *sorted(cuts), sources.layout.n_rows]
    pieces = [reader.read(start, stop) for start, stop in pairwise(places)]
    reader.finish()
    return np.concatenate(pieces)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 280), max_size=6))
def test_reading_in_pieces_is_reading_the_whole(cuts):
    codes, network, sources, _ = example()
    assert np.array_equal(read(encode_conditional(codes, network, sources), network, sources, cuts), codes)


def test_likely_symbols_leave_a_state_of_one_word_or_none():
    """The last words are what is left of the state, which may have no, one or two of them."""
    layout = flat_layout(1)
    sources = Context(layout, {})
    lengths = set()
    for n_ranges in (1, 2, 63):
        network = conditional_of((), n_ranges=n_ranges, hidden=())
        for code in (*network.alphabet.starts.tolist(), -5_000):
            codes = np.full(1, code)
            data = encode_conditional(codes, network, sources)
            lengths.add(data[0])
            assert read(data, network, sources).tolist() == [code]
    assert lengths == {0, 1}


def test_what_is_left_over_is_refused():
    codes, network, sources, _ = example()
    data = encode_conditional(codes, network, sources)
    for n_rows in (0, 1, len(codes) - 1):
        reader = ConditionalReader(data, network, sources)
        reader.read(0, n_rows)
        with pytest.raises(ValueError, match=r"left over|of offsets for"):
            reader.finish()


def test_no_rows_take_no_bytes():
    network = conditional_of((), hidden=())
    sources = Context(flat_layout(0), {})
    assert encode_conditional(np.empty(0, np.int64), network, sources) == b""
    assert len(read(b"", network, sources)) == 0


def test_a_stream_cut_or_continued_is_refused():
    codes, network, sources, _ = example()
    data = encode_conditional(codes, network, sources)
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"."):
            read(data[:length], network, sources)
    for more in (b"\0", b"\1", bytes(4)):
        with pytest.raises(ValueError, match=r"."):
            read(data + more, network, sources)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_stream_is_refused_or_is_that_of_other_codes(data):
    codes, network, sources, _ = example()
    changed = bytearray(encode_conditional(codes, network, sources))
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    try:
        found = read(bytes(changed), network, sources)
    except ValueError:
        return
    assert encode_conditional(found, network, sources) == bytes(changed)
