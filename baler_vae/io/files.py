"""Opening a file of any known format, and writing a table to one."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from baler_vae.errors import BalerError, OutputError, SourceError, UsageError, files_in
from baler_vae.output import replacing
from baler_vae.paths import check_file, exists, is_folder
from baler_vae.source.dialect import DialectOptions
from baler_vae.source.padding import with_collections
from baler_vae.source.source import Content, Source, Tables, any_failure, guarded, reason
from baler_vae.table.padding import spread_batches, without_collections
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst")
"""The suffixes of compressed text files."""

MODULES = {
    ".root": "root",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".parq": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".ipc": "feather",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".npz": "npz",
    ".npy": "npy",
    **{f"{text}{way}": "delimited" for text in (".csv", ".tsv", ".dat", ".txt") for way in ("", *COMPRESSIONS)},
}
"""The format of each suffix; its module has functions `open_<format>` and `write_<format>`."""

_HOMES = {
    "root": "baler_vae.root.files",
    "parquet": "baler_vae.arrow.parquet",
    "feather": "baler_vae.arrow.feather",
    "hdf5": "baler_vae.hdf5.files",
    "npz": "baler_vae.npz.npz",
    "npy": "baler_vae.npz.npy",
    "delimited": "baler_vae.text.files",
}
"""The module of each format."""

NAMING_TABLES = {"root": "baler_vae.root.tables"}
"""The modules of `tables_<format>`, which names the tables of a file, where that is not the format's own.
Formats without one have one table in each file.
"""

WRITING_TABLES = {"root": "baler_vae.root.tables", "hdf5": "baler_vae.hdf5.tables"}
"""The module of each format into whose files several tables can be written, by its function `write_tables_<format>`."""

ARCHIVE_SUFFIX = ".bvae"

MODULES_OF_ORIGINS = {
    "csv": "delimited",
    **{name: name for name in ("hdf5", "parquet", "feather", "npz", "npy")},
}
"""The module of each format of origin that has extras, which its `write_<module>` takes."""
WITH_WHOLE_FILES = frozenset({"hdf5"})
"""The formats whose extras are those of a whole file: some columns of one have none."""


def open_source(spec: str | Path, dialect: DialectOptions | None = None) -> Source:
    """The source that a file name stands for, as `open_table` opens it, with padded arrays as collections.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: the suffix is unknown, or a dialect is given for a file that is not text.
    """
    source = open_table(spec, dialect)
    with any_failure(source.path):
        return with_collections(source)


def open_table(spec: str | Path, dialect: DialectOptions | None = None) -> Source:
    """The source that a file name stands for, its format given by its suffix.

    What follows the last `:` names a TTree, an HDF5 group or dataset, or an npz key: `file.root:Events`. A file whose
    name is the whole text goes first. If a file has only one TTree, it need not be named. A URL such as
    `https://host/file.csv` is fetched first, except for ROOT files, which are read in parts. A `dialect` says how a
    file of delimited text is written; others have none.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: the suffix is unknown, or a dialect is given for a file that is not text.
    """
    path, inner = split_spec(spec)
    _check_no_folder(path)
    opener: Callable[..., Source] = _function("open", path)
    if dialect is not None:
        if MODULES[suffix_of(path)] != "delimited":
            raise UsageError(
                "only delimited text has a dialect",
                path=path,
                found=", ".join(f"--{name} {value!r}" for name, value in dialect.given().items()),
                way_out="Leave these options out",
            )
        opener = partial(opener, options=dialect)
    if "://" in path:
        with any_failure(path):
            source = opener(path, inner) if suffix_of(path) == ".root" else opener(_fetch(path), inner)
            return guarded(replace(source, path=path))
    check_file(path)
    with any_failure(path):
        return guarded(opener(path, inner))


def _check_no_folder(path: str) -> None:
    """Check that the path is not a folder.

    Raises:
        SourceError: it is; the text names the files in it.
    """
    if "://" not in path and is_folder(path):
        raise SourceError("is a directory", path=path, way_out=files_in(path, MODULES))


def tables_of(spec: str | Path) -> Tables:
    """The tables of a file: the one that is named behind a colon, or all that its format can tell apart, or one without
    a name.

    Raises:
        SourceError: there is no such file, or it cannot be read.
        UsageError: the suffix is unknown.
    """
    path, inner = split_spec(spec)
    _check_no_folder(path)
    name = _format(path)
    found = getattr(import_module(NAMING_TABLES.get(name) or _HOMES[name]), f"tables_{name}", None)
    if inner or found is None:
        return Tables((inner,))
    if "://" not in path:
        check_file(path)
    with any_failure(path):
        tables: Tables = found(path if "://" not in path or name == "root" else _fetch(path))
        return tables


def write_file(
    path: str | Path,
    schema: Schema,
    batches: Iterable[Batch],
    *,
    force: bool = False,
    rntuple: bool = False,
    compression: str = "",
    extras: bytes = b"",
    n_rows: Mapping[str, int] | None = None,
) -> None:
    """Write all batches into a file, its format given by its suffix; it appears whole or not at all. With `rntuple` a
    ROOT file holds an RNTuple in place of a TTree; `compression` is that of a ROOT file, by default as the source was.
    `extras` are those of a source of the same format; others are left out. `n_rows` are the numbers of rows of all
    groups, where they are known: datasets in HDF5 files may not grow.

    Raises:
        OutputError: the file exists and `force` is false, cannot be written, or its format cannot hold the schema.
        UsageError: the suffix is unknown.
    """
    write = _function("write", str(path))
    name = MODULES[suffix_of(str(path))]
    options = _root_options(path, rntuple=rntuple, compression=compression)
    if name == "delimited":
        options["suffix"] = suffix_of(str(path))
    if extras and name == MODULES_OF_ORIGINS.get(schema.origin.format):
        options["extras"] = extras
        options |= {"n_rows": n_rows} if name == "hdf5" else {}
    with _appearing(path, force=force) as part:
        write(part, without_collections(schema), spread_batches(batches, schema), **options)


def write_tables(
    path: str | Path,
    contents: Iterable[Content],
    *,
    force: bool = False,
    rntuple: bool = False,
    compression: str = "",
) -> None:
    """Write several tables into one file, its format given by its suffix, as `write_file` writes one.

    Raises:
        OutputError: as for `write_file`, or its format holds one table.
        UsageError: the suffix is unknown.
    """
    name = _format(str(path))
    options = _root_options(path, rntuple=rntuple, compression=compression)
    if not holds_tables(path):
        raise OutputError(
            f"a {suffix_of(str(path))} file holds one table",
            path=path,
            way_out="Write .root or .h5, name one table (ARCHIVE:TABLE), or a folder for a file of each",
        )
    write: Callable[..., None] = getattr(import_module(WRITING_TABLES[name]), f"write_tables_{name}")
    spread = (
        replace(own, schema=without_collections(own.schema), batches=spread_batches(own.batches, own.schema))
        for own in contents
    )
    with _appearing(path, force=force) as part:
        write(part, spread, **options)


def check_compression(text: str) -> str:
    """A compression of ROOT files in full, `zstd:5` for `zstd`.

    Raises:
        UsageError: there is no such algorithm or level.
    """
    from baler_vae.root.compression import check_compression as check  # noqa: PLC0415 - uproot is slow to load

    return check(text)


def _root_options(path: str | Path, *, rntuple: bool, compression: str) -> dict[str, Any]:
    """The options of the writer of ROOT files; none for other formats.

    Raises:
        UsageError: another format is asked for an RNTuple or for a compression.
    """
    if _format(str(path)) == "root":
        return {"rntuple": rntuple, "compression": compression}
    if rntuple:
        raise UsageError("only ROOT files hold an RNTuple", path=path, way_out="Leave out --rntuple")
    if compression:
        raise UsageError("only ROOT files have a choice of compression", path=path, way_out="Leave out --compression")
    return {}


@contextmanager
def _appearing(path: str | Path, *, force: bool) -> Iterator[Path]:
    """A context that writes a file, which takes its place when it ends; what cannot be written is said of that path."""
    with replacing(path, force=force) as part:
        try:
            yield part
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


def holds_tables(path: str | Path) -> bool:
    """Whether several tables can be written into a file of this suffix."""
    return _format(str(path)) in WRITING_TABLES


def extras_differences(origin: Origin, extras: bytes, others: bytes) -> list[str]:
    """The names of what differs between the extras of two tables of one origin; nothing where the second has none.

    Raises:
        CorruptArchive: extras cannot be read.
    """
    if extras == others or not others:
        return []
    differences = _of_extras("differences", origin.format)
    return ["what is not a column"] if differences is None else list(differences(extras, others))


def extras_have_rows(origin: str, extras: bytes) -> bool:
    """Whether extras of a format of origin hold something of every row.

    Raises:
        CorruptArchive: they cannot be read.
    """
    has_rows = _of_extras("has_rows", origin)
    return has_rows is not None and bool(has_rows(extras))


def _of_extras(verb: str, origin: str) -> Callable[..., Any] | None:
    """The function for extras of a format of origin; None where that has none."""
    name = MODULES_OF_ORIGINS.get(origin)
    return None if name is None else getattr(import_module(_HOMES[name]), f"{verb}_{name}", None)


def split_spec(spec: str | Path) -> tuple[str, str]:
    """The file's path or URL, and what is named inside it (or nothing)."""
    text = str(spec)
    if exists(text):
        return text, ""
    suffixes = "|".join(re.escape(suffix) for suffix in (*MODULES, ARCHIVE_SUFFIX))
    found = re.fullmatch(rf"(.*(?:{suffixes})(?:\?.*)?):(.+)", text, re.IGNORECASE)
    return (found[1], found[2].strip("/")) if found else (text, "")


def is_archive(spec: str | Path) -> bool:
    """Whether a path or URL is named like an archive, or a table in it."""
    return suffix_of(split_spec(spec)[0]) == ARCHIVE_SUFFIX


def suffix_of(path: str) -> str:
    """The suffix of a path or URL in small letters, with that of the file in it where it is compressed: `.csv.gz`."""
    *_, before, last = ["", "", *PurePosixPath(urlsplit(path).path if "://" in path else Path(path).name).suffixes]
    return f"{before}{last}".lower() if last.lower() in COMPRESSIONS else last.lower()


def stem_of(path: str) -> str:
    """The name of a file without its suffix."""
    name = PurePosixPath(urlsplit(path).path if "://" in path else Path(path).name).name
    return name[: len(name) - len(suffix_of(path))]


def is_text(spec: str | Path) -> bool:
    """Whether a file is named like delimited text."""
    return MODULES.get(suffix_of(split_spec(spec)[0])) == "delimited"


def file_stamp(spec: str) -> tuple[int, int] | None:
    """The size in bytes and the time of modification (ns) of a file, which tell whether another took its place; None of
    a URL, and where there is no such file.
    """
    path = Path(split_spec(spec)[0])
    if not exists(path):
        return None
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _format(path: str) -> str:
    """The name of a format, which is that of its module."""
    suffix = suffix_of(path)
    if suffix not in MODULES:
        known = [name for name in MODULES if not name.endswith(COMPRESSIONS)]
        raise UsageError(
            f"unknown file format: {suffix or 'no suffix'}",
            path=path,
            expected=f"one of {', '.join(known)}, or {COMPRESSIONS[0]} or another compression of a text file",
        )
    return MODULES[suffix]


def _function(verb: str, path: str) -> Callable[..., Any]:
    name = _format(path)
    function: Callable[..., Any] = getattr(import_module(_HOMES[name]), f"{verb}_{name}")
    return function


def _fetch(url: str) -> str:
    """The path of a local copy, which fsspec keeps until the process ends."""
    import fsspec  # noqa: PLC0415 - only for URLs

    try:
        return str(fsspec.open_local(f"simplecache::{url}"))
    except (OSError, ValueError, ImportError) as error:
        raise SourceError(f"cannot be fetched: {error}", path=url) from error
