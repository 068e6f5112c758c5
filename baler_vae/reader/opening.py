"""Opens archives. What that needs is imported when it happens: naming `baler_vae.open` costs nothing."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baler_vae.archive.storage import Place
    from baler_vae.reader.chain import ArchiveChain
    from baler_vae.reader.places import Places


def open(place: "Places") -> Any:  # noqa: A001, ANN401  the verb that users know from uproot; it depends on the file
    """The archive at a place, open for reading. Of a file only those bytes are read that are needed for what is asked.

    Parameters
    ----------
    place : str, Path, bytes, file object, sequence of these, or mapping
        A path or a URL (``https://``, ``root://``, or what else fsspec knows), which may name a table behind a colon,
        ``all.bvae:Events``; the bytes of an archive; a file object that can seek; a glob, several of these, or a
        mapping of paths to the table of each.

    Returns
    -------
    Archive, Collection or ArchiveChain
        An `Archive` for one table; a `Collection`, which has an `Archive` for each, for a file of several tables; an
        `ArchiveChain`, which reads like one archive, for a glob or several places.

    Raises
    ------
    SourceError
        There is no such file, or it cannot be fetched.
    ArchiveError
        It is not an archive, or is damaged.
    UsageError
        It is a codec, or has no such table; or archives of a chain have different columns.
    MissingExtra
        What fetches the URL is not installed.

    Examples
    --------
    >>> with baler_vae.open("jets.bvae") as archive:
    ...     archive.show()
    ...     leading = archive.arrays(["Jet_pt", "Jet_eta"], "nJet >= 2")
    """
    from baler_vae.reader.places import is_many, places_of  # noqa: PLC0415  light import

    if is_many(place):
        return _chain(place)
    (one,) = places_of(place)
    return open_archive(one)


def open_archive(place: "Place") -> Any:  # noqa: ANN401  it depends on the file
    """The `Archive` at one place, or the `Collection`; a name with `*` is a name.

    Raises:
        SourceError, ArchiveError, UsageError, MissingExtra: as for `open`.
    """
    from baler_vae.archive.collection import CollectionFile  # noqa: PLC0415  light import
    from baler_vae.reader.archive import Archive, open_place  # noqa: PLC0415
    from baler_vae.reader.collection import Collection  # noqa: PLC0415

    opened = open_place(place)
    return Collection(opened, place) if isinstance(opened, CollectionFile) else Archive(place, opened)


def _chain(places: "Places") -> "ArchiveChain":
    from baler_vae.reader.archive import Archive  # noqa: PLC0415  light import
    from baler_vae.reader.chain import ArchiveChain  # noqa: PLC0415
    from baler_vae.reader.places import places_of  # noqa: PLC0415

    archives: list[Archive] = []
    try:
        for place in places_of(places):
            archives.append(Archive(place))  # noqa: PERF401  those that are open are closed where another cannot be
        return ArchiveChain(archives)
    except BaseException:
        for archive in archives:
            archive.close()
        raise
