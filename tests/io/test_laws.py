"""What is written comes back: names, dtypes, groups and bits, however the batches are cut."""

from collections.abc import Iterator
from dataclasses import replace

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table, concatenate, slice_events

NUMBERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
FLAT_NAMES = ["x", "event", "file", "names", "a b", "π", "p-t", "E.T", "_h_", "data", "allow_pickle"]
MEMBERS = ["pt", "eta", "nConstituents", "ID"]
STEPS = st.sampled_from([1, 2, 3, 7, 1000])
LAWS = settings(max_examples=40, deadline=None)


@st.composite
def values(draw: st.DrawFn, dtype: np.dtype, n_rows: int) -> np.ndarray:
    """Any bits at all: NaN with every payload, infinities, -0.0, the largest integers."""
    if dtype == TEXT:
        letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
        words = draw(st.lists(st.text(letters, max_size=5), min_size=n_rows, max_size=n_rows))
        return np.array(words, TEXT)
    if dtype == np.bool_:
        return draw(hnp.arrays(dtype, n_rows))
    return draw(hnp.arrays(f"u{dtype.itemsize}", n_rows)).view(dtype)


@st.composite
def tables(draw: st.DrawFn, kinds: list[str], *, jagged: bool) -> tuple[Schema, Batch]:
    n_events = draw(st.integers(0, 12))
    dtypes = st.sampled_from([np.dtype(kind) for kind in kinds])

    def group(name: str, names: list[str], n_rows: int, counter: str | None) -> Table:
        columns = tuple(Column(key, draw(dtypes)) for key in names)
        if counter is not None:
            columns = tuple(c if c.dtype != TEXT else replace(c, dtype=np.dtype("f4")) for c in columns)
        arrays = {c.name: draw(values(c.dtype, n_rows)) for c in columns}
        return Table(Group(name, columns, counter), arrays)

    flat = group(
        "events", draw(st.lists(st.sampled_from(FLAT_NAMES), unique=True, min_size=1, max_size=4)), n_events, None
    )
    built = [flat]
    for name in draw(st.lists(st.sampled_from(["Jet", "Mu"]), unique=True, max_size=2)) if jagged else []:
        counts = draw(hnp.arrays(np.int32, n_events, elements=st.integers(0, 3)))
        counter = Column(f"n{name}", counts.dtype)
        events = Group("events", (*built[0].group.columns, counter))
        built[0] = Table(events, {**built[0].arrays, counter.name: counts})
        names = draw(st.lists(st.sampled_from(MEMBERS), unique=True, min_size=1, max_size=3))
        built.append(group(name, [f"{name}_{key}" for key in names], int(counts.sum()), counter.name))
    order = [name for one in built for name in one.group.names]
    schema = Schema(tuple(one.group for one in built), tuple(order), Origin("csv"))
    return schema, tuple(built)


def cut(batch: Batch, step: int) -> Iterator[Batch]:
    for start in range(0, batch[0].n_rows, step):
        yield slice_events(batch, start, min(start + step, batch[0].n_rows))


def bits(array: np.ndarray) -> object:
    return array.tolist() if array.dtype == TEXT else array.tobytes()


def same_values(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether values are equal, -0.0 told from 0.0, one NaN as good as another."""
    if one.dtype.kind != "f":
        return np.array_equal(one, other)
    nan = np.isnan(one) & np.isnan(other)
    return bool((nan | (one == other) & (np.signbit(one) == np.signbit(other))).all())


@pytest.mark.parametrize(
    ("suffix", "kinds"),
    [
        (".root", [kind for kind in NUMBERS if kind != "f2"] + ["O"]),
        (".parquet", [*NUMBERS, "O"]),
        (".h5", [*NUMBERS, "O"]),
        (".npz", [*NUMBERS, "O"]),
    ],
)
def test_columns_come_back_with_their_dtypes_groups_and_bits(tmp_path_factory, suffix, kinds):
    path = tmp_path_factory.mktemp("law") / f"table{suffix}"

    @LAWS
    @given(tables(kinds, jagged=True), STEPS, STEPS)
    def law(table: tuple[Schema, Batch], write_step: int, read_step: int) -> None:
        schema, batch = table
        write_file(path, schema, cut(batch, write_step), force=True)
        source = open_source(path)
        found = source.select()
        assert source.n_events == batch[0].n_rows
        assert sorted(found.order) == sorted(schema.order)
        back = concatenate(list(source.batches(found, read_step)), found)
        for group, restored in zip(schema.groups, back, strict=True):
            assert restored.group.name == group.name
            assert restored.group.counter == group.counter
            for column in group.columns:
                assert restored.group.column(column.name).dtype == column.dtype
                assert bits(restored[column.name]) == bits(batch[schema.groups.index(group)][column.name])

    law()


def test_csv_gives_the_same_values_in_dtypes_that_are_wide_enough(tmp_path_factory):
    path = tmp_path_factory.mktemp("law") / "table.csv"

    @LAWS
    @given(tables(NUMBERS, jagged=False), STEPS, STEPS)
    def law(table: tuple[Schema, Batch], write_step: int, read_step: int) -> None:
        schema, batch = table
        write_file(path, schema, cut(batch, write_step), force=True)
        source = open_source(path)
        assert source.schema.order == schema.order
        assert source.n_events == batch[0].n_rows
        back = concatenate(list(source.batches(source.schema, read_step)), source.schema)[0]
        kinds = {"f": "f", "i": "i", "u": "iu", "b": "b"}
        for column in schema.columns if source.n_events else ():
            assert back[column.name].dtype.kind in kinds[column.dtype.kind]
            assert same_values(back[column.name].astype(column.dtype), batch[0][column.name])

    law()


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_text_and_missing_text_come_back(tmp_path_factory, suffix, values):
    path = tmp_path_factory.getbasetemp() / f"text{suffix}"
    column = Column("word", TEXT)
    group = Group("events", (column,))
    array = np.array(["a word", *values], TEXT)
    write_file(path, Schema((group,), ("word",), Origin("csv")), [(Table(group, {"word": array}),)], force=True)
    source = open_source(path)
    back = concatenate(list(source.batches(source.select(), 3)), source.schema)[0]
    assert back["word"].tolist() == array.tolist()
