"""Archives as bytes, and what is in an archive as an object."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.archive.storage import name_of
from baler_vae.errors import UsageError
from baler_vae.io.files import MODULES, suffix_of
from baler_vae.memory.kinds import is_data, is_file_object, typename
from baler_vae.memory.libraries import Library, check_library
from baler_vae.reader.archive import Archive
from baler_vae.reader.face import Face
from baler_vae.reader.selection import Output, Selection
from baler_vae.source.source import Source
from baler_vae.table.branches import branches_of
from baler_vae.table.padding import spread_batches, without_collections
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch, concatenate

_OF_KINDS = {"dict": "np", "numpy": "np", "pandas": "pd", "awkward": "ak", "arrow": "pa"}


def source_of(data: Any, name: str = "data") -> Source | None:  # noqa: ANN401  paths, a source or data
    """The source of data in memory, which errors call by a name, or one that is open; None of paths.

    Raises:
        UsageError: the data cannot be compressed, or are a file object.
        SourceError: values cannot be read.
    """
    if isinstance(data, Source):
        return data
    if is_file_object(data):
        raise UsageError(
            "is a file object, from which no format is read",
            path=name_of(data),
            way_out="Name the file, or give what is in it: a data frame, say, or arrays",
        )
    if not is_data(data):
        _check_paths(data)
        return None
    from baler_vae.memory.opening import open_data  # noqa: PLC0415 - paths need none of it

    return open_data(data, name)


def _check_paths(places: Any) -> None:  # noqa: ANN401  whatever a user gives
    """Raise UsageError unless they are a path or several."""
    if isinstance(places, str | Path):
        return
    way_out = "Give archive.arrays(), or archive.iterate()" if isinstance(places, Face) else None
    if isinstance(places, Face | bytes) or not isinstance(places, Iterable):
        found = typename(places)
    else:
        found = next((typename(place) for place in places if not isinstance(place, str | Path)), "")
        found = f"{typename(places)} of {found}" if found else ""
    if found:
        what = "is neither a file nor data that can be compressed"
        raise UsageError(what, path=found, expected="a path, several paths, or data in memory", way_out=way_out)


def as_object(archive: Archive, selection: Schema, batches: Iterable[Batch], library: Library | None = None) -> Any:  # noqa: ANN401  it depends on the archive
    """The columns of a selection as an object. Without a `library` that is what was compressed, where it was data in
    memory; of files an awkward array where they were of ROOT, a dict of arrays where they were of HDF5 or numpy, a data
    frame where pandas wrote them or they are text without lists, or else an Arrow table.

    Raises:
        UsageError: the library is unknown, or `pd` is asked for columns of different lengths.
        CorruptArchive: what the archive says of the data is damaged.
    """
    from baler_vae.memory import files, objects, restoring  # noqa: PLC0415 - to write a file none of it is needed
    from baler_vae.reader.results import as_library  # noqa: PLC0415

    if library is not None:
        check_library(library)
    batches, selection = spread_batches(batches, selection), without_collections(selection)
    origin = archive.schema.origin.format
    extras = archive.extras() if origin in objects.WITH_EXTRAS else b""
    if library is None:
        return objects.object_of(selection, batches, extras)
    if origin == "memory" and library == _OF_KINDS[restoring.kind_of_extras(extras)]:
        return restoring.restored(selection, batches, extras)
    if origin == "memory" and library == "pa":
        return restoring.as_table(selection, batches, extras)
    if library == "pa":
        return files.table_of_file(selection, batches, extras if origin in files.ARROW else b"")
    outputs = tuple(Output(branch.name, branch) for branch in branches_of(selection))
    return as_library(concatenate(list(batches), selection), Selection(selection, outputs), library, None, 0)


def for_file(selection: Schema, extras: bytes, output: str | Path) -> tuple[Schema, bytes]:
    """The selection and the extras with which data that were in memory are written to a file: in the formats that can
    say it with the index of a frame, the metadata of a table, or the shapes of arrays.
    """
    if selection.origin.format != "memory":
        return selection, extras
    from baler_vae.memory.files import file_extras  # noqa: PLC0415

    name = MODULES.get(suffix_of(str(output)), "")
    own = file_extras(extras, name)
    if own:
        # An array of one format is written by that format's own rules.
        return replace(selection, origin=Origin(name)), own  # type: ignore[arg-type]
    return selection, b""


def dumps(data: Any, **options: Any) -> bytes:  # noqa: ANN401  any data
    """The archive of data as bytes, which `loads` takes, and `open` once they are in a file. `data` and `options` are
    those of `compress`: data in memory (a dict of arrays, a data frame of pandas, an awkward array, an Arrow table, a
    TTree or RNTuple of uproot, or batches of those), or files.

    Parameters
    ----------
    data
        What to compress.
    **options
        `codec`, `columns`, `bound`, `verify`, `settings`, the names of settings, and so on: see `compress`.

    Returns
    -------
    bytes
        The same as `compress` writes to a file.

    Raises
    ------
    UsageError
        `data` cannot be compressed, or an option is wrong.
    SourceError
        Values cannot be read.
    BoundBroken
        The archive would not give back what its bounds promise.
    MissingExtra
        A codec must be fitted and PyTorch is not installed.
    """
    from baler_vae.verbs.compress import compress  # noqa: PLC0415 - it compresses what this module opens

    return compress(data, None, **options)


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def loads(blob: bytes, *, columns: str | Sequence[str] = (), library: Library | None = None) -> Any:  # noqa: ANN401
    """What `dumps` was given, or what a file held, within the bounds.

    Parameters
    ----------
    blob
        The bytes of an archive.
    columns
        A glob, or several, of the columns that are wanted; all by default.
    library
        `"ak"`, `"np"`, `"pd"` or `"pa"` for an awkward array, a dict of numpy arrays, a data frame or an Arrow table.
        By default the kind that was compressed: see `decompress`.

    Returns
    -------
    object
        Of data in memory an object of the same kind: a dict of arrays (lists as arrays, lists of lists as awkward
        arrays), an array, a data frame with its index and dtypes, an awkward array with its type and parameters, an
        Arrow table with its schema; several batches as one.

    Raises
    ------
    ArchiveError
        The bytes are not those of an archive, or are damaged.
    UsageError
        A glob matches nothing, or the library cannot hold the columns.
    """
    from baler_vae.verbs.decompress import restored_object  # noqa: PLC0415 - it restores with `as_object`
    from baler_vae.verbs.restoring import RestoreRequest  # noqa: PLC0415

    return restored_object(blob, library, RestoreRequest.of(columns=columns))
