"""What an evaluation may not exceed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """A tolerance that is exceeded; `text` says so in one line."""

    what: str
    where: str
    found: float
    allowed: float
    text: str
