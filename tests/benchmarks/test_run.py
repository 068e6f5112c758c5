from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baler_vae.table.bounds import EXACT, Bound
from benchmarks.data import CASES
from benchmarks.measure import Row, measure_ours, measure_rival
from benchmarks.picture import draw
from benchmarks.results import markdown, read_rows, write_results
from benchmarks.run import chosen, main
from benchmarks.worker import count_violations

TINY = CASES["rows-1000"]


@pytest.fixture(autouse=True)
def _cheats(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


def test_a_rival_is_measured(tmp_path):
    (row,) = measure_rival(TINY, ["bits:10"], "grid + pcodec", tmp_path)
    assert row.status == "ok"
    assert (row.data, row.bound, row.method, row.violations) == ("rows-1000", "bits:10", "grid + pcodec", 0)
    assert 0 < row.bytes < row.raw_bytes == 20_000
    assert row.worst <= 1
    assert row.compress_s > 0
    assert row.decompress_s > 0
    assert row.compress_peak_mb is None or row.compress_peak_mb > 10


def test_ours_is_measured(tmp_path):
    row = measure_ours(TINY, "bits:10", "independent", tmp_path)
    assert (row.status, row.method, row.violations) == ("ok", "baler_vae independent", 0)


def test_a_kind_that_does_not_exist_is_a_failure_with_a_reason(tmp_path):
    row = measure_ours(TINY, "bits:10", "clairvoyant", tmp_path)
    assert row.status == "failed"
    assert "kind" in row.reason


def test_a_rival_that_cheats_is_marked(tmp_path):
    (row,) = measure_rival(TINY, ["bits:10"], "cheats:COARSE", tmp_path)
    assert row.status == "violates"
    assert row.violations > 100
    assert row.worst > 1
    table = markdown([row])
    assert f"{row.bytes:,} †" in table
    assert f"{row.violations:,} values" in table


def test_a_rival_that_loses_a_row_fails(tmp_path):
    (row,) = measure_rival(TINY, ["exact"], "cheats:SHORTER", tmp_path)
    assert (row.status, row.bytes is None or row.violations is None) == ("failed", True)
    assert "came back as" in row.reason


def test_a_rival_that_cannot_says_why(tmp_path):
    (row,) = measure_rival(TINY, ["exact"], "cheats:REFUSES", tmp_path)
    assert (row.status, row.reason) == ("not applicable", "not on a Saturday")


def test_a_rival_that_is_missing_is_not_dropped(tmp_path):
    rows = measure_rival(TINY, ["exact", "bits:10"], "cheats:ABSENT", tmp_path)
    assert [row.status for row in rows] == ["not installed"] * 2
    assert all("no_such_package_anywhere" in row.reason for row in rows)
    assert markdown(rows).count("not installed") == 3


def test_what_promises_nothing_is_judged_under_every_bound(tmp_path):
    exact, loose = measure_rival(TINY, ["exact", "abs:1"], "cheats:FREE", tmp_path)
    assert exact.bytes == loose.bytes
    assert (exact.status, loose.status) == ("violates", "ok")


def test_violations_are_counted():
    before = {"x": np.array([1.0, 2.0, 4.0]), "s": np.array(["a", "b"], object)}
    bounds = {"x": Bound("abs", 0.25), "s": EXACT}
    after = {"x": np.array([1.25, 2.5, 4.0]), "s": np.array(["a", "b"], object)}
    assert count_violations(before, after, bounds) == (1, 2.0)
    assert count_violations(before, {**after, "s": np.array(["a", "c"], object)}, bounds) == (2, np.inf)
    with pytest.raises(ValueError, match="other columns"):
        count_violations(before, {"x": before["x"]}, bounds)
    with pytest.raises(ValueError, match="float32"):
        count_violations(before, {**after, "x": after["x"].astype(np.float32)}, bounds)


def rows():
    sizes = {"baler_vae auto": 1000, "grid + pcodec": 1250, "SZ3 (default)": 1500, "ZFP": 90_000}
    return [
        Row(data, bound, method, "ok", bytes=size, violations=0, worst=0.5, compress_s=1.0, decompress_s=1.0)
        for data in ("jets", "gsoc")
        for bound in ("bits:10", "exact")
        for method, size in sizes.items()
    ]


def test_results_come_back_and_are_kept(tmp_path):
    write_results(tmp_path, rows())
    assert set(read_rows(tmp_path)) == set(rows())
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")
    again = read_rows(tmp_path)
    write_results(tmp_path, again)
    assert read_rows(tmp_path) == again


def test_the_table_names_the_smallest_and_the_mean():
    text = markdown(rows())
    assert text.count("**1,000**") == 4
    assert "Geometric mean 1.250, least 1.250" in text
    broken = [replace(row, status="violates", violations=3) if row.method == "grid + pcodec" else row for row in rows()]
    assert "Geometric mean 1.500" in markdown(broken)


def test_an_archive_that_is_larger_than_promised_is_named():
    smaller = [replace(row, bytes=900) if row.method == "ZFP" else row for row in rows()]
    assert "larger than promised" not in markdown(smaller)
    large = [replace(row, bytes=1000 * row.bytes) if row.method != "ZFP" else row for row in rows()]
    assert markdown(large).count("larger than promised") == 4


def test_nothing_is_drawn_without_ours(tmp_path):
    draw(tmp_path / "p.png", [row for row in rows() if not row.method.startswith("baler_vae")])
    assert not (tmp_path / "p.png").exists()


def test_the_command_line(tmp_path, capsys):
    main(["--data=rows-10", "--bounds=exact", "--rivals=grid + zstd", "--kinds=independent", f"-o={tmp_path}"])
    assert {row.method: row.status for row in read_rows(tmp_path)} == {
        "baler_vae independent": "ok",
        "grid + zstd": "ok",
    }
    main(["--data=rows-1", "--bounds=exact", "--rivals=grid + zstd", "--kinds=", f"-o={tmp_path}"])
    assert read_rows(tmp_path)[0].key == ("rows-1", "exact", "grid + zstd")
    assert len(read_rows(tmp_path)) == 3
    assert "bytes" in capsys.readouterr().err


def test_data_that_is_not_there_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.data.FOLDER", tmp_path / "nowhere")
    main(["--data=jets", "--bounds=exact", "--rivals=ZFP", f"-o={tmp_path}"])
    assert {row.status for row in read_rows(tmp_path)} == {"not measured"}


def test_unknown_names_are_refused():
    assert chosen("b,all", ("a", "b"), {"all": ("a", "b")}) == ["b", "a"]
    with pytest.raises(SystemExit, match="unknown: c"):
        chosen("a,c", ("a", "b"), {})
