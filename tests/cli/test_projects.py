"""Projects: made by `new`, edited, run on every format."""

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import uproot

from baler_vae.sample import SAMPLE

TINY = '[model]\nhidden = [8, 4]\nepochs = 2\ntransform = "standard"\n'


def make_tiny(folder):
    """Makes the model of a new project train in a moment."""
    path = Path(folder) / "project.toml"
    text = path.read_text("utf-8")
    assert text.count("[model]\n") == 1
    path.write_text(text.replace("[model]\n", TINY), "utf-8")


def paths_in(out):
    """The files that a run names, by what they are."""
    lines = (line.partition(": ") for line in out.splitlines())
    return {what: Path(path) for what, _, path in lines if what in ("restored file", "page", "numbers", "experiment")}


def test_demo_ends_with_a_page_and_a_restored_tree(call):
    call("new", "demo")
    make_tiny("demo")
    out, _ = call("demo", "-o", "demo", "--no-progress")
    paths = paths_in(out)
    assert paths["page"].read_text("utf-8").startswith("<!doctype html>")
    with uproot.open(f"{paths['restored file']}:Events") as tree, uproot.open(f"{SAMPLE}:Events") as original:
        assert tree.num_entries == original.num_entries == 2_400
        assert tree.keys() == [name for name in original.keys() if name != "event"]
        assert np.array_equal(tree["nJet"].array(library="np"), original["nJet"].array(library="np"))
    assert json.loads(paths["numbers"].read_text("utf-8"))["n_rows"] == {"events": 2_400, "Jet": 20_092}
    _, err = call("demo", "-o", "demo", status=8)
    assert "--force" in err


def hepfile(path):
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        counts = rng.integers(0, 4, 300)
        file["muons/nmuons"] = counts
        file["muons/e"] = rng.exponential(20, counts.sum()).astype(np.float32)
        file["muons/q"] = rng.choice([-1, 1], counts.sum())
        file["muons"].attrs["counter"] = np.bytes_("muons/nmuons")


def table(path):
    text = "\n".join(f"{i},{'GT'[i % 2]},{i * 0.37:.3f}" for i in range(300))
    path.write_text(f"run,type,mass\n{text}\n")


def image(path):
    np.savez(path, data=np.random.default_rng(0).normal(size=(20, 15, 4)), other=np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("make", "name", "inner", "columns"),
    [
        (hepfile, "muons.hdf5", ":muons", ["nmuons", "e", "q"]),
        (hepfile, "muons.h5", "", ["muons/nmuons", "muons/e", "muons/q"]),
        (table, "z.csv", "", ["run", "type", "mass"]),
        (image, "flow.npz", ":data", [f"data_{i}" for i in range(4)]),
    ],
)
def test_a_project_of_every_format_runs(call, tmp_path, make, name, inner, columns):
    make(tmp_path / name)
    call("new", "mine", "--input", f"{name}{inner}")
    make_tiny("mine")
    out, _ = call("run", "mine", "--no-progress")
    paths = paths_in(out)
    assert paths["restored file"].name == f"restored{Path(name).suffix}"
    numbers = json.loads(paths["numbers"].read_text("utf-8"))
    assert sorted(column["name"] for column in numbers["columns"]) == sorted(columns)
    assert all(column["n_different"] == 0 for column in numbers["columns"] if not column["dtype"].startswith("float"))


def test_a_project_may_have_any_name(call):
    call("new", 'été 😀 "x"')
    project = Path('été 😀 "x"/project.toml')
    project.write_text(project.read_text("utf-8").replace('kind = "auto"', 'kind = "independent"'), "utf-8")
    out, _ = call("run", 'été 😀 "x"', "--no-progress")
    assert (paths_in(out)["page"].parent / 'été 😀 "x".bvae').exists()


@pytest.fixture
def experiment(call, tmp_path):
    path = tmp_path / "project.toml"
    path.write_text(
        f"""
        name = "tiny"
        input = "{SAMPLE}:Events"
        columns = ["Jet_pt", "Jet_mass"]
        model = {{ hidden = [4], transform = "standard" }}
        evaluation.peaks = [{{ column = "Jet_mass", window = [100.0, 225.0] }}]
        experiment = {{ kinds = ["ae"], seeds = [1], recipes = [{{ name = "long", model = {{ epochs = 5000 }} }}] }}
        """
    )
    return path


def test_epochs_of_the_command_line_hold_for_every_recipe(call, experiment):
    out, err = call("run", experiment, "--epochs", "1", "--no-progress")
    assert paths_in(out)["experiment"].exists()
    assert "long, ae, seed 1" in err


def test_an_output_that_exists_is_found_before_training(call, experiment):
    output = experiment.parent / "output"
    output.mkdir()
    (output / "experiment.json").write_text("mine")
    _, err = call("run", experiment, status=8)
    assert "experiment.json: exists already" in err
    assert [path.name for path in output.iterdir()] == ["experiment.json"]


@pytest.mark.parametrize("package", ["jinja2", "matplotlib", "scipy", "iminuit"])
def test_a_missing_extra_is_found_before_training(call, monkeypatch, tmp_path, package):
    forget(monkeypatch, package, "baler_vae.report", "baler_vae.evaluation")
    call("new", "mine")
    _, err = call("run", "mine", status=6)
    assert package in err
    assert "pip install 'baler-vae[report]'" in err
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["project.toml", "sample.root"]


def test_fitting_without_torch_names_the_extra(call, monkeypatch, tmp_path):
    forget(monkeypatch, "torch", "baler_vae.learn")
    for verb, output in (("fit", "a.bvmodel"), ("compress", "a.bvae")):
        _, err = call(verb, f"{SAMPLE}:Events", "-o", output, status=6)
        assert "pip install 'baler-vae[train]'" in err
    call("compress", f"{SAMPLE}:Events", "-o", "a.bvae", "--model", "independent")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvae"]


def forget(monkeypatch, package, *rooms):
    """Lets a package seem absent, to rooms that are imported anew."""
    for name in list(sys.modules):
        if name.partition(".")[0] == package or name.startswith(rooms):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


def test_names_are_shown_as_they_are(call, tmp_path):
    np.savez(tmp_path / "x.npz", **{"[bold]p": np.arange(3), "q[i]": np.arange(3)})
    call("compress", "x.npz", "-o", "[red].bvae", "--bound", "exact", "--model", "ae")
    out, _ = call("info", "[red].bvae")
    assert out.startswith("[red].bvae: 3 events; ")
    assert {"[bold]p", "q[i]"} < set(out.split())
