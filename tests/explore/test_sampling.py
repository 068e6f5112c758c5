"""New rows from a codec, as a user asks for them: where latents come from, what is written, returned and said."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pandas as pd
import pytest

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.explore import sample
from baler_vae.io.files import open_source
from baler_vae.measures.samples import fit_mixture
from tests.codec.test_networks import TINY, write

MODES = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]])
PART = {"hidden": (16, 8), "epochs": 60, "transform": "standard", "batch_rows": 64, "learning_rate": 5e-3, "seed": 1}


def points(n_rows=900, seed=0):
    rng = np.random.default_rng(seed)
    found = MODES[rng.integers(0, 3, n_rows)] + 0.4 * rng.standard_normal((n_rows, 2))
    return {"x": found[:, 0].astype(np.float32), "y": found[:, 1].astype(np.float32)}


def near_modes(frame):
    """The part of rows within 2 of a mode."""
    rows = np.stack([frame["x"], frame["y"]], axis=1).astype(np.float64)
    distance = np.linalg.norm(rows[:, None] - MODES, axis=2)
    return np.mean(distance.min(axis=1) < 2)


@pytest.fixture(scope="module")
def files(shared):
    """`vae.bvmodel`, `ae.bvmodel` with latents that are stored as they are, `vae.bvae`, and `points.parquet`."""

    def make(folder):
        pd.DataFrame(points()).to_parquet(folder / "points.parquet")
        for kind, more in (("vae", {}), ("ae", {"latents": "float64"})):
            codec = baler_vae.fit(
                folder / "points.parquet", bound="free", kind=kind, latent=2, beta=1e-4, **PART, **more
            )
            codec.save(folder / f"{kind}.bvmodel")
            baler_vae.compress(folder / "points.parquet", folder / f"{kind}.bvae", codec=codec)
        write(folder / "jets.parquet", 600)
        codec = baler_vae.fit(folder / "jets.parquet", bound="bits:8", kind="vae", **TINY)
        codec.save(folder / "jets.bvmodel")
        columns = [name for name in codec.schema.order if name not in {"name", "mass"}]
        baler_vae.fit(folder / "jets.parquet", columns=columns, bound="bits:8").save(folder / "numbers.bvmodel")

    return shared("codecs to draw from", make)


def test_latents_come_from_where_they_are_asked_for(files):
    codec, rows = files / "vae.bvmodel", files / "points.parquet"
    posterior = sample(codec, 600, source="posterior", training=rows, seed=3)
    mixture = sample(codec, 600, source="mixture", training=rows, seed=3)
    prior = sample(codec, 600, source="prior", seed=3)
    density = sample(codec, 600, source="density", seed=3)
    assert [own.latents_from["events"] for own in (posterior, mixture, prior, density)] == [
        "posterior",
        "mixture",
        "prior",
        "density",
    ]
    assert near_modes(posterior.data) > 0.97
    assert near_modes(mixture.data) > 0.95
    assert mixture.components["events"] >= 3
    assert not prior.components
    assert near_modes(prior.data) < near_modes(mixture.data)


def test_latents_of_an_archive_are_its_own(files):
    found = sample(files / "ae.bvae", 400, source="posterior", seed=1)
    assert near_modes(found.data) > 0.97
    assert sample(files / "vae.bvae", 400, source="mixture", seed=1).components["events"] >= 3


def test_defaults(files):
    rows = files / "points.parquet"
    assert sample(files / "vae.bvmodel", 5).latents_from == {"events": "density"}
    assert sample(files / "vae.bvmodel", 5, training=rows).latents_from == {"events": "mixture"}
    assert sample(files / "vae.bvae", 5).latents_from == {"events": "mixture"}
    assert set(sample(files / "jets.bvmodel", 5).latents_from.values()) == {"density"}
    assert not sample(baler_vae.fit(rows, bound="bits:8", kind="independent"), 5).latents_from


def test_what_cannot_be_drawn_from_is_said(files, tmp_path):
    rows, vae, ae = files / "points.parquet", files / "vae.bvmodel", files / "ae.bvmodel"
    plain = baler_vae.fit(rows, bound="bits:8", kind="independent")
    for source in ("prior", "posterior", "mixture"):
        with pytest.raises(UsageError, match=f"no latents to draw from a {source}.*--from density"):
            sample(plain, 5, source=source, training=rows)
    with pytest.raises(UsageError, match="there are no training rows whose latents a mixture needs"):
        sample(vae, 5, source="mixture")
    with pytest.raises(UsageError, match="have no prior: a plain autoencoder puts them anywhere"):
        sample(ae, 5, source="prior")
    with pytest.raises(UsageError, match="have no prior"):
        sample(ae, 5)
    with pytest.raises(UsageError, match="the latents of events have no tables"):
        sample(ae, 5, source="density")
    with pytest.raises(UsageError, match="unknown source of latents 'chance'"):
        sample(vae, 5, source="chance")
    with pytest.raises(UsageError, match="has a column that this file lacks"):
        sample(vae, 5, source="mixture", training=files / "jets.parquet")
    with pytest.raises(UsageError, match="the encoder of events is not there: an archive holds none"):
        sample(files / "vae.bvae", 5, source="mixture", training=rows)
    with pytest.raises(SourceError, match="NaN, infinite"):
        sample(vae, 5, training={name: np.append(own, np.float32(np.nan)) for name, own in points(20).items()})
    with pytest.raises(UsageError, match=r"too few training rows for a mixture.*found 1"):
        sample(vae, 5, training={name: own[:1] for name, own in points(20).items()})
    with pytest.raises(SourceError, match="no training rows"):
        sample(vae, 5, training={name: own[:0] for name, own in points(20).items()})
    for wrong in ({"n": 0}, {"n": True}, {"n": 2.5}, {"n": 5, "seed": -1}):
        with pytest.raises(UsageError, match="expected a whole number"):
            sample(vae, **wrong)
    (tmp_path / "there.csv").touch()
    with pytest.raises(OutputError, match="exists already"):
        sample(vae, 5, tmp_path / "there.csv")


@pytest.mark.parametrize(
    ("kind", "objective", "why"),
    [
        ("ae", {"moments": {"weight": 0.0}}, "a plain autoencoder puts them anywhere"),
        ("ae", {"mmd": {"weight": 1.0, "prior": "fitted"}}, "not for the standard one"),
        ("vae", {"mmd": {"weight": 1.0, "prior": "fitted"}}, "not for the standard one"),
        ("ae", {"mmd": {"weight": 1.0}}, None),
        ("vae", {"mmd": {"weight": 1.0, "prior": "fitted"}, "moments": {"weight": 1.0}}, None),
    ],
)
def test_the_standard_normal_is_no_prior_unless_latents_were_drawn_to_it(files, kind, objective, why):
    codec = replace(Codec.load(files / f"{kind}.bvmodel"), settings={"model": {"kind": kind, "objective": objective}})
    if why is None:
        assert len(sample(codec, 5, source="prior").data) == 5
    else:
        with pytest.raises(UsageError, match=f"have no prior: .*{why}.*--from mixture"):
            sample(codec, 5, source="prior")


@pytest.mark.parametrize(
    ("suffix", "codec"), [("root", "numbers"), ("parquet", "jets"), ("h5", "numbers"), ("feather", "jets")]
)
def test_files_have_the_schema_of_the_codec(files, tmp_path, suffix, codec):
    path = tmp_path / f"new.{suffix}"
    found = sample(files / f"{codec}.bvmodel", 50, path, training=files / "jets.parquet")
    assert found.data is None
    assert found.output == str(path)
    schema, original = open_source(path).schema, baler_vae.Codec.load(files / f"{codec}.bvmodel").schema
    assert {column.name: column.kind for column in schema.columns} == {c.name: c.kind for c in original.columns}
    assert open_source(path).n_events == 50
    assert found.n_rows["events"] == 50
    assert found.from_training == (("name",) if codec == "jets" else ())


@pytest.mark.parametrize("suffix", ["root", "csv", "parquet", "npz"])
def test_a_codec_of_data_in_memory_gives_files(tmp_path, suffix):
    codec = baler_vae.fit(points(100), kind="independent", bound="abs:0.01")
    sample(codec, 20, tmp_path / f"new.{suffix}")
    assert open_source(tmp_path / f"new.{suffix}").n_events == 20


def test_what_is_returned(files):
    found = sample(files / "jets.bvmodel", 80, library="ak")
    assert isinstance(found.data, ak.Array)
    assert len(found.data) == 80
    assert ak.all(ak.num(found.data["pt"]) == found.data["n"])
    assert int(ak.sum(found.data["n"])) == found.n_rows["jet"]
    assert "name" in found.left_out
    assert isinstance(sample(files / "vae.bvmodel", 3).data, pd.DataFrame)
    told = found.to_dict()
    assert told["n_rows"] == found.n_rows
    assert "data" not in told
    assert found.to_pandas()["rows"].tolist() == list(found.n_rows.values())
    assert "name is left out" in found._repr_html_()
    with pytest.raises(UsageError, match="unknown library"):
        sample(files / "vae.bvmodel", 3, library="xx")


def test_the_same_seed_gives_the_same_bytes(files, tmp_path):
    paths = [tmp_path / name for name in ("one.parquet", "two.parquet", "three.parquet")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        sample(files / "vae.bvmodel", 200, path, training=files / "points.parquet", seed=seed)
    one, two, three = (path.read_bytes() for path in paths)
    assert one == two != three


def test_histograms_stand_beside_those_of_training_rows(files):
    found = sample(files / "vae.bvmodel", 300, training=files / "points.parquet", shapes=True)
    assert [shape.column for shape in found.shapes] == ["x", "y"]
    shape = found.shapes[0]
    assert len(shape.edges) == len(shape.samples) + 1 == len(shape.training) + 1
    assert 0.95 * 900 < sum(shape.training) <= 900
    assert sample(files / "vae.bvmodel", 300, shapes=True).shapes[0].training is None


def test_bins_of_whole_numbers_hold_as_many_each():
    """A bin of two numbers between bins of one would be a tooth of a comb."""
    data = {"n": np.random.default_rng(0).poisson(200, 2_000)}
    codec = baler_vae.fit(data, kind="independent", bound="exact")
    (shape,) = sample(codec, 2_000, training=data, shapes=True).shapes
    edges = np.array(shape.edges)
    assert 30 < len(edges) <= 62
    assert set(np.diff(edges)) == {2}
    assert (edges % 1 == 0.5).all()


def test_a_mixture_finds_the_components_that_there_are():
    rng = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0, 3.0], [100.0, 0.0, 3.0], [0.0, 0.01, 3.0], [50.0, 0.005, 3.0]])
    chosen = rng.integers(0, 4, 4_000)
    spread = np.array([4.0, 3e-4, 0.0])
    mixture = fit_mixture((centres[chosen] + spread * rng.standard_normal((4_000, 3))).astype(np.float64), seed=0)
    assert len(mixture.weights) == 4
    assert min(mixture.bic, key=mixture.bic.get) == 4
    assert np.allclose(np.sort(mixture.weights), 0.25, atol=0.03)
    drawn = mixture.draw(4_000, np.random.default_rng(1))
    for centre in centres:
        near = np.abs(drawn[:, :2] - centre[:2]) < 5 * spread[:2]
        own = drawn[near.all(axis=1)]
        assert abs(len(own) / 4_000 - 0.25) < 0.04
        assert np.allclose(own.std(axis=0)[:2], spread[:2], rtol=0.1)
    with pytest.raises(ValueError, match="for 1 points"):
        fit_mixture(np.zeros((1, 2)), seed=0)


def test_a_mixture_goes_on_to_many_components_while_the_criterion_falls():
    rng = np.random.default_rng(1)
    centres = np.stack(np.meshgrid(np.arange(7.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    points = centres[rng.integers(0, len(centres), 2_000)] + 0.05 * rng.standard_normal((2_000, 2))
    mixture = fit_mixture(points, seed=0)
    assert 0.8 * len(centres) <= len(mixture.weights) <= 1.2 * len(centres)
    assert len(mixture.weights) == min(mixture.bic, key=mixture.bic.get)
    assert list(mixture.bic) == sorted(mixture.bic)
    drawn = mixture.draw(2_000, np.random.default_rng(2))
    distances = np.linalg.norm(drawn[:, None] - centres, axis=2)
    assert np.mean(distances.min(axis=1) < 0.25) > 0.9


def test_a_mixture_of_few_different_points_has_no_more_components_than_half_of_them():
    assert max(fit_mixture(np.repeat(np.arange(5.0), 20)[:, None], seed=0).bic) == 2
    assert len(fit_mixture(np.zeros((7, 2)), seed=0).weights) == 1
