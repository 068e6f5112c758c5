"""npz archives: one array with the names of its columns, as Baler keeps them, or one array a column."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from baler_vae.errors import OutputError, SourceError, nearest
from baler_vae.io.arrays import array_source, restored_array
from baler_vae.io.grouping import Jagged, build_schema, counter_names, make_batch, native
from baler_vae.io.source import Ranges, Source, in_steps, reading, refuse_nested
from baler_vae.table.schema import TEXT, Column, Origin, Schema, common_prefix
from baler_vae.table.table import Batch, concatenate, offsets_from_counts

Arrays = Mapping[str, NDArray[np.generic]]

FAILURES = (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, zlib.error)

COUNTERS = "__counters__"
"""The member that names each jagged column with its counter and its collection: strings (columns, 3)."""


def open_npz(path: str, inner: str) -> Source:
    """The source of an npz archive.

    `inner` picks one array, whose last axis is the columns; a single array of two or more axes need not be named.
    `names` gives the names of its columns where there are as many. Otherwise every array is a column: event-level when
    all are equally long; else jagged where `n<prefix>` or `N<prefix>` adds up to the length of the arrays with that
    prefix, or where the archive says so as `write_npz` does.

    Raises:
        SourceError: it is no npz archive, holds pickled objects, has no such array, or lengths do not fit.
    """
    with reading(path, "an npz archive", *FAILURES), Path(path).open("rb") as stream:
        loaded = np.load(stream, allow_pickle=False)
        if not isinstance(loaded, NpzFile):
            raise SourceError("is not an npz archive", path=path, found="a single array")
        with loaded:
            if inner and inner not in loaded.files:
                raise SourceError(f"there is no array {inner!r}: {nearest(inner, loaded.files)}", path=path)
            arrays = {name: loaded[name] for name in loaded.files if not inner or name in (inner, "names")}
    key = inner or _only_array(arrays, path)
    if not key:
        return _columns_source(path, arrays)
    array = arrays[key]
    shape = array.shape[:-1] if array.ndim > 2 else ()
    return array_source(path, array, _names(arrays), Origin("npz", key, shape=shape))


def _only_array(arrays: Arrays, path: str) -> str:
    """The key of the array that is the table, or nothing where every array is a column."""
    keys = [key for key in arrays if key not in ("names", COUNTERS)]
    if len(keys) == 1 and arrays[keys[0]].ndim > 1:
        return keys[0]
    if any(arrays[key].ndim != 1 for key in keys):
        shapes = ", ".join(f"{key} {arrays[key].shape}" for key in keys)
        raise SourceError(f"holds several arrays: {shapes}", path=path, way_out=f"Name one: {path}:{keys[0]}")
    return ""


def _names(arrays: Arrays) -> list[str]:
    names = arrays.get("names")
    return [] if names is None or names.dtype.kind not in "US" else _text(np.ravel(names)).tolist()


def _text(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Strings, object (rows,), of an array of fixed-width strings or UTF-8 bytes."""
    return np.array([x.decode() if isinstance(x, bytes) else x for x in array.tolist()], TEXT)


def _columns_source(path: str, arrays: Arrays) -> Source:
    """The source of an archive with one array a column."""
    listed = {name: (counter, collection) for name, counter, collection in _listed(arrays)}
    values = {name: array for name, array in arrays.items() if not (listed and name == COUNTERS)}
    jagged = listed or _inferred(values)
    lengths = {name: len(array) for name, array in values.items() if name not in jagged}
    if len(set(lengths.values())) > 1:
        raise SourceError(
            "arrays of different lengths",
            path=path,
            found=", ".join(f"{name}: {len(array)}" for name, array in values.items()),
            way_out="Name one array behind a colon, or store integers n<prefix> that count the rows of each event",
        )
    _check_sums(path, values, jagged)
    columns: list[Column | Jagged] = []
    unsupported: dict[str, str] = {}
    for name, array in values.items():
        dtype = TEXT if array.dtype.kind in "US" and name not in jagged else native(array.dtype)
        if dtype is None:
            unsupported[name] = str(array.dtype)
            continue
        column = Column(name, dtype)
        counter, collection = jagged.get(name, ("", ""))
        columns.append(Jagged(column, counter, collection=collection) if counter else column)
    schema = build_schema(columns, Origin("npz"))
    n_events = next(iter(lengths.values()), 0)

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        offsets = {
            g.counter: offsets_from_counts(values[str(g.counter)].astype(np.int64)) for g in selection.groups[1:]
        }
        for start, stop in in_steps(n_events, step, ranges):
            cuts = {
                column.name: (start, stop) if group.counter is None else offsets[str(group.counter)][[start, stop]]
                for group in selection.groups
                for column in group.columns
            }
            taken = {c.name: (values[c.name][slice(*cuts[c.name])], c) for c in selection.columns}
            yield make_batch(
                selection, {name: _text(a) if c.is_text else a.astype(c.dtype) for name, (a, c) in taken.items()}
            )

    event_bytes = {name: array.nbytes / max(1, n_events) for name, array in values.items()}
    return Source(path, schema, n_events, batches, unsupported, event_bytes)


def _listed(arrays: Arrays) -> list[list[str]]:
    """Column, counter and collection of the jagged columns, as `write_npz` lists them."""
    listed = arrays.get(COUNTERS)
    if listed is None or listed.dtype.kind != "U" or listed.ndim != 2 or listed.shape[1] != 3:
        return []
    return [row for row in listed.tolist() if row[0] in arrays and row[1] in arrays]


def _inferred(arrays: Arrays) -> dict[str, tuple[str, str]]:
    """Counter and collection of each jagged column, where arrays of different lengths let them be told."""
    if len({len(array) for array in arrays.values()}) < 2:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for name, array in arrays.items():
        collection = common_prefix(name)
        for counter in counter_names(collection):
            counts = arrays.get(counter)
            if counter != name and counts is not None and counts.dtype.kind in "iu" and counts.sum() == len(array):
                found[name] = (counter, collection)
                break
    return found


def _check_sums(path: str, arrays: Arrays, jagged: Mapping[str, tuple[str, str]]) -> None:
    for name, (counter, _) in jagged.items():
        counts = arrays[counter]
        if counts.dtype.kind not in "iu" or counts.sum() != len(arrays[name]) or (counts.astype(np.int64) < 0).any():
            raise SourceError(
                f"the values are not as many as {counter} counts",
                path=path,
                column=name,
                found=f"{len(arrays[name])} values",
                expected=f"non-negative counts that add up to {counts.sum()}",
            )


def write_npz(path: Path, schema: Schema, batches: Iterable[Batch]) -> None:
    """Write an npz archive: the array that the source had, with `names`, or else one array a column, with the
    counters of jagged columns and a list of which counts which.

    Raises:
        OutputError: a text is missing, or cannot be kept in an array of strings.
    """
    refuse_nested(schema, "An npz archive")
    if schema.origin.format == "npz" and schema.origin.name and len({column.dtype for column in schema.columns}) == 1:
        members = {schema.origin.name: restored_array(schema, batches), "names": np.array(schema.order)}
    else:
        members = _members(schema, concatenate(list(batches), schema))
    # Not `np.savez`, whose own arguments `file` and `allow_pickle` columns may be named after.
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in members.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, array, allow_pickle=False)


def _members(schema: Schema, batch: Batch) -> dict[str, NDArray[np.generic]]:
    arrays = {column.name: (table[column.name], column) for table in batch for column in table.group.columns}
    members = {name: _strings(*arrays[name]) if arrays[name][1].is_text else arrays[name][0] for name in schema.order}
    if schema.is_jagged:
        rows = [[name, str(group.counter), group.name] for group in schema.groups[1:] for name in group.names]
        members[COUNTERS] = np.array(rows)
    return members


def _strings(values: NDArray[np.generic], column: Column) -> NDArray[np.generic]:
    """Strings of fixed width, which can neither be missing nor end in NUL."""
    strings = values.astype(np.str_)
    wrong = np.flatnonzero(strings.astype(TEXT) != values)
    if len(wrong):
        raise OutputError(
            "missing strings, or strings that end in NUL, have no place in an npz archive",
            column=column.name,
            rows=f"row {wrong[0]}",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
    return strings
