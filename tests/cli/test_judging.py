"""Advice and comparisons as a user types them."""

import json
import tomllib
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from baler_vae.io.files import write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

PROJECT = """# Mine.
name = "tiny"
input = "in.npz:table" # the input
# By hand:
bound = ["n=exact"] # integers

[evaluation]
[[evaluation.peaks]] # the one that counts
column = "m"
window = [80.0, 102.0]
bins = 40
[[evaluation.cuts]]
cut = "m > 90"
"""
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def given(call, tmp_path):
    """Runs the command line in a folder with a file `in.root` and a `project.toml`."""
    rng = np.random.default_rng(1)
    m = np.concatenate([rng.normal(91, 2, 2_000), rng.uniform(70, 110, 2_000)]).astype(np.float32)
    arrays = {"m": m, "phi": rng.uniform(-3.1, 3.1, len(m)), "n": np.arange(len(m))}
    group = Group("events", tuple(Column(name, array.dtype) for name, array in arrays.items()))
    schema = Schema((group,), group.names, Origin("root", "Events"))
    write_file(tmp_path / "in.root", schema, [(Table(group, arrays),)])
    (tmp_path / "project.toml").write_text(PROJECT, "utf-8")
    return call


def texts(path):
    root = ET.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    return root.get("aria-label"), [element.text for element in root.iter(f"{SVG}text")]


def test_advice_is_written_into_the_project_and_passes_when_used(given, tmp_path):
    path = tmp_path / "project.toml"
    out, err = given("advise", "in.root:Events", "--project", path, "--no-fit")
    assert path.read_text("utf-8") == PROJECT
    changes = [line for line in out.splitlines() if line.startswith(("+", "-"))]
    assert changes[:3] == ["--- project.toml", "+++ project.toml, as advised", '-bound = ["n=exact"] # integers']
    assert changes[3:5] == ["+bound = [", '+    "n=exact",']
    assert f"not changed (--write updates it): {path}" in out
    out, err = given("advise", "in.root:Events", "--project", path, "--figure", "a.svg", "--no-fit", "--write")
    assert err == ""
    assert [line for line in out.splitlines() if line.startswith(("+", "-"))] == changes
    assert f"bounds written into: {path}" in out
    text = path.read_text("utf-8")
    before, after = (tomllib.loads(document) for document in (PROJECT, text))
    assert [entry.partition("=")[0] for entry in after["bound"]] == ["n", "m", "phi"]
    assert {**after, "bound": before["bound"]} == before
    head, tail = PROJECT.split('["n=exact"]')
    assert text.startswith(head)
    assert text.endswith(tail)

    label, shown = texts(tmp_path / "a.svg")
    assert "Advised: m " in label
    assert "bits per value" in shown
    assert any(entry.startswith("m: bits:") for entry in shown)

    given("compress", "in.root:Events", "-o", "a.bvae", "--project", path, "--model", "independent")
    out, _ = given("evaluate", "in.root:Events", "a.bvae", "--project", path, "--strict")
    given("evaluate", "in.root:Events", "a.bvae", "--project", path, "--strict", "--json")

    out, _ = given("advise", "in.root:Events", "--project", path, "--no-fit", "--write")
    assert path.read_text("utf-8") == text
    assert f"these bounds are already in: {path}" in out
    document, err = given("advise", "in.root:Events", "--project", path, "--no-fit", "--json", "--part", "0.1")
    assert json.loads(document)["part"] == 0.1
    assert f"not changed (--write updates it): {path}" in err
    assert path.read_text("utf-8") == text


def test_without_a_project_the_options_are_printed(given):
    out, _ = given("advise", "in.root:Events", "--no-fit", "--columns", "m")
    (option,) = [line for line in out.splitlines() if line.startswith("--bound")]
    assert option.startswith("--bound 'm=bits:")
    out, _ = given("advise", "in.root:Events", "--no-fit", "--columns", "m", "--json")
    document = json.loads(out)
    assert option == f"--bound '{document['bounds'][0]}'"
    assert document["part"] == 0.01
    assert document["columns"][0]["candidates"][0]["effects"][0]["in_errors"] > 0.01


def test_the_components_of_a_momentum_share_a_bound_unless_separate(call, tmp_path):
    values = np.random.default_rng(2).normal(0, 1, (2, 200)) * [[1], [50]]
    np.savez(tmp_path / "in.npz", px=values[0], py=values[1])
    found = {}
    for option in ((), ("--separate",)):
        out, _ = call("advise", "in.npz", "--no-fit", "--json", *option)
        found[option] = json.loads(out)
    assert [document["families"] for document in found.values()] == [[["px", "py"]], []]


def test_archives_are_compared(given, tmp_path):
    for bits in (6, 10):
        given("compress", "in.root:Events", "-o", f"{bits}.bvae", "--bound", f"bits:{bits}", "--model", "independent")
    out, _ = given("compare", "6.bvae", "10.bvae", "--against", "in.root:Events", "--project", "project.toml")
    assert "6.bvae" in out
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[lines.index("m in 80 to 102") + 1 :][:2]] == ["6.bvae", "10.bvae"]
    assert out.splitlines()[-1].startswith(("PASS: all tolerances are met by 2 archives", "FAIL: tolerances are"))
    out, _ = given("compare", ".", "--against", "in.root:Events", "--json", "--figure", "c.svg")
    document = json.loads(out)
    assert [archive["name"] for archive in document["archives"]] == ["10.bvae", "6.bvae"]
    info = json.loads(given("info", "6.bvae", "--json")[0])
    evaluation = json.loads(given("evaluate", "in.root:Events", "6.bvae", "--json")[0])
    found = document["archives"][1]
    assert found["archive_bytes"] == info["archive_bytes"] == (tmp_path / "6.bvae").stat().st_size
    assert [column["largest"] for column in found["columns"]] == [
        column["residual"]["largest"] for column in evaluation["columns"]
    ]
    assert "6.bvae" in texts(tmp_path / "c.svg")[1]


def test_bounds_and_models_are_drawn_beside_rivals(given, tmp_path):
    rows = [("grid + pcodec", "bits:6", 5_000), ("grid + pcodec", "bits:9", 6_500), ("zstd", "bits:7", 9_000)]
    lines = [f"{method},{bound},ok,{n_bytes},16000" for method, bound, n_bytes in rows]
    (tmp_path / "results.csv").write_text("\n".join(["method,bound,status,bytes,raw_bytes", *lines]), "utf-8")
    ways = ("--bounds", "bits:6", "--bounds", "bits:9", "--models", "independent", "--columns", "m")
    out, _ = given(
        "compare", "--against", "in.root:Events", *ways, "--rivals", "results.csv", "--figure", "c.svg", "--json"
    )
    document = json.loads(out)
    assert [archive["bound"] for archive in document["archives"]] == ["bits:6", "bits:9"]
    assert document["rivals"] == {"bits:6": {"grid + pcodec": 5_000}, "bits:9": {"grid + pcodec": 6_500}}
    _, shown = texts(tmp_path / "c.svg")
    assert {"independent", "grid + pcodec", "bits per value", "bits:6"} <= set(shown)


def test_figures_without_a_bound_are_those_of_one(given, tmp_path):
    (tmp_path / "rivals.json").write_text('{"pcodec": 9000}', "utf-8")
    asked = (
        "compare",
        "--against",
        "in.root:Events",
        "--columns",
        "m",
        "--rivals",
        "rivals.json",
        "--bounds",
        "bits:6",
    )
    assert json.loads(given(*asked, "--json")[0])["rivals"] == {"bits:6": {"pcodec": 9000}}
    assert "does not say which bound" in given(*asked, "--bounds", "bits:9", status=2)[1]


def test_what_cannot_be_asked(given):
    for arguments, why in (
        ([], "nothing to compare"),
        (["--models", "vae"], "--models needs --bounds"),
        (["a.bvae", "--rivals", "r.json"], "--rivals needs archives or --bounds"),
    ):
        assert why in given("compare", "--against", "in.root:Events", *arguments, status=2)[1]
    given("advise", "in.root:Events", "--figure", "none/a.svg", status=8)
    assert "--project" in given("advise", "in.root:Events", "--write", status=2)[1]
