"""Results as files of any format that is written."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.io.files import holds_tables, suffix_of, write_file, write_tables
from baler_vae.source.source import Content
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table


def check_tables(path: str | Path, names: Sequence[str]) -> None:
    """Check before the work is done that a file of that name can hold a table of each name.

    Raises:
        UsageError: the suffix is unknown, or its format holds one table.
    """
    if not holds_tables(path) and len(names) > 1:
        raise UsageError(
            f"several groups are to be written, and such a file holds one table: {', '.join(names)}",
            path=path,
            way_out="Choose one with --group, or write .root or .h5",
        )


def write_named_tables(
    path: str | Path, tables: Mapping[str, Mapping[str, NDArray[np.generic]]], name: str, *, force: bool
) -> None:
    """Write tables of columns (rows,) or (rows, *shape) into a file, its format given by its suffix. A single one gets
    a `name`, several are named as they are; in HDF5, groups are.

    Raises:
        OutputError: the file exists and `force` is false, or cannot be written, or its format holds one table.
        UsageError: the suffix is unknown.
    """
    if len(tables) > 1:
        contents = []
        for own, columns in tables.items():
            schema, batch = _table(columns, Origin("root" if suffix_of(str(path)) == ".root" else "hdf5", own))
            contents.append(Content(schema, [batch], n_rows={"events": batch[0].n_rows}))
        write_tables(path, contents, force=force)
        return
    for columns in tables.values():
        schema, batch = _table(columns, Origin("root", name))
        write_file(path, schema, [batch], force=force, n_rows={"events": batch[0].n_rows})


def _table(columns: Mapping[str, NDArray[np.generic]], origin: Origin) -> tuple[Schema, Batch]:
    described = (Column(key, values.dtype, shape=values.shape[1:]) for key, values in columns.items())
    group = Group("events", tuple(described))
    schema = Schema((group,), group.names, origin)
    return schema, (Table(group, dict(columns)),)
