"""Nested columns as awkward arrays, of slices too."""

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.table.nested import Nested

TYPES = {
    "bools": (pa.bool_(), st.none() | st.booleans()),
    "text": (pa.string(), st.none() | st.text(max_size=3)),
    "lists": (pa.list_(pa.int64()), st.none() | st.lists(st.none() | st.integers(0, 9), max_size=3)),
    "pairs": (pa.list_(pa.bool_(), 2), st.none() | st.lists(st.none() | st.booleans(), min_size=2, max_size=2)),
    "records": (
        pa.struct({"a": pa.int64(), "b": pa.bool_()}),
        st.none() | st.fixed_dictionaries({"a": st.none() | st.integers(0, 9), "b": st.none() | st.booleans()}),
    ),
}


@settings(max_examples=100)
@given(st.data(), st.sampled_from(sorted(TYPES)), st.integers(0, 20), st.integers(0, 12), st.integers(0, 12))
def test_a_slice_has_the_values_of_its_rows(data, name, start, n_rows, skipped):
    kind, values = TYPES[name]
    rows = data.draw(st.lists(values, min_size=33, max_size=33))
    nested = Nested(pa.array(rows, kind))[start : start + n_rows][skipped:]
    assert nested.to_awkward().to_list() == rows[start : start + n_rows][skipped:]
