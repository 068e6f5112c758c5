"""Ranges of events, and steps by bytes, from every kind of file."""

import numpy as np
import pytest

from baler_vae.io.files import open_source, write_file
from baler_vae.source import source as source_module
from baler_vae.source.source import step_for
from baler_vae.table.schema import TEXT, Column, Group, Origin, Schema
from baler_vae.table.table import Table, concatenate, slice_events

N_EVENTS = 50
RANGES = [(0, 2), (3, 4), (17, 33), (49, 50)]


def jagged():
    rng = np.random.default_rng(3)
    counts = rng.integers(0, 4, N_EVENTS).astype(np.int32)
    events = Group("events", (Column("met", np.dtype("f4")), Column("nJet", np.dtype("i4"))))
    jets = Group("Jet", (Column("Jet_pt", np.dtype("f4")),), "nJet")
    tables = (
        Table(events, {"met": np.arange(N_EVENTS, dtype="f4"), "nJet": counts}),
        Table(jets, {"Jet_pt": np.arange(counts.sum(), dtype="f4")}),
    )
    return Schema((events, jets), ("met", "nJet", "Jet_pt"), Origin("csv")), tables


def flat(**extra):
    group = Group("events", (Column("x", np.dtype("f8")), *(Column(name, TEXT) for name in extra)))
    table = Table(group, {"x": np.arange(N_EVENTS) + 0.5, **extra})
    return Schema((group,), group.names, Origin("csv")), (table,)


def same(one, other):
    return all(a[name].tolist() == b[name].tolist() for a, b in zip(one, other, strict=True) for name in a.group.names)


@pytest.fixture(params=[".root", ".parquet", ".h5", ".npz", ".csv", "array.npz"])
def source(request, tmp_path):
    path = tmp_path / request.param.rjust(12, "f")
    if request.param == "array.npz":
        np.savez(path, data=np.arange(2.0 * N_EVENTS).reshape(N_EVENTS, 2))
    else:
        words = np.array([f"{i}" * (i % 5) + "a" for i in range(N_EVENTS)], TEXT)
        schema, batch = flat(word=words) if request.param == ".csv" else jagged()
        write_file(path, schema, [batch])
    return open_source(path)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_ranges_are_parts_of_the_whole(source, step):
    whole = concatenate(list(source.batches(source.schema, 7)), source.schema)
    found = list(source.batches(source.schema, step, RANGES))
    assert max(batch[0].n_rows for batch in found) <= step
    wanted = [slice_events(whole, start, stop) for start, stop in RANGES]
    assert same(concatenate(found, source.schema), concatenate(wanted, source.schema))
    assert list(source.batches(source.schema, step, [])) == []


def test_parquet_reads_ranges_across_its_row_groups(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": np.arange(50.0)}), tmp_path / "f.parquet", row_group_size=7)
    opened = open_source(tmp_path / "f.parquet")
    found = concatenate(list(opened.batches(opened.schema, 5, RANGES)), opened.schema)
    assert found[0]["x"].tolist() == [x for start, stop in RANGES for x in range(start, stop)]


def test_a_step_takes_so_many_bytes(source, monkeypatch):
    monkeypatch.setattr(source_module, "STEP_BYTES", 200)
    sizes = [batch[0].n_rows for batch in source.read(source.schema)]
    assert sum(sizes) == N_EVENTS
    assert max(sizes) <= 200 / 8


def test_steps_have_limits():
    assert step_for(0) == step_for(1_000) == 65_536
    assert step_for(6_000) == 11_184
    assert step_for(1e9) == 1
