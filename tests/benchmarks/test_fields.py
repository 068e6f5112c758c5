"""Arrays with a shape: rivals that see axes, the forms in which they get arrays, and the command that measures them."""

import json
from pathlib import Path

import numpy as np
import pytest

from baler_vae.table.bounds import EXACT, Bound
from benchmarks.data import MissingDataError
from benchmarks.field_data import FieldCase, apart, bounds_of, in_float32, jagged, triangle
from benchmarks.field_tables import markdown
from benchmarks.fields import main, rivals_for
from benchmarks.measure import Row
from benchmarks.rivals import all_rivals, find_rival, missing_packages, rivals_in_dimensions
from benchmarks.rivals.shapes import arrangements, smallest
from benchmarks.rivals.signature import NotApplicableError
from benchmarks.worker import count_violations

FURTHER = rivals_in_dimensions()
NAMES = [*(name for name, rival in all_rivals().items() if rival.promises), *FURTHER]


def arrays():
    random = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(random.normal(0, 1, (12, 9, 10)), axis=1), axis=2)
    images = np.where(smooth > 0, smooth, 0).astype(np.float32)
    return {
        "field": smooth,
        "images": images.reshape(12, 5, 3, 6),
        "energy": random.exponential(1, 12).astype(np.float32),
        "counts": random.poisson(2, (12, 4)).astype(np.int32),
    }


@pytest.mark.parametrize("bound", [Bound("bits", 8), Bound("abs", 0.1), EXACT], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_a_rival_keeps_the_bounds_of_arrays(name, bound):
    rival = find_rival(name)
    if missing_packages(rival):
        pytest.skip(f"{rival.name} needs {', '.join(missing_packages(rival))}: pip install 'baler-vae[bench]'")
    columns = arrays()
    bounds = {name: bound if values.dtype.kind == "f" else EXACT for name, values in columns.items()}
    try:
        stored = rival.compress(columns, bounds)
    except NotApplicableError as error:
        pytest.skip(str(error))
    assert count_violations(columns, rival.decompress(stored), bounds)[0] == 0


def test_axes_help_with_what_is_smooth_along_them():
    rival = find_rival("benchmarks.rivals.sperr:SPERR (2-D)")
    smooth, shuffled = np.outer(np.sin(np.arange(64) / 9), np.cos(np.arange(64) / 9)), np.empty((64, 64))
    shuffled.reshape(-1)[:] = np.random.default_rng(0).permutation(smooth.reshape(-1))
    sizes = [len(rival.compress({"x": x}, {"x": Bound("abs", 1e-3)})) for x in (smooth, shuffled)]
    assert sizes[0] < 0.5 * sizes[1]


def test_neighbouring_axes_merge():
    assert arrangements((5, 2, 3), 1) == [(30,)]
    assert sorted(arrangements((5, 2, 3), 2)) == [(5, 6), (10, 3)]
    assert arrangements((5, 2, 3), 3) == arrangements((5, 2, 3), 4) == [(5, 2, 3)]
    assert len(arrangements((2, 3, 4, 5), 2)) == 3


def test_the_smallest_shape_wins():
    values = np.zeros((4, 6))
    assert smallest(values, [(4, 6), (2, 12)], lambda x: bytes(len(x))) == (bytes(2), (2, 12))


def test_rivals_of_more_axes_than_there_are_do_not_run():
    names = {find_rival(name).name for name in rivals_for(3)}
    assert {"SZ3 (Lorenzo, 3-D)", "ZFP (2-D)", "ZFP", "fpzip", "grid + pcodec"} <= names
    assert not {"SZ3 (Lorenzo, 4-D)", "ZFP (4-D)", "Baler's recipe (no bound)"} & names


def test_bounds_are_of_all_cells():
    columns = {"x": np.array([[0.0, 5], [10, 2]]), "n": np.array([[1], [2]])}
    assert bounds_of(columns, "range:1e-3") == {"x": Bound("abs", 0.01), "n": EXACT}


def test_forms_say_the_same():
    matrices = np.array([[[0, 1, 2], [1, 0, 3], [2, 3, 0]]], np.float32)
    assert triangle({"m": matrices})["m"].tolist() == [[1, 2, 3]]
    jets = np.array([[[1, 2], [3, 0]], [[0, 0], [0, 0]], [[5, 6], [0, 0]]], np.float32)
    assert {name: values.tolist() for name, values in jagged({"j": jets}).items()} == {
        "nj": [2, 0, 1],
        "j_0": [1, 3, 5],
        "j_1": [2, 0, 6],
    }
    assert apart({"j": jets})["j_1"].tolist() == [[2, 0], [0, 0], [6, 0]]
    assert in_float32({"x": np.array([0.5])})["x"].dtype == np.float32


@pytest.mark.parametrize(
    ("form", "values"),
    [
        (triangle, [[[0, 1], [2, 0]]]),
        (triangle, [[[1, 1], [1, 1]]]),
        (jagged, [[[0, 0], [1, 1]]]),
        (in_float32, [0.1]),
    ],
)
def test_arrays_that_do_not_have_a_form_are_refused(form, values):
    with pytest.raises(ValueError, match="not"):
        form({"x": np.array(values, np.float64)})


def tiny(folder):
    path = Path(folder) / "tiny.npz"
    np.savez(path, images=np.random.default_rng(0).normal(0, 1, (40, 9, 8)).astype(np.float32))
    return path


def missing(_folder):
    raise MissingDataError("nowhere.npz is not there")


def test_the_command_measures_ours_and_rivals_and_keeps_what_is_there(tmp_path, monkeypatch, capsys):
    case = FieldCase("tiny", "noise", tiny, forms={"rounded": lambda x: {k: v.round() for k, v in x.items()}})
    for module in ("fields", "field_tables"):
        monkeypatch.setattr(f"benchmarks.{module}.FIELDS", {"tiny": case, "gone": FieldCase("gone", "", missing)})
    arguments = ["--bounds=exact", f"-o={tmp_path}"]
    main([*arguments, "--rivals=grid + zstd", "--kinds="])
    main([*arguments, "--rivals=none", "--kinds=independent"])
    stored = json.loads((tmp_path / "fields.json").read_text())
    rows = {row["method"]: row for row in stored["rows"]}
    assert set(rows) == {"grid + zstd", "grid + zstd, rounded", "baler_vae independent"}
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert rows["grid + zstd, rounded"]["bytes"] < rows["grid + zstd"]["bytes"] < rows["grid + zstd"]["raw_bytes"]
    assert rows["baler_vae independent"]["compress_peak_mb"] > 10
    assert stored["date"] == rows["grid + zstd"]["date"]
    assert "numpy" in stored["versions"]
    assert "| grid + zstd |" in (tmp_path / "fields.md").read_text()
    assert "gone: nowhere.npz is not there" in capsys.readouterr().err


def test_rivals_are_compared_as_they_are_and_in_any_form():
    sizes = {"baler_vae auto": 90, "ZFP": 100, "ZFP, float32": 60, "SZ3 (default)": 10}
    rows = [
        Row(
            "cfd", "exact", method, "violates" if size == 10 else "ok", size, 1000, int(size == 10), 2.0, 1.0, 2.0, 5, 6
        )
        for method, size in sizes.items()
    ]
    text = markdown(rows)
    assert "-10.0% against the best rival, ZFP; +50.0% against the best rival in any form, ZFP, float32" in text
    assert "| 10 † |" in text
    assert "**60**" in text
    assert "1 values break the bound, by up to 2 times" in text


def test_an_unknown_rival_is_refused(tmp_path):
    with pytest.raises(LookupError, match="lz5"):
        main(["--rivals=lz5", f"-o={tmp_path}"])
