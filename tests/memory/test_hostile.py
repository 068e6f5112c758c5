"""What users give without a thought: it comes back as it was, or is refused by name."""

import datetime as dt
import pickle

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import uproot

import baler_vae
from baler_vae.errors import BalerError, CorruptArchive, SourceError, UsageError
from baler_vae.memory.columns import Extras
from baler_vae.memory.files import file_extras
from baler_vae.memory.opening import open_data
from baler_vae.memory.restoring import restored
from tests.memory.test_opening import EXACT, FRAME, JETS, restored_data


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.array([1], "M8[s]"), np.array([1], "M8[ns]")),
        (np.array([1], "i8"), np.array([1], "M8[s]")),
        (np.array([1], "m8[s]"), np.array([1], "M8[s]")),
        (np.array(["a"]), np.array([b"a"])),
        (np.array(["a"]), np.array(["a", None], object)),
        (np.arange(2), np.ma.array([1, 2], mask=[False, True])),
        (np.zeros((2, 3, 2)), np.zeros((2, 2, 3))),
        (ak.Array([{"b": 1}]), ak.with_name(ak.Array([{"b": 1}]), "B")),
    ],
)
@pytest.mark.parametrize("make", [list, iter])
def test_batches_of_other_dtypes_are_refused(make, first, second):
    """Even where Arrow has one type for both."""
    with pytest.raises(UsageError, match=r"column 'x.*: batch 1 has a different type"):
        open_data(make([{"x": first}, {"x": second}]))


def test_batches_of_frames_with_other_dtypes_are_refused():
    with pytest.raises(UsageError, match="found Int64, expected int64"):
        open_data([pd.DataFrame({"a": [1]}), pd.DataFrame({"a": pd.array([None, 2], "Int64")})])


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2020", periods=3, freq="M", name="month"),
        pd.interval_range(0, 3),
        pd.Index([1, None, 3], dtype="Int64"),
        pd.Index(["a", None, "c"], dtype="string"),
        pd.date_range("2020", periods=3, freq="h", tz="Europe/Zurich"),
        pd.Index([1.5, None, 2.5], dtype=object),
    ],
)
def test_an_index_comes_back(index):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=index)
    pd.testing.assert_frame_equal(restored_data(frame), frame, check_freq=True)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, None, 3], dtype=object),
        pd.Series([1, 2, 3], dtype=object),
        pd.Series([True, None, False], dtype=object),
        pd.Series([np.nan] * 3, dtype=object),
        pd.Series([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * 3, dtype=object),
        pd.Series([[1, 2], [3, 4], [5, 6]], dtype=object),
        pd.Series([["a"], [], None], dtype=object),
        pd.Series([b"a", None, b"\xff"], dtype=object),
        pd.array(["a", None, "b"], dtype="string[python]"),
        pd.array([[1], [], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        pd.array(["a", "b", "a"], dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))),
        pd.array(["a", None, "b"], dtype=pd.ArrowDtype(pa.string())),
    ],
)
def test_a_column_comes_back(column):
    frame = pd.DataFrame({"a": column, "x": [1.5, 2.5, 3.5]})
    found = restored_data(frame)
    assert found.dtypes.tolist() == frame.dtypes.tolist()
    assert [*map(type, found["a"])] == [*map(type, frame["a"])]
    missing = frame["a"].isna().tolist()
    assert found["a"].isna().tolist() == missing
    pairs = zip(found["a"], frame["a"], missing, strict=True)
    assert all(lacks or own == given for own, given, lacks in pairs)


@pytest.mark.parametrize("labels", [pd.Index(["a", "b"], dtype=object), pd.RangeIndex(2), pd.Index(["a", None])])
def test_labels_come_back(labels):
    frame = pd.DataFrame(np.arange(4.0).reshape(2, 2), columns=labels)
    pd.testing.assert_frame_equal(restored_data(frame), frame)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pd.Series([1, 2, 3], dtype=">f4"), "another order"),
        (pd.Series(["a", None, np.nan], dtype=object), "only None or only NaN"),
        (pd.Series(["a", pd.NA, "b"], dtype=object), "only None or only NaN"),
        (pd.Series([(1, 2)] * 3), "objects that Arrow makes"),
        (pd.Series([{1}, {2}, {3}]), "objects that Arrow makes"),
        (pd.Series([{"a": 1}, {"b": 2}, {"a": 3}]), "objects that Arrow makes"),
    ],
)
def test_columns_that_would_change_are_left_out_by_name(column, text):
    source = open_data(pd.DataFrame({"a": column, "x": [1.5, 2.5, 3.5]}))
    with pytest.raises(SourceError, match=r"unsupported columns: a .*columns=\.\.\.") as caught:
        source.select()
    assert text in str(caught.value)
    assert source.select(["x"]).order == source.select(skip_unreadable=True).order == ("x",)


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        (FRAME.rename_axis(7), UsageError, "the name 7 of the index is not a string"),
        (FRAME.set_axis([True, False], axis=1), UsageError, "names of the columns would not come back"),
        (FRAME.set_axis(["a", 1], axis=1), UsageError, "names of the columns would not come back"),
        (FRAME.set_axis(pd.CategoricalIndex(["a", "b"]), axis=1), UsageError, "names of the columns"),
        (pd.DataFrame({"a": [2**70, 1]}, dtype=object), SourceError, "column 'a'"),
        (ak.to_regular(ak.Array([[], []])), SourceError, "size zero"),
        ({"x": np.array(["a"], np.dtypes.StringDType())}, UsageError, "column 'x': strings of numpy's variable width"),
        ({"x": [-1, 2**63 + 1]}, UsageError, "column 'x': whole numbers that a float cannot hold"),
        ({"x": [object()]}, SourceError, "column 'x': values that no array can hold"),
    ],
)
def test_what_would_change_is_refused(data, error, text):
    with pytest.raises(error) as caught:
        open_data(data)
    assert text in str(caught.value)


def test_attributes_that_would_change_are_refused():
    frame = FRAME.copy()
    frame.attrs = {"unit": ("GeV",)}
    with pytest.raises(UsageError, match=r"frame\.attrs"):
        open_data(frame)


def test_values_that_arrow_cannot_hold_name_their_column():
    source = open_data({"y": np.arange(2.0), "x": np.array(["a", "\ud800"])})
    with pytest.raises(SourceError, match="column 'x': values that Arrow cannot hold"):
        list(source.read(source.select()))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int64", "float16", "float32"])
def test_the_usual_fill_value_is_none_of_its_own(dtype):
    """It is 999,999 or 1e20, which small numbers cannot hold."""
    array = np.ma.MaskedArray(np.array([0, 1]).astype(dtype), [True, False])
    found = baler_vae.loads(baler_vae.dumps({"x": array}))["x"]
    assert found.fill_value == array.fill_value
    assert found.mask.tolist() == [True, False]
    assert found.dtype == dtype


@pytest.mark.parametrize("dtype", ["i4", "f8", "c8", "M8[s]", ">f4"])
def test_fill_values_come_back(dtype):
    array = np.ma.MaskedArray(np.array([0, 1]).astype(dtype), [True, False], fill_value=np.array(1).astype(dtype))
    found = restored_data({"x": array})["x"]
    assert (found.fill_value, found.dtype) == (array.fill_value, array.dtype)
    data = open_data({"x": array}).extras()
    other = data.replace(b'"fill":"', b'"fill":"00')
    assert other != data
    with pytest.raises(CorruptArchive):
        restored(open_data({"x": array}).schema, [], other)


def test_series_of_a_dict_are_arrays():
    found = restored_data(
        {
            "s": pd.Series(["a", None]),
            "i": pd.Series([1, None], dtype="Int64"),
            "b": pd.array([True, False], "boolean"),
        }
    )
    assert found["s"].tolist() == ["a", None]
    assert (found["i"].dtype, found["i"].mask.tolist()) == (np.dtype("i8"), [False, True])
    assert (type(found["b"]), found["b"].dtype) == (np.ndarray, np.dtype(bool))


def test_a_reader_without_batches_is_a_table_without_rows():
    schema = pa.schema([("x", pa.float32())])
    assert restored_data(pa.RecordBatchReader.from_batches(schema, iter([]))).schema == schema


@pytest.mark.parametrize(
    "thing", [5, None, 1.5, object(), {1, 2}, [1, 2], b"abc", range(3), np.float64(1.0), int, [[1.0], [2.0]]]
)
def test_what_is_no_data_is_refused(thing):
    with pytest.raises(UsageError):
        baler_vae.dumps(thing, **EXACT)


def test_what_only_looks_like_data_is_refused(tmp_path):
    path = tmp_path / "tree.root"
    with uproot.recreate(path) as file:
        file.mktree("tree", {"x": np.arange(3.0)})
    with uproot.open(path) as file:
        for thing in (file, file["tree"]["x"]):
            with pytest.raises(UsageError, match="Pass a TTree"):
                baler_vae.dumps(thing, **EXACT)
    with baler_vae.open(baler_vae.dumps(JETS, **EXACT)) as archive, pytest.raises(UsageError, match=r"archive\.arrays"):
        baler_vae.dumps(archive, **EXACT)


def test_places_and_outputs():
    blob = baler_vae.dumps(FRAME, **EXACT)
    for own in (bytearray(blob), memoryview(blob)):
        assert baler_vae.loads(own).equals(FRAME)
    with baler_vae.open(bytearray(blob)) as archive, pickle.loads(pickle.dumps(archive)) as other:
        assert other.keys() == archive.keys()
    for thing in (5, None, {}, np.zeros(3)):
        with pytest.raises(BalerError):
            baler_vae.loads(thing)
        with pytest.raises(BalerError):
            baler_vae.open(thing)
    with pytest.raises(UsageError, match="int is neither a path nor a file object"):
        baler_vae.compress(FRAME, 5, **EXACT)
    with pytest.raises(UsageError, match="no place of an archive"):
        baler_vae.dumps(FRAME, codec=5)


def test_dtypes_that_are_damaged_are_refused():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0]}, index=pd.period_range("2020", periods=3, freq="M", name="month"))
    source = open_data(frame)
    schema, data = source.select(), source.extras()
    assert b'"period[M]"' in data
    for other in (b'"int64"', b'"nothing"', b"7", b'"interval[int64, right]"', b'{"a":1}'):
        with pytest.raises(CorruptArchive):
            restored(schema, source.read(schema), data.replace(b'"period[M]"', other))
    with pytest.raises(CorruptArchive):
        Extras.from_bytes(data.replace(b'"frame":{"dtypes":{"month":"period[M]"}}', b'"frame":[7]'))


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"descr":"<f8"', b'"descr":"4"'), (b'"columns":', b'"column":'), (b'"fortran_order":', b'"order":')],
)
def test_arrays_that_are_damaged_are_refused_by_files(old, new):
    data = open_data({"x": np.zeros((3, 2))}).extras()
    assert old in data
    with pytest.raises(CorruptArchive):
        file_extras(data.replace(old, new), "npz")
