"""HDF5 files of several tables."""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import h5py

from baler_vae.errors import OutputError
from baler_vae.hdf5.attributes import copy_attributes
from baler_vae.hdf5.layout import FAILURES
from baler_vae.hdf5.walk import Walk
from baler_vae.hdf5.writing import copy_entry, new_file, write_hdf5
from baler_vae.source.patient import PatientFile
from baler_vae.source.source import Content, writing


def write_tables_hdf5(path: Path, contents: Iterable[Content]) -> None:
    """Write each table below the group, or into the dataset, that its origin names, as `write_hdf5` does.

    Raises:
        OutputError: as for `write_hdf5`, or two tables would have one place.
    """
    # Each table has a file of its own first: its extras may be anywhere, and are put into place there.
    with tempfile.TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent) as folder, ExitStack() as stack:
        part = Path(folder) / "table"
        patient = stack.enter_context(PatientFile(path, "w+b"))
        file: h5py.File | None = None
        for content in contents:
            write_hdf5(part, content.schema, content.batches, extras=content.extras, n_rows=content.n_rows)
            with writing("an HDF5 file", *FAILURES), h5py.File(part) as table:
                if file is None:
                    file = stack.enter_context(new_file(patient, table))
                _add(table, file)
            patient.check()
        if file is None:
            stack.enter_context(h5py.File(patient, "w"))
    patient.check()


def _add(table: h5py.File, file: h5py.File) -> None:
    """Copies all that a file holds into another; of groups that both have, the attributes that it lacks."""
    entries = Walk(table, "/", strict=True).entries()
    made = {}
    for entry in entries:
        here = entry.path in file
        if here and not (isinstance(entry.item, h5py.Group) and isinstance(file[entry.path], h5py.Group)):
            raise OutputError(
                f"two tables would be written to {entry.path}",
                way_out="Name one table, or a folder for a file of each",
            )
        if not here:
            copy_entry(file, entry)
        if entry.item is not None and (not here or not len(file[entry.path].attrs)):
            made[entry.path] = entry.item
    for path, item in made.items():
        copy_attributes(item, file[path], file)
