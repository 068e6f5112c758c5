"""Paths whose course, length and neighbours are known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.errors import UsageError
from baler_vae.measures.paths import Neighbours, in_widths, path_length, spherical, straight

PARTS = np.linspace(0, 1, 9)
ORIGIN = np.zeros(2)


def test_a_straight_line_is_even():
    found = straight(np.array([0.0, 1.0]), np.array([4.0, 1.0]), PARTS)
    np.testing.assert_allclose(found, np.stack([4 * PARTS, np.ones(9)], axis=1))
    assert path_length(found) == (4, 1)


def test_an_arc_turns_evenly_and_keeps_its_distance():
    found = spherical(np.array([2.0, 0.0]), np.array([0.0, 2.0]), PARTS, ORIGIN)
    angles = np.arctan2(found[:, 1], found[:, 0])
    np.testing.assert_allclose(angles, PARTS * math.pi / 2)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 2)
    length, relative = path_length(found)
    assert length == pytest.approx(math.pi, rel=0.01)
    assert relative == pytest.approx(math.pi / (2 * math.sqrt(2)), rel=0.01)


points = st.lists(st.floats(-5, 5, width=32), min_size=3, max_size=3).map(np.array)


@given(points, points, points)
def test_arcs_begin_and_end_where_they_should(first, last, centre):
    found = spherical(first, last, PARTS, centre)
    np.testing.assert_allclose(found[0], first, atol=1e-9)
    np.testing.assert_allclose(found[-1], last, atol=1e-9)
    lengths = np.linalg.norm(found - centre, axis=1)
    assert lengths.max() <= max(lengths[0], lengths[-1]) + 1e-9


@pytest.mark.parametrize("last", [[3.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_without_an_angle_arcs_are_straight(last):
    first = np.array([1.0, 0.0])
    np.testing.assert_array_equal(
        spherical(first, np.array(last), PARTS, ORIGIN), straight(first, np.array(last), PARTS)
    )


def test_a_path_that_goes_nowhere_has_no_relative_length():
    length, relative = path_length(np.array([[0.0], [1.0], [0.0]]))
    assert length == 2
    assert math.isnan(relative)


def test_distances_are_root_mean_squares_in_widths():
    widths = {"a": 2.0, "b": 10.0}
    rows = in_widths({"a": np.array([0, 2]), "b": np.array([0.0, 10.0])}, widths)
    assert np.linalg.norm(rows[1] - rows[0]) == pytest.approx(1)


def test_neighbours_are_others():
    rows = np.array([[0.0], [1.0], [5.0]])
    found = Neighbours.of(rows, seed=0)
    assert found.distances(np.array([[0.25]])).tolist() == [0.25]
    assert found.distances(rows, np.arange(3)).tolist() == [1, 1, 4]
    few = Neighbours.of(rows, seed=0, most_rows=2)
    assert len(few.numbers) == 2
    with pytest.raises(UsageError, match="no others"):
        Neighbours.of(rows[:1], seed=0).distances(rows[:1], np.zeros(1, np.int64))
