"""Odd trees as uproot can make them, and what is said of columns that cannot be read."""

import json
import subprocess
import sys

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.errors import OutputError, SourceError
from baler_vae.io.files import open_source, write_file
from baler_vae.root.compression import Setting
from baler_vae.root.options import OptionalPlaces
from baler_vae.root.records import BranchRecord
from baler_vae.root.trees import tree_writer
from baler_vae.source.source import summary
from baler_vae.table.schema import Origin

QUICK = {"kind": "independent", "bound": "exact"}
COUNTS = np.array([1, 0, 3, 2])


def as_bytes(path, *pairs):
    """Replaces bytes of an uncompressed file, all occurrences of each."""
    content = path.read_bytes()
    for old, new in pairs:
        assert len(old) == len(new)
        assert old in content
        content = content.replace(old, new)
    path.write_bytes(content)


@pytest.fixture
def twice(tmp_path):
    """A tree with two branches of one name, and one besides."""
    path = tmp_path / "twice.root"
    with uproot.recreate(path, compression=None) as file:
        tree = file.mktree("T", {"same": np.dtype("i4"), "eams": np.dtype("f4"), "x": np.dtype("f8")})
        tree.extend({"same": np.arange(4), "eams": np.ones(4), "x": np.arange(4)})
    as_bytes(path, (b"eams", b"same"))
    return f"{path}:T"


def test_a_branch_with_the_name_of_an_element_blocks_only_itself(tmp_path):
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        tree = file.mktree("T", {"x": np.dtype(("f4", (2,))), "x[1]": np.dtype("f4")})
        tree.extend({"x": np.ones((3, 2), "f4"), "x[1]": np.zeros(3, "f4")})
    with pytest.raises(SourceError, match=r"x\[1\] \(it has the name of an element of the array 'x'\)"):
        open_source(path).select()
    assert open_source(path).select(skip_unreadable=True).order == ("x[0]", "x[1]")


def test_a_name_that_two_branches_have_blocks_only_itself(twice, tmp_path):
    source = open_source(twice)
    assert source.select(["x"]).order == ("x",)
    with pytest.raises(SourceError, match=r"columns: same \(2 branches have this name\).*--skip-unreadable"):
        source.select()
    with pytest.raises(SourceError, match="2 branches have this name"):
        source.select(["s*"])
    with pytest.raises(SourceError, match="none of these columns is supported: same"):
        source.select(["s*"], skip_unreadable=True)
    info = baler_vae.compress(twice, tmp_path / "a.bvae", skip_unreadable=True, **QUICK)
    assert info.warnings == ("left out: same (2 branches have this name)",)
    baler_vae.compress(twice, tmp_path / "b.bvae", columns="x", **QUICK)
    baler_vae.decompress(tmp_path / "b.bvae", tmp_path / "b.root")
    with uproot.open(f"{tmp_path}/b.root:T") as tree:
        assert tree.keys() == ["x"]
        assert tree["x"].array().to_list() == [0, 1, 2, 3]


def test_the_file_of_a_detector_with_a_name_twice(data_dir):
    path = data_dir / "odd" / "uproot-issue443.root"
    if not path.exists():
        pytest.skip("no odd files")
    source = open_source(f"{path}:muonDataTree")
    assert dict(source.unsupported) == {"hitEnd": "2 branches have this name"}
    assert source.select(["hitT*"]).order == ("hitTFB", "hitTripT", "hitTFBIndex", "hitTime")


def test_a_branch_shorter_than_its_tree_is_refused_by_name(data_dir, tmp_path):
    path = data_dir / "odd" / "short_branch.root"
    if not path.exists():
        pytest.skip("no odd files")
    with pytest.raises(SourceError, match=r"b \(length differs from the tree's: 0 entries instead of 61\)"):
        baler_vae.compress(path, tmp_path / "a.bvae", **QUICK)
    info = baler_vae.compress(path, tmp_path / "a.bvae", skip_unreadable=True, **QUICK)
    assert info.warnings == ("left out: b (length differs from the tree's: 0 entries instead of 61)",)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.root")
    with uproot.open(f"{path}:t") as before, uproot.open(f"{tmp_path}/a.root:t") as after:
        assert after["x"].array().to_list() == before["x"].array().to_list()
        assert (after.title, after["x"].typename) == (before.title, before["x"].typename)


def test_branches_longer_than_their_tree_are_refused(tmp_path):
    path = tmp_path / "long.root"
    with uproot.recreate(path, compression=None) as file:
        tree = file.mktree("T", {"x": np.dtype("f8")})
        tree.extend({"x": np.arange(61)})
    as_bytes(path, (b"?\x80\x00\x00" + (61).to_bytes(8), b"?\x80\x00\x00" + (50).to_bytes(8)))
    with pytest.raises(SourceError, match=r"x \(length differs from the tree's: 61 entries instead of 50, 11 of which"):
        open_source(path).select()
    with pytest.raises(SourceError, match="holds no columns that can be read: x"):
        open_source(path).select(skip_unreadable=True)


def test_a_basket_that_is_damaged_is_named_by_its_branch(tmp_path):
    path = tmp_path / "damaged.root"
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        tree = file.mktree("T", {"good": np.dtype("f8"), "bad": np.dtype("f8")})
        tree.extend({"good": np.arange(500), "bad": np.arange(500) * 3.0})
    with uproot.open({path: "T"}) as tree:
        start = int(tree["bad"].member("fBasketSeek")[0])
    content = bytearray(path.read_bytes())
    content[start + 100 : start + 140] = b"\xff" * 40
    path.write_bytes(content)
    source = open_source(path)
    assert sum(batch[0].n_rows for batch in source.read(source.select(["good"]))) == 500
    with pytest.raises(SourceError, match=r"column 'bad': cannot be read as a ROOT file.*--columns"):
        list(source.read(source.select()))


@given(st.lists(st.sampled_from(["a: x", "a: y", "b", "c: longer than others"]), max_size=40))
def test_a_summary_counts_every_column(reasons):
    named = {f"column{number}": why for number, why in enumerate(reasons)}
    text = summary(named)
    if len(named) <= 8:
        assert all(f"{name} ({why})" in text for name, why in named.items())
    else:
        counted = {kind: sum(why.partition(": ")[0] == kind for why in reasons) for kind in "abc"}
        assert all(f"{kind}: {n:,} column" in text for kind, n in counted.items() if n)
        assert text.count("column") <= 3 + 3 * 3


def test_a_summary_of_hundreds_is_short():
    kinds = {
        f"Aux{i}.links": f"not a type that uproot can read as arrays: {'Very' * 30}Long<{i % 7}>" for i in range(483)
    }
    text = summary(kinds | {"short": "length differs from the tree's: 1 entries instead of 2"})
    assert len(text) < 600
    assert text.startswith("not a type that uproot can read as arrays: 483 columns (Aux0.links: Very")
    assert text.endswith("and 480 more); length differs from the tree's: 1 column (short: 1 entries instead of 2)")


@pytest.mark.parametrize("dtype", ["u4", "i8", "u2", "i2", "u8", "u1"])
def test_counters_keep_their_types_and_branches_their_titles(dtype, tmp_path):
    path = tmp_path / "in.root"
    counts = COUNTS.astype(dtype)
    jets = ak.unflatten(np.arange(6, dtype="f4"), COUNTS)
    number = BranchRecord(name="nJet", title="jets", type=counts.dtype.name, is_counter=True)
    pt = BranchRecord(name="Jet_pt", title="Jet_pt[nJet]/F", type="float32", counter="nJet")
    with uproot.recreate(path) as file:
        tree = tree_writer(file, "T", "", [pt, number], Setting())
        for _ in range(2):
            tree.extend(4, {"nJet": counts, "Jet_pt": np.arange(6)}, {"nJet": COUNTS})
        tree.close()
    with uproot.open(f"{path}:T") as before:
        expected = before["nJet"].typename
        assert before["nJet"].array().to_numpy().dtype == counts.dtype
    baler_vae.compress(path, tmp_path / "a.bvae", **QUICK)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root")
    with uproot.open(f"{tmp_path}/out.root:T") as after:
        assert after["nJet"].typename == expected
        assert [branch.title for branch in after.branches] == ["jets", "Jet_pt[nJet]/F"]
        assert after["nJet"].array().to_list() == [*COUNTS, *COUNTS]
        assert after["Jet_pt"].array().to_list() == [*jets.to_list(), *jets.to_list()]
        assert after["Jet_pt"].count_branch.name == "nJet"


def test_counters_of_one_byte_from_other_formats_are_written_wider(tmp_path, table):
    events = {"nJet": COUNTS.astype("u1")}
    schema, batch = table(events, {"Jet": ("nJet", {"Jet_pt": np.zeros(6)})}, Origin("hdf5"))
    write_file(tmp_path / "out.root", schema, [batch])
    with uproot.open(f"{tmp_path}/out.root:Events") as tree:
        assert tree["nJet"].typename == "int32_t"


values = st.lists(st.none() | st.lists(st.none() | st.integers(0, 9), max_size=3), min_size=1, max_size=8)


@settings(max_examples=60)
@given(values, values)
def test_options_are_where_values_are_missing(first, later):
    kind = ak.types.from_datashape("option[var * option[int64]]", highlevel=False)
    one, other = (ak.enforce_type(ak.Array([*part, [1]]), kind) for part in (first, later))
    options = OptionalPlaces("x")
    options.learn(one, declared=False)
    applied = options.applied(one)
    assert applied.to_list() == one.to_list()
    lists = {part is None for part in first}
    numbers = {number is None for part in first if part is not None for number in part}
    assert options.places == {(), ("[]",)} - ({()} if True not in lists else set()) - (
        {("[]",)} if True not in numbers else set()
    )
    places = OptionalPlaces("x")
    places.learn(other, declared=False)
    if places.places <= options.places:
        again = options.applied(other)
        assert again.to_list() == other.to_list()
        assert str(again.type.content) == str(applied.type.content)
    else:
        with pytest.raises(OutputError, match=r"column 'x'.*missing values later on"):
            options.applied(other)


BOUNDED = """
import json, resource, sys
import numpy as np, uproot
from baler_vae.io.files import open_source, write_file

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def make(path, n_chunks):
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        tree = (file.mkrntuple if sys.argv[2] == "rntuple" else file.mktree)("T", {"x": np.dtype("f8")})
        for number in range(n_chunks):
            tree.extend({"x": np.arange(1e6) + number})

def copy(path):
    source = open_source(path)
    write_file(path + ".copy.root", source.select(), source.read(source.select()), force=True)
    return source.n_events

small, large = sys.argv[1] + "/small.root", sys.argv[1] + "/large.root"
make(small, 4)
make(large, 14)
copy(small)
before = peak()
n_events = copy(large)
back = open_source(large + ".copy.root")
last = [batch[0]["x"][-1] for batch in back.read(back.select())][-1]
print(json.dumps({"grown": peak() - before, "n_events": n_events, "back": back.n_events, "last": last}))
"""


@pytest.mark.parametrize("kind", ["ttree", "rntuple"])
def test_more_baskets_and_clusters_take_no_more_memory(kind, tmp_path):
    command = [sys.executable, "-c", BOUNDED, str(tmp_path), kind]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    assert (found["n_events"], found["back"], found["last"]) == (14_000_000, 14_000_000, 1e6 - 1 + 13)
    assert found["grown"] < 40  # MB, of 80 MB more
