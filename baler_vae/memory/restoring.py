"""Objects out of archives, of the kind that was compressed."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from baler_vae.arrow.schema import DOCUMENT_FAILURES, ArrowExtras
from baler_vae.arrow.writing import arrow_batches
from baler_vae.memory.columns import WHAT, Extras, Kind, unreadable
from baler_vae.memory.entries import restored_entries, schema_of_entries
from baler_vae.memory.frames import restored_frame
from baler_vae.memory.tables import restored_table
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch

if TYPE_CHECKING:
    import pyarrow as pa


def restored(schema: Schema, batches: Iterable[Batch], extras: bytes) -> Any:  # noqa: ANN401  it depends on the kind
    """The object that was compressed: a dict of arrays (jagged ones are awkward arrays), an array of numpy, a data
    frame with its index and dtypes, an awkward array of its type and parameters, or an Arrow table of its schema.
    Several batches come back as one. Where `schema` has only some of the columns, the rest is left out.

    Raises:
        CorruptArchive: the extras are not those of data in memory.
    """
    told = Extras.from_bytes(extras)
    table = _table(schema, batches, told)
    if told.kind == "pandas":
        try:
            return restored_frame(table, told.nan, told.frame)
        except DOCUMENT_FAILURES as error:
            raise unreadable(error) from error
    if told.kind == "arrow":
        return restored_table(table)
    return restored_entries(table, told)


def as_table(schema: Schema, batches: Iterable[Batch], extras: bytes) -> "pa.Table":
    """The columns as an Arrow table: with the schema of what was compressed, where that had one.

    Raises:
        CorruptArchive: the extras are not those of data in memory.
    """
    return _table(schema, batches, Extras.from_bytes(extras))


def kind_of_extras(extras: bytes) -> Kind:
    """What was compressed.

    Raises:
        CorruptArchive: the extras are not those of data in memory.
    """
    return Extras.from_bytes(extras).kind


def _table(schema: Schema, batches: Iterable[Batch], told: Extras) -> "pa.Table":
    import pyarrow as pa  # noqa: PLC0415

    own = schema_of_entries(told) if told.schema is None else told.schema
    fields, rows = arrow_batches(schema, batches, WHAT[told.kind], ArrowExtras(own))
    return pa.Table.from_batches(list(rows), fields)
