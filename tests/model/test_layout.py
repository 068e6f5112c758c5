"""Rows of objects, rank by rank."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.model.layout import LARGEST_LAG, flat_layout, jagged_layout

COUNTS = npst.arrays(np.int64, st.integers(0, 12), elements=st.integers(0, 5))


def by_hand(counts, *, by_rank):
    """The (event, rank) of each row in the order of the layout."""
    rows = [(event, rank) for event, count in enumerate(counts.tolist()) for rank in range(count)]
    return sorted(rows, key=lambda row: (row[1], row[0])) if by_rank else rows


@given(COUNTS, st.booleans())
def test_a_layout_is_what_the_page_says(counts, by_rank):
    layout = jagged_layout(counts, by_rank=by_rank)
    rows = by_hand(counts, by_rank=by_rank)
    numbers = {row: place for place, row in enumerate(by_hand(counts, by_rank=False))}
    places = {row: place for place, row in enumerate(rows)}
    assert layout.n_rows == len(rows) == counts.sum()
    assert layout.order.tolist() == [numbers[row] for row in rows]
    assert layout.events.tolist() == [event for event, _ in rows]
    assert layout.ranks.tolist() == [rank for _, rank in rows]
    assert layout.remaining.tolist() == [counts[event] - 1 - rank for event, rank in rows]
    assert len(layout.previous) == LARGEST_LAG == 2
    for lag, previous in enumerate(layout.previous, 1):
        assert previous.tolist() == [places.get((event, rank - lag), -1) for event, rank in rows]


@given(COUNTS)
def test_what_is_looked_back_at_is_in_a_slice_before(counts):
    layout = jagged_layout(counts)
    covered = []
    for start, stop in layout.slices:
        covered += range(start, stop)
        assert len({*layout.ranks[start:stop].tolist()}) == 1
        assert all(np.all(previous[start:stop] < start) for previous in layout.previous)
    assert covered == list(range(layout.n_rows))


@given(COUNTS, st.booleans())
def test_rows_go_back_to_where_they_were(counts, by_rank):
    layout = jagged_layout(counts, by_rank=by_rank)
    values = np.random.default_rng(0).normal(size=layout.n_rows)
    assert np.array_equal(layout.restore(values[layout.order]), values)
    texts = values.astype(str).astype(object)
    assert layout.restore(texts[layout.order]).tolist() == texts.tolist()


@pytest.mark.parametrize("n_rows", [0, 1, 5])
def test_rows_of_no_events_keep_their_order(n_rows):
    layout = flat_layout(n_rows)
    assert layout.order.tolist() == layout.events.tolist() == list(range(n_rows))
    assert layout.slices == ([(0, n_rows)] if n_rows else [])
    assert all(previous.tolist() == [-1] * n_rows for previous in layout.previous)
    assert not layout.ranks.any()
    assert not layout.remaining.any()


@pytest.mark.parametrize("counts", [[], [0], [0, 0, 0]])
@pytest.mark.parametrize("by_rank", [True, False])
def test_events_without_objects(counts, by_rank):
    layout = jagged_layout(np.array(counts, np.int64), by_rank=by_rank)
    assert layout.n_rows == 0
    assert layout.slices == []
    assert [len(previous) for previous in layout.previous] == [0, 0]
    assert len(layout.restore(np.empty(0))) == 0


def test_one_order_is_one_slice():
    layout = jagged_layout(np.array([2, 0, 3]), by_rank=False)
    assert layout.slices == [(0, 5)]
    assert layout.order.tolist() == [0, 1, 2, 3, 4]
