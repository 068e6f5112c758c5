"""Which files were compared, so that a page can be signed."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["original", "restored", "archive"]


@dataclass(frozen=True, kw_only=True)
class InputFile:
    """One of what an evaluation read.

    Attributes
    ----------
    role : {"original", "restored", "archive"}
        What it is.
    name : str
        The file as it was named.
    n_bytes : int or None
        Its size; None for what is no local file.
    sha256 : str or None
        The SHA-256 of its bytes, in hexadecimal digits; None for what is no local file.
    """

    role: Role
    name: str
    n_bytes: int | None = None
    sha256: str | None = None
