"""Weights of symbols: the whole numbers of the page, however floats are rounded on the way to them."""

from fractions import Fraction

import numpy as np

from baler_vae.entropy.frequencies import root_of_two_to
from baler_vae.model.kernels import tables
from baler_vae.model.kernels.layers import BLOCK
from baler_vae.model.kernels.tables import LANES, sum_weights

WEIGHTS = [root_of_two_to(256 - level) for level in range(256)]


def sums_of(levels, first=0):
    sums = np.full((len(levels) + 1) * LANES, -1, np.int32)
    sum_weights(np.ascontiguousarray(levels, np.float32).reshape(-1), len(levels), first, sums)
    return sums.reshape(-1, LANES)


def test_every_level_has_its_weight():
    """The largest level is the last symbol, then the first, and levels far below are those of 255."""
    levels = np.empty((256, BLOCK), np.float32)
    levels[:, ::2] = np.arange(256)[:, None] - 9_000
    levels[:, 1::2] = 7_000_000 - np.arange(256)[:, None]
    found = np.diff(sums_of(levels), axis=0)
    assert found[:, 0].tolist() == WEIGHTS[::-1]
    assert found[:, 1].tolist() == WEIGHTS
    assert np.array_equal(found, np.tile(found[:, :2], LANES // 2))
    far = np.array([[0.0] * BLOCK, [-256.0] * BLOCK, [-(2.0**24)] * BLOCK])
    assert np.diff(sums_of(far), axis=0)[:, 0].tolist() == [65_536, 1, 1]


def test_no_rounding_could_change_a_weight():
    """The polynomial without any rounding stays away from whole numbers by more than its five sums can round off."""
    coefficients = [Fraction(float(c)) for c in (tables._A, tables._B, tables._C, tables._D, tables._E)]
    most = 8 * Fraction(2) ** -8  # half a unit in the last place of 2^16, for each product and sum
    for sixteenths in range(16):
        value = sum(c * Fraction(sixteenths, 16) ** power for power, c in enumerate(coefficients))
        assert WEIGHTS[sixteenths] + most < value < WEIGHTS[sixteenths] + 1 - most


def test_rows_are_summed_from_the_first_on():
    levels = np.zeros((3, BLOCK))
    levels[1, 2 * LANES :] = -16
    assert sums_of(levels, LANES).tolist() == [[65_536 * k] * LANES for k in range(4)]
    assert sums_of(levels, 2 * LANES).tolist() == [[n] * LANES for n in (0, 65_536, 98_304, 163_840)]
