"""`baler-vae explore sweep` on the command line: killed and resumed, and the project that it leaves."""

import json
import signal
import tomllib
from pathlib import Path

import numpy as np
import pytest

from baler_vae.cli.editing import with_values
from baler_vae.explore.sweep_plan import changes_of, grid, request_of
from baler_vae.settings.checking import check_settings
from baler_vae.settings.project import Project, read_project
from tests.processes import Run, kill_all, wait_for

PROJECT = """# of three columns
name = "small" # its name
input = "rows.npz"
bound = [
    "free", # all of them
]

[model]
kind = "ae"
hidden = [4]
epochs = 2 # a moment
transform = "standard"

[sweep]
seeds = [1, 2, 3]

[sweep.settings]
latent = [1, 2]
"""


@pytest.fixture
def project(tmp_path):
    """The folder of a project whose sweep has six runs."""
    rng = np.random.default_rng(4)
    (tmp_path / "small").mkdir()
    rows = {name: rng.normal(size=300).astype(np.float32) for name in "abc"}
    np.savez(tmp_path / "small" / "rows.npz", **rows)
    (tmp_path / "small" / "project.toml").write_text(PROJECT)
    return tmp_path / "small"


def tables_of(folder):
    return [(folder / name).read_bytes() for name in ("runs.jsonl", "summary.json", "best.toml")]


def test_killed_half_way_and_resumed_it_gives_the_same_tables(call, project, tmp_path):
    out, _ = call("explore", "sweep", project, "-o", "whole", "--no-progress")
    assert f"table: {tmp_path / 'whole' / 'runs.jsonl'} (6 runs" in out
    run = Run(["explore", "sweep", str(project), "-o", str(tmp_path / "cut"), "--no-progress"], tmp_path / "log")
    try:
        wait_for(lambda: (tmp_path / "cut" / "runs" / "000002.json").exists() or not run.process.is_alive())
        run.process.kill()
        assert run.end() == -signal.SIGKILL
    finally:
        kill_all()
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "cut" / "runs").glob("*.json")}
    assert 2 <= len(done) < 6
    assert not (tmp_path / "cut" / "runs.jsonl").exists()
    _, said = call("explore", "sweep", project, "-o", "cut", "--no-progress", status=8)
    assert "--resume" in said
    call("explore", "sweep", project, "-o", "cut", "--resume", "--no-progress")
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert tables_of(tmp_path / "cut") == tables_of(tmp_path / "whole")


def test_the_best_project_runs_and_is_the_old_one_but_for_the_best(call, project):
    call("explore", "sweep", project, "-o", "sweep", "--page", "lab.html", "--no-progress")
    text = Path("sweep/best.toml").read_text()
    for kept in ("# of three columns", "# its name", "# all of them", "# a moment"):
        assert kept in text
    found, before = tomllib.loads(text), tomllib.loads(PROJECT)
    summary = json.loads(Path("sweep/summary.json").read_text())
    best = summary["settings"][summary["best"]]
    assert found["model"] == {**before["model"], **best["settings"], "seed": 1}
    assert found["input"] == "../small/rows.npz"
    assert {**found, "model": None, "input": None} == {**before, "model": None, "input": None}
    call("run", "sweep/best.toml", "--no-progress")
    runs = [json.loads(line) for line in Path("sweep/runs.jsonl").read_text().splitlines()]
    (run,) = [run for run in runs if (run["seed"], run["settings"]) == (1, best["settings"])]
    assert Path("sweep/output/small.bvae").stat().st_size == run["values"]["bytes"]
    page = Path("lab.html").read_text()
    assert '<section id="sweep">' in page
    assert "How many latents?" in page
    assert "participation ratio" in page


def test_bounds_of_the_best_are_written_and_json_is_printed(call, project):
    text = PROJECT.replace('"ae"', '"independent"')
    settings = '[sweep.settings]\nbound = ["bits:4", ["bits:8", "a=exact"]]\n'
    text = text.replace("[sweep.settings]\nlatent = [1, 2]\n", settings)
    text = text.replace("seeds = [1, 2, 3]", 'seeds = [1]\nminimise = "bytes"\naxes = ["bytes", "distortion"]')
    (project / "project.toml").write_text(text)
    out, said = call("explore", "sweep", project, "--json", "--no-progress")
    result = json.loads(out)
    assert [run["settings"]["bound"] for run in result["runs"]] == ["bits:4", ["bits:8", "a=exact"]]
    assert result["front"] == [0, 1]
    assert result["best"] == 0
    assert f"project with the best settings: {project / 'output' / 'sweep' / 'best.toml'}" in said
    found = tomllib.loads((project / "output" / "sweep" / "best.toml").read_text())
    assert (found["bound"], found["input"]) == (["bits:4"], "../../rows.npz")


def test_without_a_run_that_succeeded_no_project_is_written(call, project):
    """Its table is there, with the reasons; scripts see the exit status."""
    text = PROJECT.replace("seeds = [1, 2, 3]", "seeds = [1]").replace("latent = [1, 2]", "learning_rate = [1e30]")
    (project / "project.toml").write_text(text)
    out, said = call("explore", "sweep", project, "-o", "sweep", "--no-progress", status=2)
    assert "1 run failed" in out
    assert "there is no best one" in out
    assert "no run of the sweep succeeded" in said
    assert "diverged" in said
    assert not Path("sweep/best.toml").exists()


def test_a_page_that_is_none_is_refused_before_the_work(call, project):
    Path("mine.html").write_text("mine")
    _, said = call("explore", "sweep", project, "-o", "sweep", "--page", "mine.html", "--no-progress", status=8)
    assert "no page of `baler-vae explore`" in said
    assert not Path("sweep").exists()


def test_a_misspelled_setting_is_named(call, project):
    (project / "project.toml").write_text(PROJECT.replace("latent =", "latents_ ="))
    _, said = call("explore", "sweep", project, "--no-progress", status=2)
    assert "'latents_'" in said
    assert "Did you mean 'latents'?" in said


def test_an_interrupt_tells_how_to_go_on(call, project, monkeypatch):
    def interrupted(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("baler_vae.explore.sweeping.run_and_keep", interrupted)
    _, said = call("explore", "sweep", project, "-o", "sweep", "--no-progress", status=130)
    assert "run the same command with --resume" in said


PROJECTS = sorted((Path(__file__).parents[3] / "projects").glob("*/project.toml"))
WITH_GRIDS = [path for path in PROJECTS if (own := read_project(path).sweep) is not None and own.method == "grid"]


@pytest.mark.parametrize("path", WITH_GRIDS, ids=lambda path: path.parent.name)
def test_what_is_written_into_a_project_asks_for_the_same_fit(path):
    """Of every setting of the sweeps in projects/."""
    read, text = read_project(path), path.read_text()
    assert read.sweep is not None
    for setting in grid(read.sweep):
        changes, bound = changes_of(read, setting, 7)
        written = with_values(text, {("model", *names): value for names, value in changes.items()})
        found = check_settings(Project, tomllib.loads(written))
        asked = request_of(read, setting, 7)
        assert found.model == asked.settings
        assert bound == asked.texts
