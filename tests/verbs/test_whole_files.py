"""Columns of all kinds through archives: what comes back, and what is said where something cannot."""

import pickle
import re

import awkward as ak
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

import baler_vae
from baler_vae.errors import MissingExtra, OutputError, SourceError, UsageError
from baler_vae.io.chain import open_sources
from baler_vae.verbs import many
from baler_vae.verbs import row_groups as scaling

QUICK = {"kind": "independent", "bound": "exact"}


@pytest.fixture
def parquet(tmp_path):
    def build(name, **columns):
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        return tmp_path / f"{name}.parquet"

    return build


def archived(source, tmp_path):
    baler_vae.compress(source, tmp_path / "a.bvae", **QUICK)
    return tmp_path / "a.bvae"


NESTED = {
    "count": pa.array([None, 7, None, 9]),
    "flag": pa.array([True, None, False, None]),
    "words": pa.array([["a", "bc"], [], [""], ["d"]]),
    "deep": pa.array([[[1.5], []], [], [[2.5, 3.5]], [[]]]),
    "maybe": pa.array([[[1, None]], [], [[None]], [[4]]]),
}


@pytest.mark.parametrize("name", [*NESTED])
def test_nested_columns_of_parquet_come_back_as_an_rntuple(parquet, tmp_path, name):
    archive = archived(parquet("in", **{name: NESTED[name]}), tmp_path)
    baler_vae.decompress(archive, tmp_path / "out.root", rntuple=True)
    with uproot.open(f"{tmp_path}/out.root:Events") as ntuple:
        assert ak.to_list(ntuple[name].array()) == NESTED[name].to_pylist()


def test_text_that_is_no_utf8_comes_back(tmp_path):
    strings = ak.contents.ListOffsetArray(
        ak.index.Index64(np.array([0, 1, 3])),
        ak.contents.NumpyArray(np.frombuffer(b"A\xe9B", np.uint8), parameters={"__array__": "char"}),
        parameters={"__array__": "string"},
    )
    with uproot.recreate(tmp_path / "in.root") as file:
        file.mktree("Events", {"text": ak.Array(strings).type.content}).extend({"text": ak.Array(strings)})
    archive = archived(f"{tmp_path}/in.root:Events", tmp_path)
    baler_vae.decompress(archive, tmp_path / "out.root")
    with uproot.open(f"{tmp_path}/out.root:Events") as after, baler_vae.open(archive) as opened:
        for array in (after["text"].array(), opened.arrays()["text"]):
            assert ak.to_numpy(ak.flatten(ak.without_parameters(array))).tobytes() == b"A\xe9B"


def test_one_column_at_a_time(parquet, tmp_path):
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(range(8)), 2)
    archive = archived(parquet("in", x=pairs, words=NESTED["words"], n=pa.array([1, 2, 3, 4])), tmp_path)
    with baler_vae.open(archive) as opened:
        assert sorted(opened.keys()) == ["n", "words", "x"]
        assert ak.to_list(opened["x"].array(entry_start=2)) == [[4, 5], [6, 7]]
        assert opened["x"].array(library="np").tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
        assert opened["x[1]"].array(library="pd").tolist() == [1, 3, 5, 7]
        assert opened["words"].array(library="pd").tolist() == NESTED["words"].to_pylist()
        assert ak.to_list(opened.arrays("words")["words"]) == NESTED["words"].to_pylist()
        with pytest.raises(UsageError, match="a series has one value"):
            opened["x"].array(library="pd")


def test_a_name_is_not_taken_for_a_glob(parquet, tmp_path):
    pairs = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(8.0)), 2)
    path = parquet("in", x=pairs, x0=pa.array([0.5, 1.5, 2.5, 3.5]))
    info = baler_vae.compress(path, tmp_path / "a.bvae", kind="independent", bound=["exact", "x[0]=abs:0.5"])
    bounds = {column.name: column.bound for column in info.columns}
    assert bounds == {"x[0]": "abs:0.5", "x[1]": "exact", "x0": "exact"}


def test_nested_columns_are_compared(parquet, tmp_path):
    path = parquet("in", words=NESTED["words"])
    (column,) = baler_vae.evaluate(path, archived(path, tmp_path)).columns
    assert (column.name, column.dtype, column.n_different, column.largest_in_bounds) == ("words", "nested", 0, 0)


def test_types_that_cannot_be_kept_are_named(parquet, tmp_path):
    path = parquet("in", x=pa.array([1.0]), view=pa.array([[1]], pa.list_view(pa.int64())))
    with pytest.raises(SourceError, match=r"view \(list_view<element: int64>\)"):
        archived(path, tmp_path)
    info = baler_vae.compress(path, tmp_path / "a.bvae", skip_unreadable=True, **QUICK)
    assert info.warnings == ("left out: view (list_view<element: int64>)",)


def test_what_only_some_files_have_is_named(parquet, tmp_path):
    files = [parquet("one", a=pa.array([1])), parquet("two", a=pa.array([2]), b=pa.array([3]))]
    with pytest.raises(SourceError, match=r"b \(in .*two\.parquet, not in .*one\.parquet\)"):
        archived(files, tmp_path)
    info = baler_vae.compress(files, tmp_path / "a.bvae", skip_unreadable=True, **QUICK)
    (warning,) = info.warnings
    assert re.fullmatch(r"left out: b \(in .*two\.parquet, not in .*one\.parquet\)", warning)
    (tmp_path / "a.bvae").unlink()
    for number in range(2):
        with h5py.File(tmp_path / f"{number}.h5", "w") as file:
            file["x"] = np.arange(3)
            file.attrs["run"] = number
    with pytest.raises(SourceError, match="what is not a column"):
        archived([tmp_path / "0.h5", tmp_path / "1.h5"], tmp_path)


def test_files_of_other_types_are_refused_and_no_ranges_are_no_events(parquet, tmp_path):
    files = [parquet("none", a=pa.array([], pa.float64())), parquet("some", a=pa.array(["x"]))]
    with pytest.raises(UsageError, match="found float64, expected text"):
        archived(files, tmp_path)
    same = open_sources([files[1], files[1]])
    assert list(same.read(same.schema, [])) == []


def test_a_file_that_took_the_place_of_another_is_told_apart(parquet):
    path = parquet("in", a=pa.array([1]))
    before = scaling.stamped([f"{path}:inner"])
    assert before[0][1] == path.stat().st_size
    parquet("in", a=pa.array(range(1000)))
    assert scaling.stamped([f"{path}:inner"]) != before


def test_archives_of_another_request_are_not_taken_for_done(parquet, tmp_path):
    files = [parquet(name, a=pa.array(np.linspace(0, 1, 50))) for name in ("one", "two")]
    many.compress_each(files, tmp_path / "out", kind="independent", bound="abs:0.1")
    (tmp_path / "out" / "two.bvae").unlink()
    infos = many.compress_each(files, tmp_path / "out", kind="independent", bound="abs:0.1", resume=True)
    assert [info.n_rows["events"] for info in infos] == [50]
    with pytest.raises(OutputError, match=r"one\.bvae: exists already"):
        many.compress_each(files, tmp_path / "out", kind="independent", bound="exact", resume=True)


def test_an_error_of_a_worker_survives_the_way():
    for error in (MissingExtra("a test", "dask", "dask"), UsageError("what", path="p", found=1)):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
