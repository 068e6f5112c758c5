"""Restoring a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.errors import UsageError
from baler_vae.io.files import split_spec, suffix_of, write_file
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import is_collection
from baler_vae.reader.collection import open as open_archive
from baler_vae.scale.cluster import Client, cluster
from baler_vae.table.lists import listed_columns
from baler_vae.table.schema import Schema, as_tuple
from baler_vae.table.table import Batch
from baler_vae.verbs.in_memory import Object, as_object, for_file
from baler_vae.verbs.naming import check_table_name
from baler_vae.verbs.row_groups import restored_row_groups
from baler_vae.verbs.tables import decompress_tables, n_rows, with_whole_files


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def decompress(
    archive: str | Path,
    output: str | Path | None = None,
    *,
    library: Object | None = None,
    columns: str | Sequence[str] = (),
    rntuple: bool = False,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | Client | None = None,
    progress: ShownProgress = silent,
) -> Any:  # noqa: ANN401  it depends on the archive
    """Writes what an archive (a path or a URL) holds to a file, its format told by its suffix; needs neither PyTorch
    nor the original. Without an `output` it is returned: as what was compressed, or in the form of a `library` ("ak",
    "np", "pd" or "pa"; see `as_object`). With `rntuple` a ROOT file holds an RNTuple, whatever was read. `workers` or
    a `scheduler` decode the row groups, as they encode them in `compress`. Of an archive of several tables all are
    written into one file (or returned, in a dict), unless one is named behind a colon (`all.bvae:Events`).

    Raises:
        SourceError: there is no such archive, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
        OutputError: the file exists and `force` is false, it cannot be written, or its format cannot hold the columns.
        UsageError: the suffix is unknown, or a glob of `columns` matches nothing.
    """
    progress = callback(progress)
    if output is None:
        return _object(archive, library, columns=columns, workers=workers, scheduler=scheduler, progress=progress)
    if library is not None:
        raise UsageError("a library is for objects, not for files", path=output, way_out="Leave out one of them")
    check_table_name(output)
    if is_collection(archive):
        decompress_tables(
            _reported,
            archive,
            output,
            columns=as_tuple(columns),
            rntuple=rntuple,
            force=force,
            workers=workers,
            scheduler=scheduler,
            progress=progress,
        )
        return None
    with Archive(archive) as opened, cluster(workers, scheduler) as client:
        selection = opened.schema.select(listed_columns(as_tuple(columns), opened.schema.order))
        extras = opened.extras() if selection == opened.schema or not with_whole_files(opened) else b""
        written, extras = for_file(selection, extras, output)
        write_file(
            output,
            written,
            _reported(client, opened, selection, progress),
            force=force,
            rntuple=rntuple,
            extras=extras,
            n_rows=n_rows(opened),
        )
    return None


def _object(
    archive: str | Path,
    library: Object | None,
    *,
    columns: str | Sequence[str],
    workers: int | None,
    scheduler: str | Client | None,
    progress: Progress,
) -> Any:  # noqa: ANN401  it depends on the archive
    """What an archive holds as an object; of several tables a dict of one for each."""
    options: dict[str, Any] = {"columns": columns, "workers": workers, "scheduler": scheduler, "progress": progress}
    if is_collection(archive):
        with open_archive(archive) as collection:
            names = collection.keys()
        return {name: _object(f"{archive}:{name}", library, **options) for name in names}
    with Archive(archive) as opened, cluster(workers, scheduler) as client:
        selection = opened.schema.select(listed_columns(as_tuple(columns), opened.schema.order))
        return as_object(opened, selection, _reported(client, opened, selection, progress), library)


def restored_beside(source: str, folder: Path) -> tuple[Path, str]:
    """The path of a restored file in a folder, with the suffix of the source, and the name by which it is read as the
    source was: with the same tree, group or key behind a colon.
    """
    path, inner = split_spec(source)
    restored, inner = folder / f"restored{suffix_of(path)}", inner.partition(";")[0]
    return restored, f"{restored}:{inner}" if inner else str(restored)


def _reported(client: Client | None, archive: Archive, selection: Schema, progress: Progress) -> Iterator[Batch]:
    n_events = 0
    progress("restoring, events", 0, archive.num_entries)
    for batch in restored_row_groups(client, archive, selection):
        yield batch
        n_events += batch[0].n_rows
        progress("restoring, events", n_events, archive.num_entries)
    progress("finishing the file", 0, 1)
