"""HDF5 files of several tables."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import h5py

from baler_vae.errors import OutputError
from baler_vae.io.hdf5 import write_hdf5
from baler_vae.io.patient import PatientFile
from baler_vae.io.source import Content, writing

_FAILURES = (ValueError, TypeError, KeyError, RuntimeError)


def write_tables_hdf5(path: Path, contents: Iterable[Content]) -> None:
    """Write each table below the group, or into the dataset, that its origin names, as `write_hdf5` does.

    Raises:
        OutputError: as for `write_hdf5`, or two tables would have one place.
    """
    # Each table has a file of its own first: what lies beside it may be anywhere, and is put into its place there.
    with (
        tempfile.TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as folder,
        PatientFile(path, "w+b") as patient,
        h5py.File(patient, "w", track_order=True) as file,
    ):
        part = Path(folder) / "table"
        for content in contents:
            write_hdf5(part, content.schema, content.batches, extras=content.extras, n_rows=content.n_rows)
            with writing("an HDF5 file", *_FAILURES), h5py.File(part) as table:
                _add(table, file)
            patient.check()
    patient.check()


def _add(source: h5py.Group, target: h5py.Group) -> None:
    """Copies all that a group holds into another one, and its attributes."""
    for name, value in source.attrs.items():
        if name not in target.attrs:
            target.attrs[name] = value
    for key in source:
        item = source.get(key)
        if key not in target:
            source.copy(key, target)
        elif isinstance(item, h5py.Group) and isinstance(target[key], h5py.Group):
            _add(item, target[key])
        else:
            raise OutputError(
                f"two tables would be written to {item.name}",
                way_out="Name one table, or a folder for a file of each",
            )
