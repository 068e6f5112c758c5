"""What the project.toml of every project asks for is possible."""

from pathlib import Path

import pytest

from baler_vae.explore.sweep_plan import check_plan
from baler_vae.settings.project import read_project

PROJECTS = sorted((Path(__file__).resolve().parents[2] / "projects").glob("*/project.toml"))


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_a_project_says_what_it_is_and_how_it_is_made(path):
    assert read_project(path).name == path.parent.name
    readme = (path.parent / "README.md").read_text()
    if (path.parent / "generate.py").exists():
        assert f"python projects/{path.parent.name}/generate.py " in readme


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.parent.name)
def test_each_fit_of_a_sweep_can_be_asked_for(path):
    project = read_project(path)
    if project.sweep is None:
        pytest.skip("no sweep")
    requests = check_plan(project, project.sweep)
    assert len(requests) >= max(1, len(project.sweep.variants))
    for request in requests:
        if request.settings.objective is not None:
            request.settings.objective.check(request.settings.kind)
