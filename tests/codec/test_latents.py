"""How latents are stored, and what has none."""

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import SourceError, UsageError
from tests.tables import flat_batch, jagged_batch

TINY = {"hidden": (8, 4), "epochs": 1, "transform": "standard"}
FREE = {"bound": "free", **TINY}


@pytest.mark.parametrize("keep_log_variance", [False, True])
@pytest.mark.parametrize("latents", ["rounded", "float64"])
@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_every_way_of_storing_latents_restores(jets, tmp_path, kind, latents, keep_log_variance):
    model = {"kind": kind, "latents": latents, "keep_log_variance": keep_log_variance, "latent": 1, **FREE}
    info = baler_vae.compress(jets, tmp_path / "a.bvae", **model)
    _, (events, jet) = jagged_batch()
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        back = archive.arrays(library="np")
        manifest = archive.manifest
    assert np.array_equal(np.concatenate(back["Jet_id"]), jet["Jet_id"])
    assert np.array_equal(back["event"], events["event"])
    assert np.isfinite(np.concatenate(back["Jet_pt"])).all()
    assert np.isfinite(back["met"]).all()
    n_latent_values = info.n_rows["events"] + info.n_rows["Jet"]
    if latents == "float64":
        n_kept = 2 if keep_log_variance and kind == "vae" else 1
        assert info.bytes.latents == 8 * n_kept * n_latent_values
    assert all(bool(group.latents.steps) == (latents == "rounded") for group in manifest.groups)


def test_the_bytes_of_columns_and_latents_add_up_under_every_storage(jets, tmp_path):
    for model in ({"kind": "vae", "latents": "float64", "keep_log_variance": True}, {"kind": "ae"}):
        info = baler_vae.compress(jets, tmp_path / "a.bvae", force=True, **model, **FREE)
        assert sum(column.bytes or 0 for column in info.columns) == info.bytes.codes
        by_name = {column.name: column.bytes for column in info.columns}
        assert [name for name, n_bytes in by_name.items() if n_bytes is None] == ["met", "Jet_pt", "Jet_eta"]
        exact = baler_vae.compress(jets, tmp_path / "b.bvae", force=True, columns="Jet_id", bound="exact")
        assert by_name["Jet_id"] == {column.name: column.bytes for column in exact.columns}["Jet_id"]


@pytest.mark.parametrize("scale", [1e30, 1e60])
@pytest.mark.parametrize("latents", ["rounded", "float64"])
def test_a_codec_refuses_values_that_it_cannot_express(tmp_path, latents, scale):
    x, y = np.random.default_rng(0).normal(size=(2, 500))
    np.savez(tmp_path / "near.npz", x=x, y=y)
    np.savez(tmp_path / "far.npz", x=x, y=np.where(np.arange(500) < 3, scale * y, y))
    codec = baler_vae.fit(tmp_path / "near.npz", latents=latents, **FREE)
    with pytest.raises(UsageError, match=r"far.npz.*3 of 500 rows of events.*too far.*Fit a codec on this file"):
        baler_vae.compress(tmp_path / "far.npz", tmp_path / "a.bvae", codec=codec)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far.npz", "near.npz"]


def test_float64_columns_of_great_offset_and_range_are_fitted(tmp_path):
    rng = np.random.default_rng(1)
    columns = {
        "time": 1.7e9 + 10 * rng.random(400),
        "huge": 1e100 * rng.normal(size=400),
        "tiny": 1e-200 * rng.random(400),
    }
    np.savez(tmp_path / "x.npz", **columns)
    baler_vae.compress(tmp_path / "x.npz", tmp_path / "x.bvae", bound="free", hidden=(8, 4), epochs=1)
    with baler_vae.open(tmp_path / "x.bvae") as archive:
        back = archive.arrays(library="np")
    for name, values in columns.items():
        assert np.abs(back[name] - values).max() < 3 * np.abs(values).max(), name
    assert np.abs(back["time"] - columns["time"]).max() < 30


def test_values_whose_squares_overflow_are_refused_and_named(write, tmp_path):
    values = np.ones(10)
    values[6] = np.finfo(float).max
    path = write(*flat_batch({"x": values, "y": np.arange(10.0)}))
    with pytest.raises(SourceError, match=r"'x', first in row 6.*beyond 1e\+150.*--bound 'x=exact'"):
        baler_vae.fit(path, **FREE)
    baler_vae.compress(path, tmp_path / "a.bvae", bound=["free", "x=exact"], **TINY)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert np.array_equal(archive.arrays("x", library="np")["x"], values)


def test_float16_columns_stay_within_their_dtype(tmp_path):
    values = np.append(np.random.default_rng(2).normal(size=300), [65504, -65504]).astype(np.float16)
    np.savez(tmp_path / "x.npz", x=values)
    baler_vae.compress(tmp_path / "x.npz", tmp_path / "x.bvae", **FREE)
    with baler_vae.open(tmp_path / "x.bvae") as archive:
        back = archive.arrays(library="np")["x"]
    assert back.dtype == np.float16
    assert np.isfinite(back).all()
