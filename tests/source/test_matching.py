"""A source as the schema of a codec or an archive describes it."""

from dataclasses import replace

import numpy as np
import pytest

from baler_vae.errors import UsageError
from baler_vae.source.matching import conversion, described_as, has_columns, match_schema, other_shapes
from baler_vae.table.schema import MOST_COLUMNS, Column, FixedArray, Group, Mask, Origin, Schema, element_names
from baler_vae.table.table import Table

F4 = np.dtype(np.float32)
SHAPE = (8, 9)
NAMES = element_names("image", SHAPE)


def schema_of(*columns, **more):
    return Schema((Group("events", columns),), tuple(column.name for column in columns), Origin("npz"), **more)


WHOLE = schema_of(Column("x", F4), Column("image", F4, "title", "type", shape=SHAPE), Column("y", F4))
SPLIT = schema_of(
    Column("x", F4),
    *(Column(name, F4) for name in NAMES),
    Column("y", F4),
    arrays=(FixedArray("image", SHAPE, NAMES, "title", "type"),),
)


def match(source, wanted):
    return match_schema(source, wanted, path="a.npz", owner="the codec", way_out="Fit anew")


def test_elements_of_an_array_are_columns_where_they_are_wanted():
    assert described_as(WHOLE, SPLIT) == SPLIT
    assert described_as(WHOLE, WHOLE) == WHOLE
    assert described_as(SPLIT, WHOLE) == SPLIT
    assert match(WHOLE, SPLIT) == SPLIT
    assert has_columns(WHOLE, SPLIT)
    assert not has_columns(SPLIT, WHOLE)


def test_an_array_is_not_split_into_names_that_are_taken():
    taken = schema_of(*WHOLE.columns, Column("image[0][0]", F4))
    wanted = schema_of(Column("image[0][1]", F4))
    assert taken.split(["image"]) == taken
    with pytest.raises(UsageError, match="a column that this file lacks"):
        match(taken, wanted)
    both = schema_of(Column("image", F4, shape=SHAPE), Column("image[0][0]", F4))
    assert match(both, both) == both


def test_arrays_of_very_many_cells_are_not_split():
    large = schema_of(Column("image", F4, shape=(MOST_COLUMNS + 1,)))
    assert large.split(["image"]) == large


def test_batches_of_elements():
    image = np.arange(3.0 * 72).reshape(3, *SHAPE).astype(F4)
    arrays = {"x": np.arange(3).astype(F4), "image": image, "y": np.ones(3, F4)}
    made = conversion(WHOLE, match(WHOLE, SPLIT))
    assert made is not None
    assert made.own == WHOLE
    (table,) = made.batch((Table(WHOLE.events, arrays),))
    assert table.group == SPLIT.events
    for name, place in zip(NAMES, np.ndindex(*SHAPE), strict=True):
        assert np.array_equal(table[name], image[(slice(None), *place)])
        assert table[name].flags.c_contiguous
    assert conversion(WHOLE, WHOLE) is None
    assert conversion(SPLIT, SPLIT) is None


def test_some_elements_alone():
    wanted = schema_of(Column("image[7][8]", F4), Column("y", F4), Column("image[0][1]", F4))
    made = conversion(WHOLE, match(WHOLE, wanted))
    assert made.own.order == ("image", "y")
    assert made.own.arrays == ()
    image = np.arange(72.0).reshape(1, *SHAPE).astype(F4)
    (table,) = made.batch((Table(made.own.events, {"image": image, "y": np.ones(1, F4)}),))
    assert {name: table[name].tolist() for name in wanted.order} == {
        "image[7][8]": [71],
        "y": [1],
        "image[0][1]": [1],
    }


def test_masks_and_elements_at_once():
    x = Column("x[missing]", np.dtype(np.bool_))
    wanted = Schema(
        (Group("events", (x, *SPLIT.columns)),),
        (x.name, *SPLIT.order),
        Origin("npz"),
        SPLIT.arrays,
        (Mask("x", x.name),),
    )
    made = conversion(WHOLE, match(WHOLE, wanted))
    arrays = {"x": np.ones(2, F4), "image": np.zeros((2, *SHAPE), F4), "y": np.ones(2, F4)}
    (table,) = made.batch((Table(made.own.events, arrays),))
    assert table["x[missing]"].tolist() == [False, False]
    assert tuple(table.arrays) == wanted.order


@pytest.mark.parametrize("own", [WHOLE, SPLIT])
def test_other_shapes_are_told(own):
    small = element_names("image", (9, 8))
    for other in (
        schema_of(Column("image", F4, shape=(9, 8))),
        schema_of(*(Column(name, F4) for name in small), arrays=(FixedArray("image", (9, 8), small),)),
    ):
        assert other_shapes(own, other) == [("image", "float32[8, 9]", "float32[9, 8]")]
        with pytest.raises(UsageError, match="the codec has a different shape") as caught:
            match(own, other)
        assert (caught.value.found, caught.value.expected) == ("float32[8, 9]", "float32[9, 8]")
    assert other_shapes(own, WHOLE) == []
    assert other_shapes(own, SPLIT) == []


def test_other_dtypes_are_told():
    wanted = schema_of(*(replace(c, dtype=np.dtype("f8")) if c.name == "image" else c for c in WHOLE.columns))
    with pytest.raises(UsageError, match="the codec has a different dtype") as caught:
        match(WHOLE, wanted)
    assert (caught.value.found, caught.value.expected) == ("float32[8, 9]", "float64[8, 9]")
