"""Codecs that are stored and used on other files."""

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.manifest import ColumnEntry, GridEntry
from baler_vae.codec.codec import Codec
from baler_vae.codec.sections import column_model
from baler_vae.errors import ArchiveError, OutputError, UsageError
from baler_vae.model.coders import NETWORK, TABLE, Coder
from baler_vae.model.conditional import Input
from tests.model.conditionals import conditional_of
from tests.tables import flat_batch, jagged_batch


@pytest.mark.parametrize("bound", ["free", "bits:8", "exact"])
def test_a_stored_codec_gives_the_same_archive(jets, tmp_path, quick, bound):
    codec = baler_vae.fit(jets, bound=bound, settings=quick)
    codec.save(tmp_path / "c.bvmodel")
    loaded = Codec.load(tmp_path / "c.bvmodel")
    baler_vae.compress(jets, tmp_path / "a.bvae", codec=codec)
    baler_vae.compress(jets, tmp_path / "b.bvae", codec=tmp_path / "c.bvmodel")
    assert (tmp_path / "a.bvae").read_bytes() == (tmp_path / "b.bvae").read_bytes()
    assert loaded.schema == codec.schema
    assert loaded.bounds == codec.bounds
    trained = ["events", "Jet"] if bound == "free" else []  # so few rows never pay for a network
    assert {name: [e["number"] for e in epochs] for name, epochs in loaded.history.items()} == {
        name: [1, 2] for name in trained
    }
    with pytest.raises(OutputError, match="--force"):
        codec.save(tmp_path / "c.bvmodel")


@pytest.mark.parametrize("bound", ["free", "exact"])
def test_an_archive_keeps_the_history_where_that_is_asked_for(jets, tmp_path, quick, bound):
    codec = baler_vae.fit(jets, bound=bound, settings=quick)
    plain = baler_vae.compress(jets, tmp_path / "a.bvae", codec=codec)
    kept = baler_vae.compress(jets, tmp_path / "b.bvae", codec=codec, keep_history=True)
    assert kept.bytes.metadata - plain.bytes.metadata > len(codec.history_bytes())
    with baler_vae.open(tmp_path / "a.bvae") as without, baler_vae.open(tmp_path / "b.bvae") as archive:
        assert (without.history(), archive.history()) == ({}, codec.history)
        assert all(
            np.array_equal(without[name].array(library="np"), archive[name].array(library="np"))
            for name in ("event", "nJet")
        )


@pytest.mark.parametrize("kind", ["independent", "autoregressive", "ae", "vae"])
def test_the_history_of_every_kind_of_model_is_kept(write, tmp_path, kind):
    x = np.random.default_rng(0).normal(size=400)
    path = write(*flat_batch({"x": x, "y": 2 * x + 1, "z": x**2}))
    options = {"model": kind, "epochs": 3, "hidden": (4,), "transform": "standard", "keep_network": True}
    baler_vae.compress(path, tmp_path / "a.bvae", bound="bits:8", keep_history=True, **options)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        history = archive.history()
    encoders = {"ae", "vae"} & {kind}
    assert set(history) == ({"events"} if encoders else set()) | (
        {"events, networks"} if kind != "independent" else set()
    )
    for points in history.values():
        assert [point["number"] for point in points] == [1, 2, 3]
        assert all(np.isfinite(value) for point in points for value in point.values())
    networks = history.get("events, networks", ())
    assert all(set(point) == {"number", "training_bits", "learning_rate"} for point in networks)


@pytest.mark.parametrize(("given", "words"), [({"model": "gan"}, "'kind'"), ({"kind": "ae", "model": "ae"}, "twice")])
def test_the_kind_of_model_may_be_called_model(write, given, words):
    path = write(*flat_batch({"x": np.arange(300.0) / 7, "y": np.arange(300)}))
    codec = baler_vae.fit(path, model="Independent")
    assert codec.settings["model"]["kind"] == "independent"
    with pytest.raises(UsageError, match=words):
        baler_vae.fit(path, **given)


def test_columns_are_found_in_any_order(write, tmp_path, quick):
    x, y = np.arange(20, dtype=np.float32), np.arange(20, dtype=np.int32)
    codec = baler_vae.fit(write(*flat_batch({"x": x, "y": y})), settings=quick)
    other = write(*flat_batch({"z": y, "y": y, "x": x}), "other.root")
    baler_vae.compress(other, tmp_path / "a.bvae", codec=codec)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.keys() == ["y", "x"]
        assert np.array_equal(archive.arrays(library="np")["y"], y)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"xx": np.zeros(3, np.float32)}, "'x'.*nearest names are 'xx'"),
        ({"x": np.zeros(3, np.float64)}, "a different dtype.*found float64, expected float32"),
    ],
)
def test_files_that_do_not_fit(write, tmp_path, quick, arrays, message):
    codec = baler_vae.fit(write(*flat_batch({"x": np.arange(20, dtype=np.float32)})), settings=quick)
    with pytest.raises(UsageError, match=message):
        baler_vae.compress(write(*flat_batch(arrays), "other.root"), tmp_path / "a.bvae", codec=codec)


def test_a_column_of_another_collection(write, tmp_path, quick):
    codec = baler_vae.fit(write(*jagged_batch()), columns=["Jet_pt"], settings=quick)
    n = np.zeros(5, np.int32)
    other = write(*flat_batch({"nJet": n, "Jet_pt": np.ones(5, np.float32)}), "other.root")
    with pytest.raises(UsageError, match="a different collection"):
        baler_vae.compress(other, tmp_path / "a.bvae", codec=codec)


def test_archive_and_codec_are_told_apart(jets, tmp_path, quick):
    codec = baler_vae.fit(jets, settings=quick)
    codec.save(tmp_path / "c.bvmodel")
    baler_vae.compress(jets, tmp_path / "a.bvae", codec=codec)
    with pytest.raises(UsageError, match="archive, not a codec"):
        Codec.load(tmp_path / "a.bvae")
    with pytest.raises(UsageError, match="codec, not an archive"):
        baler_vae.open(tmp_path / "c.bvmodel")
    with pytest.raises(ArchiveError, match="not a baler-vae archive"):
        Codec.load(jets)


@pytest.mark.parametrize("bound", ["free", "bits:8"])
def test_an_archive_holds_its_codec_but_for_encoders(jets, tmp_path, quick, bound):
    codec = baler_vae.fit(jets, bound=bound, settings=quick)
    baler_vae.compress(jets, tmp_path / "a.bvae", codec=codec)
    found = Codec.of_archive(tmp_path / "a.bvae")
    assert found.identity == codec.identity
    assert all(model.encoder is None for model in found.models.values())
    assert not found.history
    codec.save(tmp_path / "c.bvmodel")
    with pytest.raises(UsageError, match="codec, not an archive"):
        Codec.of_archive(tmp_path / "c.bvmodel")


def test_a_codec_has_its_own_settings(jets, tmp_path, quick):
    codec = baler_vae.fit(jets, settings=quick)
    with pytest.raises(UsageError, match="own columns"):
        baler_vae.compress(jets, tmp_path / "a.bvae", codec=codec, kind="ae")


def test_a_model_is_described_once(jets, quick):
    with pytest.raises(UsageError, match="described twice"):
        baler_vae.fit(jets, settings=quick, kind="ae")


def test_weights_must_name_columns(jets):
    with pytest.raises(UsageError, match="Jet_mas"):
        baler_vae.fit(jets, weights={"Jet_mas*": 2.0})


def test_networks_and_columns_go_together():
    grid = GridEntry(kind="step", parameters={"step": 0.5})
    given = {"name": "x", "dtype": "float32", "bound": "abs:1", "grid": grid}
    network = conditional_of([Input(-1, 0, 0)])
    for coding, found in ((NETWORK, None), (TABLE, network)):
        with pytest.raises(ValueError, match="do not match"):
            column_model(ColumnEntry(coding=coding, **given), iter([Coder()]), found)
    assert column_model(ColumnEntry(coding=NETWORK, **given), iter([]), network).conditional is network
    assert column_model(ColumnEntry(coding=TABLE, **given), iter([Coder()]), None).coder == Coder()
