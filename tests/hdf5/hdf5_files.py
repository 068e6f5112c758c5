"""HDF5 files compared as the library sees them, not as this project does."""

from collections.abc import Sequence
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5s, h5t

from baler_vae.io.files import write_file
from baler_vae.source.source import Source
from baler_vae.table.schema import Schema


def tree(path: Any) -> dict[str, tuple[Any, ...]]:
    """All that a file holds, by path: the kind of each link and object, types, properties, attributes and values."""
    with h5py.File(path) as file:
        seen: dict[Any, str] = {}
        found = {"/": _object(file["/"])}
        seen[_address(file["/"])] = "/"
        _below(file["/"], "", seen, found)
    return found


def _below(group: h5py.Group, prefix: str, seen: dict[Any, str], found: dict[str, tuple[Any, ...]]) -> None:
    for key in group:
        path = f"{prefix}/{key}"
        link = group.get(key, getlink=True)
        if isinstance(link, h5py.SoftLink):
            found[path] = ("soft link", link.path)
        elif isinstance(link, h5py.ExternalLink):
            found[path] = ("external link", link.filename, link.path)
        elif _address(group[key]) in seen:
            found[path] = ("hard link", seen[_address(group[key])])
        else:
            seen[_address(group[key])] = path
            found[path] = _object(group[key])
            if isinstance(group[key], h5py.Group):
                _below(group[key], path, seen, found)


def _address(item: Any) -> tuple[int, int]:
    info = h5o.get_info(item.id)
    return info.fileno, info.addr


def _object(item: Any) -> tuple[Any, ...]:
    attributes = {name: _attribute(item, name) for name in item.attrs}
    order = list(attributes)
    if isinstance(item, h5py.Datatype):
        return "type", _type(item.id), attributes
    properties = item.id.get_create_plist()
    tracked = properties.get_attr_creation_order()
    attributes = attributes | {"": order if tracked else None}
    if isinstance(item, h5py.Group):
        return "group", properties.get_link_creation_order(), list(item), tracked, attributes
    return "dataset", _type(item.id.get_type()), _properties(item), attributes, _values(item)


def _type(tid: Any) -> Any:
    kind = tid.get_class()
    if kind == h5t.COMPOUND:
        members = [
            (tid.get_member_name(i), tid.get_member_offset(i), _type(tid.get_member_type(i)))
            for i in range(tid.get_nmembers())
        ]
        return "compound", tid.get_size(), members
    if kind in {h5t.ARRAY, h5t.VLEN}:
        return kind, tid.get_array_dims() if kind == h5t.ARRAY else None, _type(tid.get_super())
    if kind == h5t.STRING:
        return "string", tid.is_variable_str(), tid.get_size(), tid.get_cset(), tid.get_strpad()
    if kind == h5t.ENUM:
        members = [(tid.get_member_name(i), tid.get_member_value(i)) for i in range(tid.get_nmembers())]
        return "enum", _type(tid.get_super()), members
    order = tid.get_order() if kind in {h5t.INTEGER, h5t.FLOAT} else None
    sign = tid.get_sign() if kind == h5t.INTEGER else None
    return kind, tid.get_size(), order, sign


def _properties(dataset: h5py.Dataset) -> dict[str, Any]:
    own = dataset.id.get_create_plist()
    filters = [own.get_filter(i) for i in range(own.get_nfilters())]
    fill = None
    if own.fill_value_defined() == h5d.FILL_VALUE_USER_DEFINED:
        fill = np.asarray(dataset.fillvalue).tolist()
    return {
        "shape": dataset.shape,
        "maxshape": dataset.maxshape,
        "layout": own.get_layout(),
        "chunks": dataset.chunks,
        "filters": filters,
        "fill": repr(fill),
        "external": own.get_external_count(),
        "alloc": own.get_alloc_time(),
        "fill_time": own.get_fill_time(),
    }


def _attribute(item: Any, name: str) -> tuple[Any, ...]:
    attribute = h5a.open(item.id, name.encode())
    kind = attribute.get_space().get_simple_extent_type()
    value = None if kind == h5s.NULL else item.attrs[name]
    return _type(attribute.get_type()), kind, attribute.shape, _plain(value, item)


def _values(dataset: h5py.Dataset) -> Any:
    return None if dataset.shape is None else _plain(dataset[()], dataset)


def _plain(value: Any, item: Any) -> Any:
    """A value that `==` compares: bytes of numbers, names of what references point to."""
    if isinstance(value, h5py.Reference):
        return item.file[value].name
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        return str(value.dtype), value.shape, value.tobytes() if not value.dtype.names else repr(value.tolist())
    if isinstance(value, np.ndarray | list | tuple | np.void):
        return [_plain(one, item) for one in (value.tolist() if isinstance(value, np.ndarray | np.void) else value)]
    return value


def restore(source: Source, path: Any, *, step: int = 1000, columns: Sequence[str] = (), **options: Any) -> Schema:
    """Writes what a source gives to another file, as an archive of it would; gives the schema of it."""
    schema = source.select(columns, **options)
    batches = list(source.batches(schema, step))
    n_rows = {group.name: 0 for group in schema.groups}
    for batch in batches:
        for table in batch:
            n_rows[table.group.name] += table.n_rows
    write_file(path, schema, batches, extras=source.extras(), n_rows=n_rows, force=True)
    return schema
