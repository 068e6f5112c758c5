"""Columns that are neither numbers nor strings, as Arrow arrays."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.table.arrow import FIELD, decode_array, encode_array, same_values, schema_of_array
from baler_vae.table.schema import NESTED, Column, Format

if TYPE_CHECKING:
    import pyarrow as pa

_NULLS = re.compile(r"( not null)?>\[\d+\]")
"""How the name of an Arrow type describes each fixed-size list in it, the innermost first."""


@dataclass(frozen=True, eq=False)
class Nested:
    """Values (rows,) of any type that Arrow has, in place of a numpy array of them."""

    values: "pa.Array"

    dtype: ClassVar[np.dtype[Any]] = NESTED

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: "slice | NDArray[Any]") -> "Nested":
        if isinstance(rows, slice):
            return Nested(self.values[rows])
        return Nested(self.values.take(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows))

    @property
    def shape(self) -> tuple[int]:
        return (len(self.values),)

    @property
    def is_untyped(self) -> bool:
        """Whether nothing is known of the type, as where there are no values."""
        import pyarrow as pa  # noqa: PLC0415 - only where there are nested columns

        return bool(pa.types.is_null(self.values.type))

    def leaves(self) -> NDArray[np.int64]:
        """How many numbers, characters or the like each value (rows,) holds, however deep, int64."""
        ends = _leaves_before(self.values, np.arange(len(self.values) + 1))
        return np.diff(ends)

    @classmethod
    def empty(cls) -> Any:  # noqa: ANN401  it stands for an array
        """No values."""
        import pyarrow as pa  # noqa: PLC0415 - only where there are nested columns

        return cls(pa.nulls(0))

    @classmethod
    def joined(cls, parts: "Sequence[Nested]") -> Any:  # noqa: ANN401  it stands for an array
        """All rows of several of one type; those without rows may have none."""
        import pyarrow as pa  # noqa: PLC0415

        return cls(pa.concat_arrays([part.values for part in parts if len(part)] or [parts[0].values]))

    @classmethod
    def from_awkward(cls, array: Any) -> "Nested":  # noqa: ANN401  of awkward
        """The same values as an awkward array; its names of records are lost.

        Raises:
            ValueError, TypeError: Arrow has no type for it.
        """
        import awkward as ak  # noqa: PLC0415
        import pyarrow as pa  # noqa: PLC0415

        found = ak.to_arrow(array, extensionarray=False)
        return cls(pa.concat_arrays(found.chunks) if isinstance(found, pa.ChunkedArray) else found)

    def to_awkward(self, *, optional: bool = False) -> Any:  # noqa: ANN401  of awkward
        """The values as an awkward array; with `optional` of a type that lets them be missing, whether any is or not.

        Raises:
            UsageError: awkward has no type for them, as for decimals and maps.
        """
        import awkward as ak  # noqa: PLC0415

        try:
            return ak.from_arrow(self._table(optional=optional))[FIELD]
        except (NotImplementedError, TypeError, ValueError) as error:
            raise UsageError(
                f"awkward has no values of the type {self.values.type}",
                way_out='Ask for library="pd", or write .parquet (`decompress`)',
            ) from error

    def to_bytes(self) -> bytes:
        """An Arrow IPC stream: its schema of one field `values`, and one record batch."""
        return encode_array(self.values)

    @classmethod
    def from_bytes(cls, data: bytes, n_rows: int) -> "Nested":
        """What `to_bytes` was given.

        Raises:
            ValueError: the bytes are not those of such a column.
        """
        return cls(decode_array(data, n_rows))

    def same_as(self, other: "Nested") -> bool:
        """Whether the values are the same, bit by bit."""
        return same_values(self.values, other.values)

    def differs(self, other: "Nested | None") -> NDArray[np.bool_]:
        """Whether each value differs from that of `other`, in any bit, bool (rows,); without one all are."""
        if other is None or self.same_as(other):
            return np.full(len(self), other is None)
        return np.array([not self[row : row + 1].same_as(other[row : row + 1]) for row in range(len(self))], np.bool_)

    def _table(self, *, optional: bool = False) -> "pa.Table":
        import pyarrow as pa  # noqa: PLC0415

        # Of a slice awkward reads the bits that say what is missing from their beginning.
        values = self.values.take(pa.array(np.arange(len(self)))) if self.values.offset else self.values
        if pa.types.is_dictionary(values.type):  # awkward has no options of small indices
            values = values.cast(pa.dictionary(pa.int64(), values.type.value_type))
        schema = schema_of_array(values)
        if optional:
            schema = pa.schema([schema.field(0).with_nullable(True)])
        return pa.table([values], schema=schema)


def _leaves_before(values: "pa.Array", places: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many leaves lie before places of an Arrow array, int64 like them."""
    import pyarrow as pa  # noqa: PLC0415

    kind = values.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        offsets = values.offsets.to_numpy().astype(np.int64)
        return _leaves_before(values.values, offsets[places]) - _leaves_before(values.values, offsets[:1])
    if pa.types.is_fixed_size_list(kind):
        first = values.offset * kind.list_size
        ends = first + places * kind.list_size
        return _leaves_before(values.values, ends) - _leaves_before(values.values, np.array([first]))
    if pa.types.is_struct(kind):
        total = np.zeros_like(places)
        for field in values.flatten():
            total += _leaves_before(field, places)
        return total
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        lengths = np.array([len(text.as_py() or "") for text in values], np.int64)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])[places]
    return places


def nested_of(values: object) -> Nested | None:
    """The values of a nested column; None for those of others."""
    return values if isinstance(values, Nested) else None


def nested_numbers(values: NDArray[np.generic]) -> Any:  # noqa: ANN401  it stands for an array
    """Numbers (rows, *shape) as a nested column of lists of one size."""
    import pyarrow as pa  # noqa: PLC0415 - only where rows are that large

    array = pa.array(values.reshape(-1))
    for size in reversed(values.shape[1:]):
        array = pa.FixedSizeListArray.from_arrays(array, size)
    return Nested(array)


def nested_arrays(values: NDArray[np.generic], column: Column, origin: Format) -> Any:  # noqa: ANN401  as above
    """Arrays (rows, *shape) of a column as the nested values of which the archives of earlier versions have them: the
    type says which of its lists may hold nulls.
    """
    import pyarrow as pa  # noqa: PLC0415

    if origin == "root":
        import awkward as ak  # noqa: PLC0415

        return Nested.from_awkward(ak.from_numpy(values, regulararray=True))
    nested = nested_numbers(values)
    kind = nested.values.type
    filled = _NULLS.findall(column.typename) if origin in {"parquet", "feather"} else []
    if len(filled) != len(column.shape):
        return nested
    for _ in column.shape:
        kind = kind.value_type
    for no_nulls, size in zip(filled, reversed(column.shape), strict=True):
        kind = pa.list_(pa.field("item", kind, nullable=not no_nulls), size)
    return Nested(nested.values.cast(kind))


def strings_of(values: NDArray[np.generic]) -> Any:  # noqa: ANN401  of awkward
    """Text (rows,), none of it missing, as an awkward array of strings; what was not UTF-8 gets its bytes back."""
    import awkward as ak  # noqa: PLC0415

    encoded = [bytes_of(text) for text in values.tolist()]
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(text) for text in encoded], dtype=np.int64)])
    letters = np.frombuffer(b"".join(encoded), np.uint8)
    content = ak.contents.NumpyArray(letters, parameters={"__array__": "char"})
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content, parameters={"__array__": "string"}))


def bytes_of(text: str) -> bytes:
    """A text in UTF-8; what was not UTF-8 has its bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
