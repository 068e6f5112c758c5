"""Comparing files and archives, and the experiment."""

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UsageError
from baler_vae.pipeline.experiment import run_experiment, spread
from baler_vae.project import Project
from baler_vae.sample import SAMPLE

from .conftest import flat_batch


def test_a_file_against_its_archive(jets, tmp_path, quick):
    info = baler_vae.compress(jets, tmp_path / "a.bvae", codec=baler_vae.fit(jets, columns=["Jet_*"], settings=quick))
    evaluation = baler_vae.evaluate(jets, tmp_path / "a.bvae")
    assert [column.name for column in evaluation.columns] == ["nJet", "Jet_pt", "Jet_eta", "Jet_id"]
    assert {c.name: c.n_different for c in evaluation.columns if c.name in ("nJet", "Jet_id")} == {
        "nJet": 0,
        "Jet_id": 0,
    }
    assert evaluation.sizes == {
        "original_bytes": info["original_bytes"],
        "archive_bytes": info["archive_bytes"],
        **{f"{name}_bytes": size for name, size in info["bytes"].items()},
    }


def test_what_cannot_be_compared(write, jets):
    other = write(*flat_batch({"met": np.ones(40, np.float32), "new": np.ones(40)}), "other.root")
    with pytest.raises(UsageError, match="'new': is not in the original"):
        baler_vae.evaluate(jets, other)
    short = write(*flat_batch({"met": np.ones(39, np.float32)}), "short.root")
    with pytest.raises(UsageError, match="39 rows, expected 40"):
        baler_vae.evaluate(jets, short)


def test_experiment_runs_every_recipe_kind_and_seed():
    project = Project.model_validate(
        {
            "name": "tiny",
            "input": "unused",
            "columns": ["Jet_pt", "Jet_mass"],
            "model": {"hidden": [4], "epochs": 1, "transform": "standard"},
            "evaluation": {"peaks": [{"column": "Jet_mass", "window": [100.0, 225.0]}]},
            "experiment": {
                "seeds": [1],
                "recipes": [
                    {"name": "old", "model": {"latents": "float64", "keep_log_variance": True}},
                    {"name": "new", "model": {"weights": {"Jet_mass": 5.0}}},
                ],
            },
        }
    )
    runs = list(run_experiment(project, f"{SAMPLE}:Events"))
    assert [(run.recipe, run.kind, run.seed) for run in runs] == [
        (recipe, kind, 1) for recipe in ("old", "new") for kind in ("ae", "vae")
    ]
    assert all(run.n_rows == 20_092 and run.original_bytes == 20_092 * 8 + 2_400 * 4 for run in runs)
    n_bytes = {(run.recipe, run.kind): run.archive_bytes for run in runs}
    assert n_bytes["old", "vae"] - n_bytes["old", "ae"] == pytest.approx(20_092 * 8, abs=3_000)
    assert n_bytes["new", "ae"] < n_bytes["old", "ae"] / 2
    with pytest.raises(UsageError, match="no experiment"):
        next(run_experiment(project.model_copy(update={"experiment": None}), str(SAMPLE)))


def test_spread_counts_failures_and_never_averages_them():
    assert spread([1.0, None, 3.0]).mean == 2.0
    assert spread([1.0, None, 3.0]).deviation == pytest.approx(np.sqrt(2))
    assert spread([1.0, None, 3.0]).n_failed == 1
    assert spread([None, None]).mean is None
    assert spread([4.0]).deviation == 0.0
