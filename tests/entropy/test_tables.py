"""Codes under tables: round trips, hostile bytes, bits near the entropy, and an independent reader of the stream."""

import constriction
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.entropy.alphabet import LARGEST_ALPHABET, Alphabet, fit_alphabet
from baler_vae.entropy.frequencies import TOTAL, frequencies, levels_of
from baler_vae.entropy.plain import encode_numbers
from baler_vae.entropy.stream import StreamReader, join_stream
from baler_vae.entropy.tables import (
    FrequencyTable,
    decode_alphabets,
    decode_codes,
    decode_tables,
    encode_alphabets,
    encode_codes,
    encode_tables,
    fit_table,
    table_bits,
    table_bytes,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
CODES = npst.arrays(
    np.int64,
    st.integers(0, 80),
    elements=st.one_of(INT64, st.integers(-3, 3), st.sampled_from([-(2**63), 2**63 - 1, 0, 2**40])),
)


def model(row):
    return constriction.stream.model.Categorical((row - 1).astype(np.float64), perfect=False)


def skewed(n_symbols, seed=0):
    """Frequencies of which many are 1."""
    table = np.exp2(np.random.default_rng(seed).uniform(0, 15, n_symbols)).astype(np.int64)
    table[-1] = 1
    table[0] += TOTAL - table.sum()
    return table


@pytest.mark.parametrize("n_symbols", [2, 3, 64, 256])
@pytest.mark.parametrize("even", [True, False])
def test_constriction_gives_every_symbol_its_frequency(n_symbols, even):
    """The table is read off the decoder: a state of 2^32 + q, just below a word, gives the symbol of quantile q."""
    table = np.full(n_symbols, TOTAL // n_symbols) if even else skewed(n_symbols)
    table[0] += TOTAL - table.sum()
    assert table.min() >= 1
    assert even or table.min() == 1
    ends = np.cumsum(table)
    for quantile in {*ends - table, *ends - 1}:
        words = np.array([quantile, 1], np.uint32)
        symbol = constriction.stream.stack.AnsCoder(words).decode(model(table))
        assert symbol == np.searchsorted(ends, quantile, side="right")


def test_known_symbols_give_known_words():
    table = np.array([1, TOTAL // 2, TOTAL // 4, TOTAL // 4 - 1])
    coder = constriction.stream.stack.AnsCoder()
    coder.encode_reverse(np.array([1, 2, 3, 0, 1, 1, 2, 3, 1, 1], np.int32), model(table))
    assert coder.get_compressed().tolist() == KNOWN_WORDS


KNOWN_WORDS = [3338666235, 29360135]


def by_hand(data, table, n_rows):
    """The codes of a stream as FORMAT.md describes it, in whole numbers of Python."""
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
    widths = [*table.alphabet.shifts.tolist(), 64]
    starts = [*table.alphabet.starts.tolist(), 0]
    frequency = frequencies(table.levels).tolist()
    codes = []
    for _ in range(n_rows):
        quantile, symbol = state % TOTAL, 0
        while quantile >= frequency[symbol]:
            quantile -= frequency[symbol]
            symbol += 1
        state = frequency[symbol] * (state // TOTAL) + quantile
        if state < 2**32 and words:
            state = state << 32 | words.pop()
        code = starts[symbol] + bits % 2 ** widths[symbol]
        bits >>= widths[symbol]
        codes.append((code + 2**63) % 2**64 - 2**63)
    assert state == bits == 0
    assert not words
    return codes


@settings(max_examples=100)
@given(CODES)
def test_a_stream_can_be_read_by_hand(codes):
    table = fit_table(codes)
    data = encode_codes(codes, table)
    if len(codes):
        assert by_hand(data, table, len(codes)) == codes.tolist()


@settings(max_examples=300)
@given(CODES, CODES)
def test_codes_come_back_under_any_table(fitted, codes):
    """The table need not be that of the codes."""
    table = fit_table(fitted)
    stream = encode_codes(codes, table)
    back = decode_codes(stream, table, len(codes))
    assert back.dtype == np.int64
    assert np.array_equal(back, codes)
    assert 8 * len(stream) < table_bits(codes, table) + 8 * 14


@settings(max_examples=100)
@given(st.lists(CODES, max_size=4))
def test_tables_and_alphabets_come_back(drawn):
    tables = [fit_table(codes) for codes in drawn]
    back = decode_tables(encode_tables(tables))
    alphabets = decode_alphabets(encode_alphabets([table.alphabet for table in tables]))
    for before, after, alphabet in zip(tables, back, alphabets, strict=True):
        assert before.alphabet.same_as(after.alphabet)
        assert before.alphabet.same_as(alphabet)
        assert np.array_equal(before.levels, after.levels)
    assert table_bytes(tables) >= 0


SOME = np.random.default_rng(3).geometric(0.05, 400).astype(np.int64)


@settings(max_examples=500)
@given(st.data())
def test_changed_streams_are_refused_or_read(data):
    table = fit_table(SOME)
    stream = bytearray(encode_codes(SOME, table))
    place = data.draw(st.integers(0, len(stream) - 1))
    stream[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    try:
        codes = decode_codes(bytes(stream), table, len(SOME))
    except ValueError:
        return
    assert encode_codes(codes, table) == bytes(stream)


def test_a_stream_cut_or_continued_is_refused():
    table = fit_table(SOME)
    stream = encode_codes(SOME, table)
    for length in range(len(stream)):
        with pytest.raises(ValueError, match=r"."):
            decode_codes(stream[:length], table, len(SOME))
    for more in (b"\0", b"\1", bytes(4)):
        with pytest.raises(ValueError, match=r"."):
            decode_codes(stream + more, table, len(SOME))
    for n_rows in (0, 399, 401):
        with pytest.raises(ValueError, match=r"."):
            decode_codes(stream, table, n_rows)


@settings(max_examples=300)
@given(st.data())
def test_changed_tables_are_refused_or_read(data):
    parts = encode_tables([fit_table(SOME), fit_table(SOME[:50])])
    number = data.draw(st.integers(0, 3))
    part = bytearray(parts[number])
    place = data.draw(st.integers(0, len(part) - 1))
    part[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    parts[number] = bytes(part)
    try:
        tables = decode_tables(parts)
    except ValueError:
        return
    assert all(frequencies(table.levels).sum() == TOTAL for table in tables)


NORMAL = np.rint(np.random.default_rng(0).normal(0, 300, 100_000)).astype(np.int64)
SPIKY = np.where(np.random.default_rng(1).random(100_000) < 0.9, 0, NORMAL)


@pytest.mark.parametrize(
    "codes",
    [NORMAL, SPIKY, np.random.default_rng(2).geometric(0.02, 100_000).astype(np.int64)],
    ids=["normal", "spiky", "geometric"],
)
def test_bits_are_near_the_entropy(codes):
    table = fit_table(codes)
    _, counts = np.unique(codes, return_counts=True)
    entropy = -(counts * np.log2(counts / len(codes))).sum()
    assert table_bits(codes, table) + 8 * sum(map(len, encode_tables([table]))) < 1.02 * entropy + 2_000
    few = fit_table(codes[:5_000])
    assert table_bits(codes, few) < 1.04 * table_bits(codes, table)


def test_one_code_takes_no_room():
    codes = np.full(100_000, 7)
    assert len(encode_codes(codes, fit_table(codes))) < 12


@pytest.mark.parametrize("first", [0, 1])
def test_columns_with_a_period_and_many_codes_are_covered(first):
    """Of more distinct codes than an alphabet is fitted to, a sample must not miss what comes at every other row."""
    codes = np.random.default_rng(7).integers(0, 1 << 40, 1 << 19)
    codes[first::2] += 1 << 50
    alphabet = fit_alphabet(codes, range_bits=17)
    assert np.mean(alphabet.split(codes)[0] == alphabet.n_symbols - 1) < 0.001


def largest_part(alphabet, codes):
    """The largest part of codes (rows,) in a range of several codes."""
    counts = np.bincount(alphabet.split(codes)[0], minlength=alphabet.n_symbols)[:-1]
    return counts[alphabet.shifts > 0].max() / len(codes)


def test_ranges_hold_at_most_a_part_of_the_rows():
    """Codes that are evenly spread are one range for a table alone; a network that is to tell them apart needs more."""
    codes = np.random.default_rng(4).integers(0, 1 << 12, 20_000)
    assert largest_part(fit_alphabet(codes, range_bits=24), codes) > 0.4
    finer = fit_alphabet(codes, range_bits=24, largest=63, most_in_range=0.04)
    assert largest_part(finer, codes) <= 0.04
    assert 25 <= len(finer.starts) <= 63
    assert (finer.split(codes)[0] < len(finer.starts)).all()
    assert largest_part(fit_alphabet(np.append(codes, [7] * 20_000), range_bits=24, most_in_range=0.04), codes) < 0.09


@pytest.mark.parametrize("largest", [1, 2, 9])
def test_ranges_hold_more_where_there_would_be_too_many(largest):
    codes = np.random.default_rng(4).integers(0, 1 << 40, 5_000)
    found = fit_alphabet(codes, range_bits=24, largest=largest, most_in_range=1e-6)
    assert len(found.starts) <= largest
    assert (found.split(codes)[0] < len(found.starts)).all()


@pytest.mark.parametrize("n_tables", [(1 << 16) + 1, 2**32 - 1])
def test_more_tables_than_any_ntuple_has_are_refused(n_tables):
    """A hundred bytes can claim millions of tables."""
    n_arrays = (1 << 16) + 1
    numbers = [np.ones(n_arrays, np.int64), np.zeros(n_arrays, np.uint8), np.zeros(n_arrays, np.int64)]
    parts = [encode_numbers(values) for values in [*numbers, np.zeros(2 * n_arrays, np.uint8)]]
    parts[0] = n_tables.to_bytes(4, "little") + parts[0]
    assert sum(map(len, parts)) < 200
    with pytest.raises(ValueError, match=f"{n_tables} alphabets"):
        decode_tables(parts)
    with pytest.raises(ValueError, match=f"{n_tables} alphabets"):
        decode_alphabets(parts[:3])


def alphabet_parts(sizes, shifts, gaps):
    return [
        len(sizes).to_bytes(4, "little") + encode_numbers(np.array(sizes, np.int64)),
        encode_numbers(np.array(shifts, np.uint8)),
        encode_numbers(np.array(gaps, np.int64)),
    ]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"", b"", b""],
        alphabet_parts([1], [0], [0])[:2],
        [*alphabet_parts([1], [0], [0]), b""],
        alphabet_parts([0], [], []),
        alphabet_parts([-1], [], []),
        alphabet_parts([256], [0] * 256, [1] * 256),
        alphabet_parts([2**62], [0], [0]),
        alphabet_parts([1], [64], [0]),
        alphabet_parts([1], [255], [0]),
        alphabet_parts([2], [0, 0], [0, -1]),
        alphabet_parts([1], [1], [1]),
        alphabet_parts([1, 1], [0], [0, 0]),
    ],
)
def test_hostile_alphabets_are_refused(parts):
    with pytest.raises(ValueError):  # noqa: PT011  the texts differ, the kind of error does not
        decode_alphabets(parts)


def test_what_is_no_table():
    alphabet = fit_alphabet(SOME, range_bits=10)
    for shape in ((1, alphabet.n_symbols), (2,), (0,), (alphabet.n_symbols + 1,)):
        with pytest.raises(ValueError, match="levels of shape"):
            FrequencyTable(alphabet, np.zeros(shape, np.uint8))


@pytest.mark.parametrize(
    ("starts", "shifts"),
    [([], []), ([1], [1]), ([0, 1], [1, 0]), ([4, 0], [0, 0]), ([0], [0, 1]), ([0], [64]), (range(256), [0] * 256)],
)
def test_what_is_no_alphabet(starts, shifts):
    with pytest.raises(ValueError, match="alphabet"):
        Alphabet(np.array(starts, np.int64), np.array(shifts, np.uint8))


@settings(max_examples=100)
@given(npst.arrays(np.int64, st.integers(0, 600), elements=INT64))
def test_alphabets_cover_what_they_were_fitted_to(codes):
    alphabet = fit_alphabet(codes, range_bits=1)
    assert alphabet.n_symbols <= LARGEST_ALPHABET + 1
    symbols, offsets = alphabet.split(codes)
    reader = StreamReader(join_stream(np.empty(0, np.uint32), offsets, alphabet.widths[symbols]))
    assert np.array_equal(reader.codes(symbols, alphabet), codes)
    assert len(codes) == 0 or np.all(symbols < alphabet.n_symbols - 1)


@settings(max_examples=200)
@given(npst.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(2, 256)), elements=st.integers(0, 255)))
def test_frequencies_add_up(levels):
    table = frequencies(levels)
    assert np.all(table >= 1)
    assert np.all(table.sum(axis=1) == TOTAL)
    order = np.argsort(levels, axis=1, kind="stable")
    assert np.all(np.diff(np.take_along_axis(table, order, 1), axis=1) <= 0)


def test_frequencies_are_these():
    assert frequencies(np.array([0, 16, 32, 255], np.uint8)).tolist() == KNOWN_FREQUENCIES
    assert levels_of(np.array([8.0, 4.0, 2.0, 1e-9])).tolist() == [0, 16, 32, 255]
    masses = np.random.default_rng(4).random(200)
    given_back = frequencies(levels_of(masses)) / TOTAL
    assert np.abs(np.log2(given_back / (masses / masses.sum()))).max() < 0.04


KNOWN_FREQUENCIES = [9586894, 4793446, 2396723, 153]
