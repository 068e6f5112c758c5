"""Columns whose rows hold arrays."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from baler_vae.errors import UsageError
from baler_vae.table import table as tables
from baler_vae.table.bounds import assign_rules, column_limits, parse_bound, resolve_bound
from baler_vae.table.branches import branches_of
from baler_vae.table.limits import StreamedLimits
from baler_vae.table.padded import MOST_CELLS
from baler_vae.table.schema import MOST_AXES, NESTED, TEXT, Column, FixedArray, Group, Mask, Origin, Schema
from baler_vae.table.table import (
    CELL_BYTES,
    Table,
    bytes_of,
    concatenate,
    counts_of,
    empty_batch,
    row_groups,
    slice_events,
    without_numbers,
)
from tests.strategies import FLOATS, INTEGERS, bit_patterns

F4 = np.dtype(np.float32)
FLAG = np.dtype(np.bool_)


def schema_of(*columns, **more):
    return Schema((Group("events", columns),), tuple(column.name for column in columns), Origin("npz"), **more)


def batch_of(**arrays):
    columns = (Column(name, array.dtype, shape=array.shape[1:]) for name, array in arrays.items())
    schema = schema_of(*columns)
    return schema, (Table(schema.events, arrays),)


def test_a_column_knows_its_shape():
    column = Column("image", F4, shape=(30, 30))
    assert (column.kind, column.dtype_name, column.n_cells) == ("float32[30, 30]", "float32", 900)
    assert column.is_array
    assert column.is_number
    assert column.is_float
    assert not column.is_scalar
    value = Column("x", F4)
    assert (value.kind, value.n_cells, value.is_array, value.is_scalar) == ("float32", 1, False, True)


@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        *((F4, shape) for shape in [(0,), (3, 0), (-1,), (-2, -2), (MOST_CELLS + 1,), (1 << 40, 1 << 40)]),
        (F4, (1,) * (MOST_AXES + 1)),
        (TEXT, (2,)),
        (NESTED, (2,)),
    ],
)
def test_what_no_row_can_hold(dtype, shape):
    with pytest.raises(ValueError, match="cannot have the shape"):
        Column("x", dtype, shape=shape)


def test_only_events_have_arrays_and_nothing_hangs_on_them():
    image, n = Column("image", F4, shape=(3,)), Column("n", np.dtype(np.int32))
    counter = Column("n", np.dtype(np.int32), shape=(3,))
    origin = Origin("npz")
    with pytest.raises(ValueError, match="only events"):
        Schema((Group("events", (n,)), Group("jet", (image,), "n")), ("n", "image"), origin)
    with pytest.raises(ValueError, match="counter"):
        Schema((Group("events", (counter,)), Group("jet", (Column("pt", F4),), "n")), ("n", "pt"), origin)
    elements = (Column("x[0]", F4, shape=(3,)), Column("x[1]", F4, shape=(3,)))
    with pytest.raises(ValueError, match="not numbers"):
        schema_of(*elements, arrays=(FixedArray("x", (2,), ("x[0]", "x[1]")),))
    for missing in (Column("m", FLAG), Column("m", FLAG, shape=(3,))):
        with pytest.raises(ValueError, match="missing"):
            schema_of(missing, image, masks=(Mask("image", "m"),))
    assert schema_of(image).optional(["image"]) == schema_of(image)
    assert schema_of(image).nested(["image"]).columns == (Column("image", NESTED),)
    assert schema_of(image).nested([]) == schema_of(image)


def test_a_table_holds_arrays_of_the_shape_of_their_column():
    schema, batch = batch_of(image=np.zeros((4, 2, 3), "f4"), x=np.arange(4))
    assert batch[0].n_rows == 4
    assert empty_batch(schema)[0]["image"].shape == (0, 2, 3)
    assert slice_events(batch, 1, 3)[0]["image"].shape == (2, 2, 3)
    assert concatenate([batch, batch], schema)[0]["image"].shape == (8, 2, 3)
    (branch, _) = branches_of(schema)
    assert (branch.shape, branch.values(batch).shape) == ((2, 3), (4, 2, 3))
    for wrong in (np.zeros((4, 3, 2), "f4"), np.zeros(4, "f4"), np.zeros((3, 2, 3), "f4"), np.zeros((4, 2, 3))):
        with pytest.raises(ValueError, match=r"shape|lengths|is float64"):
            Table(schema.events, {"image": wrong, "x": np.arange(4)})


@given(st.lists(st.integers(0, 5), max_size=5), st.integers(1, 40), st.integers(1, 9))
def test_row_groups_end_where_cells_fill_them(pieces, most_cells, n_cells):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(sum(pieces), n_cells)).astype("f2")
    schema, batch = batch_of(image=images)
    ends = np.cumsum([0, *pieces])
    batches = [slice_events(batch, a, b) for a, b in itertools.pairwise(ends)]
    found = list(row_groups(batches, schema, most_bytes=CELL_BYTES * most_cells))
    assert np.array_equal(np.concatenate([b[0]["image"] for b in found]) if found else images[:0], images)
    for part in found[:-1]:
        assert (part[0].n_rows - 1) * n_cells < most_cells <= part[0].n_rows * n_cells
    assert bytes_of(batch) == CELL_BYTES * images.size


def test_the_counters_alone_tell_where_row_groups_end():
    n = np.array([2, 0, 1, 1], np.int32)
    groups = (
        Group("events", (Column("n", n.dtype), Column("image", F4, shape=(4,)))),
        Group("jet", (Column("pt", F4),), "n"),
    )
    schema = Schema(groups, ("n", "image", "pt"), Origin("root"))
    batch = (Table(groups[0], {"n": n, "image": np.zeros((4, 4), "f4")}), Table(groups[1], {"pt": np.zeros(4, "f4")}))
    light = without_numbers(schema)
    alone = (Table(light.events, {"n": n}), *(() if len(light.groups) == 1 else (Table(light.groups[1], {}),)))
    most = 2 * (4 + 4 * CELL_BYTES) + 2 * 4  # two events and two jets
    whole = [b[0].n_rows for b in row_groups([batch], schema, most_bytes=most)]
    assert [b[0].n_rows for b in row_groups([alone], light, most_bytes=most, whole=schema)] == whole == [2, 2]
    assert counts_of(batch, groups[1]).tolist() == n.tolist()


@given(
    st.tuples(st.sampled_from([*FLOATS, *INTEGERS[1:]]), st.integers(0, 4)).flatmap(
        lambda drawn: npst.arrays(drawn[0], (drawn[1], 3), elements=bit_patterns(drawn[0]))
    )
)
def test_limits_are_those_of_all_cells(cells):
    streamed = StreamedLimits(cells.dtype)
    for row in range(len(cells)):
        streamed.add(cells[row : row + 1])
    whole, flat = column_limits(cells), column_limits(cells.reshape(-1))
    assert str(whole) == str(flat)
    found = streamed.limits
    # Of 0.0 and -0.0 either may be the smallest.
    assert str((found.minimum + 0, found.maximum + 0, found.whole)) == str(
        (flat.minimum + 0, flat.maximum + 0, flat.whole)
    )


def test_bounds_of_arrays():
    image, flags, x = Column("image", F4, shape=(3,)), Column("flags", FLAG, shape=(3,)), Column("x", F4)
    schema = schema_of(image, flags, x)
    rules = assign_rules(schema, [parse_bound("range:0.1"), parse_bound("x=free")])
    assert rules["flags"] is None
    cells = np.array([[0, 1, 2], [3, 4, 10]], "f4")
    assert resolve_bound(rules["image"], image, column_limits(cells)).text == "abs:1"
    assert resolve_bound(None, image, column_limits(cells)).text == "exact"  # whole numbers
    assert resolve_bound(None, image, column_limits(cells + np.float32(0.5))).text.startswith("bits:12,floor:")
    for text in ("free", "image=free", "im*=free"):
        assert assign_rules(schema, [parse_bound(text)])["image"].kind == "free"
    assert assign_rules(schema, [parse_bound("free"), parse_bound("image=exact")])["image"].kind == "exact"
    with pytest.raises(UsageError, match=r"only float columns can be free.*cells float32"):
        assign_rules(schema, [parse_bound("flags=free")])


def test_a_cell_counts_the_same_whatever_its_dtype():
    columns = [Column("image", FLAG, shape=(5, 5)), Column("x", F4), Column("t", TEXT)]
    assert tables.row_bytes(columns) == 25 * CELL_BYTES + 4
