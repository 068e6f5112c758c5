"""A run that was killed goes on to the same bytes; one that failed leaves nothing."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import baler_vae
from baler_vae.archive.continuing import whole_sections
from baler_vae.codec import encoding
from baler_vae.codec.codec import Codec
from baler_vae.errors import OutputError, UsageError
from baler_vae.verbs import compress_table, resuming, writing
from tests.tables import file_of_words, short_row_groups

REQUEST = {"kind": "independent", "bound": "bits:8"}
ROW_GROUP_ROWS = 4_096
N_EVENTS = 3 * ROW_GROUP_ROWS + 200


class Killed(BaseException):
    """What no block that tidies up may catch."""


@pytest.fixture(scope="module", autouse=True)
def _short_row_groups():
    """Row groups of few rows: they are what is resumed, however many values they have."""
    with short_row_groups(ROW_GROUP_ROWS):
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Rows enough for four row groups."""
    return file_of_words(tmp_path_factory.mktemp("source") / "input.npz", N_EVENTS)


@pytest.fixture(scope="module")
def expected(source, tmp_path_factory):
    """The bytes of an archive that nothing interrupts."""
    path = tmp_path_factory.mktemp("whole") / "a.bvae"
    baler_vae.compress(source, path, **REQUEST)
    return path.read_bytes()


@pytest.fixture
def killed(source, tmp_path, monkeypatch):
    """Breaks a run off as a kill would when so many row groups are written; gives the output and its folder."""

    def kill(after, source=source, **options):
        write = writing._RowGroupWriter.write

        def counted(self, encoded):
            write(self, encoded)
            if len(self._row_groups) == after:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(writing._RowGroupWriter, "write", counted)
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
    encode = encoding.encode_table
    monkeypatch.setattr(encoding, "encode_table", lambda *given: encoded.append(1) or encode(*given))
    monkeypatch.setattr(compress_table, "fit_source", None)
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


def test_guarantees_are_gone_on_with(source, killed, tmp_path):
    asked = {**REQUEST, "guarantees": ["x > 0.5", "x * i=abs:1e-3"]}
    baler_vae.compress(source, tmp_path / "whole.bvae", **asked)
    output, _ = killed(2, **asked)
    with pytest.raises(UsageError, match="a different"):
        baler_vae.compress(source, output, resume=True, **{**asked, "guarantees": ["x > 0.5"]})
    assert resumed(source, output, **asked) == (tmp_path / "whole.bvae").read_bytes()
    assert baler_vae.verify(output, against=source).broken_guarantees == ()


def test_a_folder_of_someone_else_is_not_removed(source, tmp_path):
    folder = tmp_path / "a.bvae.part"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        baler_vae.compress(source, tmp_path / "a.bvae", force=True, **REQUEST)
    assert (folder / "mine").read_text() == "mine"


@pytest.mark.parametrize("place", ["fit_source", "verify_bounds", "encoded_row_groups"])
def test_an_error_leaves_nothing_and_an_interrupt_all(source, tmp_path, monkeypatch, place):
    output = tmp_path / "a.bvae"

    def fail(error):
        def failing(*_arguments, **_options):
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(compress_table, place, failing)
            with pytest.raises(type(error)):
                baler_vae.compress(source, output, **REQUEST)

    fail(ValueError())
    assert list(tmp_path.iterdir()) == []
    fail(KeyboardInterrupt())
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvae.part"]


def change(path, name, place, value):
    """Changes one value of a source, not its size or its time of modification."""
    stat = path.stat()
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    arrays[name][place] = value
    np.savez(path, **arrays)
    assert path.stat().st_size == stat.st_size
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def copied(source, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    return Path(shutil.copy2(source, folder))


@pytest.mark.parametrize(("name", "place"), [("x", 0), ("word", ROW_GROUP_ROWS + 900), ("i", N_EVENTS - 1)])
def test_a_source_with_other_content_is_refused(copied, expected, killed, name, place):
    """Whatever stamp it has: under a codec that was fitted, all of the source must be what it was."""
    output, folder = killed(2, source=copied)
    with np.load(copied) as file:
        before = file[name][place]
    change(copied, name, place, {"x": 9.5, "i": 77, "word": "zz"}[name])
    with pytest.raises(UsageError, match=r"input\.npz: its content changed since the interrupted run.*--force"):
        baler_vae.compress(copied, output, resume=True, verify=False, **REQUEST)
    assert not output.exists()
    change(copied, name, place, before)  # what was done is kept, and is good again with the source of before
    assert resumed(copied, output, verify=False, **REQUEST) == expected
    assert not folder.exists()


def test_with_a_stored_codec_what_is_kept_is_compared(copied, expected, killed):
    codec = baler_vae.fit(copied, **REQUEST)
    output, folder = killed(2, source=copied, codec=codec)
    change(copied, "i", 10, 8)
    for workers in (None, 1):
        with pytest.raises(UsageError, match="its content changed"):
            baler_vae.compress(copied, output, resume=True, verify=False, codec=codec, workers=workers)
        assert folder.exists()
    baler_vae.compress(copied, output, force=True, codec=codec)
    assert output.read_bytes() != expected


def test_less_than_what_is_kept_is_refused(source, killed, monkeypatch):
    codec = baler_vae.fit(source, **REQUEST)
    output, folder = killed(3, codec=codec)
    monkeypatch.setattr(compress_table, "encoded_row_groups", lambda *_, **__: (_ for _ in ()))
    with pytest.raises(UsageError, match="its content changed"):
        baler_vae.compress(source, output, resume=True, codec=codec)
    assert (folder / "archive").exists()


@pytest.mark.parametrize("step", ["put_in_place", "remove"])
def test_a_kill_behind_the_last_step_is_tidied_up(source, expected, tmp_path, monkeypatch, step):
    """The archive is in its place and the folder is still there: an equal run with `resume` has nothing more to do."""
    output = tmp_path / "a.bvae"
    put_in_place, remove = resuming.put_in_place, resuming.Unfinished.remove

    def killed_behind(*given):
        put_in_place(*given)
        raise Killed

    def killed_within(self):
        if not output.exists():
            return remove(self)
        self.request.unlink()
        raise Killed

    with monkeypatch.context() as patch:
        if step == "remove":
            patch.setattr(resuming.Unfinished, "remove", killed_within)
        else:
            patch.setattr(resuming, "put_in_place", killed_behind)
        with pytest.raises(Killed):
            baler_vae.compress(source, output, **REQUEST)
    assert output.read_bytes() == expected
    assert (tmp_path / "a.bvae.part" / "finished.json").exists()
    with pytest.raises(OutputError, match="exists already"):
        baler_vae.compress(source, output, resume=True, **(REQUEST | {"bound": "bits:9"}))
    monkeypatch.setattr(compress_table, "fit_source", None)
    assert baler_vae.compress(source, output, resume=True, **REQUEST).path == str(output)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bvae"]
    assert output.read_bytes() == expected


def test_another_archive_in_its_place_is_not_the_finished_one(source, expected, tmp_path, monkeypatch):
    """Nor is one that lay there before: `--resume` alone never takes it for its own."""
    output = tmp_path / "a.bvae"
    put_in_place = resuming.put_in_place

    def killed_behind(*given):
        put_in_place(*given)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(resuming, "put_in_place", killed_behind)
        with pytest.raises(Killed):
            baler_vae.compress(source, output, **REQUEST)
    output.write_bytes(expected[:-1] + b"\1")
    with pytest.raises(OutputError, match="exists already"):
        baler_vae.compress(source, output, resume=True, **REQUEST)
    baler_vae.compress(source, output, resume=True, force=True, **REQUEST)
    assert output.read_bytes() == expected


def test_an_archive_that_was_exchanged_takes_no_place(source, tmp_path, monkeypatch):
    output = tmp_path / "a.bvae"
    output.write_bytes(b"of before")
    verify = compress_table.verify_bounds

    def exchange(archive, *given, **options):
        verify(archive, *given, **options)
        content = archive.read_bytes()
        archive.rename(archive.with_name("other"))
        archive.write_bytes(content)
        archive.with_name("other").unlink()

    monkeypatch.setattr(compress_table, "verify_bounds", exchange)
    with pytest.raises(OutputError, match="removed or replaced by another process"):
        baler_vae.compress(source, output, force=True, **REQUEST)
    assert output.read_bytes() == b"of before"


def test_a_link_leads_to_the_archive(source, expected, tmp_path):
    far = tmp_path / "far"
    far.mkdir()
    (far / "b.bvae").write_bytes(b"of before")
    (far / "b.bvae").chmod(0o640)
    (tmp_path / "a.bvae").symlink_to("far/b.bvae")
    baler_vae.compress(source, tmp_path / "a.bvae", force=True, **REQUEST)
    assert (tmp_path / "a.bvae").is_symlink()
    assert (far / "b.bvae").read_bytes() == expected
    assert (far / "b.bvae").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in far.iterdir()] == ["b.bvae"]
