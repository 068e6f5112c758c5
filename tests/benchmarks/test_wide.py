import json

import pytest

import baler_vae
from benchmarks import wide
from benchmarks.nano import write_nano


def test_a_file_like_nanoaod_goes_through(tmp_path, monkeypatch):
    """Its collections get no networks here: they are too small."""
    monkeypatch.setattr("baler_vae.fitting.policy.MANY_COLUMNS", 8)
    monkeypatch.setattr("baler_vae.verbs.fit.MANY_COLUMNS", 8)
    n_objects = write_nano(tmp_path / "a.root", branches=64, events=9, collections=1)
    told = []
    info = baler_vae.compress(
        tmp_path / "a.root", tmp_path / "a.bvae", bound="exact", progress=lambda what, *_: told.append(what)
    )
    assert info.n_rows == {"events": 9, "Jet": n_objects}
    assert any("64 columns: formulas and tables in context, no networks" in what for what in told)
    assert not baler_vae.verify(tmp_path / "a.bvae", against=tmp_path / "a.root").broken


def test_more_branches_of_collections_than_there_may_be(tmp_path):
    with pytest.raises(ValueError, match="1 collections have 45 branches, more than 9"):
        write_nano(tmp_path / "a.root", branches=9, events=9, collections=1)


def test_what_is_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(
        wide,
        "measure",
        lambda *_: {"source_bytes": 1_000, "runs": [vars(wide.Run("restore", 1.25, 2.5, 99.6, 321))]},
    )
    for _ in range(2):
        monkeypatch.setattr("sys.argv", ["wide", "-o", str(tmp_path), "--cases", "nano-947", "--made", str(tmp_path)])
        wide.main()
    assert list(json.loads((tmp_path / "wide.json").read_text("utf-8"))["cases"]) == ["nano-947"]
    assert "| restore | 1.25 | 2.50 | 100 | 321 |" in (tmp_path / "wide.md").read_text("utf-8")


def test_a_process_that_fails_is_reported():
    with pytest.raises(RuntimeError, match="nothing: exit code 3"):
        wide.run("nothing", ["-c", "raise SystemExit(3)"], 1)
    assert wide.run("nothing", ["-c", ""], 1).peak_mb > 1
