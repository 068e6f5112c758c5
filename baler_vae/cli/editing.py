"""Changing settings in the text of a project.toml, and nothing else."""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, String

from baler_vae.errors import UsageError
from baler_vae.results import as_plain

_COMMENTS = re.compile(
    r"""
      \"{3} (?: \\. | [^\\] )*? \"{3,5} | '{3} .*? '{3,5}     # strings are passed over
    | " (?: \\. | [^"\\\n] )* " | ' [^'\n]* '
    | ( \# [^\r\n]* )
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
    try:
        document = tomlkit.parse(text)
        old = document.get(key)
        if old is not None and not isinstance(old, Array | String):
            raise _unchangeable(key, entries)
        document[key] = tomlkit.value(f"[\n{_comments_in(old)}{entries}]")
        changed = tomlkit.dumps(document)
        is_right = tomllib.loads(changed) == {**tomllib.loads(text), key: list(values)}
    except (TOMLKitError, tomllib.TOMLDecodeError) as error:
        raise _unchangeable(key, entries) from error
    if not is_right:
        raise _unchangeable(key, entries)
    return changed


def with_values(text: str, changes: Mapping[tuple[str, ...], Any]) -> str:
    """The text of a TOML file in which each path of names leads to another value; tables on its way are made where they
    are missing. All else stays as it is.

    Raises:
        UsageError: this cannot be done; the text says what to write.
    """
    plain = {path: as_plain(value) for path, value in changes.items()}
    try:
        document, wanted = tomlkit.parse(text), tomllib.loads(text)
        for path, value in plain.items():
            _set(document, wanted, path, value)
        changed = tomlkit.dumps(document)
        if tomllib.loads(changed) == wanted:
            return changed
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError) as error:
        raise _not_settable(plain) from error
    raise _not_settable(plain)


def _set(document: Any, wanted: dict[str, Any], path: Sequence[str], value: Any) -> None:  # noqa: ANN401  of TOML
    """Sets a value in a document and in what that should say."""
    for name in path[:-1]:
        if not isinstance(wanted.get(name), dict):
            document[name], wanted[name] = tomlkit.table(), {}
        document, wanted = document[name], wanted[name]
    document[path[-1]], wanted[path[-1]] = value, value


def _not_settable(changes: Mapping[tuple[str, ...], Any]) -> UsageError:
    lines = [f"{'.'.join(path)} = {json.dumps(value, ensure_ascii=False)}" for path, value in changes.items()]
    return UsageError(
        "the settings cannot be changed in this file", way_out="\n".join(["Write them yourself:", *lines])
    )


def _comments_in(old: Array | String | None) -> str:
    """The comments inside of a list, one in a line."""
    if not isinstance(old, Array):
        return ""
    return "".join(f"    {comment}\n" for comment in _COMMENTS.findall(old.as_string()) if comment)


def _unchangeable(key: str, entries: str) -> UsageError:
    return UsageError(f"{key!r} cannot be changed in this file", way_out=f"Write it yourself: {key} = [\n{entries}]")
