"""Outputs appear whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
import threading

import pytest

from baler_vae.errors import OutputError
from baler_vae.output import beside, check_output, owned, owning, replacing


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


def test_a_replaced_file_keeps_its_permissions(tmp_path):
    target = tmp_path / "out"
    for mode in (0o640, 0o600, 0o664, 0o444):
        target.write_text("old")
        target.chmod(mode)
        with replacing(target, force=True) as part:
            part.write_text("new")
        assert stat.S_IMODE(target.stat().st_mode) == mode
        target.unlink()


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_leads_to_the_new_file(tmp_path, exists):
    far, link = tmp_path / "far", tmp_path / "link"
    far.mkdir()
    link.symlink_to("far/out")
    if exists:
        (far / "out").write_text("old")
        with pytest.raises(OutputError, match="exists already"):
            check_output(link)
    with replacing(link, force=exists) as part:
        part.write_text("new")
        assert part.parent == far
    assert link.is_symlink()
    assert (far / "out").read_text() == "new"
    assert names(tmp_path) == ["far", "link"]
    assert names(far) == ["out"]


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("no/out")
    for name, words in (("a", "leads to itself"), ("c", "its directory does not exist")):
        with pytest.raises(OutputError, match=words), replacing(tmp_path / name, force=True):
            pytest.fail("a link to nothing was opened")
    assert names(tmp_path) == ["a", "b", "c"]


def test_only_regular_files_are_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(OutputError, match="not a regular file"):
            check_output(path, force=True)


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path):
    mine = [".out.abcd1234.part", ".out._x_y_z01.part"]
    others = [".out.abcd123.part", ".out.b.abcd1234.part", ".outs.abcd1234.part", "out.abcd1234.part", ".out.part"]
    for name in (*mine, *others):
        (tmp_path / name).write_text("half")
    with replacing(tmp_path / "out") as part:
        part.write_text("new")
        assert names(tmp_path) == sorted([*others, ".out.lock", part.name])
    assert names(tmp_path) == sorted([*others, "out"])


def test_a_real_kill_leaves_what_the_next_run_removes(tmp_path):
    code = """
import os, sys
from baler_vae.output import replacing
with replacing(sys.argv[1]) as part:
    part.write_text("half")
    os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], check=False)
    assert killed.returncode == -9
    left = names(tmp_path)
    assert len(left) == 2
    assert ".out.lock" in left
    with replacing(tmp_path / "out") as part:
        part.write_text("new")
    assert names(tmp_path) == ["out"]


def test_an_output_has_one_writer(tmp_path):
    """Another thread is another run; a block within a block is the same one."""
    target, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to("out")
    told = []

    def second():
        for path in (target, link):
            try:
                with replacing(path, force=True) as part:
                    part.write_text("second")
            except OutputError as error:
                told.append(str(error))

    with owned(target), owning(tmp_path / "other", link):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        with replacing(link) as part:
            part.write_text("first")
    assert [f"is being written by another run (process {os.getpid()} on" in text for text in told] == [True, True]
    assert target.read_text() == "first"
    second()
    assert target.read_text() == "second"
    assert names(tmp_path) == ["link", "out"]


def test_who_loses_the_lock_replaces_nothing(tmp_path):
    target = tmp_path / "out"
    target.write_text("old")

    def lose():
        with replacing(target, force=True) as part:
            part.write_text("new")
            beside(target, ".lock").unlink()

    with pytest.raises(OutputError, match="its lock file was removed"):
        lose()
    assert target.read_text() == "old"


def test_what_appears_meanwhile_is_not_overwritten(tmp_path):
    def write():
        with replacing(tmp_path / "out") as part:
            part.write_text("mine")
            (tmp_path / "out").write_text("of somebody else")

    with pytest.raises(OutputError, match="exists already"):
        write()
    assert (tmp_path / "out").read_text() == "of somebody else"


@pytest.mark.parametrize("letter", ["x", "é", "漢"])
def test_names_as_long_as_they_may_be(tmp_path, letter):
    for length in (200, 241, 255):
        name = letter * (length // len(letter.encode()))
        with replacing(tmp_path / name) as part:
            part.write_text(name)
        assert (tmp_path / name).read_text() == name
        (tmp_path / name).unlink()
    assert names(tmp_path) == []
