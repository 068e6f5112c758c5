"""What a codec remembers of its objective, and how categories are stored."""

from dataclasses import replace

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.codec.codec import Codec
from baler_vae.codec.observations import objective_of_codec, observation_variances, posterior_of_codec
from baler_vae.errors import CorruptArchive

TINY = {"bound": "free", "hidden": (6,), "epochs": 2, "transform": "standard", "latent": 2}
JOINT = {"reconstruction": "gaussian", "kl": {}, "posterior": {"kind": "joint", "categories": [3, 2]}}


@pytest.fixture(scope="module")
def data():
    x, y, z = np.random.default_rng(0).normal(size=(3, 120))
    return {"x": x, "y": y.astype(np.float32), "z": z}


@pytest.fixture(scope="module")
def joint(data):
    return baler_vae.fit(data, kind="vae", objective=JOINT, **TINY)


@pytest.fixture(scope="module")
def plain(data):
    return baler_vae.fit(data, kind="ae", **TINY)


def test_a_codec_with_categories_is_format_2_and_comes_back(joint, plain, data, tmp_path):
    path = tmp_path / "joint.bvmodel"
    joint.save(path)
    again = Codec.load(path)
    assert again == joint
    assert again.models["events"].encoder.categories == (3, 2)
    with ArchiveFile(path) as file:
        assert (file.manifest.version, file.manifest.groups[0].latents.categories) == (2, (3, 2))
    plain.save(tmp_path / "plain.bvmodel")
    with ArchiveFile(tmp_path / "plain.bvmodel") as file:
        assert "categories" not in file.manifest.to_document()["groups"][0]["latents"]
    values = again.decode(again.encode(data))
    np.testing.assert_array_equal(values["x"], joint.decode(joint.encode(data))["x"])


def test_archives_know_nothing_of_categories(joint, data, tmp_path):
    np.savez(tmp_path / "x.npz", **data)
    baler_vae.compress(tmp_path / "x.npz", tmp_path / "x.bvae", codec=joint)
    with ArchiveFile(tmp_path / "x.bvae") as file:
        assert (file.manifest.version, file.manifest.groups[0].latents.categories) == (1, ())
    codec = Codec.of_archive(tmp_path / "x.bvae")
    assert posterior_of_codec(codec, "events").categories == (3, 2)
    assert observation_variances(codec, "events") == observation_variances(joint, "events")


def rewritten(source, target, change):
    """Writes a codec again with other latents in its manifest."""
    with ArchiveFile(source) as file, writing_archive(target) as writer:
        manifest = file.manifest
        for name in manifest.sections:
            writer.add(name, file.section(name))
        group = manifest.groups[0]
        latents = group.latents.model_copy(update=change)
        groups = (group.model_copy(update={"latents": latents}),)
        writer.finish(manifest.model_copy(update={"groups": groups, "sections": {}}))


@pytest.mark.parametrize("categories", [(), (4, 5), (3, 3), (2,), (1 << 40,)])
def test_categories_that_do_not_fit_the_encoder_are_damage(joint, tmp_path, categories):
    joint.save(tmp_path / "joint.bvmodel")
    rewritten(tmp_path / "joint.bvmodel", tmp_path / "other.bvmodel", {"categories": categories})
    with pytest.raises(CorruptArchive, match="latents"):
        Codec.load(tmp_path / "other.bvmodel")


def test_learnt_variances_are_told_by_column(joint, plain):
    found = observation_variances(joint, "events")
    assert set(found) == {"x", "y", "z"}
    assert all(0.3 < variance < 1.5 for variance in found.values())
    assert observation_variances(plain, "events") is None
    for wrong in ({"x": 1.0}, {"x": 1.0, "y": 1.0, "z": "1"}, {"x": 1.0, "y": 1.0, "z": -1.0}, [1.0]):
        damaged = replace(joint, fits={"events": {"observation_variances": wrong}})
        assert observation_variances(damaged, "events") is None


def test_the_objective_and_the_posterior_are_told(joint, plain, data):
    assert objective_of_codec(joint).reconstruction == "gaussian"
    assert posterior_of_codec(joint, "events").kind == "joint"
    assert objective_of_codec(plain) is None
    assert posterior_of_codec(plain, "events").kind == "point"
    later = {"model": {"objective": {"reconstruction": "of a later version"}}}
    assert objective_of_codec(replace(joint, settings=later)) is None
    assert posterior_of_codec(replace(joint, settings=later), "events").kind == "gaussian"
    bounded = baler_vae.fit(data, kind="independent", bound="bits:8")
    assert posterior_of_codec(bounded, "events") is None
