"""Outputs appear whole or not at all."""

import errno
import os
import stat

import pytest

from baler_vae.errors import OutputError
from baler_vae.output import check_output, replacing


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_output_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "out"
    with replacing(target) as part:
        part.write_text("new")
        assert part.parent == tmp_path
        assert not target.exists()
    assert target.read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_an_existing_output_is_kept_unless_forced(tmp_path):
    target = tmp_path / "out"
    target.write_text("old")
    with pytest.raises(OutputError, match="--force"), replacing(target):
        pytest.fail("an existing file was opened")
    with replacing(str(target), force=True) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyboardInterrupt(), OutputError("is full")])
def test_a_failed_block_leaves_what_was_there(tmp_path, error):
    target = tmp_path / "out"
    target.write_text("old")

    def fail():
        with replacing(target, force=True) as part:
            part.write_text("half")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["out"]


def test_a_full_disk_is_an_output_error(tmp_path):
    def fill():
        with replacing(tmp_path / "out") as part:
            part.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match=r"out: cannot be written: No space left"):
        fill()
    assert names(tmp_path) == []


def test_an_unreadable_input_is_no_output_error(tmp_path):
    def read_another():
        with replacing(tmp_path / "out"):
            (tmp_path / "input").read_text()

    with pytest.raises(FileNotFoundError, match="input"):
        read_another()
    assert names(tmp_path) == []


def test_a_part_that_was_taken_away(tmp_path):
    def lose():
        with replacing(tmp_path / "out") as part:
            part.unlink()

    with pytest.raises(OutputError, match="cannot be written"):
        lose()
    assert names(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_an_output_has_the_rights_of_any_new_file(tmp_path, umask):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "out") as part:
            part.write_text("new")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o666 & ~umask


def test_outputs_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    for path, words in (
        (tmp_path, "is a directory"),
        (tmp_path / "no" / "out", "its directory does not exist"),
        (tmp_path / "file" / "out", "its directory does not exist"),
        (tmp_path / ("x" * 5000), "File name too long"),
    ):
        with pytest.raises(OutputError, match=words):
            check_output(path, force=True)
        with pytest.raises(OutputError, match=words), replacing(path, force=True):
            pytest.fail("an impossible output was opened")
    assert names(tmp_path) == ["file"]
