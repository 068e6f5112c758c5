"""npz archives: one array with names, one array a column, jagged columns."""

import io
import json

import numpy as np
import pytest

from baler_vae.errors import CorruptArchive, OutputError, SourceError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source, write_file
from baler_vae.npz.layout import NpzLayout, Raw
from baler_vae.table.schema import TEXT, Origin

COUNTS = np.array([1, 0, 2], "i4")


@pytest.fixture
def npz(tmp_path):
    def build(**arrays):
        np.savez_compressed(tmp_path / "table.npz", **arrays)
        return tmp_path / "table.npz"

    return build


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (np.array(["pt", "η"]), ("pt", "η")),
        (np.array([b"pt", b"eta"]), ("pt", "eta")),
        (np.array([]), ("data_0", "data_1")),
        (np.array(["pt"]), ("data_0", "data_1")),
        (np.array([1.0, 2.0]), ("data_0", "data_1")),
    ],
)
def test_one_array_and_the_names_of_its_columns(names, expected, npz, read):
    data = np.arange(6, dtype=">f4").reshape(3, 2)
    source, schema, batch = read(npz(data=data, names=names), step=2)
    assert source.n_events == 3
    assert schema.order == expected
    assert schema.origin == Origin("npz", "data")
    assert batch[0][expected[1]].tolist() == [1, 3, 5]
    assert batch[0][expected[1]].dtype.isnative


@pytest.mark.parametrize(("names", "message"), [(["a", "a"], "same name: a"), (["a", ""], "without a name: number 2")])
def test_names_that_name_no_columns_are_refused(names, message, npz):
    with pytest.raises(SourceError, match=f"columns of 'data' .*{message}"):
        open_source(npz(data=np.zeros((3, 2)), names=np.array(names)))


def test_arrays_of_as_many_rows_are_one_table(npz, read):
    path = npz(X=np.arange(6).reshape(3, 2), y=np.arange(3.0), feature_names=np.array(["a", "b"]))
    source, schema, batch = read(path, step=2)
    assert schema.order == ("a", "b", "y")
    assert batch[0]["b"].tolist() == [1, 3, 5]
    assert source.extra_bytes == {}
    twice = npz(X=np.zeros((3, 2)), Z=np.zeros((3, 2)), names=np.array(["a", "b"], object), y=np.zeros(3))
    assert read(twice)[1].order == ("X_a", "X_b", "Z_a", "Z_b", "y")
    events = npz(X=np.arange(24).reshape(3, 2, 4), y=np.arange(3))
    assert [(array.name, array.shape) for array in read(events)[1].arrays] == [("X", (2, 4))]
    images = npz(X=np.zeros((3, 20, 20)), y=np.arange(3))
    source, schema, _ = read(images)
    assert [column.kind for column in schema.columns] == ["float64[20, 20]", "int64"]
    assert source.notes == ()


def test_what_has_another_length_is_beside_the_largest(npz, read):
    path = npz(data=np.zeros((3, 2)), other=np.ones((4, 2)), flat=np.arange(5), names=np.array(["a", "b"]), one=1.5)
    source, schema, _ = read(path)
    assert schema.order == ("a", "b")
    assert source.n_events == 4
    assert set(source.extra_bytes) == {"data", "flat", "one"}
    with pytest.raises(SourceError, match="no array 'othe': the nearest names are 'other'"):
        open_source(f"{path}:othe")
    assert read(f"{path}:other")[2][0]["b"].tolist() == [1, 1, 1, 1]
    assert read(f"{path}:flat")[2][0]["flat"].tolist() == [0, 1, 2, 3, 4]
    assert open_source(f"{path}:flat").extra_bytes == {}
    large = npz(flow=np.zeros((3, 20, 20)), time=np.arange(3.0), x=np.arange(20.0))
    assert read(large)[1].order[:2] == ("flow", "time")
    alone = npz(flow=np.zeros((3, 20, 20)), x=np.arange(20.0))
    source, schema, _ = read(alone)
    assert (source.n_events, schema.order[0], set(source.extra_bytes)) == (3, "flow", {"x"})


def test_leading_axes_are_rows_and_are_restored(npz, tmp_path, read):
    data = np.arange(24.0).reshape(2, 3, 4)
    _, schema, batch = read(npz(data=data), step=4)
    assert schema.origin == Origin("npz", "data", shape=(2, 3))
    write_file(tmp_path / "out.npz", schema, [batch])
    with np.load(tmp_path / "out.npz") as restored:
        assert np.array_equal(restored["data"], data)
        assert restored["names"].tolist() == ["data_0", "data_1", "data_2", "data_3"]
    some = schema.select(["data_1", "data_2"])
    source = open_source(tmp_path / "table.npz")
    write_file(tmp_path / "some.npz", some, source.batches(some, 5))
    with np.load(tmp_path / "some.npz") as restored:
        assert np.array_equal(restored["data"], data[..., 1:3])


@pytest.mark.parametrize("array", [np.float64(1), np.zeros((3, 2), "V3"), np.zeros(3, np.longdouble)])
def test_an_array_without_numbers_is_refused(array, npz):
    with pytest.raises(SourceError, match="'data' is not a table of numbers"):
        open_source(f"{npz(data=array)}:data")


def test_what_is_no_column_is_named_where_nothing_else_is_there(npz):
    with pytest.raises(SourceError, match="no columns, only extras: data"):
        open_source(npz(data=np.zeros(3, np.longdouble))).select()


def test_pickled_objects_are_named(npz):
    source = open_source(npz(x=np.array([{}, None]), y=np.arange(3)))
    with pytest.raises(SourceError, match=r"x .Python objects other than strings and numbers"):
        source.select()
    assert source.select(skip_unreadable=True).order == ("y",)
    with pytest.raises(SourceError, match="Python objects other"):
        open_source(f"{source.path}:x")


def test_an_npy_file_is_not_an_archive(tmp_path):
    with (tmp_path / "table.npz").open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(SourceError, match="is not an npz archive"):
        open_source(tmp_path / "table.npz")


def test_arrays_of_one_length_are_flat_columns(npz, read):
    path = npz(
        x=np.zeros(3, ">f2"), nJet=np.ones(3, "u1"), Jet_pt=np.zeros(3), word=np.array(["π", "", "x"]), z=1j * COUNTS
    )
    _, schema, batch = read(path, "[!z]*", step=2)
    assert open_source(path).schema.order[-2:] == ("z.real", "z.imag")
    assert not schema.is_jagged
    assert [c.dtype for c in schema.columns] == [np.dtype(k) for k in ["f2", "u1", "f8", TEXT]]
    assert batch[0]["word"].tolist() == ["π", "", "x"]


def test_a_counter_makes_arrays_of_another_length_jagged(npz, read):
    source = open_source(
        npz(Jet_pt=np.arange(4.0, dtype="f4"), nJet=COUNTS, x=COUNTS, NMu=COUNTS * 2, Mu_q=np.arange(6))
    )
    assert set(source.extra_bytes) == {"Jet_pt"}
    path = npz(Jet_pt=np.arange(3.0), nJet=COUNTS, NMu=COUNTS * 2, Mu_q=np.arange(6), x=COUNTS)
    _, schema, batch = read(path, step=2)
    assert [(g.name, g.counter, g.names) for g in schema.groups[1:]] == [
        ("Jet", "nJet", ("Jet_pt",)),
        ("Mu", "NMu", ("Mu_q",)),
    ]
    assert batch[2]["Mu_q"].tolist() == list(range(6))


def test_counts_below_zero_are_refused(npz):
    with pytest.raises(SourceError, match="'Jet_pt': the number of values differs from the sum of nJet"):
        open_source(npz(nJet=np.array([-1, 1, 4, 1]), Jet_pt=np.zeros(5)))


SAME = {
    "several": {"X": np.arange(6.0).reshape(3, 2), "y": np.arange(3), "columns": np.array(["a", "b"])},
    "beside": {"x": np.arange(9.0), "bins": np.arange(4), "lumi": np.float64(2), "run": np.array("A")},
    "objects": {"data": np.zeros((3, 2)), "names": np.array(["a", "b"], object)},
    "order": {"data": np.asfortranarray(np.arange(6.0).reshape(3, 2)), "names": np.array(["a", "b"])},
    "bytes": {"w": np.array([b"a", b"\xff"]), "s": np.array(["a", "b"], "U9"), "o": np.array(["a", None], object)},
    "endian": {"x": np.arange(3, dtype=">f4"), "t": np.array(["2020", "NaT", "2021"], ">M8[s]"), "z": 1j * COUNTS},
    "records": {"events": np.array([(1, 2.5), (3, 4.5)], [("a", "i4"), ("b", "f8")])},
    "jagged": {
        "nJet": COUNTS,
        "Jet_p4": np.arange(12.0).reshape(3, 4),
        "Jet_id": np.arange(3),
        "edges": np.arange(2.0),
    },
    "images": {"X": np.arange(800.0).reshape(2, 20, 20), "y": np.arange(2)},
    "unnamed": {"X": np.arange(6.0).reshape(3, 2)},
    "unnamed images": {"X": np.arange(24.0).reshape(2, 3, 4)},
    "nothing in rows": {"x": np.arange(3.0), "none": np.zeros((3, 0)), "r": np.zeros(3, [("a", "i4"), ("b", "f8", 0)])},
    "one": {"X": np.arange(24.0).reshape(2, 3, 4), "feature_names": np.array(list("abcd"))},
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_arrays_come_back(name, npz, tmp_path):
    source = open_source(npz(**SAME[name]))
    schema = source.select()
    write_file(tmp_path / "out.npz", schema, source.batches(schema, 2), extras=source.extras())
    with np.load(tmp_path / "out.npz", allow_pickle=True) as found:
        assert found.files == list(SAME[name])
        for key, array in SAME[name].items():
            assert found[key].dtype == np.asarray(array).dtype
            assert found[key].flags.f_contiguous == np.asarray(array).flags.f_contiguous
            assert repr(found[key].tolist()) == repr(np.asarray(array).tolist())


def test_some_of_the_columns_are_arrays_without_what_was_beside(npz, tmp_path):
    source = open_source(npz(**SAME["several"], z=1j * COUNTS, bins=np.arange(4)))
    schema = source.select(["b", "z.imag"])
    write_file(tmp_path / "out.npz", schema, source.batches(schema, 2), extras=source.extras())
    with np.load(tmp_path / "out.npz") as found:
        assert {name: found[name].tolist() for name in found.files} == {"X": [[1], [3], [5]], "z.imag": [1, 0, 2]}


def test_arrays_that_are_what_is_written_anyway_have_no_extras(npz):
    assert open_source(npz(x=np.zeros(3), w=np.array(["a", "bb", ""]), b=np.array([True] * 3))).extras() == b""
    assert open_source(npz(data=np.zeros((3, 2)), names=np.array(["a", "b"]))).extras() == b""
    assert open_source(npz(data=np.zeros((3, 2, 2)), names=np.zeros(0))).extras() == b""


def test_any_byte_but_zero_is_true(npz, read):
    path = npz(flag=np.array([0, 1, 2, 255], np.uint8).view(np.bool_), x=np.arange(4))
    assert read(path)[2][0]["flag"].view(np.uint8).tolist() == [0, 1, 1, 1]


def test_names_that_leave_the_folder_are_refused(npz, tmp_path, table):
    path = npz(**{"../x": np.zeros(3), "y": np.zeros(3)})
    with pytest.raises(SourceError, match=r"\.\./x \(a name that would be unpacked outside its folder"):
        open_source(path).select()
    schema, batch = table({"../../x": np.zeros(3)})
    with pytest.raises(OutputError, match="unpacked outside its folder"):
        write_file(tmp_path / "out.npz", schema, [batch])
    document = {"version": 1, "members": [{"raw": "../evil", "bytes": 1}]}
    with pytest.raises(CorruptArchive, match="unpacked outside its folder"):
        NpzLayout.from_bytes(json.dumps(document).encode() + b"\nx")


def test_a_pickle_in_extras_is_not_written(npz):
    """What there is besides is written as it is, but not to run anything where it is loaded."""
    stream = io.BytesIO()
    np.save(stream, np.array([{}], object), allow_pickle=True)
    extras = NpzLayout((Raw("evil.npy", stream.getvalue()),)).to_bytes()
    with pytest.raises(CorruptArchive, match="Python objects"):
        NpzLayout.from_bytes(extras)


@pytest.mark.parametrize("counts", [[1, 1, 1], [0, 0, 0], [3, 0, 0]])
def test_jagged_columns_come_back_whatever_their_lengths_and_names(counts, tmp_path, table, read):
    values = np.zeros(sum(counts))
    schema, batch = table(
        {"file": COUNTS, "n of": np.array(counts, "i2"), "names": COUNTS},
        {"a/b": ("n of", {"whatever": values, "allow_pickle": values, "x/y.npy": values > 0})},
        implied=["n of"],
    )
    write_file(tmp_path / "out.npz", schema, [batch])
    _, found, back = read(tmp_path / "out.npz", step=2)
    assert found.order == schema.order
    assert found.groups[1] == schema.groups[1]
    assert back[0]["n of"].tolist() == counts


@pytest.mark.parametrize("word", [None, "a\0"])
def test_text_that_an_array_cannot_hold_is_an_output_error(word, tmp_path, table):
    schema, batch = table({"w": np.array(["a", word], TEXT)})
    with pytest.raises(OutputError, match="'w', row 1: an npz archive cannot hold missing strings"):
        write_file(tmp_path / "out.npz", schema, [batch])


def test_no_rows(npz, read):
    assert read(npz(x=np.zeros(0), y=np.zeros(0, "u1")))[0].n_events == 0
    assert read(npz(data=np.zeros((0, 3))))[0].n_events == 0


def test_archives_of_one_kind_are_one_table(tmp_path):
    """How arrays were is that of the first; what is not a column must be the same."""
    for number, word in enumerate(["a", "long"]):
        members = {"x": np.arange(3, dtype=">f4"), "w": np.array([word] * 3, ">U"), "edges": np.arange(2)}
        np.savez(tmp_path / f"{number}.npz", **members)
        np.savez(tmp_path / f"{number + 2}.npz", **members | {"edges": np.arange(2) + number})
    source = open_sources([tmp_path / "0.npz", tmp_path / "1.npz"])
    schema = source.select()
    write_file(tmp_path / "out.npz", schema, source.read(schema), extras=source.extras())
    with np.load(tmp_path / "out.npz") as found:
        assert found["w"].tolist() == ["a"] * 3 + ["long"] * 3
        assert (found["x"].dtype, found["x"].tolist()) == (">f4", [0, 1, 2, 0, 1, 2])
    with pytest.raises(SourceError, match="differs between the files: edges"):
        open_sources([tmp_path / "2.npz", tmp_path / "3.npz"]).select()
