"""Which tables an HDF5 file has."""

import h5py
import numpy as np
import pytest

from baler_vae.hdf5.listing import tables_in
from baler_vae.io.files import open_source, tables_of

EVENTS = np.zeros(5, [("run", "i4"), ("event", "i8")])
HITS = np.zeros(9, [("row", "i4"), ("time", "f8")])

FILES = {
    "one compound": ({"jets": EVENTS}, ("",)),
    "equal numbers of rows": ({"jets": EVENTS, "weights": np.zeros(5)}, ("",)),
    "two compounds": ({"events": EVENTS, "hits": HITS}, ("events", "hits")),
    "deeper": ({"a/events": EVENTS, "a/b/hits": HITS}, ("a/b/hits", "a/events")),
    "flat ones only": ({"x": np.zeros(5), "y": np.zeros(7)}, ("",)),
    "a group of flat ones": (
        {"events": EVENTS, "flat/time": np.zeros(9), "flat/tot": np.zeros(9), "hits": HITS},
        ("events", "flat", "hits"),
    ),
    "a flat one alone": ({"events": EVENTS, "edges": np.zeros(9), "hits": HITS}, ("edges", "events", "hits")),
    "a compound and a flat one": ({"events": EVENTS, "edges": np.zeros(9)}, ("",)),
    "what is no table": ({"events": EVENTS, "hits": HITS, "single": 5}, ("",)),
    "wide rows": ({"events": EVENTS, "hits": HITS, "image": np.zeros((2, 300))}, ("",)),
    "an index": ({"events": EVENTS, "_i_events/run/sorted": np.zeros(99)}, ("",)),
}


@pytest.mark.parametrize("name", FILES)
def test_tables_are_found(name, tmp_path):
    contents, names = FILES[name]
    with h5py.File(tmp_path / "in.h5", "w") as file:
        for key, value in contents.items():
            file[key] = value
        file.attrs["campaign"] = "2026"
        assert tables_in(file) == names
    assert tables_of(tmp_path / "in.h5").names == names
    for table in names:
        source = open_source(f"{tmp_path / 'in.h5'}:{table}" if table else tmp_path / "in.h5")
        assert source.schema.order or name == "what is no table"
        assert not source.unsupported


def test_frames_are_tables(tmp_path):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    frame = pd.DataFrame({"x": np.arange(9.0), "kind": pd.Categorical(["a", "b", "c"] * 3)})
    frame.to_hdf(tmp_path / "in.h5", key="deep/a", format="table")
    frame[["x"]][:4].to_hdf(tmp_path / "in.h5", key="b")
    with h5py.File(tmp_path / "in.h5") as file:
        assert tables_in(file) == ("b", "deep/a")


def test_objects_that_are_counted_make_one_table(tmp_path):
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["muons/n"], file["muons/px"], file["run"] = np.ones(5, int), np.zeros(5), EVENTS
        file["more"] = HITS
        file["muons"].attrs["counter"] = "muons/n"
        assert tables_in(file) == ("",)
