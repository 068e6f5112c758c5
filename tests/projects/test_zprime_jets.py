import os
import platform
import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.sample import SAMPLE
from baler_vae.settings.project import read_project

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "projects" / "zprime_jets" / "generate.py"
REFERENCE = Path(os.environ.get("BALER_VAE_DATA", ROOT.parent / "shared" / "data")) / "zprime_jets.root"

ENERGIES = ["Jet_emEnergy", "Jet_hadEnergy", "Jet_invisibleEnergy", "Jet_auxiliaryEnergy"]
BRANCHES = {
    "event": "int64_t",
    "nJet": "int32_t",
    **dict.fromkeys(["Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass", *ENERGIES], "float[]"),
    "Jet_nConstituents": "int32_t[]",
}
EVENTS = 40
SEED = 2023


def run(*arguments, code=None):
    command = [sys.executable, *(["-c", code] if code else [str(SCRIPT)]), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def generate(path, *, events, seed):
    pytest.importorskip("pythia8mc", reason="generating events needs pythia8mc, of the extra 'generate'")
    pytest.importorskip("fastjet", reason="generating events needs fastjet, of the extra 'generate'")
    finished = run(path, "--events", events, "--seed", seed)
    assert finished.returncode == 0, finished.stderr
    return path


def columns(path, n_events=None):
    with uproot.open(path) as file:
        return file["Events"].arrays(entry_stop=n_events)


def same(left, right):
    return left.fields == right.fields and all(ak.array_equal(left[name], right[name]) for name in left.fields)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("zprime") / "jets.root", events=EVENTS, seed=SEED)


@pytest.fixture(params=["generated", "sample"])
def ntuple(request):
    return SAMPLE if request.param == "sample" else request.getfixturevalue("generated")


def test_the_branches_are_those_of_the_readme(ntuple):
    with uproot.open(ntuple) as file:
        tree = file["Events"]
        assert tree.title == "Zprime ttbar gen jets"
        assert {branch.name: branch.typename for branch in tree.branches} == BRANCHES
    readme = (SCRIPT.parent / "README.md").read_text()
    assert [line.split("`")[1] for line in readme.splitlines() if line.startswith("| `")] == list(BRANCHES)


def test_the_jets_keep_the_promises_of_the_readme(ntuple):
    table = columns(ntuple)
    assert table.event.to_list() == list(range(len(table)))
    assert ak.all(table.nJet == ak.num(table.Jet_pt))
    assert ak.all(table.Jet_pt >= 8)
    assert ak.all(table.Jet_pt[:, :-1] >= table.Jet_pt[:, 1:])
    assert ak.all(np.abs(table.Jet_phi) <= np.float32(np.pi))
    assert ak.all(table.Jet_nConstituents >= 1)


def test_the_four_energies_sum_to_the_energy_of_the_jet(ntuple):
    table = columns(ntuple)
    flat = {name: ak.flatten(table[name]).to_numpy().astype(np.float64) for name in BRANCHES if name.startswith("Jet_")}
    energy = np.hypot(flat["Jet_pt"] * np.cosh(flat["Jet_eta"]), flat["Jet_mass"])
    assert all((flat[name] >= 0).all() for name in ENERGIES)
    np.testing.assert_allclose(sum(flat[name] for name in ENERGIES), energy, rtol=1e-6)


def test_the_number_of_events_is_the_one_asked_for(generated):
    assert len(columns(generated)) == EVENTS


def test_the_same_seed_gives_the_same_events_however_many_follow(generated, tmp_path):
    fewer = columns(generate(tmp_path / "fewer.root", events=12, seed=SEED))
    assert len(fewer) == 12
    assert same(fewer, columns(generated, 12))


def test_another_seed_gives_other_events(generated, tmp_path):
    other = columns(generate(tmp_path / "other.root", events=2, seed=SEED + 1))
    assert not same(other, columns(generated, 2))


@pytest.mark.skipif(not REFERENCE.exists(), reason=f"the reference file {REFERENCE} is absent")
@pytest.mark.skipif(
    (sys.platform, platform.machine()) != ("linux", "x86_64"), reason="another libm may lead Pythia to other events"
)
def test_the_generated_events_are_those_of_the_reference_file(generated):
    assert same(columns(generated), columns(REFERENCE, EVENTS))


def test_the_sample_is_small_and_has_the_physics_of_the_readme():
    table = columns(SAMPLE)
    assert SAMPLE.stat().st_size < 700_000
    assert len(table) == 2_400
    assert ak.sum(table.nJet) == 20_092
    assert ak.mean(table.nJet) == pytest.approx(8.41, abs=0.2)
    assert np.mean(ak.flatten(table.Jet_invisibleEnergy) == 0) == pytest.approx(0.909, abs=0.01)
    assert np.mean(ak.flatten(table.Jet_auxiliaryEnergy) == 0) == pytest.approx(0.762, abs=0.01)


def test_an_existing_output_is_kept_without_force(tmp_path):
    pytest.importorskip("pythia8mc", reason="generating events needs pythia8mc, of the extra 'generate'")
    pytest.importorskip("fastjet", reason="generating events needs fastjet, of the extra 'generate'")
    path = tmp_path / "jets.root"
    path.write_bytes(b"mine")
    finished = run(path, "--events", 1)
    assert finished.returncode == 8
    assert "--force" in finished.stderr
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("package", ["pythia8mc", "fastjet"])
def test_a_missing_generator_is_named_with_the_line_that_installs_it(package):
    # The packages are hidden in the child process only; the other one need not be installed either.
    hide = f"sys.modules |= {{'fastjet': types.ModuleType('fastjet'), {package!r}: None}}"
    finished = run(code=f"import runpy, sys, types; {hide}; runpy.run_path({str(SCRIPT)!r})")
    assert finished.returncode == 1
    assert repr(package) in finished.stderr
    assert "pip install 'baler-vae[generate]'" in finished.stderr


JUDGED = [("bits:10", {"peak width", "spectrum", "spectrum bin"}, 2), ((), set(), 1)]


@pytest.mark.parametrize(("bound", "failed", "n_warnings"), JUDGED)
def test_the_verdict_sees_the_comb_of_a_coarse_bound_and_passes_the_default(bound, failed, n_warnings):
    """Under bits:10 four grid steps fall into a bin, and the chi2 of the fit grows from 969 to 1,501."""
    if not REFERENCE.exists():
        pytest.skip(f"the data are not there: {REFERENCE}")
    source = f"{REFERENCE}:Events"
    archive = baler_vae.dumps(source, columns="Jet_mass", bound=bound, kind="independent", verify=False)
    peaks = read_project(SCRIPT.with_name("project.toml")).evaluation.peaks
    found = baler_vae.evaluate(source, archive, settings=baler_vae.EvaluationSettings(peaks=peaks))
    assert {failure.what for failure in found.failures} == failed
    (shift,), (spectrum,) = found.peaks, found.spectra
    assert spectrum.rise == pytest.approx(shift.after.chi2 - shift.before.chi2, rel=0.2)
    assert spectrum.has_comb is bool(failed)
    warnings = [text for text in found.verdict().judgement.sentences if text.startswith("Warning: ")]
    assert len(warnings) == n_warnings
    assert "is bad before compression: chi2 968.8 for 194 degrees of freedom" in warnings[0]
