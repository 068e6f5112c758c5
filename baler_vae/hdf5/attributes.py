"""Copying objects of HDF5 files from another file: attributes in every byte, datasets and groups with the
properties that they were created with.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5p, h5r, h5s, h5t, h5z

from baler_vae.hdf5.rows import copy_values
from baler_vae.hdf5.types import holds_references, lies_elsewhere

_LOSSLESS = {
    h5z.FILTER_DEFLATE,
    h5z.FILTER_SHUFFLE,
    h5z.FILTER_FLETCHER32,
    h5z.FILTER_SZIP,
    h5z.FILTER_NBIT,
    h5z.FILTER_LZF,
    305,  # LZO
    307,  # bzip2
    32001,  # Blosc
    32004,  # LZ4
    32008,  # bitshuffle
    32015,  # Zstandard
    32026,  # Blosc2
}
"""The filters that give back what they were given: others would change values a second time."""

_LARGE_ATTRIBUTE = 60_000
"""The size in bytes from which an attribute needs the newer form of the file format."""


def name_bytes(name: str) -> bytes:
    """The bytes of a name as h5py gives it."""
    return name.encode("utf-8", "surrogateescape")


def has_large_attribute(owner: Any) -> bool:  # noqa: ANN401
    """Whether an attribute of a group, dataset or named type needs the newer form of the file format."""
    attributes = [h5a.open(owner.id, name_bytes(name)) for name in owner.attrs]
    sizes = [a.get_type().get_size() * a.get_space().get_simple_extent_npoints() for a in attributes]
    return any(size >= _LARGE_ATTRIBUTE for size in sizes)


def attribute_bytes(owner: Any, name: str) -> tuple[h5t.TypeID, tuple[int, ...] | None, Any]:  # noqa: ANN401
    """The type, the shape (None for a null dataspace) and the value of an attribute: its bytes as they lie in the file,
    or an array of h5py's where they lie elsewhere.
    """
    attribute = h5a.open(owner.id, name_bytes(name))
    tid = attribute.get_type()
    if attribute.get_space().get_simple_extent_type() == h5s.NULL:
        return tid, None, b""
    if lies_elsewhere(tid):
        return tid, attribute.shape, _array(attribute)
    values = np.zeros(attribute.shape, f"V{tid.get_size()}")
    attribute.read(values, tid)
    return tid, attribute.shape, values.tobytes()


def copy_attributes(source: Any, target: Any, file: h5py.File) -> list[str]:  # noqa: ANN401
    """Copies the attributes of a group, dataset or named type to another that has none; gives the names of those that
    stay out: references to places that the target's `file` does not have.
    """
    left_out = []
    for name in source.attrs:
        attribute = h5a.open(source.id, name_bytes(name))
        tid = attribute.get_type()
        if holds_references(tid):
            if not _copy_references(source, str(name), target, file):
                left_out.append(str(name))
            continue
        made = h5a.create(target.id, name_bytes(name), tid.copy(), attribute.get_space())
        if attribute.get_space().get_simple_extent_type() == h5s.NULL:
            continue
        if lies_elsewhere(tid):
            made.write(_array(attribute))
        else:
            values = np.zeros(attribute.shape, f"V{tid.get_size()}")
            attribute.read(values, tid)
            made.write(values, tid)
    return left_out


def _array(attribute: h5a.AttrID) -> Any:  # noqa: ANN401
    values = np.zeros(attribute.shape, attribute.dtype)
    attribute.read(values)
    return values


def _copy_references(source: Any, name: str, target: Any, file: h5py.File) -> bool:  # noqa: ANN401
    """Whether all references of an attribute (dimension scales, say) point to what the target has too."""
    attribute = h5a.open(source.id, name_bytes(name))
    if attribute.get_space().get_simple_extent_type() == h5s.NULL:
        return False

    def moved(value: Any) -> Any:  # noqa: ANN401 - whatever h5py reads
        if isinstance(value, h5r.RegionReference):
            raise LookupError  # noqa: TRY004 - nothing is of a wrong type
        if isinstance(value, h5r.Reference):
            path = h5r.get_name(value, source.id) if value else None
            found = None if path is None else file.get(path)
            if found is None:
                raise LookupError
            return found.ref
        if isinstance(value, np.void):
            return tuple(moved(item) for item in value.tolist())
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            new = np.empty(value.shape, value.dtype)
            for index in np.ndindex(*value.shape):
                new[index] = moved(value[index])
            return new
        return value

    try:
        values = moved(np.asarray(_array(attribute)))
    except (LookupError, ValueError, RuntimeError, TypeError):
        return False
    h5a.create(target.id, name_bytes(name), attribute.get_type().copy(), attribute.get_space()).write(values)
    return True


def make_group(file: h5py.File, path: str, like: Any) -> h5py.Group:  # noqa: ANN401
    """A new group that keeps the order of its links and attributes where another does."""
    properties = h5p.create(h5p.GROUP_CREATE)
    order_like(properties, like)
    return h5py.Group(h5g.create(file.id, name_bytes(path), gcpl=properties))


def order_like(properties: Any, like: Any) -> None:  # noqa: ANN401  property lists
    """Sets the order of links and attributes in the properties of a group or file as a group has it."""
    own = like.id.get_create_plist()
    properties.set_link_creation_order(own.get_link_creation_order())
    properties.set_attr_creation_order(own.get_attr_creation_order())
    properties.set_obj_track_times(False)


def make_dataset(
    file: h5py.File, path: str, like: h5py.Dataset, shape: tuple[int, ...] | None, **options: Any
) -> h5py.Dataset:
    """A new dataset with the type and the properties of another, of some shape; None leaves its own.

    `tid` is another type, `maxshape` another largest shape, `chunks` the chunks of a dataset that had none. A filter
    that is not at hand, or would change values, is left out, and values never lie in other files.
    """
    tid = options.get("tid") or like.id.get_type().copy()
    own = like.id.get_create_plist()
    properties = _plain_properties(own, like)
    chunks = options.get("chunks")
    if chunks:
        properties.set_chunk(chunks)
    properties.set_obj_track_times(False)
    for number in reversed(range(own.get_nfilters() if properties.get_layout() == h5d.CHUNKED else 0)):
        code = own.get_filter(number)[0]
        if not can_encode(code) or not _keeps_values(code, like):
            properties.remove_filter(code)
    if options.get("tid") is not None:
        properties = _of_another_type(properties)
    space = like.id.get_space().copy()
    if shape is not None:
        most = [h5s.UNLIMITED if length is None else length for length in options.get("maxshape") or shape]
        space = h5s.create_simple(shape, tuple(most))
    return h5py.Dataset(h5d.create(file.id, name_bytes(path), tid, space, properties))


def _plain_properties(own: Any, like: h5py.Dataset) -> Any:  # noqa: ANN401
    """The properties of a dataset; without where its values lie, if that is in other files."""
    if lies_in_other_files(like):
        plain = h5p.create(h5p.DATASET_CREATE)
        plain.set_attr_creation_order(own.get_attr_creation_order())
        return plain
    return own.copy()


def _of_another_type(properties: Any) -> Any:  # noqa: ANN401
    """Properties without what depends on the type of values: how long one is, and what was never written."""
    plain = h5p.create(h5p.DATASET_CREATE)
    plain.set_attr_creation_order(properties.get_attr_creation_order())
    plain.set_obj_track_times(False)
    if properties.get_layout() == h5d.CHUNKED:
        plain.set_chunk(properties.get_chunk())
        for number in range(properties.get_nfilters()):
            code, flags, values, _ = properties.get_filter(number)
            plain.set_filter(code, flags, values)
    return plain


def lies_in_other_files(dataset: h5py.Dataset) -> bool:
    """Whether the values of a dataset are read from other datasets, or from files that are not HDF5."""
    properties = dataset.id.get_create_plist()
    return bool(properties.get_layout() == h5d.VIRTUAL or properties.get_external_count())


def filters_of(dataset: h5py.Dataset) -> Iterator[tuple[int, str]]:
    """The number and the name of every filter of a dataset."""
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        found = properties.get_filter(number)
        yield found[0], found[3].decode("utf-8", "replace").strip()


def has_filter(code: int) -> bool:
    """Whether a filter is at hand; those of hdf5plugin are, where it is installed."""
    if not h5z.filter_avail(code):
        with suppress(ModuleNotFoundError):
            import hdf5plugin  # noqa: F401, PLC0415 - an extra, which adds its filters when it is imported
    return bool(h5z.filter_avail(code))


def can_encode(code: int) -> bool:
    """Whether a filter is at hand for writing."""
    return bool(has_filter(code) and h5z.get_filter_info(code) & h5z.FILTER_CONFIG_ENCODE_ENABLED)


def _keeps_values(code: int, like: h5py.Dataset) -> bool:
    """Whether a filter gives back what it is given: of those that drop digits, only for integers of full precision."""
    if code != h5z.FILTER_SCALEOFFSET:
        return code in _LOSSLESS
    settings = like.id.get_create_plist().get_filter_by_id(code)
    return bool(settings and settings[1][:2] == (h5z.SO_INT, h5z.SO_INT_MINBITS_DEFAULT))


def copy_object(source: Any, target: h5py.File, path: str) -> None:  # noqa: ANN401
    """Copies a dataset or a named type to a path, without its attributes and times."""
    if isinstance(source, h5py.Datatype):
        source.id.copy().commit(target.id, name_bytes(path))
        return
    made = make_dataset(target, path, source, None)
    if source.shape is None:
        return
    elsewhere = lies_elsewhere(source.id.get_type()) or lies_in_other_files(source)
    if not elsewhere and source.chunks and list(filters_of(source)) == list(filters_of(made)):
        _copy_chunks(source, made)
    elif elsewhere or source.id.get_storage_size():
        copy_values(source, made)


def _copy_chunks(source: h5py.Dataset, target: h5py.Dataset) -> None:
    """Copies the chunks that were written, compressed as they are."""
    places: list[tuple[int, ...]] = []
    source.id.chunk_iter(lambda chunk: places.append(chunk.chunk_offset))
    for place in places:
        mask, data = source.id.read_direct_chunk(place)
        target.id.write_direct_chunk(place, data, mask)
