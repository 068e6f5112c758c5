"""The tables of an HDF5 file, where it has several with rows of different numbers."""

import h5py

from baler_vae.hdf5.types import layout_of
from baler_vae.hdf5.walk import Entry, Walk, text_attribute


def tables_in(file: h5py.File) -> tuple[str, ...]:
    """The names of the tables of a file, in its order: frames of pandas, datasets of compounds, and then also groups of
    flat datasets, or one alone. A file is one table, without a name, unless it has frames or compounds with different
    numbers of rows; where events count objects; or where some dataset can be in no table and would be left out.
    """
    datasets = [entry for entry in Walk(file, "/").entries() if entry.is_dataset and not _is_index(entry)]
    owners = {entry.path: _table_of(file, entry) for entry in datasets}
    lengths = dict.fromkeys(filter(None, owners.values()), 0)
    for entry in datasets:
        if owners[entry.path] and entry.item.shape:
            lengths[owners[entry.path]] = max(lengths[owners[entry.path]], len(entry.item))
    if len(set(lengths.values())) < 2 or any(entry.counter for entry in datasets):
        return ("",)
    flat = [entry for entry in datasets if not owners[entry.path]]
    for entry in flat:
        owners[entry.path] = _group_of(entry, flat, owners) if layout_of(entry.item).parts else ""
    names = tuple(dict.fromkeys(owners.values()))
    return ("",) if "" in names else names


def _is_index(entry: Entry) -> bool:
    """Whether a dataset is part of a PyTables index, which can be rebuilt."""
    return any(name.startswith("_i_") for name in entry.path.split("/"))


def _table_of(file: h5py.File, entry: Entry) -> str:
    """The name of the frame that a dataset belongs to, or of the table that it is; nothing where it is flat."""
    names = entry.path.strip("/").split("/")
    for end in range(1, len(names)):
        place = "/".join(names[:end])
        if text_attribute(file[place], "pandas_type"):
            return place
    has_fields = any(part.fields for part in layout_of(entry.item).parts)
    return "/".join(names) if has_fields else ""


def _group_of(entry: Entry, flat: list[Entry], owners: dict[str, str]) -> str:
    """The name of the group that a flat dataset makes a table with; its own where there is no such group."""
    folder = entry.path.rpartition("/")[0]
    inside = [path for path in owners if path.startswith(f"{folder}/")]
    members = [other for other in flat if other.path in inside]
    lengths = {len(other.item) if other.item.shape else -1 for other in members}
    return (folder if folder and len(members) == len(inside) and len(lengths) == 1 else entry.path).strip("/")
