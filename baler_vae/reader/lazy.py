"""Archives as a lazy array."""

from collections.abc import Sequence
from typing import Any

from baler_vae.errors import MissingExtra
from baler_vae.reader.places import Places


def dask(path: Places, *, columns: str | Sequence[str] = ()) -> Any:  # noqa: ANN401  a type of an extra
    """A dask-awkward array with a record for each event. Each row group is a partition, which a task of its own
    decodes, and only those columns that are touched. Nothing is decoded before that: form and divisions are in the
    manifest. Text is always an option type.

    Parameters
    ----------
    path : str, Path, bytes, sequence of these, or mapping
        An archive, several of the same columns, or a glob; see `open`. Tasks reopen files, so file objects are not
        accepted.
    columns : str or sequence of str
        Names or globs of columns; all by default.

    Returns
    -------
    dask_awkward.Array
        A record for each event.

    Raises
    ------
    SourceError
        There is no such file, or it cannot be fetched.
    ArchiveError
        It is not an archive, or is damaged.
    UsageError
        It is a codec, a name or glob matches nothing, or archives have different columns.
    MissingExtra
        dask-awkward is not installed.
    """
    try:
        from baler_vae.reader.partitions import partitioned  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("a dask array", "dask", str(error.name)) from error
    return partitioned(path, columns)
