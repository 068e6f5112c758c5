"""The project of anomalies: what its generator writes."""

import awkward as ak
import numpy as np
import pytest
import uproot

from tests.generators import generated, need_pythia, run_python, script_of
from tests.projects.test_zprime_jets import BRANCHES, ENERGIES, columns, same


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    need_pythia()
    path = tmp_path_factory.mktemp("anomalies") / "jets.root"
    return generated("anomalies", path, qcd=12, zprime=8, wprime=6, seed=2023)


def test_the_branches_are_those_of_the_z_prime_jets_and_labels(mixed):
    with uproot.open(mixed) as file:
        found = {branch.name: branch.typename for branch in file["Events"].branches}
    assert found == {**BRANCHES, "label": "int32_t", "process": "int32_t"}


def test_each_process_has_as_many_events_as_were_asked_for(mixed):
    table = columns(mixed)
    assert table.process.to_list() == [0] * 12 + [1] * 8 + [2] * 6
    assert table.label.to_list() == [0] * 12 + [1] * 14
    assert table.event.to_list() == list(range(26))
    assert ak.all(table.nJet == ak.num(table.Jet_pt))


def test_the_energies_sum_to_the_energy_of_the_jet(mixed):
    table = columns(mixed)
    flat = {name: ak.flatten(table[name]).to_numpy().astype(np.float64) for name in BRANCHES if name.startswith("Jet_")}
    energy = np.hypot(flat["Jet_pt"] * np.cosh(flat["Jet_eta"]), flat["Jet_mass"])
    np.testing.assert_allclose(sum(flat[name] for name in ENERGIES), energy, rtol=1e-6)


def test_the_processes_are_what_they_are_called(mixed):
    table = columns(mixed)
    # The two hardest partons of QCD have at least 900 GeV; those that are radiated are softer.
    assert ak.all(ak.max(table.Jet_pt[table.process == 0], axis=1) > 500)
    masses = table.Jet_mass[:, :2][table.process == 2]
    assert np.median(ak.flatten(masses).to_numpy()) == pytest.approx(86, abs=12)  # W and Z in one jet each


def test_a_signal_is_that_of_the_project_it_is_taken_from(mixed, tmp_path):
    own = columns(generated("zprime_jets", tmp_path / "z.root", events=8, seed=2023))
    table = columns(mixed)
    jets = [name for name in BRANCHES if name.startswith("Jet_")]
    assert same(table[table.process == 1][jets], own[jets])


def test_a_longer_run_begins_with_the_events_of_a_shorter_one(mixed, tmp_path):
    fewer, table = columns(generated("anomalies", tmp_path / "q.root", qcd=5, seed=2023)), columns(mixed)
    assert same(fewer, table[:5])


def test_no_events_are_refused(tmp_path):
    need_pythia()
    finished = run_python(script_of("anomalies"), tmp_path / "a.root", "--seed", 1)
    assert finished.returncode == 2
    assert "nor all be 0" in finished.stderr
