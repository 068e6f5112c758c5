"""What `evaluate` puts on the page and prints."""

import json

import pytest

from baler_vae.sample import SAMPLE

INPUT = f"{SAMPLE}:Events"


@pytest.fixture
def archive(call, tmp_path):
    options = ("--columns", "Jet_pt", "--model", "independent", "--bound", "bits:10", "--no-progress")
    call("compress", INPUT, "-o", "a.bvae", *options)
    return tmp_path / "a.bvae"


def test_the_page_of_an_archive_has_its_settings_and_what_rivals_take(call, tmp_path, archive):
    (tmp_path / "rivals.json").write_text(json.dumps({"grid + pcodec": 2 * archive.stat().st_size}))
    call("evaluate", INPUT, archive, "--rivals", "rivals.json", "-o", "report")
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "The archive is 50 % smaller than grid + pcodec, the smallest of 1 rival." in page
    assert '<th scope="row">model.kind</th><td class="wrap">independent</td>' in page
    assert "[&#34;bits:10&#34;]" in page


def test_rivals_of_other_rows_are_refused(call, tmp_path, archive):
    (tmp_path / "results.csv").write_text("bound,method,status,bytes,raw_bytes\nbits:10,zstd,ok,5,100\n")
    _, err = call("evaluate", INPUT, archive, "--rivals", "results.csv", "-o", "report", status=2)
    assert "100 bytes under bits:10" in err
    assert not (tmp_path / "report").exists()


def test_without_a_browser_nothing_is_begun(call, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    _, err = call("evaluate", INPUT, INPUT, "--pdf", "a.pdf", "-o", "report", status=6)
    assert "MissingProgram" in err
    assert list(tmp_path.iterdir()) == []
