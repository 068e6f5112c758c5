"""How an HDF5 file was made, and what it holds besides its columns, so that a restored file is made the same way.

It is kept as a document and a small HDF5 file of its own, the image. There every dataset of columns is a template
without rows: it has the type, the properties and the attributes of the original; all else is there whole. The document
says which column goes into which part of which template.
"""

import io
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
from h5py import h5f, h5p
from numpy.typing import NDArray

from baler_vae.errors import CorruptArchive
from baler_vae.hdf5.attributes import (
    copy_attributes,
    copy_object,
    has_large_attribute,
    lies_in_other_files,
    make_dataset,
    make_group,
    name_bytes,
    order_like,
)
from baler_vae.hdf5.rows import read_rows
from baler_vae.hdf5.types import (
    DatasetLayout,
    FieldPart,
    Fields,
    bytes_of,
    holds_references,
    layout_of,
    lies_elsewhere,
    numpy_dtype,
)
from baler_vae.hdf5.walk import Entry, Walk
from baler_vae.source.documents import VERSION, read_document
from baler_vae.source.grouping import unique

MAGIC = b"HDF5 extras 1\n"
"""How extras with a document begin; older ones are only an image, without templates."""

FAILURES = (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, IndexError, MemoryError)
"""The exceptions that a malformed document or image raises."""

_MOST_BYTES = 64 << 20
"""The most bytes of values that are kept besides the columns."""


@dataclass(frozen=True)
class Template:
    """How a dataset is made that holds columns: the `parts` of its values by the name of the branch. It is `complete`
    where all other fields are kept too; `rest` is the dataset of the image with their bytes (rows, bytes). `is_fixed`
    says that it has just as many rows as the file has, `is_array` that all of its axes but the last are rows.
    """

    layout: DatasetLayout
    parts: Mapping[str, FieldPart] = field(default_factory=dict)
    complete: bool = True
    is_array: bool = False
    rest: str = ""
    is_fixed: bool = True


@dataclass(frozen=True)
class KeptExtras:
    """The extras of a file: the paths of whole `datasets`, and of those of which some fields are not columns, which are
    either kept or `without_rest`. `refused` names what cannot be kept, each with the reason; `n_bytes` gives the sizes
    of what is.
    """

    datasets: frozenset[str] = frozenset()
    without_rest: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    n_bytes: Mapping[str, int] = field(default_factory=dict)


def kept_extras(items: Iterable[tuple[str, str, h5py.Dataset, DatasetLayout, str, bool]]) -> KeptExtras:
    """What is kept besides the columns of datasets, each given as path, name, dataset, layout, the reason why it is no
    column (if so), and whether it is lost.
    """
    datasets: set[str] = set()
    without_rest: set[str] = set()
    refused: dict[str, str] = {}
    n_bytes: dict[str, int] = {}
    left = _MOST_BYTES
    for path, name, dataset, layout, reason, is_lost in items:
        if is_lost:
            refused[name] = reason
        elif not reason and layout.rest:
            values = len(dataset) * int(np.prod(dataset.shape[1:]))
            sizes = {f"{name}/{'.'.join(fields)}": values * size for fields, _, size in layout.rest}
            if sum(sizes.values()) <= left:
                n_bytes |= sizes
                left -= sum(sizes.values())
            else:
                without_rest.add(path)
                refused |= {field: f"no column, {size:,} bytes" for field, size in sizes.items()}
        elif reason and holds_references(dataset.id.get_type()):
            refused[name] = "references into the file"
        elif reason and not numpy_dtype(dataset.id.get_type()).itemsize and lies_elsewhere(dataset.id.get_type()):
            refused[name] = "values of a type that h5py cannot read"
        elif reason:
            size = value_bytes(dataset)
            if size <= left:
                datasets.add(path)
                n_bytes |= {name: size} if size else {}
                left -= size
            else:
                refused[name] = f"{reason}, {size:,} bytes"
    return KeptExtras(frozenset(datasets), frozenset(without_rest), refused, n_bytes)


def value_bytes(dataset: h5py.Dataset) -> int:
    """The bytes of all values of a dataset, those of lists and of strings of any length too; of what is too much to be
    kept only as many as show that.
    """
    if dataset.shape is None:
        return 0
    n_bytes = bytes_of(dataset)
    if not dataset.shape or not lies_elsewhere(dataset.id.get_type()):
        return n_bytes
    if _is_plain(numpy_dtype(dataset.id.get_type())):
        return n_bytes
    for rows in read_rows(dataset, layout_of(dataset), 0, len(dataset)):
        n_bytes += sum(getattr(value, "nbytes", 0) or len(value) for value in rows.ravel().tolist())
        if n_bytes > _MOST_BYTES:
            break
    return n_bytes


def _is_plain(dtype: np.dtype[Any]) -> bool:
    """Whether values are neither lists nor strings of any length."""
    return h5py.check_vlen_dtype(dtype) is None and h5py.check_string_dtype(dtype) is None


def read_extras(path: str, base: str, templates: Mapping[str, Template], kept: KeptExtras) -> bytes:
    """The extras of a file, of what lies at or below the place `base`."""
    with h5py.File(path) as file:
        entries = Walk(file, base).entries()
        known = {entry.path for entry in entries}
        entries[:0] = [Entry(place, "", file[place]) for place in templates if place not in known]
        entries[:0] = [Entry(place, "", file[place]) for place in _above(base)]
        with _new_image(file, entries) as image:
            documents: dict[str, Any] = {}
            for entry in entries:
                if entry.path in templates:
                    documents[entry.path] = _write_template(image, entry, templates[entry.path])
                else:
                    _write_entry(image, entry, kept)
            _write_rests(image, file, templates, documents)
            for entry in entries:
                if entry.item is not None and entry.path in image:
                    copy_attributes(entry.item, image[entry.path], image)
            image.flush()
            data: bytes = image.id.get_file_image()
    document = json.dumps({"version": VERSION, "columns": documents}, separators=(",", ":")).encode()
    return MAGIC + struct.pack("<Q", len(document)) + document + data


def _above(place: str) -> list[str]:
    """The paths of the groups that a place is in, which say how the file was made."""
    parts = place.split("/")[1:-1]
    return ["/", *("/" + "/".join(parts[:end]) for end in range(1, len(parts) + 1))] if place != "/" else []


@contextmanager
def _new_image(file: h5py.File, entries: Iterable[Entry]) -> Iterator[h5py.File]:
    """A file in memory, in the newer form of the format where an attribute is too large for the older."""
    items = [entry.item for entry in entries if entry.item is not None]
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_fapl_core(backing_store=False)
    if any(map(has_large_attribute, items)):
        access.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_V110)
    properties = h5p.create(h5p.FILE_CREATE)
    order_like(properties, file["/"])
    with h5py.File(h5f.create(b"extras", h5f.ACC_TRUNC, properties, access)) as image:
        yield image


def _write_entry(image: h5py.File, entry: Entry, kept: KeptExtras) -> None:
    """Writes what is not a template: groups, whole datasets, named types, links."""
    if entry.path in image and not entry.is_soft:
        return
    require_parents(image, entry.path)
    if entry.is_soft:
        image.id.links.create_soft(name_bytes(entry.path), name_bytes(entry.target))
    elif entry.item is None:
        if entry.target in image:
            image.id.links.create_hard(name_bytes(entry.path), image.id, name_bytes(entry.target))
    elif isinstance(entry.item, h5py.Group):
        make_group(image, entry.path, entry.item)
    elif isinstance(entry.item, h5py.Datatype) or entry.path in kept.datasets:
        copy_object(entry.item, image, entry.path)


def require_parents(file: h5py.File, path: str) -> None:
    """Makes the groups on the way to a path that are missing, which keep the order in which they are filled."""
    parent = path.rpartition("/")[0]
    if parent and parent not in file:
        require_parents(file, parent)
        make_group(file, parent, file["/"])


def _write_template(image: h5py.File, entry: Entry, template: Template) -> dict[str, Any]:
    """Writes a dataset without rows; gives what the document says of it."""
    dataset = entry.item
    require_parents(image, entry.path)
    is_fixed = dataset.maxshape[0] == len(dataset)
    shape = (0, *dataset.shape[1:])
    maxshape = shape
    if dataset.chunks and not lies_in_other_files(dataset):
        maxshape = (None if is_fixed else dataset.maxshape[0], *dataset.maxshape[1:])
    make_dataset(image, entry.path, dataset, shape, maxshape=maxshape)
    parts = {name: list(part.fields) for name, part in template.parts.items()}
    flags = {"fixed": is_fixed, "complete": template.complete, "array": template.is_array}
    return {"parts": parts, **{name: True for name, value in flags.items() if value}}


def _write_rests(
    image: h5py.File, file: h5py.File, templates: Mapping[str, Template], documents: Mapping[str, Any]
) -> None:
    """Writes the bytes of those fields of compounds that are not columns, as datasets (rows, bytes)."""
    home = unique("rest", list(image))
    for path, template in templates.items():
        if not template.layout.rest or not template.complete:
            continue
        places = template.layout.rest_bytes()
        name = f"{home}/{len(image.get(home, ()))}"
        dataset = file[path]
        width = len(places) * int(np.prod(dataset.shape[1:]))
        chunks = (max(1, min(len(dataset), (1 << 16) // max(1, width))), width)
        shape: dict[str, Any] = {"shape": (len(dataset), width), "maxshape": (None, width)}
        rest = image.create_dataset(name, dtype=np.uint8, chunks=chunks, compression="gzip", **shape)
        start = 0
        for rows in read_rows(dataset, template.layout, 0, len(dataset)):
            rest[start : start + len(rows)] = value_bytes_of(rows)[..., places].reshape(len(rows), width)
            start += len(rows)
        documents[path]["rest"] = f"/{name}"


def value_bytes_of(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """The bytes (*shape, bytes) of values of a compound; a view."""
    return rows.view(np.uint8).reshape(*rows.shape, rows.dtype.itemsize)


@dataclass(frozen=True)
class OpenExtras:
    """Extras as they are read: the entries of the image, the objects by their paths, and the templates."""

    image: h5py.File
    entries: tuple[Entry, ...]
    templates: Mapping[str, Template]

    @property
    def columns(self) -> set[str]:
        return {name for template in self.templates.values() for name in template.parts}


@contextmanager
def open_extras(data: bytes) -> Iterator[OpenExtras]:
    """Extras with a document; nothing in them leads out of them.

    Raises:
        CorruptArchive: they are not what `read_extras` gives.
    """
    try:
        document, image = _split(data)
        file = h5py.File(io.BytesIO(image), "r")
    except FAILURES as error:
        raise corrupt(error) from error
    with file:
        try:
            entries = tuple(inner_entries(file))
            extras = OpenExtras(file, entries, _templates(document, {e.path: e.item for e in entries if e.is_dataset}))
        except FAILURES as error:
            raise corrupt(error) from error
        yield extras


def corrupt(error: Exception) -> CorruptArchive:
    """The error for extras that are not well formed."""
    return CorruptArchive(f"the extras (what is not a column) cannot be read: {error}", section="extras")


def _split(data: bytes) -> tuple[dict[str, Any], bytes]:
    start = len(MAGIC) + 8
    (length,) = struct.unpack_from("<Q", data, len(MAGIC)) if len(data) >= start else (len(data),)
    if not data.startswith(MAGIC) or length > len(data) - start:
        raise ValueError("no document")
    columns = read_document(data[start : start + length], {"columns"})["columns"]
    return dict(columns.items()), data[start + length :]


def inner_entries(image: h5py.File) -> Iterator[Entry]:
    """The entries of an image, which must not lead out of it.

    Raises:
        ValueError: a link or the values of a dataset do.
    """
    for entry in Walk(image, "/", strict=True).entries():
        if entry.is_dataset and lies_in_other_files(entry.item):
            raise ValueError(f"the values of {entry.path!r} lie in other files")
        yield entry


def _templates(document: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict[str, Template]:
    """The templates that a document speaks of.

    Raises:
        ValueError: it does not fit the datasets of the image.
        KeyError, TypeError, AttributeError: it lacks something, or has it in a different form.
    """
    templates: dict[str, Template] = {}
    names: set[str] = set()
    for path, said in document.items():
        dataset = datasets[path]
        if not dataset.shape or dataset.shape[0]:
            raise ValueError(f"{path!r} is not a template")
        places = {str(name): tuple(fields) for name, fields in said["parts"].items()} if said["parts"] else {}
        layout = layout_of(dataset)
        if not set(places.values()) <= {part.fields for part in layout.parts}:
            layout = layout_of(dataset, arrays=True)  # which are not among the other fields then, as they once were
        known: dict[Fields, FieldPart] = {part.fields: part for part in layout.parts}
        parts = {name: known[fields] for name, fields in places.items()}
        complete, rest = said.get("complete") is True, said.get("rest", "")
        if names & set(parts):
            raise ValueError("a column is used twice")
        names |= set(parts)
        if rest:
            found, width = datasets[rest], len(layout.rest_bytes()) * int(np.prod(dataset.shape[1:]))
            if found.dtype != np.uint8 or found.ndim != 2 or found.shape[1] != width:
                raise ValueError(f"{rest!r} does not hold the other fields of {path!r}")
        elif complete and layout.rest:
            raise ValueError(f"the other fields of {path!r} are missing")
        templates[path] = Template(layout, parts, complete, said.get("array") is True, rest, said.get("fixed") is True)
    return templates
