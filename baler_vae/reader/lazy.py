"""An archive as a lazy array."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from baler_vae.errors import MissingExtra


def dask(path: str | Path, *, columns: str | Sequence[str] = ()) -> Any:  # noqa: ANN401  a type of an extra
    """A dask-awkward array with a record for each event of an archive (a path or a URL), of the columns that match a
    glob and the counters that they need. Each row group is a partition, which a task of its own decodes, and only those
    columns that are touched. Nothing is decoded before that: form and divisions stand in the manifest. Text is always
    an option type.

    Raises:
        SourceError: there is no such file, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
        UsageError: it is a codec, or a glob matches nothing.
        MissingExtra: dask-awkward is not installed.
    """
    try:
        from baler_vae.reader.partitions import partitioned  # noqa: PLC0415  an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("a dask array", "dask", str(error.name)) from error
    return partitioned(path, columns)
