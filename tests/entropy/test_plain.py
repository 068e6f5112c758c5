"""Every bit comes back, and bytes that are no stream are refused."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.entropy.plain import decode_numbers, decode_raw, decode_text, encode_numbers, encode_raw, encode_text

DTYPES = [np.dtype(c) for c in ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")]


@st.composite
def arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    if dtype.kind == "b":
        return np.array(draw(st.lists(st.booleans(), max_size=50)), bool)
    largest = 2 ** (8 * dtype.itemsize) - 1
    patterns = draw(st.lists(st.one_of(st.integers(0, largest), st.sampled_from([0, 1, largest])), max_size=50))
    return np.array(patterns, f"u{dtype.itemsize}").view(dtype)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(arrays())
def test_numbers_keep_every_bit(values):
    for encode, decode in ((encode_numbers, decode_numbers), (encode_raw, decode_raw)):
        back = decode(encode(values), values.dtype, len(values))
        assert back.dtype == values.dtype
        assert back.tobytes() == values.tobytes()


def test_long_and_strided_columns():
    values = np.random.default_rng(0).normal(size=(100_000, 2)).astype(np.float32)[:, 1]
    assert decode_numbers(encode_numbers(values), values.dtype, len(values)).tobytes() == values.tobytes()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=()), max_size=9)), max_size=20))
def test_text_comes_back(values):
    column = np.empty(len(values), object)
    column[:] = values
    assert decode_text(encode_text(column), len(values)).tolist() == values


@pytest.mark.parametrize("dtype", DTYPES)
def test_damaged_numbers_are_refused_or_of_the_right_shape(dtype):
    data = bytearray(encode_numbers(np.arange(200).astype(dtype)))
    for length in range(len(data)):
        with pytest.raises(ValueError, match="pcodec"):
            decode_numbers(bytes(data[:length]), dtype, 200)
    for place in range(len(data)):
        data[place] ^= 0x55
        try:
            found = decode_numbers(bytes(data), dtype, 200)
        except ValueError:
            pass
        else:
            assert found.dtype == dtype
            assert found.shape == (200,)
        data[place] ^= 0x55


def test_wrong_lengths_and_types_are_refused():
    data = encode_numbers(np.arange(10, dtype=np.int32))
    for dtype, n_rows in (("i4", 9), ("i4", 11), ("i8", 10), ("f4", 10)):
        with pytest.raises(ValueError, match="pcodec"):
            decode_numbers(data, np.dtype(dtype), n_rows)
    with pytest.raises(ValueError, match="7 bytes"):
        decode_raw(b"1234567", np.dtype("i4"), 2)


def test_damaged_text_is_refused():
    column = np.array(["muon", None, "jet" * 50], object)
    data = encode_text(column)
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"text|pcodec"):
            decode_text(data[:length], 3)
    with pytest.raises(ValueError, match="pcodec"):
        decode_text(data, 4)
    for size in (0, 7, 2**60):
        with pytest.raises(ValueError, match=r"text|pcodec"):
            decode_text(struct.pack("<Q", size) + data[8:], 3)
    longer = encode_text(np.array(["muon", None, "jet" * 51], object))
    frame = struct.unpack_from("<Q", longer)[0] + 8
    with pytest.raises(ValueError, match="157 bytes of text"):
        decode_text(data[: struct.unpack_from("<Q", data)[0] + 8] + longer[frame:], 3)
