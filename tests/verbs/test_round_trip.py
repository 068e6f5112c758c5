"""A file in, an archive, the file back."""

import hashlib

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.io.files import open_source
from baler_vae.reader.archive import Archive
from baler_vae.sample import SAMPLE
from baler_vae.settings.model import ModelSettings
from baler_vae.source import source as source_module
from baler_vae.table.table import concatenate
from tests.tables import flat_batch, jagged_batch


def read(path):
    source = open_source(path)
    return concatenate(list(source.batches(source.select(), 1000)), source.schema), source.schema


def compare_exact(before, after, names):
    arrays = [{n: t[n] for t in batch for n in t.group.names} for batch in (before, after)]
    for name in names:
        assert arrays[0][name].dtype == arrays[1][name].dtype, name
        if arrays[0][name].dtype == object:
            assert arrays[0][name].tolist() == arrays[1][name].tolist()
        else:
            assert arrays[0][name].tobytes() == arrays[1][name].tobytes(), name


@pytest.mark.parametrize("kind", ["ae", "vae"])
@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5", ".npz"])
def test_jagged_file_comes_back_with_its_schema(jets, tmp_path, kind, suffix):
    info = baler_vae.compress(jets, tmp_path / "a.bvae", bound="free", kind=kind, hidden=(8, 4), epochs=2)
    restored = tmp_path / f"restored{suffix}"
    baler_vae.decompress(tmp_path / "a.bvae", restored)
    before, schema = read(jets)
    after, restored_schema = read(restored)
    assert restored_schema.order == schema.order
    assert [c.dtype for c in restored_schema.columns] == [c.dtype for c in schema.columns]
    assert [g.counter for g in restored_schema.groups] == [g.counter for g in schema.groups]
    compare_exact(before, after, ["event", "trigger", "nJet", "Jet_id"])
    assert info.n_rows == {"events": 40, "Jet": before[1].n_rows}
    for name in ("Jet_pt", "Jet_eta"):
        assert np.isfinite(after[1][name]).all()


def test_restored_tree_has_the_counter_that_uproot_sees(jets, tmp_path):
    baler_vae.compress(jets, tmp_path / "a.bvae", columns=["Jet_*"], hidden=(8, 4), epochs=1)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "r.root")
    with uproot.open(f"{tmp_path}/r.root:Events") as tree, uproot.open(f"{jets}:Events") as original:
        assert tree.keys() == ["nJet", "Jet_pt", "Jet_eta", "Jet_id"]
        assert tree.title == original.title == "jets"
        assert tree["Jet_pt"].count_branch.name == "nJet"
        assert tree["Jet_eta"].typename == original["Jet_eta"].typename
        assert ak.array_equal(tree["Jet_id"].array(), original["Jet_id"].array())


def test_flat_csv_with_text_round_trip(tmp_path):
    (tmp_path / "z.csv").write_text("run,kind,mass\n1,G,91.25\n2,é,88.5\n3,NA,90.125\n")
    baler_vae.compress(tmp_path / "z.csv", tmp_path / "z.bvae", bound="exact")
    baler_vae.decompress(tmp_path / "z.bvae", tmp_path / "back.csv")
    before, schema = read(tmp_path / "z.csv")
    after, restored = read(tmp_path / "back.csv")
    assert restored == schema
    assert before[0]["kind"].tolist() == ["G", "é", None]
    compare_exact(before, after, schema.order)


def test_csv_cannot_hold_jagged_columns(jets, tmp_path):
    baler_vae.compress(jets, tmp_path / "a.bvae", hidden=(8, 4), epochs=1)
    with pytest.raises(OutputError, match="parquet"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.csv")
    assert not list(tmp_path.glob("*.csv*"))
    assert not list(tmp_path.glob(".*"))


floats = {np.dtype(t): st.integers(0, 2 ** (8 * np.dtype(t).itemsize) - 1) for t in ("f4", "f8")}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(st.sampled_from(list(floats)).flatmap(lambda d: st.tuples(st.just(d), st.lists(floats[d], max_size=9))))
def test_exact_floats_keep_every_bit(tmp_path, drawn):
    dtype, patterns = drawn
    values = np.array(patterns, f"u{dtype.itemsize}").view(dtype)
    folder = tmp_path / hashlib.sha256(values.tobytes() + dtype.name.encode()).hexdigest()[:12]
    folder.mkdir(exist_ok=True)
    np.savez(folder / "x.npz", x=values)
    baler_vae.compress(folder / "x.npz", folder / "x.bvae", bound="exact", force=True)
    with baler_vae.open(folder / "x.bvae") as archive:
        back = archive.arrays(library="np")["x"]
    assert back.dtype == dtype
    assert back.tobytes() == values.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_free_refuses_what_it_would_lose(write, tmp_path, quick, bad):
    values = np.arange(10, dtype=np.float32)
    values[7] = bad
    path = write(*flat_batch({"x": np.arange(10, dtype=np.float32), "y": values}))
    with pytest.raises(SourceError, match=r"'y'.*row 7.*--bound 'y=exact'"):
        baler_vae.compress(path, tmp_path / "a.bvae", bound="free")
    assert not (tmp_path / "a.bvae").exists()
    baler_vae.compress(path, tmp_path / "a.bvae", bound=["free", "y=exact"], hidden=(4,), epochs=1)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.arrays(library="np")["y"].tobytes() == values.tobytes()


def test_a_codec_refuses_nan_in_a_later_file_and_names_the_row(write, tmp_path, quick):
    schema, batch = flat_batch({"x": np.arange(10, dtype=np.float32)})
    codec = baler_vae.fit(write(schema, batch), bound="free", settings=quick)
    batch[0]["x"][4] = np.nan
    with pytest.raises(SourceError, match="row 4"):
        baler_vae.compress(write(schema, batch, "later.root"), tmp_path / "a.bvae", codec=codec)
    assert [p.name for p in tmp_path.iterdir() if "bvae" in p.name] == []


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3])
def test_few_rows(write, tmp_path, n_rows):
    values = np.linspace(1, 2, n_rows).astype(np.float32)
    path = write(*flat_batch({"x": values, "n": np.arange(n_rows)}))
    baler_vae.compress(path, tmp_path / "a.bvae", hidden=(4,), epochs=1)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        back = archive.arrays(library="np")
    assert back["n"].tolist() == list(range(n_rows))
    assert back["x"].shape == (n_rows,)
    if n_rows == 1:
        assert back["x"].tolist() == [1.0]


def test_events_without_any_object(write, tmp_path):
    schema, batch = jagged_batch()
    batch[0]["nJet"][:] = 0
    empty = (batch[0], batch[1].rows(0, 0))
    path = write(schema, empty)
    baler_vae.compress(path, tmp_path / "a.bvae", hidden=(4,), epochs=1)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "r.root")
    after, restored = read(tmp_path / "r.root")
    assert after[1].n_rows == 0
    assert restored.order == schema.order
    compare_exact(empty, after, ["event", "nJet"])


def test_a_codec_fitted_on_no_rows_refuses_rows(write, tmp_path):
    schema, batch = jagged_batch()
    path = write(schema, batch)
    batch[0]["nJet"][:] = 0
    codec = baler_vae.fit(write(schema, (batch[0], batch[1].rows(0, 0)), "empty.root"), bound="free", hidden=(4,))
    with pytest.raises(UsageError, match="no rows"):
        baler_vae.compress(path, tmp_path / "a.bvae", codec=codec)


def test_constant_columns_and_spikes_come_back_exactly(write, tmp_path):
    rng = np.random.default_rng(5)
    spiky = np.where(rng.random(500) < 0.8, -999, rng.normal(50, 5, 500)).astype(np.float32)
    path = write(*flat_batch({"c": np.full(500, 0.1, np.float32), "spiky": spiky, "x": rng.normal(size=500)}))
    baler_vae.compress(path, tmp_path / "a.bvae", bound="free", transform="quantile", hidden=(16, 8), epochs=60)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        back = archive.arrays(library="np")
    assert np.array_equal(back["c"], np.full(500, 0.1, np.float32))
    sentinels = spiky == -999
    assert np.mean(back["spiky"][sentinels] == -999) > 0.95


def test_integers_alone_need_no_model(write, tmp_path):
    values = {"a": np.array([2**63 - 1, -(2**63), 2**53 + 1]), "b": np.array([0, 255, 3], np.uint8)}
    path = write(*flat_batch(values))
    info = baler_vae.compress(path, tmp_path / "a.bvae")
    assert info.bytes.latents == 0
    assert info.model_kind == "independent"
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        back = archive.arrays(library="np")
    assert all(back[name].dtype == array.dtype and np.array_equal(back[name], array) for name, array in values.items())


def test_same_input_and_seed_same_bytes(jets, tmp_path):
    made = []
    for name in ("a", "b"):
        baler_vae.compress(jets, tmp_path / name, bound="free", hidden=(8, 4), epochs=2, seed=5)
        made.append((tmp_path / name).read_bytes())
    baler_vae.compress(jets, tmp_path / "c", bound="free", hidden=(8, 4), epochs=2, seed=6)
    assert made[0] == made[1] != (tmp_path / "c").read_bytes()


def test_archive_does_not_depend_on_how_the_file_is_read(jets, tmp_path, quick, monkeypatch):
    codec = baler_vae.fit(jets, settings=quick)
    baler_vae.compress(jets, tmp_path / "a.bvae", codec=codec)
    monkeypatch.setattr(source_module, "STEP_EVENTS", 7)
    baler_vae.compress(jets, tmp_path / "b.bvae", codec=codec)
    assert (tmp_path / "a.bvae").read_bytes() == (tmp_path / "b.bvae").read_bytes()


def test_an_event_of_more_rows_than_a_reader_takes_is_refused(jets, tmp_path, monkeypatch):
    monkeypatch.setattr("baler_vae.codec.batches.LARGEST_ROWS", 50)
    with pytest.raises(SourceError, match=r"an event holds \d+ rows of Jet.*at most 50"):
        baler_vae.compress(jets, tmp_path / "a.bvae", kind="independent")
    assert not (tmp_path / "a.bvae").exists()


def test_several_row_groups(write, tmp_path):
    values = np.random.default_rng(2).normal(size=140_000).astype(np.float32)
    path = write(*flat_batch({"x": values, "i": np.arange(140_000, dtype=np.int32)}), "many.npz")
    baler_vae.compress(path, tmp_path / "a.bvae", hidden=(4,), epochs=1, transform="standard")
    with Archive(tmp_path / "a.bvae") as archive:
        assert archive.manifest.row_groups == ((65_536,), (65_536,), (8_928,))
        part = archive.arrays(["i"], entry_start=65_000, entry_stop=131_100, library="np")["i"]
        assert np.array_equal(part, np.arange(65_000, 131_100))
        assert archive.num_entries == 140_000


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.full)], ids=["sample", "whole"])
def test_files_of_jets(request, tmp_path, whole):
    path = f"{request.getfixturevalue('data_dir')}/zprime_jets.root:Events" if whole else f"{SAMPLE}:Events"
    model = ModelSettings(kind="autoregressive", epochs=1)
    codec = baler_vae.fit(path, columns=["Jet_*"], settings=model)
    info = baler_vae.compress(path, tmp_path / "j.bvae", codec=codec)
    baler_vae.decompress(tmp_path / "j.bvae", tmp_path / "j.root")
    assert info.n_rows == ({"events": 50_000, "Jet": 420_545} if whole else {"events": 2_400, "Jet": 20_092})
    with uproot.open(f"{tmp_path}/j.root:Events") as tree, uproot.open(path) as original:
        assert tree.keys() == [name for name in original.keys() if name != "event"]
        assert tree.typenames() == {name: original[name].typename for name in tree.keys()}
        for name in ("nJet", "Jet_nConstituents"):
            assert ak.array_equal(tree[name].array(), original[name].array())
