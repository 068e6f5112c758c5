import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from baler_vae.evaluation.residuals import QUANTILES, column_residuals, wrap

ANGLES = st.floats(-1e3, 1e3)


def test_a_shift_is_the_mean_and_every_quantile():
    original = np.linspace(-4, 4, 33)
    found = column_residuals("x", original, original + 0.5, group="Jet")
    assert (found.name, found.group, found.dtype, found.n_rows) == ("x", "Jet", "float64", 33)
    assert found.n_different == found.n_used == 33
    assert found.n_lost == 0
    assert found.mean == found.rms == found.largest == 0.5
    assert found.quantiles == dict.fromkeys(QUANTILES, 0.5)


def test_mean_rms_largest_and_median_of_known_residuals():
    found = column_residuals("x", np.zeros(4), np.array([1.0, -3.0, 0.0, 0.0]))
    assert found.mean == -0.5
    assert found.rms == pytest.approx(math.sqrt(10 / 4))
    assert found.largest == 3
    assert found.quantiles is not None
    assert found.quantiles[50.0] == 0
    assert found.n_different == 2


def test_the_response_leaves_zeros_out():
    original = np.array([0.0, 1.0, -2.0, 4.0], np.float32)
    found = column_residuals("x", original, 2 * original)
    assert found.response is not None
    assert (found.response.n_used, found.response.mean, found.response.rms) == (3, 1.0, 1.0)


def test_an_angle_is_wrapped_at_pi():
    original, restored = np.array([np.pi - 0.01]), np.array([-np.pi + 0.01])
    assert column_residuals("phi", original, restored, angle=True).mean == pytest.approx(0.02)
    assert column_residuals("phi", restored, original, angle=True).mean == pytest.approx(-0.02)
    assert column_residuals("phi", original, restored).mean == pytest.approx(0.02 - 2 * np.pi)


@given(hnp.arrays(np.float64, st.integers(1, 20), elements=ANGLES))
def test_wrapped_angles_lie_in_their_range_and_are_the_same_angles(angles):
    wrapped = wrap(angles)
    assert np.all((wrapped >= -np.pi) & (wrapped < np.pi))
    turns = (angles - wrapped) / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns), atol=1e-9)
    np.testing.assert_array_equal(wrap(wrapped), wrapped)


def test_pi_itself_is_minus_pi():
    np.testing.assert_array_equal(wrap(np.array([np.pi, -np.pi, 0.0])), [-np.pi, -np.pi, 0.0])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.int64])
def test_one_differing_flag_in_many_is_found(dtype):
    original = np.zeros(100_000, dtype)
    restored = original.copy()
    restored[71_234] = 1
    found = column_residuals("flag", original, restored)
    assert found.n_different == 1
    assert found.largest == 1
    assert found.mean == pytest.approx(1e-5)
    assert not found.is_float


@pytest.mark.parametrize(("dtype", "value"), [(np.int64, 2**53), (np.int64, 2**62), (np.uint64, 2**64 - 2)])
def test_integers_beyond_float64_that_differ_by_one(dtype, value):
    original, restored = np.array([value, value], dtype), np.array([value, value + 1], dtype)
    found = column_residuals("event", original, restored)
    assert found.n_different == 1
    assert found.largest == 1
    assert column_residuals("event", restored, original).mean == -0.5


@given(st.lists(st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 2), min_size=1, max_size=20))
def test_differences_of_integers_are_those_of_python(pairs):
    original, restored = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    found = column_residuals("id", original, restored)
    assert found.n_different == sum(before != after for before, after in pairs)
    assert found.largest == float(max(abs(after - before) for before, after in pairs))


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=True))
def test_an_integer_against_a_float_is_compared_as_in_python(integer, value):
    for number in (value, float(integer)):
        before, after = np.array([integer]), np.array([number])
        expected = int(integer != number)
        assert column_residuals("id", before, after).n_different == expected
        assert column_residuals("id", after, before).n_different == expected


@pytest.mark.parametrize(
    ("before", "after", "different", "lost"),
    [
        (np.nan, np.nan, 0, 0),
        (np.inf, np.inf, 0, 0),
        (-np.inf, np.inf, 1, 1),
        (np.nan, 1.0, 1, 1),
        (1.0, np.nan, 1, 1),
        (1.0, np.inf, 1, 1),
        (np.nan, np.inf, 1, 1),
        (0.0, -0.0, 0, 0),
        (1.0, 2.0, 1, 0),
    ],
)
def test_nan_and_infinities(before, after, different, lost):
    found = column_residuals("x", np.array([before, 5.0], np.float32), np.array([after, 6.0], np.float32))
    assert (found.n_different, found.n_lost) == (different + 1, lost)
    finite = math.isfinite(before) and math.isfinite(after)
    assert found.n_used == 1 + finite
    assert found.largest == 1


@pytest.mark.parametrize("dtype", [np.float32, np.int64, bool])
def test_no_rows_leave_everything_undefined(dtype):
    found = column_residuals("x", np.empty(0, dtype), np.empty(0, dtype))
    assert (found.n_rows, found.n_different, found.n_used) == (0, 0, 0)
    assert found.mean is found.rms is found.largest is found.quantiles is None
    assert found.response is not None
    assert (found.response.n_used, found.response.mean, found.response.rms) == (0, None, None)


def test_one_row():
    found = column_residuals("x", np.array([2.0], np.float32), np.array([3.0], np.float32))
    assert (found.mean, found.rms, found.largest) == (1, 1, 1)
    assert found.response is not None
    assert found.response.mean == 0.5


def test_a_constant_column():
    found = column_residuals("x", np.full(100, 7.0), np.full(100, 7.0))
    assert (found.n_different, found.mean, found.rms, found.largest) == (0, 0, 0, 0)


def test_the_largest_floats_do_not_overflow_into_an_error():
    huge = np.array([1.7e308, -1.7e308, 1e-310])
    same = column_residuals("x", huge, huge)
    assert (same.n_different, same.largest) == (0, 0)
    moved = column_residuals("x", huge, -huge)
    assert moved.largest == math.inf
    halved = column_residuals("x", huge, huge / 2)
    assert halved.rms == pytest.approx(0.85e308 * math.sqrt(2 / 3))


def test_text_has_differing_values_only():
    before, after = np.array(["a", None, "c"], object), np.array(["a", None, "d"], object)
    found = column_residuals("type", before, after)
    assert (found.dtype, found.n_rows, found.n_different) == ("text", 3, 1)
    assert found.mean is found.quantiles is found.response is None


def test_columns_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        column_residuals("x", np.zeros(2), np.zeros(3))
    with pytest.raises(ValueError, match="dtypes"):
        column_residuals("x", np.zeros(1), np.array(["a"], object))
