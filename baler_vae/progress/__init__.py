"""How long-running work reports progress, and to whom."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from baler_vae.errors import UsageError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

ShownProgress = bool | Progress
"""What a user may pass for `progress`: a callback, True for a bar on a terminal or in a notebook, False for none."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def silent(_what: str, _done: int, _total: int) -> None:
    """Reports to nobody."""


def within(progress: Progress, whole: str) -> Progress:
    """A callback for a part of some work, reported as `whole, part`."""
    return lambda what, done, total: progress(f"{whole}, {what}", done, total)


def shows_progress(verb: Callable[_P, _R]) -> Callable[_P, _R]:
    """The verb, which draws a bar while it works where its argument `progress` is True."""

    @wraps(verb)
    def shown(*arguments: _P.args, **options: _P.kwargs) -> _R:
        with showing(cast("ShownProgress", options.get("progress", False))) as progress:
            options["progress"] = progress
            return verb(*arguments, **options)

    return shown


def callback(progress: ShownProgress) -> Progress:
    """The callback that a verb under `shows_progress` was given."""
    return progress if callable(progress) else silent


@contextmanager
def showing(progress: ShownProgress) -> Iterator[Progress]:
    """A context with the callback to report to; where `progress` is True, a bar is drawn until the block ends.

    Raises:
        UsageError: it is neither a callback nor True or False.
    """
    if callable(progress):
        yield progress
    elif progress is True:
        from baler_vae.progress.display import drawing  # noqa: PLC0415  imports are to be light

        with drawing() as drawn:
            yield drawn
    elif progress in {False, None}:
        yield silent
    else:
        raise UsageError(
            "progress must be True, False or a function",
            found=repr(progress),
            way_out="Pass True for a bar, or a function of (what, done, total)",
        )
