"""Extras of HDF5 files as archives of format 1 hold them: an image alone, a small HDF5 file with the attributes and the
datasets besides the columns, in which columns are null datasets.
"""

import io
from typing import Any

import h5py

from baler_vae.hdf5.extras import inner_entries


def write_image(file: h5py.File, image: bytes) -> None:
    """Adds the datasets of an image of extras that a file does not have yet, and all attributes.

    Raises:
        ValueError: a link or a dataset of the image leads out of it.
    """
    with h5py.File(io.BytesIO(image)) as extras:
        list(inner_entries(extras))

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
