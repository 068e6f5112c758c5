"""The doors of the room: open a file of any known format, write a table into one."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from baler_vae.errors import BalerError, OutputError, SourceError, UsageError
from baler_vae.io.members import check_members
from baler_vae.io.source import Source, any_failure, guarded, reason
from baler_vae.output import replacing
from baler_vae.paths import check_file, exists
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch

MODULES = {
    ".root": "root",
    ".csv": "delimited",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".npz": "npz",
}
"""The module of each suffix; it has functions `open_<module>` and `write_<module>`."""

MODULES_OF_ORIGINS = {"hdf5": "hdf5"}
"""The module of each format of origin that has extras, which its `write_<module>` takes."""
WITH_WHOLE_FILES = frozenset({"hdf5"})
"""The formats whose extras are those of a whole file: some columns of one have none."""


def open_source(spec: str | Path) -> Source:
    """The source that a file name stands for, its format told by its suffix.

    What follows the last `:` names a TTree, an HDF5 group or dataset, or an npz key: `file.root:Events`. A file whose
    name is the whole text goes first. Where a file has but one TTree, it need not be named. A URL such as
    `https://host/file.csv` is fetched first, except for ROOT files, which are read in parts.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: the suffix is unknown.
    """
    path, inner = split_spec(spec)
    opener: Callable[[str, str], Source] = _function("open", path)
    if "://" in path:
        with any_failure(path):
            source = opener(path, inner) if _suffix(path) == ".root" else opener(_fetch(path), inner)
            return guarded(replace(source, path=path))
    check_file(path)
    with any_failure(path):
        return guarded(opener(path, inner))


def write_file(
    path: str | Path,
    schema: Schema,
    batches: Iterable[Batch],
    *,
    force: bool = False,
    rntuple: bool = False,
    extras: bytes = b"",
) -> None:
    """Write all batches into a file, its format told by its suffix; it appears whole or not at all. With `rntuple` a
    ROOT file holds an RNTuple in place of a TTree. `extras` are those of a source of the same format; others are left
    out.

    Raises:
        OutputError: the file exists and `force` is false, cannot be written, or its format cannot hold the schema.
        UsageError: the suffix is unknown.
    """
    write = _function("write", str(path))
    name = MODULES[_suffix(str(path))]
    if rntuple and name != "root":
        raise UsageError("only ROOT files hold an RNTuple", path=path, way_out="Leave out --rntuple")
    options: dict[str, Any] = {"rntuple": rntuple} if name == "root" else {}
    if extras and name == MODULES_OF_ORIGINS.get(schema.origin.format):
        options["extras"] = extras
    with replacing(path, force=force) as part:
        try:
            if name == "npz":
                check_members(schema)
            write(part, schema, batches, **options)
        except OutputError as error:
            error.path = error.path or str(path)
            raise
        except (BalerError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever a library raises for what it cannot write
            raise OutputError(
                f"cannot be written: {reason(error)}",
                path=path,
                way_out="Write another format, or choose other columns with --columns",
            ) from error


def split_spec(spec: str | Path) -> tuple[str, str]:
    """The file's path or URL, and what is named inside it (or nothing)."""
    text = str(spec)
    if exists(text):
        return text, ""
    suffixes = "|".join(re.escape(suffix) for suffix in MODULES)
    found = re.fullmatch(rf"(.*(?:{suffixes})(?:\?.*)?):([^:]+)", text, re.IGNORECASE)
    return (found[1], found[2].strip("/")) if found else (text, "")


def file_stamp(spec: str) -> tuple[int, int] | None:
    """The size in bytes and the time of modification (ns) of a file, which tell whether another took its place; None of
    a URL, and where there is no such file.
    """
    path = Path(split_spec(spec)[0])
    if not exists(path):
        return None
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _suffix(path: str) -> str:
    return PurePosixPath(urlsplit(path).path if "://" in path else Path(path).name).suffix.lower()


def _function(verb: str, path: str) -> Callable[..., Any]:
    suffix = _suffix(path)
    if suffix not in MODULES:
        raise UsageError(
            f"unknown file format: {suffix or 'no suffix'}", path=path, expected=f"one of {', '.join(MODULES)}"
        )
    name = MODULES[suffix]
    function: Callable[..., Any] = getattr(import_module(f"baler_vae.io.{name}"), f"{verb}_{name}")
    return function


def _fetch(url: str) -> str:
    """The path of a local copy, which fsspec keeps until the process ends."""
    import fsspec  # noqa: PLC0415 - only for URLs

    try:
        return str(fsspec.open_local(f"simplecache::{url}"))
    except (OSError, ValueError, ImportError) as error:
        raise SourceError(f"cannot be fetched: {error}", path=url) from error
