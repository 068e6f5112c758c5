"""The latents of rows: what is written, what is found, and what is refused."""

from dataclasses import replace

import awkward as ak
import h5py
import numpy as np
import pandas as pd
import pytest
import uproot

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.codec.groups import latents_of
from baler_vae.errors import OutputError, UsageError
from baler_vae.explore import latents
from baler_vae.explore.encoding import posterior_of
from baler_vae.measures.projections import principal
from tests.explore.spaces import N_EVENTS, make_spaces

N_JETS = 2 * N_EVENTS


@pytest.fixture(scope="module")
def spaces(shared):
    return shared("latent spaces", make_spaces)


@pytest.fixture(scope="module")
def jets(spaces):
    """Columns of the jets by name."""
    with uproot.open({spaces / "in.root": "Events"}) as tree:
        return {name: ak.to_numpy(ak.flatten(tree[name].array())) for name in ("Jet_x", "Jet_y", "Jet_z", "Jet_side")}


def look(spaces, name="vae", source="in.root", **options):
    options = {"tsne": False, "clusters": 3} | options
    return latents(spaces / f"{name}.bvmodel", spaces / source, **options)


def test_the_latents_of_all_rows_are_those_of_the_encoder(spaces, jets, tmp_path):
    result = look(spaces, output=tmp_path / "z.parquet", colour=["Jet_side", "run"])
    (found,) = result.groups
    model = Codec.load(spaces / "vae.bvmodel").models["Jet"]
    means, logs = latents_of(jets, model)
    np.testing.assert_array_equal(found.rows.means, means)
    np.testing.assert_array_equal(found.rows.log_variances, logs)
    assert found.rows.event.tolist() == np.repeat(np.arange(N_EVENTS), 2).tolist()
    written = pd.read_parquet(tmp_path / "z.parquet")
    pd.testing.assert_frame_equal(written, found.rows.to_pandas().astype(written.dtypes.to_dict()))
    assert list(written) == [
        *("event", "row", "latent_0", "latent_1", "log_variance_0", "log_variance_1", "cluster"),
    ]
    np.testing.assert_array_equal(written["latent_1"], means[:, 1])
    with pytest.raises(OutputError, match="exists already"):
        look(spaces, output=tmp_path / "z.parquet")


def test_what_is_found_follows_from_the_latents(spaces, jets):
    (found,) = look(spaces, colour=["Jet_side", "run"], tsne=True, tsne_rows=40).groups
    means, logs = found.rows.means.astype(np.float64), found.rows.log_variances.astype(np.float64)
    kl = 0.5 * (means**2 + np.exp(logs) - 1 - logs).mean(axis=0)
    assert [latent.kl for latent in found.latents] == pytest.approx(kl.tolist())
    assert found.rates.points[0].rate == pytest.approx(kl.sum() / np.log(2))
    assert found.columns == ("Jet_x", "Jet_y", "Jet_z", "Jet_side", "run")
    assert found.pearson[0, 0] == pytest.approx(np.corrcoef(means[:, 0], jets["Jet_x"])[0, 1])
    assert found.pearson[1, 3] == pytest.approx(np.corrcoef(means[:, 1], jets["Jet_side"])[0, 1])
    np.testing.assert_allclose(found.of_latents.explained, principal(means).explained)
    assert found.prior.counts.sum(axis=1).max() <= N_JETS
    assert found.projection.tsne.shape == (40, 2)
    assert found.projection.pca.shape == (N_JETS, 2)
    # Coloured points are the rows that they say: each side has its own latents.
    side = found.projection.colours["Jet_side"]
    expected = np.corrcoef(means @ found.of_latents.axes[0], jets["Jet_side"])[0, 1]
    assert np.corrcoef(found.projection.pca[:, 0], side)[0, 1] == pytest.approx(expected)
    assert found.sampled == (f"t-SNE of 40 of {N_JETS} rows",)


def test_the_error_is_that_of_restored_rows(spaces, jets, tmp_path):
    codec = Codec.load(spaces / "ae.bvmodel")
    (found,) = look(spaces, "ae").groups
    model = codec.models["Jet"]
    assert found.posterior == "point"
    baler_vae.compress(spaces / "in.root", tmp_path / "ae.bvae", codec=codec)
    with baler_vae.open(tmp_path / "ae.bvae") as archive:
        restored = archive.arrays(library="ak")
    errors = [
        np.mean((np.asarray(ak.flatten(restored[name])) - jets[name]) ** 2) / np.var(jets[name].astype(np.float64))
        for name in ("Jet_x", "Jet_y", "Jet_z")
    ]
    assert found.rates.points[0].distortion == pytest.approx(np.mean(errors), rel=1e-5)
    codes = np.rint(found.rows.means[:, 0] / model.steps[0])
    _, counts = np.unique(codes, return_counts=True)
    assert found.latents[0].rate == pytest.approx(-np.sum(counts / N_JETS * np.log2(counts / N_JETS)))


def test_the_same_seed_gives_the_same(spaces, tmp_path):
    options = {"tsne": True, "tsne_rows": 30, "seed": 5}
    first, second = (look(spaces, output=tmp_path / f"{n}.parquet", **options) for n in ("a", "b"))
    assert first.to_dict() == second.to_dict()
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    np.testing.assert_array_equal(first.groups[0].projection.tsne, second.groups[0].projection.tsne)


def test_rows_that_are_not_finite_are_left_out_and_counted(spaces):
    (whole,), (holed,) = look(spaces).groups, look(spaces, source="holed.root").groups
    assert (holed.n_rows, holed.n_left_out) == (N_JETS - 1, 1)
    assert 4 not in holed.rows.row
    np.testing.assert_array_equal(holed.rows.means, np.delete(whole.rows.means, 4, axis=0))


def test_each_group_has_latents_of_its_own(spaces, tmp_path):
    result = look(spaces, "both", output=tmp_path / "z.root")
    assert [found.group for found in result.groups] == ["events", "Jet"]
    with uproot.open(tmp_path / "z.root") as file:
        assert file["events"].num_entries == N_EVENTS
        assert file["Jet"].num_entries == N_JETS
    look(spaces, "both", output=tmp_path / "z.h5")
    with h5py.File(tmp_path / "z.h5") as file:
        assert [len(file[name]) for name in ("events/latent_0", "Jet/latent_0")] == [N_EVENTS, N_JETS]
    with pytest.raises(UsageError, match="holds one table"):
        look(spaces, "both", output=tmp_path / "z.csv")
    assert not (tmp_path / "z.csv").exists()
    (only,) = look(spaces, "both", group="events", output=tmp_path / "z.csv").groups
    assert len(pd.read_csv(tmp_path / "z.csv")) == only.n_rows == N_EVENTS
    frame = result.to_pandas()
    assert frame["group"].tolist() == ["events", "events", "Jet", "Jet"]
    assert "<table>" in result._repr_html_()


def test_noise_is_part_of_latents(spaces):
    codec = Codec.load(spaces / "ae.bvmodel")
    posterior = {"kind": "noisy", "snr_db": 10 * np.log10(15)}
    noisy = replace(codec, settings={"model": {"kind": "ae", "objective": {"posterior": posterior}}})
    assert posterior_of(noisy, "Jet").snr == pytest.approx(15)
    (found,) = latents(noisy, spaces / "in.root", tsne=False, clusters=0).groups
    variances = np.var(found.rows.means.astype(np.float64), axis=0)
    assert found.rows.noise_variance == pytest.approx(variances.mean() / 15)
    assert [latent.rate for latent in found.latents] == pytest.approx(
        (0.5 * np.log2(1 + variances / found.rows.noise_variance)).tolist()
    )
    assert found.clusters is None
    assert found.rates.points[0].distortion > found.rates.distortion_of_means
    assert "noise_variance" in found.rows.columns()


def test_categories_are_counted(spaces, jets):
    (found,) = look(spaces, "joint", clusters=0).groups
    encoder = Codec.load(spaces / "joint.bvmodel").models["Jet"].encoder
    (chances,) = encoder.probabilities(encoder.scores(jets))
    assert len(found.latents) == encoder.n_continuous
    assert found.rows.columns()["category_0"].tolist() == chances.argmax(axis=1).tolist()
    assert found.categories == ((np.mean(chances.argmax(axis=1) == 0), np.mean(chances.argmax(axis=1) == 1)),)
    bits = 1 + np.mean(np.sum(chances * np.log2(chances), axis=1))
    assert found.rates.points[0].rate == pytest.approx(sum(latent.rate for latent in found.latents) + bits)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("judge", {}, "has no latents"),
        ("vae", {"seed": -1}, "invalid seed -1"),
        ("vae", {"colour": "Jet_sid"}, "there is no column 'Jet_sid'.*Jet_side"),
        ("vae", {"colour": "word"}, "not a number"),
        ("vae", {"colour": "Muon_pt"}, "other rows than Jet"),
        ("vae", {"clusters": N_JETS + 1}, "too few for 301 clusters"),
        ("vae", {"clusters": -1}, "0 or more"),
        ("vae", {"tsne_rows": 20_001}, "1 to 20,000"),
        ("vae", {"output": "z.unknown"}, "unknown file format"),
        ("vae", {"group": "Jets"}, "there is no group 'Jets'"),
        ("vae", {"group": "events"}, "model of events has no latents"),
    ],
)
def test_what_makes_no_sense_is_refused(spaces, name, options, said):
    with pytest.raises(UsageError, match=said):
        look(spaces, name, **options)


def test_other_files_are_refused(spaces):
    with pytest.raises(UsageError, match="an archive holds none"):
        latents(spaces / "vae.bvae", spaces / "in.root")
    codec = spaces / "vae.bvmodel"
    with pytest.raises(UsageError, match="columns that the codec was fitted on: Jet_x, Jet_y, Jet_z"):
        latents(codec, {"x": np.ones(9)})
    with pytest.raises(UsageError, match="other groups here"):
        latents(codec, {name: np.ones(9) for name in ("Jet_x", "Jet_y", "Jet_z")})
    empty = {name: ak.Array([[np.nan], []]) for name in ("Jet_x", "Jet_y", "Jet_z")}
    with pytest.raises(UsageError, match="no rows of Jet whose values are all finite"):
        latents(codec, empty)


def test_an_archive_gives_rows_too(spaces):
    (found,) = latents(spaces / "vae.bvmodel", spaces / "vae.bvae", tsne=False, clusters=0).groups
    assert found.n_rows == N_JETS
