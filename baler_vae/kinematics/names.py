"""What the names of columns suggest: objects of an event, and which column is which quantity of an object."""

import re
from collections.abc import Iterable
from typing import Final

SLOT: Final = "*"
"""Stands for the quantity in the name of an object: `Jet_*` has `Jet_pt`, `*1` has `pt1` and `phi1`."""

_ALIASES: Final = {
    "e": "e",
    "en": "e",
    "energy": "e",
    "m": "m",
    "mass": "m",
    "p": "p",
    "ptot": "p",
    "pmag": "p",
    "pt": "pt",
    "px": "px",
    "py": "py",
    "pz": "pz",
    "eta": "eta",
    "phi": "phi",
    "theta": "theta",
    "y": "y",
    "rapidity": "y",
    "mt": "mt",
    "et": "et",
}
_COMPONENTS: Final = ("px", "py", "pz")
_ALL = "|".join(sorted(_ALIASES, key=len, reverse=True))
_LONG = "|".join(sorted((alias for alias in _ALIASES if len(alias) > 1), key=len, reverse=True))
_CAPITALS = "|".join(sorted((alias.capitalize() for alias in _ALIASES), key=len, reverse=True))
# In this order: words of their own, of two letters or more before single ones; jetPt; METphi; mupt.
_WORDS = (
    re.compile(rf"(?P<head>)(?i:(?P<kind>{_LONG}))(?P<tail>\d*)"),
    re.compile(rf"(?P<head>.*[a-z0-9])(?P<kind>{_CAPITALS})(?P<tail>\d*)"),
    re.compile(rf"(?P<head>[A-Z0-9]{{2,}})(?P<kind>{_LONG})(?P<tail>\d*)"),
    re.compile(r"(?P<head>[A-Za-z]{2,}\d*)(?P<kind>pt|px|py|pz|eta|phi)(?P<tail>\d*)"),
    re.compile(rf"(?P<head>)(?i:(?P<kind>{_ALL}))(?P<tail>\d*)"),
)
_DIFFERENCE = re.compile(r"d(elta)?_?(r|eta|phi)(?![a-z])", re.IGNORECASE)
_PAIR_MASS = re.compile(r"(^|[^a-z])m(_?([a-z]{2}|lll|llll|4l|mumu|tautau|inv|\d{1,2}))?(?![a-z])|mass", re.IGNORECASE)
_TRANSVERSE_MASS = re.compile(r"(^|[^a-z])m_?t(?!op|au)[a-z]?(?![a-z])|transverse_?mass|mtw", re.IGNORECASE)

Object = dict[str, str]
"""Quantities (`pt`, `eta`, `e` ...) of one object to the columns, or formulas, that hold them."""

_FEATURE = re.compile(r"(.+)\[:,(\d+)\]")
_ORDERS: Final = (
    ("e", "px", "py", "pz"),
    ("px", "py", "pz", "e"),
    ("pt", "eta", "phi", "e"),
    ("pt", "eta", "phi", "m"),
    ("px", "py", "pz", "m"),
)
"""The orders in which arrays of objects usually have the features of a four-vector, in front of others."""


def read_name(name: str) -> tuple[str, str] | None:
    """The object and the quantity that a column's name points to, or None."""
    if _DIFFERENCE.search(name):
        return None
    parts = re.split(r"([/._ ]+)", name)
    for pattern in _WORDS:
        for index in range(len(parts) - 1, -1, -2):
            found = pattern.fullmatch(parts[index])
            if found:
                word = f"{found['head']}{SLOT}{found['tail']}"
                return "".join([*parts[:index], word, *parts[index + 1 :]]), _ALIASES[found["kind"].lower()]
    return None


def objects_of(names: Iterable[str]) -> dict[str, Object]:
    """The objects of a table by their names, in the order of its columns."""
    found: dict[str, Object] = {}
    others: list[str] = []
    for name in names:
        place = read_name(name)
        if place is None:
            others.append(name)
        else:
            found.setdefault(place[0], {}).setdefault(place[1], name)
    # `met` next to `met_phi` is a transverse momentum.
    heads = {re.sub(r"[/._ ]*\*", "", key): key for key in found}
    for name in others:
        if name in heads:
            found[heads[name]].setdefault("pt", name)
    return found


def objects_by_place(names: Iterable[str]) -> list[Object]:
    """What the objects of arrays may be whose features have numbers, `jets[:,0]` and so on, and no names: in every
    order in which four-vectors are usually kept.
    """
    found: dict[str, dict[int, str]] = {}
    for name in names:
        place = _FEATURE.fullmatch(name)
        if place:
            found.setdefault(place[1], {})[int(place[2])] = name
    return [
        {kind: features[number] for number, kind in enumerate(order)}
        for features in found.values()
        for order in _ORDERS
        if set(range(len(order))) <= set(features)
    ]


def families_of(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Columns of a table that have one meaning, in the order of the first of each family: the components of a momentum
    (`px`, `py`, `pz`), and one quantity of all objects that differ in a number only (`pt1` and `pt2`). A column that
    has no such relative is in none.
    """
    families: dict[tuple[str, str], list[str]] = {}
    for key, members in objects_of(names).items():
        for kind, name in members.items():
            families.setdefault((_numberless(key), "p_" if kind in _COMPONENTS else kind), []).append(name)
    return [tuple(family) for family in families.values() if len(family) > 1]


def _numberless(key: str) -> str:
    """The name of an object with a sign in place of the last number in it."""
    return re.sub(r"\d+(?!.*\d)", "#", key)


def pairs_of(keys: Iterable[str], limit: int) -> list[tuple[str, str]]:
    """Pairs of objects that may make a heavier one: those that differ in a number only, and those without any."""
    families: dict[str, list[str]] = {}
    for key in keys:
        families.setdefault(_numberless(key), []).append(key)
    single = [members[0] for members in families.values() if len(members) == 1]
    groups = [members[:4] for members in families.values() if len(members) > 1]
    if 1 < len(single) <= 4:
        groups.append(single)
    pairs = [(first, second) for members in groups for i, first in enumerate(members) for second in members[i + 1 :]]
    return pairs[:limit]


def is_missing_momentum(key: str) -> bool:
    """Whether an object is what the detector did not see."""
    return "met" in key.lower() or "missing" in key.lower()


def difference_of(name: str) -> str:
    """`r`, `eta` or `phi` for a column named like a difference of two objects, else an empty text."""
    found = _DIFFERENCE.search(name)
    return found[2].lower() if found else ""


def is_pair_mass(name: str) -> bool:
    """Whether a column may be the mass of several objects."""
    return bool(_PAIR_MASS.search(name))


def is_transverse_mass(name: str) -> bool:
    """Whether a column may be a transverse mass."""
    return bool(_TRANSVERSE_MASS.search(name))
