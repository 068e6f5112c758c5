"""Names, types and tables of an archive, as uproot shows those of a tree."""

import io
import pickle
import re

import numpy as np
import pytest

import baler_vae
from baler_vae.errors import UnknownName, UsageError
from baler_vae.io.files import write_file
from tests.tables import flat_batch

FILTERS = [
    {},
    {"filter_name": "Jet_*"},
    {"filter_name": ["met", "/^n/"]},
    {"filter_name": lambda name: "t" in name},
    {"filter_typename": "/.*\\[\\]/"},
    {"filter_typename": "float*"},
    {"filter_name": "none"},
    {"filter_branch": lambda branch: branch.name == "met"},
]


@pytest.mark.parametrize("filters", FILTERS, ids=lambda options: re.sub(r" at 0x\w+", "", str(options)))
def test_names_and_types_are_those_of_uproot(tree, archive, filters):
    assert archive.keys(**filters) == tree.keys(**filters)
    assert archive.typenames(**filters) == tree.typenames(**filters)
    assert [column.name for column in archive.values(**filters)] == tree.keys(**filters)
    assert [name for name, _ in archive.items(**filters)] == tree.keys(**filters)


def test_it_is_a_mapping_as_a_tree_is(tree, archive):
    assert len(archive) == len(tree) == 7
    assert archive.num_entries == tree.num_entries
    assert (archive.name, archive.title) == (tree.name, tree.title)
    assert archive.get("none") is None
    assert archive.get("met") == archive["met"]
    assert "none" not in archive
    assert archive
    with pytest.raises(KeyError, match="there is no column 'Jet_p': the nearest names are 'Jet_pt'"):
        archive["Jet_p"]
    assert archive["Jet_pt"].count_branch.name == tree["Jet_pt"].count_branch.name == "nJet"
    assert archive["met"].count_branch is None
    assert archive["met"].uncompressed_bytes == 4 * archive.num_entries
    assert archive.compression_ratio == archive.uncompressed_bytes / archive.compressed_bytes
    assert np.array_equal(np.asarray(archive["met"]), np.asarray(tree["met"]))
    assert archive.num_entries_for("1.2 kB", ["met", "event"]) == archive.num_entries_for(1200, ["met", "event"]) == 100
    offsets = archive.common_entry_offsets()
    assert offsets[0] == 0
    assert offsets[-1] == archive.num_entries
    assert len(offsets) == len(archive.manifest.row_groups) + 1


def test_a_table_of_the_columns(archive, capsys):
    archive.show()
    by_default = capsys.readouterr().out
    stream = io.StringIO()
    archive.show(stream=stream)
    assert stream.getvalue() == by_default
    lines = by_default.splitlines()
    assert [line.split("|")[0].strip() for line in lines[2:]] == archive.keys()
    assert lines[0].split() == ["name", "|", "typename", "|", "bound,", "stored", "as"]
    assert set(lines[1]) == {"-", "+"}
    assert "exact" in lines[2]
    narrow = io.StringIO()
    archive.show(filter_name="trigger", name_width=5, typename_width=3, interpretation_width=8, stream=narrow)
    assert narrow.getvalue().splitlines()[2].startswith("tr... | ")
    with pytest.raises(UsageError, match="2 characters"):
        archive.show(name_width=2)


def test_representations(archive):
    assert repr(archive).startswith(f"<Archive '{archive.path}' (7 columns, 200 events, open")
    assert repr(archive["met"]).startswith("<ArchiveColumn 'met' (float, exact")
    assert archive._ipython_key_completions_() == archive.keys()
    page = archive._repr_html_()
    assert page.count("<tr>") == 8
    assert "200 events" in page


def test_names_are_escaped(write, tmp_path):
    name = "<script>\x1b[31m"
    written = write(*flat_batch({name: np.arange(3.0), "b" * 30: np.arange(3)}), "in.parquet")
    baler_vae.compress(written, tmp_path / "a.bvae", kind="independent")
    stream = io.StringIO()
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        archive.show(stream=stream)
        assert "<script>" not in archive._repr_html_()
        assert "\x1b" not in archive._repr_html_() + stream.getvalue()
        assert archive._ipython_key_completions_() == ["b" * 30]
        assert archive.arrays(f"get({name!r}) + 1")[f"get({name!r}) + 1"].to_list() == [1, 2, 3]


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """An archive of two tables."""
    folder = tmp_path_factory.mktemp("tables")
    import uproot

    with uproot.recreate(folder / "in.root") as file:
        file["Events"] = {"met": np.arange(5.0), "n": np.arange(5)}
        file["Runs"] = {"run": np.arange(2)}
    baler_vae.compress(folder / "in.root", folder / "all.bvae", kind="independent", bound="exact", verify=False)
    return folder / "all.bvae"


def test_collections(tables):
    stream = io.StringIO()
    with baler_vae.open(tables) as collection:
        assert collection.keys() == ["Events", "Runs"]
        assert collection.keys("R*") == collection.keys(filter_name="/r/i") == ["Runs"]
        assert [name for name, _ in collection.items("E*")] == ["Events"]
        assert collection["Events/met"].array(library="np").tolist() == [0, 1, 2, 3, 4]
        assert "Events/met" in collection
        assert "Events/none" not in collection
        assert "None" not in collection
        collection.show(stream=stream)
        assert stream.getvalue() == "Events: 5 events, 2 columns\nRuns: 2 events, 1 columns\n"
        assert "<li>Runs: 2 events" in collection._repr_html_()
        assert collection._ipython_key_completions_() == ["Events", "Runs"]
        for wrong in ("None", "Events/none"):
            with pytest.raises(UnknownName):
                collection[wrong]
        with pickle.loads(pickle.dumps(collection)) as again:
            assert again.keys() == collection.keys()
        with pickle.loads(pickle.dumps(collection["Runs"])) as again:
            assert again.num_entries == 2
    with baler_vae.open(f"{tables}:Runs") as archive:
        assert archive.keys() == ["run"]


def test_an_archive_of_a_file_with_one_column(tmp_path):
    schema, batch = flat_batch({"x": np.arange(3)})
    write_file(tmp_path / "in.parquet", schema, [batch])
    baler_vae.compress(tmp_path / "in.parquet", tmp_path / "a.bvae", kind="independent")
    with baler_vae.open(tmp_path / "a.bvae") as archive:
        assert archive.arrays("x + 1", library="np")["x + 1"].tolist() == [1, 2, 3]
        assert archive.arrays(how=list)[0].to_list() == [0, 1, 2]
