"""The README and the pages under docs/: commands that run, settings that are valid, links that lead somewhere."""

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import typer

from baler_vae.cli.app import app
from baler_vae.evaluation.cuts import CutCounter
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.project import Project
from baler_vae.table.schema import Column, Group, Origin, Schema

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"(?:<!-- (?P<mark>[\w ]+) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MADE = {
    "README.md": {"jets.bvae", "restored.root", "mine.bvae", "mine.parquet"},
    "quick-start.md": {
        "jets.bvae", "restored.root", "report/report.html", "free.bvae", "jets.bvmodel", "again.bvae",
        "tour/output/report.html",
    },
    "python.md": {"mine.bvae", "mine.parquet", "jets.bvae"},
}  # fmt: skip
"""What the snippets of a page that run leave behind."""

LONG = {
    "quick-start.md": ("-o free.bvae", {"free.bvae", "jets.bvmodel", "again.bvae", "tour/output/report.html"}),
}
"""Where the commands of a page begin to train networks, and what is left behind from there on: typed with `-m full`
only. `test_commands.py` does the same with less training.
"""

of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def blocks(page, *languages):
    """The fenced blocks of a page, as pairs of mark and text."""
    found = FENCE.finditer(page.read_text("utf-8"))
    return [(block["mark"], block["text"]) for block in found if block["language"] in languages]


def test_the_pages_that_run_are_known():
    marked = {page.name for page in PAGES if "run" in dict(blocks(page, "sh", "python"))}
    assert marked == set(MADE)


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        *((name, name not in LONG) for name in MADE),
        *(pytest.param(name, True, marks=pytest.mark.full) for name in LONG),
    ],
)
def test_what_is_marked_runs(name, whole, tmp_path):
    """The blocks of a page run one after the other, in one folder; those of Python are what follows the commands."""
    page = next(page for page in PAGES if page.name == name)
    until, late = (None, set()) if whole else LONG[name]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for language, program in (("sh", ["bash", "-euo", "pipefail", "-c"]), ("python", [sys.executable, "-c"])):
        for text in [text for mark, text in blocks(page, language) if mark == "run"]:
            done = subprocess.run(
                [*program, text if until is None else text[: text.rindex("\n", 0, text.index(until))]],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            assert done.returncode == 0, done.stderr
    assert {made for made in MADE[name] if (tmp_path / made).exists()} == MADE[name] - late


@of_each_page
def test_all_commands_can_be_typed(page):
    """Options and arguments of every `baler-vae` that a page shows exist, also where it does not run."""
    commands = typer.main.get_command(app).commands
    for _, text in blocks(page, "sh", "console"):
        for line in text.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words and words[0] == "baler-vae":
                commands[words[1]].make_context(words[1], words[2:])


@of_each_page
def test_all_python_is_python(page):
    for _, text in blocks(page, "python"):
        ast.parse(text)


@of_each_page
def test_all_settings_are_valid(page):
    for _, text in blocks(page, "toml"):
        check_settings(Project, {"name": "any", "input": "any.root", **tomllib.loads(text)})


@of_each_page
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def anchors(page):
    """The anchors that the headings of a page get."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_linked_from_the_index():
    linked = {link for link in LINK.findall((ROOT / "docs/index.md").read_text("utf-8")) if "/" not in link}
    assert {page.name for page in PAGES[1:]} - linked == {"index.md"}


def test_the_readme_is_a_front_door():
    assert README.stat().st_size <= 10_000


@of_each_page
def test_tables_are_whole(page):
    """Every row of a table has as many cells as its head."""
    for before, line in pairwise(page.read_text("utf-8").splitlines()):
        if before.startswith("|") and line.startswith("|"):
            assert before.count("|") - before.count("\\|") == line.count("|") - line.count("\\|"), line


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_set_up_is_one_line(name):
    line = dict(blocks(README, "sh"))[name]
    assert line.count("\n") == 1
    steps = [shlex.split(step) for step in line.split("&&")]
    assert steps[0] == ["python3", "-m", "venv", ".venv"]
    assert "constraints.txt" in steps[1]


def test_what_is_judged_is_declared_as_shown():
    snippet = next(text for _, text in blocks(ROOT / "docs/judging.md", "toml") if text.startswith("[[evaluation."))
    settings = check_settings(EvaluationSettings, tomllib.loads(snippet)["evaluation"])
    named = [Column(f"Muon_{kind}", np.dtype(np.float32)) for kind in ("pt", "eta", "phi")]
    events = [Column("nMuon", np.dtype(np.int32)), Column("met", np.dtype(np.float32))]
    groups = (Group("events", tuple(events)), Group("Muon", tuple(named), "nMuon"))
    schema = Schema(groups, tuple(column.name for column in [*events, *named]), Origin("root", "Events"))
    made = quantities_of([Quantity(**quantity.model_dump()) for quantity in settings.quantities], schema)
    assert {made.schema.group_of(name).name for name in made.names} == {"events", "Muon"}
    assert settings.peaks[0].column in made.names
    assert CutCounter(settings.cuts[0], made.schema).migration().of == "events"
