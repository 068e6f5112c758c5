"""Where archives lie, as users say it: one place, several, or all that match a glob."""

from collections.abc import Iterable, Mapping, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from baler_vae.archive.storage import Place, is_url
from baler_vae.errors import SourceError, UsageError
from baler_vae.io.files import split_spec
from baler_vae.paths import exists

Places = Place | Iterable[Place] | Mapping[str, str]
"""One or several places, globs among them; or paths with the table of each."""


def is_many(places: Places) -> bool:
    """Whether several archives are meant, even if a glob matches but one."""
    if isinstance(places, str | Path):
        return _is_glob(places)
    return not _is_one(places)


def places_of(places: Places) -> Sequence[Place]:
    """The places that are meant, those that match a glob in the order of their names.

    Raises:
        SourceError: a glob matches nothing.
        UsageError: a place is none, or there are none.
    """
    if isinstance(places, Mapping):
        return places_of([f"{path}:{table}" if table else path for path, table in places.items()])
    given: Iterable[object] = places if isinstance(places, Iterable) and not _is_one(places) else [places]
    found = [own for place in given for own in _matching(_checked(place))]
    if not found:
        raise UsageError("there are no archives", expected="one or more")
    return found


def _is_one(places: object) -> bool:
    return isinstance(places, str | Path | bytes | bytearray | memoryview) or hasattr(places, "read")


def _checked(place: Any) -> Place:  # noqa: ANN401  whatever a user gives
    if not _is_one(place):
        raise UsageError(
            f"{place!r} is not the location of an archive", expected="a path, a URL, bytes or a file object"
        )
    checked: Place = place
    return checked


def _is_glob(place: str | Path) -> bool:
    """Whether a place is a glob; a file of that very name goes first."""
    return not is_url(place) and has_magic(split_spec(place)[0]) and not exists(split_spec(place)[0])


def _matching(place: Place) -> list[Place]:
    """The place itself, or what matches it where it is a glob."""
    if not isinstance(place, str | Path) or not _is_glob(place):
        return [place]
    path, table = split_spec(place)
    found = sorted(glob(path, recursive=True))  # noqa: PTH207  pathlib takes no absolute globs
    if not found:
        raise SourceError("no file matches", path=path)
    return [f"{one}:{table}" if table else one for one in found]
