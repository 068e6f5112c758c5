"""Changing one setting in the text of a project.toml, and nothing else."""

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from baler_vae.errors import UsageError

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'|"
    r"#[^\n]*|\n|[ \t\r]+|[\[\]{}=,]|[^\s\[\]{}=,#\"']+",
    re.DOTALL,
)


@dataclass(frozen=True)
class _Statement:
    """A `key = value` before the first table of a file: where it begins, its value, and where it ends."""

    key: str
    start: int
    value: int
    stop: int
    comments: tuple[str, ...]


def with_list(text: str, key: str, values: Sequence[str]) -> str:
    """The text of a TOML file in which the list of texts at the top level by the name of `key` has other `values`, one
    in a line. All else stays as it is; comments inside of the old list stand at the head of the new one.

    Raises:
        UsageError: the file is such that this cannot be done; the text says what to write.
    """
    entry = "\n".join(f"    {json.dumps(value, ensure_ascii=False)}," for value in values)
    statements, end = _statements(text)
    found = next((own for own in statements if own.key == key), None)
    if found is not None:
        comments = "".join(f"    {comment}\n" for comment in found.comments)
        changed = f"{text[: found.value]}[\n{comments}{entry}\n]{text[found.stop :]}"
    else:
        head, rest = text[:end], text[end:]
        changed = f"{head}{'' if not head or head.endswith(chr(10)) else chr(10)}{key} = [\n{entry}\n]\n{rest}"
    try:
        kept = tomllib.loads(changed) == {**tomllib.loads(text), key: list(values)}
    except tomllib.TOMLDecodeError:
        kept = False
    if not kept:
        raise UsageError(f"{key!r} cannot be changed in this file", way_out=f"Write it yourself: {key} = [{entry}]")
    return changed


def _statements(text: str) -> tuple[list[_Statement], int]:
    """The statements before the first table, and where the last of their lines ends."""
    found: list[_Statement] = []
    depth, line_start, key, value, comments, end = 0, True, "", -1, [""], 0
    start = 0
    for token, place in _tokens(text):
        if token.startswith("#") and value >= 0 and depth:
            comments.append(token)
        if token == "\n" and not depth:
            if value >= 0:
                end = place + 1
            line_start, key, value = True, "", -1
        elif token.isspace() or token.startswith("#"):
            continue
        elif line_start and token == "[":
            break
        elif line_start:
            line_start, start, key, comments = False, place, token.strip("\"'"), []
        elif value < 0 and token == "=":
            value = 0
        elif value >= 0:
            value = value or place
            depth += (token in "[{") - (token in "]}")
            if not depth:
                found = [own for own in found if own.start != start]
                found.append(_Statement(key, start, value, place + len(token), tuple(comments)))
                end = place + len(token)
    return found, end


def _tokens(text: str) -> Iterator[tuple[str, int]]:
    for match in _TOKEN.finditer(text):
        yield match[0], match.start()
