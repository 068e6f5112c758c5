"""The compiled search for ranges against the rule that it follows, written as a recursion."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.entropy.alphabet import LARGEST_ALPHABET, fit_alphabet

SIGN = 2**63
CODES = st.integers(-9, 9) | st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1, 2**40, 2**40 + 1])


def ranges(counts, range_bits, most):
    """The bits of codes in rising order, how many have each, and the ranges (start, shift) that take the fewest."""
    total = sum(counts.values())

    def best(codes):
        mass = sum(counts[code] for code in codes)
        height = (codes[0] + SIGN ^ codes[-1] + SIGN).bit_length()
        own = mass * (math.log2(total / mass) + height) + range_bits
        if len(codes) == 1:
            return own, [(codes[0], 0)]
        middle = (codes[-1] >> height - 1) << height - 1 if height < 64 else 0
        below, above = (best([code for code in codes if (code >= middle) is side]) for side in (False, True))
        if height < 64 and mass <= most * total and own <= below[0] + above[0]:
            return own, [((codes[0] >> height) << height, height)]
        return below[0] + above[0], below[1] + above[1]

    return best(sorted(counts))


@given(
    st.dictionaries(CODES, st.integers(1, 40), min_size=1, max_size=40),
    st.sampled_from([0.37, 3.1, 17.03]),
    st.sampled_from([1.0, 0.3]),
)
def test_ranges_are_those_that_take_the_fewest_bits(counts, range_bits, most):
    codes = np.repeat(np.array(list(counts), np.int64), list(counts.values()))
    found = fit_alphabet(codes, range_bits=range_bits, most_in_range=most)
    expected = ranges(counts, range_bits, most)[1]
    assert len(expected) <= LARGEST_ALPHABET
    assert list(zip(found.starts.tolist(), found.shifts.tolist(), strict=True)) == expected
