"""The tables of files and archives, by name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from baler_vae.errors import BalerError
from baler_vae.io.files import is_archive, split_spec, tables_of
from baler_vae.reader.archive_info import ArchiveInfo
from baler_vae.reader.collection import Collection
from baler_vae.reader.opening import open_archive


@contextmanager
def in_table(name: str, specs: Sequence[str]) -> Iterator[None]:
    """A context in which errors that name one of several files name a table in it too."""
    files = {split_spec(spec)[0] for spec in specs}
    try:
        yield
    except BalerError as error:
        if error.path in files:
            error.path = f"{error.path}:{name}"
        raise


def tables_in(spec: str | Path) -> list[str]:
    """The names of the tables of a file or an archive; one without a name where one is named in `spec` already, or the
    only one has none.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        ArchiveError: an archive is damaged.
        UsageError: the suffix is unknown.
    """
    place, inner = split_spec(spec)
    if inner:
        return [""]
    if not is_archive(place):
        return list(tables_of(place).names)
    with open_archive(place) as opened:
        return opened.keys() if isinstance(opened, Collection) else [opened.schema.origin.name]


def file_name(table: str) -> str:
    """The name of a table as a part of the name of a file, whatever characters it has."""
    return re.sub(r"[^\w.-]+", "_", table)[:100]


def info_of(path: str | Path) -> ArchiveInfo:
    """What `info` says of an archive of one table or of several."""
    with open_archive(path) as archive:
        found: ArchiveInfo = archive.info()
        return found
