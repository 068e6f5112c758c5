"""npz archives: one array with names, one array a column, jagged columns."""

import numpy as np
import pytest

from baler_vae.errors import OutputError, SourceError
from baler_vae.io.files import open_source, write_file
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


def test_one_of_several_arrays_is_named(npz, read):
    path = npz(data=np.zeros((3, 2)), other=np.ones((4, 2)), flat=np.arange(5), names=np.array(["a", "b"]))
    with pytest.raises(SourceError, match=r"several arrays: data \(3, 2\), other .*table\.npz:data"):
        open_source(path)
    with pytest.raises(SourceError, match="no array 'othe': the nearest names are 'other'"):
        open_source(f"{path}:othe")
    assert read(f"{path}:other")[2][0]["b"].tolist() == [1, 1, 1, 1]
    assert read(f"{path}:flat")[2][0]["flat"].tolist() == [0, 1, 2, 3, 4]


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


@pytest.mark.parametrize("array", [np.float64(1), np.zeros((3, 2), complex), np.array([["a"]])])
def test_an_array_without_numbers_is_refused(array, npz):
    with pytest.raises(SourceError, match="'data' is no table of numbers"):
        open_source(f"{npz(data=array)}:data")


def test_pickled_objects_are_refused(npz):
    with pytest.raises(SourceError, match="allow_pickle"):
        open_source(npz(x=np.array([{}, None])))


def test_an_npy_file_is_not_an_archive(tmp_path):
    with (tmp_path / "table.npz").open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(SourceError, match="is not an npz archive"):
        open_source(tmp_path / "table.npz")


def test_arrays_of_one_length_are_flat_columns(npz, read):
    path = npz(
        x=np.zeros(3, ">f2"), nJet=np.ones(3, "u1"), Jet_pt=np.zeros(3), word=np.array(["π", "", "x"]), z=1j * COUNTS
    )
    assert open_source(path).unsupported == {"z": "complex128"}
    _, schema, batch = read(path, "[!z]*", step=2)
    assert not schema.is_jagged
    assert [c.dtype for c in schema.columns] == [np.dtype(k) for k in ["f2", "u1", "f8", TEXT]]
    assert batch[0]["word"].tolist() == ["π", "", "x"]


def test_a_counter_makes_arrays_of_another_length_jagged(npz, read):
    path = npz(Jet_pt=np.arange(3.0), nJet=COUNTS, NMu=COUNTS * 2, Mu_q=np.arange(6), x=COUNTS)
    with pytest.raises(SourceError, match="arrays of different lengths"):
        open_source(npz(Jet_pt=np.arange(4.0), nJet=COUNTS, x=COUNTS))
    path = npz(Jet_pt=np.arange(3.0), nJet=COUNTS, NMu=COUNTS * 2, Mu_q=np.arange(6), x=COUNTS)
    _, schema, batch = read(path, step=2)
    assert [(g.name, g.counter, g.names) for g in schema.groups[1:]] == [
        ("Jet", "nJet", ("Jet_pt",)),
        ("Mu", "NMu", ("Mu_q",)),
    ]
    assert batch[2]["Mu_q"].tolist() == list(range(6))


def test_lengths_that_no_counter_explains_are_refused(npz):
    with pytest.raises(SourceError, match=r"different lengths.*x: 3.*y: 4.*Name one array"):
        open_source(npz(x=np.zeros(3), y=np.zeros(4)))
    with pytest.raises(SourceError, match="'Jet_pt': the values are not as many as nJet counts"):
        open_source(npz(nJet=np.array([-1, 1, 4, 1]), Jet_pt=np.zeros(5)))


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
    with pytest.raises(OutputError, match="'w', row 1: missing strings"):
        write_file(tmp_path / "out.npz", schema, [batch])


def test_no_rows(npz, read):
    assert read(npz(x=np.zeros(0), y=np.zeros(0, "u1")))[0].n_events == 0
    assert read(npz(data=np.zeros((0, 3))))[0].n_events == 0
