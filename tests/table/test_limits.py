"""Limits of pieces are those of the whole."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.table.bounds import ColumnLimits, column_limits
from baler_vae.table.limits import StreamedLimits

FLOATS = ("f2", "f4", "f8")


def streamed(values, cuts=(), **options):
    limits = StreamedLimits(values.dtype, **options)
    for piece in np.split(values, cuts):
        limits.add(piece)
    return limits.limits


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
def test_limits_do_not_depend_on_the_pieces_and_hold_their_error(dtype, data):
    bits = data.draw(hnp.arrays(f"u{dtype[1]}", st.integers(0, 40)))
    values = bits.view(dtype)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=4)))
    with np.errstate(invalid="ignore"):
        whole = column_limits(values)
    found = streamed(values, cuts)
    assert repr(found) == repr(streamed(values))
    assert repr((found.minimum, found.maximum)) == repr((whole.minimum, whole.maximum))
    if math.isnan(whole.median_abs):
        assert math.isnan(found.median_abs)
    else:
        smallest = float(np.finfo(dtype).smallest_normal)
        assert abs(found.median_abs - whole.median_abs) <= 2**-12 * (whole.median_abs + smallest)
        assert dtype != "f2" or found.median_abs == whole.median_abs


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("n_values", [1, 2, 999, 100_000])
def test_the_median_of_many_values(dtype, n_values):
    values = np.random.default_rng(n_values).lognormal(0, 5, n_values).astype(dtype)
    values[::7] *= -1
    found = streamed(np.concatenate([values, np.zeros(3, dtype)]), [n_values // 3, n_values // 2])
    assert found.median_abs == pytest.approx(np.median(np.abs(values.astype(np.float64))), rel=2**-12)


@pytest.mark.parametrize("dtype", ["?", "u1", "i4", "i8", "u8"])
def test_integers_have_no_median(dtype):
    values = np.array([1, 0, 1, 1]).astype(dtype)
    found = streamed(values, [1])
    assert (found.minimum, found.maximum) == (0.0, 1.0)
    assert math.isnan(found.median_abs)


def test_no_values_have_no_limits():
    assert repr(streamed(np.array([math.nan, math.inf]))) == repr(ColumnLimits())
    assert math.isnan(streamed(np.ones(3), with_median=False).median_abs)
