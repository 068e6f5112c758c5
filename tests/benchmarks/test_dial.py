import json

import numpy as np
import pytest
import uproot

from baler_vae.errors import UsageError
from baler_vae.io.files import open_source
from benchmarks import dial, dial_picture, dial_worker
from benchmarks.dial_points import Point, markdown
from benchmarks.nano import write_nano


def point(method, size, decode_s, **other):
    return Point(data="t", bound="exact", method=method, bytes=size, raw_bytes=2_000_000, decode_s=decode_s, **other)


POINTS = [
    point("baler_vae fast", 1100, 0.02, process_s=1.0, fit_s=2.0, compress_s=0.1),
    point("baler_vae default", 1000, 0.2, process_s=1.5, fit_s=30.0, compress_s=0.1),
    point("grid + pcodec", 1250, 0.004, process_s=0.2, compress_s=0.5),
    point("SZ3 (default)", 5000, 0.01, process_s=0.3, compress_s=0.5),
    point("ROOT file (LZMA)", 900, 0.01, process_s=0.3, compress_s=0.5, violations=1200),
    Point(data="t", bound="exact", method="grid + xz", reason="not installed: lzma"),
]


def test_speeds_are_raw_bytes_by_seconds():
    assert POINTS[1].speed(POINTS[1].decode_s) == 10
    assert POINTS[5].speed(POINTS[5].decode_s) == 0


def test_the_table_says_what_keeps_the_bound_and_what_was_not_measured():
    lines = markdown(POINTS).splitlines()
    assert lines[0] == "## t, `exact`, 2,000,000 bytes of values"
    assert lines[4] == "| ROOT file (LZMA) | 900 † 1,200 | 0.900 | 200 | 6.67 | 4 |  |"
    assert lines[5] == "| **baler_vae default** | 1,000 | 1.000 | 10 | 1.33 | 20 | 30.0 |"
    assert "* grid + xz: not installed: lzma" in lines
    assert "† so many values break the bound." in lines


def test_the_front_is_what_nothing_beats_in_both(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(dial_picture.Axes, "step", lambda _, x, y, **__: drawn.append((x, y)))
    dial_picture.draw(tmp_path / "dial.png", POINTS)
    assert (tmp_path / "dial.png").read_bytes().startswith(b"\x89PNG")
    speeds, ratios = drawn[0]  # of the inner loop; SZ3 is larger than our `fast`, and slower than pcodec
    assert speeds[1:] == (10, 100, 500)
    assert ratios == (1, 1, 1.1, 1.25)
    dial_picture.draw(tmp_path / "none.png", POINTS[2:])
    assert not (tmp_path / "none.png").exists()


@pytest.fixture
def here(monkeypatch):
    """Measurements in the process of the tests, in place of fresh ones."""

    def run(verb, job, _):
        try:
            return getattr(dial_worker, verb)(json.loads(json.dumps(job)))
        except UsageError as error:
            return {"reason": f"failed: {error}"}

    monkeypatch.setattr(dial, "_in_process", run)
    monkeypatch.setattr(dial, "_process_s", lambda code, _: 60.0 if "baler_vae" in code else 50.0)


def check_measured(folder, monkeypatch):
    """Ours, an effort that there is not, and one rival, on a thousand rows; what is there stays."""
    dial.write_points(folder, POINTS)
    monkeypatch.setitem(dial.BOUNDS, "rows-1000", "bits:8")
    arguments = ("--data", "rows-1000", "--kind", "independent", "--repeat", "1", "-o", str(folder))
    dial.main([*arguments, "--efforts", "default,unheard", "--rivals", "truncation + zstd"])
    found = {own.key: own for own in dial.read_points(folder)}
    assert {own.key for own in POINTS} < found.keys()
    ours, other = found["rows-1000", "baler_vae default"], found["rows-1000", "truncation + zstd"]
    assert ours.raw_bytes == other.raw_bytes == 20_000
    assert 0 < ours.decode_s < ours.process_s
    assert 0 < other.decode_s < other.process_s
    assert ours.fit_s > 0
    assert not ours.violations + other.violations
    assert "effort" in found["rows-1000", "baler_vae unheard"].reason
    assert json.loads((folder / "dial.json").read_text())["machine"]["cores"]
    assert (folder / "dial.md").read_text().count("## ") == 2
    return ours, other


@pytest.mark.usefixtures("here")
def test_measured_again_and_read_back(tmp_path, monkeypatch):
    ours, other = check_measured(tmp_path, monkeypatch)
    assert ours.process_s == 60
    assert other.process_s > 50  # its packages, and the first time that it restores


@pytest.mark.full
def test_measured_in_processes_of_their_own(tmp_path, monkeypatch):
    check_measured(tmp_path, monkeypatch)


def test_unknown_tables_are_refused(tmp_path):
    with pytest.raises(SystemExit, match="unknown: nonsense; known are wide, jets"):
        dial.main(["--data", "nonsense", "-o", str(tmp_path)])


def test_a_file_like_nanoaod(tmp_path):
    n_objects = write_nano(tmp_path / "nano.root", branches=650, events=20, collections=23)
    source = open_source(f"{tmp_path}/nano.root:Events")
    assert source.n_events == 20
    assert len(source.schema.groups) == 24
    assert n_objects > 20
    assert not source.unsupported
    with uproot.open(f"{tmp_path}/nano.root:Events") as tree:
        assert len(tree.keys()) == 650
        flags = [name for name in tree.keys() if name.startswith("HLT")]
        assert {tree[name].typename for name in flags} == {"bool"}
        met = tree["MET0_pt"].array(library="np").view(np.uint32)
        assert not (met & 0x1FFF).any()
