"""HDF5 files: flat datasets, or the hepfile layout for jagged collections.

A group of objects has an attribute `counter`, the path of the dataset that counts them in each event; the other
datasets in that group are the objects' columns. A column is named by the path of its dataset (`muons/px`), relative to
the group that was opened. Columns with other names (`Jet_pt` under `nJet`) are written into a group named after their
collection, whose attribute `full_names` says that the names are complete without the path.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import OutputError, SourceError, nearest
from baler_vae.io.arrays import array_source, restored_array
from baler_vae.io.grouping import (
    MOST_ELEMENTS,
    Described,
    Jagged,
    bytes_by_column,
    check_names,
    describe,
    make_batch,
    missing,
    native,
    schema_of_branches,
    unique,
)
from baler_vae.io.hdf5_extras import extras_of, read_extras, write_extras
from baler_vae.io.source import STEP_EVENTS, Ranges, Source, in_steps, reading, refuse_nested, writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.schema import TEXT, Column, Origin, Schema
from baler_vae.table.table import Batch

FAILURES = (OSError, ValueError, KeyError, RuntimeError, TypeError)

CHUNK_ROWS = 16_384


def open_hdf5(path: str, inner: str) -> Source:
    """The source of an HDF5 file, of the group in it that `inner` names, or of one n-dimensional dataset.

    Raises:
        SourceError: it is no HDF5 file, or has no such group or dataset.
    """
    with reading(path, "an HDF5 file", *FAILURES), h5py.File(path) as file:
        place = file.get(inner or "/")
        if place is None:
            names: list[str] = []
            file.visit(names.append)
            raise SourceError(f"there is no group or dataset {inner!r}: {nearest(inner, names)}", path=path)
        if isinstance(place, h5py.Dataset):
            shape = place.shape[:-1] if place.ndim > 1 else ()
            return array_source(path, np.asarray(place[()]), [], Origin("hdf5", inner, shape=shape))
        return _group_source(path, inner, place)


@dataclass(frozen=True)
class Found:
    """A dataset below the opened group.

    `name` is that of its column. Where it holds objects, `counter` is the path of the dataset that counts them and
    `collection` the name of their group.
    """

    name: str
    dataset: h5py.Dataset
    counter: str = ""
    collection: str = ""

    @property
    def path(self) -> str:
        return str(self.dataset.name)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array in every row."""
        return tuple(self.dataset.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The dtype of its column or columns; None where it can be none."""
        text = h5py.check_string_dtype(self.dataset.dtype)
        if not self.dataset.ndim or (text and (self.counter or self.shape)):
            return None
        if self.shape and not 0 < np.prod(self.shape) <= MOST_ELEMENTS:
            return None
        return TEXT if text else native(self.dataset.dtype)

    @property
    def typename(self) -> str:
        """How strings of a fixed length are kept."""
        text = h5py.check_string_dtype(self.dataset.dtype)
        return f"S{text.length} {text.encoding}" if text and text.length else ""


def _walk(group: h5py.Group, name: str, prefix: str = "", counter: str = "", collection: str = "") -> Iterator[Found]:
    """The datasets below a group, in the group's order; `name` is the group's own, for a collection without folder."""
    if "counter" in group.attrs:
        counter = "/" + _decode(group.attrs["counter"]).strip("/")
        collection = prefix.strip("/") or name
        prefix = "" if group.attrs.get("full_names") else prefix
    for key in group:
        item = group.get(key)
        if isinstance(item, h5py.Group):
            yield from _walk(item, name, f"{prefix}{key}/", counter, collection)
        elif isinstance(item, h5py.Dataset):
            is_object = bool(counter) and item.name != counter
            yield Found(prefix + key, item, counter if is_object else "", collection if is_object else "")


def _group_source(path: str, inner: str, group: h5py.Group) -> Source:
    group_path = str(group.name)
    found = list(_walk(group, inner.rpartition("/")[2]))
    known = {item.path for item in found}
    outside = sorted({item.counter for item in found} - known - {""})
    elsewhere = {place: group.file.get(place) for place in outside}
    found[:0] = [Found(p.rpartition("/")[2], item) for p, item in elsewhere.items() if isinstance(item, h5py.Dataset)]
    check_names(path, [item.name for item in found], "columns")
    events = {item.path: item for item in found if not item.counter}
    n_events = _common_length([events[item.counter] for item in found if item.counter in events] or events.values())
    refused = {place: reason for place, item in events.items() if (reason := _refusal(item, n_events))}
    totals = {c: _total(events[c].dataset) for c in {f.counter for f in found} if c in events and c not in refused}
    described: list[Described] = []
    for item in found:
        dtype = item.dtype
        reason = _refusal(item, totals.get(item.counter, -1) if item.counter else n_events)
        if dtype is None or reason:
            refused[item.path] = reason
            continue
        column = Column(item.name, dtype, _decode(item.dataset.attrs.get("title", "")), item.typename)
        branch = describe(column, item.shape, jagged=bool(item.counter))
        if isinstance(branch.column, Jagged):
            jagged = Jagged(column, events[item.counter].name, collection=item.collection)
            branch = replace(branch, column=jagged)
        described.append(branch)
    schema = schema_of_branches(described, Origin("hdf5", inner, _decode(group.attrs.get("title", ""))))
    places = {item.name: item.path for item in found}
    branches = {column: branch for branch in described for column in branch.elements}
    beside = [item for item in found if item.path in refused and not item.counter]
    kept, unsupported = extras_of(beside, refused)
    unsupported |= {item.name: refused[item.path] for item in found if item.path in refused and item.counter}
    event_bytes = {item.name: item.dataset.nbytes / max(1, n_events) for item in found}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        return _batches(path, selection, in_steps(n_events, step, ranges), places, branches)

    by_column = bytes_by_column(described, event_bytes)
    return Source(path, schema, n_events, batches, unsupported, by_column, lambda: read_extras(path, group_path, kept))


def _common_length(items: Iterable[Found]) -> int:
    """The number of events: the length that most of the datasets have which are columns."""
    lengths = Counter(len(item.dataset) for item in items if item.dtype is not None)
    return lengths.most_common(1)[0][0] if lengths else 0


def _refusal(item: Found, n_rows: int) -> str:
    """Why a dataset is no column of `n_rows` values, or nothing."""
    if item.dtype is None:
        return f"{item.dataset.ndim}-d {item.dataset.dtype}"
    if n_rows < 0:
        return f"{item.counter} does not count it"
    if len(item.dataset) != n_rows:
        return f"{len(item.dataset)} values, not {n_rows}"
    return ""


def _total(counter: h5py.Dataset) -> int:
    """The sum of a dataset of counts, or -1 where it is none."""
    counts = counter[()]
    return int(counts.sum()) if counts.dtype.kind in "iu" and not (counts < 0).any() else -1


def _batches(
    path: str,
    selection: Schema,
    steps: Iterable[tuple[int, int]],
    places: Mapping[str, str],
    branches: Mapping[str, Described],
) -> Iterator[Batch]:
    first_rows = dict.fromkeys((group.name for group in selection.groups[1:]), 0)
    n_read = 0
    with reading(path, "an HDF5 file", *FAILURES), h5py.File(path) as file:
        for start, stop in steps:
            for group in selection.groups[1:]:
                first_rows[group.name] += _sum(file[places[str(group.counter)]], n_read, start)
            n_read = stop
            arrays: dict[str, NDArray[np.generic]] = {}
            for group in selection.groups:
                first, last = start, stop
                if group.counter is not None:
                    first = first_rows[group.name]
                    last = first_rows[group.name] = first + int(arrays[group.counter].sum())
                for branch in {branches[name].name: branches[name] for name in group.names}.values():
                    arrays |= branch.split(_rows(file[places[branch.name]], branch.dtype, first, last))
            yield make_batch(selection, arrays)


def _sum(counter: h5py.Dataset, start: int, stop: int) -> int:
    """The sum of the counts of some events, which need not fit into memory."""
    return sum(int(counter[first : min(first + STEP_EVENTS, stop)].sum()) for first in range(start, stop, STEP_EVENTS))


def _rows(dataset: h5py.Dataset, dtype: np.dtype[Any], start: int, stop: int) -> NDArray[np.generic]:
    if dtype == TEXT:
        return np.asarray(dataset.asstr()[start:stop], TEXT)
    return np.asarray(dataset[start:stop], dtype)


def _decode(text: Any) -> str:  # noqa: ANN401 - an attribute may be of any type
    return text.decode() if isinstance(text, bytes) else str(text)


def write_hdf5(path: Path, schema: Schema, batches: Iterable[Batch], *, extras: bytes = b"") -> None:
    """Write HDF5 as the module's docstring says, below the group that the source was read from; a table that was an
    n-dimensional dataset becomes one again. `extras` are those of the source.

    Raises:
        OutputError: a text is missing or holds NUL, or names cannot be paths beside each other.
    """
    refuse_nested(schema, "HDF5")
    origin = schema.origin
    failures = (ValueError, TypeError, KeyError, RuntimeError)
    with PatientFile(path, "w+b") as patient, h5py.File(patient, "w", track_order=True) as file:
        if origin.format == "hdf5" and origin.shape and len({column.dtype for column in schema.columns}) == 1:
            array = restored_array(schema, batches)
            with writing("an HDF5 file", *failures):
                file.create_dataset(origin.name, data=array)
        else:
            with writing("an HDF5 file", *failures):
                datasets = _create(file, schema)
            branches = branches_of(schema, masks=False)
            for batch in batches:
                for branch in branches:
                    with writing("an HDF5 file", *failures):
                        _append(datasets[branch.name], branch, branch.values(batch))
                patient.check()
        if extras:
            with writing("an HDF5 file", *failures):
                write_extras(file, extras)
    patient.check()


def _create(file: h5py.Group, schema: Schema) -> dict[str, Any]:
    """An empty dataset for each column, and the attributes of the groups that hold them."""
    base = schema.origin.name if schema.origin.format == "hdf5" else ""
    places, homes = _layout(schema, base)
    datasets = {}
    for branch in branches_of(schema, masks=False):
        place = places[branch.name]
        if place.rpartition("/")[0]:
            _require_group(file, place.rpartition("/")[0])
        dtype, packed = branch.dtype, {"compression": "gzip", "compression_opts": 1, "shuffle": True}
        if branch.is_text:
            dtype, packed = _string_dtype(branch.typename), {}
        shape = {"shape": (0, *branch.shape), "maxshape": (None, *branch.shape), "chunks": (CHUNK_ROWS, *branch.shape)}
        dataset = file.create_dataset(place, dtype=dtype, **shape, **packed)
        if branch.title:
            dataset.attrs["title"] = branch.title
        datasets[branch.name] = dataset
    array_of = {name: array.name for array in schema.arrays for name in array.columns}
    for group in schema.groups[1:]:
        home = file[homes[group.name]]
        home.attrs["counter"] = np.bytes_(places[str(group.counter)].encode())
        first = array_of.get(group.names[0], group.names[0])
        if places[first] != "/".join(filter(None, [base, first])):
            home.attrs["full_names"] = True
    if schema.origin.title and schema.origin.format == "hdf5":
        file[base or "/"].attrs["title"] = schema.origin.title
    return datasets


def _require_group(file: h5py.Group, place: str) -> None:
    """The groups on the way to a dataset, which keep the order in which they are filled."""
    if place not in file:
        parent = place.rpartition("/")[0]
        if parent:
            _require_group(file, parent)
        file.create_group(place, track_order=True)


def _layout(schema: Schema, base: str) -> tuple[dict[str, str], dict[str, str]]:
    """Where the dataset of each column goes, and the group of each collection.

    The path of a jagged column is its name where that leads into a folder of its collection's own; otherwise its name
    is put below a group for the collection.
    """
    root = f"{base}/" if base else ""
    names = [branch.name for branch in branches_of(schema, masks=False)]
    array_of = {name: array.name for array in schema.arrays for name in array.columns}
    places = {name: root + name for name in names}
    homes: dict[str, str] = {}
    for group in schema.groups[1:]:
        own = [*dict.fromkeys(array_of.get(name, name) for name in group.names)]
        home = places[own[0]].rpartition("/")[0]
        inside = {name for name in names if (root + name).startswith(f"{home}/")}
        if not home or not set(own) <= inside <= {*own, group.counter}:
            heads = {place.removeprefix(root).partition("/")[0] for place in places.values()}
            home = root + unique(group.name.replace("/", "_"), heads)
            places |= {name: f"{home}/{name}" for name in own}
        homes[group.name] = home
    return places, homes


def _string_dtype(typename: str) -> Any:  # noqa: ANN401  of h5py
    """Strings of the length that a source had, or of any."""
    found = re.fullmatch(r"S(\d+) (ascii|utf-8)", typename)
    return h5py.string_dtype(found[2], int(found[1])) if found else h5py.string_dtype()


def _append(dataset: h5py.Dataset, branch: Branch, values: NDArray[np.generic]) -> None:
    rows = missing(values) if branch.is_text else ()
    if len(rows):
        raise OutputError(
            "HDF5 has no missing strings",
            column=branch.name,
            found=f"{len(rows)} missing",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
    if dataset.dtype.kind == "S":
        values = np.array([str(value).encode() for value in values.tolist()], dataset.dtype)
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values


class PatientFile(io.FileIO):
    """A file that never fails to be written, and says so when asked: on a disk that is full the HDF5 library crashes
    the process, at the latest when the file is closed.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = self.failure or error
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raises the first failure, if there was one."""
        if self.failure is not None:
            raise self.failure
