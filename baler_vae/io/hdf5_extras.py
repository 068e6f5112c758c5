"""What an HDF5 file holds beside its columns: other datasets, and attributes. It is kept as a small HDF5 file of its
own, in which columns are empty datasets with their attributes.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any

import h5py

_MOST_BYTES = 64 << 20
"""The most bytes of datasets that are kept beside the columns."""


def extras_of(items: Iterable[Any], reasons: Mapping[str, str]) -> tuple[frozenset[str], dict[str, str]]:
    """The paths of those datasets, none of them columns, that are kept as they are, and by name the reason why others
    cannot be: they are too large, or hold references.
    """
    kept: set[str] = set()
    refused: dict[str, str] = {}
    n_bytes = 0
    for item in items:
        n_bytes += item.dataset.nbytes
        if _holds_references(item.dataset.dtype):
            refused[item.name] = "references to places in the file"
        elif n_bytes <= _MOST_BYTES:
            kept.add(item.path)
        else:
            refused[item.name] = f"{reasons[item.path]}, {item.dataset.nbytes:,} bytes"
    return frozenset(kept), refused


def read_extras(path: str, place: str, kept: frozenset[str]) -> bytes:
    """The extras of a file, of what lies in or below `place`; nothing where there are none."""
    with (
        h5py.File(path) as file,
        h5py.File("extras", "w", driver="core", backing_store=False, track_order=True) as extras,
    ):
        root = file[place]
        _copy_attributes(root, extras.require_group(place))

        def visit(_: str, item: h5py.Group | h5py.Dataset) -> None:
            name = str(item.name)
            if isinstance(item, h5py.Dataset) and name in kept:
                file.copy(item, extras, name)
            elif item.attrs:
                own = extras.require_group(name) if isinstance(item, h5py.Group) else _empty(extras, name)
                _copy_attributes(item, own)

        root.visititems(visit)
        if not kept and not _attributes_in(extras):
            return b""
        extras.flush()
        image: bytes = extras.id.get_file_image()
        return image


def write_extras(file: h5py.File, image: bytes) -> None:
    """Adds the datasets of an image of extras that a file does not have yet, and all attributes."""
    with h5py.File(io.BytesIO(image)) as extras:

        def visit(_: str, item: h5py.Group | h5py.Dataset) -> None:
            name = str(item.name)
            if name not in file:
                if isinstance(item, h5py.Group):
                    file.create_group(name, track_order=True)
                elif item.shape is None:
                    return
                else:
                    extras.copy(item, file, name)
            _copy_attributes(item, file[name])

        _copy_attributes(extras, file)
        extras.visititems(visit)


def _empty(extras: h5py.File, name: str) -> h5py.Dataset:
    return extras.create_dataset(name, data=h5py.Empty("f4"))


def _copy_attributes(source: Any, target: Any) -> None:  # noqa: ANN401  groups or datasets
    for name, value in source.attrs.items():
        if not _holds_references(source.attrs.get_id(name).dtype):
            target.attrs[name] = value


def _holds_references(dtype: Any) -> bool:  # noqa: ANN401  of numpy, with what h5py says in it
    """Whether values of a dtype point to places in their file, which those of another file cannot."""
    inside = h5py.check_vlen_dtype(dtype)
    fields = [dtype[name] for name in dtype.names or ()]
    if inside is not None and not isinstance(inside, type):
        fields.append(inside)
    return h5py.check_ref_dtype(dtype) is not None or any(map(_holds_references, fields))


def _attributes_in(extras: h5py.File) -> bool:
    found = [bool(extras.attrs)]
    extras.visititems(lambda _, item: found.append(bool(item.attrs)))
    return any(found)
