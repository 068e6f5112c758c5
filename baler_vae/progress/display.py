"""Progress as a user sees it: two lines on a terminal, a bar in a notebook, now and then a line in a log."""

import builtins
import html
import re
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from baler_vae.progress import Progress

_FRAMES_PER_SECOND = 4
_NOTEBOOK_SECONDS = 0.5
_LOG_SECONDS = 30.0
"""Seconds between two lines of a log, which nobody watches live."""
_BAR_WIDTH = 30
_CHANGING = re.compile(r"\d+(?=/\d)| \([^()]*\)$")


class Work:
    """What is being done, how far it is and since when. One thread writes, another reads.

    Counts such as 5/9, and what stands in round brackets at the end of a text, change within one step; the time left is
    that of the step.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = self._step_started = self._told = clock()
        self._first = 0
        self.what, self.done, self.total = "starting", 0, 0

    def tell(self, what: str, done: int, total: int) -> None:
        """Takes note of how far work is."""
        self._told = self._clock()
        if (_step(what), total) != (_step(self.what), self.total) or done < self.done:
            self._step_started, self._first = self._told, done
        self.what, self.done, self.total = what, done, total

    @property
    def text(self) -> str:
        """What is being done, with how much of it is done."""
        return f"{self.what} {self.done:,}/{self.total:,}" if self.total > 1 else self.what

    @property
    def part(self) -> float | None:
        """How much of the step is done, between 0 and 1; None where that is not known."""
        return min(1.0, self.done / self.total) if self.total > 1 else None

    @property
    def seconds(self) -> float:
        """The time since the work began."""
        return self._clock() - self._started

    @property
    def seconds_left(self) -> float | None:
        """The estimated time left in this step; None until some of it is done."""
        n_done = self.done - self._first
        if n_done <= 0 or self.done >= self.total:
            return None
        pace = (self._told - self._step_started) / n_done
        return max(0.0, pace * (self.total - self.done) - (self._clock() - self._told))

    @property
    def times(self) -> str:
        """The clock, and the estimated time left in this step."""
        left = self.seconds_left
        return _clock_text(self.seconds) + ("" if left is None else f", about {_clock_text(left)} left in this step")


@contextmanager
def drawing() -> Iterator[Progress]:
    """A callback whose work is drawn by a thread until the block ends: its clock keeps running while nothing is
    reported.
    """
    shell = _notebook_shell()
    console = Console(stderr=True)
    if shell is not None:
        with _in_notebook(shell) as told:
            yield told
    elif console.is_terminal and not console.is_dumb_terminal:
        with on_terminal(console) as told:
            yield told
    else:
        yield _in_log()


@contextmanager
def on_terminal(console: Console) -> Iterator[Progress]:
    """Two lines below everything else that is printed, removed at the end."""
    work = Work()
    live = Live(
        console=console,
        get_renderable=lambda: _drawn(work, console.width),
        refresh_per_second=_FRAMES_PER_SECOND,
        transient=True,
    )
    with live:
        yield work.tell


@contextmanager
def _in_notebook(shell: Any) -> Iterator[Progress]:  # noqa: ANN401  of IPython
    """A bar below the cell, which stays with the time that the work took."""
    work, ended = Work(), Event()
    display = {"display_id": uuid.uuid4().hex}

    def show(*, update: bool = True) -> None:
        shell.display_pub.publish(data=_page(work, ended=ended.is_set()), metadata={}, transient=display, update=update)

    def keep_showing() -> None:
        while not ended.wait(_NOTEBOOK_SECONDS):
            show()

    show(update=False)
    thread = Thread(target=keep_showing, daemon=True)
    thread.start()
    try:
        yield work.tell
    finally:
        ended.set()
        thread.join()
        show()


def _in_log() -> Progress:
    """A line on standard error when work begins, and then every half minute."""
    work, last = Work(), [float("-inf")]

    def tell(what: str, done: int, total: int) -> None:
        work.tell(what, done, total)
        if work.seconds - last[0] >= _LOG_SECONDS:
            last[0] = work.seconds
            sys.stderr.write(f"{_clock_text(work.seconds)} {work.text}\n")

    return tell


def _notebook_shell() -> Any:  # noqa: ANN401  of IPython
    """The shell of the notebook that this runs in; None elsewhere."""
    get_ipython = getattr(builtins, "get_ipython", None)
    shell = get_ipython() if callable(get_ipython) else None
    return shell if type(shell).__name__ == "ZMQInteractiveShell" else None


def _drawn(work: Work, width: int) -> Group:
    part = work.part
    bar = ProgressBar(
        total=None if part is None else 1.0, completed=part or 0.0, width=_BAR_WIDTH, pulse=part is None or part >= 1
    )
    line = Table.grid(padding=(0, 1))
    line.add_row(bar, Text("" if part is None else f"{100 * part:3.0f} %"), Text(work.times, no_wrap=True))
    return Group(Text("\n".join(_lines(work.text, width))), line)


def _lines(text: str, width: int) -> list[str]:
    """A text in as many lines as it takes, which end behind its commas."""
    lines = [""]
    for part in re.split(r"(?<=,) ", text):
        longer = f"{lines[-1]} {part}".lstrip()
        if len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(f"  {part}")
    return lines


def _page(work: Work, *, ended: bool) -> dict[str, str]:
    text = f"done in {_clock_text(work.seconds)}" if ended else f"{work.text}, {work.times}"
    part = 1.0 if ended else work.part
    value = "" if part is None else f' value="{part:.4f}"'
    return {"text/plain": text, "text/html": f"<div><progress{value} max=1></progress> {html.escape(text)}</div>"}


def _step(what: str) -> str:
    """What is being done, without what changes within one step."""
    return _CHANGING.sub("", what)


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
