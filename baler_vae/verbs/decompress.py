"""Restoring what an archive holds: to a file, a file object, or an object in memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from baler_vae.archive.storage import Place, name_of
from baler_vae.errors import UsageError
from baler_vae.io.files import split_spec, suffix_of, write_file
from baler_vae.memory.libraries import Library
from baler_vae.output import check_writable_object, copy_to_object
from baler_vae.paths import temporary_folder
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import is_collection
from baler_vae.reader.opening import open_archive
from baler_vae.scale.cluster import Client, cluster
from baler_vae.table.lists import listed_columns
from baler_vae.verbs.decompress_tables import decompress_tables
from baler_vae.verbs.in_memory import as_object, for_file
from baler_vae.verbs.naming import SUFFIXES, check_table_name
from baler_vae.verbs.restoring import RestoreRequest, extras_of, n_rows, restored_batches


@shows_progress
def decompress(
    archive: Place,
    output: str | Path | BinaryIO | None = None,
    *,
    library: Library | None = None,
    to: str | None = None,
    columns: str | Sequence[str] = (),
    rntuple: bool = False,
    compression: str | None = None,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    progress: ShownProgress = silent,
) -> Any:  # noqa: ANN401  it depends on the archive
    """Restore what an archive holds; needs neither PyTorch nor the original.

    Parameters
    ----------
    archive : str, Path, bytes or file object
        A path, which may name one of several tables behind a colon (``all.bvae:Events``), a URL, the bytes of an
        archive, or a file object that can seek.
    output : str, Path or file object, optional
        Where to: the suffix of a path gives its format, a file object needs `to`. Without it the columns are returned.
        Several tables go into one file.
    library : {"ak", "np", "pd", "pa"}, optional
        What is returned without an `output`: an awkward array, a dict of arrays, a data frame or an Arrow table. By
        default the kind of data that was compressed; of ROOT files an awkward array, of HDF5 and npz files arrays, of
        Parquet and Feather files what wrote them, of text a data frame.
    to : {"root", "csv", "parquet", "feather", "hdf5", "npz", "npy"}, optional
        The format of a file object.
    columns : str or sequence of str
        Names or globs of the columns that are wanted; all by default.
    rntuple : bool
        Whether a ROOT file gets an RNTuple in place of a TTree, whatever was read.
    compression : str, optional
        How a ROOT file is compressed: ``zlib:1``, ``lzma:9``, ``lz4:4``, ``zstd:5``, ``none``, with any level of the
        algorithm; without a level with that which ROOT takes. By default as the source was, or with ``zstd:5``.
    force : bool
        Whether an output may be overwritten.
    workers, scheduler : int; str or dask.distributed.Client, optional
        Local processes, or a Dask cluster that sees the same files, that decode the row groups.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    object or None
        The columns where there is no `output`, of several tables a dict of them.

    Raises
    ------
    SourceError
        There is no such archive, or it cannot be fetched.
    ArchiveError
        It is not an archive, or is damaged.
    OutputError
        The file exists and `force` is false, it cannot be written, or its format cannot hold the columns.
    UsageError
        The suffix, the format or the compression is unknown, a glob matches nothing, or the library cannot hold the
        columns.
    """
    request = RestoreRequest.of(
        columns=columns,
        rntuple=rntuple,
        compression=compression,
        force=force,
        workers=workers,
        scheduler=scheduler,
    )
    told = callback(progress)
    if output is None:
        if to is not None:
            raise UsageError("`to` is the format of a file", way_out="Name an output, or a library in its place")
        return restored_object(archive, library, request, told)
    if library is not None:
        raise UsageError(
            "a library is for objects, not for files", path=name_of(output), way_out="Leave out one of them"
        )
    if isinstance(output, str | Path):
        if to is not None:
            raise UsageError("the suffix of a file determines its format", path=output, way_out="Leave `to` out")
        restore(archive, output, request, told)
    else:
        _restore_to_stream(archive, output, to, request, told)
    return None


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def restore(archive: Place, output: str | Path, request: RestoreRequest, progress: Progress = silent) -> None:
    """Writes what an archive holds to a file, as a request asks; the errors are those of `decompress`."""
    check_table_name(output)
    if is_collection(archive):
        decompress_tables(archive, output, request, progress)
        return
    with Archive(archive) as opened, cluster(request.workers, request.scheduler) as client:
        selection = opened.schema.select(listed_columns(request.columns, opened.schema.order))
        written, extras = for_file(selection, extras_of(opened, selection), output)
        write_file(
            output,
            written,
            restored_batches(client, opened, selection, progress),
            force=request.force,
            rntuple=request.rntuple,
            compression=request.compression,
            extras=extras,
            n_rows=n_rows(opened),
        )


@np.errstate(all="ignore")
def restored_object(
    archive: Place, library: Library | None, request: RestoreRequest, progress: Progress = silent
) -> Any:  # noqa: ANN401  it depends on the archive
    """What an archive holds as an object; of several tables a dict of one for each."""
    if is_collection(archive):
        with open_archive(archive) as collection:
            return {name: _object_of(table, library, request, progress) for name, table in collection.items()}
    with Archive(archive) as opened:
        return _object_of(opened, library, request, progress)


def _object_of(archive: Archive, library: Library | None, request: RestoreRequest, progress: Progress) -> Any:  # noqa: ANN401
    selection = archive.schema.select(listed_columns(request.columns, archive.schema.order))
    with cluster(request.workers, request.scheduler) as client:
        return as_object(archive, selection, restored_batches(client, archive, selection, progress), library)


def _restore_to_stream(
    archive: Place, output: BinaryIO, to: str | None, request: RestoreRequest, progress: Progress
) -> None:
    """Restores to a file object, by way of a temporary file: most formats are not written from front to back."""
    if to is None or to not in SUFFIXES:
        raise UsageError(
            "a file object has no suffix to determine its format",
            path=name_of(output),
            found=to,
            expected=f"one of {', '.join(SUFFIXES)} in `to`",
        )
    check_writable_object(output, name_of(output))
    with temporary_folder() as folder:
        path = folder / f"restored{SUFFIXES[to]}"
        restore(archive, path, request, progress)
        with path.open("rb") as file:
            copy_to_object(file, output, name_of(output))


def restored_beside(source: str, folder: Path) -> tuple[Path, str]:
    """The path of a restored file in a folder, with the suffix of the source, and the name by which it is read as the
    source was: with the same tree, group or key behind a colon.
    """
    path, inner = split_spec(source)
    restored, inner = folder / f"restored{suffix_of(path)}", inner.partition(";")[0]
    return restored, f"{restored}:{inner}" if inner else str(restored)
