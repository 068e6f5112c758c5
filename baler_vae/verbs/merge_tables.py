"""Archives of the same tables, merged table by table."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from baler_vae.errors import UsageError, listed
from baler_vae.io.files import ARCHIVE_SUFFIX
from baler_vae.output import replacing
from baler_vae.progress import Progress, within
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.reader.collection import Collection
from baler_vae.reader.opening import open_archive
from baler_vae.verbs.tables import info_of
from baler_vae.verbs.writing import write_collection


def merge_tables(
    merge: Callable[..., ArchiveInfo],
    archives: Sequence[str | Path],
    output: str | Path,
    *,
    force: bool,
    progress: Progress,
) -> ArchiveInfo:
    """Merges archives of the same tables, table by table, and gives what `info` says of the result. What is left out
    and the settings are those of the first.

    Raises:
        UsageError: one has other tables, or one table, or was compressed with another codec.
        BalerError: as `merge`.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(open_archive(path)) for path in archives]
        for each in opened:
            if not isinstance(each, Collection) or each.keys() != opened[0].keys():
                raise UsageError(
                    "does not hold the same tables as the archives before",
                    path=each.path,
                    found=listed(each.keys()) if isinstance(each, Collection) else "one table",
                    expected=listed(opened[0].keys()) if isinstance(opened[0], Collection) else "one table",
                )
        first = opened[0].manifest
    with (
        replacing(output, force=force) as part,
        TemporaryDirectory(prefix=f".{Path(output).name}.", suffix=".part", dir=Path(output).parent) as folder,
    ):
        paths = {}
        for number, name in enumerate(first.names):
            paths[name] = Path(folder) / f"{number}{ARCHIVE_SUFFIX}"
            merge([f"{path}:{name}" for path in archives], paths[name], progress=within(progress, name))
        write_collection(part, paths, first.left_out, first.settings)
    return info_of(output)
