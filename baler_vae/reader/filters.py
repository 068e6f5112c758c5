"""Filters of names and types, in uproot's grammar."""

import re
from collections.abc import Callable, Iterable

from baler_vae.errors import UsageError
from baler_vae.table.schema import matches

Filter = str | Iterable["str | Callable[[str], bool]"] | Callable[[str], bool] | None
"""None, a glob, a regular expression `/.../i`, a function of a text that gives a bool, or several of these."""

_REGEX = re.compile(r"/(.*)/([imsux]*)", re.DOTALL)


def filter_of(given: Filter, parameter: str) -> Callable[[str], bool]:
    """A function that tells whether a text passes the filter; the texts that pass several are those that pass any.

    A regular expression must match from the beginning of the text on, as in uproot.

    Raises:
        UsageError: it is none of `Filter`, or its regular expression is invalid. `parameter` names it.
    """
    if given is None:
        return lambda _: True
    if isinstance(given, str):
        regex = _REGEX.fullmatch(given)
        return (lambda text: matches(text, given)) if regex is None else _matcher(given, *regex.groups())
    if callable(given):
        return given
    if not isinstance(given, Iterable):
        raise UsageError(f"invalid {parameter} {given!r}", expected="a glob, a regex '/.../i', a function, or several")
    filters = [filter_of(one, parameter) for one in given]
    return lambda text: any(passes(text) for passes in filters)


def _matcher(given: str, pattern: str, flags: str) -> Callable[[str], bool]:
    try:
        compiled = re.compile(f"(?{flags}){pattern}" if flags else pattern)
    except re.error as error:
        raise UsageError(f"{given!r} is not a valid regular expression: {error}") from error
    return lambda text: compiled.match(text) is not None
