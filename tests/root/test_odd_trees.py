"""Trees and RNTuples that ROOT wrote and few readers expect: what is read, what is refused, and what comes back, judged
by uproot and awkward.
"""

from itertools import chain, pairwise
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import example, given, settings
from hypothesis import strategies as st

import baler_vae
from baler_vae.errors import SourceError
from baler_vae.io.files import open_source
from baler_vae.root import reading as root_reading
from baler_vae.root.tables import tables_root
from baler_vae.table.schema import NESTED
from baler_vae.table.table import concatenate

ODD = Path(__file__).parent / "odd"
QUICK = {"kind": "independent", "bound": "exact", "skip_unreadable": True}
UNREADABLE = {
    "bools.root": set(),
    "counters.root": set(),
    "baskets.root": set(),
    "cycles.root": set(),
    "fields.root": set(),
    "no_fields.root": set(),
    "projected.root": set(),
    "lengths.root": {"longer", "shorter", "v", "vv"},
    "no_objects.root": {"clones"},
    "objects.root": {"clones", "none", "outer/none", "whole"},
    "xaod.root": {
        "with_empty",
        "empties",
        *(f"C{c}{what}" for c in range(3) for what in ("", "AuxDyn.map", "AuxDyn.link")),
    },
}
"""The branches of each file that are left out: those of another length, and what uproot makes no arrays of."""


def tree_of(file, path):
    return file["t;3"] if path.name == "cycles.root" else file["t"]


def original_values(path):
    """The arrays of the branches of a file that uproot reads, by the names of their columns."""
    with uproot.open(path) as file:
        tree = tree_of(file, path)
        if isinstance(tree, uproot.behaviors.RNTuple.HasFields):
            # One cluster at a time: uproot 5.7 reads wrong variants where it reads several.
            starts = [cluster.num_first_entry for cluster in tree.cluster_summaries]
            edges = list(pairwise([*starts, tree.num_entries])) or [(0, 0)]
            return {
                field.name: list(chain.from_iterable(field.array(a, b).to_list() for a, b in edges))
                for field in tree.fields
            }
        leaves = [(name, branch) for name, branch in tree.items(recursive=True) if not branch.branches]
        names = [branch.name for _, branch in leaves]
        found = {branch.name if names.count(branch.name) == 1 else name: branch for name, branch in leaves}
        return {name: read_branch(branch) for name, branch in found.items() if name not in UNREADABLE[path.name]}


def read_branch(branch):
    """The array of a branch, bools as bytes of 0 and 1; without events what its form says."""
    if not branch.num_entries:
        return ak.Array(branch.interpretation.awkward_form(branch.file).length_zero_array(highlevel=False))
    array = branch.array()
    return array != 0 if "bool" in str(array.type) and not array.fields else array


def assert_same(one, other):
    """The same values, floats to the bit; text and bytes alike."""
    lists = [values if isinstance(values, list) else ak.to_list(values) for values in (one, other)]
    assert repr(lists[0]) == repr(lists[1])


@pytest.fixture(scope="module", params=sorted(UNREADABLE))
def restored(request, tmp_path_factory):
    """The name of a file, its path, the columns left out, and what came back as an RNTuple."""
    return check(ODD / request.param, tmp_path_factory.mktemp("odd"))


def check(path, folder):
    info = baler_vae.compress(f"{path}:t", folder / "a.bvae", **QUICK)
    assert not baler_vae.verify(folder / "a.bvae", against=f"{path}:t").broken
    baler_vae.decompress(folder / "a.bvae", folder / "out.root", rntuple=True)
    return path, info, folder


def test_all_that_uproot_reads_comes_back(restored):
    path, info, folder = restored
    with uproot.open(f"{folder}/out.root:t") as after:
        fields = {field.name: field for field in after.fields}
        for name, array in original_values(path).items():
            assert_same(array, fields[name.replace(".", "_").replace("/", "_")].array())
    assert len(info.warnings) >= bool(UNREADABLE[path.name])
    assert set(open_source(f"{path}:t").unsupported) == UNREADABLE[path.name]
    if 0 < len(UNREADABLE[path.name]) <= 8:
        assert all(any(f"{name} (" in warning for warning in info.warnings) for name in UNREADABLE[path.name])


def test_what_has_no_nested_columns_comes_back_as_the_tree_that_it_was(restored):
    path, _, folder = restored
    with baler_vae.open(folder / "a.bvae") as opened:
        names = [column.name for column in opened.schema.columns if column.dtype != NESTED]
        title = opened.schema.origin.title
        vectors = {g.counter for g in opened.schema.groups[1:] if opened.schema.events.column(g.counter).implied}
        if opened.schema.origin.rntuple or any(array.name == "rows" for array in opened.schema.arrays):
            return
    baler_vae.decompress(folder / "a.bvae", folder / "tree.root", columns=names, force=True)
    with uproot.open(path) as file, uproot.open(f"{folder}/tree.root:t") as after:
        before = tree_of(file, path)
        assert after.title == before.title == title
        assert after.num_entries == before.num_entries
        leaves = {branch.name: branch for branch in before.itervalues(recursive=True) if not branch.branches}
        for branch in after.branches:
            if branch.name in vectors:
                continue
            origin = leaves[branch.name]
            if origin.num_entries:
                assert_same(read_branch(origin), branch.array())
            assert branch.title == origin.title
            if "vector" not in origin.typename and "string" not in origin.typename.lower():
                assert branch.typename == origin.typename


def test_branches_of_another_length_are_refused_by_name():
    source = open_source(f"{ODD}/lengths.root:t")
    assert source.n_events == 10
    with pytest.raises(SourceError, match=r"longer \(length differs from the tree's: 12 entries instead of 10, 2 of "):
        source.select()
    with pytest.raises(SourceError, match=r"shorter \(length differs from the tree's: 7 entries instead of 10\)"):
        source.select(["shorter"])
    assert source.select(["x", "jag"]).order == ("x", "n", "jag")
    assert source.select(skip_unreadable=True).order == ("x", "n", "jag")


def test_bytes_that_are_neither_0_nor_1_are_true():
    source = open_source(f"{ODD}/bools.root:t")
    (batch,) = source.read(source.select())
    for table in batch:
        for name, values in table.arrays.items():
            if values.dtype == np.bool_:
                assert set(values.view(np.uint8).tolist()) == {0, 1}, name
    assert batch[0]["o"].tolist() == [i % 3 > 0 for i in range(50)]
    assert batch[0]["fixed[1]"].tolist() == [(i + 1) % 4 > 0 for i in range(50)]
    assert batch[1]["jag"].tolist() == [i * k % 5 > 0 for i in range(50) for k in range(i % 5)]


def test_nested_columns_without_events_have_their_types(tmp_path):
    (source, full) = (open_source(f"{ODD}/{name}.root:t") for name in ("no_objects", "objects"))
    schema = full.select(skip_unreadable=True)
    first = next(iter(full.read(schema)))
    empty = source.empty(source.match(schema, "the test", ""))
    for name in (column.name for column in schema.events.columns if column.is_nested):
        assert empty[0][name].values.type == first[0][name].values.type, name
    baler_vae.compress(f"{ODD}/no_objects.root:t", tmp_path / "a.bvae", **QUICK)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.parquet", columns=["words", "vectors"])
    assert "var * string" in str(ak.from_parquet(tmp_path / "a.parquet").words.type)
    with baler_vae.open(tmp_path / "a.bvae") as opened:
        assert str(opened["words"].array().type) == "0 * var * string"
        assert opened["vectors"].array().layout.content.fields == ["fX", "fY", "fZ"]


def test_the_newest_tree_is_read_where_something_newer_is_none():
    assert open_source(f"{ODD}/cycles.root").n_events == 3
    assert open_source(f"{ODD}/cycles.root:t").n_events == 3
    tables = tables_root(f"{ODD}/cycles.root")
    assert tables.names == ("t",)
    assert dict(tables.left_out) == {"t;1": "an older cycle of t", "t;2": "an older cycle of t", "t;4": "TH1F"}
    first = open_source(f"{ODD}/cycles.root:t;1")
    assert (first.n_events, first.schema.origin.name, first.schema.origin.title) == (1, "t", "cycle 1")
    with pytest.raises(SourceError, match="no TTree or RNTuple 't;4'"):
        open_source(f"{ODD}/cycles.root:t;4")


def test_descriptions_of_fields_are_kept(tmp_path):
    check(ODD / "fields.root", tmp_path)
    with uproot.open(f"{tmp_path}/out.root:t") as after:
        assert after.description == "every type of field"
        assert after["f"].description == "momentum in GeV"
        assert after["half"].typename == "float"


class Whole:
    """A source, and all its events at once."""

    def __init__(self, name):
        self.source = open_source(f"{ODD}/{name}.root:t")
        self.schema = self.source.select(skip_unreadable=True)
        self.batch = concatenate(list(self.source.batches(self.schema, 1000)), self.schema)


@pytest.fixture(scope="module", params=["baskets", "fields"])
def whole(request):
    return Whole(request.param)


@settings(max_examples=6)
@given(st.integers(1, 60), st.lists(st.integers(0, 50), unique=True, max_size=6), st.booleans())
@example(7, [], True)
@example(60, [20, 30, 40, 50], False)
def test_steps_and_ranges_do_not_matter(whole, step, edges, keeps):
    edges = sorted(edges)
    ranges = list(zip(edges[::2], edges[1::2], strict=False)) or [(0, 50)]
    with pytest.MonkeyPatch.context() as patch:
        if not keeps:
            patch.setattr(root_reading, "WINDOW_BYTES", 0)
        batches = list(whole.source.batches(whole.schema, step, ranges))
    rows = np.concatenate([np.arange(start, stop) for start, stop in ranges])
    found = concatenate(batches, whole.schema)
    assert max(batch[0].n_rows for batch in batches) <= step
    for column in whole.schema.events.columns:
        values, other = whole.batch[0][column.name][rows], found[0][column.name]
        if column.is_nested:
            assert values.values.to_pylist() == other.values.to_pylist(), column.name
        else:
            assert values.tolist() == other.tolist(), column.name


def test_every_basket_is_read_once(monkeypatch):
    source = open_source(f"{ODD}/baskets.root:t")
    calls = []
    array = uproot.TBranch.array

    def counted(self, *arguments, **options):
        calls.append((self.name, options["entry_start"]))
        return array(self, *arguments, **options)

    monkeypatch.setattr(uproot.TBranch, "array", counted)
    list(source.batches(source.select(["x", "jag"]), 3))
    with uproot.open(f"{ODD}/baskets.root:t") as tree:
        for name in ("x", "jag"):
            starts = [start for branch, start in calls if branch == name]
            assert set(starts) <= set(tree[name].entry_offsets)
            assert len(set(starts)) == len(starts)


@pytest.mark.full
def test_many_events_of_root_come_back(root, tmp_path):
    (tmp_path / "odd").mkdir()
    root.write_odd(tmp_path / "odd", 3000)
    for name in UNREADABLE:
        folder = tmp_path / name
        folder.mkdir()
        found = check(tmp_path / "odd" / name, folder)
        test_all_that_uproot_reads_comes_back(found)
        test_what_has_no_nested_columns_comes_back_as_the_tree_that_it_was(found)


@pytest.mark.full
def test_root_reads_trees_and_counters_that_come_back(root, tmp_path):
    (tmp_path / "odd").mkdir()
    root.write_odd(tmp_path / "odd", 500)
    # Its data frame reads no lists under counters of one byte, of its own neither.
    wanted = {"counters": ["A_x", "B_x", "D_x", "E_x", "G_x", "nA", "nE"], "baskets": ["x", "n", "jag", "v"]}
    for name, columns in wanted.items():
        path = tmp_path / "odd" / f"{name}.root"
        baler_vae.compress(f"{path}:t", tmp_path / f"{name}.bvae", **QUICK)
        baler_vae.decompress(tmp_path / f"{name}.bvae", tmp_path / f"{name}.root", columns=columns)
        before, after = root.read(path, "t", columns), root.read(tmp_path / f"{name}.root", "t", columns)
        assert set(before) == set(columns)
        assert after == before
