"""Who is told how far work is, and what a user sees of it."""

import io
import os
import pty
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from baler_vae.errors import UsageError
from baler_vae.progress import callback, showing, shows_progress, silent, within
from baler_vae.progress.display import Work, on_terminal


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_parts_are_told_with_their_whole():
    told = []
    within(within(lambda *all_of_it: told.append(all_of_it), "1/2 files"), "fitting")("columns", 3, 9)
    assert told == [("1/2 files, fitting, columns", 3, 9)]


def test_a_verb_takes_a_function_true_or_false(capfd):
    @shows_progress
    def verb(*, progress=silent):
        told = callback(progress)
        told("working", 1, 2)
        return told

    told = []
    verb(progress=lambda *all_of_it: told.append(all_of_it))
    assert told == [("working", 1, 2)]
    assert verb() is verb(progress=False) is silent
    assert capfd.readouterr() == ("", "")
    assert verb(progress=True) is not silent
    assert re.fullmatch(r"0:00:00 working 1/2\n", capfd.readouterr().err)
    with pytest.raises(UsageError, match="must be True, False or a function"):
        verb(progress="yes")
    with showing(None) as none:
        assert none is silent


def test_the_time_left_is_that_of_the_step_and_goes_down_while_nothing_is_told(clock):
    work = Work(clock)
    assert (work.text, work.part, work.seconds_left) == ("starting", None, None)
    clock.now = 100.0
    work.tell("columns 0/9, steps", 0, 200)
    assert work.seconds_left is None
    clock.now = 110.0
    work.tell("columns 4/9, steps", 50, 200)
    assert work.text == "columns 4/9, steps 50/200"
    assert work.seconds_left == pytest.approx(30)
    clock.now = 115.0
    assert work.seconds_left == pytest.approx(25)
    assert work.times == "0:01:55, about 0:00:25 left in this step"
    clock.now = 500.0
    assert work.seconds_left == 0
    work.tell("columns 9/9, steps", 200, 200)
    assert work.seconds_left is None
    assert work.part == 1
    work.tell("epochs (error 0.5)", 1, 10)
    clock.now = 501.0
    work.tell("epochs (error 0.25)", 2, 10)
    assert work.seconds_left == pytest.approx(8)
    assert work.seconds == 501


@given(st.lists(st.tuples(st.text(max_size=4), st.integers(0, 9), st.integers(0, 9)), max_size=12))
def test_whatever_is_told_can_be_shown(told):
    clock = Clock()
    work = Work(clock)
    for what, done, total in told:
        clock.now += 1
        work.tell(what, done, total)
        assert work.part is None or 0 <= work.part <= 1
        assert work.seconds_left is None or work.seconds_left >= 0
        assert work.times.startswith("0:00:")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_terminal_and_nothing_stays(width):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=width, color_system=None)
    with on_terminal(console) as told:
        told("1/3 fitting, 5/5 groups: MChadronicWDecay, 3/4 candidates: vae, columns 5/9, steps", 1_234, 5_678)
        console.print("a result")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", file.getvalue()).splitlines()
    assert any(line.endswith("steps 1,234/5,678") for line in lines)
    assert max(map(len, lines)) <= width
    assert "a result" in file.getvalue()
    assert file.getvalue().endswith("\x1b[2K")


def test_the_clock_of_a_terminal_goes_on_while_nothing_is_told():
    """In a process of its own on a pseudo-terminal, as a user runs it."""
    code = (
        "import time\n"
        "from baler_vae.progress import shows_progress, callback\n"
        "@shows_progress\n"
        "def verb(*, progress):\n"
        "    callback(progress)('columns', 1, 2)\n"
        "    time.sleep(2.6)\n"
        "verb(progress=True)\n"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:
                break
            if not more:
                break
            shown += more
        assert process.wait() == 0
    os.close(ours)
    assert {b"0:00:00", b"0:00:01", b"0:00:02"} <= set(re.findall(rb"0:00:0\d", shown))
