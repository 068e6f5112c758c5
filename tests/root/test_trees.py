"""TTrees as they are written: what uproot, which shares nothing with the writer but the file, reads of them."""

import numpy as np
import pytest
import uproot
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.root import trees
from baler_vae.root.compression import Setting
from baler_vae.root.records import LETTERS, BranchRecord, basket_record
from baler_vae.root.trees import tree_writer

TYPES = [name for name in LETTERS if name != "str"]


def write(path, branches, chunks, setting="zlib:1", name="T", title=""):
    """Writes a tree of chunks: numbers of entries, values by branch, lengths by counter."""
    with uproot.recreate(path) as file:
        tree = tree_writer(file, name, title, branches, Setting(setting))
        for chunk in chunks:
            tree.extend(*chunk)
        tree.close()


@settings(max_examples=25)
@given(st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    """Any types, shapes and numbers of baskets, more than ten among them; lists, and texts of any length."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    kinds = data.draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=4))
    shapes = data.draw(st.lists(st.sampled_from([(), (3,), (2, 2)]), min_size=len(kinds), max_size=len(kinds)))
    sizes = data.draw(st.lists(st.integers(0, 4), max_size=14))
    branches = [
        BranchRecord(name=f"x{i}", title=f"{kind} {shape}", type=kind, shape=shape)
        for i, (kind, shape) in enumerate(zip(kinds, shapes, strict=True))
    ]
    branches += [
        BranchRecord(name="list", title="list", type="float64", counter="n"),
        BranchRecord(name="n", title="n", type="uint16", is_counter=True),
        BranchRecord(name="word", title="word", type="str"),
    ]
    chunks = []
    for n in sizes:
        counts = rng.integers(0, 5, n)
        values = {
            branch.name: rng.integers(0, 2, (n, *branch.shape)).astype(branch.type) for branch in branches[: len(kinds)]
        }
        words = [b"\xc3\xa4" * int(length) for length in rng.choice([0, 1, 127, 128, 300], n)]
        values |= {"list": rng.normal(size=counts.sum()), "n": counts, "word": words}
        chunks.append((n, values, {"n": counts}))
    path = tmp_path_factory.mktemp("trees") / "t.root"
    write(
        path, branches, chunks, data.draw(st.sampled_from(["", "none", "lz4:9", "zstd:7", "lzma:1"])), title="a title"
    )
    with uproot.open(path) as file:
        tree = file["T"]
        assert (tree.title, tree.num_entries) == ("a title", sum(sizes))
        assert tree.keys() == [*(f"x{i}" for i in range(len(kinds))), "n", "list", "word"]
        assert tree["list"].count_branch.name == "n"
        for branch in branches[: len(kinds)]:
            assert tree[branch.name].title == branch.title
            expected = [chunk[1][branch.name] for chunk in chunks]
            read = tree[branch.name].array(library="np")
            if expected:
                assert read.tobytes() == np.concatenate(expected).astype(read.dtype).tobytes()
            assert read.dtype.newbyteorder("=") == np.dtype(branch.type)
        assert tree["list"].array().to_list() == [
            own.tolist()
            for chunk in chunks
            for own in np.split(chunk[1]["list"], np.cumsum(chunk[2]["n"])[:-1])
            if chunk[0]
        ]
        assert tree["word"].array().to_list() == [word.decode() for chunk in chunks for word in chunk[1]["word"]]


def test_long_names_and_directories(tmp_path):
    name, title = "x" * 300, "ä" * 200
    branch = BranchRecord(name=name, title=title, type="int16")
    write(tmp_path / "t.root", [branch], [(2, {name: np.array([1, -2])}, {})], name="a/b/" + "T" * 260)
    with uproot.open(tmp_path / "t.root") as file:
        tree = file["a/b/" + "T" * 260]
        assert (tree[name].title, tree[name].array().to_list()) == (title, [1, -2])


def test_the_largest_count_is_that_of_all_baskets(tmp_path):
    """ROOT makes room for so many values; what has no sign it stores as what has one."""
    counter = BranchRecord(name="n", title="n/b", type="uint8", is_counter=True)
    branches = [counter, BranchRecord(name="x", title="x[n]/F", type="float32", counter="n")]
    chunks = [(1, {"n": np.array([k]), "x": np.zeros(k)}, {"n": np.array([k])}) for k in (3, 200, 0)]
    write(tmp_path / "t.root", branches, chunks)
    with uproot.open(f"{tmp_path}/t.root:T") as tree:
        leaf = tree["n"].member("fLeaves")[0]
        assert (leaf.member("fMaximum") % 256, leaf.member("fIsRange"), leaf.member("fIsUnsigned")) == (200, True, True)
        assert [len(own) for own in tree["x"].array()] == [3, 200, 0]


def test_records_of_several_trees_are_compressed_and_described_once(tmp_path):
    columns = [f"HLT_Path{i}" for i in range(300)]
    with uproot.recreate(tmp_path / "t.root") as file:
        for name in ("T", "U"):
            branches = [BranchRecord(name=own, title="Trigger/flag bit", type="bool") for own in columns]
            tree = tree_writer(file, name, "", branches, Setting("zlib:1"))
            tree.extend(5, {own: np.arange(5) == 2 for own in columns}, {})
            tree.close()
    with uproot.open(tmp_path / "t.root") as file:
        assert file["T"].arrays().to_list() == file["U"].arrays().to_list()
        assert {"TTree", "TBranch", "TLeafO"} <= set(file.file.streamers)
        baskets = sum(branch.member("fZipBytes") for name in "TU" for branch in file[name].branches)
        assert file.file.fEND - baskets < 2 * 300 * 50


@pytest.mark.parametrize(("n_trees", "most"), [(1, 6_292), (30, 52_818)])
def test_files_of_few_entries_hold_little_else(n_trees, most, tmp_path):
    """ROOT 6.40 takes so many bytes for trees of five branches and ten entries under zlib:1, each in a directory."""
    rng = np.random.default_rng(1)
    setting = Setting("zlib:1")
    names = [f"variable_{number}" for number in range(5)]
    with uproot.recreate(tmp_path / "t.root", initial_streamers_bytes=0, compression=setting.compression) as file:
        for number in range(n_trees):
            branches = [BranchRecord(name=name, title=f"{name}/D", type="float64") for name in names]
            path = f"channel_{number}/nominal" if n_trees > 1 else "nominal"
            tree = tree_writer(file, path, "nominal", branches, setting)
            tree.extend(10, {name: rng.normal(size=10) for name in names}, {})
            tree.close()
    assert (tmp_path / "t.root").stat().st_size < 1.1 * most
    with uproot.open(tmp_path / "t.root") as file:
        assert len(file.keys(cycle=False, filter_classname="TTree")) == n_trees
        assert {"TLeafD", "TLeaf", "TTree"} <= set(file.file.streamers)
        assert not {"TLeafF", "TLeafO"} & set(file.file.streamers)


def test_leaves_of_another_type_are_described_when_they_come(tmp_path):
    with uproot.recreate(tmp_path / "t.root", initial_streamers_bytes=0) as file:
        for name, kind in (("a", "int16"), ("b", "float32"), ("c", "int16")):
            tree = tree_writer(file, name, "", [BranchRecord(name="x", title="x", type=kind)], Setting())
            tree.extend(3, {"x": np.arange(3)}, {})
            tree.close()
            assert ("TLeafF" in {own.name for own in file.file._cascading.streamers._rawstreamers}) == (name != "a")
    with uproot.open(tmp_path / "t.root") as file:
        assert {"TLeafS", "TLeafF"} <= set(file.file.streamers)
        assert all(file[name]["x"].array().to_list() == [0, 1, 2] for name in "abc")


def test_places_beyond_two_gigabytes_take_eight_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "FIRST_BIG", 80_000)
    branches = [
        BranchRecord(name="n", title="n/I", type="int32", is_counter=True),
        BranchRecord(name="x", title="x[n]/D", type="float64", counter="n"),
    ]
    values = np.random.default_rng(1).normal(size=3000)
    chunk = (3, {"n": [1000] * 3, "x": values}, {"n": np.array([1000] * 3)})
    write(tmp_path / "t.root", branches, [chunk] * 4)
    with uproot.open(f"{tmp_path}/t.root:T") as tree:
        assert tree["x"].array(library="np")[9].tolist() == values[:1000].tolist()
        content = (tmp_path / "t.root").read_bytes()
        versions = [
            int.from_bytes(content[place + 4 : place + 6], "big") for place in tree["x"].member("fBasketSeek")[:4]
        ]
    assert sorted(set(versions)) == [4, 1004]


def test_a_basket_has_two_gigabytes_at_most(tmp_path, monkeypatch):
    monkeypatch.setattr(trees, "_LARGEST_BASKET", 99)
    branch = BranchRecord(name="x", title="x/D", type="float64")
    with pytest.raises(ValueError, match=r"'x': 104 bytes in a basket"):
        write(tmp_path / "t.root", [branch], [(13, {"x": np.zeros(13)}, {})])


def test_a_basket_to_the_byte():
    record = basket_record(
        ("x", "T"), b"data", raw_bytes=9, numbers=(8, 2, 77), places=(300, 100), time=5, is_big=False
    )
    assert record.hex() == (
        "0000003d 0004 00000009 00000005 0039 0000 0000012c 00000064 07 5442 61736b6574 01 78 01 54"
        "0003 00007d00 00000008 00000002 0000004d 00 64617461"
    ).replace(" ", "")
