import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from baler_vae.evaluation.residuals import (
    QUANTILES,
    ColumnCounter,
    Moments,
    column_residuals,
    half_widths,
    residuals,
    same_turn,
    wrap,
)
from baler_vae.grid.judge import keeps_bound
from baler_vae.table.bounds import EXACT, FREE, Bound

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


def test_half_widths_of_a_gaussian_are_its_deviation_and_twice_that():
    narrow, wide = half_widths(np.random.default_rng(0).normal(3, 0.5, 1_000_000))
    assert narrow == pytest.approx(0.5, rel=0.01)
    assert wide == pytest.approx(1.0, rel=0.01)
    assert half_widths(np.linspace(0, 1, 100_001))[0] == pytest.approx(0.6826894921 / 2)
    assert half_widths(np.empty(0)) == (None, None)
    assert half_widths(np.array([-1.7e308, 1.7e308]))[0] == pytest.approx(0.6826894921 * 1.7e308)


def test_a_doubled_width_doubles_the_half_widths_of_residual_and_response():
    rng = np.random.default_rng(1)
    values, pulls = rng.uniform(50, 60, 20_000), rng.normal(size=20_000)
    once, twice = (column_residuals("x", values, values * (1 + width * pulls)) for width in (0.01, 0.02))
    assert twice.half_width_68 == pytest.approx(2 * once.half_width_68)
    assert twice.response.half_width_95 == pytest.approx(2 * once.response.half_width_95)
    assert once.response.half_width_68 == pytest.approx(0.01, rel=0.03)


@given(
    hnp.arrays(np.float64, st.integers(1, 30), elements=st.floats(allow_nan=False, allow_infinity=False)),
    st.integers(0, 30),
)
def test_moments_do_not_depend_on_the_pieces(values, cut):
    whole, parts = Moments(), Moments()
    whole.add(values)
    parts.add(values[:cut])
    parts.add(values[cut:])
    assert parts.n == whole.n == len(values)
    assert parts.largest == whole.largest == np.max(np.abs(values))
    for mine, theirs in ((parts.mean, whole.mean), (parts.rms, whole.rms)):
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9 * whole.largest)
    if whole.largest < 1e150:
        assert whole.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9 * whole.largest)


def test_one_infinite_value_among_pieces_stays_seen():
    moments = Moments()
    for values in ([1.0], [np.inf], [2.0]):
        moments.add(np.array(values))
    assert (moments.n, moments.mean, moments.rms, moments.largest) == (3, math.inf, math.inf, math.inf)


def test_pieces_of_a_column_are_the_column():
    rng = np.random.default_rng(2)
    before = rng.uniform(-np.pi, np.pi, 1000)
    before[::50] = np.nan
    after = wrap(before + 0.01)
    counter = ColumnCounter("phi", before.dtype, group="Jet", angle=True)
    for rows in np.split(np.arange(1000), [1, 1, 400]):
        counter.add(before[rows], after[rows])
    found = counter.result(residuals(before, after, angle=True))
    whole = column_residuals("phi", before, after, group="Jet", angle=True)
    assert (found.n_rows, found.n_different, found.n_used) == (whole.n_rows, whole.n_different, whole.n_used)
    assert found.largest == whole.largest == pytest.approx(0.01)
    assert (found.mean, found.rms) == (pytest.approx(whole.mean), pytest.approx(whole.rms))
    assert found.quantiles == whole.quantiles


def test_one_late_value_in_degrees_unwraps_the_whole_column():
    counter = ColumnCounter("phi", np.dtype(np.float64), angle=None)
    counter.add(np.array([3.1]), np.array([-3.1]))
    assert counter.is_angle
    counter.add(np.array([350.0]), np.array([350.0]))
    assert not counter.is_angle
    assert counter.result(residuals(np.array([3.1]), np.array([-3.1]))).largest == pytest.approx(6.2)


@given(hnp.arrays(np.float64, 12, elements=ANGLES), hnp.arrays(np.float64, 12, elements=ANGLES))
def test_angles_on_the_same_turn_are_the_same_angles_close_by(before, after):
    found = same_turn(before, after)
    assert np.all(np.abs(found - before) <= np.pi + 1e-9)
    np.testing.assert_allclose(np.cos(found - after), 1, atol=1e-9)
    near = (after - before >= -np.pi) & (after - before < np.pi)
    np.testing.assert_array_equal(found[near], after[near])


def in_bounds(before, after, bound):
    counter = ColumnCounter("x", before.dtype, bound=bound)
    for rows in np.array_split(np.arange(len(before)), 3):
        counter.add(before[rows], after[rows])
    return counter.result(residuals(before, after))


@pytest.mark.parametrize(
    ("bound", "expected"),
    [(Bound("abs", 0.5), 0.5), (Bound("rel", 0.1), 0.625), (Bound("rel", 0.1, 0.5), 0.5), (Bound("bits", 2), 0.5)],
)
def test_the_largest_deviation_in_units_of_the_bound(bound, expected):
    before = np.array([4.0, 100.0, -2.0, 0.0])
    after = np.array([4.25, 100.0, -2.0, 0.0])
    found = in_bounds(before, after, bound)
    assert found.bound == bound.text
    assert found.largest_in_bounds == pytest.approx(expected)


@pytest.mark.parametrize(("restored", "kept"), [(1.1, False), (np.nextafter(1.1, 0), True), (1.0, True)])
def test_above_one_means_that_the_bound_is_broken(restored, kept):
    before, after = np.array([1.0, 5.0, 7.0]), np.array([restored, 5.0, 7.0])
    bound = Bound("abs", 0.1)
    found = in_bounds(before, after, bound)
    assert (found.largest_in_bounds <= 1) is kept
    assert keeps_bound(before, after, bound).all() == kept


def test_what_must_come_back_exactly_is_infinitely_far_off():
    flags = np.zeros(1_000_000, bool)
    flipped = flags.copy()
    flipped[345_678] = True
    assert in_bounds(flags, flags, EXACT).largest_in_bounds == 0
    assert in_bounds(flags, flipped, EXACT).largest_in_bounds == math.inf
    lost = in_bounds(np.array([1.0, 2.0, 3.0]), np.array([1.0, np.nan, 3.0]), Bound("abs", 1.0))
    assert lost.largest_in_bounds == math.inf
    text = np.array(["a", "b", "c"], object)
    counter = ColumnCounter("name", text.dtype, bound=EXACT)
    counter.add(text, np.array(["a", "b", "d"], object))
    assert counter.result(None).largest_in_bounds == math.inf


def test_another_dtype_breaks_every_promise():
    values = np.arange(4.0)
    assert in_bounds(values, values.astype(np.float32), Bound("abs", 1.0)).largest_in_bounds == np.inf


def test_without_a_promise_there_are_no_units():
    values = np.arange(4.0)
    assert in_bounds(values, values + 1, None).largest_in_bounds is None
    assert in_bounds(values, values + 1, FREE).largest_in_bounds is None
    assert in_bounds(values[:0], values[:0], Bound("abs", 1.0)).largest_in_bounds is None
