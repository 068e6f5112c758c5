"""A run that was killed goes on to the same bytes; one that failed leaves nothing."""

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.continuing import whole_sections
from baler_vae.errors import OutputError, UsageError
from baler_vae.pipeline import compress as compress_module
from baler_vae.pipeline import encoding
from baler_vae.pipeline.codec import Codec

REQUEST = {"kind": "independent", "bound": "bits:8"}
N_EVENTS = 200_000


class Killed(BaseException):
    """What no block that tidies up may catch."""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Rows enough for four row groups."""
    rng = np.random.default_rng(8)
    path = tmp_path_factory.mktemp("source") / "input.npz"
    words = np.array(["a", "bb", "ccc"])[rng.integers(0, 3, N_EVENTS)]
    np.savez(path, x=rng.normal(size=N_EVENTS).astype(np.float32), i=rng.integers(0, 9, N_EVENTS), word=words)
    return path


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    """The bytes of an archive that nothing interrupts."""
    path = tmp_path_factory.mktemp("whole") / "a.bvae"
    baler_vae.compress(source, path, **REQUEST)
    return path.read_bytes()


@pytest.fixture
def killed(source, tmp_path, monkeypatch):
    """Breaks a run off as a kill would when so many row groups are written; gives the output and its folder."""

    def kill(after, **options):
        write = compress_module._RowGroupWriter.write

        def counted(self, encoded):
            write(self, encoded)
            if len(self._row_groups) == after:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(compress_module._RowGroupWriter, "write", counted)
            with pytest.raises(Killed):
                baler_vae.compress(source, tmp_path / "a.bvae", **(options or REQUEST))
        assert not (tmp_path / "a.bvae").exists()
        return tmp_path / "a.bvae", tmp_path / "a.bvae.part"

    return kill


def resumed(source, output, **options):
    baler_vae.compress(source, output, resume=True, **(options or REQUEST))
    assert sorted(path.name for path in output.parent.iterdir() if path.name.startswith("a.")) == ["a.bvae"]
    return output.read_bytes()


def test_a_run_goes_on_where_it_was_killed(source, expected, killed, monkeypatch):
    output, folder = killed(3)
    assert sorted(path.name for path in folder.iterdir()) == ["archive", "codec.bvmodel", "digests", "request.json"]
    encoded = []
    encode = encoding.encode_group
    monkeypatch.setattr(encoding, "encode_group", lambda *given: encoded.append(1) or encode(*given))
    monkeypatch.setattr(compress_module, "fit", None)
    assert resumed(source, output) == expected
    assert len(encoded) == 1


def test_an_archive_cut_anywhere_is_continued(source, expected, killed):
    output, folder = killed(4)
    data = (folder / "archive").read_bytes()
    beside = {name: (folder / name).read_bytes() for name in ("request.json", "digests", "codec.bvmodel")}
    ends = [section.member.end for section in whole_sections(folder / "archive")]
    for size in (0, *(place for end in ends for place in (end - 1, end))):
        folder.mkdir(exist_ok=True)
        for name, content in beside.items():
            (folder / name).write_bytes(content)
        (folder / "archive").write_bytes(data[:size])
        assert resumed(source, output, verify=False, **REQUEST) == expected
        output.unlink()


@pytest.mark.parametrize("left", [(), ("request.json",), ("request.json", "codec.bvmodel"), ("archive",)])
def test_whatever_is_left_will_do(source, expected, killed, left):
    output, folder = killed(2)
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
    assert resumed(source, output) == expected


def test_half_a_request_is_none(source, expected, killed):
    output, folder = killed(2)
    (folder / "request.json").write_text('{"source"')
    assert resumed(source, output) == expected


def test_nothing_to_resume_begins_anew(source, expected, tmp_path):
    assert resumed(source, tmp_path / "a.bvae") == expected


def test_a_run_that_was_broken_off_is_told(source, expected, killed):
    output, folder = killed(2)
    with pytest.raises(OutputError, match=r"a\.bvae\.part: an earlier run was interrupted here.*--resume.*--force"):
        baler_vae.compress(source, output, **REQUEST)
    assert (folder / "archive").exists()
    baler_vae.compress(source, output, force=True, **REQUEST)
    assert output.read_bytes() == expected
    assert not folder.exists()


def test_another_request_is_refused(source, killed, tmp_path):
    output, folder = killed(2)
    before = (folder / "archive").read_bytes()
    other = tmp_path / "other.npz"
    shutil.copyfile(source, other)
    for given, changed, words in (
        (source, {"bound": "bits:9"}, "a different bound"),
        (source, {"columns": "x"}, "a different choice of columns"),
        (source, {"seed": 5}, "a different model"),
        (other, {}, "a different source and a different modification time"),
    ):
        with pytest.raises(UsageError, match=words):
            baler_vae.compress(given, output, resume=True, **(REQUEST | changed))
    assert (folder / "archive").read_bytes() == before


def test_a_source_that_changed_is_refused(source, tmp_path, killed):
    output, folder = killed(2)
    request = json.loads((folder / "request.json").read_text())
    (folder / "request.json").write_text(json.dumps(request | {"size": 7}))
    with pytest.raises(UsageError, match="a different size"):
        baler_vae.compress(source, output, resume=True, **REQUEST)


def test_with_a_stored_codec(source, expected, killed, tmp_path):
    codec = baler_vae.fit(source, **REQUEST)
    codec.save(tmp_path / "c.bvmodel")
    output, _ = killed(2, codec=tmp_path / "c.bvmodel")
    other = baler_vae.fit(source, kind="independent", bound="bits:9")
    for given in ({"codec": other}, REQUEST):
        with pytest.raises(UsageError, match="a different"):
            baler_vae.compress(source, output, resume=True, **given)
    assert resumed(source, output, codec=Codec.load(tmp_path / "c.bvmodel")) == expected


def test_a_folder_of_someone_else_is_not_removed(source, tmp_path):
    folder = tmp_path / "a.bvae.part"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        baler_vae.compress(source, tmp_path / "a.bvae", force=True, **REQUEST)
    assert (folder / "mine").read_text() == "mine"


@pytest.mark.parametrize("place", ["fit", "verify_bounds", "encoded_row_groups"])
def test_an_error_leaves_nothing_and_an_interrupt_all(source, tmp_path, monkeypatch, place):
    output = tmp_path / "a.bvae"

    def fail(error):
        def failing(*_arguments, **_options):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(compress_module, place, failing)
            with pytest.raises(type(error)):
                baler_vae.compress(source, output, **REQUEST)

    fail(ValueError())
    assert list(tmp_path.iterdir()) == []
    fail(KeyboardInterrupt())
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvae.part"]


def test_kills_of_a_real_run(source, expected, tmp_path):
    """Killed again and again, each time a little later, until it is done."""
    output = tmp_path / "a.bvae"
    command = [sys.executable, "-m", "baler_vae", "compress", str(source), "-o", str(output), "--resume"]
    command += ["--model", "independent", "--bound", "bits:8", "--no-progress"]
    rng = np.random.default_rng(4)
    for number in range(5):
        if output.exists():
            break
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        if number < 4:
            time.sleep(1 + number * 0.5 + rng.random() * 0.5)
            process.kill()
        _, error = process.communicate(timeout=120)
        assert process.returncode in {0, -9}, error
    assert output.read_bytes() == expected
    if not (tmp_path / "a.bvae.part").exists():
        assert [path.name for path in tmp_path.iterdir()] == ["a.bvae"]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a small disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small disk can be mounted: {error}")
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_leaves_nothing(source, small_disk):
    with pytest.raises(OutputError, match=r"a\.bvae: cannot be written: No space left"):
        baler_vae.compress(source, small_disk / "a.bvae", kind="independent", bound="bits:20")
    assert list(small_disk.iterdir()) == []
