"""The values of HDF5 datasets, read and written in pieces as they are in the file, without converting them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5s
from numpy.typing import NDArray

from baler_vae.hdf5.types import DatasetLayout, FieldPart, bytes_of, layout_of, lies_elsewhere
from baler_vae.source.source import STEP_EVENTS

_PIECE_BYTES = 16 << 20
"""About how many bytes of a dataset are read at once: a row may be much wider than the wanted columns of it."""


@dataclass(frozen=True)
class RawFile:
    """A piece of a file that is not HDF5, which holds values of a dataset: its first byte, and its size in bytes."""

    path: Path
    offset: int
    size: int


def raw_files(dataset: h5py.Dataset) -> list[RawFile]:
    """The pieces of other files that hold the values of a dataset, one after the other; most have none. A file is
    looked for next to the dataset's own, where it is not found from where the process runs.
    """
    properties = dataset.id.get_create_plist()
    found = []
    for number in range(properties.get_external_count()):
        name, offset, size = properties.get_external(number)
        path = Path(os.fsdecode(name))
        path = path if path.is_file() else Path(dataset.file.filename).parent / path
        found.append(RawFile(path, offset, bytes_of(dataset) if size == h5s.UNLIMITED else size))
    return found


def _raw_rows(dataset: h5py.Dataset, raws: Sequence[RawFile], start: int, n_bytes: int) -> bytes:
    """Bytes of the values of a dataset that lie in other files, from byte `start` on."""
    found = bytearray()
    for raw in raws:
        if start < raw.size and len(found) < n_bytes:
            with raw.path.open("rb") as file:
                file.seek(raw.offset + start)
                found += file.read(min(raw.size - start, n_bytes - len(found)))
        start = max(0, start - raw.size)
    if len(found) != n_bytes:
        raise ValueError(f"the files that hold the values of {dataset.name!r} are too short")
    return bytes(found)


def read_rows(dataset: h5py.Dataset, layout: DatasetLayout, start: int, stop: int) -> Iterator[NDArray[Any]]:
    """The values of rows in pieces of bounded size, as they lie in the file."""
    n_bytes = max(1, layout.dtype.itemsize * int(np.prod(dataset.shape[1:])))
    step = max(1, _PIECE_BYTES // n_bytes)
    if dataset.chunks and dataset.chunks[0] <= step:
        step -= step % dataset.chunks[0]
    raws = raw_files(dataset)
    for first in range(start, stop, step):
        last = min(first + step, stop)
        if not layout.exact:
            yield np.asarray(dataset[first:last])
            continue
        rows = np.empty((last - first, *dataset.shape[1:]), _flat(layout.dtype))
        if raws:
            data = _raw_rows(dataset, raws, first * n_bytes, (last - first) * n_bytes)
            rows = np.frombuffer(bytearray(data), rows.dtype).reshape(rows.shape)
        else:
            dataset.id.read(h5s.create_simple(rows.shape), _selected(dataset, first, last), rows, dataset.id.get_type())
        yield rows.view(layout.dtype) if layout.dtype.subdtype is None else _unfolded(rows, layout.dtype)


def take_parts(pieces: Iterator[NDArray[Any]], parts: Mapping[str, FieldPart]) -> dict[str, NDArray[np.generic]]:
    """Parts of all the rows of some pieces, by name."""
    found: dict[str, list[NDArray[np.generic]]] = {name: [] for name in parts}
    for rows in pieces:
        for name, part in parts.items():
            found[name].append(part.take(rows))
    return {
        name: (arrays[0] if len(arrays) == 1 else np.concatenate(arrays))
        if arrays
        else np.empty((0, *parts[name].shape), parts[name].dtype)
        for name, arrays in found.items()
    }


def copy_values(source: h5py.Dataset, target: h5py.Dataset) -> None:
    """Copies all values of a dataset to one of the same type and shape."""
    layout = layout_of(source)
    if source.shape and layout.exact:
        start = 0
        for rows in read_rows(source, layout, 0, len(source)):
            write_rows(target, layout, start, rows)
            start += len(rows)
        return
    tid = source.id.get_type()
    raw = not lies_elsewhere(tid)
    dtype, memory = (np.dtype(f"V{tid.get_size()}"), tid) if raw else (source.dtype, None)
    n_rows = len(source) if source.shape else 1
    for start in range(0, n_rows, STEP_EVENTS):
        stop = min(start + STEP_EVENTS, n_rows)
        values = np.zeros((stop - start, *source.shape[1:]) if source.shape else (), dtype)
        space = h5s.create_simple(values.shape) if source.shape else h5s.ALL
        source.id.read(space, _selected(source, start, stop) if source.shape else h5s.ALL, values, memory)
        target.id.write(space, _selected(target, start, stop) if source.shape else h5s.ALL, values, memory)


def write_rows(dataset: h5py.Dataset, layout: DatasetLayout, start: int, rows: NDArray[Any]) -> None:
    """Writes rows that lie as in the file, from row `start` on."""
    stop = start + len(rows)
    if not len(rows):
        return
    if not layout.exact:
        dataset[start:stop] = rows
        return
    space = h5s.create_simple((len(rows), *dataset.shape[1:]))
    flat = np.ascontiguousarray(rows).reshape(-1).view(np.uint8)
    dataset.id.write(space, _selected(dataset, start, stop), flat, dataset.id.get_type())


def empty_rows(dataset: h5py.Dataset, layout: DatasetLayout, n_rows: int) -> NDArray[Any]:
    """Rows (n_rows, *shape) to be filled part by part; what lies between the parts is zero."""
    return np.zeros((n_rows, *dataset.shape[1:]), layout.dtype)


def _selected(dataset: h5py.Dataset, start: int, stop: int) -> h5s.SpaceID:
    space = dataset.id.get_space()
    inside = dataset.shape[1:]
    space.select_hyperslab((start, *(0 for _ in inside)), (stop - start, *inside))
    return space


def _flat(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A dtype of as many bytes that numpy does not unfold into axes."""
    return np.dtype(f"V{dtype.itemsize}")


def _unfolded(rows: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    base, inner = dtype.base, dtype.shape
    return rows.reshape(-1).view(np.uint8).view(base).reshape(*rows.shape, *inner)
