"""Codes of which each has a table of its own: round trips, reading in pieces, and constriction."""

from functools import cache
from itertools import pairwise

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy import stream
from baler_vae.entropy.alphabet import fit_alphabet
from baler_vae.entropy.frequencies import TOTAL
from baler_vae.entropy.stream import CodeReader, decode_conditional, encode_conditional
from baler_vae.model.conditional import _WEIGHTS

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
    return _WEIGHTS[draw(st.lists(st.integers(0, 255), min_size=n_symbols, max_size=n_symbols))]


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


@cache
def example(n_rows=300, seed=0):
    """Codes, some of them escaped, an alphabet, and a row of weights for each."""
    rng = np.random.default_rng(seed)
    codes = rng.geometric(0.02, n_rows).astype(np.int64)
    alphabet = fit_alphabet(codes, range_bits=24, largest=63)
    codes[::37] = rng.integers(-(2**63), 2**63 - 1, len(codes[::37]))
    return codes, alphabet, _WEIGHTS[rng.integers(0, 256, (n_rows, alphabet.n_symbols))]


def tables_of(rows):
    return lambda start, stop: rows[start:stop]


def test_a_stream_can_be_read_by_hand():
    codes, alphabet, rows = example()
    assert by_hand(encode_conditional(codes, alphabet, tables_of(rows)), alphabet, rows) == codes.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=6), st.sampled_from([1, 7, 300, 8_192]))
def test_reading_in_pieces_is_reading_the_whole(cuts, chunk):
    codes, alphabet, rows = example()
    data = encode_conditional(codes, alphabet, tables_of(rows))
    places = [0, *sorted(cuts), len(codes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "_CHUNK_ROWS", chunk)
        assert encode_conditional(codes, alphabet, tables_of(rows)) == data
        reader = CodeReader(data, alphabet)
        pieces = [decode_conditional(reader, tables_of(rows), start, stop) for start, stop in pairwise(places)]
    reader.finish()
    assert np.array_equal(np.concatenate(pieces), codes)


def test_what_is_left_over_is_refused():
    codes, alphabet, rows = example()
    data = encode_conditional(codes, alphabet, tables_of(rows))
    for n_rows in (0, 1, 299):
        reader = CodeReader(data, alphabet)
        decode_conditional(reader, tables_of(rows), 0, n_rows)
        with pytest.raises(ValueError, match=r"left over|bytes for"):
            reader.finish()


def test_no_rows_take_no_bytes():
    _, alphabet, rows = example()
    assert encode_conditional(np.empty(0, np.int64), alphabet, tables_of(rows)) == b""
    reader = CodeReader(b"", alphabet)
    assert len(decode_conditional(reader, tables_of(rows), 0, 0)) == 0
    reader.finish()


def read(data, alphabet, rows):
    reader = CodeReader(data, alphabet)
    codes = decode_conditional(reader, tables_of(rows), 0, len(rows))
    reader.finish()
    return codes


def test_a_stream_cut_or_continued_is_refused():
    codes, alphabet, rows = example()
    data = encode_conditional(codes, alphabet, tables_of(rows))
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"."):
            read(data[:length], alphabet, rows)
    for more in (b"\0", b"\1", bytes(4)):
        with pytest.raises(ValueError, match=r"."):
            read(data + more, alphabet, rows)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_changed_stream_is_refused_or_is_that_of_other_codes(data):
    codes, alphabet, rows = example()
    changed = bytearray(encode_conditional(codes, alphabet, tables_of(rows)))
    place = data.draw(st.integers(0, len(changed) - 1))
    changed[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    try:
        found = read(bytes(changed), alphabet, rows)
    except ValueError:
        return
    assert encode_conditional(found, alphabet, tables_of(rows)) == bytes(changed)
