"""Small files that others keep out, or change: each comes back as it was, or is refused by name.

Judged by the libraries that users read such files with, never by our own comparison.
"""

import shutil

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pytest
import uproot

import baler_vae
from baler_vae.errors import OutputError, SourceError


@pytest.fixture
def odd(data_dir):
    folder = data_dir / "odd"
    if not folder.is_dir():
        pytest.skip(f"no odd files in {data_dir} (BALER_VAE_DATA)")
    return folder


def came_back(original, tmp_path, **options):
    """What `compress` says of a file, and the file that comes back, exact in every column."""
    info = baler_vae.compress(original, tmp_path / "a.bvae", kind="independent", bound="exact", **options)
    restored = tmp_path / f"back{str(original).rpartition('/')[2].partition('.')[2].join(['.', ''])}"
    baler_vae.decompress(tmp_path / "a.bvae", restored)
    assert baler_vae.verify(tmp_path / "a.bvae", against=original).broken == ()
    return info, restored


@pytest.mark.parametrize(
    ("name", "reading"),
    [
        ("semicolon", {"sep": ";"}),
        ("comment", {"comment": "#"}),
        ("leading_zeros", {"dtype": str}),
        ("pandas_index", {"index_col": 0}),
        ("pandas_index", {}),
        ("int_missing", {"dtype": "Int64"}),
        ("int_missing", {"dtype": str, "keep_default_na": False}),
    ],
)
def test_tables_of_text_are_read_as_before(odd, tmp_path, name, reading):
    original = odd / f"{name}.csv"
    _, restored = came_back(original, tmp_path)
    pd.testing.assert_frame_equal(pd.read_csv(restored, **reading), pd.read_csv(original, **reading))


def test_what_a_dialect_has_beside_its_values_stays(odd, tmp_path):
    for name in ("comment", "leading_zeros", "pandas_index"):
        _, restored = came_back(odd / f"{name}.csv", tmp_path)
        assert restored.read_bytes() == (odd / f"{name}.csv").read_bytes()
        (tmp_path / "a.bvae").unlink()
        restored.unlink()


def test_integers_with_an_empty_cell_are_exact_under_the_default_bound(odd, tmp_path):
    info = baler_vae.compress(odd / "int_missing.csv", tmp_path / "a.bvae", kind="independent")
    assert {column.bound for column in info.columns} == {"exact"}


def everything_in(path):
    """All objects of an HDF5 file: types, shapes, chunks, values, and attributes as they are stored."""
    found = {}

    def attributes(item):
        return {
            name: (item.attrs.get_id(name).dtype, h5py.h5a.open(item.id, name.encode()).get_type(), repr(value))
            for name, value in item.attrs.items()
        }

    def visit(name, item):
        if isinstance(item, h5py.Group):
            found[name] = ("group", attributes(item))
            return
        values = item[()]
        found[name] = (
            item.dtype,
            item.id.get_type(),
            item.shape,
            item.maxshape,
            item.chunks,
            item.compression,
            values.tobytes() if isinstance(values, np.ndarray) and values.dtype != object else repr(values),
            attributes(item),
        )

    with h5py.File(path) as file:
        found["/"] = ("group", attributes(file))
        file.visititems(visit)
    return found


@pytest.mark.parametrize(
    "name",
    ["compound_jets", "compound_and_flat", "pandas_fixed", "string_inflates", "wide_rows", "latin1_bytes"],
)
def test_hdf5_files_come_back_to_the_type(odd, tmp_path, name):
    original = odd / f"{name}.h5"
    info, restored = came_back(original, tmp_path)
    assert everything_in(restored) == everything_in(original)
    assert restored.stat().st_size < 2 * original.stat().st_size + 20_000
    if name == "wide_rows":
        assert info.warnings == ()
        assert {column.name: column.dtype for column in info.columns}["showers"].endswith("]")
    if name.startswith("compound"):
        assert {"jets/pt", "jets/eta", "jets/label"} <= {column.name for column in info.columns}


def test_pandas_reads_its_own_file_again(odd, tmp_path):
    pytest.importorskip("tables")
    _, restored = came_back(odd / "pandas_fixed.h5", tmp_path)
    pd.testing.assert_frame_equal(pd.read_hdf(restored, "df"), pd.read_hdf(odd / "pandas_fixed.h5", "df"))


def test_booleans_of_any_byte_are_true(odd, tmp_path):
    _, restored = came_back(odd / "bool_bytes.npz", tmp_path)
    with np.load(odd / "bool_bytes.npz") as before, np.load(restored) as after:
        assert after["flag"].dtype == np.bool_
        assert np.array_equal(after["flag"], before["flag"].view(np.uint8) != 0)
        assert set(after["flag"].view(np.uint8).tolist()) <= {0, 1}
        assert np.array_equal(after["x"], before["x"])


def test_arrays_of_numpy_come_back(odd, tmp_path):
    _, restored = came_back(odd / "plain.npy", tmp_path)
    before, after = np.load(odd / "plain.npy"), np.load(restored)
    assert after.dtype == before.dtype
    assert after.tobytes() == before.tobytes()


def test_features_and_labels_are_one_table(odd, tmp_path):
    info, restored = came_back(odd / "X_y.npz", tmp_path)
    assert info.n_rows["events"] == 3
    with np.load(odd / "X_y.npz") as before, np.load(restored) as after:
        assert sorted(after.files) == sorted(before.files)
        for name in before.files:
            assert after[name].dtype == before[name].dtype
            assert np.array_equal(after[name], before[name])


def test_names_in_an_array_of_objects_are_read_without_running_anything(odd, tmp_path):
    info, restored = came_back(odd / "obj_names.npz", tmp_path)
    with np.load(odd / "obj_names.npz", allow_pickle=True) as before, np.load(restored, allow_pickle=True) as after:
        assert [column.name for column in info.columns] == before["names"].tolist()
        assert np.array_equal(after["data"], before["data"])
        assert after["names"].tolist() == before["names"].tolist()


def test_pandas_gets_its_index_back(odd, tmp_path):
    _, restored = came_back(odd / "pandas_index.parquet", tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(restored), pd.read_parquet(odd / "pandas_index.parquet"))


@pytest.mark.parametrize("name", ["record_name", "int_null_no_statistics", "list_of_null"])
def test_awkward_gets_the_same_arrays_back(odd, tmp_path, name):
    original = odd / f"{name}.parquet"
    _, restored = came_back(original, tmp_path)
    before, after = ak.from_parquet(original), ak.from_parquet(restored)
    assert after.type == before.type
    assert after.tolist() == before.tolist()
    pd.testing.assert_frame_equal(pd.read_parquet(restored), pd.read_parquet(original))


def test_what_an_ntuple_has_no_type_for_is_named(odd, tmp_path):
    came_back(odd / "list_of_null.parquet", tmp_path)
    with pytest.raises(OutputError, match=r"no type for columns of nulls only: v\..*\.parquet"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "b.root", rntuple=True)


def test_behaviours_of_vectors_work_again(odd, tmp_path):
    vector = pytest.importorskip("vector")
    vector.register_awkward()
    _, restored = came_back(odd / "record_name.parquet", tmp_path)
    before, after = ak.from_parquet(odd / "record_name.parquet"), ak.from_parquet(restored)
    assert after.Jet.px.tolist() == before.Jet.px.tolist()


def test_a_branch_shorter_than_its_tree_is_refused_by_name(odd, tmp_path):
    with pytest.raises(SourceError, match=r"\bb\b"):
        baler_vae.compress(odd / "short_branch.root", tmp_path / "a.bvae", kind="independent")
    assert list(tmp_path.iterdir()) == []
    info, restored = came_back(odd / "short_branch.root", tmp_path, skip_unreadable=True)
    assert [column.name for column in info.columns] == ["x"]
    with uproot.open({odd / "short_branch.root": "t"}) as before, uproot.open({restored: "t"}) as after:
        assert np.array_equal(after["x"].array(library="np"), before["x"].array(library="np"))


def test_a_name_that_stands_twice_does_not_block_its_tree(odd, tmp_path):
    original = f"{odd / 'uproot-issue443.root'}:muonDataTree"
    info = baler_vae.compress(original, tmp_path / "a.bvae", columns="evt*", kind="independent")
    assert "evtNum" in {column.name for column in info.columns}
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.root")
    with uproot.open({tmp_path / "back.root": "muonDataTree"}) as tree:
        assert tree["evtNum"].typename == "int32_t"


def test_a_copy_under_another_suffix_is_the_same_table(odd, tmp_path):
    shutil.copy(odd / "comment.csv", tmp_path / "t.txt")
    baler_vae.compress(tmp_path / "t.txt", tmp_path / "a.bvae", kind="independent", bound="exact")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.txt")
    assert (tmp_path / "back.txt").read_bytes() == (odd / "comment.csv").read_bytes()
