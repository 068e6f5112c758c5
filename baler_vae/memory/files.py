"""What was in files as objects, and what was in memory as files."""

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.lib import format as npy

from baler_vae.arrow.schema import ArrowExtras
from baler_vae.arrow.writing import arrow_batches
from baler_vae.memory.arrays import ArrayEntry
from baler_vae.memory.columns import WHAT, Extras
from baler_vae.memory.entries import entries_of
from baler_vae.memory.frames import restored_frame
from baler_vae.memory.tables import restored_table
from baler_vae.npz.layout import NpzLayout, read_npy, values_of
from baler_vae.paths import stays_inside
from baler_vae.source.arrays import restored_array
from baler_vae.table.schema import NESTED, TEXT, Schema
from baler_vae.table.table import Batch, concatenate

if TYPE_CHECKING:
    import pyarrow as pa

ARROW: Final = frozenset({"parquet", "feather"})
NUMPY: Final = frozenset({"npz", "npy"})
"""The formats of origin whose objects are told here."""

_EXTENSION: Final = b"ARROW:extension:name"
_OPTIONS: Final[dict[str, dict[str, Any]]] = {"parquet": {}, "feather": {"stream": False, "compression": "zstd"}}


def object_of_arrow(schema: Schema, batches: Iterable[Batch], extras: bytes) -> Any:  # noqa: ANN401
    """What was written to a Parquet or Arrow file: a data frame by pandas, an awkward array by awkward, or a table.

    Raises:
        CorruptArchive: the extras are not those of such a file.
    """
    table = _plain_table(schema, batches, extras)
    told = table.schema.metadata or {}
    if b"pandas" in told:
        return restored_frame(restored_table(table), ())
    fields = [own.metadata or {} for own in table.schema]
    if b"awkward_array_metadata" not in told and not any(own.get(_EXTENSION) == b"awkward" for own in fields):
        return restored_table(table)
    import awkward as ak  # noqa: PLC0415 - only where it wrote the file
    import pyarrow as pa  # noqa: PLC0415

    ak.from_arrow(pa.nulls(0))  # it registers its types when it is first asked
    return ak.from_arrow(restored_table(table))


def table_of_file(schema: Schema, batches: Iterable[Batch], extras: bytes) -> "pa.Table":
    """The columns of a file as an Arrow table: with the schema of the file where `extras` of a Parquet or Arrow file
    tell it.

    Raises:
        CorruptArchive: they are not those of such a file.
    """
    return restored_table(_plain_table(schema, batches, extras))


def object_of_numpy(schema: Schema, batches: Iterable[Batch], extras: bytes) -> Any:  # noqa: ANN401
    """The arrays of an npz archive by name, those besides the columns too; the one of an npy file.

    Raises:
        CorruptArchive: the extras are not those of such a file.
    """
    batch = concatenate(list(batches), schema)
    arrays: dict[str, Any] = {}
    columns: list[str] = list(schema.order)
    if extras:
        found, columns = NpzLayout.from_bytes(extras).restored(schema, batch)
        for name, content in found:
            if not isinstance(content, bytes):
                arrays[name] = content
            elif content.startswith(npy.MAGIC_PREFIX):
                arrays[name.removesuffix(".npy")] = read_npy(io.BytesIO(content))
    elif schema.origin.name and len({column.dtype for column in schema.columns}) == 1:
        arrays, columns = {schema.origin.name: restored_array(schema, [batch])}, []
    values = values_of(schema.only(columns), batch) if columns else {}
    for name, value in values.items():
        arrays[name] = value.values.to_numpy(zero_copy_only=False) if value.dtype == NESTED else _text(value)  # type: ignore[attr-defined]
    return next(iter(arrays.values())) if schema.origin.format == "npy" and len(arrays) == 1 else arrays


def file_extras(extras: bytes, name: str) -> bytes:
    """The extras with which a file of a format holds what was in memory: the index and metadata of frames and tables in
    `parquet` and `feather`, the shapes and dtypes of arrays in `npz` and `npy`; nothing where the format cannot say it.

    Raises:
        CorruptArchive: the extras are not those of data in memory.
    """
    told = Extras.from_bytes(extras)
    if told.schema is not None and name in _OPTIONS:
        return ArrowExtras(told.schema, _OPTIONS[name]).to_bytes()
    if {"dict": "npz", "numpy": "npy"}.get(told.kind) != name:
        return b""
    members = [entry.member for entry in entries_of(told) if isinstance(entry, ArrayEntry) and not entry.is_masked]
    is_whole = len(members) == len(told.entries) and all(stays_inside(member.name) for member in members)
    return NpzLayout(tuple(members)).to_bytes() if is_whole else b""


def _plain_table(schema: Schema, batches: Iterable[Batch], extras: bytes) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415

    given = ArrowExtras.from_bytes(extras) if extras else None
    fields, rows = arrow_batches(schema, batches, WHAT["arrow"], given)
    return pa.Table.from_batches(list(rows), fields)


def _text(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Strings of fixed width, as numpy has them, where none is missing."""
    if values.dtype != TEXT or any(word is None for word in values.tolist()):
        return values
    return values.astype(np.str_)
