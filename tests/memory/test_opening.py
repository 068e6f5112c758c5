"""What is data in memory, how it becomes columns, and what is said of what is not."""

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import uproot

from baler_vae.errors import CorruptArchive, SourceError, UsageError
from baler_vae.memory.columns import Extras
from baler_vae.memory.kinds import is_data
from baler_vae.memory.opening import open_data
from baler_vae.memory.restoring import restored

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0], "s": ["a", None, "c"]}, index=pd.Index([3, 2, 1], name="event"))
JETS = ak.Array([{"Jet": [{"pt": 1.0, "eta": 2.0}], "met": 3.0}, {"Jet": [], "met": 4.0}])
EXACT = {"kind": "independent", "bound": "*=exact"}


def columns_of(data):
    return list(open_data(data).schema.order)


def restored_data(data, *patterns):
    source = open_data(data)
    schema = source.select(patterns)
    return restored(schema, source.read(schema), source.extras())


@pytest.mark.parametrize(
    "thing",
    [FRAME, JETS, {}, {"x": [1]}, np.arange(3), pa.table({"x": [1]}), [FRAME], (JETS,), iter([FRAME]), pd.Series([1])],
)
def test_data_is_told_from_files(thing):
    assert is_data(thing)


@pytest.mark.parametrize("thing", ["a.root", Path("a.root"), ["a.root", Path("b.root")], [], None, 3, open_data(FRAME)])
def test_files_and_sources_are_no_data(thing):
    assert not is_data(thing)


def test_telling_data_from_files_imports_nothing():
    code = "import sys; from baler_vae.memory.kinds import is_data; is_data('x'); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "pyarrow", "awkward"} & set(done.stdout.split("'"))


def test_records_are_taken_apart():
    source = open_data(JETS)
    assert source.schema.order == ("nJet", "Jet_pt", "Jet_eta", "met")
    assert [(group.name, group.counter) for group in source.schema.groups] == [("events", None), ("Jet", "nJet")]
    assert source.schema.origin.format == "memory"


def test_columns_of_arrays_are_those_of_numpy_files():
    assert columns_of({"m": np.zeros((3, 2)), "c": np.zeros(3, "c8")}) == ["m_0", "m_1", "c.real", "c.imag"]
    assert columns_of(np.zeros((3, 2))) == ["data_0", "data_1"]
    assert columns_of(np.zeros(3, [("a", "f4"), ("b", "i2", (2,))])) == ["a", "b[0]", "b[1]"]


def test_names_that_clash_get_numbers():
    data = {"y_0": np.arange(3), "y": np.arange(6).reshape(3, 2)}
    assert columns_of(data) == ["y_0", "y_0_2", "y_1"]
    np.testing.assert_array_equal(restored_data(data)["y"], data["y"])


def test_numbers_are_views():
    values = np.arange(200_000.0)
    for data in (
        pd.DataFrame({"x": values}, copy=False),
        {"x": values},
        ak.Array({"x": values}),
        pa.table({"x": values}),
    ):
        source = open_data(data)
        batch = next(source.read(source.select()))
        assert np.shares_memory(batch[0]["x"], values) or isinstance(data, ak.Array)  # awkward packs its slices


def test_lists_become_arrays():
    found = restored_data({"n": [1, 2], "s": ["a", None], "j": [[1.0], []], "o": [1, None]})
    assert found["n"].tolist() == [1, 2]
    assert found["s"].tolist() == ["a", None]
    assert found["j"].to_list() == [[1.0], []]
    assert found["o"].to_list() == [1, None]


def test_arrays_of_arrays_come_back_as_such():
    rows = np.empty(3, object)
    rows[:] = [np.array([1.0, 2.0]), np.array([]), np.array([3.0])]
    found = restored_data({"x": rows})["x"]
    assert found.dtype == object
    assert [row.tolist() for row in found] == [[1.0, 2.0], [], [3.0]]


def test_some_columns_come_back_alone():
    assert restored_data(JETS, "Jet_pt").to_list() == [{"Jet": [{"pt": 1.0}]}, {"Jet": []}]
    assert restored_data(FRAME, "x", "event").equals(FRAME[["x"]])
    assert list(restored_data({"m": np.zeros((2, 2)), "x": np.zeros(2)}, "m_1")) == ["m_1"]


def test_attributes_and_names_of_records_come_back():
    array = ak.Array(ak.with_name(JETS, "Event"), attrs={"run": [1], "@open": object()})
    found = restored_data(array)
    assert found.attrs == {"run": [1]}
    assert ak.parameters(found) == {"__record__": "Event"}


@pytest.mark.parametrize("make", [list, iter])
def test_batches_of_frames_are_one(make):
    parts = [FRAME.iloc[:2].reset_index(), FRAME.iloc[2:].reset_index()]
    assert restored_data(make(parts)).equals(FRAME.reset_index())


@pytest.mark.parametrize("make", [list, iter])
def test_batches_of_dicts_and_awkward_arrays_are_one(make):
    words = [{"s": np.array(["a", "b"])}, {"s": np.array(["long"])}]
    assert restored_data(make(words))["s"].tolist() == ["a", "b", "long"]
    assert restored_data(make([JETS, JETS])).to_list() == [*JETS.to_list(), *JETS.to_list()]


def test_a_stream_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = open_data(
        pa.RecordBatchReader.from_batches(
            pa.schema([("x", pa.int8())]), pa.table({"x": pa.array([1], "i1")}).to_batches()
        )
    )
    assert len(list(tmp_path.iterdir())) == 1
    schema = source.select()
    for _ in range(2):
        assert [batch[0]["x"].tolist() for batch in source.read(schema)] == [[1]]
    del source
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError):
        open_data(iter([FRAME, {"x": [1]}]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), UsageError, "data: columns with the same name: a"),
        (pd.DataFrame({"x": [1, "a"]}), SourceError, "column 'x': Arrow has no type"),
        (pd.Series([1]), UsageError, "series.to_frame()"),
        ({"a": object()}, UsageError, "column 'a': cannot compress data of the type object"),
        ({"a": 1.5}, UsageError, "column 'a'"),
        ({1: [1]}, UsageError, "the key 1 is not a string"),
        ({"a": [1, 2], "b": [1, 2], "c": [1]}, SourceError, "column 'c': the arrays have different lengths"),
        ({"a": np.array([1, "a", {}], object)}, SourceError, "Python objects"),
        (ak.Array([1j]), SourceError, "Arrow has no type"),
        (np.float64([]).reshape(0, 0), SourceError, "holds no columns"),
        (iter([]), SourceError, "holds no batches"),
        (iter([1]), UsageError, "cannot compress data of the type int"),
        ([FRAME, FRAME[["s", "x"]]], UsageError, "batch 1 has different columns from the first, or in another order"),
        ([FRAME, FRAME.astype({"x": "f4"})], UsageError, "column 'x': batch 1 has a different type"),
        ([ak.Array([1.0]), ak.Array([None, 1.0])], UsageError, "found ?float64, expected float64"),
        ([FRAME, {"x": [1.0]}], UsageError, "batch 1 is a dict of arrays, the first one a data frame"),
    ],
)
def test_what_cannot_be_compressed_is_explained(data, error, text):
    with pytest.raises(error) as caught:
        open_data(data)
    assert text in str(caught.value)


def test_a_tree_must_be_in_a_file(tmp_path):
    path = tmp_path / "tree.root"
    with uproot.recreate(path) as file:
        file.mktree("tree", {"x": np.arange(3.0)})
    with uproot.open(path) as file:
        source = open_data(file["tree"])
        assert (source.path, source.schema.origin.name) == (str(path), "tree")
    with path.open("rb") as stream, uproot.open(stream) as file, pytest.raises(UsageError, match="reopened"):
        open_data(file["tree"])


def test_extras_that_are_damaged_are_refused():
    data = open_data(JETS).extras()
    source = open_data(JETS)
    schema = source.select()
    assert Extras.from_bytes(data).kind == "awkward"
    for other in (b"", b"{}", data.replace(b'"version":1', b'"version":9'), data.replace(b'"awkward"', b'"pickle"')):
        with pytest.raises(CorruptArchive):
            Extras.from_bytes(other)
    for old, new in ((b"float64", b"int8"), (b"RecordArray", b"Nothing")):
        assert old in data
        with pytest.raises(CorruptArchive):
            restored(schema, source.read(schema), data.replace(old, new))
