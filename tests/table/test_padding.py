"""Padded arrays to collections and back: every bit comes back, whatever the arrays hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.errors import CorruptArchive
from baler_vae.table.branches import branches_of
from baler_vae.table.padded import PaddedArray, PaddedCollection, feature_names
from baler_vae.table.padding import (
    as_collections,
    collected,
    padded_values,
    spread,
    spread_batches,
    widened,
    without_collections,
)
from baler_vae.table.schema import Column, Group, Origin, Schema, array_of, match_columns
from baler_vae.table.table import Table, row_groups, slice_events
from tests.padded import padded_tables

F4 = np.dtype(np.float32)


def jets(padding=(0, 0)):
    """Jets of two features in three slots, with a weight behind them, and the collection that they are."""
    array = PaddedArray("jets", (3, 2), F4, feature_names("jets", (3, 2)), padding)
    columns = (Column("jets", F4, shape=(3, 2)), Column("weight", F4))
    schema = Schema((Group("events", columns),), ("jets", "weight"), Origin("npz"))
    return schema, (PaddedCollection("jets", "njets", (array,)),)


def same(one, other):
    assert [table.group for table in one] == [table.group for table in other]
    for first, second in zip(one, other, strict=True):
        for name in first.group.names:
            assert first[name].dtype == second[name].dtype
            assert first[name].tobytes() == second[name].tobytes()


@settings(max_examples=80)
@given(padded_tables())
def test_every_bit_comes_back(table):
    schema, batch, padded = table
    made = as_collections(schema, padded)
    assert without_collections(made) == without_collections(made, whole=True)
    assert replace(without_collections(made), arrays=()) == replace(schema, arrays=())
    assert set(without_collections(made).arrays) == set(schema.arrays)
    same(spread(collected(batch, made), made), batch)


@settings(max_examples=40)
@given(padded_tables(), st.data())
def test_some_columns_are_those_of_all(table, data):
    """A selection of features is read off whole arrays, and only whole arrays become arrays again."""
    schema, batch, padded = table
    made = as_collections(schema, padded)
    own = made.only(data.draw(st.sets(st.sampled_from(made.order), min_size=1)))
    found, whole = collected(batch, own), collected(batch, made)
    tables = {table.group.name: table for table in whole}
    same(found, tuple(Table(g, {name: tables[g.name][name] for name in g.names}) for g in own.groups))
    back = {name: values for table in spread(found, own) for name, values in table.arrays.items()}
    for collection in padded:
        for array in collection.arrays:
            is_whole = set(array.features) <= set(own.order)
            columns = [column.name for column in schema.columns if array.name in {column.name, array_of(column.name)}]
            assert all((name in back) == is_whole for name in columns)


def test_objects_end_with_the_last_slot_that_is_not_padding():
    schema, padded = jets()
    made = as_collections(schema, padded)
    assert made.order == ("njets", "jets[:,0]", "jets[:,1]", "weight")
    values = np.zeros((4, 3, 2), np.float32)
    values[1, 2, 1] = 5  # in the last slot; those before look like padding
    values[2, 0] = 1, 2
    values[3, 1, 0] = -0.0  # another bit pattern than zero has
    events, objects = collected((Table(schema.events, {"jets": values, "weight": np.ones(4, np.float32)}),), made)
    assert events["njets"].tolist() == [0, 3, 1, 2]
    assert objects["jets[:,1]"].tolist() == [0, 0, 5, 2, 0, 0]
    assert np.signbit(objects["jets[:,0]"]).tolist() == [False, False, False, False, False, True]


def test_padding_may_be_any_nan():
    quiet, own = 0x7FC00000, 0x7FC00123
    schema, padded = jets((own, 0))
    made = as_collections(schema, padded)
    bits = np.zeros((2, 3, 2), np.uint32)
    bits[:, :, 0] = own
    bits[1, 1, 0] = quiet
    values = bits.view(np.float32)
    events, objects = collected((Table(schema.events, {"jets": values, "weight": np.ones(2, np.float32)}),), made)
    assert events["njets"].tolist() == [0, 2]
    assert objects["jets[:,0]"].view(np.uint32).tolist() == [own, quiet]


def test_columns_are_called_by_the_array():
    schema, padded = jets()
    order = as_collections(schema, padded).order
    assert match_columns("jets", order) == ["jets[:,0]", "jets[:,1]"]
    assert match_columns("jets[:,1]", order) == ["jets[:,1]"]
    assert match_columns("jet*", order) == ["jets[:,0]", "jets[:,1]"]
    assert feature_names("image", (9, 2, 2))[2] == "image[:,1,0]"
    assert array_of("image[:,1,0]") == "image"
    assert feature_names("pt", (30,)) == ("pt",)


def test_branches_are_the_arrays_where_all_features_are_there():
    schema, padded = jets()
    made = as_collections(schema, padded)
    assert [(own.name, own.shape, own.is_jagged) for own in branches_of(made)] == [
        ("jets", (3, 2), False),
        ("weight", (), False),
    ]
    part = made.only({"jets[:,1]"})
    assert [(own.name, own.is_jagged) for own in branches_of(part)] == [("njets", False), ("jets[:,1]", True)]
    assert [own.name for own in branches_of(made.only({"njets"}))] == ["njets"]


def test_more_objects_than_slots_are_refused():
    array = PaddedArray("jets", (3,), F4, ("jets",), (0,))
    for counts in ([1, 4], [-1, 2]):
        with pytest.raises(CorruptArchive, match="more objects than slots"):
            padded_values(array, np.array(counts), {"jets": np.ones(5, np.float32)})


def test_large_batches_come_in_pieces(monkeypatch):
    monkeypatch.setattr("baler_vae.table.padding._STEP_CELLS", 18)
    schema, padded = jets()
    made = as_collections(schema, padded)
    values = np.arange(60, dtype=np.float32).reshape(10, 3, 2) * (np.arange(10) % 3 > 0)[:, None, None]
    batch = (Table(schema.events, {"jets": values, "weight": np.ones(10, np.float32)}),)
    pieces = list(spread_batches([collected(batch, made)], made))
    assert [piece[0].n_rows for piece in pieces] == [3, 3, 3, 1]
    assert np.concatenate([piece[0]["jets"] for piece in pieces]).tobytes() == values.tobytes()


def test_row_groups_count_the_padding():
    """A reader makes it again, and must be able to."""
    schema, padded = jets()
    made = as_collections(schema, padded)
    batch = (Table(schema.events, {"jets": np.zeros((10, 3, 2), np.float32), "weight": np.ones(10, np.float32)}),)
    cut = row_groups([collected(batch, made)], made, most_bytes=200)
    assert [own[0].n_rows for own in cut] == [4, 4, 2]


def test_rows_may_be_given_more_objects():
    schema, padded = jets((7, 0))
    made = as_collections(schema, padded)
    values = np.zeros((3, 3, 2), np.float32)
    values[:, :, 0] = np.array(7, np.uint32).view(np.float32)
    values[1, :2] = 1, 2
    whole = collected((Table(schema.events, {"jets": values, "weight": np.ones(3, np.float32)}),), made)
    wide = widened(whole, made, {"njets": np.array([1, 1, 3], np.int32)})
    assert wide[0]["njets"].tolist() == [1, 2, 3]
    assert wide[1]["jets[:,0]"].view(np.uint32).tolist() == [7, 0x3F800000, 0x3F800000, 7, 7, 7]
    same(spread(wide, made), spread(whole, made))
    assert widened(whole, made, {}) is not None
    same(slice_events(wide, 1, 2), slice_events(whole, 1, 2))


@pytest.mark.parametrize(
    "own",
    [
        {"shape": (3, 3)},
        {"shape": ()},
        {"shape": (0, 2)},
        {"shape": (1 << 24, 2)},
        {"padding": (0,)},
        {"padding": (0, 1 << 32)},
        {"padding": (0, -1)},
        {"dtype": np.dtype(object)},
        {"dtype": np.dtype(bool), "padding": (0, 2)},
        {"shape": (1 << 16, 2), "is_column": False},
    ],
)
def test_arrays_that_cannot_be_are_refused(own):
    _, (collection,) = jets()
    with pytest.raises(ValueError, match="array"):
        replace(collection.arrays[0], **own)


def test_collections_that_cannot_be_are_refused():
    schema, (collection,) = jets()
    array = collection.arrays[0]
    other = PaddedArray("pt", (4,), F4, ("pt",), (0,))
    with pytest.raises(ValueError, match="as many slots"):
        replace(collection, arrays=(array, other))
    with pytest.raises(ValueError, match="one name"):
        replace(collection, arrays=(array, array))
    with pytest.raises(ValueError, match="no array"):
        as_collections(schema, [replace(collection, arrays=(replace(array, dtype=np.dtype(np.float64)),))])
    made = as_collections(schema, [collection])
    for broken in (
        {"padded": (replace(collection, counter="weight"),)},
        {"padded": (replace(collection, name="other"),)},
        {"padded": (collection, collection)},
        {"padded": (replace(collection, arrays=(replace(array, features=("jets[:,0]", "other")),)),)},
        {"padded": (replace(collection, arrays=(replace(array, dtype=np.dtype(np.int32)),)),)},
    ):
        with pytest.raises(ValueError, match=r"collection|columns|counter"):
            replace(made, **broken)
