"""Files of the libraries of the field: each reads what comes back, and finds it equal."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import baler_vae
from baler_vae.errors import SourceError
from baler_vae.io.files import open_source
from tests.hdf5.hdf5_files import restore, tree

pd = pytest.importorskip("pandas")
tables = pytest.importorskip("tables")

N = 60
RANDOM = np.random.default_rng(4)
FRAME = pd.DataFrame(
    {
        "pt": RANDOM.random(N),
        "e": RANDOM.random(N).astype("f4"),
        "run": np.arange(N),
        "ok": np.arange(N) % 2 == 0,
        "name": [f"é{number}" for number in range(N)],
        "time": pd.date_range("2020", periods=N),
        "kind": pd.Categorical(["x", "y"] * (N // 2)),
    }
)
NUMBERS = FRAME[["pt", "e", "run", "ok"]]
FEATURES = pd.DataFrame(RANDOM.random((N, 14)), columns=[f"feature{number}" for number in range(14)])

FRAMES: dict[str, Callable[[Path], Any]] = {
    "fixed": lambda path: NUMBERS.to_hdf(path, key="df"),
    "fixed with text": lambda path: FRAME[["pt", "name"]].to_hdf(path, key="df"),
    "fixed by time": lambda path: NUMBERS.set_index(FRAME.time).to_hdf(path, key="df"),
    "fixed by two": lambda path: NUMBERS.set_index([FRAME.name, FRAME.run * 2]).to_hdf(path, key="df"),
    "as many rows as columns": lambda path: FEATURES[:14].to_hdf(path, key="df"),
    "a series": lambda path: FRAME.pt.to_hdf(path, key="s"),
    "a table": lambda path: FRAME.to_hdf(path, key="deep/df", format="table", index=False, complevel=5),
    "an index": lambda path: NUMBERS.to_hdf(path, key="df", format="table", data_columns=["run"]),
    "two": lambda path: (
        NUMBERS.to_hdf(path, key="a"),
        NUMBERS[:9].to_hdf(path, key="b", format="table", index=False),
    ),
    "features": lambda path: FEATURES.to_hdf(path, key="df"),
    "wide": lambda path: pd.DataFrame(RANDOM.random((N, 300))).to_hdf(path, key="df"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_pandas_reads_its_frames(name, tmp_path):
    path, back = tmp_path / "in.h5", tmp_path / "out.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns of the speed of objects
        FRAMES[name](path)
    source = open_source(path)
    assert not source.unsupported
    restore(source, back, step=25)
    assert tree(back) == tree(path)
    with pd.HDFStore(path, "r") as store:
        keys = store.keys()
    for key in keys:
        frame, restored = pd.read_hdf(path, key), pd.read_hdf(back, key)
        compare = pd.testing.assert_series_equal if frame.ndim == 1 else pd.testing.assert_frame_equal
        compare(frame, restored)
    if name == "an index":
        assert pd.read_hdf(back, "df", where="run < 7 & run > 3")["run"].tolist() == [4, 5, 6]


def test_columns_of_a_frame_are_no_cells(tmp_path):
    path = tmp_path / "in.h5"
    pd.DataFrame(RANDOM.random((N, 100))).to_hdf(path, key="df")
    schema = open_source(path).schema
    assert len(schema.order) == 100 + 1
    assert [array.shape for array in schema.arrays] == [(100,)]


def test_labels_of_columns_are_no_events(tmp_path):
    """A matrix with the names of its columns beside it: rows are what is long, however many labels there are."""
    path = tmp_path / "in.h5"
    FEATURES.to_hdf(path, key="df")
    source = open_source(path)
    assert source.n_events == N
    assert len(source.schema.order) == 15
    assert set(source.extra_bytes) == {"df/axis0", "df/block0_items"}


def test_a_lossy_frame_keeps_its_index_and_its_bounds(tmp_path):
    path = tmp_path / "in.h5"
    NUMBERS.to_hdf(path, key="df", format="table", data_columns=["pt"])
    baler_vae.compress(path, tmp_path / "a.bvae", bound="abs:0.001", kind="independent")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.h5")
    frame, restored = pd.read_hdf(path, "df"), pd.read_hdf(tmp_path / "out.h5", "df")
    pd.testing.assert_frame_equal(frame[["run", "ok"]], restored[["run", "ok"]])
    for name in ("pt", "e"):
        assert restored[name].dtype == frame[name].dtype
        assert 0 < (restored[name] - frame[name]).abs().max() <= 0.001
    # What PyTables keeps sorted of a column of floats is not that of the values that came back.
    found = pd.read_hdf(tmp_path / "out.h5", "df", where="pt > 0.5")
    pd.testing.assert_frame_equal(found, restored[restored.pt > 0.5])
    with tables.open_file(tmp_path / "out.h5") as file:
        table = file.get_node("/df/table")
        assert table.cols.pt.index.dirty
        assert not table.cols.index.index.dirty


DTYPE = np.dtype(
    [
        ("name", "S9"),
        ("energy", "f4", (2, 3)),
        ("hit", "?"),
        ("x", "f8"),
        ("info", [("run", "u2"), ("charge", "i1")]),
    ]
)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A file that PyTables made, with all of its kinds of nodes."""
    path = tmp_path_factory.mktemp("pytables") / "in.h5"
    rows = np.zeros(N, DTYPE)
    rows["name"], rows["x"], rows["hit"] = [b"p%d" % number for number in range(N)], np.arange(N) / 2, np.arange(N) % 3
    rows["energy"], rows["info"]["run"] = RANDOM.random((N, 2, 3)), np.arange(N) + 60_000
    packed = tables.Filters(5, "zlib", shuffle=True, fletcher32=True)
    with tables.open_file(path, "w", title="A run") as file:
        group = file.create_group("/", "detector", "All of it")
        table = file.create_table(group, "readout", obj=rows, title="Readout", filters=packed)
        table.attrs.settings, table.attrs.gain = {"high": [1, 2]}, np.float32(3)
        file.create_earray(group, "growing", tables.Float32Atom(), (0, 3)).append(RANDOM.random((N, 3)))
        file.create_carray(group, "chunked", obj=np.arange(N), filters=tables.Filters(1, "zlib"))
        file.create_array(group, "flags", np.arange(N) % 2 == 0)
        file.create_array(group, "wave", np.arange(N) * 1j)
        lists = file.create_vlarray(group, "lists", tables.Int32Atom())
        for number in range(N):
            lists.append(np.arange(number % 3))
        file.create_array(group, "single", 5)
        file.create_array(group, "few", [1, 2, 3])
        file.create_array(group, "word", b"hello")
        file.create_soft_link("/", "shortcut", "/detector/readout")
        file.create_hard_link("/", "same", "/detector/growing")
    return path


def test_pytables_reads_its_nodes(detector, tmp_path):
    back = tmp_path / "out.h5"
    source = open_source(detector)
    assert not source.unsupported
    restore(source, back, step=25)
    assert tree(back) == tree(detector)
    with tables.open_file(detector) as before, tables.open_file(back) as after:
        assert after.title == "A run"
        for node in before.walk_nodes("/", "Leaf"):
            other = after.get_node(node._v_pathname)
            assert type(other) is type(node)
            assert str(node.read()) == str(other.read())
            assert other.filters == node.filters
        table = after.get_node("/detector/readout")
        assert table.description._v_dtype == before.get_node("/detector/readout").description._v_dtype
        assert table.attrs.settings == {"high": [1, 2]}
        assert [row["info/run"] for row in table.where("x == 7")] == [60_014]
        assert after.get_node("/shortcut")() == table


def test_times_of_pytables_come_back(tmp_path):
    """Their HDF5 type is one that neither h5py nor numpy has."""
    path, back = tmp_path / "in.h5", tmp_path / "out.h5"
    with tables.open_file(path, "w") as file:
        columns = {"x": tables.Float64Col(), "at": tables.Time64Col(), "day": tables.Time32Col(shape=(2,))}
        table = file.create_table("/", "readout", columns)
        for number in range(N):
            table.append([(number * 1.7, [number, number + 1], number / 3)])  # at, day, x
        file.create_earray("/", "times", tables.Time64Atom(), (0,)).append(np.arange(N) / 7)
    source = open_source(path)
    assert not source.unsupported
    assert set(source.extra_bytes) == {"readout/at", "readout/day", "times"}
    with pytest.raises(SourceError, match="it holds 1-d values without a numpy dtype, not a table"):
        open_source(f"{path}:times")
    restore(source, back, step=25)
    with tables.open_file(path) as before, tables.open_file(back) as after:
        for node in before.walk_nodes("/", "Leaf"):
            other = after.get_node(node._v_pathname)
            assert type(other) is type(node)
            np.testing.assert_array_equal(other.read(), node.read())
        description = after.get_node("/readout").description
        assert description._v_types == before.get_node("/readout").description._v_types


def test_some_columns_of_a_table_are_a_smaller_table(detector, tmp_path):
    source = open_source(detector)
    restore(source, tmp_path / "out.h5", columns=["detector/readout/x", "detector/readout/info.charge"])
    with tables.open_file(tmp_path / "out.h5") as file:
        table = file.get_node("/detector/readout")
        assert table.colpathnames == ["x", "info/charge"]
        assert table.cols.x[:].tolist() == (np.arange(N) / 2).tolist()
        assert table.attrs.settings == {"high": [1, 2]}
        assert [node._v_pathname for node in file.walk_nodes("/", "Leaf")] == ["/detector/readout"]


def test_hepfile_reads_its_events(tmp_path, monkeypatch):
    hepfile = pytest.importorskip("hepfile")
    monkeypatch.setattr(np, "string_", np.bytes_, raising=False)  # hepfile 0.1.7 is older than NumPy 2
    path, back = tmp_path / "in.hdf5", tmp_path / "out.hdf5"
    data = hepfile.initialize()
    hepfile.create_group(data, "muons", counter="nmuons")
    hepfile.create_dataset(data, ["px", "py"], group="muons", dtype=float)
    hepfile.create_dataset(data, "met", dtype=float)
    bucket = hepfile.create_single_bucket(data)
    for number in range(N):
        bucket["met"] = float(number)
        for px in RANDOM.random(number % 3).tolist():
            bucket["muons/px"].append(px)
            bucket["muons/py"].append(-px)
        bucket["muons/nmuons"] = number % 3
        hepfile.pack(data, bucket)
    hepfile.write_to_file(str(path), data, comp_type="gzip", comp_opts=9, verbose=False)
    source = open_source(path)
    assert not source.unsupported
    assert [group.counter for group in source.schema.groups[1:] if "muons/px" in group.names] == ["muons/nmuons"]
    restore(source, back, step=25)
    assert tree(back) == tree(path)
    (before, _), (after, _) = (hepfile.load(str(name), verbose=False) for name in (path, back))
    assert list(before) == list(after)
    for name, value in before.items():
        assert np.array_equal(value, after[name]) if isinstance(value, np.ndarray) else value == after[name]


def test_events_with_objects_of_forty_places(tmp_path):
    """Jets and their tracks, as taggers are trained on them: a compound for each, the second with an axis of tracks."""
    jets = np.zeros(N, [("pt", "f4"), ("flavour", "i4")])
    tracks = np.zeros((N, 40), [("d0", "f2"), ("hits", "u1"), ("valid", "?")])
    jets["pt"], tracks["d0"], tracks["valid"] = RANDOM.random(N), RANDOM.random((N, 40)), RANDOM.random((N, 40)) < 0.5
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("jets", data=jets, chunks=(25,), compression="lzf").attrs["flavour_label"] = ["b", "c"]
        file.create_dataset("tracks", data=tracks, chunks=(25, 40), compression="lzf")
    source = open_source(tmp_path / "in.h5")
    assert source.schema.order[:4] == ("jets/pt", "jets/flavour", "tracks/d0[0]", "tracks/d0[1]")
    assert [array.shape for array in source.schema.arrays] == [(40,)] * 3
    restore(source, tmp_path / "out.h5", step=25)
    assert tree(tmp_path / "out.h5") == tree(tmp_path / "in.h5")
    alone = open_source(f"{tmp_path / 'in.h5'}:jets")
    assert alone.schema.order == ("pt", "flavour")
    restore(alone, tmp_path / "jets.h5")
    assert tree(tmp_path / "jets.h5")["/jets"] == tree(tmp_path / "in.h5")["/jets"]


def test_a_hepfile_of_older_days_comes_back_whole(data_dir, tmp_path):
    """hepfile 0.1.7 cannot read it (nor the original): every dataset and attribute is compared."""
    path = data_dir / "dimuons_100k.hdf5"
    if not path.exists():
        pytest.skip("not among the real data")
    restore(open_source(path), tmp_path / "out.h5", step=40_000)
    assert tree(tmp_path / "out.h5") == tree(path)


@pytest.mark.parametrize("filter_name", ["Blosc", "LZ4", "Bitshuffle", "Zstd"])
def test_filters_of_other_programs_are_kept(tmp_path, filter_name):
    plugin = pytest.importorskip("hdf5plugin")
    values = np.round(np.random.default_rng(0).normal(size=2_000), 2)
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(500,), **getattr(plugin, filter_name)())
    restore(open_source(tmp_path / "in.h5"), tmp_path / "out.h5")
    with h5py.File(tmp_path / "in.h5") as before, h5py.File(tmp_path / "out.h5") as after:
        assert np.array_equal(after["x"][()], values)
        filters = [file["x"].id.get_create_plist().get_filter(0) for file in (before, after)]
        assert filters[0][0] == filters[1][0]
