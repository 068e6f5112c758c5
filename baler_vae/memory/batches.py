"""Several batches of data as one: lists of them, which are read again, and streams, which are kept on disk."""

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from baler_vae.errors import SourceError, UsageError
from baler_vae.memory.columns import WHAT, Columns, Extras
from baler_vae.memory.frames import joined_schema
from baler_vae.source.source import STEP_EVENTS, in_steps, overlaps

_WAY_OUT = "Pass batches of one kind, with the same columns of the same types"


def joined_columns(parts: Sequence[Columns], name: str) -> Columns:
    """The rows of several batches, one after the other, as of the kind of the first. A column of a data frame or a
    table without a type, as one of missing values alone has none, takes that of the others.

    Raises:
        UsageError: they have different columns, or kinds.
    """
    first = parts[0]
    for number, part in enumerate(parts):
        _check_kind(first, part, number, name)
        if first.extras.schema is None and not _is_same(first.schema, part.schema):
            raise _other_types(first.schema, part.schema, number, name)
    try:
        schema = pa.unify_schemas([first.schema, *(part.schema.remove_metadata() for part in parts[1:])])
    except pa.ArrowException as error:
        wrong = next(n for n, part in enumerate(parts) if not _is_same(first.schema, part.schema))
        raise _other_types(first.schema, parts[wrong].schema, wrong, name) from error
    starts = [sum(part.n_rows for part in parts[:number]) for number in range(len(parts) + 1)]

    def read(number: int, start: int, stop: int) -> pa.Array:
        pieces = []
        for part, begin in zip(parts, starts, strict=False):
            for low, high in overlaps(begin, part.n_rows, [(start, stop)]):
                piece = part.column(number, low, high)
                kind = schema.field(number).type
                pieces.append(piece if piece.type == kind else piece.cast(kind))
        return pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces or [pa.array([], schema.field(number).type)])

    without = frozenset.intersection(*(part.without_nulls for part in parts))
    refused = {own: why for part in parts for own, why in part.refused.items()}
    extras, schema = _extras(first.extras, schema, starts[-1])
    return Columns(schema, starts[-1], read, extras, without, refused)


class Spool:
    """A file in the folder for temporary ones that holds the rows of a stream of batches, as an Arrow IPC stream; it is
    removed with the object.
    """

    def __init__(self, batches: Iterable[Any], columns_of: Callable[[Any], Columns], name: str) -> None:
        handle, self.path = tempfile.mkstemp(prefix="baler-vae-", suffix=".arrows")
        os.close(handle)
        self._remove = weakref.finalize(self, _removed, self.path)
        try:
            self.schema, self.extras, self.refused = self._write(batches, columns_of, name)
        except BaseException:
            self._remove()
            raise

    def _write(
        self, batches: Iterable[Any], columns_of: Callable[[Any], Columns], name: str
    ) -> tuple[pa.Schema, Extras, dict[str, str]]:
        first: Columns | None = None
        writer: pa.RecordBatchStreamWriter | None = None
        n_rows = 0
        try:
            for number, batch in enumerate(batches):
                part = columns_of(batch)
                if first is None or writer is None:
                    # Without the values: they go when the next batch is read.
                    first = replace(part, read=_gone)
                    writer = pa.ipc.new_stream(self.path, part.schema)
                _check_kind(first, part, number, name)
                if not _is_same(first.schema, part.schema):
                    raise _other_types(first.schema, part.schema, number, name)
                for start, stop in in_steps(part.n_rows, STEP_EVENTS, None):
                    rows = part.rows(start, stop)
                    writer.write_batch(pa.RecordBatch.from_arrays(rows.columns, schema=first.schema))
                n_rows += part.n_rows
        finally:
            if writer is not None:
                writer.close()
        if first is None:
            raise SourceError("holds no batches", path=name, way_out="Pass at least one batch; it may have no rows")
        extras, schema = _extras(first.extras, first.schema, n_rows)
        return schema, extras, dict(first.refused)


def _removed(path: str) -> None:
    if os.path.exists(path):  # noqa: PTH110 - the interpreter may be about to end
        os.unlink(path)  # noqa: PTH108


def _gone(number: int, start: int, stop: int) -> pa.Array:
    raise ValueError(f"rows {start} to {stop} of column {number} of a batch that has been dropped")


def _extras(extras: Extras, schema: pa.Schema, n_rows: int) -> tuple[Extras, pa.Schema]:
    """What is said of all batches, and their schema, by what was said of the first."""
    if extras.schema is None:
        return extras, schema
    schema = joined_schema(schema, n_rows) if extras.kind == "pandas" else schema
    frame = {key: own for key, own in extras.frame.items() if key != "freq"}
    return replace(extras, schema=schema, frame=frame), schema


def _is_same(one: pa.Schema, other: pa.Schema) -> bool:
    return bool(one.remove_metadata().equals(other.remove_metadata()))


def _check_kind(first: Columns, part: Columns, number: int, name: str) -> None:
    if part.extras.kind != first.extras.kind:
        raise UsageError(
            f"batch {number} is {WHAT[part.extras.kind]}, the first one {WHAT[first.extras.kind]}",
            path=name,
            way_out=_WAY_OUT,
        )
    if part.schema.names != first.schema.names:
        different = [*{*part.schema.names} ^ {*first.schema.names}]
        found = f" ({', '.join(sorted(different))})" if different else ", or in another order"
        raise UsageError(f"batch {number} has different columns from the first{found}", path=name, way_out=_WAY_OUT)
    for (own, expected), (given, found) in zip(first.extras.types, part.extras.types, strict=False):
        if own != given:
            raise UsageError(
                f"batch {number} has different arrays from the first ({own}, {given})", path=name, way_out=_WAY_OUT
            )
        if expected != found:
            raise _other_type(number, name, own, found, expected)


def _other_types(first: pa.Schema, other: pa.Schema, number: int, name: str) -> UsageError:
    own, given = next((a, b) for a, b in zip(first, other, strict=True) if not a.equals(b))
    return _other_type(number, name, own.name, _told(given), _told(own))


def _other_type(number: int, name: str, column: str, found: str, expected: str) -> UsageError:
    return UsageError(
        f"batch {number} has a different type from the first",
        path=name,
        column=column,
        found=found,
        expected=expected,
        way_out=_WAY_OUT,
    )


def _told(own: pa.Field) -> str:
    return f"{own.type}" if own.nullable else f"{own.type} (never missing)"
