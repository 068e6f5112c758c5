"""Whole numbers of few bits in one stream."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.entropy.bits import BitReader, pack_bits, unpack_bits

FIELDS = st.lists(st.integers(0, 64).flatmap(lambda width: st.tuples(st.integers(0, 2**width - 1), st.just(width))))


@given(FIELDS)
def test_numbers_come_back_and_lie_lowest_bit_first(fields):
    values = np.array([value for value, _ in fields], np.uint64)
    widths = np.array([width for _, width in fields], np.uint8)
    data = pack_bits(values, widths)
    assert np.array_equal(unpack_bits(data, widths), values)
    whole, place = 0, 0
    for value, width in fields:
        whole |= value << place
        place += width
    assert data == whole.to_bytes((place + 7) // 8, "little")


def test_other_bytes_are_refused():
    widths = np.array([3, 4], np.uint8)
    for data in (b"", b"\0\0", b"\x80"):
        with pytest.raises(ValueError, match="bits"):
            unpack_bits(data, widths)
    assert unpack_bits(b"\x7f", widths).tolist() == [7, 15]


@given(FIELDS, st.lists(st.integers(0, 20), max_size=4))
def test_reading_in_pieces_is_reading_the_whole(fields, cuts):
    values = np.array([value for value, _ in fields], np.uint64)
    widths = np.array([width for _, width in fields], np.uint8)
    reader = BitReader(pack_bits(values, widths))
    places = [0, *sorted(min(cut, len(fields)) for cut in cuts), len(fields)]
    pieces = [reader.read(widths[start:stop]) for start, stop in pairwise(places)]
    reader.finish()
    assert np.array_equal(np.concatenate(pieces), values)
