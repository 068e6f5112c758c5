"""TTrees: what is grouped with what, what is refused, and what another reader finds in an output."""

import awkward as ak
import numpy as np
import pytest
import uproot

from baler_vae.errors import OutputError, SourceError
from baler_vae.io.files import open_source, write_file
from baler_vae.root import writing as root_writing
from baler_vae.table.schema import TEXT, Origin

COUNTS = np.array([1, 0, 3, 2])
ENDS = np.array([0, 1, 1, 4, 6])


def lists(dtype="f4"):
    return ak.unflatten(np.arange(6).astype(dtype), COUNTS)


def list_of(dtype):
    return ak.types.ListType(ak.types.NumpyType(dtype))


@pytest.fixture
def plain(tmp_path):
    """A file with trees of the given names, one integer branch each."""

    def build(*names):
        with uproot.recreate(tmp_path / "plain.root") as file:
            for i, name in enumerate(names):
                tree = file.mktree(name, {"x": np.dtype("i4")})
                tree.extend({"x": np.arange(i + 1)})
            file["histogram"] = np.histogram([1.0, 2.0])
        return str(tmp_path / "plain.root")

    return build


def test_the_only_tree_need_not_be_named(plain):
    source = open_source(plain("Events"))
    assert source.schema.origin == Origin("root", "Events", compression="zlib:1")
    assert source.n_events == 1


def test_one_of_several_trees_is_named(plain):
    path = plain("Events", "Runs", "deep/er/Tree")
    with pytest.raises(SourceError, match=r"3 trees: Events, Runs, deep/er/Tree.*plain\.root:Events"):
        open_source(path)
    with pytest.raises(SourceError, match=r"no TTree or RNTuple 'Event': the nearest names are 'Events'"):
        open_source(f"{path}:Event")
    with pytest.raises(SourceError, match=r"no TTree or RNTuple 'histogram'"):
        open_source(f"{path}:histogram")
    assert open_source(f"{path}:Runs").n_events == 2
    assert open_source(f"{path}:deep/er/Tree").schema.origin.name == "deep/er/Tree"


def test_the_newest_cycle_is_read_unless_another_is_named(plain):
    path = plain("Events", "Events", "Events")
    assert open_source(path).n_events == 3
    assert open_source(f"{path}:Events").n_events == 3
    assert open_source(f"{path}:Events;1").n_events == 1
    with pytest.raises(SourceError, match="Events;9"):
        open_source(f"{path}:Events;9")


def test_a_file_without_trees_says_what_it_holds(plain):
    with pytest.raises(SourceError, match=r"contains no TTree or RNTuple.*TH1D"):
        open_source(plain())


def test_arrays_of_one_size_are_a_column_for_each_element(tmp_path, read):
    path = tmp_path / "mixed.root"
    with uproot.recreate(path) as file:
        types = {"x": np.dtype("f4"), "v": np.dtype(("f4", (3,))), "w": np.dtype(("i2", (2, 2)))}
        tree = file.mktree("T", types)
        v, w = np.arange(6).reshape(2, 3), np.arange(8).reshape(2, 2, 2)
        tree.extend({"x": np.zeros(2, "f4"), "v": v, "w": w})
    source, schema, batch = read(path)
    assert not source.unsupported
    assert [(array.name, array.shape, array.typename) for array in schema.arrays] == [
        ("v", (3,), "float[3]"),
        ("w", (2, 2), "int16_t[2][2]"),
    ]
    assert batch[0]["v[2]"].tolist() == [2, 5]
    assert batch[0]["w[1][0]"].tolist() == [2, 6]
    assert source.select(["v"]).order == ("v[0]", "v[1]", "v[2]")
    assert source.select(["v[1]", "w"]).arrays == (schema.arrays[1],)
    write_file(tmp_path / "out.root", schema, [batch])
    with uproot.open(f"{tmp_path}/out.root:T") as tree:
        assert tree.typenames() == uproot.open(f"{path}:T").typenames()
        assert tree["v"].array(library="np").tolist() == v.tolist()
        assert tree["w"].array(library="np").tolist() == w.tolist()


def test_titles_and_typenames_are_kept(tmp_path, table, read):
    schema, batch = table({"x": np.zeros(2, "f4")})
    write_file(tmp_path / "t.root", schema, [batch])
    column = read(tmp_path / "t.root")[1].columns[0]
    assert (column.title, column.typename) == ("x/F", "float")


@pytest.fixture
def without_counter(tmp_path):
    """A tree whose counters cannot be read, as in a tree of vectors: the file says that each is an array of two."""
    path = tmp_path / "vectors.root"
    names = {"Jet_pt": "f4", "Jet_eta": "f8", "Mu_pt": "f4", "Mu_q": "i4"}
    with uproot.recreate(path) as file:
        types = {name: list_of(np.dtype(kind).name) for name, kind in names.items()}
        tree = file.mktree("T", {"x": np.dtype("f4"), **types, "nMu": np.dtype("i8")}, counter_name=lambda _: "hidden")
        one = {name: lists(kind) for name, kind in names.items()}
        for _ in range(2):
            tree.extend({"x": np.zeros(4), **one, "nMu": COUNTS})
    content = path.read_bytes()
    name_and_title = b"\x06hidden\x06hidden"
    assert content.count(name_and_title) == 1
    path.write_bytes(content.replace(name_and_title, b"\x06hidden\x06hid[2]"))
    return path


def test_lists_without_counter_are_grouped_by_prefix_and_length(without_counter, read):
    source, schema, batch = read(without_counter, "Jet*", "Mu*", "x", step=3)
    assert [array.name for array in source.schema.arrays] == ["hidden"]
    assert [(g.name, g.counter, g.names) for g in schema.groups] == [
        ("events", None, ("x", "nJet", "nMu")),
        ("Jet", "nJet", ("Jet_pt", "Jet_eta")),
        ("Mu", "nMu", ("Mu_pt", "Mu_q")),
    ]
    assert schema.order == ("x", "nJet", "Jet_pt", "Jet_eta", "Mu_pt", "Mu_q", "nMu")
    assert schema.events.column("nJet").implied
    assert not schema.events.column("nMu").implied
    assert batch[0]["nJet"].tolist() == [*COUNTS, *COUNTS]
    assert batch[1]["Jet_eta"].tolist() == [*range(6), *range(6)]


def test_an_implied_counter_can_be_read_alone(without_counter, read):
    _, schema, batch = read(without_counter, "nJet", step=3)
    assert schema.order == ("nJet",)
    assert batch[0]["nJet"].tolist() == [*COUNTS, *COUNTS]


def test_a_counter_that_lies_is_a_source_error(tmp_path, table):
    path = tmp_path / "lies.root"
    with uproot.recreate(path, compression=None) as file:
        tree = file.mktree("T", {"nJet": np.dtype("i4"), "Jet_pt": list_of("float32")}, counter_name=lambda _: "nJet")
        for _ in range(2):
            tree.extend({"Jet_pt": lists()})
    content = path.read_bytes()
    counts = COUNTS.astype(">i4").tobytes()
    second = content.index(counts, content.index(counts) + 1)
    path.write_bytes(content[:second] + np.array([1, 0, 3, 7], ">i4").tobytes() + content[second + 16 :])
    source = open_source(path)
    message = r"'Jet_pt', event 7: the lengths of the lists differ.*found 2 values, expected nJet = 7"
    for step in (1000, 3):
        with pytest.raises(SourceError, match=message):
            list(source.batches(source.select(), step))


def test_jagged_columns_are_written_under_their_own_counters(tmp_path, table):
    jets = {"Jet_Px": np.arange(6, dtype="f4"), "whatever": np.arange(6) > 2}
    muons = {"Mu.pt": np.arange(6, dtype="u2")}
    schema, batch = table(
        {"event": np.arange(4), "NJet": COUNTS, "count of muons": COUNTS},
        {"Jet": ("NJet", jets), "Mu": ("count of muons", muons)},
        Origin("root", "dir/Tree", "A title"),
    )
    write_file(tmp_path / "out.root", schema, [batch])
    with uproot.open(tmp_path / "out.root") as file:
        tree = file["dir/Tree"]
        assert tree.title == "A title"
        assert tree.keys() == ["event", "NJet", "count of muons", "Jet_Px", "whatever", "Mu.pt"]
        counted = {branch.name: branch.count_branch.name for branch in tree.branches if branch.count_branch is not None}
        assert counted == {"Jet_Px": "NJet", "whatever": "NJet", "Mu.pt": "count of muons"}
        assert ak.num(tree["whatever"].array()).tolist() == COUNTS.tolist()


def test_a_tree_from_another_format_is_called_events(tmp_path, table):
    schema, batch = table({"x": np.zeros(2)}, origin=Origin("hdf5", "muons"))
    write_file(tmp_path / "out.root", schema, [batch])
    assert open_source(tmp_path / "out.root").schema.origin.name == "Events"


def test_many_rows_are_written_in_several_baskets(tmp_path, table, read, monkeypatch):
    monkeypatch.setattr(root_writing, "BASKET_ROWS", 50)
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 5, 1000)
    words = np.array([f"word {i}" * (i % 70) for i in range(1000)])
    jets = {"Jet_pt": rng.normal(size=counts.sum())}
    schema, batch = table({"word": words, "nJet": counts}, {"Jet": ("nJet", jets)})
    write_file(tmp_path / "out.root", schema, [batch])
    with uproot.open({tmp_path / "out.root": "Events"}) as tree:
        assert tree["Jet_pt"].num_baskets > 30
    _, _, back = read(tmp_path / "out.root", step=77)
    assert back[0]["nJet"].tolist() == counts.tolist()
    assert back[0]["word"].tolist() == words.tolist()
    assert back[1]["Jet_pt"].tobytes() == jets["Jet_pt"].tobytes()


@pytest.mark.parametrize("n_events", [0, 1, 3])
def test_trees_without_events_or_objects_keep_their_dtypes(n_events, tmp_path, table, read):
    schema, batch = table(
        {"flag": np.zeros(n_events, bool), "word": np.array(["π"] * n_events, TEXT), "nJet": np.zeros(n_events, "i4")},
        {"Jet": ("nJet", {"Jet_id": np.zeros(0, "u1")})},
    )
    write_file(tmp_path / "out.root", schema, [batch])
    source, back_schema, back = read(tmp_path / "out.root")
    assert source.n_events == n_events
    assert [c.dtype for c in back_schema.columns] == [np.dtype("?"), TEXT, np.dtype("i4"), np.dtype("u1")]
    assert back[0]["word"].tolist() == ["π"] * n_events


def test_slashes_and_brackets_in_names_become_underscores(tmp_path, table):
    schema, batch = table(
        {"muons/nmuons": COUNTS, "w[3]": COUNTS}, {"muons": ("muons/nmuons", {"muons/px": np.zeros(6)})}
    )
    write_file(tmp_path / "out.root", schema, [batch])
    source = open_source(tmp_path / "out.root")
    assert source.schema.order == ("muons_nmuons", "w_3_", "muons_px")
    assert source.schema.groups[1].counter == "muons_nmuons"
    schema, batch = table({"a/b": COUNTS, "a_b": COUNTS})
    with pytest.raises(OutputError, match="share: a_b"):
        write_file(tmp_path / "clash.root", schema, [batch])


def test_what_root_cannot_hold_is_an_output_error(tmp_path, table):
    schema, batch = table({"half": np.zeros(2, "f2"), "n": COUNTS[:2]}, {"J": ("n", {"J_h": np.zeros(1, "f2")})})
    with pytest.raises(OutputError, match=r"float16: half, J_h.*\.parquet"):
        write_file(tmp_path / "out.root", schema, [batch])
    schema, batch = table({"word": np.array(["a", None], TEXT)})
    with pytest.raises(OutputError, match=r"'word'.*cannot hold missing strings.*1 missing.*\.parquet"):
        write_file(tmp_path / "out.root", schema, [batch])
