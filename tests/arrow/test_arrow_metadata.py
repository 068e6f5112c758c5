"""Parquet and Arrow files come back as pandas and awkward had them: metadata, index, nulls, types, names of records."""

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import vector
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.arrow.schema import ArrowExtras
from baler_vae.errors import CorruptArchive, SourceError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source, write_file
from tests.strategies import arrow_tables, frames

LAWS = settings(max_examples=40)


def restored(path: Path, *patterns: str) -> Path:
    """The path of what is written of a file that was read."""
    source = open_source(path)
    schema = source.select(patterns)
    output = path.with_name(f"restored{path.suffix}")
    write_file(output, schema, source.batches(schema, 4), extras=source.extras(), force=True)
    return output


def bits(table: pa.Table) -> object:
    """All values of a table, every NaN the same."""
    return repr(table.to_pydict())


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_any_table_comes_back_with_its_schema(tmp_path_factory, suffix):
    path = tmp_path_factory.mktemp("law") / f"table{suffix}"

    @LAWS
    @given(arrow_tables(), st.booleans())
    def law(table: pa.Table, statistics: bool) -> None:
        if suffix == ".parquet":
            options = {"write_statistics": statistics, "use_compliant_nested_type": statistics}
            pq.write_table(table, path, row_group_size=3, **options)
        else:
            pyarrow.feather.write_feather(table, path, chunksize=3, compression="lz4" if statistics else "uncompressed")
        read = pq.read_table if suffix == ".parquet" else pyarrow.feather.read_table
        back = read(restored(path))
        assert back.schema.equals(read(path).schema, check_metadata=True)
        assert bits(back) == bits(table)

    law()


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_any_frame_comes_back_equal(tmp_path_factory, suffix):
    path = tmp_path_factory.mktemp("law") / f"frame{suffix}"

    @LAWS
    @given(frames())
    def law(frame: pd.DataFrame) -> None:
        if suffix == ".parquet":
            frame.to_parquet(path)
            expected, back = pd.read_parquet(path), pd.read_parquet(restored(path))
        else:
            pyarrow.feather.write_feather(pa.Table.from_pandas(frame), path)
            expected, back = pd.read_feather(path), pd.read_feather(restored(path))
        pd.testing.assert_frame_equal(back, expected)
        assert back.attrs == expected.attrs

    law()


@pytest.mark.parametrize("extension", [True, False])
@pytest.mark.parametrize(
    "array",
    [
        [[1.5, None], [], [3.0]],
        [[1, 2], None, [3]],
        [None, 1, 2],
        [{"x": 1, "y": [1.0, 2.0]}, {"x": None, "y": []}],
        [[{"x": 1}, {"x": 2}], []],
        ["a", None],
        [[["a"], []], [[]]],
        [[True], [None, False]],
        [[1, 2], [3, 4]],
    ],
)
def test_what_awkward_writes_comes_back_of_the_same_type(array, extension, tmp_path):
    given = ak.with_parameter(ak.Array(array), "note", "kept")
    given = ak.to_regular(given) if array == [[1, 2], [3, 4]] else given
    ak.to_parquet(given, tmp_path / "a.parquet", extensionarray=extension)
    expected, back = ak.from_parquet(tmp_path / "a.parquet"), ak.from_parquet(restored(tmp_path / "a.parquet"))
    assert back.layout.form == expected.layout.form
    assert back.to_list() == expected.to_list()
    assert ak.parameters(back) == ak.parameters(expected)
    assert ak.parameters(back) == {"note": "kept"} or not extension


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_records_keep_their_behaviours(suffix, tmp_path):
    vector.register_awkward()
    jets = ak.with_name([[{"pt": 1.0, "phi": 0.5, "eta": 2.0, "mass": 3.0}], []], "Momentum4D")
    write, read = (ak.to_parquet, ak.from_parquet) if suffix == ".parquet" else (ak.to_feather, ak.from_feather)
    write(ak.Array({"Jet": jets, "run": [1, 2]}), tmp_path / f"a{suffix}", extensionarray=True)
    back = read(restored(tmp_path / f"a{suffix}"))
    assert back.Jet.energy.to_list() == jets.energy.to_list()
    assert back.type == read(tmp_path / f"a{suffix}").type


def test_the_one_column_without_a_name_gets_one(tmp_path):
    pq.write_table(pa.table([[1.0], [2.0]], names=["", "values"]), tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    assert source.schema.order == ("values_2", "values")
    assert source.notes == ("the column without a name is called 'values_2'",)
    assert pq.read_schema(restored(tmp_path / "a.parquet")).names == ["", "values"]


def test_some_columns_are_a_file_that_pandas_and_awkward_read(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 2.0], "n": pd.array([1, None], "Int64")}, index=pd.Index([4, 5], name="event"))
    frame.to_parquet(tmp_path / "a.parquet")
    back = pd.read_parquet(restored(tmp_path / "a.parquet", "n"))
    pd.testing.assert_frame_equal(back, frame[["n"]].reset_index(drop=True))
    pd.testing.assert_frame_equal(pd.read_parquet(restored(tmp_path / "a.parquet", "n", "event")), frame[["n"]])
    ak.to_parquet(ak.Array([{"x": 1, "y": [1.0, None]}], with_name="Event"), tmp_path / "b.parquet")
    back = ak.from_parquet(restored(tmp_path / "b.parquet", "y"))
    assert str(back.type) == "1 * Event[y: var * ?float64]"


def test_what_says_nothing_new_has_no_extras(tmp_path, table):
    schema, batch = table({"n": np.array([1, 2]), "nJet": np.array([1, 0], "i4")}, {"Jet": ("nJet", {"Jet_pt": [1.0]})})
    write_file(tmp_path / "a.parquet", schema, [batch])
    assert open_source(tmp_path / "a.parquet").extras() == b""
    pq.write_table(pa.table({"n": [1, 2]}), tmp_path / "b.parquet")
    assert open_source(tmp_path / "b.parquet").extras() == open_source(tmp_path / "b.parquet").extras() != b""


def test_files_that_say_it_otherwise_are_one_table(tmp_path):
    for number, start in enumerate([0, 5]):
        index = pd.RangeIndex(start, start + 2)
        pd.DataFrame({"n": pd.array([1, None if number else 2], "Int64")}, index).to_parquet(
            tmp_path / f"{number}.parquet"
        )
    source = open_sources([tmp_path / "0.parquet", tmp_path / "1.parquet"])
    schema = source.select()
    write_file(tmp_path / "all.parquet", schema, source.read(schema), extras=source.extras())
    back = pd.read_parquet(tmp_path / "all.parquet")
    assert back["n"].tolist() == [1, 2, 1, pd.NA]
    assert back["n"].dtype == "Int64"


def damaged(extras: bytes) -> list[bytes]:
    head, _, schema = extras.partition(b"\n")
    other = json.dumps(json.loads(head) | {"version": 2}).encode()
    return [b"", head, b"[]\n" + schema, other + b"\n" + schema, extras[:-60], b"{" + extras, extras[: len(head) + 40]]


def test_damaged_extras_are_a_corrupt_archive(tmp_path):
    pd.DataFrame({"x": [1.0]}, index=[3]).to_parquet(tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    schema = source.select()
    for extras in damaged(source.extras()):
        if extras:
            with pytest.raises(CorruptArchive, match="extras"):
                write_file(tmp_path / "b.parquet", schema, source.read(schema), extras=extras)
    assert not (tmp_path / "b.parquet").exists()


def test_extras_of_other_columns_are_ignored(tmp_path, table):
    """A field is taken as it was only where the column still is what it was."""
    schema, batch = table({"x": [1.0], "n": [1]})
    other = pa.schema([pa.field("x", pa.string()), pa.field("n", pa.list_(pa.int64())), pa.field("gone", pa.int8())])
    extras = ArrowExtras(other.with_metadata({"pandas": "no JSON", "key": "kept"})).to_bytes()
    schema = type(schema)(schema.groups, schema.order, open_source_origin(tmp_path))
    write_file(tmp_path / "b.parquet", schema, [batch], extras=extras)
    found = pq.read_schema(tmp_path / "b.parquet")
    assert [field.type for field in found] == [pa.float64(), pa.int64()]
    assert found.metadata == {b"pandas": b"no JSON", b"key": b"kept"}


def open_source_origin(folder: Path) -> object:
    pq.write_table(pa.table({"x": [1]}), folder / "origin.parquet")
    return open_source(folder / "origin.parquet").schema.origin


@pytest.mark.parametrize("kind", ["list_view", "runs"])
def test_types_that_repeat_values_are_named(kind, tmp_path):
    runs = pa.RunEndEncodedArray.from_arrays([2], [1])
    array = runs if kind == "runs" else pa.array([[1], [2]], pa.list_view(pa.int64()))
    pyarrow.feather.write_feather(
        pa.table({"x": [1, 2], "v": array}), tmp_path / "a.feather", compression="uncompressed"
    )
    with pytest.raises(SourceError, match=r"unsupported columns: v \((list_view|run_end)"):
        open_source(tmp_path / "a.feather").select()
    assert open_source(tmp_path / "a.feather").select(skip_unreadable=True).order == ("x",)


@pytest.mark.parametrize(("name", "stream"), [("a.arrow", True), ("a.ipc", True), ("a.feather", False)])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_arrow_files_and_streams_come_back_as_such(name, stream, compression, tmp_path):
    table = pa.table({"x": range(1000), "word": pa.array(["a", "b"] * 500).dictionary_encode()})
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(tmp_path / name, table.schema, options=options) as file:
        file.write_table(table, max_chunksize=300)
    source, output = open_source(tmp_path / name), restored(tmp_path / name)
    assert source.schema.origin.format == "feather"
    assert open_source(output).extras() == source.extras()
    with pa.memory_map(str(output)) as mapped:
        read = pa.ipc.open_stream if stream else pa.ipc.open_file
        assert read(mapped).read_all().to_pydict() == table.to_pydict()


def test_the_first_feather_format_is_refused_by_name(tmp_path):
    (tmp_path / "a.feather").write_bytes(b"FEA1" + bytes(60) + b"FEA1")
    with pytest.raises(SourceError, match=r"version 1.*pd\.read_feather"):
        open_source(tmp_path / "a.feather")


def test_odd_files_come_back_equal(data_dir, tmp_path):
    folder = data_dir / "odd"
    if not folder.is_dir():
        pytest.skip(f"no odd files in {data_dir}")
    for name in ("pandas_index", "record_name", "int_null_no_statistics", "list_of_null"):
        path = tmp_path / f"{name}.parquet"
        path.write_bytes((folder / path.name).read_bytes())
        output = restored(path)
        pd.testing.assert_frame_equal(pd.read_parquet(output), pd.read_parquet(path))
        assert ak.from_parquet(output).layout.form == ak.from_parquet(path).layout.form
        assert pq.read_schema(output).equals(pq.read_schema(path), check_metadata=True)
