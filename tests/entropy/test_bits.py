"""Integers of various widths in one bit stream."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.entropy.bits import pack_bits

FIELDS = st.lists(st.integers(0, 64).flatmap(lambda width: st.tuples(st.integers(0, 2**width - 1), st.just(width))))


@given(FIELDS)
def test_numbers_lie_lowest_bit_first(fields):
    values = np.array([value for value, _ in fields], np.uint64)
    widths = np.array([width for _, width in fields], np.uint8)
    whole, place = 0, 0
    for value, width in fields:
        whole |= value << place
        place += width
    assert pack_bits(values, widths) == whole.to_bytes((place + 7) // 8, "little")
