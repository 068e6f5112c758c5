"""Any table: counts, names, dtypes and exact columns come back, free columns are finite, and bytes repeat."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.io.files import open_source, write_file
from baler_vae.table.table import concatenate
from tests.strategies import finite_values, tables

SUFFIXES = st.sampled_from([".npz", ".h5", ".parquet"])
NAMES = st.text("ab_ é[*{", min_size=1, max_size=4).filter(str.strip).map(lambda name: f"e{name}")
TABLES = tables(
    ("?", "i1", "u2", "i4", "u8", "f2", "f4", "f8"), names=NAMES, values=finite_values, most_events=30, few=5
)


def read(path):
    source = open_source(path)
    return source.schema, concatenate(list(source.batches(source.schema, 7)), source.schema)


LAW = given(TABLES, SUFFIXES, SUFFIXES, st.sampled_from(["ae", "vae"]), st.sampled_from(["free", "exact", "e*=exact"]))


@settings(max_examples=8)
@LAW
def test_any_table_comes_back(table, source, target, kind, bound):
    comes_back(table, source, target, kind, bound)


@pytest.mark.full
@settings(max_examples=60)
@LAW
def test_very_many_tables_come_back(table, source, target, kind, bound):
    comes_back(table, source, target, kind, bound)


def comes_back(table, source, target, kind, bound):
    schema, batch = table
    model = {"kind": kind, "hidden": (4,), "epochs": 1}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_file(folder / f"in{source}", schema, [batch])
        before_schema, before = read(folder / f"in{source}")
        for archive in ("a.bvae", "b.bvae"):
            info = baler_vae.compress(folder / f"in{source}", folder / archive, bound=bound, **model)
        assert (folder / "a.bvae").read_bytes() == (folder / "b.bvae").read_bytes()
        baler_vae.decompress(folder / "a.bvae", folder / f"out{target}")
        after_schema, after = read(folder / f"out{target}")
    assert after_schema.order == before_schema.order
    assert [c.dtype for c in after_schema.columns] == [c.dtype for c in before_schema.columns]
    assert info.n_rows == {table.group.name: table.n_rows for table in before}
    kept = {column.name: column.bound for column in info.columns}
    for one, other in zip(before, after, strict=True):
        for name in one.group.names:
            if kept[name] == "exact":
                assert one[name].tobytes() == other[name].tobytes(), name
            else:
                assert np.isfinite(other[name]).all(), name
                assert other[name].shape == one[name].shape
