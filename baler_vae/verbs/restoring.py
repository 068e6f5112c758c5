"""What is asked of `decompress`, and what it takes from an archive for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from baler_vae.archive.manifest import FIRST_FORMAT
from baler_vae.io.files import WITH_WHOLE_FILES, check_compression
from baler_vae.progress import Progress
from baler_vae.reader.archive import Archive
from baler_vae.scale.cluster import Client
from baler_vae.table.schema import Schema, as_tuple
from baler_vae.table.table import Batch
from baler_vae.verbs.row_groups import restored_row_groups


@dataclass(frozen=True, kw_only=True)
class RestoreRequest:
    """How an archive is restored: all arguments are those of `decompress`."""

    columns: tuple[str, ...] = ()
    rntuple: bool = False
    compression: str = ""
    force: bool = False
    workers: int | None = None
    scheduler: str | Client | None = None

    @classmethod
    def of(
        cls,
        *,
        columns: str | Sequence[str] = (),
        rntuple: bool = False,
        compression: str | None = None,
        force: bool = False,
        workers: int | None = None,
        scheduler: str | Client | None = None,
    ) -> "RestoreRequest":
        """The request that the arguments of `decompress` make.

        Raises:
            UsageError: there is no such compression.
        """
        return cls(
            columns=as_tuple(columns),
            rntuple=rntuple,
            compression="" if compression is None else check_compression(compression),
            force=force,
            workers=workers,
            scheduler=scheduler,
        )


def restored_batches(client: Client | None, archive: Archive, selection: Schema, progress: Progress) -> Iterator[Batch]:
    """The row groups of an archive, in their order; who is told hears of each."""
    n_events = 0
    progress("restoring, events", 0, archive.num_entries)
    for batch in restored_row_groups(client, archive, selection):
        yield batch
        n_events += batch[0].n_rows
        progress("restoring, events", n_events, archive.num_entries)
    progress("finishing the file", 0, 1)


def extras_of(table: Archive, selection: Schema) -> bytes:
    """What goes beside some columns of a table, or all."""
    return table.extras() if selection == table.schema or not _with_whole_files(table) else b""


def _with_whole_files(archive: Archive) -> bool:
    """Whether what the archive has besides its columns goes with all of them only."""
    return archive.schema.origin.format in WITH_WHOLE_FILES and archive.manifest.version == FIRST_FORMAT


def n_rows(archive: Archive) -> dict[str, int]:
    """The number of rows of every group."""
    names = [group.name for group in archive.schema.groups]
    rows = archive.manifest.row_groups
    return {name: sum(counts[number] for counts in rows) for number, name in enumerate(names)}
