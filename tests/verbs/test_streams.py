"""Archives to bytes and file objects, and file objects where there can be none."""

import io
import os
import threading

import numpy as np
import pytest
import uproot

import baler_vae
from baler_vae.errors import OutputError, UsageError

REQUEST = {"kind": "independent", "bound": "exact"}
DATA = {"x": np.arange(50.0), "n": np.arange(50)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A file of two trees."""
    path = tmp_path_factory.mktemp("streams") / "in.root"
    with uproot.recreate(path) as file:
        file.mktree("Events", {"x": np.arange(20.0)})
        file.mktree("Runs", {"run": np.arange(3)})
    return path


@pytest.fixture(params=["data", "one table", "two tables"])
def source(request, root):
    return {"data": DATA, "one table": f"{root}:Events", "two tables": str(root)}[request.param]


class Failing(io.RawIOBase):
    """A file object on a disk that is full, or worse."""

    def __init__(self, error, name=None):
        super().__init__()
        self.error = error
        if name is not None:
            self.name = name

    def writable(self):
        return True

    def write(self, _data):
        raise self.error


class Slow(io.RawIOBase):
    """A file object that takes a few bytes at a time, as sockets and pipes may."""

    def __init__(self):
        super().__init__()
        self.taken = bytearray()

    def writable(self):
        return True

    def write(self, data):
        piece = bytes(data[:1000])
        self.taken += piece
        return len(piece)


class Duck:
    """What only looks like a file object, and says nothing of what it took."""

    def __init__(self):
        self.taken = bytearray()

    def write(self, data):
        self.taken += data


def test_bytes_and_file_objects_hold_what_the_file_holds(source, tmp_path):
    info = baler_vae.compress(source, tmp_path / "a.bvae", **REQUEST)
    expected = (tmp_path / "a.bvae").read_bytes()
    assert baler_vae.compress(source, None, **REQUEST) == expected
    assert baler_vae.dumps(source, **REQUEST) == expected
    file = io.BytesIO(b"before")
    file.seek(0, io.SEEK_END)
    told = baler_vae.compress(source, file, **REQUEST)
    assert file.getvalue() == b"before" + expected
    assert told.path == "<BytesIO>"
    assert told.archive_bytes == info.archive_bytes == len(expected)
    assert not file.closed
    slow, duck = Slow(), Duck()
    for other in (slow, duck):
        baler_vae.compress(source, other, **REQUEST)
        assert bytes(other.taken) == expected
    with (tmp_path / "b.bvae").open("wb") as opened:
        assert baler_vae.compress(source, opened, **REQUEST).path == str(tmp_path / "b.bvae")
    assert (tmp_path / "b.bvae").read_bytes() == expected


def test_a_pipe_takes_an_archive(source):
    expected = baler_vae.dumps(source, **REQUEST)
    reading, writing = os.pipe()
    found = []

    def read():
        with os.fdopen(reading, "rb") as file:
            found.append(file.read())

    thread = threading.Thread(target=read)
    thread.start()
    with os.fdopen(writing, "wb") as file:
        assert not file.seekable()
        baler_vae.compress(source, file, **REQUEST)
    thread.join()
    assert found == [expected]


def test_several_tables_come_back_from_bytes(root):
    found = baler_vae.loads(baler_vae.dumps(root, **REQUEST))
    assert {name: len(table) for name, table in found.items()} == {"Events": 20, "Runs": 3}
    assert baler_vae.verify(baler_vae.dumps(root, **REQUEST), against=root).broken == ()
    with pytest.raises(UsageError, match="several tables"):
        baler_vae.verify(baler_vae.dumps(root, **REQUEST), against=DATA)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("I/O operation on closed file"), "closed file"),
        (RuntimeError("the server is gone"), "the server is gone"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_what_a_file_object_raises_is_an_output_error(source, tmp_path, error, words):
    with pytest.raises(OutputError, match=words) as caught:
        baler_vae.compress(source, Failing(error, "far/away.bvae"), **REQUEST)
    assert caught.value.path == "far/away.bvae"
    assert caught.value.__cause__ is error
    archive = tmp_path / "a.bvae"
    baler_vae.compress(DATA, archive, **REQUEST)
    with pytest.raises(OutputError, match=words):
        baler_vae.decompress(archive, Failing(error), to="csv")


def test_file_objects_that_take_no_bytes_are_refused_at_once(source, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    archive = tmp_path / "a.bvae"
    baler_vae.compress(DATA, archive, **REQUEST)
    closed = io.BytesIO()
    closed.close()
    with (tmp_path / "text").open("w") as text, (tmp_path / "file").open("rb") as reading:
        for file, words in [
            (io.StringIO(), "open as text.*'wb'"),
            (text, "open as text.*'wb'"),
            (reading, "not open for writing"),
            (closed, "closed"),
            (3, "int is neither a path nor a file object"),
        ]:
            with pytest.raises(UsageError, match=words):
                baler_vae.compress(source, file, **REQUEST)
            with pytest.raises(UsageError, match=words):
                baler_vae.decompress(archive, file, to="csv")
    assert (tmp_path / "text").read_text() == ""


def test_codecs_too_need_a_file_object_that_takes_bytes():
    codec = baler_vae.fit(DATA, **REQUEST)
    with pytest.raises(UsageError, match="open as text"):
        codec.save(io.StringIO())


def test_a_file_object_is_no_source(root, tmp_path):
    for verb in (baler_vae.dumps, baler_vae.fit, lambda file, **_: baler_vae.verify(b"", against=file)):
        with root.open("rb") as file, pytest.raises(UsageError, match=r"in\.root: is a file object.*Name the file"):
            verb(file, **REQUEST)
    with pytest.raises(UsageError, match="<BytesIO>: is a file object"):
        baler_vae.compress(io.BytesIO(root.read_bytes()), tmp_path / "a.bvae", **REQUEST)
    with pytest.raises(UsageError, match="<StringIO>: is a file object"):
        baler_vae.dumps(io.StringIO("x,y\n1,2\n"), **REQUEST)


def test_a_run_cannot_go_on_in_a_file_object(source):
    for output in (io.BytesIO(), None):
        with pytest.raises(UsageError, match="cannot resume into a file object"):
            baler_vae.compress(source, output, resume=True, **REQUEST)


def test_archives_are_verified_and_evaluated_from_memory(tmp_path):
    pytest.importorskip("iminuit")
    blob = baler_vae.dumps(DATA, kind="independent", bound=["abs:0.2", "n=exact"])
    assert baler_vae.verify(blob, against=DATA).broken == ()
    assert baler_vae.verify(io.BytesIO(blob), against=iter([DATA])).n_rows == {"events": 50}
    broken = baler_vae.verify(blob, against={**DATA, "x": DATA["x"] + 1}).broken
    assert [check.name for check in broken] == ["x"]
    with pytest.raises(UsageError, match="numbers of rows"):
        baler_vae.verify(blob, against={name: values[:9] for name, values in DATA.items()})
    (tmp_path / "a.bvae").write_bytes(blob)
    expected = baler_vae.evaluate(DATA, tmp_path / "a.bvae")
    restored = baler_vae.loads(blob)
    for found in (
        baler_vae.evaluate(DATA, blob),
        baler_vae.evaluate(DATA, io.BytesIO(blob)),
        baler_vae.evaluate(DATA, restored, archive=blob),
    ):
        assert found.columns == expected.columns
        assert found.sizes == expected.sizes
    assert (expected.original, found.restored) == ("original", "restored")
    assert {column.name for column in baler_vae.evaluate(blob, restored).columns} == {"x", "n"}
