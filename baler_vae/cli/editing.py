"""Changing one setting in the text of a project.toml, and nothing else."""

import json
import re
import tomllib
from collections.abc import Sequence

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, String

from baler_vae.errors import UsageError

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


def _comments_in(old: Array | String | None) -> str:
    """The comments inside of a list, one in a line."""
    if not isinstance(old, Array):
        return ""
    return "".join(f"    {comment}\n" for comment in _COMMENTS.findall(old.as_string()) if comment)


def _unchangeable(key: str, entries: str) -> UsageError:
    return UsageError(f"{key!r} cannot be changed in this file", way_out=f"Write it yourself: {key} = [\n{entries}]")
