"""What an HDF5 file holds besides its columns, what lies in other files, and extras that want out of theirs."""

import io
import json
import os
import struct
import subprocess
import sys
import textwrap

import h5py
import numpy as np
import pytest

from baler_vae.errors import CorruptArchive, OutputError, SourceError
from baler_vae.hdf5 import extras as hdf5_extras
from baler_vae.hdf5 import files as hdf5_files
from baler_vae.hdf5 import writing as hdf5_writing
from baler_vae.hdf5.types import layout_of
from baler_vae.io.chain import open_sources
from baler_vae.io.files import extras_differences, open_source, write_file
from baler_vae.table.schema import Origin
from tests.hdf5.hdf5_files import restore, tree

N = 12
VALUES = np.arange(N, dtype=">f4")


@pytest.fixture
def path(tmp_path):
    """A file with something of every kind: links, types, empty things, values in other files."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["values"], file["group/more"] = (VALUES * 2).astype(">f4"), np.arange(N)
        file["group"].attrs["unit"] = "GeV"
    VALUES.astype("<f8").tofile(tmp_path / "raw.bin")
    with h5py.File(tmp_path / "in.h5", "w") as file:
        file["x"] = VALUES
        file["x"].attrs["range"] = h5py.Empty("f4")
        file["again"], file["deep/loop"] = file["x"], file["/"]
        file["soft"], file["nowhere"] = h5py.SoftLink("/x"), h5py.SoftLink("/absent")
        file["null"], file["single"], file["word"] = h5py.Empty("S3"), 5, "text"
        file["kind"] = np.dtype([("a", "i4")])
        file.create_group("empty", track_order=True).attrs["ref"] = file["x"].ref
        file.attrs["texts"], file.attrs["large"] = ["a", "bé"], np.zeros(3, "S20")
        file.create_dataset("lists", (N,), h5py.vlen_dtype("f4"))
        for row in range(N):
            file["lists"][row] = np.arange(row % 4)
        mixed = np.zeros(N, [("a", ">f8"), ("wide", "f4", (300,)), ("z", "c8"), ("n", "u1")])
        mixed["wide"], mixed["z"], mixed["n"] = np.arange(N * 300).reshape(N, 300), 2j, np.arange(N)
        file.create_dataset("mixed", data=mixed, chunks=(5,), compression="gzip")
        texts = np.zeros(N, np.dtype([("n", "i1"), ("s", h5py.string_dtype())], align=True))
        texts["s"] = [f"é{row}" for row in range(N)]
        file["texts"] = texts
    return tmp_path / "in.h5"


def test_everything_comes_back(path, tmp_path):
    source = open_source(path)
    assert not source.unsupported
    assert source.schema.order == ("again", "mixed/a", "mixed/wide", "mixed/n", "texts/n", "texts/s")
    assert source.extra_bytes == {"lists": 8 * N + 4 * 18, "mixed/z": 8 * N, "single": 8, "word": 8}
    restore(source, tmp_path / "out.h5", step=5)
    assert tree(tmp_path / "out.h5") == tree(path)


def add_outside(path):
    """Values that lie in other files, in all three ways."""
    with h5py.File(path, "a") as file:
        file["linked"], file["folder"] = (
            h5py.ExternalLink("other.h5", "/values"),
            h5py.ExternalLink("other.h5", "group"),
        )
        file.create_dataset("raw", (N,), "f8", external=[("raw.bin", 0, 4 * N), ("raw.bin", 4 * N, 4 * N)])
        layout = h5py.VirtualLayout((N,), ">f4")
        layout[:] = h5py.VirtualSource("other.h5", "values", (N,))
        file.create_virtual_dataset("virtual", layout)
        layout = h5py.VirtualLayout((3,), ">f4")
        layout[:] = h5py.VirtualSource("other.h5", "values", (N,))[:3]
        file.create_virtual_dataset("short", layout)


def test_values_in_other_files_are_read_and_come_back_inside(path, tmp_path, monkeypatch):
    add_outside(path)
    source = open_source(path)
    assert not source.unsupported
    assert {"linked", "folder/more", "raw", "virtual"} <= set(source.schema.order)
    (tmp_path / "away").mkdir()
    back = tmp_path / "away" / "out.h5"
    restore(source, back, step=5)
    monkeypatch.chdir(tmp_path / "away")
    with h5py.File(back) as file:
        assert np.array_equal(file["linked"], VALUES * 2)
        assert file["linked"].dtype == ">f4"
        assert np.array_equal(file["raw"], VALUES)
        assert np.array_equal(file["virtual"], VALUES * 2)
        assert np.array_equal(file["short"], VALUES[:3] * 2)
        assert file["folder"].attrs["unit"] == "GeV"
        assert not file["virtual"].is_virtual
        assert file["raw"].external is None
        assert {kind for kind, *_ in tree(back).values()} == {"group", "dataset", "type", "soft link", "hard link"}


@pytest.mark.parametrize("gone", ["other.h5", "raw.bin"])
def test_values_in_files_that_are_gone_are_refused_by_name(gone, path, tmp_path):
    add_outside(path)
    (tmp_path / gone).unlink()
    source = open_source(path)
    lost = {"raw"} if gone == "raw.bin" else {"linked", "folder", "virtual", "short"}
    assert set(source.unsupported) == lost
    assert all(gone in reason for reason in source.unsupported.values())
    with pytest.raises(SourceError, match="--skip-unreadable"):
        source.select()
    restore(source, tmp_path / "out.h5", skip_unreadable=True)
    assert not lost & set(h5py.File(tmp_path / "out.h5"))


def test_values_in_files_that_are_too_short_are_refused(path, tmp_path):
    add_outside(path)
    os.truncate(tmp_path / "raw.bin", 8 * N - 1)
    with h5py.File(tmp_path / "other.h5", "a") as file:
        del file["values"]
        file["values"] = VALUES[:5]
    assert {"raw", "virtual"} <= set(open_source(path).unsupported)


def test_a_filter_that_is_not_installed_is_named(tmp_path):
    tables = pytest.importorskip("tables")
    with tables.open_file(tmp_path / "in.h5", "w") as file:
        file.create_carray("/", "packed", obj=np.arange(N), filters=tables.Filters(5, "blosc"))
        file.create_array("/", "x", np.arange(N))
    # In a process of its own: a filter that another test has brought stays.
    script = f"""
    import sys
    sys.modules["hdf5plugin"] = None  # as where it is not installed
    from baler_vae.io.files import open_source
    source = open_source({str(tmp_path / "in.h5")!r})
    print(source.unsupported["packed"], source.select(skip_unreadable=True).order)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(
        "it needs the HDF5 filter 32001 (blosc), which pip install 'baler-vae[hdf5]' may provide"
    )
    assert done.stdout.endswith("('x',)\n")


def extras_with(path, change):
    """Extras of a file in which something is changed in the image."""
    data = open_source(path).extras()
    start = len(hdf5_extras.MAGIC) + 8
    (length,) = struct.unpack_from("<Q", data, start - 8)
    image = io.BytesIO(data[start + length :])
    with h5py.File(image, "r+") as file:
        change(file)
    return data[: start + length] + image.getvalue()


def virtual(file):
    layout = h5py.VirtualLayout((N,), ">f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "values", (N,))
    file.create_virtual_dataset("evil", layout)


OUTSIDE = {
    "an external link": lambda file: file.__setitem__("evil", h5py.ExternalLink("/etc/hostname", "/")),
    "one under a group": lambda file: file.__setitem__("deep/evil", h5py.ExternalLink("other.h5", "/values")),
    "raw values": lambda file: file.create_dataset("evil", (4,), "u1", external=[("/etc/hostname", 0, 4)]),
    "a virtual dataset": virtual,
}


@pytest.mark.parametrize("name", OUTSIDE)
@pytest.mark.parametrize("with_document", [True, False])
def test_extras_that_lead_out_of_the_file_are_refused(name, with_document, path, tmp_path):
    extras = extras_with(path, OUTSIDE[name])
    if not with_document:
        extras = extras[extras.index(b"\x89HDF") :]
    source = open_source(path)
    schema = source.select()
    with pytest.raises((CorruptArchive, OutputError), match=r"another file|other files"):
        write_file(tmp_path / "out.h5", schema, source.batches(schema, 10), extras=extras)
    assert not (tmp_path / "out.h5").exists()


def test_a_soft_link_in_extras_is_never_followed(path, tmp_path):
    """Not where the writer makes datasets, and not through another link either."""

    def change(file):
        file.move("deep", "real")
        file["deep"] = h5py.SoftLink("/real")

    source = open_source(path)
    restored = tmp_path / "out.h5"
    write_file(restored, source.select(), source.read(source.schema), extras=extras_with(path, change))
    assert tree(restored)["/deep"] == ("soft link", "/real")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"version": 2, "columns": {}}',
        b'{"version": 1, "columns": []}',
        b'{"version": 1, "columns": {"/absent": {"parts": {}}}}',
        b'{"version": 1, "columns": {"/single": {"parts": {}}}}',
        b'{"version": 1, "columns": {"/again": {"parts": {"again": ["a"]}}}}',
        b'{"version": 1, "columns": {"/again": {"parts": {"again": 5}}}}',
        b'{"version": 1, "columns": {"/again": {"parts": {"again": []}, "rest": "/mixed"}}}',
        b'{"version": 1, "columns": {"/again": {"parts": {"again": []}}}}',
        b'{"version": 1, "columns": {"/again": {"parts": {"mixed/n": []}}}}',
    ],
)
def test_documents_that_are_none_are_refused(document, path, tmp_path):
    data = open_source(path).extras()
    image = data[data.index(b"\x89HDF") :]
    extras = hdf5_extras.MAGIC + struct.pack("<Q", len(document)) + document + image
    source = open_source(path)
    with pytest.raises(CorruptArchive, match="extras"):
        write_file(tmp_path / "out.h5", source.schema, source.read(source.schema), extras=extras)
    assert not (tmp_path / "out.h5").exists()


def test_some_columns_come_back_in_smaller_compounds(path, tmp_path):
    source = open_source(path)
    restore(source, tmp_path / "out.h5", columns=["mixed/n", "texts/s"])
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["mixed"].dtype == np.dtype([("n", "u1")])
        assert file["mixed"].compression == "gzip"
        assert file["mixed"]["n"].tolist() == list(range(N))
        assert file["texts"].dtype.names == ("s",)
        assert set(file) == {"mixed", "texts"}


def test_fields_of_many_numbers_that_were_kept_beside_the_columns_come_back(path, tmp_path, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(hdf5_files, "layout_of", lambda dataset, **_: layout_of(dataset))
        source = open_source(path)
        batches, extras = list(source.batches(source.schema, 5)), source.extras()
    assert source.schema.order == ("again", "mixed/a", "mixed/n", "texts/n", "texts/s")
    assert source.extra_bytes["mixed/wide"] == 1200 * N
    write_file(tmp_path / "out.h5", source.schema, batches, extras=extras)
    assert tree(tmp_path / "out.h5") == tree(path)


@pytest.mark.parametrize("most_bytes", [0, 64 << 20])
def test_numbers_of_rows_are_counted_where_they_are_small(most_bytes, path, tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5_writing, "STEP_BYTES", most_bytes)
    source = open_source(path)
    write_file(tmp_path / "out.h5", source.schema, source.batches(source.schema, 5), extras=source.extras())
    with h5py.File(tmp_path / "out.h5") as after, h5py.File(path) as before:
        assert np.array_equal(after["x"], before["x"])
        assert np.array_equal(after["mixed"], before["mixed"])
    assert (tree(tmp_path / "out.h5") == tree(path)) == bool(most_bytes)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda file: file["x"].attrs.__setitem__("range", 1.0), ["/again@range"]),
        (lambda file: file.attrs.__setitem__("texts", ["a", "b"]), ["/@texts"]),
        (lambda file: file["single"].__setitem__((), 6), ["/single"]),
        (lambda file: file["lists"].__setitem__(3, np.zeros(3)), ["/lists"]),
        (lambda file: file.__delitem__("empty"), ["/empty", "/empty@ref"]),
        (lambda file: file.__setitem__("new", h5py.SoftLink("/x")), ["/new"]),
        (lambda file: file["mixed"].__setitem__(("z", 0), 3j), ["/mixed (fields that are not columns)"]),
        (lambda file: file["x"].__setitem__(0, 9), []),
    ],
)
def test_differences_are_named(change, names, path):
    before = open_source(path).extras()
    with h5py.File(path, "a") as file:
        change(file)
    assert extras_differences(Origin("hdf5"), open_source(path).extras(), before) == names


def test_only_what_is_the_same_is_chained(path, tmp_path):
    """Files of different lengths have different chunks, which is no matter; other attributes are."""
    for name, n_rows, unit in (("a", 50, "GeV"), ("b", 5000, "GeV"), ("c", 50, "MeV")):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file.create_dataset("x", data=np.arange(n_rows), compression="gzip").attrs["unit"] = unit
    both = open_sources([tmp_path / "a.h5", tmp_path / "b.h5"])
    assert not both.unsupported
    restore(both, tmp_path / "out.h5")
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["x"].maxshape == (5050,)
        assert file["x"].attrs["unit"] == "GeV"
    (reason,) = open_sources([tmp_path / "a.h5", tmp_path / "c.h5"]).unsupported.values()
    assert reason.endswith(": /x@unit")


def test_documents_are_small(path):
    data = open_source(path).extras()
    (length,) = struct.unpack_from("<Q", data, len(hdf5_extras.MAGIC))
    start = len(hdf5_extras.MAGIC) + 8
    document = json.loads(data[start : start + length])
    assert document["version"] == 1
    assert document["columns"]["/again"] == {"parts": {"again": []}, "complete": True, "fixed": True}
