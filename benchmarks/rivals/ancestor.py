"""The recipe of the tool that this one descends from: an autoencoder half as wide as the columns, float64 latents.

It minimises a squared error and promises no bound; the same bytes are judged under every bound.
"""

import tempfile
from pathlib import Path

import numpy as np

import baler_vae
from baler_vae.errors import SourceError
from baler_vae.io.files import write_file
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Table, concatenate
from benchmarks.rivals.frame import pack, unpack
from benchmarks.rivals.signature import Bounds, Columns, NotApplicableError, Rival, Values

RECIPE = {
    "kind": "ae",
    "transform": "min-max",
    "shuffle": False,
    "schedule": "constant",
    "patience": 25,
    "epochs": 25,
    "batch_rows": 512,
    "latents": "float64",
}


def _compress(columns: Columns, _bounds: Bounds) -> bytes:
    tables: dict[int, dict[str, Values]] = {}
    for name, values in columns.items():
        tables.setdefault(len(values), {})[name] = values
    header = [[name, len(values)] for name, values in columns.items()]
    return pack(header, [_archive(table) for table in tables.values()])


def _archive(columns: Columns) -> bytes:
    group = Group("", tuple(Column(name, values.dtype) for name, values in columns.items()))
    schema = Schema((group,), group.names, Origin("parquet"))
    if not any(column.is_float for column in group.columns) or not len(next(iter(columns.values()))):
        recipe, bound = {"kind": "independent"}, "exact"
    else:
        recipe, bound = RECIPE, "free"
    with tempfile.TemporaryDirectory() as folder:
        source, archive = Path(folder) / "t.parquet", Path(folder) / "t.bvae"
        write_file(source, schema, [(Table(group, dict(columns)),)])
        try:
            baler_vae.compress(source, archive, bound=bound, verify=False, **recipe)
        except SourceError as error:
            raise NotApplicableError(str(error).replace(str(source), "the table")) from error
        return archive.read_bytes()


def _decompress(data: bytes) -> Columns:
    header, archives = unpack(data)
    columns: dict[str, Values] = {}
    for stored in archives:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "t.bvae"
            path.write_bytes(stored)
            with baler_vae.open(path) as archive:
                (table,) = concatenate(list(archive.batches(archive.schema)), archive.schema)
                columns |= {name: np.asarray(table[name]) for name in table.group.names}
    return {name: columns[name] for name, _ in header}


RIVALS = (
    Rival(
        "Baler's recipe (no bound)",
        "ae, half as many latents as float columns, 25 epochs, float64 latents; promises nothing",
        _compress,
        _decompress,
        ("torch",),
        promises=False,
    ),
)
