"""Restoring a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from baler_vae.archive.manifest import FIRST_FORMAT
from baler_vae.io.files import WITH_WHOLE_FILES, split_spec, write_file
from baler_vae.pipeline.cluster import Client, cluster
from baler_vae.pipeline.naming import check_table_name
from baler_vae.pipeline.reading import Archive
from baler_vae.pipeline.scaling import restored_row_groups
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.table.lists import listed_columns
from baler_vae.table.schema import Schema, several
from baler_vae.table.table import Batch


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
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
    decode the row groups, as they encode them in `compress`.

    Raises:
        SourceError: there is no such archive, or it cannot be fetched.
        ArchiveError: it is not an archive, or is damaged.
        OutputError: the file exists and `force` is false, it cannot be written, or its format cannot hold the columns.
        UsageError: the suffix is unknown, or a glob of `columns` matches nothing.
    """
    progress = callback(progress)
    check_table_name(output)
    with Archive(archive) as opened, cluster(workers, scheduler) as client:
        selection = opened.schema.select(listed_columns(several(columns), opened.schema.order))
        write_file(
            output,
            selection,
            _reported(client, opened, selection, progress),
            force=force,
            rntuple=rntuple,
            extras=opened.extras() if selection == opened.schema or not _with_whole_files(opened) else b"",
            n_rows=_n_rows(opened),
        )


def _with_whole_files(archive: Archive) -> bool:
    """Whether what the archive has beside its columns goes with all of them only."""
    return archive.schema.origin.format in WITH_WHOLE_FILES and archive.manifest.version == FIRST_FORMAT


def _n_rows(archive: Archive) -> dict[str, int]:
    """The number of rows of every group."""
    names = [group.name for group in archive.schema.groups]
    rows = archive.manifest.row_groups
    return {name: sum(counts[number] for counts in rows) for number, name in enumerate(names)}


def restored_beside(source: str, folder: Path) -> tuple[Path, str]:
    """The path of a restored file in a folder, with the suffix of the source, and the name by which it is read as the
    source was: with the same tree, group or key behind a colon.
    """
    path, inner = split_spec(source)
    suffix = Path(urlsplit(path).path if "://" in path else path).suffix
    restored, inner = folder / f"restored{suffix}", inner.partition(";")[0]
    return restored, f"{restored}:{inner}" if inner else str(restored)


def _reported(client: Client | None, archive: Archive, selection: Schema, progress: Progress) -> Iterator[Batch]:
    n_events = 0
    progress("restoring, events", 0, archive.num_entries)
    for batch in restored_row_groups(client, archive, selection):
        yield batch
        n_events += batch[0].n_rows
        progress("restoring, events", n_events, archive.num_entries)
