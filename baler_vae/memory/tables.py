"""Arrow tables as columns, and back."""

import pyarrow as pa

from baler_vae.memory.columns import Columns, Extras, one_array


def table_columns(table: pa.Table) -> Columns:
    """The columns of a table."""

    def read(number: int, start: int, stop: int) -> pa.Array:
        return one_array(table.column(number).slice(start, stop - start))

    schema = table.schema
    without = frozenset(
        number for number, column in enumerate(table.columns) if not column.null_count and not column.type.num_fields
    )
    return Columns(schema, table.num_rows, read, Extras("arrow", schema), without)


def restored_table(table: pa.Table) -> pa.Table:
    """The table with the types that others have registered, where they are registered here."""
    wanted = pa.ipc.read_schema(pa.BufferReader(table.schema.serialize()))
    if wanted.equals(table.schema, check_metadata=True):
        return table
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    with pa.ipc.open_stream(sink.getvalue()) as read:
        return read.read_all()
