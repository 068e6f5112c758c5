import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from baler_vae.evaluation.histograms import N_BINS, column_histograms, robust_edges

FINITE = hnp.arrays(np.float64, st.integers(1, 40), elements=st.floats(allow_nan=False, allow_infinity=False))


def n_counted(histogram):
    return int(histogram.counts.sum()) + histogram.underflow + histogram.overflow


@given(FINITE, st.floats(0, 1))
def test_every_finite_value_is_counted_once(values, factor):
    found = column_histograms(values, values * factor)
    assert found is not None
    for histogram in (found.before, found.after):
        assert n_counted(histogram) == len(values)
        assert np.all(np.diff(histogram.edges) > 0)
    np.testing.assert_array_equal(found.before.edges, found.after.edges)


@given(hnp.arrays(np.int64, st.integers(1, 40)))
def test_every_integer_is_counted_once(values):
    found = column_histograms(values, values)
    assert found is not None
    assert n_counted(found.before) == n_counted(found.after) == len(values)


def test_few_integers_have_a_bin_each():
    values = np.array([2, 3, 3, 7])
    edges = robust_edges(values.astype(float), integer=True)
    np.testing.assert_array_equal(edges, np.arange(1.5, 8))
    found = column_histograms(values, values + 1)
    assert found is not None
    np.testing.assert_array_equal(found.before.counts, [1, 2, 0, 0, 0, 1])
    np.testing.assert_array_equal(found.after.counts, [0, 1, 2, 0, 0, 0])
    assert found.after.overflow == 1


def test_many_integers_have_bins_of_integer_width():
    edges = robust_edges(np.arange(100_000.0), integer=True)
    widths = np.diff(edges)
    assert len(widths) <= N_BINS
    assert np.all(widths == widths[0])
    assert widths[0] == round(widths[0])


def test_one_value_far_off_does_not_hide_the_others():
    values = np.concatenate([np.linspace(0, 1, 10_000), [1e9]])
    found = column_histograms(values, values)
    assert found is not None
    assert found.before.edges[-1] < 1.1
    assert found.before.overflow == 1


def test_a_constant_column_fills_one_bin():
    found = column_histograms(np.full(50, 3.5), np.full(50, 3.5 + 1e-6))
    assert found is not None
    assert sorted(found.before.counts)[-2:] == [0, 50]
    np.testing.assert_array_equal(found.after.counts, found.before.counts)


@pytest.mark.parametrize("values", [[], [np.nan, np.inf]])
def test_nothing_finite_gives_no_histograms(values):
    assert column_histograms(np.array(values), np.array(values)) is None


def test_what_is_not_finite_is_left_out():
    found = column_histograms(np.array([1.0, np.nan, 2.0]), np.array([1.0, 1.0, np.inf]))
    assert found is not None
    assert n_counted(found.before) == n_counted(found.after) == 2
    assert found.residual is not None
    assert n_counted(found.residual) == 1


def test_a_column_of_zeros_has_no_response():
    found = column_histograms(np.zeros(5), np.ones(5))
    assert found is not None
    assert found.residual is not None
    assert found.response is None


def test_an_angle_after_is_drawn_beside_the_one_before():
    phi = np.linspace(-3.1, 3.1, 1000)
    turned = np.where(phi < 0, phi + 2 * np.pi, phi)
    found = column_histograms(phi, turned, angle=True)
    np.testing.assert_array_equal(found.after.counts, found.before.counts)
    assert column_histograms(phi, turned).after.overflow > 0


def test_a_constant_stays_off_the_edges_with_any_number_of_bins():
    for n_bins in (N_BINS, 40):
        edges = robust_edges(np.full(5, 3.5), n_bins=n_bins)
        assert len(edges) == n_bins + 2
        assert 3.5 not in edges
    assert len(robust_edges(np.arange(10.0), n_bins=40)) == 41
