"""Studies of projects: what they count, tables of it, and runs that are not made twice."""

import importlib.util
import json
import sys

import numpy as np
import pytest

from baler_vae.explore.sweep_plan import Setting
from baler_vae.settings.project import read_project
from tests.generators import ROOT, loaded


def study_of(project, monkeypatch):
    """The study of a project, beside the generator of its own."""
    monkeypatch.setitem(sys.modules, "generate", loaded(project))
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = importlib.util.spec_from_file_location(f"study_{project}", ROOT / "projects" / project / "study.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture
def gmm3d(monkeypatch):
    return study_of("gmm3d", monkeypatch)


@pytest.fixture
def cube_surface(monkeypatch):
    return study_of("cube_surface", monkeypatch)


@pytest.fixture
def studies(gmm3d):
    return sys.modules["studies"]


def project_of(name):
    return read_project(ROOT / "projects" / name / "project.toml")


def test_modes_are_found_with_a_fiftieth_of_the_points_near_their_mean(gmm3d):
    means = gmm3d.means_of(1)
    assert gmm3d.modes_of(np.repeat(means, 10, axis=0)) == (10, 1.0)
    few = np.concatenate([np.repeat(means[:1], 98, axis=0), means[1:2], np.full((1, 3), 99.0)])
    assert gmm3d.modes_of(few) == (1, 0.99)
    assert gmm3d.modes_of(np.concatenate([few[:-2], np.repeat(means[1:2], 2, axis=0)])) == (2, 1.0)


def test_distances_from_the_surface_of_a_cube(cube_surface):
    points = np.array([[0.5, 0.1, 0.2], [0, 0, 0], [0.4, 0, 0.1], [0.7, 0, 0], [0.6, 0.6, 0], [-0.6, 0.6, -0.6]])
    expected = [0, 0.5, 0.1, 0.2, np.sqrt(0.02), np.sqrt(0.03)]
    assert cube_surface.distance_of(points) == pytest.approx(expected)
    assert cube_surface.distance_of(2 * points, side=2.0) == pytest.approx([2 * one for one in expected])


def test_tables_have_means_and_spreads(studies):
    records = [{"model": "a", "x": 1.0}, {"model": "a", "x": 3.0}, {"model": "b", "x": 2.0}, {"model": "c"}]
    assert list(studies.listed(records, ("model",), {"x": ".2f"})) == [
        "| model | seeds | x |",
        "|---|---|---|",
        "| a | 2 | 2.00 ± 1.41 |",
        "| b | 1 | 2.00 |",
        "| c | 1 |  |",
    ]


def test_what_is_measured_is_not_measured_again(studies, tmp_path):
    path, made = tmp_path / "found.jsonl", []

    def measured(setting, seed):
        made.append((setting.variant, seed))
        yield {"from": "prior", "x": seed}

    tasks = [(Setting("a", {"objective.kl.beta": 1e-3}), seed) for seed in (1, 2)]
    told = []
    first = studies.repeated(path, tasks[:1], measured, told.append)
    both = studies.repeated(path, tasks, measured, told.append)
    assert made == [("a", 1), ("a", 2)]
    assert both[:1] == first
    assert [json.loads(line) for line in path.read_text().splitlines()] == both
    assert both[1] == {"model": "a, beta 0.001", "seed": 2, "from": "prior", "x": 2}
    assert told == ["a, beta 0.001, seed 1", "a, beta 0.001, seed 2"]


def test_settings_are_chosen_by_variant_or_by_name(studies):
    project = project_of("cube_surface")
    chosen = list(studies.settings_of(project, ["f2, snr 15", "f3"]))
    assert list(map(studies.name_of, chosen)) == ["f2, snr 15", "f3"]
    assert len(list(studies.settings_of(project, ["f2"]))) == 4


@pytest.mark.parametrize(
    ("name", "variant", "sources"),
    [
        ("gmm3d", "two latents, beta 0.001", ["prior", "mixture"]),
        ("gmm3d", "density", ["density"]),
        ("cube_surface", "f2, snr 15", ["prior", "mixture"]),
        ("cube_surface", "three latents", ["mixture"]),
    ],
)
def test_a_study_measures_a_variant(name, variant, sources, monkeypatch, tmp_path):
    for extra in ("torch", "sklearn", "scipy"):
        pytest.importorskip(extra)
    study = study_of(name, monkeypatch)
    studies, project = sys.modules["studies"], project_of(name)
    short = {"epochs": 2} if variant != "density" else {"networks": {"width": 8, "steps": 20}}
    sweep = project.sweep.model_copy(
        update={
            "variants": tuple(
                one.model_copy(update={"model": {**one.model, **short}}) for one in project.sweep.variants
            )
        }
    )
    project = project.model_copy(update={"sweep": sweep})
    (setting,) = studies.settings_of(project, [variant])
    found = list(study.measured(project, setting, 1, n_rows=300, n_samples=400))
    assert [record["from"] for record in found] == sources
    for record in found:
        assert 0.4 < record["AUC"] <= 1
        assert len(record["points"]) == 400
    json.dumps(found, allow_nan=False)
    points = {"a": np.array(found[0]["points"])[:, :2]}
    studies.draw(tmp_path / "figure.png", points, reach=1.0)
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
