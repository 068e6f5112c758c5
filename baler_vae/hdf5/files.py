"""HDF5 files: flat datasets, datasets of compounds, or the hepfile layout for jagged collections.

A group of objects has an attribute `counter`, the path of the dataset that counts them in each event; the other
datasets in that group are the objects' columns. A column is named by the path of its dataset (`muons/px`), relative to
the group that was opened, and by the fields of a compound (`jets/pt`, `jets/track.d0`). Columns with other names
(`Jet_pt` under `nJet`) are written into a group named after their collection, whose attribute `full_names` says that
the names are complete without the path.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import h5py
import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import SourceError, nearest
from baler_vae.hdf5.comparing import differences_hdf5, has_rows_hdf5
from baler_vae.hdf5.extras import KeptExtras, Template, kept_extras, read_extras
from baler_vae.hdf5.listing import tables_in
from baler_vae.hdf5.rows import read_rows, take_parts
from baler_vae.hdf5.types import DatasetLayout, FieldPart, bytes_of, layout_of, numpy_dtype
from baler_vae.hdf5.walk import Entry, Walk, printable, text_attribute, unreadable
from baler_vae.hdf5.writing import write_hdf5
from baler_vae.source.arrays import array_source
from baler_vae.source.grouping import (
    MOST_ELEMENTS,
    Described,
    Jagged,
    bytes_by_column,
    check_names,
    describe,
    has_cells,
    make_batch,
    native,
    schema_of_branches,
    unique,
)
from baler_vae.source.patient import PatientFile
from baler_vae.source.source import STEP_EVENTS, Ranges, Source, Tables, in_steps, reading
from baler_vae.table.schema import Column, Origin, Schema
from baler_vae.table.table import Batch

__all__ = ["FAILURES", "PatientFile", "differences_hdf5", "has_rows_hdf5", "open_hdf5", "tables_hdf5", "write_hdf5"]

FAILURES = (OSError, ValueError, KeyError, RuntimeError, TypeError)

_LABELS = re.compile(r"axis0|block\d+_items")
"""How pandas names the labels of the columns of a frame."""
_BLOCK = re.compile(r"block\d+_values")
"""How pandas names the values of columns of a frame that have one dtype."""


def open_hdf5(path: str, inner: str, *, arrays: bool = True) -> Source:
    """The source of an HDF5 file, of the group in it that `inner` names, or of one dataset: of numbers along two axes
    the second is the columns, along more the rows of one column are arrays. Without `arrays`, as earlier versions
    did, those of many elements are kept besides the columns, and all axes of one dataset but the last are rows.

    Raises:
        SourceError: it is not an HDF5 file, or has no such group or dataset.
    """
    with reading(path, "an HDF5 file", *FAILURES), h5py.File(path) as file:
        place = file.get(inner or "/")
        if place is None:
            names: list[str] = []
            file.visit(names.append)
            raise SourceError(f"there is no group or dataset {inner!r}: {nearest(inner, names)}", path=path)
        base = "/" + inner.strip("/")
        if isinstance(place, h5py.Dataset) and _is_matrix(place, arrays=arrays):
            return _array_source(path, inner, base, place)
        return _source(path, inner, base, file, arrays=arrays)


def _is_matrix(dataset: h5py.Dataset, *, arrays: bool) -> bool:
    """Whether the last axis of a dataset is the columns."""
    if dataset.ndim < 2 or native(numpy_dtype(dataset.id.get_type())) is None:
        return False
    return dataset.ndim == 2 or not arrays or not has_cells(dataset.shape[1:])


def tables_hdf5(path: str) -> Tables:
    """The tables of a file, as `tables_in` tells them apart.

    Raises:
        SourceError: it is not an HDF5 file.
    """
    with reading(path, "an HDF5 file", *FAILURES), h5py.File(path) as file:
        return Tables(tables_in(file))


def _array_source(path: str, inner: str, base: str, dataset: h5py.Dataset) -> Source:
    """The source of one n-dimensional dataset of numbers."""
    origin = Origin("hdf5", inner, shape=dataset.shape[:-1])
    reason = unreadable(dataset)
    if reason:
        raise SourceError(f"the dataset cannot be read: {reason}", path=path, column=inner)
    if 0 in dataset.shape[1:-1]:
        raise SourceError(
            "holds no columns: one of its axes is empty", path=path, column=inner, found=f"a shape of {dataset.shape}"
        )
    layout = layout_of(dataset)
    array = np.concatenate(
        [*read_rows(dataset, layout, 0, len(dataset)), np.empty((0, *dataset.shape[1:]), layout.dtype)]
    )
    source = array_source(path, array, [], origin)
    templates = {base: Template(layout, is_array=True)}
    return replace(source, extras=lambda: read_extras(path, base, templates, KeptExtras()))


@dataclass(frozen=True)
class Found:
    """A dataset at or below the opened place, with the parts of its values by the names of their columns. With a
    `reason` they are not columns: the dataset is among the extras, or cannot be read at all where it is `lost`.
    """

    entry: Entry
    layout: DatasetLayout
    parts: Mapping[str, FieldPart]
    reason: str = ""
    lost: bool = False

    @property
    def path(self) -> str:
        return self.entry.path

    @property
    def name(self) -> str:
        return self.entry.name

    @property
    def counter(self) -> str:
        return self.entry.counter

    @property
    def dataset(self) -> h5py.Dataset:
        return self.entry.item

    @property
    def is_column(self) -> bool:
        return bool(self.parts) and not self.reason


def _source(path: str, inner: str, base: str, file: h5py.File, *, arrays: bool) -> Source:
    walk = Walk(file, base)
    entries = walk.entries()
    entries[:0] = _counters_outside(file, entries)
    datasets = _judged([_found(entry, base, arrays=arrays) for entry in entries if entry.is_dataset])
    if not isinstance(file[base], h5py.Group) and not any(item.is_column for item in datasets):
        item = datasets[0]
        reason = item.reason if item.lost else f"it holds {_contents(item)}, not a table"
        raise SourceError(f"the dataset cannot be read: {reason}", path=path, column=inner)
    columns = {item.path: item for item in datasets if item.is_column}
    n_events = next((len(item.dataset) for item in columns.values() if not item.counter), 0)
    described = [_describe(name, item, columns) for item in columns.values() for name in item.parts]
    check_names(path, [name for branch in described for name in {branch.name, *branch.elements}], "columns")
    schema = schema_of_branches(described, Origin("hdf5", inner, text_attribute(file[base], "title")))
    if isinstance(file[base], h5py.Dataset) and [column.is_array for column in schema.columns] == [True]:
        # Without extras too it becomes the dataset of that name again, not one in a group of that name.
        schema = replace(schema, origin=replace(schema.origin, shape=(n_events,)))
    kept = kept_extras((item.path, item.name, item.dataset, item.layout, item.reason, item.lost) for item in datasets)
    templates = {
        item.path: Template(item.layout, item.parts, complete=item.path not in kept.without_rest)
        for item in columns.values()
    }
    places = {name: (item.path, part) for item in columns.values() for name, part in item.parts.items()}
    branches = {column: branch for branch in described for column in branch.elements}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        return _batches(path, selection, in_steps(n_events, step, ranges), places, branches)

    event_bytes = {
        name: part.n_bytes * len(item.dataset) / max(1, n_events)
        for item in columns.values()
        for name, part in item.parts.items()
    }
    return Source(
        path,
        schema,
        n_events,
        batches,
        {**kept.refused, **walk.refused},
        bytes_by_column(described, event_bytes),
        lambda: read_extras(path, base, templates, kept),
        kept.n_bytes,
        _notes(file, base),
        earlier=partial(open_hdf5, path, inner, arrays=False) if any(c.is_array for c in schema.columns) else None,
    )


def _found(entry: Entry, base: str, *, arrays: bool) -> Found:
    """A dataset with the names of its columns: its own, and that of a field behind it."""
    layout = layout_of(entry.item, arrays=arrays and not entry.counter)  # objects of a collection have no such columns
    parts: dict[str, FieldPart] = {}
    for part in layout.parts:
        field = printable(".".join(part.fields))
        name = field if entry.path == base and field else "/".join(filter(None, [entry.name, field]))
        parts[unique(name, parts)] = part
    return Found(entry, layout, parts)


def _counters_outside(file: h5py.File, entries: Sequence[Entry]) -> list[Entry]:
    """The datasets beyond the opened place that count objects in it."""
    known = {entry.path for entry in entries}
    outside = sorted({entry.counter for entry in entries} - known - {""})
    found = {place: file.get(place) for place in outside}
    return [Entry(p, printable(p.rpartition("/")[2]), d) for p, d in found.items() if isinstance(d, h5py.Dataset)]


def _judged(datasets: Sequence[Found]) -> list[Found]:
    """The datasets with the reasons why some are not columns."""
    judged = {item.path: _without_lost(item) for item in datasets}
    events = {item.path: item for item in judged.values() if not item.counter}
    counters = [events[item.counter] for item in judged.values() if item.counter in events]
    n_events = _common_length(counters or [item for item in events.values() if not _is_label(item)])
    for path, item in events.items():
        judged[path] = replace(item, reason=item.reason or _beside(item, n_events))
    totals = {path: _total(judged[path].dataset) for path in {item.path for item in counters} if judged[path].is_column}
    for path, item in judged.items():
        if not item.counter or item.lost:
            continue
        total = totals.get(item.counter, -1)
        if not item.parts:
            judged[path] = replace(item, reason=_contents(item))
        elif total < 0:
            judged[path] = replace(item, reason=f"{item.counter} does not count it", lost=True)
        elif len(item.dataset) != total:
            judged[path] = replace(item, reason=f"{len(item.dataset)} values, not {total}", lost=True)
    return list(judged.values())


def _without_lost(item: Found) -> Found:
    reason = unreadable(item.dataset)
    return replace(item, reason=reason, lost=True) if reason else item


def _beside(item: Found, n_events: int) -> str:
    """Why a dataset has no columns of `n_events` values, or nothing."""
    if any(name.startswith("_i_") for name in item.path.split("/")):
        return "a PyTables index"
    if not item.parts:
        return _contents(item)
    return "" if len(item.dataset) == n_events else f"{len(item.dataset)} values, not {n_events}"


def _contents(item: Found) -> str:
    """What a dataset that cannot be a column contains."""
    dataset = item.dataset
    wide = dataset.shape[1:] if dataset.shape and native(item.layout.dtype) is not None else ()
    dtype = item.layout.dtype
    kind = "compounds" if dtype.names is not None else str(dtype) if dtype.itemsize else "values without a numpy dtype"
    what = f"{dataset.ndim}-d {kind}"
    return f"{what}, {int(np.prod(wide))} numbers in a row" if wide else what


def _common_length(items: Iterable[Found]) -> int:
    """The number of events: the length that most columns would have, of those the one with the most bytes. Large arrays
    decide only where there is nothing else.
    """
    columns: Counter[int] = Counter()
    n_bytes: Counter[int] = Counter()
    array_bytes: Counter[int] = Counter()
    for item in items:
        if item.parts and not item.lost:
            length, n_others = len(item.dataset), len(layout_of(item.dataset).parts)
            columns[length] += n_others
            n_bytes[length] += bytes_of(item.dataset) if n_others else 0
            array_bytes[length] += bytes_of(item.dataset)
    return max(columns, key=lambda length: (columns[length], n_bytes[length], array_bytes[length]), default=0)


def _is_label(item: Found) -> bool:
    """Whether a dataset holds labels of the columns of a pandas frame, or a PyTables index, and no events."""
    name = item.path.rpartition("/")[2]
    is_label = _LABELS.match(name) is not None and "pandas_type" in item.dataset.parent.attrs
    return is_label or any(part.startswith("_i_") for part in item.path.split("/"))


def _is_block(item: Found) -> bool:
    """Whether the second axis of a dataset is columns of a pandas frame."""
    name = item.path.rpartition("/")[2]
    return _BLOCK.fullmatch(name) is not None and "pandas_type" in item.dataset.parent.attrs


def _total(counter: h5py.Dataset) -> int:
    """The sum of a dataset of counts, or -1 where it is none."""
    if numpy_dtype(counter.id.get_type()).kind not in "iu" or counter.ndim != 1:
        return -1
    total = 0
    for first in range(0, len(counter), STEP_EVENTS):
        counts = counter[first : first + STEP_EVENTS]
        if (counts < 0).any():
            return -1
        total += int(counts.sum())
    return total


def _describe(name: str, item: Found, columns: Mapping[str, Found]) -> Described:
    part = item.parts[name]
    column = Column(name, part.dtype, "" if part.fields else text_attribute(item.dataset, "title"), part.typename)
    if part.shape and math.prod(part.shape) <= MOST_ELEMENTS and _is_block(item):
        return Described(column, part.shape)
    branch = describe(column, part.shape, jagged=bool(item.counter))
    if isinstance(branch.column, Jagged):
        counter = next(iter(columns[item.counter].parts))
        return replace(branch, column=Jagged(column, counter, collection=item.entry.collection))
    return branch


def _notes(file: h5py.File, base: str) -> tuple[str, ...]:
    """What is not kept of a whole file."""
    n_bytes = file.userblock_size if base == "/" else 0
    return (f"The {n_bytes:,} bytes before the HDF5 content (its user block) are left out",) if n_bytes else ()


def _batches(
    path: str,
    selection: Schema,
    steps: Iterable[tuple[int, int]],
    places: Mapping[str, tuple[str, FieldPart]],
    branches: Mapping[str, Described],
) -> Iterator[Batch]:
    first_rows = dict.fromkeys((group.name for group in selection.groups[1:]), 0)
    n_read = 0
    with reading(path, "an HDF5 file", *FAILURES), h5py.File(path) as file:
        for start, stop in steps:
            for group in selection.groups[1:]:
                first_rows[group.name] += _sum(file[places[str(group.counter)][0]], n_read, start)
            n_read = stop
            arrays: dict[str, NDArray[np.generic]] = {}
            for group in selection.groups:
                first, last = start, stop
                if group.counter is not None:
                    first = first_rows[group.name]
                    last = first_rows[group.name] = first + int(arrays[group.counter].sum())
                wanted = {branches[name].name: branches[name] for name in group.names}
                for dataset, parts in _by_dataset(wanted, places).items():
                    for name, values in _read(file, dataset, parts, first, last).items():
                        arrays |= wanted[name].split(values)
            yield make_batch(selection, arrays)


def _by_dataset(names: Iterable[str], places: Mapping[str, tuple[str, FieldPart]]) -> dict[str, dict[str, FieldPart]]:
    """The wanted parts of each dataset, which is read but once."""
    found: dict[str, dict[str, FieldPart]] = {}
    for name in names:
        path, part = places[name]
        found.setdefault(path, {})[name] = part
    return found


def _read(
    file: h5py.File, path: str, parts: Mapping[str, FieldPart], start: int, stop: int
) -> dict[str, NDArray[np.generic]]:
    dataset = file[path]
    return take_parts(read_rows(dataset, layout_of(dataset), start, stop), parts)


def _sum(counter: h5py.Dataset, start: int, stop: int) -> int:
    """The sum of the counts of some events, which need not fit into memory."""
    return sum(int(counter[first : min(first + STEP_EVENTS, stop)].sum()) for first in range(start, stop, STEP_EVENTS))
