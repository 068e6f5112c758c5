import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.entropy.alphabet import Alphabet, fit_alphabet
from baler_vae.entropy.lanes import LaneTables, encode_lanes, lanes_of, random_lanes, read_lanes
from baler_vae.model.context import InContext, Sources, decode_in_context, encode_in_context
from baler_vae.model.layout import flat_layout

NONE = np.empty(0, np.int64)


def tables_for(codes, n_tables=1, seed=0):
    alphabet = fit_alphabet(codes, range_bits=10, largest=63)
    levels = np.random.default_rng(seed).integers(0, 40, (n_tables, alphabet.n_symbols))
    return LaneTables(alphabet, levels.astype(np.uint8))


def back(data, tables, n_rows):
    sources = Sources(flat_layout(n_rows))
    return decode_in_context(data, InContext(tables), sources, None, holds_everything=True)


def encoded(codes, tables):
    starts = lanes_of(len(codes), np.full(len(codes), -1))
    return encode_lanes(codes, np.zeros(len(codes), np.uint8), tables, starts)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-40, 40), min_size=1, max_size=60), st.integers(1, 50))
def test_decoding_gives_back_what_was_encoded(values, n_copies):
    codes = np.array(values, np.int64).repeat(n_copies)
    tables = tables_for(codes[: max(1, len(codes) // 2)])
    assert np.array_equal(back(encoded(codes, tables), tables, len(codes)), codes)


@given(st.integers(1, 64), st.integers(1, 255), st.integers(0, 2**32 - 1))
def test_frequencies_are_positive_and_add_up(n_tables, n_ranges, seed):
    levels = np.random.default_rng(seed).integers(0, 64, (n_tables, n_ranges + 1)).astype(np.uint8)
    tables = LaneTables(Alphabet(np.arange(n_ranges), np.zeros(n_ranges, np.uint8)), levels)
    assert tables.frequencies.min() >= 1
    assert set(tables.frequencies.sum(axis=1)) == {1 << (12 if n_ranges < 64 else 14)}
    order = np.argsort(levels[0], kind="stable")
    assert np.all(np.diff(tables.frequencies[0][order]) <= 0)  # rarer at higher levels


def test_frequencies_of_a_table_known_by_heart():
    tables = LaneTables(Alphabet(np.arange(2), np.zeros(2, np.uint8)), np.array([[0, 4, 63]], np.uint8))
    # Weights 2^24, 2^23 and floor(2^8.25) = 304; 4093 slots are shared out, and the one that is left goes to the first.
    assert tables.frequencies.tolist() == [[2730, 1365, 1]]


def test_bytes_of_a_stream_known_by_heart():
    tables = LaneTables(Alphabet(np.array([0, 4]), np.array([0, 2], np.uint8)), np.array([[0, 0, 40]], np.uint8))
    data = encoded(np.array([0, 6, 5]), tables)
    # No words, four bits: 2 and 1, the first one lowest. The state grows from 2^16 by a bit for each symbol.
    assert data[:2] == bytes([0, 4])
    assert len(data) == 2 + 4 + 1
    assert data[-1] == 2 | 1 << 2
    assert 7 < int.from_bytes(data[2:6], "little") / 2**16 < 9


def test_many_rows_have_lanes_and_take_as_many_bits_as_their_tables_say():
    rng = np.random.default_rng(1)
    codes = rng.geometric(0.3, 30_000) - 1
    counts = np.bincount(codes, minlength=40)
    levels = np.minimum(np.rint(4 * (np.log2(counts.max()) - np.log2(counts + 0.5))), 63)
    tables = LaneTables(Alphabet(np.arange(40), np.zeros(40, np.uint8)), np.append(levels, 63)[None].astype(np.uint8))
    data = encoded(codes, tables)
    bits = tables.symbol_bits[0, codes].sum()
    assert bits < 8 * len(data) < bits + 8 * 60
    shares = counts[counts > 0] / counts.sum()
    assert bits < -1.003 * len(codes) * (shares * np.log2(shares)).sum()
    assert np.array_equal(back(data, tables, len(codes)), codes)


def test_lanes_begin_where_events_do():
    previous = np.arange(-1, 3999)
    previous[::7] = -1
    starts = lanes_of(4000, previous)
    assert starts.tolist() == [0, 1001, 2002, 3003, 4000]
    assert lanes_of(2000, previous[:2000]).tolist() == [0, 2000]
    assert lanes_of(3000, np.arange(-1, 2999)).tolist() == [0, 3000, 3000, 3000, 3000]


@pytest.mark.parametrize("n_rows", [1, 40, 2500])
def test_damage_is_told(n_rows):
    codes = np.random.default_rng(2).integers(-300, 300, n_rows)
    tables = tables_for(codes)
    data = encoded(codes, tables)
    for length in {0, 1, 5, len(data) // 2, len(data) - 1}:
        with pytest.raises(ValueError):  # noqa: PT011  of many kinds
            back(data[:length], tables, n_rows)
    with pytest.raises(ValueError, match="bytes for lanes"):
        back(data + b"\0", tables, n_rows)
    for place in range(0, len(data), max(1, len(data) // 100)):
        changed = bytearray(data)
        changed[place] ^= 0x10
        try:
            found = back(bytes(changed), tables, n_rows)
        except ValueError:
            continue
        assert not np.array_equal(found, codes)  # an offset is another


def test_no_rows_have_no_bytes():
    sources = Sources(flat_layout(0))
    model = InContext(tables_for(np.arange(4)))
    assert encode_in_context(NONE, model, sources, None, holds_everything=True) == b""
    with pytest.raises(ValueError, match="for no rows"):
        decode_in_context(b"\0", model, sources, None, holds_everything=True)


def test_random_lanes_draw_from_the_tables():
    tables = LaneTables(Alphabet(np.arange(3), np.zeros(3, np.uint8)), np.array([[0, 4, 8, 63]], np.uint8))
    lanes = random_lanes(np.array([0, 20_000]), np.random.default_rng(5))
    assert lanes.limits.tolist() == [20_000, 64 * 20_000]
    from baler_vae.model.context import draw_in_context

    drawn = draw_in_context(
        InContext(tables), Sources(flat_layout(40_000)), None, np.random.default_rng(5), holds_everything=True
    )
    shares = np.bincount(drawn[(drawn >= 0) & (drawn < 3)], minlength=3) / len(drawn)
    assert np.allclose(shares, tables.frequencies[0, :3] / 4096, atol=0.01)


@pytest.mark.parametrize("levels", [np.zeros((0, 3)), np.zeros((65, 3)), np.zeros((1, 2)), np.full((1, 3), 64)])
def test_tables_that_cannot_be(levels):
    with pytest.raises(ValueError, match="level"):
        LaneTables(Alphabet(np.arange(2), np.zeros(2, np.uint8)), levels.astype(np.uint8))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\0\0", b"\xff\xff\xff\xff\xff\1\0", b"\5\0\0\0\1\0", b"\1\0\0"])
def test_headers_that_cannot_be(data):
    with pytest.raises(ValueError):  # noqa: PT011  of many kinds
        read_lanes(data, np.array([0, 4]))
