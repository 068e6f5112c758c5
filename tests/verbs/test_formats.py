"""From a file of any format to a file of any other: what is exact keeps its bits, names, dtypes and order."""

from dataclasses import replace

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import OutputError
from baler_vae.io.files import open_source
from baler_vae.table.schema import Origin
from baler_vae.table.table import concatenate
from tests.tables import flat_batch, jagged_batch

SUFFIXES = [".root", ".csv", ".parquet", ".h5", ".npz"]
NARROW = ("bool", "int8", "uint16", "int32", "uint64", "float32")


def flat_columns(suffixes):
    """Columns with the values that codecs lose, of every dtype that all the formats have."""
    columns = {
        "d": np.array([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, 1 / 3, -1e308]),
        "run": np.array([0, -1, 2**53 + 1, -(2**63), 2**63 - 1, 7, 7, 7]),
        "kind": np.array(["G", "é", "", 'a "b", c', "x\ny", "T", "G", "G"], object),
    }
    if ".csv" not in suffixes:
        columns |= {dtype: np.array([0, 1, 0, 1, 1, 0, 1, 1]).astype(dtype) for dtype in NARROW}
        columns["float32"] = columns["d"].clip(-1e38, 1e38).astype(np.float32)
    return columns


def read(path):
    source = open_source(path)
    return source.schema, concatenate(list(source.batches(source.select(), 1_000)), source.schema)


def assert_same_bits(before, after):
    assert before.dtype == after.dtype
    if before.dtype == object:
        assert before.tolist() == after.tolist()
    else:
        assert before.tobytes() == after.tobytes()


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_flat_columns_between_all_formats(write, tmp_path, source, target):
    path = write(*flat_batch(flat_columns((source, target))), f"input{source}")
    schema, (before,) = read(path)
    baler_vae.compress(path, tmp_path / "a.bvae", bound="exact")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back{target}")
    restored, (after,) = read(tmp_path / f"back{target}")
    assert restored.order == schema.order == tuple(flat_columns((source, target)))
    for name in schema.order:
        assert_same_bits(before[name], after[name])
        assert_same_bits(flat_columns((source, target))[name], after[name])


@pytest.mark.parametrize("target", [suffix for suffix in SUFFIXES if suffix != ".csv"])
@pytest.mark.parametrize("source", [suffix for suffix in SUFFIXES if suffix != ".csv"])
def test_jagged_columns_between_all_formats_that_hold_them(write, tmp_path, quick, source, target):
    path = write(*jagged_batch(), f"input{source}")
    schema, before = read(path)
    baler_vae.compress(path, tmp_path / "a.bvae", settings=quick, bound="Jet_eta=exact")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back{target}")
    restored, after = read(tmp_path / f"back{target}")
    assert [group.names for group in restored.groups] == [group.names for group in schema.groups]
    assert [group.counter for group in restored.groups] == [None, "nJet"]
    assert [column.dtype for column in restored.columns] == [column.dtype for column in schema.columns]
    for i, name in ((0, "event"), (0, "trigger"), (0, "nJet"), (1, "Jet_eta"), (1, "Jet_id")):
        assert_same_bits(before[i][name], after[i][name])
    for i, name in ((0, "met"), (1, "Jet_pt")):
        assert len(before[i][name]) == len(after[i][name])
        assert np.isfinite(after[i][name]).all()


@pytest.mark.parametrize("suffix", [".parquet", ".h5", ".npz"])
def test_float16_columns_where_a_format_has_them(tmp_path, suffix):
    values = np.arange(-50, 50).astype(np.float16)
    np.savez(tmp_path / "x.npz", x=values)
    baler_vae.compress(tmp_path / "x.npz", tmp_path / "a.bvae", bound="exact")
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back{suffix}")
    _, (after,) = read(tmp_path / f"back{suffix}")
    assert_same_bits(values, after["x"])
    with pytest.raises(OutputError, match="float16"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "back.root")


@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_an_array_of_three_axes_keeps_them(write, tmp_path, suffix):
    image = np.random.default_rng(0).normal(size=(5, 4, 3)).astype(np.float32)
    if suffix == ".npz":
        np.savez(tmp_path / "image.npz", flow=image)
    else:
        schema, batch = flat_batch({f"flow_{i}": np.ascontiguousarray(image[..., i]).ravel() for i in range(3)})
        write(replace(schema, origin=Origin("hdf5", "flow", shape=(5, 4))), batch, "image.h5")
    spec = f"{tmp_path}/image{suffix}:flow"
    info = baler_vae.compress(spec, tmp_path / "a.bvae", bound="exact")
    assert info.n_rows == {"events": 20}
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / f"back{suffix}")
    back, original = (open_source(f"{tmp_path}/{name}{suffix}:flow") for name in ("back", "image"))
    assert back.schema == original.schema
    assert back.schema.origin.shape == (5, 4)
    restored = concatenate(list(back.batches(back.schema, 100)), back.schema)[0]
    assert np.array_equal(np.stack([restored[name] for name in back.schema.order], axis=-1).reshape(5, 4, 3), image)
