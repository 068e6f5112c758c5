"""Untrusted JSON."""

import json
import re
from typing import Any, Final, NoReturn

LARGEST_VALUES: Final = 1 << 22
"""The most values of a document, counted by its commas and opening brackets: each takes some hundred bytes as an object
of Python, where two bytes of text are enough to ask for it.
"""
DEEPEST: Final = 32
"""How deep objects and lists may be nested."""

_MARKS = re.compile(rb'"[^"]*+"?|[\[\]{},]')
"""Texts without escapes, to the end where they do not end before, and what holds a document together."""


def read_json(data: bytes, *, constants: bool = False) -> Any:  # noqa: ANN401  JSON
    """The document of some UTF-8 (lone surrogates as three bytes); NaN and infinities only with `constants`.

    Raises:
        ValueError: it is not JSON, or larger or deeper than anything written here.
    """
    check_size(data)
    return json.loads(data.decode("utf-8", "surrogatepass"), parse_constant=None if constants else _refuse_constant)


def write_json(content: object) -> bytes:
    """The one way to write a document: sorted keys, no spaces, UTF-8 (lone surrogates as three bytes)."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def check_size(data: bytes) -> None:
    """Check that a document has no more values, and is no deeper, than a reader accepts; it need not be JSON.

    Raises:
        ValueError: it has more values, or is deeper.
    """
    # One token at a time: a list of them could take more memory than the document.
    bare = data.replace(rb"\\", b"").replace(rb"\"", b"")
    n_values, n_texts, depth = 0, 0, 0
    for match in _MARKS.finditer(bare):
        mark = bare[match.start()]
        n_values += mark in b",[{"
        n_texts += mark in b'"'
        depth += (mark in b"[{") - (mark in b"]}")
        if n_values > LARGEST_VALUES or n_texts > 2 * (LARGEST_VALUES + 1):  # a key and a value each
            raise ValueError(f"it has more than {LARGEST_VALUES:,} values")
        if depth > DEEPEST:
            raise ValueError(f"it is more than {DEEPEST} levels deep")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
