"""Many archives in one call: steps through all of them, or their columns at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from baler_vae.errors import UnknownName
from baler_vae.reader.filters import Filter
from baler_vae.reader.places import Places, places_of
from baler_vae.reader.selection import Aliases, BranchFilter, Expressions
from baler_vae.reader.steps import STEP_SIZE

if TYPE_CHECKING:
    from baler_vae.memory.libraries import How, Library
    from baler_vae.reader.archive import Archive


def iterate(
    files: Places,
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    filter_name: Filter = None,
    filter_typename: Filter = None,
    filter_branch: BranchFilter = None,
    aliases: Aliases = None,
    step_size: int | str = STEP_SIZE,
    library: "Library" = "ak",
    how: "How" = None,
    ak_add_doc: bool | dict[str, str] = False,
    report: bool = False,
    allow_missing: bool = False,
) -> Iterator[Any]:
    """Steps through the events of archives, one file after the other; one is open at a time, and no step holds events
    of two.

    Parameters
    ----------
    files : path, URL, bytes, file object, glob, sequence of these, or mapping
        The archives; ``all.bvae:Events`` or ``{"all.bvae": "Events"}`` names one of several tables.
    report : bool
        Give pairs of arrays and a `Report`, which tells the file and the range of events.
    allow_missing : bool
        Leave out archives that lack a column that is asked for.
    expressions, cut, filter_name, filter_typename, filter_branch, aliases, step_size, library, how, ak_add_doc
        See `Archive.iterate`.

    Yields
    ------
    Any
        What `Archive.arrays` gives of a step; pandas counts events through all files.

    Raises
    ------
    SourceError
        A file is missing, or cannot be fetched.
    ArchiveError
        A file is not an archive, or is damaged.
    UsageError
        As for `Archive.iterate`.

    Examples
    --------
    >>> for jets in baler_vae.iterate("run*.bvae", ["Jet_pt", "Jet_eta"], "nJet >= 2"):
    ...     histogram.fill(jets["Jet_pt"])
    """
    from baler_vae.reader.results import shifted  # noqa: PLC0415  light import

    offset = 0
    for place in places_of(files):
        with _open_one(place) as archive:
            try:
                steps = archive.iterate(
                    expressions,
                    cut,
                    filter_name=filter_name,
                    filter_typename=filter_typename,
                    filter_branch=filter_branch,
                    aliases=aliases,
                    step_size=step_size,
                    library=library,
                    how=how,
                    ak_add_doc=ak_add_doc,
                    report=True,
                )
            except UnknownName:
                if not allow_missing:
                    raise
                steps = iter(())
            for arrays, own in steps:
                found = shifted(arrays, offset)
                yield (found, own.to_global(offset)) if report else found
            offset += archive.num_entries


def concatenate(
    files: Places,
    expressions: Expressions = None,
    cut: str | None = None,
    *,
    filter_name: Filter = None,
    filter_typename: Filter = None,
    filter_branch: BranchFilter = None,
    aliases: Aliases = None,
    entry_start: int | None = None,
    entry_stop: int | None = None,
    library: "Library" = "ak",
    how: "How" = None,
    ak_add_doc: bool | dict[str, str] = False,
    allow_missing: bool = False,
) -> Any:  # noqa: ANN401  it depends on the library
    """The events of archives as one array, data frame or the like.

    Parameters
    ----------
    files, allow_missing
        See `iterate`.
    entry_start, entry_stop : int, optional
        The first event, and the one behind the last, counted through all files; from the end where negative.
    expressions, cut, filter_name, filter_typename, filter_branch, aliases, library, how, ak_add_doc
        See `Archive.arrays`.

    Returns
    -------
    Any
        What `Archive.arrays` gives of one file.

    Raises
    ------
    SourceError
        A file is missing, or cannot be fetched.
    ArchiveError
        A file is not an archive, or is damaged.
    UsageError
        As for `Archive.arrays`.
    """
    from baler_vae.reader.results import combined, shifted  # noqa: PLC0415  light import

    places = places_of(files)
    n_events = None if entry_start is entry_stop is None else [_num_entries(place) for place in places]
    first, end, _ = slice(entry_start, entry_stop).indices(sum(n_events or ()))
    offset, found, missing = 0, list[Any](), None
    for number, place in enumerate(places):
        start, stop = (max(first - offset, 0), max(end - offset, 0)) if n_events else (None, None)
        is_last = number == len(places) - 1
        if n_events and not (start or 0) < min(stop or 0, n_events[number]) and (found or not is_last):
            offset += n_events[number]
            continue
        with _open_one(place) as archive:
            try:
                arrays = archive.arrays(
                    expressions,
                    cut,
                    filter_name=filter_name,
                    filter_typename=filter_typename,
                    filter_branch=filter_branch,
                    aliases=aliases,
                    entry_start=start,
                    entry_stop=stop,
                    library=library,
                    how=how,
                    ak_add_doc=ak_add_doc,
                )
            except UnknownName as error:
                if not allow_missing:
                    raise
                missing = error
            else:
                found.append(shifted(arrays, offset))
            offset += archive.num_entries
    if not found and missing is not None:
        raise missing
    return combined(found)


def _num_entries(place: Any) -> int:  # noqa: ANN401  a place
    with _open_one(place) as archive:
        return archive.num_entries


def _open_one(place: Any) -> "Archive":  # noqa: ANN401  a place
    from baler_vae.reader.archive import Archive  # noqa: PLC0415  light import

    return Archive(place)
