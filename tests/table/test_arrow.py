"""Nested columns: their bytes, and when two of them are the same."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.table.nested import Nested

OTHER_NAN = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)[0]
ARRAYS = [
    pa.array([[1.0, None], None, []]),
    pa.array([{"a": 1.0, "b": None}, None]),
    pa.array([[("k", 1.0)], None, []], pa.map_(pa.string(), pa.float64())),
    pa.array([[1, 2], None], pa.list_(pa.int8(), 2)),
    pa.array([["é", ""], None, []]),
    pa.array([True, None, False]),
    pa.array(["a", "b", None]).dictionary_encode(),
    pa.array([1, 2], pa.decimal128(10, 2)),
    pa.array([b"x", None]),
    pa.array([[None, None], []]),
    pa.array([{}], pa.struct([])),
    pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]),
    pa.nulls(3),
]


@pytest.mark.parametrize("values", ARRAYS, ids=lambda values: str(values.type))
def test_nested_values_come_back(values):
    for rows in (values, values[1:], values[:0]):
        back = Nested.from_bytes(Nested(rows).to_bytes(), len(rows))
        assert back.values.equals(rows)
        assert back.same_as(Nested(rows))
        assert back.to_bytes() == Nested(rows).to_bytes()


@pytest.mark.parametrize("values", ARRAYS[:-3], ids=lambda values: str(values.type))
def test_other_values_are_not_the_same(values):
    assert not Nested(values[:1]).same_as(Nested(values[1:2]))
    assert not Nested(values).same_as(Nested(values[1:]))


def test_floats_are_the_same_to_the_bit():
    def same(one, other):
        return Nested(pa.array(one, pa.list_(pa.float64()))).same_as(Nested(pa.array(other, pa.list_(pa.float64()))))

    assert same([[np.nan]], [[np.nan]])
    assert not same([[np.nan]], [[OTHER_NAN]])
    assert not same([[0.0]], [[-0.0]])
    assert not same([None], [[]])
    assert not same([[None]], [[0.0]])
    assert not same([[1.0], []], [[], [1.0]])


def test_what_lies_under_nulls_does_not_count(tmp_path):
    """Readers of Parquet leave there what they will; a file of such columns was once said to break its bounds."""
    rows = {"flag": [True, None, True], "id": [7, None, 9], "lists": [["a", None], None, []]}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    baler_vae.compress(tmp_path / "in.parquet", tmp_path / "a.bvae", kind="independent")
    assert not baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "in.parquet").broken
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pydict() == rows


def test_what_awkward_cannot_hold_is_a_usage_error():
    with pytest.raises(UsageError, match=r'decimal128.*library="pd"'):
        Nested(ARRAYS[7]).to_awkward()
