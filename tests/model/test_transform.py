"""Transforms are monotone, and plateaus give their value back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.model.transform import Transform

KNOTS = Transform("quantile", np.array([0.0, 0.0, 1.0, 5.0, 5.0]), np.array([-2.0, -0.5, 0.0, 1.0, 3.0]))


@st.composite
def transforms(draw):
    """Rising knots, plateaus of two or more of them among them, far from zero or near."""
    steps = np.array(draw(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), min_size=1, max_size=9)), float)
    steps[:, 0] *= steps[:, 0] > 15
    unit = 2.0 ** draw(st.integers(-60, 60))
    start = draw(st.integers(-1000, 1000))
    values = (start + np.cumsum(steps[:, 0])) * unit
    return Transform("quantile", values, (np.cumsum(steps[:, 1]) - draw(st.integers(0, 400))) / 16)


def slack(transform):
    """What float32 scores cost at most in the unit of the column: their spacing times the steepest slope."""
    if len(transform.values) == 1:
        return 0.0
    slope = np.max(np.diff(transform.values) / np.diff(transform.scores))
    spacing = float(np.spacing(np.float32(np.abs(transform.scores).max())))
    return slope * spacing + 8 * np.spacing(np.abs(transform.values).max())


fractions = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


def between(transform, at):
    low, high = transform.values[[0, -1]]
    return np.clip(low + np.sort(at) * (high - low), low, high)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(transforms(), fractions)
def test_values_come_back(transform, at):
    x = between(transform, at)
    scores = transform.forward(x)
    assert scores.dtype == np.float32
    back = transform.inverse(scores)
    assert back.dtype == np.float64
    assert back.shape == scores.shape == x.shape
    assert np.abs(back - x).max() <= slack(transform)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(transforms(), fractions)
def test_plateaus_give_their_value_back(transform, at):
    plateaus = np.flatnonzero(np.diff(transform.values) == 0)
    values = transform.values[plateaus]
    assert np.array_equal(transform.inverse(transform.forward(values)), values)
    for i in plateaus:
        low, high = transform.scores[i : i + 2]
        assert set(transform.inverse(np.clip(low + at * (high - low), low, high)).tolist()) == {transform.values[i]}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(transforms(), st.lists(st.floats(-100, 100), min_size=2, max_size=20).map(sorted))
def test_both_ways_are_monotone_far_beyond_the_knots(transform, drawn):
    at = np.array(drawn)
    back = transform.inverse(at)
    assert (np.diff(back) >= -slack(transform)).all()
    scale = max(float(np.ptp(transform.values)), float(np.spacing(transform.values[0])))
    scores = transform.forward(transform.values[0] + at * scale)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) >= -np.spacing(np.abs(scores).max())).all()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(transforms(), st.floats(1, 50))
def test_lines_go_on_beyond_their_ends(transform, beyond):
    values, scores = transform.values, transform.scores
    if len(values) == 1:
        assert transform.inverse(scores + beyond) == values
        return
    for end, inner, sign in ((0, 1, -1), (-1, -2, 1)):
        slope = (values[end] - values[inner]) / (scores[end] - scores[inner])
        expected = values[end] + sign * beyond * slope
        found = transform.inverse(scores[[end]] + sign * beyond)[0]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-9 * np.abs(values).max())


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i4", "u1", "?"])
def test_values_of_any_dtype_and_shape(dtype):
    x = np.array([[0, 1], [1, 0]], dtype)
    assert KNOTS.forward(x).tolist() == [[-1.25, 0.0], [0.0, -1.25]]
    assert KNOTS.inverse(np.zeros((2, 0), np.float32)).shape == (2, 0)


def test_by_hand():
    assert KNOTS.inverse(np.array([-9, -1, -0.5, 0, 0.5, 1, 2, 9])).tolist() == [0, 0, 0, 1, 3, 5, 5, 5]
    assert KNOTS.forward(np.array([0.0, 0.5, 1.0, 3.0, 5.0])).tolist() == [-1.25, -0.25, 0.0, 0.5, 2.0]
    assert KNOTS.forward(np.array([-1e30, 1e30])).tolist() == [-2.0, 3.0]


def test_one_knot_is_a_constant():
    constant = Transform("constant", np.array([7.25]), np.zeros(1))
    assert constant.forward(np.array([7.25, -1e30])).tolist() == [0, 0]
    assert constant.inverse(np.array([0, -1e30, 1e30])).tolist() == [7.25] * 3


@pytest.mark.parametrize(
    ("values", "scores", "words"),
    [
        ([], [], "0 values"),
        ([1.0], [1.0, 2.0], "1 values for 2 scores"),
        ([1.0, 0.0], [0.0, 1.0], "not increasing"),
        ([0.0, 1.0], [0.0, 0.0], "not increasing"),
        ([0.0, 1.0], [1.0, 0.0], "not increasing"),
        ([0.0, np.nan], [0.0, 1.0], "not finite"),
        ([0.0, 1.0], [0.0, np.inf], "not finite"),
        ([-1.7e308, 1.7e308], [0.0, 1.0], "slope"),
        ([0.0, 1.0], [0.0, 1e-310], "slope"),
    ],
)
def test_knots_that_make_no_map_are_refused(values, scores, words):
    with pytest.raises(ValueError, match=words):
        Transform("standard", np.array(values), np.array(scores))
