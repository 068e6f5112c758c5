"""npy files: any dtype, shape, order and byte order comes back to the byte."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler_vae.errors import CorruptArchive, OutputError, SourceError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import open_source, write_file
from baler_vae.npz import npy
from baler_vae.npz.layout import NpzLayout
from baler_vae.table.schema import TEXT, Origin

NUMBERS = hnp.integer_dtypes(endianness="?") | hnp.unsigned_integer_dtypes(endianness="?")
NUMBERS |= hnp.floating_dtypes(sizes=(16, 32, 64), endianness="?") | hnp.complex_number_dtypes(sizes=(64, 128))
TIMES = hnp.datetime64_dtypes(endianness="?") | hnp.timedelta64_dtypes(endianness="?")
WORDS = hnp.unicode_string_dtypes(max_len=4) | hnp.byte_string_dtypes(max_len=4)
RECORDS = hnp.array_dtypes(NUMBERS | TIMES | WORDS, min_size=1, max_size=3) | hnp.array_dtypes(
    NUMBERS, allow_subarrays=True, min_size=1, max_size=3
)
ODD = [
    np.array([(1, (2.5, 3 - 1j))], [("a", "i4"), ("b", [("c", ">f8"), ("d", "c16")])]),
    np.zeros(3, np.dtype({"names": ["a", "b"], "formats": ["<f4", "<i8"], "offsets": [0, 16], "itemsize": 32})),
    np.asfortranarray(np.array([[(1, 2), (3, 4)], [(5, 6), (7, 8)]], [("x", "f4"), ("y", "f4")])),
    np.zeros(2, [("image", "f4", (20, 20))]),
    np.array(["a", None, "b"], object),
    np.array([["a", "b"]], object),
    np.float64(3.5),
    np.array("a scalar"),
]


def restored(array, tmp_path, step=3):
    """What is written of an array that was read, and its source."""
    np.save(tmp_path / "in.npy", array, allow_pickle=True)
    source = open_source(tmp_path / "in.npy")
    schema = source.select()
    batches = source.batches(schema, step)
    write_file(tmp_path / "out.npy", schema, batches, extras=source.extras(), force=True)
    return source, np.load(tmp_path / "out.npy", allow_pickle=True)


def check_same(found, array, tmp_path):
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    if array.dtype.names or array.dtype.hasobject:
        assert repr(found.tolist()) == repr(array.tolist())
        assert found.flags.f_contiguous == array.flags.f_contiguous
    else:
        assert (tmp_path / "out.npy").read_bytes() == (tmp_path / "in.npy").read_bytes()


@pytest.mark.parametrize("small", [64 << 20, 8])
def test_any_array_comes_back_to_the_byte(small, tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "_SMALL_BYTES", small)
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, max_side=4)

    @settings(max_examples=60)
    @given(st.data(), st.booleans())
    def law(data, fortran_order):
        dtype = data.draw(NUMBERS | TIMES | WORDS | RECORDS | st.just(np.dtype("?")))
        array = data.draw(hnp.arrays(dtype, data.draw(shapes)))
        array = np.asfortranarray(array) if fortran_order and array.ndim else array
        _, found = restored(array, tmp_path)
        check_same(found, np.load(tmp_path / "in.npy"), tmp_path)

    law()


@pytest.mark.parametrize("small", [64 << 20, 8])
@pytest.mark.parametrize("array", ODD, ids=lambda array: str(array.dtype)[:20])
def test_odd_arrays_come_back(array, small, tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "_SMALL_BYTES", small)
    _, found = restored(array, tmp_path)
    check_same(found, np.load(tmp_path / "in.npy", allow_pickle=True), tmp_path)


@pytest.mark.parametrize(
    ("array", "names"),
    [
        (np.zeros(2), ("data",)),
        (np.zeros((2, 2)), ("data_0", "data_1")),
        (np.zeros((2, 2), "c8"), ("data_0.real", "data_0.imag", "data_1.real", "data_1.imag")),
        (np.zeros(2, [("a", "f4"), ("b", "f4", (2,))]), ("a", "b[0]", "b[1]")),
        (np.zeros(2, "M8[s]"), ("data",)),
    ],
)
def test_what_columns_are_called(array, names, tmp_path):
    source, _ = restored(array, tmp_path)
    assert source.schema.order == names
    assert source.schema.origin.format == "npy"
    assert source.n_events == 2


def test_any_byte_but_zero_is_true(tmp_path, read):
    np.save(tmp_path / "in.npy", np.array([0, 1, 2, 255], np.uint8).view(np.bool_))
    batch = read(tmp_path / "in.npy")[2]
    assert batch[0]["data"].view(np.uint8).tolist() == [0, 1, 1, 1]


def test_large_arrays_are_mapped_and_rows_that_were_added_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(npy, "_SMALL_BYTES", 8)
    np.save(tmp_path / "in.npy", np.arange(24.0).reshape(2, 3, 4))
    source = open_source(tmp_path / "in.npy")
    schema = source.select()
    twice = [*source.batches(schema, 2), *source.batches(schema, 4)]
    write_file(tmp_path / "out.npy", schema, twice, extras=source.extras())
    assert np.array_equal(np.load(tmp_path / "out.npy"), np.tile(np.arange(24.0).reshape(6, 4), (2, 1)))
    write_file(tmp_path / "fewer.npy", schema, [next(source.batches(schema, 4))], extras=source.extras())
    assert np.array_equal(np.load(tmp_path / "fewer.npy"), np.arange(16.0).reshape(4, 4))


def test_some_columns_and_tables_from_elsewhere(tmp_path, table):
    np.save(tmp_path / "in.npy", np.arange(12.0).reshape(2, 2, 3))
    source = open_source(tmp_path / "in.npy")
    some = source.select(["data_0", "data_2"])
    write_file(tmp_path / "some.npy", some, source.batches(some, 3), extras=source.extras())
    assert np.load(tmp_path / "some.npy").tolist() == [[[0, 2], [3, 5]], [[6, 8], [9, 11]]]
    schema, batch = table({"x": np.array([1.5, 2]), "n": np.array([1, 2], "u1"), "w": np.array(["a", "bb"])})
    write_file(tmp_path / "records.npy", schema, [batch])
    found = np.load(tmp_path / "records.npy")
    assert found.dtype == [("x", "f8"), ("n", "u1"), ("w", "U2")]
    assert found.tolist() == [(1.5, 1, "a"), (2, 2, "bb")]
    schema, batch = table({"x": np.array([1.5, 2])})
    write_file(tmp_path / "one.npy", schema, [batch])
    assert np.load(tmp_path / "one.npy").tolist() == [1.5, 2]


def test_what_has_no_place_in_an_array_is_an_output_error(tmp_path, table):
    schema, batch = table({"n": np.array([1, 0], "i4")}, {"Jet": ("n", {"pt": [1.0]})})
    with pytest.raises(OutputError, match="cannot hold lists"):
        write_file(tmp_path / "out.npy", schema, [batch])
    schema, batch = table({"w": np.array(["a", None], TEXT), "x": [1, 2]})
    with pytest.raises(OutputError, match="missing strings"):
        write_file(tmp_path / "out.npy", schema, [batch])


def test_what_is_no_array_of_numbers_or_strings_is_named(tmp_path):
    np.save(tmp_path / "in.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(SourceError, match="npy file: Python objects other than strings"):
        open_source(tmp_path / "in.npy")
    (tmp_path / "in.npy").write_bytes(b"no array")
    with pytest.raises(SourceError, match="cannot be read as an npy file"):
        open_source(tmp_path / "in.npy")
    np.save(tmp_path / "in.npy", np.zeros(2, [("x", "f4"), ("raw", "V3")]))
    source = open_source(tmp_path / "in.npy")
    assert source.unsupported == {"raw": "|V3"}
    schema = source.select(skip_unreadable=True)
    write_file(tmp_path / "out.npy", schema, source.batches(schema, 2), extras=source.extras())
    assert np.load(tmp_path / "out.npy").tolist() == [0, 0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"<f8"', b'"f8,f8"'),
        (b'"<f8"', b'"<U99999999"'),
        (b'"<f8"', b'[["a", "|O"]]'),
        (b'"shape":[2]', b'"shape":[-2]'),
        (b'"shape":[2]', b'"shape":[1000000000]'),
        (b'"leading":[3]', b'"leading":[4000000000000000000]'),
        (b'"is_matrix":true', b'"is_matrix":1'),
        (b'"version":1', b'"version":2'),
        (b'"columns":["data_0","data_1"]', b'"columns":["data_0"]'),
        (b'"columns":["data_0","data_1"]', b'"columns":[1,2]'),
        (b"{", b""),
        (b"\n", b"\nmore"),
    ],
)
def test_damaged_extras_are_a_corrupt_archive(old, new, tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((3, 2)))
    extras = open_source(tmp_path / "in.npy").extras()
    assert old in extras
    with pytest.raises(CorruptArchive, match="arrays of the source"):
        NpzLayout.from_bytes(extras.replace(old, new, 1))


def test_a_file_holds_no_parts(tmp_path):
    np.save(tmp_path / "in.npy", np.zeros(3))
    with pytest.raises(SourceError, match="no parts"):
        open_source(f"{tmp_path / 'in.npy'}:x")


def test_an_origin_of_leading_axes_is_told(tmp_path):
    np.save(tmp_path / "in.npy", np.zeros((2, 3, 4)))
    assert open_source(tmp_path / "in.npy").schema.origin == Origin("npy", shape=(2, 3))


def test_several_arrays_are_one_table(tmp_path):
    for number in range(2):
        np.save(tmp_path / f"{number}.npy", np.full((2 + number, 2, 3), number, ">i2"))
    source = open_sources([tmp_path / "0.npy", tmp_path / "1.npy"])
    schema = source.select()
    write_file(tmp_path / "out.npy", schema, source.read(schema), extras=source.extras())
    found = np.load(tmp_path / "out.npy")
    assert (found.dtype, found.shape, found.sum()) == (">i2", (10, 3), 18)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_an_array_without_columns_is_refused(suffix, tmp_path):
    (np.save if suffix == ".npy" else np.savez)(tmp_path / f"a{suffix}", np.zeros((5, 0)))
    with pytest.raises(SourceError, match="last axis is empty"):
        open_source(tmp_path / f"a{suffix}")
