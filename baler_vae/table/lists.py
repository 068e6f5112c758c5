"""Lists of columns and bounds in one text, as written on a command line."""

import re
from collections.abc import Iterator, Sequence

from baler_vae.errors import UsageError
from baler_vae.table.bounds import parse_bound
from baler_vae.table.schema import matches

_BETWEEN_BOUNDS = re.compile(r"\s*,\s*(?!\s*(?:floor:|dither\s*(?:[,;]|$)))")


def listed_columns(patterns: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The names and globs of columns, of which one text may hold several: `A,B` stands for both where it matches none
    of `names` itself.
    """
    return tuple(part for pattern in patterns for part in _parts(pattern, names))


def listed_bounds(texts: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """The bounds, of which one text may hold several: `bits:10,Jet_phi=abs:1e-4`, also with semicolons, or
    `A,B=bits:10` for two columns.
    """
    return tuple(bound for text in texts for own in _bounds(text) for bound in _for_each(own, names))


def is_bound(text: str) -> bool:
    """Whether a text can be read as one or several bounds."""
    return all(_is_one_bound(part) for own in text.split(";") for part in _BETWEEN_BOUNDS.split(own.strip()))


def _parts(pattern: str, names: Sequence[str]) -> list[str]:
    if "," not in pattern or any(matches(name, pattern) for name in names):
        return [pattern]
    return [part.strip() for part in pattern.split(",") if part.strip()]


def _bounds(text: str) -> list[str]:
    """The bounds that a text lists; the text itself where it lists none."""
    found: list[str] = []
    names: list[str] = []
    for part in (part for own in text.split(";") for part in _BETWEEN_BOUNDS.split(own.strip())):
        if _is_one_bound(part) and ("=" in part or not names):
            found.append(",".join([*names, part]))
            names = []
        elif part and not {":", "="} & set(part):
            names.append(part)  # of the columns of a bound to come
        elif part:
            return [text]
    return found if found and not names else [text]


def _for_each(text: str, names: Sequence[str]) -> Iterator[str]:
    """The bound, or one for each of the columns that stand before its `=`."""
    pattern, separator, bound = text.rpartition("=")
    parts = _parts(pattern, names) if separator else [""]
    for part in [pattern] if any("=" in part for part in parts) else parts:
        yield f"{part}{separator}{bound}"


def _is_one_bound(text: str) -> bool:
    try:
        parse_bound(text)
    except UsageError:
        return False
    return True
