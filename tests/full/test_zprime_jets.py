"""The whole file of jets: what the project's experiment promises. Three minutes on two cores."""

import subprocess
import sys
from pathlib import Path

import awkward as ak
import pytest
import uproot

from baler_vae.settings.project import read_project
from baler_vae.study.experiment import run_experiment

pytestmark = pytest.mark.full

FOLDER = Path(__file__).resolve().parents[2] / "projects" / "zprime_jets"


@pytest.fixture(scope="module")
def reference(data_dir):
    return f"{data_dir}/zprime_jets.root"


@pytest.mark.parametrize("kind", ["ae", "vae"])
def test_a_weighted_mass_keeps_its_peak(reference, kind):
    project = read_project(FOLDER / "project.toml")
    ours = project.experiment.model_copy(
        update={"kinds": (kind,), "seeds": (1, 2), "recipes": project.experiment.recipes[-1:]}
    )
    runs = list(run_experiment(project.model_copy(update={"experiment": ours}), f"{reference}:Events"))
    assert len(runs) == 2
    for run in runs:
        assert run.n_rows == 420_545
        assert run.archive_bytes <= 10 * run.n_rows
        assert run.mass_difference_percent <= 0.2
        assert abs(run.width_change_percent) <= 10


def test_the_generator_makes_the_reference(reference, tmp_path):
    pytest.importorskip("pythia8mc", reason="the extra 'generate' is not installed")
    pytest.importorskip("fastjet", reason="the extra 'generate' is not installed")
    made = tmp_path / "jets.root"
    command = [sys.executable, str(FOLDER / "generate.py"), str(made), "--events", "2000", "--seed", "2023"]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    with uproot.open(f"{made}:Events") as tree, uproot.open(f"{reference}:Events") as original:
        assert tree.keys() == original.keys()
        for name in tree.keys():
            assert ak.array_equal(tree[name].array(), original[name].array(entry_stop=2000)), name
