"""The verdict in the terminal; `--strict`, which changes the exit status only; that all results are written first."""

import hashlib
import html
import json

import numpy as np
import pytest

import baler_vae
from baler_vae.report.wording import plain
from baler_vae.sample import SAMPLE
from baler_vae.settings.project import read_project


@pytest.fixture
def tables(tmp_path):
    """A table of 2,000 events, and what came back of it with the peak moved and a flag flipped."""
    rng = np.random.default_rng(0)
    mass = np.concatenate([rng.normal(172, 5, 1500), rng.uniform(100, 225, 500)])
    flag = rng.integers(0, 2, 2000)
    flipped = flag.copy()
    flipped[7] ^= 1
    paths = tmp_path / "before.csv", tmp_path / "after.csv"
    for path, masses, flags in zip(paths, (mass, mass + 5), (flag, flipped), strict=True):
        lines = [f"{a:.6f},{b}" for a, b in zip(masses, flags, strict=True)]
        path.write_text("\n".join(["mass,flag", *lines]))
    return paths


def test_lines_and_status(call, tables, tmp_path):
    out, err = call("evaluate", *tables, "--strict", "-o", "report", status=7)
    assert err == f"baler-vae: ToleranceFailed: {tables[1]}: 5 tolerances are exceeded\n"
    headline, rest = out.splitlines()[-1].split(". ", 1)
    assert headline == "FAIL: 5 tolerances are exceeded"
    position, flags = rest.split("; allowed: 1 %. ")[0] + "; allowed: 1 %", rest[rest.index("flag: ") :]
    assert position.startswith("peak of mass in 100 to 225 GeV: moved by 2.9")
    assert flags == "flag: 1 of 2,000 values differ, 0.05 %; allowed: 0 %"
    assert "page: " in out
    page = (tmp_path / "report/report.html").read_text()
    assert all(text in page for text in (headline, position, flags))
    assert call("evaluate", *tables, "--strict", "-o", "report", "--force", status=7) == (out, err)
    assert call("evaluate", *tables, "-o", "report", "--force") == (out, "")
    assert json.loads((tmp_path / "report/evaluation.json").read_text())["peaks"][0]["mass_difference_percent"] > 2


def test_json_stays_json(call, tables):
    out, err = call("evaluate", *tables, "--strict", "--json", status=7)
    document = json.loads(out)
    assert (len(document["columns"]), len(document["exceeded"])) == (2, 5)
    headline = "FAIL: 5 tolerances are exceeded"
    assert document["verdict"] == {"passed": False, "headline": headline, "sentences": document["exceeded"]}
    assert err.startswith(f"{headline}. peak of mass")


HISTOGRAM = """
name = "two"
input = "{}"

[[evaluation.peaks]]
column = "mass"
window = [100.0, 225.0]
bins = 40

[[evaluation.histograms]]
column = "mass"
range = [100.0, 225.0]
bins = 50

[[evaluation.cuts]]
cut = "mass > 170"
"""


def test_the_terminal_the_page_and_json_say_the_same(call, tables, tmp_path, monkeypatch):
    """Every finding and every reason, in the same words and order."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    (tmp_path / "two.toml").write_text(HISTOGRAM.format(tables[0]))
    out, _ = call("evaluate", *tables, "--project", "two.toml", "-o", "report")
    document = json.loads((tmp_path / "report/evaluation.json").read_text())
    page = html.unescape((tmp_path / "report/report.html").read_text())
    topics = ["Bounds", "Exact columns", "Peaks", "Histograms", "Cuts"]
    assert [finding["topic"] for finding in document["findings"]] == topics
    lines = out.splitlines()
    for finding in document["findings"]:
        told = [plain(f"{finding['topic']}: {finding['headline']}"), *(plain(f"  {x}") for x in finding["sentences"])]
        place = lines.index(told[0])
        assert lines[place : place + len(told)] == told
        assert f"<h3>{finding['topic']}</h3>" in page
        assert all(f">{text}</p>" in page for text in finding["sentences"])
    verdict = document["verdict"]
    assert lines[-1] == plain(". ".join([verdict["headline"], *verdict["sentences"]]))
    assert all(f"<li>{text}</li>" in page for text in verdict["sentences"])
    assert "histogram of mass in 100 to 225 GeV (50 bins): the chi2 of a model that describes it grows" in lines[-1]
    assert [spectrum["n_bins"] for spectrum in document["spectra"]] == [40, 50]
    shown = baler_vae.evaluate(*tables, settings=read_project(tmp_path / "two.toml").evaluation)
    notebook = html.unescape(shown._repr_html_())
    assert all(text in notebook for finding in document["findings"] for text in finding["sentences"])
    assert all(text in notebook for text in verdict["sentences"])
    assert "<dd>2023-11-14</dd>" in page
    assert f"baler-vae evaluate {tables[0]} {tables[1]} --project two.toml -o report</code>" in page
    for file, path in zip(document["files"], tables, strict=True):
        assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert file["sha256"] in page


def test_a_histogram_of_no_column_is_refused(call, tables, tmp_path):
    (tmp_path / "two.toml").write_text(HISTOGRAM.format(tables[0]).replace('"mass"\nrange', '"mas"\nrange'))
    _, err = call("evaluate", *tables, "--project", "two.toml", status=2)
    assert "'mas': is not a numeric column to compare a histogram of" in err


def test_what_is_the_same_passes(call, tables):
    for strict in ((), ("--strict",)):
        out, err = call("evaluate", tables[0], tables[0], *strict)
        assert out.splitlines()[-1] == "PASS: all tolerances are met"
        assert err == ""


PROJECT = """
name = "tiny"
input = "{sample}:Events"
columns = ["Jet_*"]
bound = ["bits:7"]
model.kind = "independent"

[[evaluation.peaks]]
column = "Jet_mass"
window = [100.0, 225.0]
bins = 40

[[evaluation.quantities]]
name = "HT"
kind = "ht"
objects = ["Jet_*"]

[[evaluation.quantities]]
name = "mjj"
kind = "mass"
objects = ["Jet_*"]
rows = [0, 1]

[[evaluation.cuts]]
cut = "Jet_pt > 600"
at_least = 2

[[evaluation.cuts]]
cut = "HT > 2000"

[evaluation.tolerances]
{tolerances}
"""


@pytest.fixture
def project(tmp_path):
    def write(tolerances):
        path = tmp_path / "project.toml"
        path.write_text(PROJECT.format(sample=SAMPLE, tolerances=tolerances))
        return path

    return write


def test_a_project_declares_quantities_cuts_and_tolerances(call, project, tmp_path):
    path = project("largest = { mjj = 0.001 }\nmigration_percent = 0.01")
    out, err = call("run", path, "--strict", "--no-progress", status=7)
    last = out.splitlines()[-1]
    assert last.startswith("FAIL: ")
    assert ". cut at least 2 of Jet_pt > 600: " in last
    assert ". mjj: the largest residual is " in last
    assert err.endswith(" tolerances are exceeded\n")
    assert "restored file: " in out
    numbers = json.loads((tmp_path / "output/evaluation.json").read_text())
    assert [(cut["cut"], cut["of"], cut["n"]) for cut in numbers["cuts"]] == [
        ("Jet_pt > 600", "events", 2_400),
        ("HT > 2000", "events", 2_400),
    ]
    columns = {column["name"]: column for column in numbers["columns"]}
    assert columns["mjj"]["n_rows"] == columns["HT"]["n_rows"] == 2_400
    assert columns["HT"]["residual"]["largest"] > 0

    names = ("position_percent", "width_percent", "yield_percent", "position_errors", "width_errors", "yield_errors")
    peaks = [f"peak_{name} = inf" for name in names]
    loose = "\n".join([*peaks, "spectrum_chi2 = inf", "spectrum_errors = inf", "migration_percent = 100"])
    compared = ("evaluate", f"{SAMPLE}:Events", "output/tiny.bvae", "--strict", "--project")
    out, err = call(*compared, project(loose))
    assert err == "not asked for: event\n"
    assert out.splitlines()[-1].startswith("PASS: all tolerances are met; 1 warning. Warning: histogram of Jet_mass")
    out, _ = call(*compared, project("largest = { HT = 1e-9 }"), status=7)
    assert "HT: the largest residual is " in out


def test_wrong_names_in_a_project_are_refused(call, project):
    path = project("")
    path.write_text(path.read_text().replace('objects = ["Jet_*"]', 'objects = ["Jets_*"]'))
    _, err = call("evaluate", f"{SAMPLE}:Events", f"{SAMPLE}:Events", "--project", path, status=2)
    assert "quantity 'HT': there is no object 'Jets_*': the nearest names are 'Jet_*'" in err
    path = project("largest = { Jet_px = 1.0 }")
    _, err = call("evaluate", f"{SAMPLE}:Events", f"{SAMPLE}:Events", "--project", path, "--strict", status=2)
    assert "tolerance largest: no column matches 'Jet_px'" in err
