"""Arrays of Python objects: strings and numbers are read, and nothing of a file is run."""

import io
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler_vae.npz.layout import read_npy

RUN: list[str] = []


class Evil:
    def __reduce__(self):
        return RUN.append, ("run",)


def saved(array: np.ndarray) -> io.BytesIO:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    stream.seek(0)
    return stream


@given(
    st.lists(st.none() | st.text() | st.binary() | st.integers() | st.floats(allow_nan=False) | st.booleans()),
    st.booleans(),
)
def test_strings_and_numbers_are_read(values, columns):
    array = np.empty(len(values), object)
    array[:] = values
    array = np.asfortranarray(np.stack([array, array[::-1]], axis=1)) if columns else array
    found = read_npy(saved(array))
    assert found.shape == array.shape
    assert found.tolist() == array.tolist()
    assert list(map(type, found.ravel().tolist())) == list(map(type, array.ravel().tolist()))


def test_scalars_of_numpy_are_read():
    given = [np.str_("aβ"), np.float32(1.5), np.int64(-3), np.bool_(True), np.dtype(">i4").type(7)]
    array = np.empty(len(given), object)
    array[:] = given
    assert read_npy(saved(array)).tolist() == ["aβ", 1.5, -3, True, 7]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Evil(), "objects of .*which are not loaded|other than strings"),
        ({}, "EMPTY_DICT"),
        ({1}, "EMPTY_SET"),
        ([1], "type list"),
        (np.zeros(2), "_Array"),
        (bytearray(b"a"), "builtins.bytearray|other than strings"),
        (complex(1, 2), "builtins.complex"),
    ],
)
def test_other_objects_are_refused_and_nothing_is_run(value, message):
    array = np.empty(1, object)
    array[0] = value
    with pytest.raises(ValueError, match=message):
        read_npy(saved(array))
    assert RUN == []


@pytest.mark.parametrize(
    "payload", [b"", b"\x80\x04", pickle.dumps("a string"), pickle.dumps(("a",)), b"cnumpy\ndtype\n."]
)
def test_what_is_no_array_is_refused(payload):
    data = saved(np.empty(1, object)).getvalue()
    head = data[: data.index(b"\n") + 1]
    with pytest.raises(ValueError, match=r"pickle|objects|opcode|not enough"):
        read_npy(io.BytesIO(head + payload))


def test_a_shape_that_the_objects_do_not_fill_is_refused():
    data = saved(np.array(["a", "b"], object)).getvalue().replace(b"(2,)", b"(9,)")
    with pytest.raises(ValueError, match="2 objects for an array of shape"):
        read_npy(io.BytesIO(data))
