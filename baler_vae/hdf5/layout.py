"""HDF5 files in a layout of this project's own: a dataset for each column, collections as hepfile has them."""

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import OutputError
from baler_vae.hdf5.images import write_image
from baler_vae.source.arrays import restored_array
from baler_vae.source.grouping import MOST_ELEMENTS, missing, unique
from baler_vae.source.patient import PatientFile
from baler_vae.source.source import writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch

FAILURES = (ValueError, TypeError, KeyError, RuntimeError)

CHUNK_ROWS = 16_384
_CHUNK_BYTES = 16 << 20
"""About the most bytes of a chunk of large arrays; HDF5 takes none of 4 GiB."""


def write_anew(path: Path, schema: Schema, batches: Iterable[Batch], image: bytes) -> None:
    """Writes columns as datasets, below the group that the source was read from, and an image of extras."""
    origin = schema.origin
    with PatientFile(path, "w+b") as patient, h5py.File(patient, "w", track_order=True) as file:
        is_matrix = origin.format == "hdf5" and bool(origin.shape) and not schema.columns[0].is_array
        if is_matrix and len({column.dtype for column in schema.columns}) == 1:
            array = restored_array(schema, batches)
            with writing("an HDF5 file", *FAILURES):
                file.create_dataset(origin.name, data=array)
        else:
            with writing("an HDF5 file", *FAILURES):
                datasets = _create(file, schema)
            branches = branches_of(schema, masks=False)
            for batch in batches:
                for branch in branches:
                    with writing("an HDF5 file", *FAILURES):
                        _append(datasets[branch.name], branch, branch.values(batch))
                patient.check()
        if image:
            with writing("an HDF5 file", *FAILURES):
                write_image(file, image)
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
        chunks = (chunk_rows(branch.dtype, branch.shape), *branch.shape)
        shape = {"shape": (0, *branch.shape), "maxshape": (None, *branch.shape), "chunks": chunks}
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


def chunk_rows(dtype: np.dtype[Any], shape: Sequence[int]) -> int:
    """The rows of a chunk of a dataset whose rows have a shape."""
    n_elements = math.prod(shape)
    if n_elements <= MOST_ELEMENTS:
        return CHUNK_ROWS
    return max(1, min(CHUNK_ROWS, _CHUNK_BYTES // (n_elements * dtype.itemsize)))


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
    if base and schema.origin.shape and len(names) == 1 and schema.columns[0].is_array:
        return {names[0]: base}, {}  # it was the dataset that was opened
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


def refuse_missing(branch: Branch, values: NDArray[np.generic]) -> None:
    """Check that every text is there.

    Raises:
        OutputError: one is missing.
    """
    rows = missing(values)
    if len(rows):
        raise OutputError(
            "HDF5 cannot hold missing strings",
            column=branch.name,
            found=f"{len(rows)} missing",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )


def _append(dataset: h5py.Dataset, branch: Branch, values: NDArray[np.generic]) -> None:
    if branch.is_text:
        refuse_missing(branch, values)
    if dataset.dtype.kind == "S":
        values = np.array([str(value).encode() for value in values.tolist()], dataset.dtype)
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values
