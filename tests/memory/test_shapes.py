"""Data in memory with an array in every row: one column of cells, and the same object back."""

import awkward as ak
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import baler_vae
from baler_vae.errors import SourceError, UsageError
from baler_vae.table.nested import Nested

N = 12
IMAGE = np.random.default_rng(0).normal(size=(N, 20, 20)).astype("f4")
IMAGE[3, 2, 1], IMAGE[4, 0, 0], IMAGE[5, 1, 1] = np.nan, np.inf, -0.0
EXACT = {"bound": "exact", "kind": "independent"}
TENSOR = pa.fixed_shape_tensor(pa.float32(), (20, 20), dim_names=["y", "x"], permutation=[1, 0])


def lists(n_nulls=0):
    mask = pa.array(np.arange(N) < n_nulls) if n_nulls else None
    return pa.FixedSizeListArray.from_arrays(IMAGE.reshape(-1), 400, mask=mask)


DATA = {
    "dict": {"x": IMAGE, "y": np.arange(N)},
    "fortran": {"x": np.asfortranarray(IMAGE)},
    "big-endian": {"x": IMAGE.astype(">f8")},
    "strided": {"x": np.repeat(IMAGE, 2, axis=1)[:, ::2]},
    "complex": {"x": (IMAGE + 1j).astype("c8")},
    "times": {"x": np.arange(N * 400).reshape(N, 20, 20).astype("M8[s]")},
    "booleans": {"x": IMAGE > 0},
    "halves": {"x": IMAGE.astype("f2")},
    "no rows": {"x": IMAGE[:0]},
    "masked": {"x": np.ma.MaskedArray(IMAGE)},
    "records": np.array([(row, 1) for row in IMAGE], [("x", "f4", (20, 20)), ("n", "i4")]),
    "awkward": ak.Array({"x": ak.from_numpy(IMAGE, regulararray=True), "y": np.arange(N)}),
    "numpy in awkward": ak.Array({"x": ak.from_numpy(IMAGE)}),
    "lists": pa.table({"x": lists(), "y": np.arange(N)}),
    "tensors": pa.table({"x": pa.ExtensionArray.from_storage(TENSOR, lists())}),
    "cells": pd.DataFrame({"x": list(IMAGE), "y": np.arange(N)}),
    "lists of pandas": pd.DataFrame({"x": pd.Series(lists(), dtype=pd.ArrowDtype(pa.list_(pa.float32(), 400)))}),
}


def same(one, other):  # noqa: PLR0911  a case for each kind
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, pd.DataFrame):
        return one.dtypes.equals(other.dtypes) and one.index.equals(other.index) and same(dict(one), dict(other))
    if isinstance(one, pd.Series) and one.dtype == object:
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, ak.Array):
        return str(one.type) == str(other.type) and same(*map(ak.to_list, (one.y, other.y))) if "y" in one.fields else 1
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, pa.Table):
        pairs = [(Nested(a.combine_chunks()), Nested(b.combine_chunks())) for a, b in zip(one, other, strict=True)]
        return one.schema.equals(other.schema, check_metadata=True) and all(a.same_as(b) for a, b in pairs)
    if isinstance(one, pd.Series) and isinstance(one.dtype, pd.ArrowDtype):
        return same(pa.table({"x": pa.chunked_array(one.array)}), pa.table({"x": pa.chunked_array(other.array)}))
    return one.equals(other) if hasattr(one, "equals") else one == other


def shape_of(archive, name="x"):
    return next(column.shape for column in archive.schema.columns if column.name.partition(".")[0] == name)


@pytest.mark.parametrize("kind", DATA)
def test_arrays_in_rows_are_one_column_and_come_back(tmp_path, kind):
    path, data = tmp_path / "a.bvae", DATA[kind]
    baler_vae.compress(data, path, **EXACT)
    with baler_vae.open(path) as archive:
        assert shape_of(archive) == ((400,) if "lists" in kind else (20, 20))
        found = archive.arrays(library="np")
        if kind not in {"complex", "times"}:
            first = IMAGE[:1] > 0 if kind == "booleans" else IMAGE[: len(found["x"])][:1]
            assert np.array_equal(found["x"][:1].reshape(first.shape), first.astype(found["x"].dtype))
    back = baler_vae.decompress(path)
    assert type(back) is type(data)
    assert same(data, back)
    assert baler_vae.verify(path, against=data).broken == ()


def test_bounds_are_kept_in_every_cell_and_checked_against_data(tmp_path):
    path, data = tmp_path / "a.bvae", DATA["dict"]
    baler_vae.compress([data, data], path, bound="abs:0.01", kind="independent")
    assert baler_vae.verify(path, against=[data, data]).broken == ()
    other = {"x": IMAGE.copy(), "y": data["y"]}
    other["x"][7, 1, 2] += 1
    (broken,) = baler_vae.verify(path, against=[data, other]).broken
    assert (broken.name, broken.n_broken, broken.worst_row) == ("x", 1, N + 7)
    assert "in cell [1, 2] of [20, 20]" in broken.original
    with pytest.raises(UsageError, match="different shape"):
        baler_vae.verify(path, against={"x": IMAGE.reshape(N, 40, 10), "y": data["y"]})


def test_missing_arrays_come_back(tmp_path):
    cells = [None, *IMAGE[1:]]
    frame = pd.DataFrame({"x": cells, "e": list(IMAGE[:, :2, :2])}, index=np.arange(N) * 2)
    table = pa.table({"x": pa.ExtensionArray.from_storage(TENSOR, lists(2))})
    for data in (frame, table):
        baler_vae.compress(data, tmp_path / "a.bvae", force=True, **EXACT)
        back = baler_vae.decompress(tmp_path / "a.bvae")
        assert same(data, back)
        assert baler_vae.verify(tmp_path / "a.bvae", against=data).broken == ()


def test_cells_of_several_shapes_are_refused():
    with pytest.raises(SourceError, match="Arrow has no type"):
        baler_vae.dumps(pd.DataFrame({"x": [IMAGE[0], IMAGE[0][:3]]}), **EXACT)


@pytest.mark.parametrize("suffix", ["parquet", "feather", "npz", "h5", "root"])
def test_files_of_what_was_in_memory(tmp_path, suffix):
    baler_vae.compress(DATA["tensors"].append_column("y", [np.arange(N)]), tmp_path / "a.bvae", **EXACT)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"a.{suffix}")
    baler_vae.compress(tmp_path / f"a.{suffix}", tmp_path / "b.bvae", **EXACT)
    with baler_vae.open(tmp_path / "b.bvae") as archive:
        assert shape_of(archive) == (20, 20)
        assert archive["x"].array(library="np").tobytes() == IMAGE.tobytes()
    if suffix in {"parquet", "feather"}:
        assert baler_vae.decompress(tmp_path / "b.bvae").schema.field("x").type == TENSOR
