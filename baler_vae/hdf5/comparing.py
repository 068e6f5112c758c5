"""Extras of HDF5 files compared: what of them differs, by name."""

import hashlib
import io
from typing import Any

import h5py
import numpy as np
from h5py import h5t

from baler_vae.hdf5.attributes import attribute_bytes
from baler_vae.hdf5.extras import FAILURES, MAGIC, corrupt, inner_entries, open_extras
from baler_vae.hdf5.types import holds_references, lies_elsewhere, member_name, stored_dtype

Contents = dict[str, Any]
"""What extras hold by name, in a form that `==` compares: `/path` of an object, `/path@name` of an attribute."""


def differences_hdf5(original: bytes, archived: bytes) -> list[str]:
    """The names of what differs between the extras of a file and those of an archive: values and attributes, the types
    of columns, links, what only one has. How values are laid out in the file is not compared.

    Raises:
        CorruptArchive: extras cannot be read.
    """
    if original == archived or not archived:
        return []
    if not archived.startswith(MAGIC):
        # Older archives have attributes as h5py converts them, and lack some of what is kept now.
        mine, theirs = _contents(original, exact=False), _image_contents(archived)
        return sorted(name for name, value in theirs.items() if mine.get(name) != value)
    mine, theirs = _contents(original, exact=True), _contents(archived, exact=True)
    return sorted(name for name in {*mine, *theirs} if mine.get(name) != theirs.get(name))


def has_rows_hdf5(extras: bytes) -> bool:
    """Whether extras hold something of every row, which those of another file have too.

    Raises:
        CorruptArchive: they cannot be read.
    """
    if not extras.startswith(MAGIC):
        return False
    with open_extras(extras) as opened:
        return any(template.rest for template in opened.templates.values())


def _contents(extras: bytes, *, exact: bool) -> Contents:
    if not extras.startswith(MAGIC):
        return {}
    found: Contents = {}
    with open_extras(extras) as opened:
        rests = {template.rest: path for path, template in opened.templates.items() if template.rest}
        homes = {rest.rpartition("/")[0] for rest in rests}
        for entry in opened.entries:
            if entry.path in homes:
                continue
            if entry.item is None:
                found[entry.path] = ("link", entry.target, entry.is_soft)
            elif entry.path in opened.templates:
                template = opened.templates[entry.path]
                found[entry.path] = ("columns", _type(entry.item.id.get_type()), template.complete)
            elif entry.path in rests:
                found[f"{rests[entry.path]} (fields that are not columns)"] = _values(entry.item, exact=exact)
            elif entry.is_dataset:
                found[entry.path] = _values(entry.item, exact=exact)
            else:
                found[entry.path] = type(entry.item).__name__
            if entry.item is not None:
                found |= _attributes(entry.path, entry.item, exact=exact)
    return found


def _image_contents(image: bytes) -> Contents:
    """What an older image holds: the datasets that are there whole, and the attributes."""
    found: Contents = {}
    try:
        with h5py.File(io.BytesIO(image)) as file:
            for entry in inner_entries(file):
                if entry.is_dataset and entry.item.shape is not None:
                    found[entry.path] = _values(entry.item, exact=False)
                if entry.item is not None:
                    found |= _attributes(entry.path, entry.item, exact=False)
    except FAILURES as error:
        raise corrupt(error) from error
    return found


def _attributes(path: str, item: Any, *, exact: bool) -> Contents:  # noqa: ANN401
    found: Contents = {}
    for name in item.attrs:
        if not exact:
            found[f"{path}@{name}"] = _plain(item.attrs[name])
            continue
        tid, shape, value = attribute_bytes(item, name)
        seen = None if holds_references(tid) else value if isinstance(value, bytes) else _plain(value)
        found[f"{path}@{name}"] = (_type(tid), shape, seen)
    return found


def _values(dataset: h5py.Dataset, *, exact: bool) -> object:
    """The type, the shape and a digest of the values of a dataset."""
    tid = dataset.id.get_type()
    kind = _type(tid) if exact else None
    if dataset.shape is None:
        return kind, None
    if lies_elsewhere(tid):
        data = repr(_plain(dataset[()])).encode()
    elif exact:
        values = np.zeros(dataset.shape, f"V{tid.get_size()}")
        dataset.id.read(h5py.h5s.ALL, h5py.h5s.ALL, values, tid)
        data = values.tobytes()
    else:
        data = repr(_plain(dataset[()])).encode()
    return kind, dataset.shape, hashlib.sha256(data).hexdigest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever h5py reads
    """A value of which equal ones are equal under `==`, NaN too."""
    if isinstance(value, np.ndarray | np.generic):
        return np.shape(value), repr(value.tolist())
    return repr(value)


def _type(tid: h5t.TypeID) -> Any:  # noqa: ANN401, PLR0911 - nested tuples, for each class of type
    """All that tells a type from others."""
    kind, size = tid.get_class(), tid.get_size()
    if kind == h5t.COMPOUND:
        numbers = range(tid.get_nmembers())
        members = [(member_name(tid, i), tid.get_member_offset(i), _type(tid.get_member_type(i))) for i in numbers]
        return kind, size, members
    if kind == h5t.ARRAY:
        return kind, tid.get_array_dims(), _type(tid.get_super())
    if kind == h5t.VLEN:
        return kind, _type(tid.get_super())
    if kind == h5t.ENUM:
        numbers = range(tid.get_nmembers())
        return kind, _type(tid.get_super()), [(tid.get_member_name(i), tid.get_member_value(i)) for i in numbers]
    if kind == h5t.STRING:
        return kind, size, tid.is_variable_str(), tid.get_cset(), tid.get_strpad()
    if kind == h5t.INTEGER:
        return kind, size, tid.get_order(), tid.get_sign(), tid.get_precision()
    return kind, size, str(stored_dtype(tid))
