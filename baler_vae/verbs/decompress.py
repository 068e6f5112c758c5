"""Restoring a file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from baler_vae.io.files import split_spec, suffix_of, write_file
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import is_collection
from baler_vae.scale.cluster import Client, cluster
from baler_vae.table.lists import listed_columns
from baler_vae.verbs.decompress_tables import decompress_tables
from baler_vae.verbs.naming import check_table_name
from baler_vae.verbs.restoring import RestoreRequest, extras_beside, n_rows, restored_batches


@shows_progress
def decompress(
    archive: str | Path,
    output: str | Path,
    *,
    columns: str | Sequence[str] = (),
    rntuple: bool = False,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    progress: ShownProgress = silent,
) -> None:
    """Writes what an archive (a path or a URL) holds to a file, its format told by its suffix; needs neither PyTorch
    nor the original. With `rntuple` a ROOT file holds an RNTuple, whatever was read. `workers` or a `scheduler`
    decode the row groups, as they encode them in `compress`. Of an archive of several tables all are written into one
    file, unless one is named behind a colon (`all.bvae:Events`).

    Raises:
        SourceError: there is no such archive, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
        OutputError: the file exists and `force` is false, it cannot be written, or its format cannot hold the columns.
        UsageError: the suffix is unknown, or a glob of `columns` matches nothing.
    """
    request = RestoreRequest.of(columns=columns, rntuple=rntuple, force=force, workers=workers, scheduler=scheduler)
    restore(archive, output, request, callback(progress))


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def restore(archive: str | Path, output: str | Path, request: RestoreRequest, progress: Progress = silent) -> None:
    """Writes what an archive holds to a file, as a request asks; the errors are those of `decompress`."""
    check_table_name(output)
    if is_collection(archive):
        decompress_tables(archive, output, request, progress)
        return
    with Archive(archive) as opened, cluster(request.workers, request.scheduler) as client:
        selection = opened.schema.select(listed_columns(request.columns, opened.schema.order))
        write_file(
            output,
            selection,
            restored_batches(client, opened, selection, progress),
            force=request.force,
            rntuple=request.rntuple,
            extras=extras_beside(opened, selection),
            n_rows=n_rows(opened),
        )


def restored_beside(source: str, folder: Path) -> tuple[Path, str]:
    """The path of a restored file in a folder, with the suffix of the source, and the name by which it is read as the
    source was: with the same tree, group or key behind a colon.
    """
    path, inner = split_spec(source)
    restored, inner = folder / f"restored{suffix_of(path)}", inner.partition(";")[0]
    return restored, f"{restored}:{inner}" if inner else str(restored)
