"""Objectives of a project on the command line."""

import json

import numpy as np

PROJECT = """
name = "table"
input = "table.npz"
bound = ["free"]
[model]
kind = "vae"
latent = 2
hidden = [6]
epochs = 2
transform = "standard"
[model.objective.kl]
beta = 1e-3
schedule = "linear"
over = 10
unit = "steps"
[model.objective.mmd]
weight = 1.0
"""


def test_a_project_with_an_objective_runs(call, tmp_path):
    x, y = np.random.default_rng(0).normal(size=(2, 200))
    np.savez(tmp_path / "table.npz", x=x, y=y, product=x * y)
    (tmp_path / "project.toml").write_text(PROJECT)
    call("fit", "table.npz", "-o", "table.bvmodel", "--project", "project.toml", "--no-progress")
    call("compress", "table.npz", "-o", "a.bvae", "--project", "project.toml", "--no-progress")
    call("compress", "table.npz", "-o", "b.bvae", "--codec", "table.bvmodel", "--no-progress")
    call("decompress", "a.bvae", "-o", "back.npz", "--no-progress")
    call("evaluate", "table.npz", "back.npz", "--no-progress")
    with np.load(tmp_path / "back.npz") as back:
        assert set(back) == {"x", "y", "product"}
        assert all(np.isfinite(back[name]).all() for name in back)
    out, _ = call("info", "a.bvae", "--json")
    assert json.loads(out)["settings"]["model"]["objective"]["mmd"]["weight"] == 1.0


def test_an_option_that_an_objective_replaces_is_refused(call, tmp_path):
    np.savez(tmp_path / "table.npz", x=np.arange(9.0))
    (tmp_path / "project.toml").write_text(PROJECT)
    _, err = call(
        "fit", "table.npz", "-o", "a.bvmodel", "--project", "project.toml", "--model", "independent", status=2
    )
    assert "objective" in err
    assert 'Set kind = "vae" or "ae"' in err.replace("\n", " ")
    (tmp_path / "project.toml").write_text(PROJECT.replace("latent = 2", "beta = 0.5"))
    _, err = call("fit", "table.npz", "-o", "a.bvmodel", "--project", "project.toml", status=2)
    assert "project.toml" in err
    assert "both given" in err
