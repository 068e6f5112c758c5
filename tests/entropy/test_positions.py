"""Where codes lie among the ranges of an alphabet."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.entropy.alphabet import Alphabet, fit_alphabet

INT64 = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-300, 300), st.sampled_from([-(2**63), 2**63 - 1, 2**61])
)
CODES = npst.arrays(np.int64, st.integers(1, 60), elements=INT64)


def position(code, alphabet):
    """By whole numbers of Python, as FORMAT.md says it."""
    ranges = list(zip(alphabet.starts.tolist(), alphabet.shifts.tolist(), strict=True))
    below = [number for number, (start, _) in enumerate(ranges) if start <= code]
    if not below:
        return 0
    start, shift = ranges[below[-1]]
    offset = min(code - start, 2**shift - 1)
    return 64 * below[-1] + 64 * offset // 2**shift


@settings(max_examples=300)
@given(CODES, CODES, st.sampled_from([1.0, 8.0, 24.0]))
def test_positions_are_what_the_page_says(fitted, codes, range_bits):
    alphabet = fit_alphabet(fitted, range_bits=range_bits, largest=63)
    for some in (fitted, codes):
        assert alphabet.positions(some).tolist() == [position(code, alphabet) for code in some.tolist()]


@settings(max_examples=200)
@given(CODES, CODES)
def test_positions_rise_with_codes(fitted, codes):
    alphabet = fit_alphabet(fitted, range_bits=4)
    found = alphabet.positions(np.sort(codes))
    assert found.dtype == np.int32
    assert np.all(np.diff(found) >= 0)
    assert found.min() >= 0
    assert found.max() < 64 * len(alphabet.starts)


def test_positions_in_ranges_of_every_width():
    for shift in range(64):
        start = -(1 << shift)
        alphabet = Alphabet(np.array([start]), np.array([shift], np.uint8))
        codes = np.array([start, start + (1 << shift) // 2, -1, 0, 2**62])
        assert alphabet.positions(codes).tolist() == [position(code, alphabet) for code in codes.tolist()]


def test_positions_of_no_codes():
    assert fit_alphabet(np.arange(9), range_bits=1).positions(np.empty(0, np.int64)).tolist() == []
