"""The size of a step, as users write it, and where a step lies."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from baler_vae.errors import UsageError

if TYPE_CHECKING:
    from baler_vae.reader.face import Face

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


def whole_number(number: object, parameter: str) -> int | None:
    """A number of events as Python has it, also of numpy or a float such as 1e5; None as it is.

    Raises:
        UsageError: it is none. `parameter` names it.
    """
    if number is None:
        return None
    try:
        return number.__index__()  # type: ignore[attr-defined, no-any-return]
    except AttributeError:
        if isinstance(number, float | np.floating) and float(number).is_integer():
            return int(number)
    except TypeError:  # an array of numpy
        pass
    raise UsageError(f"invalid {parameter} {number!r}", expected="a whole number")


@dataclass(frozen=True)
class Report:
    """Where a step of `iterate` lies: the archive that it is of, and its range of events there, with `global_offset`
    events in the files before that one.
    """

    source: "Face"
    tree_entry_start: int
    tree_entry_stop: int
    global_offset: int = 0

    @property
    def file_path(self) -> str | Path:
        return self.source.path

    @property
    def start(self) -> int:
        """The first event, counted from the first of all files."""
        return self.tree_entry_start + self.global_offset

    @property
    def stop(self) -> int:
        """The event behind the last, counted from the first of all files."""
        return self.tree_entry_stop + self.global_offset

    global_entry_start = start
    global_entry_stop = stop

    def to_global(self, global_offset: int) -> "Report":
        """The report of the same step with so many events in the files before."""
        return replace(self, global_offset=global_offset)
