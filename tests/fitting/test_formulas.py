"""Formulas and tables in context: what is found, what it saves, and that nothing of it needs PyTorch."""

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import baler_vae
from baler_vae.codec.lengths import code_lengths
from baler_vae.errors import UsageError
from baler_vae.explore.sampling import sample
from baler_vae.model.columns import Contextual, Plain
from baler_vae.model.context import OWN

from ..contexts import awkward_jets, jets

BOUND = ["bits:9", "Jet_n=exact"]


@pytest.fixture(scope="module")
def codec():
    return baler_vae.fit(awkward_jets(n_events=3000), bound=BOUND, effort="fast")


def test_columns_are_put_in_context_of_what_tells_of_them(codec):
    model = codec.models["Jet"]
    columns = {name: own for name, own in model.columns.items() if isinstance(own, Contextual)}
    assert columns.keys() >= {"Jet_pt", "Jet_mass", "Jet_emEnergy", "Jet_hadEnergy", "Jet_n"}
    seen = {name: {factor.source for factor in own.context.factors} for name, own in columns.items()}
    # pt falls within an event; masses follow transverse momenta; the last energy follows from the others.
    assert OWN in seen["Jet_pt"] or columns["Jet_pt"].context.base == OWN
    assert model.names[columns["Jet_mass"].context.base] == "Jet_pt"
    assert 0 in columns["Jet_emEnergy"].context.alone
    assert columns["Jet_hadEnergy"].predicted
    assert columns["Jet_hadEnergy"].formula.names[0].startswith("Jet_")
    assert codec.fits["Jet"]["kind"] == "formulas"


def test_it_is_smaller_than_columns_alone(codec):
    data = awkward_jets(n_events=3000)
    alone = len(baler_vae.compress(data, bound=BOUND, kind="independent"))
    own = len(baler_vae.compress(data, codec=codec))
    assert own < 0.85 * alone
    told = sum(fit["fitted_bytes"] for fit in codec.fits.values())
    assert abs(own - told) < 0.1 * own


def test_another_file_keeps_its_bounds(codec):
    data = awkward_jets(n_events=900, seed=8)
    archive = baler_vae.compress(data, codec=codec)
    assert not baler_vae.verify(archive).broken
    back = baler_vae.decompress(archive)
    for name in ak.fields(data):
        one, other = ak.to_numpy(ak.flatten(data[name], axis=None)), ak.to_numpy(ak.flatten(back[name], axis=None))
        assert one.dtype == other.dtype
        finite = np.isfinite(one)
        assert np.array_equal(one[~finite], other[~finite], equal_nan=True)
        errors = np.abs(other[finite] - one[finite].astype(np.float64))
        assert np.all(errors <= 2.0**-10 * np.abs(one[finite])), name


def test_columns_can_be_read_by_themselves(codec):
    archive = baler_vae.compress(awkward_jets(n_events=900, seed=8), codec=codec)
    with baler_vae.open(archive) as opened:
        whole = opened.arrays()
        for name in ("Jet_hadEnergy", "Jet_n", "met"):
            assert ak.array_equal(opened.arrays([name])[name], whole[name], equal_nan=True)


def test_codecs_and_blocks_survive_their_bytes(codec):
    again = baler_vae.Codec.from_bytes(codec.to_bytes())
    assert again == codec
    data = awkward_jets(n_events=50, seed=1)
    assert codec.encode(data) == again.encode(data)
    assert ak.array_equal(again.decode(codec.encode(data)), codec.decode(codec.encode(data)), equal_nan=True)


def test_drawn_events_look_like_the_others(codec):
    drawn = sample(codec, 2000, library="ak", seed=4).data
    pt = drawn["Jet_pt"]
    assert ak.mean(pt[:, 1:] < 1.01 * pt[:, :-1]) > 0.75  # a half, if they knew nothing of each other
    ratio = ak.flatten(drawn["Jet_mass"] / pt)
    assert 0.07 < np.nanmedian(ratio) < 0.13
    assert 0.1 < ak.mean(drawn["Jet_emEnergy"] == 0) < 0.3


def test_lengths_are_what_a_file_takes(codec):
    data = awkward_jets(n_events=900, seed=8)
    with baler_vae.open(baler_vae.compress(data, codec=codec)) as opened:
        (batch,) = opened.batches(opened.schema)
    lengths = code_lengths(codec, batch)["Jet"]
    assert lengths["Jet_mass"].shape == (int(ak.sum(data["nJet"])),)
    assert 5 < lengths["Jet_mass"].mean() < 12


def test_guarantees_and_dither_are_kept():
    data = awkward_jets(n_events=600)
    bound = ["bits:8,dither", "Jet_n=exact", "Jet_mass=exact"]
    archive = baler_vae.compress(data, bound=bound, guarantees=["(Jet_pt > 30) & (abs(Jet_eta) < 2.4)"], effort="fast")
    assert not baler_vae.verify(archive).broken
    back = baler_vae.decompress(archive)
    before, after = ((d["Jet_pt"] > 30) & (abs(d["Jet_eta"]) < 2.4) for d in (data, back))
    assert ak.all(before == after)


def test_flat_tables_have_no_objects_before():
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(0, 1, 4000))
    data = {"x": x, "y": x + rng.normal(0, 0.1, 4000), "k": rng.integers(0, 3, 4000)}
    codec = baler_vae.fit(data, bound="abs:1e-3", effort="fast")
    own = codec.models["events"].columns["y"]
    assert isinstance(own, Contextual)
    assert own.context.base == 0
    assert not own.context.looks_back
    assert not baler_vae.verify(baler_vae.compress(data, codec=codec)).broken


def test_text_constants_and_few_rows_stay_as_they_are():
    data = {"name": np.array(["a", "b"] * 20, object), "one": np.ones(40), "x": np.arange(40.0)}
    codec = baler_vae.fit(data, bound="exact", effort="fast")
    model = codec.models["events"]
    assert not any(isinstance(own, Contextual) for own in model.columns.values())
    assert isinstance(model.columns["name"], Plain)
    assert codec.fits["events"]["kind"] == "independent"


def test_the_effort_is_stored_where_it_is_not_the_usual_one():
    events, _, _ = jets(60)
    stored = [baler_vae.fit(events, bound="exact", kind="independent", effort=e).settings for e in ("default", "fast")]
    assert "effort" not in stored[0]["model"]
    assert stored[1]["model"]["effort"] == "fast"


def test_what_needs_networks_is_refused():
    data = {"x": np.arange(500.0), "y": np.arange(500.0)}
    with pytest.raises(UsageError, match="fast trains no networks"):
        baler_vae.fit(data, effort="fast", kind="vae")
    with pytest.raises(UsageError, match="effort fast does not train"):
        baler_vae.fit(data, effort="fast", bound="free")
    with pytest.raises(UsageError, match="effort"):
        baler_vae.fit(data, effort="slow")


def test_nothing_of_it_imports_pytorch(tmp_path):
    np.savez(tmp_path / "in.npz", **dict(zip("abc", np.random.default_rng(0).normal(size=(3, 3000)), strict=True)))
    program = f"""
import sys
sys.modules["torch"] = None
from baler_vae.__main__ import main
sys.argv = ["baler-vae", "compress", r"{tmp_path / "in.npz"}", "-o", r"{tmp_path / "out.bvae"}", "--effort", "fast",
    "--no-verify"]
main()
"""
    root = str(Path(baler_vae.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120, cwd=root
    )
    assert done.returncode == 0, done.stderr
    assert "effort fast" in done.stdout


def test_the_best_effort_looks_at_tables_in_context_too():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 100, 700)
    data = {"x": x, "y": x + rng.normal(0, 0.1, 700)}
    small = {"epochs": 1, "hidden": (4,), "latent": 1}
    found = baler_vae.fit(data, bound="abs:1e-3", effort="best", **small).fits["events"]
    candidates = found["candidate_bytes"]
    assert candidates.keys() > {"independent", "autoregressive", "formulas"}
    assert found["fitted_bytes"] <= candidates["formulas"] < candidates["independent"]


def test_the_best_effort_is_not_larger_than_the_default_one():
    """Finer ranges make larger networks, which may not pay for themselves in a small table."""
    rng = np.random.default_rng(1)
    x = rng.gamma(2, 3, 1200)
    data = {"x": x, "y": x * rng.normal(1, 0.05, 1200), "n": rng.poisson(x)}
    sizes = {
        effort: baler_vae.fit(data, bound="bits:9", kind="autoregressive", effort=effort).fits["events"]["fitted_bytes"]
        for effort in ("default", "best")
    }
    assert sizes["best"] <= sizes["default"]
