"""Arrays whose columns are decoded when they are touched."""

import pickle

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.reader.engine import Engine
from baler_vae.table.schema import Origin
from tests.tables import batch_of, flat_batch


@pytest.fixture
def asked(monkeypatch):
    """The columns that are decoded, row group by row group."""
    found, decode = [], Engine.row_group
    monkeypatch.setattr(Engine, "row_group", lambda *call: found.append(call[2].order) or decode(*call))
    return found


def test_columns_are_decoded_when_they_are_touched(archive, asked):
    log = []
    array = archive.arrays(virtual=True, access_log=log)
    assert array.fields == archive.keys()
    assert len(array) == archive.num_entries
    assert str(array.type) == str(archive.arrays().type)
    asked.clear()
    assert "??" in str(array)
    assert asked == []
    total = ak.sum(array.met)
    assert set(asked) == {("met",)}
    asked.clear()
    lengths = ak.num(array.Jet_pt)
    assert set(asked) == {("nJet",)}
    asked.clear()
    assert ak.sum(array.met) == total
    ak.num(array.Jet_eta)
    assert asked == []
    both = array.Jet_pt * array.Jet_eta
    ak.materialize(both)
    assert set(asked) == {("nJet", "Jet_pt"), ("nJet", "Jet_eta")}
    assert [entry.branch for entry in log] == ["met", "Jet_pt", "Jet_eta", "Jet_pt", "Jet_eta"]
    assert ak.to_list(lengths) == ak.to_list(archive["nJet"].array())


@pytest.mark.parametrize("bounds", [{}, {"entry_start": 33, "entry_stop": -20}, {"entry_stop": 0}])
def test_they_hold_what_is_read_at_once(archive, bounds):
    expected = archive.arrays(**bounds)
    array = archive.arrays(virtual=True, **bounds)
    assert ak.to_list(array) == ak.to_list(expected)
    assert ak.to_list(pickle.loads(pickle.dumps(archive.arrays(virtual=True, **bounds)))) == ak.to_list(expected)
    some = archive.arrays(["Jet_*", "met"], filter_typename="/float.*/", virtual=True, **bounds)
    assert ak.to_list(some) == ak.to_list(archive.arrays(["Jet_pt", "met"], **bounds))
    sliced = archive.arrays(virtual=True, **bounds)[::3]
    assert ak.to_list(sliced.Jet_pt) == ak.to_list(expected.Jet_pt[::3])


def test_text_lists_records_and_missing_numbers(write, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {
            "w": ["a", None, "", "bb"],
            "v": ["a", "b", "c", "d"],
            "m": pa.array([1, None, 3, 4]),
            "r": [{"x": 1, "y": [1.5]}] * 4,
            "j": [[1, 2], [], [3], []],
            "f": pa.array([[1.0, 2.0]] * 4, pa.list_(pa.float64(), 2)),
        }
    )
    pq.write_table(table, tmp_path / "in.parquet")
    baler_vae.compress(tmp_path / "in.parquet", tmp_path / "a.bvae", kind="independent")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        expected = archive.arrays()
        array = archive.arrays(virtual=True)
        assert ak.to_list(array) == ak.to_list(expected)
        assert archive.arrays(library="pa").column("w").to_pylist() == ["a", None, "", "bb"]
        assert archive.arrays("r.x + 1")["r.x + 1"].to_list() == [2] * 4
        assert archive.arrays("m + 1", library="pd")["m + 1"].isna().tolist() == [False, True, False, False]
        assert archive.arrays(["w", "m"], "w == 'a'").to_list() == [{"w": "a", "m": 1}]
        assert archive.arrays(["w"], "m > 1", library="np")["w"].tolist() == ["", "bb"]


def test_an_archive_without_events(write, tmp_path):
    baler_vae.compress(write(*flat_batch({"x": np.empty(0)})), tmp_path / "a.bvae", kind="independent")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert ak.to_list(archive.arrays(virtual=True)) == []


def test_two_collections_do_not_mix(tmp_path, write):
    arrays = {
        "events": {"nA": np.array([2, 1], np.int32), "nB": np.array([2, 1], np.int32)},
        "A": {"A_x": np.arange(3), "A_y": np.arange(3)},
        "B": {"B_x": np.arange(3.0)},
    }
    written = write(*batch_of(arrays, {"A": "nA", "B": "nB"}, Origin("root", "Events")))
    baler_vae.compress(written, tmp_path / "a.bvae", kind="independent", bound="exact")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        zipped = archive.arrays(["A_x", "A_x*2", "B_x", "A_y"], how="zip")
        assert zipped.fields == ["A", "B"]
        assert zipped.A.fields == ["x", "x*2", "y"]
        with pytest.raises(UsageError, match="does not have one value for each of 'A_x'"):
            archive.arrays("A_x", "B_x[:, :1] > 3")


@pytest.mark.parametrize("wrong", [{"library": "np"}, {"how": "zip"}, {"cut": "met > 3"}, {"expressions": "met * 2"}])
def test_what_is_not_virtual(archive, wrong):
    with pytest.raises(UsageError, match="virtual"):
        archive.arrays(virtual=True, **wrong)
