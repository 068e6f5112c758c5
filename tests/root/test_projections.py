"""Fields of RNTuples that show what others hold: stored once, and written as ROOT had them."""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.archive.container import ArchiveFile, writing_archive
from baler_vae.archive.manifest import Manifest
from baler_vae.errors import CorruptArchive, OutputError
from baler_vae.io.files import open_source, write_file
from baler_vae.root import files
from baler_vae.root.compression import Setting
from baler_vae.root.ntuples import ntuple_writer
from baler_vae.root.projections import order_of_fields, records_of
from baler_vae.table.projected import ProjectedCollection, check_projected
from baler_vae.table.table import Table

PROJECTED = Path(__file__).parent / "odd" / "projected.root"
QUICK = {"kind": "independent", "bound": "exact"}
JETS = ProjectedCollection(
    "Jet", (("pt", "Jet_pt"), ("id", "Jet_id"), ("tag", "Jet_tag"), ("hits", "Jet_hits")), "nJet", "slimmed jets", 1
)
OBJECTS = ProjectedCollection("_collection1", (("pt", "pt"), ("eta", "eta")), "", "", 2)
OTHERS = {"Track_pt", "same"}
"""Projections of what is a column itself."""


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("projected")
    baler_vae.compress(PROJECTED, folder / "a.bvae", **QUICK)
    baler_vae.decompress(folder / "a.bvae", folder / "out.root")
    return folder


def fields_of(path, tree="t"):
    """What the header says of each top-level field, and of which one it is a projection, by name."""
    with uproot.open(f"{path}:{tree}") as opened:
        records = opened.field_records
        return {
            own.field_name: (
                own.type_name,
                own.struct_role,
                own.field_desc,
                None if own.source_field_id is None else records[own.source_field_id].field_name,
            )
            for number, own in enumerate(records)
            if own.parent_field_id == number
        }


def test_lists_of_records_are_no_columns_where_all_their_members_are():
    schema = open_source(PROJECTED).schema
    assert schema.origin.collections == (JETS, OBJECTS)
    assert set(schema.order) == set(fields_of(PROJECTED)) - {"Jet", "_collection1"} | {"ncollection1", "nTrack"}
    assert {group.counter: group.names for group in schema.groups[1:]} == {
        "nJet": ("Jet_pt", "Jet_id", "Jet_tag"),
        "ncollection1": ("pt", "eta"),
        "nTrack": ("Track_pt",),
    }
    assert schema.events.column("Track").is_nested


def test_fields_come_back_with_their_types_and_projections(restored):
    before, after = fields_of(PROJECTED), fields_of(restored / "out.root")
    assert list(after) == list(before)
    assert {name: own for name, own in after.items() if name not in OTHERS} == {
        name: own for name, own in before.items() if name not in OTHERS
    }
    assert all(after[name] == (*before[name][:-1], None) for name in OTHERS)
    assert before["Jet_pt"][-1] == "Jet"
    with uproot.open(f"{PROJECTED}:t") as one, uproot.open(f"{restored}/out.root:t") as other:
        assert {name: one[name].array().to_list() for name in one.keys()} == {
            name: other[name].array().to_list() for name in other.keys()
        }
        n_aliases = len(one.alias_column_records)
        assert len(other.alias_column_records) == n_aliases - 3
        assert len(other.column_records) == len(one.column_records) + 3
    assert (restored / "out.root").stat().st_size < 1.1 * PROJECTED.stat().st_size


def test_what_lacks_a_member_is_written_without_records(restored, tmp_path):
    baler_vae.decompress(restored / "a.bvae", tmp_path / "out.root", columns=["Jet_pt", "Jet_id", "pt", "eta"])
    found = fields_of(tmp_path / "out.root")
    assert list(found) == ["Jet_pt", "Jet_id", "_collection1", "nJet", "pt", "eta"]
    assert [name for name, own in found.items() if own[-1]] == ["pt", "eta"]
    assert found["Jet_pt"][0] == "ROOT::VecOps::RVec<float>"
    with uproot.open(f"{PROJECTED}:t") as one, uproot.open(f"{tmp_path}/out.root:t") as other:
        assert all(other[name].array().to_list() == one[name].array().to_list() for name in found)


def test_other_formats_have_the_columns(restored, tmp_path):
    baler_vae.decompress(restored / "a.bvae", tmp_path / "out.parquet")
    assert set(ak.from_parquet(tmp_path / "out.parquet").fields) == set(fields_of(PROJECTED)) - {"Jet", "_collection1"}


def test_archives_of_earlier_versions_hold_records_and_are_verified(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(files, "projected_collections", lambda _: ())
        baler_vae.compress(PROJECTED, tmp_path / "a.bvae", **QUICK)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.schema.events.column("Jet").is_nested
    assert not baler_vae.verify(tmp_path / "a.bvae", against=PROJECTED).broken
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root")
    assert list(fields_of(tmp_path / "out.root")) == list(fields_of(PROJECTED))


def test_codecs_do_not_know_of_which_records_a_file_is_made(tmp_path):
    codec = baler_vae.fit(PROJECTED, **QUICK)
    assert codec.schema.origin.collections == ()
    baler_vae.compress(PROJECTED, tmp_path / "a.bvae", codec=codec)
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.schema.origin.collections == (JETS, OBJECTS)


MEMBERS = [["pt", "Jet_pt"]]
FORGED = {
    "no list": {"collections": []},
    "no members": {"members": []},
    "member of three": {"members": [["pt", "Jet_pt", "x"]]},
    "no name": {"name": ""},
    "member without a name": {"members": [["", "Jet_pt"]]},
    "two fields of one name": {"members": [["pt", "Jet_pt"], ["pt", "Jet_id"]]},
    "two members of one branch": {"members": [["pt", "Jet_pt"], ["id", "Jet_pt"]]},
    "a counter that is a member": {"counter": "Jet_pt", "members": MEMBERS},
    "a branch of two": {"members": [["pt", "pt"]], "counter": ""},
    "the name of another": {"name": "_collection1"},
    "the name of a branch": {"name": "eta"},
    "before the first": {"place": -1},
    "more": {"more": 1},
    "a tree": {"rntuple": False},
    "not ROOT": {"format": "parquet"},
    "format 1": {"version": 1},
}


def rewritten(source, target, monkeypatch, change):
    """An archive whose manifest is another."""
    written = Manifest.to_document
    with ArchiveFile(source) as archive, writing_archive(target) as writer:
        for name in archive.manifest.sections:
            writer.add(name, archive.section(name))
        with monkeypatch.context() as patch:
            patch.setattr(Manifest, "to_document", lambda manifest: change(written(manifest)))
            writer.finish(archive.manifest)
    return target


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_manifest_that_lies_is_corrupt(forged, restored, tmp_path, monkeypatch):
    def change(document):
        origin = document["origin"]
        first, *others = origin["collections"]
        own = {key: value for key, value in forged.items() if key in {"format", "rntuple", "collections"}}
        first |= {key: value for key, value in forged.items() if key not in {*own, "version"}}
        origin |= {"collections": [first, *others]} | own
        return document | {"version": forged.get("version", 2)}

    path = rewritten(restored / "a.bvae", tmp_path / "b.bvae", monkeypatch, change)
    with pytest.raises(CorruptArchive):
        baler_vae.decompress(path, tmp_path / "out.root")


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"name": "x"}, []),
        ({"members": [["pt", "nothing"]]}, []),
        ({"members": [["pt", "x"]]}, []),
        ({"members": [["pt", "Jet_pt"], ["other", "eta"]]}, []),
        ({"members": [["hits", "Jet_hits"]]}, []),
        ({"counter": "y"}, ["Jet_pt", "Jet_id", "Jet_tag", "Jet_hits"]),
        ({"place": 1 << 60}, ["Jet_pt", "Jet_id", "Jet_tag", "Jet_hits", "nJet"]),
    ],
)
def test_records_that_cannot_be_are_not_written(change, left, restored, tmp_path, monkeypatch):
    def forged(document):
        document["origin"]["collections"] = [document["origin"]["collections"][0] | change]
        return document

    path = rewritten(restored / "a.bvae", tmp_path / "b.bvae", monkeypatch, forged)
    baler_vae.decompress(path, tmp_path / "out.root")
    assert [name for name, own in fields_of(tmp_path / "out.root").items() if own[-1]] == left
    with uproot.open(f"{PROJECTED}:t") as one, uproot.open(f"{tmp_path}/out.root:t") as other:
        assert other["Jet_hits"].array().to_list() == one["Jet_hits"].array().to_list()


def test_members_of_other_lengths_are_no_records(tmp_path):
    source = open_source(PROJECTED)
    ((events, *others),) = source.read(source.schema)
    hits = events["Jet_hits"][np.arange(events.n_rows)[::-1]]
    wrong = Table(events.group, {name: events[name] for name in events.group.names} | {"Jet_hits": hits})
    with pytest.raises(OutputError, match="members of 'Jet' have lists of other lengths"):
        write_file(tmp_path / "out.root", source.schema, [(wrong, *others)])
    with pytest.raises(ValueError, match="are no lists"):
        records_of(ProjectedCollection("A", (("x", "x"),)), lambda _: ak.Array([1.0]))


@pytest.mark.parametrize(
    ("fields", "place", "order"),
    [
        (["x", "y", "p", "n"], 0, ["A", "x", "y", "p", "n"]),
        (["x", "y", "p", "n"], 1, ["x", "A", "y", "p", "n"]),
        (["x", "y", "p", "n"], 9, ["x", "y", "A", "p", "n"]),
        (["n", "x", "p"], 2, ["A", "n", "x", "p"]),
    ],
)
def test_records_stand_before_what_shows_them(fields, place, order):
    assert order_of_fields(fields, [ProjectedCollection("A", (("p", "p"),), "n", place=place)]) == order


def test_names_that_two_have_are_refused():
    one = ProjectedCollection("A", (("x", "A_x"),), "nA")
    for other in (("A", "B_x", ""), ("B", "A_x", ""), ("B", "B_x", "nA"), ("A_x", "B_x", ""), ("B", "A", "")):
        with pytest.raises(ValueError, match="one name"):
            check_projected((one, ProjectedCollection(other[0], (("x", other[1]),), other[2])))


@pytest.mark.parametrize("sizes", [(), (0,), (5, 0, 40)])
def test_clusters_of_records_are_read(sizes, tmp_path):
    rng = np.random.default_rng(4)
    made = ProjectedCollection("A", (("x", "A_x"), ("cov", "A_cov"), ("words", "A_words")), "nA")

    def chunk(n):
        counts = rng.integers(0, 4, n)
        total = int(counts.sum())
        cov = ak.from_numpy(rng.normal(size=(total, 2)), regulararray=True)
        words = ak.Array([f"word {k}" for k in range(total)] or ["x"])[:total]
        lists = {"A_x": rng.integers(0, 99, total), "A_cov": cov, "A_words": words}
        found = {name: ak.unflatten(ak.Array(values), counts) for name, values in lists.items()}
        return {"y": rng.normal(size=n), "nA": counts, **found, "A": records_of(made, found.__getitem__)}

    types = {name: ak.Array(values).type.content for name, values in chunk(3).items()}
    types = {name: types[name] for name in ("y", "A", "A_x", "nA", "A_words", "A_cov")}
    chunks = [chunk(n) for n in sizes]
    with uproot.recreate(tmp_path / "t.root") as file:
        ntuple = ntuple_writer(file, "t", "", types, Setting(), collections=[made])
        for values in chunks:
            ntuple.extend(values)
        ntuple.close()
    with uproot.open(f"{tmp_path}/t.root:t") as read:
        assert read.num_entries == sum(sizes)
        for name in types:
            expected = [value for values in chunks for value in ak.Array(values[name]).to_list()]
            assert read[name].array().to_list() == expected, name
        assert read["nA"].typename == "ROOT::RNTupleCardinality<std::uint64_t>"


def test_records_may_stand_behind_projections_of_others(tmp_path):
    both = [ProjectedCollection(name, (("x", f"{name}_x"), ("y", f"{name}_y")), f"n{name}") for name in "AB"]
    counts = np.array([2, 0, 1])
    found = {
        f"{made.name}_{field}": ak.unflatten(np.arange(3) + 10 * i + 100 * (field == "y"), counts)
        for i, made in enumerate(both)
        for field in "xy"
    }
    found |= {f"n{made.name}": counts for made in both}
    found |= {made.name: records_of(made, found.__getitem__) for made in both}
    types = {name: ak.Array(found[name]).type.content for name in ("A", "A_x", "A_y", "nA", "B", "nB", "B_y", "B_x")}
    with uproot.recreate(tmp_path / "t.root") as file:
        ntuple = ntuple_writer(file, "t", "", types, Setting(), collections=both)
        ntuple.extend(found)
        ntuple.close()
    with uproot.open(f"{tmp_path}/t.root:t") as read:
        assert {name: read[name].array().to_list() for name in types} == {
            name: ak.Array(found[name]).to_list() for name in types
        }


@pytest.mark.full
def test_root_reads_projections_that_come_back(root, tmp_path):
    root.write_wide(tmp_path / "tree.root", 200, 50, 505)
    root.write_imported(tmp_path / "tree.root", "Events", tmp_path / "in.root")
    baler_vae.compress(tmp_path / "in.root", tmp_path / "a.bvae", **QUICK)
    baler_vae.decompress(tmp_path / "a.bvae", tmp_path / "out.root")
    assert (tmp_path / "out.root").stat().st_size < 1.1 * (tmp_path / "in.root").stat().st_size
    assert fields_of(tmp_path / "out.root", "Events") == fields_of(tmp_path / "in.root", "Events")
    found = root.read(tmp_path / "out.root", "Events")
    assert {"nJet", "Jet_variable0", "_collection0.FatJet_variable0", "MET_variable3"} <= set(found)
    assert found == root.read(tmp_path / "in.root", "Events")
