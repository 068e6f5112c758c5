"""Any table: counts, names, dtypes and exact columns come back, free columns are finite, and bytes repeat."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table, concatenate

DTYPES = [np.dtype(name) for name in ("?", "i1", "u2", "i4", "u8", "f2", "f4", "f8")]
SUFFIXES = st.sampled_from([".npz", ".h5", ".parquet"])
NAMES = st.text("ab_ é[*{", min_size=1, max_size=4).filter(str.strip)


@st.composite
def columns(draw, n_rows, names):
    """Arrays of any dtypes under any names; floats are finite, as `free` demands, and reach far."""
    arrays = {}
    for name in names:
        dtype = draw(st.sampled_from(DTYPES))
        if dtype.kind == "f":
            limit = min(float(np.finfo(dtype).max), 1e100)
            values = draw(st.lists(st.floats(-limit, limit, width=8 * dtype.itemsize), min_size=1, max_size=5))
        else:
            limits = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
            values = draw(st.lists(st.integers(*map(int, limits)), min_size=1, max_size=5))
        arrays[name] = np.resize(np.array(values, dtype), n_rows)
    return arrays


@st.composite
def tables(draw):
    """A schema of events and perhaps a collection, and one batch of it."""
    n_events = draw(st.integers(0, 30))
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.casefold))
    events = draw(columns(n_events, [f"e{name}" for name in names]))
    groups = {"events": (None, events)}
    if draw(st.booleans()):
        counts = np.resize(np.array(draw(st.lists(st.integers(0, 3), min_size=1, max_size=6)), np.int32), n_events)
        objects = draw(columns(int(counts.sum()), [f"jet_{i}" for i in range(draw(st.integers(1, 3)))]))
        groups = {"events": (None, {**events, "njet": counts}), "jet": ("njet", objects)}
    described = tuple(
        Group(name, tuple(Column(key, array.dtype) for key, array in arrays.items()), counter)
        for name, (counter, arrays) in groups.items()
    )
    schema = Schema(described, tuple(name for group in described for name in group.names), Origin("parquet"))
    return schema, tuple(Table(group, groups[group.name][1]) for group in described)


def read(path):
    source = open_source(path)
    return source.schema, concatenate(list(source.batches(source.schema, 7)), source.schema)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(tables(), SUFFIXES, SUFFIXES, st.sampled_from(["ae", "vae"]), st.sampled_from(["free", "exact", "e*=exact"]))
def test_any_table_comes_back(table, source, target, kind, bound):
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
