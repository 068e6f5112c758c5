"""A fit of a long file holds a sample of it, and knows of all its rows what bounds need."""

import numpy as np
import pytest

import baler_vae
from baler_vae.codec.codec import Codec
from baler_vae.errors import SourceError
from baler_vae.fitting import policy
from baler_vae.fitting.rows import rows_of_group, sample_of
from baler_vae.fitting.sampling import read_sample
from baler_vae.io.files import open_source
from baler_vae.progress import silent
from baler_vae.table.bounds import assign_rules, bound_of_text, parse_bound
from baler_vae.table.table import concatenate
from tests.tables import flat_batch, jagged_batch

N_EVENTS = 3_000


@pytest.fixture
def long_jets(write):
    return write(*jagged_batch(N_EVENTS))


def sampled(path, rows, *, seed=0, bounds=()):
    source = open_source(path)
    rules = assign_rules(source.schema, [parse_bound(text) for text in bounds])
    return read_sample(source, source.schema, rules, sample_rows=rows, seed=seed, progress=silent)


def test_a_file_that_is_no_longer_than_a_sample_is_taken_whole(long_jets):
    whole = sampled(long_jets, 10**6)
    n_rows = max(table.n_rows for table in whole.batch)
    assert whole.n_chunks == 0
    assert sampled(long_jets, n_rows).n_chunks == 0
    assert sampled(long_jets, n_rows - 1).n_chunks > 0
    assert whole.n_rows == {table.group.name: table.n_rows for table in whole.batch}


@pytest.mark.parametrize("suffix", [".root", ".parquet", ".h5", ".npz"])
def test_a_sample_is_made_of_chunks_of_the_file(write, suffix):
    path = write(*jagged_batch(N_EVENTS), f"input{suffix}")
    whole, found = sampled(path, 10**6).batch, sampled(path, 1_000)
    assert found.n_rows == {table.group.name: table.n_rows for table in whole}
    assert 1_000 <= max(table.n_rows for table in found.batch) < 1_300
    assert 8 <= found.n_chunks <= 20
    events = (found.batch[0]["event"] - 2**60).tolist()
    assert events == sorted(set(events))
    assert np.ptp(events) / 100 > 15
    jets = np.repeat(np.arange(N_EVENTS), whole[0]["nJet"])
    kept = np.isin(jets, events)
    assert np.array_equal(found.batch[1]["Jet_eta"], whole[1]["Jet_eta"][kept])


def test_the_seed_chooses_the_chunks(long_jets):
    one, same, other = (sampled(long_jets, 500, seed=seed).batch[0]["event"] for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_limits_are_those_of_all_rows(long_jets):
    bounds = ["Jet_eta=range:1e-3", "event=range:1e-3"]
    whole, some = (sampled(long_jets, rows, bounds=bounds).limits for rows in (10**6, 300))
    assert whole.keys() == some.keys() == {"met", "Jet_pt", "Jet_eta", "event"}
    for name in whole:
        assert (some[name].minimum, some[name].maximum) == (whole[name].minimum, whole[name].maximum)
    for name in ("met", "Jet_pt"):
        assert some[name].median_abs == pytest.approx(whole[name].median_abs, rel=2**-12)


def test_few_bytes_make_a_sample_too(long_jets, monkeypatch):
    monkeypatch.setattr(policy, "SAMPLE_BYTES", 20_000)
    found = sampled(long_jets, 10**6)
    assert found.n_chunks > 5
    assert sum(values.nbytes for table in found.batch for values in table.arrays.values()) <= 20_000


def test_a_rare_collection_is_in_the_sample(write, monkeypatch):
    schema, batch = jagged_batch(N_EVENTS)
    counts = np.zeros(N_EVENTS, np.int32)
    counts[1_234] = 4
    rare = batch[1].rows(0, 4)
    events = type(batch[0])(batch[0].group, {**batch[0].arrays, "nJet": counts})
    found = sampled(write(schema, (events, rare)), 200)
    assert found.batch[1].n_rows == 4


def test_nan_under_free_is_found_in_every_row(write):
    x = np.random.default_rng(1).normal(size=70_000)
    x[69_321] = np.nan
    path = write(*flat_batch({"x": x, "y": x[::-1].copy()}))
    with pytest.raises(SourceError, match=r"column 'x', first in row 69321 of events"):
        baler_vae.fit(path, bound="x=free", sample_rows=1_000, epochs=1)


@pytest.mark.parametrize("kind", ["independent", "autoregressive", "vae"])
def test_a_codec_of_a_sample_keeps_every_bound(long_jets, tmp_path, kind):
    model = {"kind": kind, "epochs": 1, "hidden": (8, 4), "sample_rows": 500, "keep_network": True}
    info = baler_vae.compress(long_jets, tmp_path / "a.bvae", bound=["bits:8", "Jet_eta=range:1e-3"], **model)
    group = info.groups[1]
    assert group.sample.of_rows == info.n_rows["Jet"] > 5_000
    assert 400 <= group.sample.rows < 700
    assert not baler_vae.verify(tmp_path / "a.bvae", against=long_jets).broken
    assert info.settings["model"]["sample_rows"] == 500
    baler_vae.compress(long_jets, tmp_path / "b.bvae", bound=["bits:8", "Jet_eta=range:1e-3"], **model)
    assert (tmp_path / "a.bvae").read_bytes() == (tmp_path / "b.bvae").read_bytes()


def test_what_a_fit_says_is_about_all_rows(long_jets):
    def fits(**model) -> Codec:
        return baler_vae.fit(long_jets, bound="bits:8", kind="independent", **model).fits["Jet"]

    whole, some = fits(), fits(sample_rows=1_000)
    assert some["rows"] == whole["rows"]
    assert some["bits_per_row"] == pytest.approx(whole["bits_per_row"], rel=0.3)
    assert "sample_rows" not in whole


def test_bits_of_a_sample_count_for_all_rows(long_jets):
    """Whatever a network saves, it saves on all rows of the file, and pays for its weights once."""
    source = open_source(long_jets)
    events = concatenate(list(source.read(source.schema)), source.schema)[0]
    bounds = {name: bound_of_text("exact") for name in events.group.names}
    rows = rows_of_group(events, bounds, None)
    more = rows_of_group(events, bounds, None, 10 * events.n_rows)
    assert more.n_all == 10 * rows.n_all
    assert more.bits == pytest.approx(10 * rows.bits)
    assert sample_of(more, 100, 0).bits == pytest.approx(sample_of(rows, 100, 0).bits)


def test_a_network_pays_on_all_rows(write):
    """Where a sample is too small for a network to pay on, the file may well be large enough."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=40_000).astype(np.float32)
    y = (x + rng.normal(0, 0.2, x.size)).astype(np.float32)
    path = write(*flat_batch({"x": x, "y": y}))
    model = {"kind": "autoregressive", "bound": "abs:0.05", "epochs": 30}
    codec = baler_vae.fit(path, sample_rows=1_000, **model)
    assert codec.models["events"].columns["y"].coding == "network-1"
    assert codec.fits["events"]["fitted_bytes"] > 10_000
