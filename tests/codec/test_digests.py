"""A digest tells any two batches apart, and is the same wherever they were read."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.codec.digests import Watch, digest_of, digest_of_source
from baler_vae.memory.opening import open_data
from baler_vae.source.source import Source
from baler_vae.table.nested import Nested
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table
from tests.padded import padded_jets

CELLS = st.lists(
    st.tuples(
        st.floats(width=32),
        st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(max_size=3),
        st.none() | st.lists(st.none() | st.integers(0, 9), max_size=2),
    ),
    max_size=4,
)


def table_of(rows):
    f, i, text, lists = zip(*rows, strict=True) if rows else ((), (), (), ())
    arrays = {
        "f": np.array(f, np.float32),
        "i": np.array(i, np.int64),
        "text": np.array([*text, None], object)[:-1],
        "lists": Nested(pa.array(lists, pa.list_(pa.int64()))),
    }
    return Table(Group("events", tuple(Column(name, values.dtype) for name, values in arrays.items())), arrays)


def comparable(rows):
    """Rows as they are told apart: floats by their bits."""
    return [(np.float32(f).tobytes(), *rest) for f, *rest in rows]


@given(CELLS, CELLS)
def test_digests_are_equal_where_all_values_are(first, second):
    same = comparable(first) == comparable(second)
    assert (digest_of((table_of(first),)) == digest_of((table_of(second),))) == same
    assert digest_of((table_of(first),)) == digest_of((table_of(list(first)),))


def test_the_bytes_of_an_array_count_not_where_they_lie():
    rows = [(float(n), n, str(n), [n]) for n in range(10)]
    table = table_of(rows)
    spread = Table(
        table.group,
        {name: np.repeat(values, 2)[::2] if name in "fi" else values for name, values in table.arrays.items()},
    )
    assert not spread["f"].flags.contiguous
    assert digest_of((spread,)) == digest_of((table,))


def test_a_watch_sees_the_first_whole_pass():
    rows = [(float(n), n, str(n), [n]) for n in range(10)]
    table = table_of(rows)
    schema = Schema((table.group,), table.group.names, Origin("npz"))

    def batches(_selection, _step, ranges=None, /):
        for start, stop in [(0, 5), (5, 10)] if ranges is None else ranges:
            yield (table.rows(start, stop),)

    source = Source("in.npz", schema, 10, batches)
    watch = Watch(source)
    watched = watch.watched()
    assert [batch[0].n_rows for batch in watched.read(schema, [(2, 4)])] == [2]
    assert not watch.digest
    assert [batch[0].n_rows for batch in watched.read(schema)] == [5, 5]
    assert watch.digest == digest_of_source(source, schema)
    before = watch.digest
    assert [batch[0].n_rows for batch in watched.read(schema)] == [5, 5]
    assert watch.digest == before


def test_padded_arrays_are_the_same_as_they_were_watched():
    source = open_data({"x": np.arange(60), "jets": padded_jets(60, 9, 2)})
    assert source.schema.padded
    watch = Watch(source)
    for _ in watch.watched().read(source.schema):
        pass
    assert watch.digest
    assert digest_of_source(source, source.schema) == watch.digest
