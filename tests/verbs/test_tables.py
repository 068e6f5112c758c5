"""Files of several tables: one archive of archives, and one file again."""

import json
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.errors import BoundBroken, CorruptArchive, OutputError, SourceError, UsageError
from baler_vae.reader.collection import Collection
from baler_vae.verbs import compress_table, resuming, writing
from baler_vae.verbs.many import decompress_each
from baler_vae.verbs.tables import file_name

REQUEST = {"kind": "independent", "bound": "exact"}
STRING = ak.types.ListType(
    ak.types.NumpyType("uint8", parameters={"__array__": "char"}), parameters={"__array__": "string"}
)
FLOATS = ak.types.ListType(ak.types.NumpyType("float32"))
TREES = ("ana/deep/Events", "ana/Lumi", "Runs")
TABLES = ("ana/deep/Events", "ana/Lumi", "ana/ntuple", "Runs")


def write(path, seed=0, n_events=300, **more):
    """A file of three trees, two of them in directories, an RNTuple and a histogram; `more` are trees of a column."""
    counts, rng = np.random.default_rng(7).poisson(2, n_events), np.random.default_rng(seed)
    jets = ak.unflatten(rng.exponential(30, counts.sum()).astype(np.float32), counts)
    with uproot.recreate(path) as file:
        kinds = {"event": np.dtype("i8"), "met": np.dtype("f4"), "Jet_pt": FLOATS}
        tree = file.mktree("ana/deep/Events", kinds, title="all events", counter_name=lambda _: "nJet")
        event = np.arange(n_events) + 1_000_000 * seed
        tree.extend({"event": event, "met": rng.exponential(9, n_events).astype("f4"), "Jet_pt": jets})
        tree = file.mktree("ana/Lumi", {"run": np.dtype("i4"), "lumi": np.dtype("f8")}, title="luminosity")
        tree.extend({"run": np.arange(30, dtype="i4"), "lumi": rng.random(30)})
        tree = file.mktree("Runs", {"run": np.dtype("i4"), "name": STRING}, title="runs")
        tree.extend({"run": np.array([1, 2, 3], "i4"), "name": ["a", "", "é"]})
        ntuple = file.mkrntuple("ana/ntuple", {"y": ak.types.NumpyType("float64"), "v": FLOATS})
        ntuple.extend({"y": rng.normal(size=n_events), "v": jets})
        file["plots/met"] = np.histogram(rng.random(9))
        for name, values in more.items():
            file.mktree(name, {"x": values.dtype}).extend({"x": values})
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A file, its archive, and what was said of that."""
    folder = tmp_path_factory.mktemp("tables")
    path = write(folder / "in.root")
    info = baler_vae.compress(path, folder / "all.bvae", **REQUEST)
    return SimpleNamespace(source=path, archive=str(folder / "all.bvae"), info=info)


def contents(path):
    """What uproot reads of a file: name, class and title of every tree, names, types and values of its branches."""
    with uproot.open(path) as file:
        classes = file.classnames(recursive=True, cycle=False)
        trees = {}
        for name in (name for name, kind in classes.items() if kind in {"TTree", "ROOT::RNTuple"}):
            tree = file[name]
            branches = {key: (tree[key].typename, ak.to_list(tree[key].array())) for key in tree.keys()}
            trees[name] = classes[name], getattr(tree, "title", ""), branches
        return trees


def test_uproot_finds_all_trees_as_they_were(made, tmp_path):
    baler_vae.decompress(made.archive, tmp_path / "out.root")
    before, after = contents(made.source), contents(tmp_path / "out.root")
    assert list(before) == list(TABLES) == list(after)
    assert after == before
    assert before["ana/deep/Events"][1] == "all events"


def test_what_is_told(made, tmp_path):
    assert made.info.warnings == ("left out: plots/met (TH1D)",)
    assert made.info.n_rows == {"ana/deep/Events": 300, "ana/Lumi": 30, "ana/ntuple": 300, "Runs": 3}
    assert made.info.left_out == {"plots/met": "TH1D"}
    assert made.info.settings["bound"] == ["exact"]
    tables = made.info.tables.values()
    assert made.info.original_bytes == sum(table.original_bytes for table in tables)
    assert sum(vars(made.info.bytes).values()) == made.info.archive_bytes
    assert list(made.info.to_dict()["tables"]) == list(TABLES)
    assert json.loads(json.dumps(made.info.to_dict())) == made.info.to_dict()
    assert isinstance(made.info, baler_vae.CollectionInfo)
    frame = made.info.to_pandas()
    assert len(frame) == sum(len(table.columns) for table in tables)
    assert {"ana/Lumi:lumi", "Runs:run"} & set(frame["name"])
    assert "ana/Lumi:" in made.info._repr_html_()


def test_a_named_table_and_a_file_of_one_are_plain_archives(made, tmp_path):
    baler_vae.compress(f"{made.source}:Runs", tmp_path / "runs.bvae", **REQUEST)
    with baler_vae.open(made.archive) as collection, baler_vae.open(tmp_path / "runs.bvae") as archive:
        assert not isinstance(archive, Collection)
        with baler_vae.open(f"{made.archive}:Runs") as inner:
            assert ak.to_list(inner.arrays()) == ak.to_list(archive.arrays())
            assert inner.n_bytes == archive.n_bytes
        assert len(collection) == 4
    with uproot.recreate(tmp_path / "one.root") as file:
        file.mktree("T", {"x": np.dtype("i4")}).extend({"x": np.arange(9, dtype="i4")})
        file["h"] = np.histogram(np.arange(3.0))
    info = baler_vae.compress(tmp_path / "one.root", tmp_path / "one.bvae", **REQUEST)
    baler_vae.compress(f"{tmp_path}/one.root:T", tmp_path / "named.bvae", **REQUEST)
    assert info.warnings == ("left out: h (TH1D)",)
    assert (tmp_path / "one.bvae").read_bytes() == (tmp_path / "named.bvae").read_bytes()


def test_a_collection_is_a_mapping_of_archives(made):
    with baler_vae.open(made.archive) as collection, uproot.open(made.source) as file:
        assert collection.keys() == list(collection) == list(TABLES)
        assert "Runs" in collection
        assert "Run" not in collection
        assert repr(collection) == f"<Collection {made.archive!r} of {', '.join(map(repr, TABLES))}, open>"
        assert collection.left_out == {"plots/met": "TH1D"}
        for name, archive in collection.items():
            for key in file[name].keys():
                assert ak.to_list(archive[key].array()) == ak.to_list(file[name][key].array())
        met = collection["ana/deep/Events"]["met"].array(entry_start=5, entry_stop=9)
        assert ak.to_list(met) == ak.to_list(file["ana/deep/Events/met"].array()[5:9])
        with pytest.raises(UsageError, match="no table 'Run'"):
            _ = collection["Run"]
    with pytest.raises(UsageError, match=r"holds 4 tables: .*Name one: .*all\.bvae:ana/deep/Events"):
        baler_vae.dask(made.archive)


def test_collections_and_their_tables_close_and_pickle(made, tmp_path):
    with baler_vae.open(made.archive) as collection:
        runs = collection["Runs"]
        for again in (pickle.loads(pickle.dumps(collection))["Runs"], pickle.loads(pickle.dumps(runs))):
            assert ak.to_list(again.arrays()) == ak.to_list(runs.arrays())
            again.close()
        collection["ana/Lumi"].close()
        assert not collection.closed
        assert not runs.closed
    assert collection.closed
    assert runs.closed
    assert repr(collection).endswith("closed>")
    for use in (runs.arrays, collection.info, lambda: collection["Runs"], lambda: pickle.dumps(collection)):
        with pytest.raises(UsageError, match="the archive is closed"):
            use()
    moved = tmp_path / "all.bvae"
    shutil.copyfile(made.archive, moved)
    with baler_vae.open(moved) as collection:
        kept = pickle.dumps(collection)
    baler_vae.compress(f"{made.source}:Runs", moved, force=True, **REQUEST)
    with pytest.raises(SourceError, match="another file has taken its place"):
        pickle.loads(kept)


def test_a_table_is_a_lazy_array(made):
    pytest.importorskip("dask_awkward", minversion="2026.2")
    lazy = baler_vae.dask(f"{made.archive}:ana/deep/Events", columns="met")
    with uproot.open(made.source) as file:
        assert ak.to_list(lazy.met.compute()) == ak.to_list(file["ana/deep/Events/met"].array())


def test_every_table_is_verified(made, tmp_path):
    done = baler_vae.verify(made.archive, against=made.source)
    assert done.broken == ()
    assert done.n_rows["ana/deep/Events"] == 300
    assert {"ana/deep/Events:Jet_pt", "Runs:name"} <= {check.name for check in done.columns}
    assert done.n_sections == baler_vae.verify(made.archive).n_sections
    assert baler_vae.verify(f"{made.archive}:Runs", against=f"{made.source}:Runs").broken == ()
    other = write(tmp_path / "other.root", seed=1)
    broken = baler_vae.verify(made.archive, against=other).broken
    assert {"ana/deep/Events:event", "ana/Lumi:lumi", "ana/ntuple:y"} <= {check.name for check in broken}
    with pytest.raises(UsageError, match="Name it in both"):
        baler_vae.verify(made.archive, against=f"{made.source}:Runs")


def test_an_archive_of_one_table_is_compared_with_the_table_of_its_name(made, tmp_path):
    one = tmp_path / "one.bvae"
    baler_vae.compress(made.source, one, columns="ana/Lumi:*", **REQUEST)
    for archive in (one, f"{made.archive}:ana/Lumi"):
        assert not baler_vae.verify(archive, against=made.source).broken
        assert baler_vae.evaluate(made.source, archive).columns
    with pytest.raises(UsageError, match="Name the file that was compressed"):
        baler_vae.verify(one, against=f"{made.source}:Runs")


def test_damage_in_one_table_is_found_where_it_is(made, tmp_path):
    with baler_vae.open(made.archive) as collection:
        member = collection._file._member("archives/3")
    data = bytearray(Path(made.archive).read_bytes())
    data[member.offset + member.stored_bytes // 2] ^= 1
    (tmp_path / "all.bvae").write_bytes(data)
    with pytest.raises(CorruptArchive, match="archives/3"):
        baler_vae.verify(tmp_path / "all.bvae")
    assert baler_vae.verify(f"{tmp_path}/all.bvae:ana/Lumi", against=f"{made.source}:ana/Lumi").broken == ()
    with pytest.raises(CorruptArchive, match=r"all\.bvae:Runs"):
        baler_vae.decompress(tmp_path / "all.bvae", tmp_path / "out.root")
    assert not (tmp_path / "out.root").exists()


def test_globs_concern_the_tables_in_which_they_match(made, tmp_path):
    columns = ["*/Events:Jet_*", "run"]
    info = baler_vae.compress(made.source, tmp_path / "a.bvae", columns=columns, **REQUEST)
    names = {name: [c.name for c in table.columns] for name, table in info.tables.items()}
    assert names == {"ana/deep/Events": ["nJet", "Jet_pt"], "ana/Lumi": ["run"], "Runs": ["run"]}
    assert "ana/ntuple" in info.left_out
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root", columns="run")
    assert {name: list(tree[2]) for name, tree in contents(tmp_path / "out.root").items()} == {
        "ana/Lumi": ["run"],
        "Runs": ["run"],
    }
    baler_vae.compress(made.source, tmp_path / "one.bvae", columns="Runs:name", **REQUEST)
    with baler_vae.open(tmp_path / "one.bvae") as archive:
        assert archive.keys() == ["name"]
    for way in ({"columns": "jet_*"}, {"bound": "jet_*=abs:1"}, {"columns": "Runs:lumi"}, {"weights": {"x": 2.0}}):
        with pytest.raises(UsageError, match="no column of any table matches"):
            baler_vae.compress(made.source, tmp_path / "b.bvae", **({"kind": "independent"} | way))
    with pytest.raises(UsageError, match="no column of any table matches"):
        baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "none.root", columns="x")


def test_bounds_concern_the_tables_in_which_they_match(made, tmp_path):
    bound = ["bits:9", "Jet_pt=abs:0.5", "*ntuple:y=abs:0.25", "lumi=exact"]
    info = baler_vae.compress(made.source, tmp_path / "a.bvae", kind="independent", bound=bound)
    found = {
        name: {c.name: c.bound for c in table.columns if c.bound != "exact"} for name, table in info.tables.items()
    }
    assert found["ana/deep/Events"]["Jet_pt"] == "abs:0.5"
    assert found["ana/deep/Events"]["met"].startswith("bits:9")
    assert found["ana/ntuple"]["y"] == "abs:0.25"
    assert found["ana/ntuple"]["v"].startswith("bits:9")
    assert found["ana/Lumi"] == found["Runs"] == {}
    assert info.tables["ana/Lumi"].settings["bound"] == ["bits:9", "lumi=exact"]


@pytest.fixture
def odd(tmp_path):
    """A file of three trees, of which one is damaged."""
    path = tmp_path / "odd.root"
    with uproot.recreate(path) as file:
        for name in ("good", "dir/bad", "more"):
            file.mktree(name, {"x": np.dtype("i4")}).extend({"x": np.arange(9, dtype="i4")})
    with uproot.open(path) as file:
        key = file["dir"].key("bad")
        start, stop = key.fSeekKey + key.fKeylen, key.fSeekKey + key.fNbytes
    data = path.read_bytes()
    path.write_bytes(data[:start] + bytes(stop - start) + data[stop:])
    return str(path)


def test_a_tree_that_cannot_be_read_is_refused_by_name_or_left_out(odd, tmp_path):
    with pytest.raises(SourceError, match=r"odd\.root:dir/bad: cannot be read"):
        baler_vae.compress(odd, tmp_path / "a.bvae", **REQUEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["odd.root"]
    info = baler_vae.compress(odd, tmp_path / "a.bvae", skip_unreadable=True, **REQUEST)
    assert list(info.tables) == ["good", "more"]
    assert info.left_out.keys() == {"dir/bad"}
    assert info.warnings[0].startswith("left out: dir/bad (unreadable: ")
    baler_vae.compress(odd, tmp_path / "one.bvae", columns="good:*", skip_unreadable=True, **REQUEST)
    with baler_vae.open(tmp_path / "one.bvae") as archive:
        assert archive.keys() == ["x"]


def test_several_files_are_one_after_the_other_in_every_table(made, tmp_path):
    other = write(tmp_path / "other.root", seed=1, n_events=50)
    info = baler_vae.compress([made.source, other], tmp_path / "a.bvae", **REQUEST)
    assert info.n_rows == {"ana/deep/Events": 350, "ana/Lumi": 60, "ana/ntuple": 350, "Runs": 6}
    assert baler_vae.verify(tmp_path / "a.bvae", against=[made.source, other]).broken == ()
    fifth = write(tmp_path / "fifth.root", Fifth=np.arange(3))
    with pytest.raises(SourceError, match=r"fifth\.root: has different tables from .*in\.root: Fifth"):
        baler_vae.compress([made.source, fifth], tmp_path / "b.bvae", **REQUEST)


def test_collections_are_merged_table_by_table(made, tmp_path):
    with uproot.recreate(tmp_path / "two.root") as file:
        file.mktree("Fifth", {"x": np.dtype("i4")}).extend({"x": np.arange(9, dtype="i4")})
        file.mktree("Sixth", {"x": np.dtype("i4")}).extend({"x": np.arange(9, dtype="i4")})
    baler_vae.compress(tmp_path / "two.root", tmp_path / "two.bvae", **REQUEST)
    info = baler_vae.merge([tmp_path / "two.bvae", tmp_path / "two.bvae"], tmp_path / "twice.bvae")
    assert info.n_rows == {"Fifth": 18, "Sixth": 18}
    with baler_vae.open(f"{tmp_path}/twice.bvae:Sixth") as archive:
        assert ak.to_list(archive["x"].array()) == 2 * list(range(9))
    baler_vae.merge([tmp_path / "two.bvae"], tmp_path / "once.bvae")
    assert (tmp_path / "once.bvae").read_bytes() == (tmp_path / "two.bvae").read_bytes()
    baler_vae.merge([f"{made.archive}:Runs"] * 2, tmp_path / "runs.bvae")
    with pytest.raises(UsageError, match="does not hold the same tables"):
        baler_vae.merge([made.archive, tmp_path / "two.bvae"], tmp_path / "all.bvae")
    with pytest.raises(UsageError, match=r"does not hold the same tables.*one table"):
        baler_vae.merge([made.archive, tmp_path / "runs.bvae"], tmp_path / "all.bvae")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"two.root", "two.bvae", "twice.bvae", "once.bvae", "runs.bvae"}


def test_formats_of_one_table_are_refused_or_get_a_file_for_each(made, tmp_path):
    for name in ("a.csv", "a.parquet", "a.npz"):
        with pytest.raises(OutputError, match=r"holds one table.*folder"):
            baler_vae.decompress(made.archive, tmp_path / name)
    written = decompress_each([made.archive], tmp_path / "out", to="parquet")
    assert [path.name for path in written] == [f"all_{name.replace('/', '_')}.parquet" for name in TABLES]
    runs = ak.from_parquet(tmp_path / "out/all_Runs.parquet")
    assert ak.to_list(runs) == [{"run": 1, "name": "a"}, {"run": 2, "name": ""}, {"run": 3, "name": "é"}]
    assert [path.name for path in decompress_each([made.archive], tmp_path / "out")] == ["all.root"]
    assert contents(tmp_path / "out/all.root") == contents(made.source)
    baler_vae.decompress(f"{made.archive}:ana/Lumi", tmp_path / "lumi.csv")
    assert (tmp_path / "lumi.csv").read_text().startswith("run,lumi\n0,")


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a\x00b", "é" * 300, "..", "\x1b[31m"])
def test_a_table_of_any_name_is_written_into_its_folder(name):
    made = f"all_{file_name(name)}.csv"
    assert "/" not in made
    assert made.isprintable()
    assert len(made.encode()) < 255


def test_trees_become_groups_of_hdf5(made, tmp_path):
    baler_vae.decompress(made.archive, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file, uproot.open(made.source) as source:
        for name in TREES:
            tree, group = source[name], file[name]
            assert group.attrs["title"] == tree.title
            for key in tree.keys(filter_typename=lambda kind: "[" not in kind and "char" not in kind):
                assert np.array_equal(group[key][:], tree[key].array(library="np"))
    for name in TREES:
        assert baler_vae.verify(f"{made.archive}:{name}", against=f"{tmp_path}/a.h5:{name}").broken == ()


@pytest.mark.full
def test_workers_make_the_same_bytes(made, tmp_path):
    pytest.importorskip("distributed")
    baler_vae.compress(made.source, tmp_path / "a.bvae", workers=1, **REQUEST)
    assert (tmp_path / "a.bvae").read_bytes() == Path(made.archive).read_bytes()
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root", workers=1)
    assert contents(tmp_path / "out.root") == contents(made.source)


class Killed(BaseException):
    """What no block that tidies up may catch."""


@pytest.fixture
def long(tmp_path):
    """A file whose second table has three row groups, and the bytes of its archive when nothing interrupts."""
    rng = np.random.default_rng(3)
    path = tmp_path / "long.root"
    with uproot.recreate(path) as file:
        for name, n_events in (("first", 9), ("second", 140_000), ("third", 9)):
            file.mktree(name, {"x": np.dtype("i2")}).extend({"x": rng.integers(0, 9, n_events).astype("i2")})
    baler_vae.compress(path, tmp_path / "whole.bvae", **REQUEST)
    return str(path), (tmp_path / "whole.bvae").read_bytes()


def test_a_run_goes_on_in_the_table_in_which_it_was_killed(long, tmp_path, monkeypatch):
    source, expected = long
    output, folder = tmp_path / "a.bvae", tmp_path / "a.bvae.part"
    write_row_group = writing._RowGroupWriter.write

    def killed(self, encoded):
        write_row_group(self, encoded)
        if len(self._row_groups) == 2:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(writing._RowGroupWriter, "write", killed)
        with pytest.raises(Killed):
            baler_vae.compress(source, output, **REQUEST)
    assert sorted(path.name for path in (folder / "tables").iterdir()) == ["0.bvae", "1.bvae.part"]
    with pytest.raises(OutputError, match=r"--resume.*--force"):
        baler_vae.compress(source, output, **REQUEST)
    with pytest.raises(UsageError, match="different bound"):
        baler_vae.compress(source, output, resume=True, kind="independent", bound="abs:1")
    fitted = []
    fit = compress_table.fit_source
    monkeypatch.setattr(compress_table, "fit_source", lambda *given, **more: fitted.append(1) or fit(*given, **more))
    baler_vae.compress(source, output, resume=True, **REQUEST)
    assert output.read_bytes() == expected
    assert len(fitted) == 1
    assert not folder.exists()


@pytest.mark.parametrize("left", ["nothing", "two tables", "all tables", "half of the archive"])
def test_whatever_a_kill_left_will_do(long, tmp_path, monkeypatch, left):
    source, expected = long
    output, folder = tmp_path / "a.bvae", tmp_path / "a.bvae.part"
    with monkeypatch.context() as patch:
        patch.setattr("baler_vae.verbs.compress_tables.write_collection", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            baler_vae.compress(source, output, **REQUEST)
    tables = sorted((folder / "tables").iterdir())
    for path in {"nothing": tables, "two tables": tables[2:]}.get(left, []):
        path.unlink()
    if left == "half of the archive":
        (folder / "archive").write_bytes(expected[: len(expected) // 2])
    baler_vae.compress(source, output, resume=True, **REQUEST)
    assert output.read_bytes() == expected
    assert not folder.exists()


def test_force_begins_anew_and_an_error_leaves_nothing(long, tmp_path, monkeypatch):
    source, expected = long
    output = tmp_path / "a.bvae"
    for failure in (Killed(), BoundBroken("x")):

        def fail(*_given, failure=failure, **_more):
            raise failure

        with monkeypatch.context() as patch:
            patch.setattr(compress_table, "verify_bounds", fail)
            with pytest.raises(type(failure)):
                baler_vae.compress(source, output, force=True, **REQUEST)
        assert (tmp_path / "a.bvae.part").exists() == isinstance(failure, Killed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["long.root", "whole.bvae"]
    baler_vae.compress(source, output, force=True, **REQUEST)
    assert output.read_bytes() == expected


def test_progress_names_the_table(made, tmp_path):
    told = set()
    baler_vae.compress(made.source, tmp_path / "a.bvae", progress=lambda what, *_: told.add(what), **REQUEST)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "a.root", progress=lambda what, *_: told.add(what))
    for table, work in (("Runs (4 of 4)", "compressing"), ("ana/Lumi (2 of 4)", "verifying"), ("Runs", "restoring")):
        assert any(what.startswith(f"{table}, ") and work in what for what in told), sorted(told)


def test_a_kill_between_the_last_rename_and_tidying_up_is_resumed(long, tmp_path, monkeypatch):
    source, expected = long
    output, removals = tmp_path / "a.bvae", []
    remove = resuming.Unfinished.remove

    def killed(self):
        if self.folder.name == "a.bvae.part" and output.exists():
            removals.append(self)
            raise Killed
        remove(self)

    with monkeypatch.context() as patch:
        patch.setattr(resuming.Unfinished, "remove", killed)
        with pytest.raises(Killed):
            baler_vae.compress(source, output, **REQUEST)
    assert removals
    assert (tmp_path / "a.bvae.part/tables").exists()
    assert baler_vae.compress(source, output, resume=True, **REQUEST).n_rows["second"] == 140_000
    assert output.read_bytes() == expected
    assert not (tmp_path / "a.bvae.part").exists()
