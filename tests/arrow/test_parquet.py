"""Parquet: which types are columns, what nulls become, how lists are grouped."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from baler_vae.errors import OutputError, SourceError
from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import TEXT, Mask, Origin

COUNTS = np.array([1, 0, 2], "i4")


@pytest.fixture
def parquet(tmp_path):
    """A file of the given columns, two rows to a row group."""

    def build(columns, names=None):
        path = tmp_path / "table.parquet"
        arrays = [column if isinstance(column, pa.Array) else pa.array(column) for column in columns.values()]
        pq.write_table(pa.Table.from_arrays(arrays, names=names or list(columns)), path, row_group_size=2)
        return path

    return build


@pytest.mark.parametrize("step", [1, 2, 1000])
def test_numbers_text_and_lists_are_columns(step, parquet, read):
    path = parquet(
        {
            "x": pa.array([1.5, None, 2.5], pa.float32()),
            "h": pa.array(np.array([1, 2, 3], "f2")),
            "big": pa.array([2**64 - 1, 0, 1], pa.uint64()),
            "word": ["a", None, ""],
            "long": pa.array(["a", "b", "c"], pa.large_string()),
            "Jet_pt": pa.array([[1.0], [], [None, 3.0]], pa.large_list(pa.float64())),
            "Jet_id": pa.array([[True], [], [False, True]]),
        }
    )
    _, schema, batch = read(path, step=step)
    kinds = ["?", "f4", "f2", "u8", TEXT, TEXT, "i4", "?", "f8", "?"]
    assert [c.dtype for c in schema.columns] == [np.dtype(k) for k in kinds]
    assert schema.masks == (Mask("x", "x[missing]"), Mask("Jet_pt", "Jet_pt[missing]"))
    assert batch[0]["x[missing]"].tolist() == [False, True, False]
    assert batch[1]["Jet_pt[missing]"].tolist() == [False, True, False]
    assert np.array_equal(batch[0]["x"], np.array([1.5, np.nan, 2.5], "f4"), equal_nan=True)
    assert batch[0]["big"].tolist() == [2**64 - 1, 0, 1]
    assert batch[0]["word"].tolist() == ["a", None, ""]
    assert batch[0]["nJet"].tolist() == [1, 0, 2]
    assert np.array_equal(batch[1]["Jet_pt"], [1.0, np.nan, 3.0], equal_nan=True)
    assert batch[1]["Jet_id"].tolist() == [True, False, True]


def test_lists_are_grouped_by_prefix_and_length(parquet, read):
    columns = {"Jet_pt": [[1.0], [], [2.0, 3.0]], "Jet_m": [[1.0], [], [2.0, 3.0]], "Jet_other": [[1.0], [], [2.0]]}
    _, schema, batch = read(parquet({**columns, "NJet": COUNTS, "Mu_pt": [[1], [], []], "nMu": COUNTS}))
    assert [(g.name, g.counter, g.names) for g in schema.groups] == [
        ("events", None, ("nJet", "NJet", "nMu_2", "nMu")),
        ("Jet", "NJet", ("Jet_pt", "Jet_m")),
        ("Jet_2", "nJet", ("Jet_other",)),
        ("Mu", "nMu_2", ("Mu_pt",)),
    ]
    assert [c.name for c in schema.columns if c.implied] == ["nJet", "nMu_2"]
    assert batch[0]["nMu_2"].tolist() == [1, 0, 0]


def test_an_implied_counter_can_be_read_alone(parquet, read):
    path = parquet({"Jet_pt": [[1.0], [], [2.0, 3.0]], "x": [1, 2, 3]})
    assert read(path, "nJet")[2][0]["nJet"].tolist() == [1, 0, 2]


def test_other_types_come_back_as_they_are(parquet, read, tmp_path):
    given = {
        "x": pa.array([1.0, 2.0]),
        "when": pa.array([0, None], pa.timestamp("ms")),
        "code": pa.array(["a", "b"]).dictionary_encode(),
        "words": pa.array([["a"], []]),
        "deep": pa.array([[[1.0]], []]),
        "record": pa.array([{"a": 1, "b": [2.5]}, None]),
        "money": pa.array([1, 2]).cast(pa.decimal128(19)),
        "nulls": pa.array([None, None]),
        "list": pa.array([[1], None]),
        "pair": pa.array([[1, None], None], pa.list_(pa.int64(), 2)),
    }
    _, schema, batch = read(parquet(given))
    assert [column.kind for column in schema.columns] == ["float64", *["nested"] * 9]
    write_file(tmp_path / "out.parquet", schema, [batch])
    back = pq.read_table(tmp_path / "out.parquet")
    for name, array in given.items():
        assert back[name].type == array.type
        assert back[name].to_pylist() == array.to_pylist()
    for suffix in (".csv", ".h5", ".npz", ".root"):
        with pytest.raises(OutputError, match=r"nested columns.*when"):
            write_file(tmp_path / f"out{suffix}", schema, [batch])


def test_arrays_of_one_size_come_back(parquet, read, tmp_path):
    pairs = pa.array([[[1, 2], [3, 4]], [], [[5, 6]]], pa.list_(pa.list_(pa.int32(), 2)))
    grid = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pa.array(range(12)), 2), 2)
    _, schema, batch = read(parquet({"J": pairs, "grid": grid}))
    assert [(array.name, array.shape) for array in schema.arrays] == [("grid", (2, 2)), ("J", (2,))]
    assert batch[1]["J[1]"].tolist() == [2, 4, 6]
    assert batch[0]["grid[1][0]"].tolist() == [2, 6, 10]
    write_file(tmp_path / "out.parquet", schema, [batch])
    back = pq.read_table(tmp_path / "out.parquet")
    assert back["J"].to_pylist() == pairs.to_pylist()
    assert back["grid"].to_pylist() == grid.to_pylist()
    assert [array.name for array in read(tmp_path / "out.parquet")[1].arrays] == ["grid", "J"]


@pytest.mark.parametrize("statistics", [True, False])
def test_numbers_that_are_null_are_missing_values(statistics, tmp_path, read):
    given = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int32()),
            "flag": pa.array([None, True, False]),
            "x": pa.array([None, float("nan"), 1.0]),
            "Jet_id": pa.array([[1, None], [], [3]]),
            "none": pa.array([1, 2, 3]),
        }
    )
    pq.write_table(given, tmp_path / "in.parquet", write_statistics=statistics, row_group_size=2)
    source, schema, batch = read(tmp_path / "in.parquet", step=1)
    assert [mask.values for mask in schema.masks] == ["n", "flag", "x", "Jet_id"]
    assert batch[0]["n"].tolist() == [1, 0, 3]
    assert batch[0]["x[missing]"].tolist() == [True, False, False]
    write_file(tmp_path / "out.parquet", schema, [batch], extras=source.extras())
    back = pq.read_table(tmp_path / "out.parquet")
    assert back.schema.equals(given.schema)
    for name in given.column_names:
        assert str(back[name].to_pylist()) == str(given[name].to_pylist())


def test_a_column_with_nulls_counts_nothing(parquet, read):
    path = parquet({"nJet": pa.array([1, None, 2]), "Jet_pt": [[1.0], [], [2.0, 3.0]]})
    _, schema, batch = read(path)
    assert schema.groups[1].counter == "nJet_2"
    assert batch[0]["nJet[missing]"].tolist() == [False, True, False]


def test_names_that_occur_twice_are_refused(parquet):
    with pytest.raises(SourceError, match="same name: a"):
        open_source(parquet({"a": [1], "b": [2]}, names=["a", "a"]))


def test_dots_in_names_are_part_of_them(parquet, read):
    _, schema, batch = read(
        parquet({"mu.pt": [[1.0], [2.0]], "mu": [1, 2], "x.y": [1, 2], "x": [3, 4]}), "x.y", "mu.pt"
    )
    assert schema.order == ("nmu", "mu.pt", "x.y")
    assert batch[0]["x.y"].tolist() == [1, 2]


def test_implied_counters_and_foreign_names_come_back(tmp_path, table, read):
    schema, batch = table(
        {"x": np.zeros(3), "count": COUNTS, "n": COUNTS},
        {"A": ("count", {"pt": np.zeros(3), "m_1": np.zeros(3)}), "B": ("n", {"q": np.zeros(3)})},
        origin=Origin("root"),
        implied=["count"],
    )
    path = tmp_path / "table.parquet"
    write_file(path, schema, [batch])
    assert pq.read_schema(path).names == ["x", "n", "pt", "m_1", "q"]
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"
    _, found, back = read(path)
    assert [(g.name, g.counter, g.names) for g in found.groups[1:]] == [
        ("A", "count", ("pt", "m_1")),
        ("B", "n", ("q",)),
    ]
    assert found.events.column("count").implied
    assert back[0]["count"].tolist() == COUNTS.tolist()


@pytest.mark.parametrize("n_events", [0, 1])
def test_files_without_events_keep_their_dtypes(n_events, tmp_path, table, read):
    schema, batch = table(
        {"w": np.array([None] * n_events, TEXT), "nJet": np.zeros(n_events, "i4")},
        {"Jet": ("nJet", {"Jet_id": np.zeros(0, "u1")})},
    )
    write_file(tmp_path / "table.parquet", schema, [batch])
    source, found, _ = read(tmp_path / "table.parquet")
    assert source.n_events == n_events
    assert [(c.name, c.dtype) for c in found.columns] == [(c.name, c.dtype) for c in schema.columns]


def test_a_large_row_group_is_read_piece_by_piece(tmp_path):
    values = np.random.default_rng(1).normal(size=2_000_000)
    pq.write_table(pa.table({"x": values}), tmp_path / "a.parquet", row_group_size=len(values), compression="none")
    source, before = open_source(tmp_path / "a.parquet"), pa.total_allocated_bytes()
    taken = [pa.total_allocated_bytes() - before for _ in source.read(source.select())]
    assert max(taken) < values.nbytes / 3
