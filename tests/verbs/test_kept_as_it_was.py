"""Whole ways through an archive, judged by pandas and numpy: what a file says of its columns comes back with them."""

import awkward as ak
import numpy as np
import pandas as pd
import pytest

import baler_vae

QUICK = {"kind": "independent"}


@pytest.fixture
def there_and_back(tmp_path):
    """The restored file of a path, and what `compress` said of its archive."""

    def go(path, **options):
        info = baler_vae.compress(path, tmp_path / "a.bvae", force=True, **QUICK, **options)
        output = tmp_path / f"restored{path.suffix}"
        baler_vae.decompress(tmp_path / "a.bvae", output, force=True)
        return output, info

    return go


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    values = {
        "run": pd.array([278_000, None, *range(278_001, 278_399)], "Int64"),
        "flag": pd.array([None, True, *[False] * 398], "boolean"),
        "pt": np.where(np.arange(400) % 7, rng.exponential(20, 400), np.nan).astype("f4"),
        "kind": pd.Categorical(["b", "a"] * 200, categories=["c", "b", "a"]),
    }
    index = pd.MultiIndex.from_arrays([np.arange(400) // 9, np.arange(400)], names=["lumi", "event"])
    return pd.DataFrame(values, index)


@pytest.mark.parametrize("suffix", [".parquet", ".parq", ".feather"])
def test_a_frame_keeps_its_index_its_dtypes_and_its_bound(suffix, tmp_path, there_and_back):
    path, given = tmp_path / f"in{suffix}", frame()
    read = pd.read_feather if suffix == ".feather" else pd.read_parquet
    if suffix == ".feather":
        given = given.reset_index()
        given.to_feather(path)
    else:
        given.to_parquet(path)
    output, info = there_and_back(path, bound="bits:10")
    back = read(output)
    pd.testing.assert_frame_equal(back.drop(columns="pt"), given.drop(columns="pt"))
    before, after = given["pt"].to_numpy(), back["pt"].to_numpy()
    assert (np.isnan(before) == np.isnan(after)).all()
    assert np.nanmax(np.abs(after - before) / before) <= 2**-11
    assert not np.array_equal(before, after, equal_nan=True)
    bounds = {column.name: column.bound for column in info.columns}
    assert (bounds["pt"], bounds["run"], bounds["run[missing]"]) == ("bits:10", "exact", "exact")


def test_arrays_come_back_with_what_was_beside_them(tmp_path, there_and_back):
    path, matrix = tmp_path / "in.npz", np.random.default_rng(4).normal(size=(300, 3))
    np.savez(path, X=matrix, y=np.arange(300), feature_names=np.array(["a", "b", "c"], object), edges=np.arange(9.0))
    output, info = there_and_back(path, bound=["exact", "b=abs:0.01"])
    assert "edges (200 bytes)" in "".join(info.warnings)
    with np.load(output, allow_pickle=True) as found:
        assert found.files == ["X", "y", "feature_names", "edges"]
        assert np.array_equal(found["X"][:, [0, 2]], matrix[:, [0, 2]])
        assert 0 < np.abs(found["X"] - matrix).max() <= 0.01
        assert found["feature_names"].tolist() == ["a", "b", "c"]
        assert found["edges"].tolist() == list(range(9))
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "some.npz", columns=["a", "y"])
    with np.load(tmp_path / "some.npz") as found:
        assert {name: found[name].shape for name in found.files} == {"X": (300, 1), "y": (300,)}


def test_an_array_comes_back_to_the_byte(tmp_path, there_and_back):
    path = tmp_path / "in.npy"
    np.save(path, np.asfortranarray(np.random.default_rng(5).normal(size=(40, 3, 2)).astype(">f4")))
    output, _ = there_and_back(path, bound="exact")
    assert output.read_bytes() == path.read_bytes()
    back = baler_vae.evaluate(path, tmp_path / "a.bvae")
    assert [(column.name, column.n_different) for column in back.columns] == [("data_0", 0), ("data_1", 0)]


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_records_in_lists_keep_their_names(suffix, tmp_path, there_and_back):
    path, counts = tmp_path / f"in{suffix}", np.arange(40) % 3
    jets = ak.zip({"pt": np.arange(39.0), "tag": ak.Array([None, 1, 2] * 13)}, with_name="OurJet")
    events = ak.zip({"jets": ak.unflatten(jets, counts), "run": np.arange(40)}, depth_limit=1)
    write, read = (ak.to_parquet, ak.from_parquet) if suffix == ".parquet" else (ak.to_feather, ak.from_feather)
    write(events, path)
    output, _ = there_and_back(path)
    assert read(output).type == read(path).type
    assert ak.parameters(read(output).jets) == ak.parameters(read(path).jets)
    assert read(output).to_list() == events.to_list()
