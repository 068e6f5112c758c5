"""What is written comes back: names, dtypes, groups and bits, however the batches are cut."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table, concatenate, slice_events
from tests.strategies import tables

NUMBERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
NAMES = st.sampled_from(["x", "event", "file", "names", "a b", "π", "p-t", "E.T", "_h_", "data", "allow_pickle"])
STEPS = st.sampled_from([1, 2, 3, 7, 1000])
LAWS = settings(max_examples=40, deadline=None)


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
    @given(tables(kinds, names=NAMES), STEPS, STEPS)
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
    @given(tables(NUMBERS, names=NAMES, jagged=False), STEPS, STEPS)
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
