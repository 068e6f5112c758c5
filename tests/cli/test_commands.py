"""Every verb as a user types it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import uproot

from baler_vae.sample import SAMPLE
from benchmarks.server import serving

INPUT = f"{SAMPLE}:Events"
QUICK = ("--columns", "Jet_*", "--epochs", "1", "--no-progress")


def run(*arguments, cwd, status=0):
    command = [sys.executable, "-m", "baler_vae", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_the_default_keeps_twelve_bits_and_says_nothing(call, tmp_path):
    few = ("--columns", "Jet_[pn]*", *QUICK[2:])
    done = run("compress", INPUT, "-o", "a.bvae", *few, cwd=tmp_path)
    assert done.stderr == ""
    assert "20,092 Jet" in done.stdout
    columns = json.loads(call("info", "a.bvae", "--json")[0])["columns"]
    bounds = {column["name"]: column["bound"] for column in columns}
    assert bounds.pop("nJet") == bounds.pop("Jet_nConstituents") == "exact"
    assert bounds.keys() == {"Jet_pt", "Jet_phi"}
    assert all(bound.startswith("bits:12,floor:") for bound in bounds.values())


def test_json_goes_to_standard_output_alone(call, tmp_path):
    given = ("--columns", "Jet_*", "--model", "independent", "--no-progress")
    info = json.loads(call("compress", INPUT, "-o", "a.bvae", "--json", *given)[0])
    shown = json.loads(call("info", "a.bvae", "--json")[0])
    assert info.pop("warnings") == info.pop("notes") == []
    assert info.pop("source_bytes") == Path(SAMPLE).stat().st_size
    assert info.pop("source_columns") == 1 + len(shown["columns"])
    assert {**info, "path": ""} == {**shown, "path": ""}
    assert shown["n_rows"] == {"events": 2_400, "Jet": 20_092}
    assert shown["original_bytes"] == 2_400 * 4 + 20_092 * 9 * 4
    assert shown["archive_bytes"] == (tmp_path / "a.bvae").stat().st_size
    assert set(shown["bytes"]) == {"model", "latents", "codes", "guarantees", "metadata"}
    assert [c["name"] for c in shown["columns"]][:2] == ["nJet", "Jet_pt"]
    assert shown["settings"]["columns"] == ["Jet_*"]


def test_a_sample_is_told_of(call):
    call("compress", INPUT, "-o", "a.bvae", "--model", "independent", "--sample-rows", "5000", "--resume")
    shown = call("info", "a.bvae")[0]
    assert re.search(r"Jet: fitted to 5,\d+ of 20,092 rows in \d+ chunks", shown)


def test_info_as_tables(folder):
    shown = run("info", "jets.bvae", cwd=folder).stdout
    for word in ("model", "latents", "codes", "metadata", "Jet_pt", "in the latents", "ratio"):
        assert word in shown


def test_restored_file_and_evaluation(call, folder, tmp_path):
    with uproot.open(f"{folder}/jets.root:Events") as tree:
        assert tree.keys() == ["nJet", *(name for name in tree.keys() if name.startswith("Jet_"))]
        assert tree.num_entries == 2_400
    assert "Jet_mass" in call("evaluate", INPUT, folder / "jets.root", "-o", "report")[0]
    assert (tmp_path / "report/report.html").read_text().startswith("<!doctype html>")
    numbers = json.loads((tmp_path / "report/evaluation.json").read_text())
    assert {c["name"]: c["n_different"] for c in numbers["columns"] if c["dtype"] == "int32"} == {
        "nJet": 0,
        "Jet_nConstituents": 0,
    }
    printed = json.loads(call("evaluate", INPUT, folder / "jets.bvae", "--json")[0])
    promised = ("bound", "largest_in_bounds", "bound_kept")  # which a restored file does not know
    found = [{tuple(c.pop(name) for name in promised) for c in one["columns"]} for one in (printed, numbers)]
    assert found == [{("exact", 0.0, True), ("free", None, None)}, {(None, None, None)}]
    assert printed["columns"] == numbers["columns"]
    assert printed["sizes"]["archive_bytes"] == (folder / "jets.bvae").stat().st_size
    assert "exists already" in call("evaluate", INPUT, folder / "jets.root", "-o", "report", status=8)[1]


def test_decompress_some_columns_to_another_format(call, folder):
    call("decompress", folder / "jets.bvae", "-o", "pt.parquet", "--columns", "Jet_pt")
    evaluated, _ = call("evaluate", folder / "jets.bvae", "pt.parquet", "--json")
    assert [c["n_different"] for c in json.loads(evaluated)["columns"]] == [0, 0]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["compress", "none.root", "-o", "a.bvae"], 3, "does not exist"),
        (["compress", f"{SAMPLE}:Event", "-o", "a.bvae"], 3, "'Events'"),
        (["compress", INPUT, "-o", "a.bvae", "--columns", "Jet_px"], 2, "'Jet_pt'"),
        (["compress", INPUT, "-o", "a.bvae", "--bound", "loose"], 2, "not a bound"),
        (["compress", INPUT, "-o", "a.bvae", "--bound", "Jet_nConstituents=free"], 2, "only float columns"),
        (["compress", INPUT, "-o", "a.bvae", "--weight", "Jet_mass"], 2, "GLOB=NUMBER"),
        (["compress", INPUT, "-o", "a.bvae", "--weight", "Jet_mass=-1"], 2, "greater than 0"),
        (["compress", INPUT, "-o", "absent/a.bvae", *QUICK], 8, "directory"),
        (["fit", INPUT, "-o", ".", *QUICK], 8, "directory"),
        (["compress", INPUT, "-o", "no/where/a.bvae", *QUICK], 8, "does not exist"),
        (["compress", INPUT, "-o", "a.bvae", "--codec", "c", "--model", "ae"], 2, "Leave out either --codec"),
        (["compress", INPUT, "-o", "a.bvae", "--device", "abacus", *QUICK], 2, "--device cpu"),
        (["compress", INPUT, "-o", "a.bvae", "--model", "gan"], 2, "gan"),
        (["decompress", SAMPLE, "-o", "a.root"], 5, "not a baler-vae archive"),
        (["info", "none.bvae"], 3, "does not exist"),
        (["run", "none.toml"], 3, "baler-vae new"),
        (["evaluate", INPUT, "none.csv"], 3, "does not exist"),
    ],
)
def test_wrong_requests_give_one_line_and_a_status(call, tmp_path, arguments, status, words):
    out, err = call(*arguments, status=status)
    assert words in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_outputs_are_not_overwritten_without_force(call, folder, tmp_path):
    target = tmp_path / "jets.root"
    target.write_text("mine")
    assert "--force" in call("decompress", folder / "jets.bvae", "-o", target, status=8)[1]
    assert target.read_text() == "mine"
    call("decompress", folder / "jets.bvae", "-o", target, "--force")
    assert target.stat().st_size > 1_000
    assert [path.name for path in tmp_path.iterdir()] == ["jets.root"]


def test_wrong_suffix_and_truncated_archive(call, folder, tmp_path):
    assert ".parquet" in call("decompress", folder / "jets.bvae", "-o", "jets.xls", status=2)[1]
    (tmp_path / "cut.bvae").write_bytes((folder / "jets.bvae").read_bytes()[:5_000])
    assert "end of the archive is missing" in call("info", "cut.bvae", status=5)[1]


def test_new_project_runs_unchanged(call):
    call("new", "mine")
    assert "exists already" in call("new", "mine", status=8)[1]
    out, _ = call("run", "mine/project.toml", "--epochs", "1", "--no-progress")
    for kind in ("restored file", "page", "numbers"):
        path = next(line.partition(": ")[2] for line in out.splitlines() if line.startswith(f"{kind}: "))
        assert Path(path).stat().st_size > 1_000
    assert "exists already" in call("run", "mine/project.toml", status=8)[1]


def test_new_project_for_a_file_of_ones_own(call, folder, tmp_path):
    call("new", "mine", "--input", folder / "jets.root")
    project = tmp_path / "mine/project.toml"
    project.write_text(project.read_text().replace('kind = "auto"', 'kind = "independent"'))
    assert "restored.root" in call("run", "mine/project.toml", "--no-progress")[0]


def test_experiment_of_a_project(call, tmp_path):
    (tmp_path / "project.toml").write_text(
        f"""
        name = "tiny"
        input = "{INPUT}"
        columns = ["Jet_pt", "Jet_mass"]
        model = {{ hidden = [4], epochs = 1, transform = "standard" }}
        evaluation.peaks = [{{ column = "Jet_mass", window = [100.0, 225.0] }}]
        experiment = {{ kinds = ["ae"], seeds = [1, 2], recipes = [{{ name = "plain" }}] }}
        """
    )
    out, _ = call("run", "project.toml", "--no-progress")
    assert "mass difference %" in out
    assert "plain" in out
    results = json.loads((tmp_path / "output/experiment.json").read_text())
    assert [run["seed"] for run in results["runs"]] == [1, 2]
    assert {"date", "machine", "versions"} < set(results)


def test_mistakes_in_a_project_are_named(tmp_path):
    (tmp_path / "project.toml").write_text('name = "x"\ninput = "x.root"\n[model]\nlatents = 4\n')
    done = run("run", "project.toml", cwd=tmp_path, status=2)
    assert "model.latents" in done.stderr


@pytest.mark.parametrize("verb", ["demo", "fit", "compress", "decompress", "evaluate", "info", "run", "new"])
def test_every_verb_explains_itself(call, verb):
    assert verb in call("--help")[0]
    assert "Usage" in call(verb, "--help")[0]


def test_verify_shows_the_worst_value_of_each_column_and_says_which_bound_broke(call):
    bounds = ("--bound", "bits:10", "--bound", "Jet_phi=abs:1e-4", "--model", "independent", "--columns", "Jet_p*")
    call("compress", INPUT, "-o", "a.bvae", *bounds, "--no-verify", "--no-progress")
    call("compress", INPUT, "-o", "tight.bvae", "--bound", "abs:1e-6", *bounds[4:], "--no-progress")
    call("decompress", "a.bvae", "-o", "other.root", "--no-progress")
    assert "intact" in call("verify", "a.bvae", "--no-progress")[0]
    shown, _ = call("verify", "a.bvae", "--against", INPUT, "--json", "--no-progress")
    columns = {column["name"]: column for column in json.loads(shown)["columns"]}
    assert columns["Jet_phi"]["bound"] == "abs:0.0001"
    assert 0.5 < columns["Jet_phi"]["worst"] <= 1
    assert columns["Jet_phi"]["worst_row"] >= 0
    assert columns["Jet_phi"]["original"] != columns["Jet_phi"]["restored"]
    assert columns["nJet"]["worst"] == 0
    _, broken = call("verify", "tight.bvae", "--against", "other.root:Events", "--no-progress", status=4)
    assert "miss the bound abs:1e-06" in broken


@pytest.mark.parametrize("bound", ["abs:0", "abs:-1", "rel:nan", "range:inf", "Jet_phi=abs:0", "bits:-1"])
def test_a_bound_that_is_none_is_a_wrong_request(call, tmp_path, bound):
    _, err = call("compress", INPUT, "-o", "a.bvae", "--bound", bound, "--model", "independent", status=2)
    assert bound in err
    assert not (tmp_path / "a.bvae").exists()


def test_archives_behind_urls(call, tmp_path):
    pytest.importorskip("aiohttp")
    golden = Path(__file__).parents[1] / "golden"
    with serving(golden) as served:
        url = f"{served.url}/flat.bvae"
        assert url in call("info", url)[0].replace("\n", "")
        assert "intact" in call("verify", url)[0]
        call("decompress", url, "-o", "back.parquet")
        assert (tmp_path / "back.parquet").exists()
        _, err = call("info", f"{served.url}/none.bvae", status=3)
        assert "does not exist" in err
