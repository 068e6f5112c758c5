"""Objectives through whole files: fit, compress, decompress, evaluate, and what stays as it was."""

import json

import numpy as np
import pytest

import baler_vae
from baler_vae.codec.codec import Codec
from tests.tables import jagged_batch

TINY = {"hidden": (6,), "epochs": 2, "transform": "standard"}
OBJECTIVES = {
    "noisy": ("ae", {"posterior": {"kind": "noisy", "snr": 15.0}, "moments": {}}),
    "InfoVAE": ("vae", {"kl": {"beta": 0.01}, "mmd": {"weight": 10.0}}),
    "joint": ("vae", {"kl": {}, "posterior": {"kind": "joint", "categories": [4]}}),
    "cross entropy": ("vae", {"kl": {}, "reconstruction": "cross_entropy"}),
}


@pytest.mark.parametrize("latents", ["rounded", "float64"])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_archives_come_back(write, tmp_path, name, latents):
    kind, objective = OBJECTIVES[name]
    schema, (events, jets) = jagged_batch()
    path = write(schema, (events, jets))
    settings = {**TINY, "transform": "auto", "kind": kind, "objective": objective, "latents": latents}
    codec = baler_vae.fit(path, bound=["free", "met=bits:8"], **settings)
    codec.save(tmp_path / "a.bvmodel")
    info = baler_vae.compress(path, tmp_path / "a.bvae", codec=tmp_path / "a.bvmodel")
    assert info.bytes.latents > 0
    whole = baler_vae.compress(path, tmp_path / "b.bvae", bound=["free", "met=bits:8"], **settings)
    assert whole.bytes.latents == info.bytes.latents
    restored = tmp_path / "restored.root"
    baler_vae.decompress(tmp_path / "a.bvae", restored)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        back = archive.arrays(library="np")
        assert archive.manifest.version == 1
    np.testing.assert_array_equal(np.concatenate(back["Jet_id"]), jets["Jet_id"])
    np.testing.assert_allclose(back["met"], events["met"], rtol=2**-9)
    assert np.isfinite(np.concatenate(back["Jet_pt"])).all()
    if name == "cross entropy":
        pt = np.concatenate(back["Jet_pt"])
        assert jets["Jet_pt"].min() <= pt.min() <= pt.max() <= jets["Jet_pt"].max()
    evaluation = baler_vae.evaluate(path, restored)
    assert {column.name for column in evaluation.columns} >= {"met", "Jet_pt", "Jet_eta"}


def test_an_objective_is_kept_with_the_codec_and_repeats_it(write, tmp_path):
    kind, objective = OBJECTIVES["InfoVAE"]
    path = write(*jagged_batch())
    codec = baler_vae.fit(path, columns="Jet_*", bound="free", **TINY, kind=kind, objective=objective)
    model = codec.settings["model"]
    assert model["objective"]["kl"]["beta"] == 0.01
    again = baler_vae.fit(path, columns="Jet_*", bound="free", settings=baler_vae.ModelSettings.model_validate(model))
    assert again == codec
    epochs = Codec.from_bytes(codec.to_bytes()).history["Jet"]
    assert [epoch["weight of MMD"] for epoch in epochs] == [10.0, 10.0]
    assert {"squared error", "KL divergence", "MMD", "steps"} <= set(epochs[0])


def test_without_an_objective_a_codec_says_nothing_of_one(write):
    codec = baler_vae.fit(write(*jagged_batch()), columns="Jet_*", bound="free", kind="vae", beta=0.1, **TINY)
    assert "objective" not in json.dumps(codec.settings)
    assert "observation_variances" not in codec.fits["Jet"]
    assert {tuple(epoch) for epoch in codec.history["Jet"]} == {
        ("number", "training_loss", "validation_error", "learning_rate", "beta")
    }


def test_advice_on_bounds_leaves_an_objective_aside(write):
    settings = baler_vae.ModelSettings(kind="ae", objective={"moments": {}}, **TINY)
    advice = baler_vae.advise(write(*jagged_batch()), columns="Jet_*", model=settings)
    assert advice.fitted_bytes > 0
