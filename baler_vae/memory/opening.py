"""Data in memory as a source."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from typing import Any, Final

from baler_vae.arrow.feather import open_feather
from baler_vae.arrow.reading import arrow_source
from baler_vae.errors import BalerError, UsageError
from baler_vae.memory.columns import Columns
from baler_vae.memory.kinds import kind_of, package_of, typename
from baler_vae.source.padding import with_collections
from baler_vae.source.source import Source, any_failure, guarded
from baler_vae.table.schema import Origin

ORIGIN: Final = Origin("memory")

_WAYS_OUT: Final = {
    "pandas": "Pass a DataFrame: series.to_frame()",
    "pyarrow": "Pass a table: pa.table({'name': values})",
    "awkward": "Pass an Array: ak.Array([record])",
    "uproot": "Pass a TTree, an RNTuple, or what arrays() gives",
}
_EXPECTED: Final = (
    "a dict of arrays, a DataFrame, an awkward array, an Arrow table, a tree of uproot, or batches of those"
)


def open_data(data: object, name: str = "data") -> Source:
    """The source of data in memory, which stay where they are and are read in slices: a dict of arrays (of numpy,
    masked ones too, lists, awkward arrays), an array of numpy, a data frame of pandas, an awkward array, a table or
    batches of Arrow, a TTree or RNTuple of uproot, or several batches of one kind, in a list or one after the other.
    `name` stands for a path in errors.

    Fields of records are columns called `RECORD_FIELD`, also those of lists of records. Batches that can be read only
    once are kept in a temporary file for as long as the source is used.

    Raises:
        UsageError: it is no such thing, two columns have one name, or batches differ.
        SourceError: values cannot be read.
    """
    kind = kind_of(data)
    with any_failure(name), _of_data(name):
        if kind == "root":
            from baler_vae.memory.trees import open_tree  # noqa: PLC0415 - only where there is one

            return with_collections(guarded(open_tree(data)))
        if kind == "stream":
            return with_collections(_of_stream(data, name))
        source = _of_columns(_columns_of(data, name), name)
        if kind in {"numpy", "batches"} and any(column.is_array for column in source.schema.columns):
            source = replace(source, earlier=lambda: _of_columns(_columns_of(data, name, stacks=False), name))
        return with_collections(source)


@contextmanager
def _of_data(name: str) -> Iterator[None]:
    """A block whose errors name the data, where they name no file."""
    try:
        yield
    except BalerError as error:
        error.path = error.path or name
        raise


def _columns_of(data: Any, name: str, *, stacks: bool = True) -> Columns:  # noqa: ANN401  any data
    """The columns of data that can be read again; for `stacks` see `array_member`."""
    kind = kind_of(data)
    if kind == "pandas":
        from baler_vae.memory.frames import frame_columns  # noqa: PLC0415 - each kind imports its own libraries

        return frame_columns(data, name)
    if kind == "arrow":
        import pyarrow as pa  # noqa: PLC0415

        from baler_vae.memory.tables import table_columns  # noqa: PLC0415

        return table_columns(data if isinstance(data, pa.Table) else pa.table(data))
    if kind == "batches":
        from baler_vae.memory.batches import joined_columns  # noqa: PLC0415

        return joined_columns([_columns_of(batch, name, stacks=stacks) for batch in data], name)
    from baler_vae.memory import entries  # noqa: PLC0415

    if kind == "dict":
        return entries.dict_columns(data, name)
    if kind == "numpy":
        return entries.array_columns(data, stacks=stacks)
    if kind == "awkward":
        return entries.awkward_columns(data)
    way_out = _WAYS_OUT.get(package_of(data))
    what = f"cannot compress data of the type {typename(data)}"
    raise UsageError(what, path=name, expected=_EXPECTED, way_out=way_out)


def _of_columns(columns: Columns, name: str) -> Source:
    """The source of columns."""
    source = arrow_source(columns.file(name), ORIGIN)
    unsupported = {**source.unsupported, **columns.refused}
    return guarded(replace(source, unsupported=unsupported, extras=columns.extras.to_bytes))


def _of_stream(batches: Any, name: str) -> Source:  # noqa: ANN401  an iterator
    """The source of batches that can be read once."""
    from baler_vae.memory.batches import Spool  # noqa: PLC0415

    read = iter(batches)
    first = list(islice(read, 1))
    if not first and hasattr(batches, "schema"):  # a reader of Arrow, which knows its columns without any rows
        first = [batches.schema.empty_table()]
    spool = Spool(chain(first, read), lambda batch: _columns_of(batch, name), name)
    source = open_feather(spool.path, "")

    def extras() -> bytes:
        return spool.extras.to_bytes()  # the source keeps the spool, and so its file, alive

    return guarded(
        replace(
            source,
            path=name,
            schema=replace(source.schema, origin=ORIGIN),
            unsupported={**source.unsupported, **spool.refused},
            extras=extras,
        )
    )
