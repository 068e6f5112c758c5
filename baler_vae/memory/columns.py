"""Data in memory as Arrow columns that are made slice by slice, and what an archive says of what the data were."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import pyarrow as pa

from baler_vae.arrow.fields import is_list
from baler_vae.arrow.reading import ArrowFile
from baler_vae.arrow.schema import DOCUMENT_FAILURES, plain_schema
from baler_vae.errors import BalerError, CorruptArchive, SourceError
from baler_vae.source.documents import VERSION, read_document
from baler_vae.source.source import Ranges, in_steps, reason

Kind = Literal["dict", "numpy", "pandas", "awkward", "arrow"]
"""What comes back."""

WHAT: Final[dict[Kind, str]] = {
    "dict": "a dict of arrays",
    "numpy": "a numpy array",
    "pandas": "a data frame",
    "awkward": "an awkward array",
    "arrow": "an Arrow table",
}

_KEYS: Final = {"kind", "entries", "nan", "frame"}
_SAMPLE: Final = 256
"""The rows that tell how long lists are."""


def unreadable(why: object) -> CorruptArchive:
    """The error of extras that are not those of data in memory."""
    return CorruptArchive(f"the description of the original data cannot be read: {why}", section="extras")


@dataclass(frozen=True, eq=False)
class Extras:
    """What an archive of data in memory says of what they were: their `kind`; for those that are made of arrays the
    `entries`, a document for each array; for others their Arrow `schema`; and the columns of a data frame in which
    what is missing is `nan`, and what else a `frame` is beside its schema.
    """

    kind: Kind
    schema: pa.Schema | None = None
    entries: tuple[Mapping[str, Any], ...] = ()
    nan: tuple[str, ...] = ()
    frame: Mapping[str, Any] = field(default_factory=dict)
    types: tuple[tuple[str, str], ...] = ()
    """Name and type of each entry, in which batches must agree; they are not written."""

    def to_bytes(self) -> bytes:
        """A line of JSON, then the schema as a message of Arrow's IPC format, where there is one."""
        document: dict[str, Any] = {"version": VERSION, "kind": self.kind}
        if self.schema is None:
            document["entries"] = list(self.entries)
        else:
            document |= {"nan": list(self.nan)} if self.nan else {}
            document |= {"frame": dict(self.frame)} if self.frame else {}
        head = json.dumps(document, sort_keys=True, separators=(",", ":"))
        rest: bytes = b"" if self.schema is None else self.schema.serialize().to_pybytes()
        return head.encode() + b"\n" + rest

    @classmethod
    def from_bytes(cls, data: bytes) -> "Extras":
        """What `to_bytes` was called on.

        Raises:
            CorruptArchive: the bytes are not those of such a document.
        """
        head, _, rest = data.partition(b"\n")
        try:
            document = read_document(head, _KEYS)
            if document["kind"] not in get_args(Kind):
                raise ValueError(f"data of the kind {document['kind']!r}")
            schema = plain_schema(pa.ipc.read_schema(pa.BufferReader(rest))) if rest else None
            if (schema is None) is not (document["kind"] in {"dict", "numpy", "awkward"}):
                raise ValueError("a schema that is missing, or not needed")
            entries = tuple(document.get("entries", ()))
            if not all(isinstance(entry, dict) for entry in (*entries, document.get("frame", {}))):
                raise ValueError("entries that are not objects")
            nan, frame = tuple(map(str, document.get("nan", ()))), document.get("frame", {})
            return cls(document["kind"], schema, entries, nan, frame)
        except DOCUMENT_FAILURES as error:
            raise unreadable(error) from error


@dataclass(frozen=True, eq=False)
class Columns:
    """Data as Arrow columns: `read(number, start, stop)` makes the rows of one of them, in the type that `schema` says.
    `without_nulls` are those known to have no nulls; `refused` is what of the data is not a column, with the reason.
    """

    schema: pa.Schema
    n_rows: int
    read: Callable[[int, int, int], pa.Array]
    extras: Extras
    without_nulls: frozenset[int] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)

    def rows(self, start: int, stop: int) -> pa.RecordBatch:
        """All columns of some rows."""
        arrays = [self.column(number, start, stop) for number in range(len(self.schema))]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def column(self, number: int, start: int, stop: int) -> pa.Array:
        """Some rows of a column.

        Raises:
            SourceError: Arrow cannot hold its values.
        """
        try:
            return self.read(number, start, stop)
        except (BalerError, MemoryError):
            raise
        except Exception as error:
            raise SourceError(
                f"values that Arrow cannot hold: {reason(error)}",
                column=self.schema.field(number).name,
                way_out="Convert them, or leave the column out",
            ) from error

    def file(self, name: str) -> ArrowFile:
        """The columns as the Arrow room reads those of a file."""

        def chunks(
            numbers: Sequence[int], step: int, ranges: Ranges | None
        ) -> Iterator[tuple[int, Sequence[pa.Array]]]:
            for start, stop in in_steps(self.n_rows, step, ranges):
                yield start, [self.column(number, start, stop) for number in numbers]

        kind = WHAT[self.extras.kind]
        lengths = {number: self._mean_length(number) for number, own in enumerate(self.schema) if is_list(own.type)}
        return ArrowFile(name, kind, self.schema, self.n_rows, chunks, lengths, self.without_nulls)

    def _mean_length(self, number: int) -> float:
        """How many values the lists of a column have, by the first rows."""
        n_rows = min(self.n_rows, _SAMPLE)
        return len(self.column(number, 0, n_rows).flatten()) / max(1, n_rows)


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The values of a column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
