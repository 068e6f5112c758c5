"""The JSON documents of extras, which come from untrusted archives."""

import json
from collections.abc import Collection
from typing import Any

VERSION = 1
"""The version of all these documents."""


def read_document(data: bytes, keys: Collection[str]) -> dict[str, Any]:
    """A JSON object without its `version`; those of its keys that are there are among `keys`.

    Raises:
        ValueError: it is not such an object, or has another version or other keys.
    """
    try:
        document = json.loads(data)
    except RecursionError as error:
        raise ValueError("a document that is nested too deeply") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ValueError(f"not a JSON object of version {VERSION}")
    del document["version"]
    unknown = sorted(document.keys() - set(keys))
    if unknown:
        raise ValueError(f"a document with an unknown key {unknown[0]!r}")
    return document
