"""What unit the name of a column suggests."""

import re

GEV = re.compile(r"(?:.*[^a-z])?(?:pt|et|px|py|pz|e|m|mass|energy)\d?", re.IGNORECASE)
GEV_AFTER_SMALL_LETTER = re.compile(r".*[a-z](?:P[tTxyz]|E[tT]?|M|Mass|Energy)\d?")
RAD = re.compile(r".*phi\d?", re.IGNORECASE)


def unit(name: str) -> str:
    """The unit that a float column's name suggests: GeV, rad or nothing."""
    if GEV.fullmatch(name) or GEV_AFTER_SMALL_LETTER.fullmatch(name):
        return "GeV"
    return "rad" if RAD.fullmatch(name) else ""
