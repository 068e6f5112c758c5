"""Files that hold several tables, by name."""

import numpy as np
import pytest
import uproot

from baler_vae.errors import OutputError, SourceError, UsageError
from baler_vae.io.files import holds_tables, is_archive, open_source, split_spec, tables_of, write_tables
from baler_vae.source.source import Content, Tables
from baler_vae.table.schema import Origin


@pytest.fixture
def several(tmp_path):
    """Trees in directories, two cycles of one, a histogram in two cycles."""
    path = tmp_path / "several.root"
    with uproot.recreate(path) as file:
        for name in ("Events", "a/Events", "a/b", "Events"):
            file.mktree(name, {"x": np.dtype("f4")}).extend({"x": np.arange(3, dtype="f4")})
        for _ in range(2):
            file["a/h"] = np.histogram(np.arange(4.0))
    return path


def test_trees_are_named_in_their_newest_cycle_and_objects_by_their_class(several):
    found = tables_of(several)
    assert sorted(found.names) == ["Events", "a/Events", "a/b"]
    assert found.left_out == {"a/h": "TH1D", "Events;1": "an older cycle of Events"}
    for name in found.names:
        assert open_source(f"{several}:{name}").schema.origin.name == name


def test_a_table_that_is_named_is_the_only_one(several):
    assert tables_of(f"{several}:a/Events") == Tables(("a/Events",))
    assert tables_of(f"{several}:Events;1") == Tables(("Events;1",))


@pytest.mark.parametrize("name", ["t;weird", "t;2;x", "a;b/t", "x.y;"])
def test_a_name_may_hold_what_comes_before_a_cycle(tmp_path, name):
    path = tmp_path / "odd.root"
    with uproot.recreate(path) as file:
        for own in (name, "other"):
            file.mktree(own, {"x": np.dtype("f4")}).extend({"x": np.arange(3, dtype="f4")})
    assert set(tables_of(path).names) == {name, "other"}
    assert open_source(f"{path}:{name}").schema.origin.name == name


def test_a_file_of_a_format_without_tables_has_one(tmp_path):
    (tmp_path / "a.csv").write_text("x\n1\n")
    assert tables_of(tmp_path / "a.csv") == Tables(("",))


def test_files_that_are_not_there_or_damaged_are_named(tmp_path):
    (tmp_path / "damaged.root").write_text("no ROOT file")
    for name, why in (("none.root", "does not exist"), ("damaged.root", "cannot be read as a ROOT file")):
        with pytest.raises(SourceError, match=f"{name}: {why}"):
            tables_of(tmp_path / name)
    (tmp_path / "folder.root").mkdir()
    with pytest.raises(SourceError, match="is a directory"):
        tables_of(tmp_path / "folder.root")
    with pytest.raises(UsageError, match="unknown file format"):
        tables_of(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("all.bvae:a/Events", ("all.bvae", "a/Events")),
        ("all.bvae:b::c", ("all.bvae", "b::c")),
        ("https://host:80/all.bvae?a=1:Events", ("https://host:80/all.bvae?a=1", "Events")),
        ("all.bvae", ("all.bvae", "")),
    ],
)
def test_tables_of_archives_stand_behind_a_colon(spec, expected):
    assert split_spec(spec) == expected
    assert is_archive(spec)
    assert not is_archive("file.root:all.bvae2")


@pytest.mark.parametrize("suffix", [".root", ".h5"])
def test_several_tables_in_one_file(table, tmp_path, suffix):
    kind = {".root": "root", ".h5": "hdf5"}[suffix]
    given = {name: table({"x": np.arange(n)}, origin=Origin(kind, name)) for n, name in enumerate(("a", "b/c", "b/d"))}
    path = tmp_path / f"file{suffix}"
    write_tables(path, (Content(schema, [batch]) for schema, batch in given.values()))
    for n, name in enumerate(given):
        source = open_source(f"{path}:{name}")
        assert source.n_events == n
        assert source.schema.order == ("x",)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]


def test_two_tables_in_one_place_are_refused(table, tmp_path):
    schema, batch = table({"x": np.arange(3)}, origin=Origin("hdf5", "a"))
    with pytest.raises(OutputError, match=r"file\.h5: two tables would be written to /a/x"):
        write_tables(tmp_path / "file.h5", [Content(schema, [batch])] * 2)
    assert list(tmp_path.iterdir()) == []


def test_formats_that_hold_one_table_say_so(table, tmp_path):
    schema, batch = table({"x": np.arange(3)})
    for suffix in (".csv", ".parquet", ".npz"):
        assert not holds_tables(tmp_path / f"file{suffix}")
        with pytest.raises(OutputError, match=f"a {suffix} file holds one table"):
            write_tables(tmp_path / f"file{suffix}", [Content(schema, [batch])] * 2)
    with pytest.raises(UsageError, match="only ROOT files hold an RNTuple"):
        write_tables(tmp_path / "file.h5", [Content(schema, [batch])] * 2, rntuple=True)
    assert list(tmp_path.iterdir()) == []
