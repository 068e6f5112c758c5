"""Every bit comes back, and bytes that are no stream are refused."""

import struct
import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.plain import decode_numbers, decode_raw, decode_text, encode_numbers, encode_raw, encode_text

DTYPES = [np.dtype(c) for c in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")]
HOSTILE_SIZES = (-1, 2**33, 2**47, 2**60, 2**63, 2**70)


@st.composite
def arrays(draw):
    """Any bits of any dtype: NaN payloads, both zeros, infinities, subnormals and the ends of the range among them."""
    dtype = draw(st.sampled_from(DTYPES))
    if dtype.kind == "b":
        return np.array(draw(st.lists(st.booleans(), max_size=50)), bool)
    bits = 8 * dtype.itemsize
    special = [0, 1, 2 ** (bits - 1) - 1, 2 ** (bits - 1), 2**bits - 1]
    if dtype.kind == "f":
        infinity = int(np.array(np.inf, dtype).view(f"u{dtype.itemsize}"))
        special += [infinity, infinity + 1, infinity + 2 ** (bits - 1)]
    patterns = draw(st.lists(st.one_of(st.integers(0, 2**bits - 1), st.sampled_from(special)), max_size=50))
    return np.array(patterns, f"u{dtype.itemsize}").view(dtype)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(arrays())
def test_numbers_keep_every_bit(values):
    for encode, decode in ((encode_numbers, decode_numbers), (encode_raw, decode_raw)):
        data = encode(values)
        back = decode(data, values.dtype, len(values))
        assert back.dtype == values.dtype
        assert back.tobytes() == values.tobytes()
        assert encode(back) == data
        back[:] = 0  # and may be changed


def test_long_and_strided_columns():
    values = np.random.default_rng(0).normal(size=(300_000, 2)).astype(np.float32)[::3, 1]
    for encode, decode in ((encode_numbers, decode_numbers), (encode_raw, decode_raw)):
        assert decode(encode(values), values.dtype, len(values)).tobytes() == values.tobytes()


def column_of(texts):
    column = np.empty(len(texts), object)
    column[:] = texts
    return column


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=()), max_size=9)), max_size=20))
def test_text_comes_back(texts):
    assert decode_text(encode_text(column_of(texts)), len(texts)).tolist() == texts


@pytest.mark.parametrize("texts", [["x" * 1_000_000, None], [""] * 1_000, [None] * 1_000, ["\0", "\ud800", "é" * 500]])
def test_long_and_empty_text_comes_back(texts):
    data = encode_text(column_of(texts))
    assert len(data) < 200
    assert decode_text(data, len(texts)).tolist() == texts


def damaged(data):
    """The bytes with each of them changed in turn, in its lowest bit, its highest, and all of them."""
    for place in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            yield data[:place] + bytes([data[place] ^ mask]) + data[place + 1 :]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_damaged_numbers_are_refused_or_of_the_right_shape(dtype):
    for values in (np.arange(40), np.random.default_rng(0).integers(0, 100, 40) / 8, np.full(40, 7)):
        data = encode_numbers(values.astype(dtype))
        for length in range(len(data)):
            with pytest.raises(ValueError, match="pcodec"):
                decode_numbers(data[:length], dtype, 40)
        for changed in damaged(data):
            try:
                found = decode_numbers(changed, dtype, 40)
            except ValueError:
                continue
            assert found.dtype == dtype
            assert found.shape == (40,)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("n_rows", [0, 1, 9, 11, *HOSTILE_SIZES])
def test_another_number_of_rows_is_refused(dtype, n_rows):
    values = np.arange(10).astype(dtype)
    with pytest.raises(ValueError, match="pcodec"):
        decode_numbers(encode_numbers(values), dtype, n_rows)
    with pytest.raises(ValueError, match="bytes instead of"):
        decode_raw(encode_raw(values), dtype, n_rows)


def test_another_dtype_is_refused():
    data = encode_numbers(np.arange(10, dtype=np.int32))
    for dtype in ("i8", "f4", "u4", "i2", "O", "c16", "M8[s]", ">i4"):
        with pytest.raises(ValueError, match="pcodec"):
            decode_numbers(data, np.dtype(dtype), 10)


def test_no_rows_are_a_stream_as_well():
    with pytest.raises(ValueError, match="pcodec"):
        decode_numbers(b"", np.dtype(np.int32), 0)
    with pytest.raises(ValueError, match="text"):
        decode_text(b"", 0)


def test_damaged_text_is_refused_or_of_the_right_shape():
    data = encode_text(column_of(["muon", None, "", "jet\ud800" * 50]))
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"text|pcodec|zstandard"):
            decode_text(data[:length], 4)
    for changed in damaged(data):
        try:
            found = decode_text(changed, 4)
        except ValueError:
            continue
        assert found.shape == (4,)
        assert {type(text) for text in found} <= {str, type(None)}


def test_another_number_of_texts_is_refused():
    data = encode_text(column_of(["muon", None, "jet"]))
    for n_rows in (0, 2, 4, *HOSTILE_SIZES):
        with pytest.raises(ValueError, match=r"text|pcodec|zstandard"):
            decode_text(data, n_rows)


def forged(lengths, frame, lengths_bytes=None):
    """Bytes of text made of parts that need not fit together."""
    encoded = encode_numbers(np.array(lengths, np.int64))
    return struct.pack("<Q", len(encoded) if lengths_bytes is None else lengths_bytes) + encoded + frame


def frame_claiming(n_bytes):
    """A zstandard frame of one byte that claims to hold others (RFC 8878, 3.1.1)."""
    return struct.pack("<IBQ", 0xFD2FB528, 0b11100000, n_bytes) + b"\x0b\0\0a"


def test_parts_of_text_that_do_not_fit_together_are_refused():
    hello = zstandard.compress(b"hello")
    assert decode_text(forged([2, 3], hello), 2).tolist() == ["he", "llo"]
    for lengths, frame in (
        ([2, 2], hello),
        ([2, 4], hello),
        ([5, -1, 1], hello),
        ([5], hello + b"more"),
        ([5], zstandard.ZstdCompressor(write_content_size=False).compress(b"hello")),
        ([2], zstandard.compress(b"\xff\xff")),
        ([1, 1], zstandard.compress("é".encode())),
    ):
        with pytest.raises(ValueError, match=r"text|utf-8|zstandard|frame"):
            decode_text(forged(lengths, frame), len(lengths))
    for size in (0, 1, 2**31, 2**60, 2**64 - 1):
        with pytest.raises(ValueError, match=r"text|pcodec|zstandard"):
            decode_text(forged([5], hello, size), 1)


@pytest.mark.parametrize("claim", [2**20, 2**33, 2**60, 2**63 - 1])
def test_no_memory_is_taken_for_what_bytes_claim(claim):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bytes in a frame of 17 bytes"):
            decode_text(forged([claim], frame_claiming(claim)), 1)
        assert tracemalloc.get_traced_memory()[1] < 2**19
    finally:
        tracemalloc.stop()


def test_lengths_beyond_all_integers_are_refused():
    with pytest.raises(ValueError, match=r"bytes (of text|in a frame)"):
        decode_text(forged([2**63 - 1] * 3, frame_claiming(2**63 - 1)), 3)
