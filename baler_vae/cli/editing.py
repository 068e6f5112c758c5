"""Changing one setting in the text of a project.toml, and nothing else."""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

from baler_vae.errors import UsageError

_OPAQUE = re.compile(
    r"""
      \"{3} (?: \\. | [^\\] )*? \"{3,5}   # strings
    | '{3} .*? '{3,5}
    | " (?: \\. | [^"\\\n] )* "
    | ' [^'\n]* '
    | \# [^\r\n]*                         # comments
    """,
    re.DOTALL | re.VERBOSE,
)


def with_list(text: str, key: str, values: Sequence[str]) -> str:
    """The text of a TOML file in which the list of texts at the top level by the name of `key` has other `values`, one
    in a line. All else stays as it is; comments inside of the old list stand at the head of the new one.

    Raises:
        UsageError: this cannot be done; the text says what to write.
    """
    entries = "".join(f"    {json.dumps(value, ensure_ascii=False)},\n" for value in values)
    end = 0
    for start, stop, content in _statements(text):
        if key in content:
            changed = text[:start] + _with_entries(text[start:stop], entries) + text[stop:]
            break
        end = stop
    else:
        head = text[:end] if not end or text[:end].endswith("\n") else f"{text[:end]}\n"
        changed = f"{head}{key} = [\n{entries}]\n{text[end:]}"
    if not _differs_in(key, list(values), text, changed):
        raise UsageError(f"{key!r} cannot be changed in this file", way_out=f"Write it yourself: {key} = [\n{entries}]")
    return changed


def _statements(text: str) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Each statement before the first table: where its first line begins, where its last line ends, and what it says.

    A statement is as many lines as make sense by themselves.
    """
    start = stop = 0
    for line in text.splitlines(keepends=True):
        if start == stop and line.lstrip().startswith("["):
            return
        stop += len(line)
        try:
            content = tomllib.loads(text[start:stop])
        except tomllib.TOMLDecodeError:
            continue
        if content:
            yield start, stop, content
        start = stop


def _with_entries(statement: str, entries: str) -> str:
    """A statement `key = [...]` with other entries."""
    bare = _OPAQUE.sub(lambda found: " " * len(found[0]), statement)
    first, last = bare.find("[", bare.find("=")), bare.rfind("]")
    found = _OPAQUE.finditer(statement, first, last + 1)
    comments = "".join(f"    {part[0]}\n" for part in found if part[0].startswith("#"))
    return f"{statement[:first]}[\n{comments}{entries}{statement[last:]}"


def _differs_in(key: str, values: list[str], text: str, changed: str) -> bool:
    """Whether a changed text says what a text does, but for the values of a key."""
    try:
        return tomllib.loads(changed) == {**tomllib.loads(text), key: values}
    except tomllib.TOMLDecodeError:
        return False
