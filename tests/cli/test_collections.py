"""Files of several tables on the command line."""

import json

import numpy as np
import pytest
import uproot

from benchmarks.server import serving

QUICK = ("--model", "independent", "--no-progress")


@pytest.fixture
def made(call, tmp_path):
    """A file of two trees and a histogram, and its archive; gives the folder."""
    rng = np.random.default_rng(0)
    with uproot.recreate(tmp_path / "in.root") as file:
        for name, n_events in (("ana/Events", 200), ("Runs", 3)):
            tree = file.mktree(name, {"run": np.dtype("i4"), "met": np.dtype("f4")}, title=f"the {name}")
            tree.extend({"run": np.arange(n_events, dtype="i4"), "met": rng.exponential(30, n_events).astype("f4")})
        file["plots/h"] = np.histogram(rng.random(9))
    out, err = call("compress", "in.root", "-o", "all.bvae", *QUICK)
    assert out.startswith("all.bvae: 200 ana/Events, 3 Runs; ")
    assert "left out: plots/h (TH1D)" in err
    return tmp_path


def test_there_and_back(call, made):
    out, _ = call("verify", "all.bvae", "--against", "in.root")
    assert "ana/Events:met" in out
    call("decompress", "all.bvae", "-o", "out.root")
    with uproot.open(made / "out.root") as file:
        assert file.keys(recursive=True, cycle=False, filter_classname="TTree") == ["ana/Events", "Runs"]
        assert file["Runs"].title == "the Runs"
    call("decompress", "all.bvae:Runs", "-o", "runs.csv")
    assert len((made / "runs.csv").read_text().splitlines()) == 4
    call("decompress", "all.bvae", "-o", "tables/", "--to", "csv")
    assert sorted(path.name for path in (made / "tables").iterdir()) == ["all_Runs.csv", "all_ana_Events.csv"]
    out, err = call("decompress", "all.bvae", "-o", "all.csv", status=8)
    assert "holds one table" in err


def test_info_of_all_and_of_one(call, made):
    out, _ = call("info", "all.bvae")
    for words in ("ana/Events", "left out: plots/h (TH1D)", "stored as", "met"):
        assert words in out
    info = json.loads(call("info", "all.bvae", "--json")[0])
    assert info["tables"]["Runs"]["path"] == "all.bvae:Runs"
    assert json.loads(call("info", "all.bvae:Runs", "--json")[0]) == info["tables"]["Runs"]
    _, err = call("info", "all.bvae:Run", status=2)
    assert "there is no table 'Run': the nearest names are 'Runs'" in err
    with serving(made) as served:
        assert "3 events" in call("info", f"{served.url}/all.bvae:Runs")[0]


def test_every_table_that_both_have_is_evaluated(call, made):
    pytest.importorskip("scipy")
    call("compress", "in.root", "-o", "two.bvae", "--columns", "Runs:*", "--columns", "ana/Events:met", *QUICK)
    out, _ = call("evaluate", "in.root", "two.bvae", "-o", "report")
    assert "Runs\n" in out
    assert "ana/Events\n" in out
    for name in ("Runs", "ana_Events"):
        assert (made / "report" / name / "report.html").exists()
        columns = json.loads((made / "report" / name / "evaluation.json").read_text())["columns"]
        assert {column["name"] for column in columns} >= {"met"}
    _, err = call("evaluate", "in.root", "two.bvae", "--json", status=2)
    assert "Name one: in.root:ana/Events and two.bvae:ana/Events" in err
    call("compress", "in.root:Runs", "-o", "runs.bvae", *QUICK)
    out, err = call("evaluate", "in.root", "runs.bvae")
    assert "Runs\n" in out
    assert "only in one of them: ana/Events" in err
    _, err = call("evaluate", "in.root:Runs", "two.bvae", status=2)
    assert "Name the same table in both" in err
    assert json.loads(call("evaluate", "in.root:Runs", "two.bvae:Runs", "--json")[0])["columns"]


def test_a_project_needs_one_table(call, made):
    call("new", "p", "--input", "in.root")
    _, err = call("run", "p", status=3)
    assert "holds 2 tables: ana/Events, Runs" in err
    assert not (made / "p/output").exists()


def test_a_codec_is_of_one_table(call, made):
    call("fit", "in.root:Runs", "-o", "c.bvmodel", *QUICK)
    _, err = call("compress", "in.root", "-o", "b.bvae", "--codec", "c.bvmodel", status=3)
    assert "Name one: in.root:ana/Events" in err
    call("compress", "in.root:Runs", "-o", "b.bvae", "--codec", "c.bvmodel", "--no-progress")
    call("merge", "b.bvae", "all.bvae:Runs", "-o", "m.bvae", status=0)
