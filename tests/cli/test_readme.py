"""The commands of the README, as it shows them."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from baler_vae.evaluation.cuts import CutCounter
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.table.schema import Column, Group, Origin, Schema

README = Path(__file__).resolve().parents[2] / "README.md"


def block(name):
    found = re.search(rf"<!-- {name} -->\n```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found, name
    return found[1]


def test_the_tour_runs(tmp_path):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block("tour")],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert {"jets.bvae", "restored.root", "jets.bvmodel", "again.bvae"} <= {p.name for p in tmp_path.iterdir()}
    assert (tmp_path / "report/report.html").exists()
    assert (tmp_path / "tour/output/report.html").exists()
    snippet = re.search(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    subprocess.run([sys.executable, "-c", snippet[1]], cwd=tmp_path, check=True, timeout=300)
    assert (tmp_path / "mine.parquet").exists()


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_set_up_is_one_line(name):
    line = block(name)
    assert line.count("\n") == 1
    steps = [shlex.split(step) for step in line.split("&&")]
    assert steps[0] == ["python3", "-m", "venv", ".venv"]
    assert "constraints.txt" in steps[1]


def test_what_is_judged_is_declared_as_shown():
    snippet = re.search(r"```toml\n(\[\[evaluation.*?)```", README.read_text("utf-8"), re.DOTALL)
    settings = check_settings(EvaluationSettings, tomllib.loads(snippet[1])["evaluation"])
    named = [Column(f"Muon_{kind}", np.dtype(np.float32)) for kind in ("pt", "eta", "phi")]
    events = [Column("nMuon", np.dtype(np.int32)), Column("met", np.dtype(np.float32))]
    groups = (Group("events", tuple(events)), Group("Muon", tuple(named), "nMuon"))
    schema = Schema(groups, tuple(column.name for column in [*events, *named]), Origin("root", "Events"))
    made = quantities_of([Quantity(**quantity.model_dump()) for quantity in settings.quantities], schema)
    assert {made.schema.group_of(name).name for name in made.names} == {"events", "Muon"}
    assert settings.peaks[0].column in made.names
    assert CutCounter(settings.cuts[0], made.schema).migration().of == "events"
