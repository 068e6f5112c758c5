"""Names that nobody vouches for: whatever they are, one file appears, at its place, or none."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from baler_vae.errors import BalerError, OutputError
from baler_vae.io.files import open_source, write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table

HOSTILE = (
    *("../x", "../../x", "a/../../x", "..", ".", "/tmp/x", "/", "//x", "a//b", "a/", "~/x", "C:x", "..\\x", "a\\b"),
    *(
        "a\0b",
        "\x1b[31m",
        "a\nb",
        "a\rb",
        "\N{RIGHT-TO-LEFT OVERRIDE}x",
        "\udcff",
        "x" * 400,
        "é",
        "a;1",
        "a:b",
        "*",
        "[0]",
    ),
)
names = st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=8)


def hostile(column, jagged, counter, collection, tree, title, kind):
    """A schema and a batch of it with names at all places where an archive has some."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, 9).astype(np.int32)
    events = {counter: counts, column: rng.normal(size=9)}
    jets = {jagged: rng.normal(size=counts.sum())}
    groups = (
        Group("events", tuple(Column(name, a.dtype, title, title) for name, a in events.items())),
        Group(collection, tuple(Column(name, a.dtype, title) for name, a in jets.items()), counter),
    )
    schema = Schema(groups, (*events, *jets), Origin(kind, tree, title))
    return schema, (Table(groups[0], events), Table(groups[1], jets))


def error_of(call, *arguments, **options):
    """The error of ours that a call ends in, or None."""
    try:
        call(*arguments, **options)
    except BalerError as error:
        text = str(error)
    else:
        return None
    assert "\n" not in text
    return text


def one_column(name):
    """A schema with a column of a name, and its batch."""
    columns = {name: np.arange(3.0), "x": np.arange(3.0)}
    group = Group("events", tuple(Column(own, a.dtype) for own, a in columns.items()))
    return Schema((group,), tuple(columns), Origin("csv")), (Table(group, columns),)


def flat(schema, batch):
    """The same without lists, as CSV holds it."""
    return Schema(schema.groups[:1], schema.groups[0].names, schema.origin), batch[:1]


@pytest.mark.parametrize("suffix", [".root", ".ntuple.root", ".csv", ".parquet", ".h5", ".npz"])
def test_what_is_written_is_one_file_at_its_place(tmp_path, suffix):
    folder = tmp_path / "above" / "folder"
    folder.mkdir(parents=True)

    @settings(max_examples=40)
    @given(names, names, names, names, names, names, st.sampled_from(["root", "hdf5", "npz", "parquet", "csv"]))
    @example("../../x", "/tmp/baler-vae-x", "n", "..", "../x", "t", "npz")
    @example("../../x", "/tmp/baler-vae-x", "n", "..", "../x", "t", "hdf5")
    @example("x", "y", "n", "j", "../../../x", "t", "root")
    def holds(column, jagged, counter, collection, tree, title, kind):
        if len({column, jagged, counter}) < 3 or collection == "events":
            return
        schema, batch = hostile(column, jagged, counter, collection, tree, title, kind)
        if suffix == ".csv":
            schema, batch = flat(schema, batch)
        target = folder / f"out{suffix}"
        target.unlink(missing_ok=True)
        refused = error_of(write_file, target, schema, [batch], rntuple=suffix.startswith(".ntuple"))
        assert target.exists() == (refused is None)
        if refused is None:
            error_of(open_source, target)
        left = {path for path in tmp_path.rglob("*") if not path.is_dir()}
        assert left <= {target}
        assert not Path("/tmp/baler-vae-x").exists()

    holds()


def test_members_of_npz_stay_in_the_folder(tmp_path):
    refused = set()
    for name in HOSTILE:
        schema, batch = one_column(name)
        place = tmp_path / "out.npz"
        if error_of(write_file, place, schema, [batch], force=True):
            refused.add(name)
            continue
        unpacked = tmp_path / "place" / "unpacked"
        unpacked.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(place) as archive:
            assert not [own for own in archive.namelist() if own.startswith("/") or ".." in own.split("/")]
            assert all((unpacked / own).resolve().is_relative_to(unpacked) for own in archive.namelist())
    assert {"../x", "/tmp/x", "..", "a/../../x", "..\\x", "C:x", "a\0b"} <= refused
    assert not {"a//b", "é", "a:b" * 2, "*", "[0]"} & refused
    schema, batch = one_column("../x")
    with pytest.raises(OutputError, match=r"column '\.\./x'.*unpacked outside its folder.*\.parquet"):
        write_file(tmp_path / "y.npz", schema, [batch])
