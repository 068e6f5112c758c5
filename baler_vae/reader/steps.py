"""The size of a step, as users write it."""

import re

from baler_vae.errors import UsageError

STEP_SIZE = "100 MB"
_UNITS = {
    "": 1,
    **{f"{letter}{i}": (1024 if i else 1000) ** n for n, letter in enumerate("kmgt", 1) for i in ("", "i")},
}


def bytes_of_text(text: str) -> int:
    """The bytes that a text such as `100 MB` means.

    Raises:
        UsageError: it means none.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([kmgt]?i?)b\s*", text.lower())
    if found is None or found[2] not in _UNITS:
        raise UsageError(
            f"{text!r} is not a valid step size", expected='a number of events, or a text such as "100 MB"'
        )
    return int(float(found[1]) * _UNITS[found[2]])
