import json
from pathlib import Path

import pytest

from baler_vae.errors import SourceError, UsageError
from baler_vae.report.rivals import bounds_of, read_rivals

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "results.csv"
TABLE = """data,bound,method,status,bytes,raw_bytes
jets,bits:10,baler_vae auto,ok,30,100
jets,bits:10,grid + pcodec,ok,40,100
jets,bits:10,grid + zstd,ok,35,100
jets,bits:10,ZFP,violates,20,100
jets,bits:10,OpenZL,not installed,,
jets,bits:12,grid + pcodec,ok,50,100
muons,bits:10,grid + pcodec,ok,5,200
"""


def written(tmp_path, text, name="results.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_those_that_keep_the_same_bound_on_the_same_rows_are_taken(tmp_path):
    found = read_rivals(written(tmp_path, TABLE), original_bytes=100, bounds=["bits:10"])
    assert list(found.items()) == [("grid + zstd", 35), ("grid + pcodec", 40)]


@pytest.mark.parametrize(("n_bytes", "bounds"), [(101, ["bits:10"]), (100, ["bits:9"]), (100, []), (None, ["bits:10"])])
def test_others_are_no_rivals(tmp_path, n_bytes, bounds):
    with pytest.raises(UsageError, match="no sizes for these rows under this bound") as caught:
        read_rivals(written(tmp_path, TABLE), original_bytes=n_bytes, bounds=bounds)
    assert "100 bytes under bits:12; 200 bytes under bits:10" in str(caught.value)


def test_the_benchmarks_of_this_project_are_understood():
    found = read_rivals(RESULTS, original_bytes=13_657_440, bounds=["bits:10"])
    assert len(found) > 5
    assert "grid + pcodec" in found
    assert not any(name.startswith("baler_vae") for name in found)
    assert list(found.values()) == sorted(found.values())


def test_names_and_bytes_may_be_given_as_they_are(tmp_path):
    path = written(tmp_path, json.dumps({"b": 2, "a": 1}), "rivals.json")
    assert list(read_rivals(path, original_bytes=None, bounds=[]).items()) == [("a", 1), ("b", 2)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"),
        ("a.json", "[]"),
        ("a.json", "{}"),
        ("a.json", '{"a": "many"}'),
        ("a.json", '{"a": true}'),
        ("a.json", '{"a": 0}'),
        ("a.csv", ""),
        ("a.csv", "a,b\n1,2\n"),
        ("a.csv", "data,bound,method,status,bytes,raw_bytes\njets,bits:10,zstd,ok,many,100\n"),
        ("a.csv", "data,bound,method,status,bytes,raw_bytes\njets,bits:10,zstd,ok\n"),
    ],
)
def test_all_else_is_refused(tmp_path, name, text):
    path = written(tmp_path, text, name)
    with pytest.raises(SourceError, match=name):
        read_rivals(path, original_bytes=100, bounds=["bits:10"])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match="nowhere"):
        read_rivals(tmp_path / "nowhere.csv", original_bytes=1, bounds=[])


def test_bounds_are_those_of_the_settings():
    assert bounds_of({"bound": ["bits:10"]}) == ("bits:10",)
    assert bounds_of(None) == ()
