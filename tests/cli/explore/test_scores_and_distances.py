"""`explore score` and `explore distance` on the command line: what they print, write and refuse."""

import json

import numpy as np
import pytest

from baler_vae.io.files import open_source
from tests.cli.conftest import INPUT


def test_scores_are_listed_written_and_added_to_a_page(call, folder, tmp_path):
    codec = folder / "jets.bvmodel"
    out, _ = call("explore", "score", codec, INPUT, "-o", "s.root", "--training", INPUT, "--page", "lab.html")
    assert "Scores of" in out
    assert "squared error a row of Jet" in out
    assert "Mahalanobis distance" in out
    assert f"scores: {tmp_path / 's.root'}" in out
    names = open_source(tmp_path / "s.root").schema.order
    assert {"event", "squared_error", "Jet_squared_error", "Jet_mahalanobis"} <= set(names)
    page = (tmp_path / "lab.html").read_text("utf-8")
    assert page.count("<svg") == 2  # histograms by event and by row
    assert "<h2" in page

    _, err = call("explore", "score", codec, INPUT, "-o", "s.root", status=8)
    assert "exists already" in err


def test_scores_as_json(call, folder, tmp_path):
    source = open_source(INPUT)
    run = np.arange(source.n_events) % 3
    out, _ = call("explore", "score", folder / "jets.bvmodel", INPUT, "-o", "s.parquet", "--json", "--objects", "2")
    found = json.loads(out)
    assert found["n_events"] == len(run)
    assert "scores of events count the first 2 rows of each collection" in found["notes"]
    assert {one["level"] for one in found["summaries"]} == {"event", "Jet"}
    call("explore", "score", folder / "jets.bvae", INPUT, "-o", "t.csv", status=2)


def test_distances_are_listed_and_added_to_a_page(call, folder, tmp_path):
    arguments = ("explore", "distance", INPUT, folder / "jets.root", "--columns", "Jet_*")
    out, _ = call(*arguments, "--page", "lab.html", "--objects", "1")
    for text in ("whole events", "Jet_pt", "the first object of each collection"):
        assert text in out
    assert (tmp_path / "lab.html").read_text("utf-8").count("<svg") == 2
    out, _ = call(*arguments, "--json", "--rows", "60", "--seed", "3")
    found = json.loads(out)
    assert found["seed"] == 3
    assert found["groups"][1]["n_a"] <= 60


@pytest.mark.parametrize("page", ["lab.html"])
def test_a_page_of_somebody_else_is_refused_before_the_work(call, folder, tmp_path, page):
    (tmp_path / page).write_text("mine")
    for verb in (("score", folder / "jets.bvmodel", INPUT, "-o", "s.root"), ("distance", INPUT, INPUT)):
        _, err = call("explore", *verb, "--page", page, status=8)
        assert "no page of `baler-vae explore`" in err
    assert not (tmp_path / "s.root").exists()
