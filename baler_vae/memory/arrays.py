"""Arrays of numpy, masked ones too, as Arrow columns, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from baler_vae.errors import SourceError
from baler_vae.npz.layout import is_fortran
from baler_vae.npz.npy import array_member
from baler_vae.source.array_columns import Member, Part, matrix_parts, parts_of
from baler_vae.source.source import STEP_EVENTS
from baler_vae.table.schema import TEXT

_FILLED = "biufcmM"
"""The kinds of dtypes whose fill values are kept."""


@dataclass(frozen=True, eq=False)
class ArrayEntry:
    """How an array was: the `member` says which columns it is; in one that `is_masked` values may be missing, and one
    that `is_binary` holds bytes that are no UTF-8. `fill` is the value that stands for missing ones, its bytes in
    hexadecimal digits, where it is not numpy's own.
    """

    member: Member
    is_masked: bool = False
    is_binary: bool = False
    fill: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return self.member.columns

    def renamed(self, names: Sequence[str]) -> "ArrayEntry":
        """The same array with other names of its columns."""
        return replace(self, member=replace(self.member, columns=tuple(names)))

    def fields(self) -> list[pa.Field]:
        """The Arrow fields of the columns."""
        return [self._field(part) for part in self.member.parts]

    def read(self, rows: NDArray[Any], number: int, start: int, stop: int) -> pa.Array:
        """Some rows of a column, of the array as rows (rows, ...)."""
        part, piece = self.member.parts[number], rows[start:stop]
        mask = None
        if self.is_masked:
            mask = np.ma.getmaskarray(piece)[_place(part)]
            piece = np.ma.getdata(piece)
        kinds = [self._field(part).type]
        for _ in part.shape:
            kinds.append(kinds[-1].value_type)
        values = part.values(piece).reshape(-1)
        if self.is_binary:
            values = np.array([word.encode("utf-8", "surrogateescape") for word in values.tolist()], object)
        array = pa.array(values, kinds[-1], mask=None if mask is None else mask.reshape(-1))
        for outer in reversed(kinds[:-1]):
            array = pa.FixedSizeListArray.from_arrays(array, type=outer)
        return array

    def restored(self, columns: Mapping[str, pa.Array], n_rows: int) -> dict[str, NDArray[Any]]:
        """The array under its name; those of its columns that are there, where not all are.

        Raises:
            OutputError: a value has no place where it was.
        """
        parts = {part.name: part for part in self.member.parts if part.name in columns}
        values, masks = {}, {}
        for name, part in parts.items():
            values[name], masks[name] = _numpy(columns[name], part)
            if self.is_masked and part.dtype == TEXT:
                values[name][masks[name]] = ""
        if len(parts) < len(self.names) or self.member.refused:
            return {name: self._masked(values[name], masks[name]) for name in parts}
        rows = np.zeros((n_rows, *self.member.shape), self._wide_enough(values))
        mask = np.zeros((n_rows, *self.member.shape), np.bool_)
        for name, part in parts.items():
            part.put(rows, values[name])
            if self.is_masked:
                mask[_place(part)] |= masks[name]
        array = self.member.array_of_rows(rows)
        return {self.member.name: self._masked(array, self.member.array_of_rows(mask))}

    def _masked(self, array: NDArray[Any], mask: NDArray[Any]) -> NDArray[Any]:
        if not self.is_masked:
            return array
        fill = np.frombuffer(bytes.fromhex(self.fill), array.dtype)[0] if self.fill else None
        return np.ma.MaskedArray(array, mask, fill_value=fill)

    def told(self) -> tuple[str, str]:
        """The name and the type, in which batches must agree: the order of bytes and the width of strings may
        differ.
        """
        dtype, shape = self.member.dtype.newbyteorder("="), self.member.shape
        kind = {"U": "strings", "S": "bytes"}.get(dtype.kind, str(dtype))
        axes = f" of the shape {shape}" if shape else ""
        return self.member.name, f"{'masked ' if self.is_masked else ''}{kind}{axes}"

    def document(self) -> dict[str, Any]:
        """The entry as plain values of JSON."""
        said = {"array": self.member.document(), "masked": self.is_masked, "binary": self.is_binary}
        return said | ({"fill": self.fill} if self.fill else {})

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "ArrayEntry":
        """What `document` was called on.

        Raises:
            ValueError, TypeError, LookupError: it is not of such an entry.
        """
        member, fill = Member.of_document(document["array"]), str(document.get("fill", ""))
        if fill and (member.dtype.kind not in _FILLED or len(bytes.fromhex(fill)) != member.dtype.itemsize):
            raise ValueError(f"the fill value {fill!r} of {member.dtype}")
        return cls(member, document["masked"] is True, document["binary"] is True, fill)

    def _field(self, part: Part) -> pa.Field:
        text = pa.binary() if self.is_binary else pa.string()
        kind = text if part.dtype == TEXT else pa.from_numpy_dtype(part.dtype)
        nullable = self.is_masked or part.dtype == TEXT
        for size in reversed(part.shape):
            kind = pa.list_(pa.field("element", kind, nullable=self.is_masked), size)
        return pa.field(part.name, kind, nullable=nullable and not part.shape)

    def _wide_enough(self, values: Mapping[str, NDArray[Any]]) -> np.dtype[Any]:
        """The dtype, of strings wide enough for those of other batches too."""
        kind = self.member.dtype.kind
        if kind not in "US":
            return self.member.dtype
        words = [word for array in values.values() for word in array.tolist() if word is not None]
        longest = max(
            (len(word if kind == "U" else word.encode("utf-8", "surrogateescape")) for word in words), default=0
        )
        width = max(longest, self.member.dtype.itemsize // (4 if kind == "U" else 1))
        return np.dtype(f"{kind}{width}").newbyteorder(self.member.dtype.byteorder)


def member_of_array(key: str, array: NDArray[Any], *, is_alone: bool) -> tuple[ArrayEntry, NDArray[Any]]:
    """How one of several arrays is read, and its rows: those of two axes in columns, `key_0`, `key_1` and so on; fields
    of records as columns; or else in one column.
    """
    is_matrix = array.ndim == 2 and array.dtype.names is None
    if is_matrix:
        parts, _ = matrix_parts([f"{key}_{number}" for number in range(array.shape[1])], array.dtype)
    else:
        parts, _ = parts_of("" if is_alone and array.dtype.names else key, array.dtype, array.shape[1:])
    columns = tuple(part.name for part in parts)
    member = Member(key, array.dtype, array.shape[1:], columns, fortran_order=is_fortran(array), is_matrix=is_matrix)
    return ArrayEntry(member, is_masked(array), is_binary(array), fill_of(array)), array


def whole_array(array: NDArray[Any], *, stacks: bool = True) -> tuple[ArrayEntry, NDArray[Any]]:
    """How an array that is all there is is read, as that of an npy file, and its rows."""
    member, _ = array_member(array, stacks=stacks)
    return ArrayEntry(member, is_masked(array), is_binary(array), fill_of(array)), member.rows_of(array)


def is_masked(array: NDArray[Any]) -> bool:
    """Whether values of an array may be missing.

    Raises:
        SourceError: it is one of records.
    """
    if not isinstance(array, np.ma.MaskedArray):
        return False
    if array.dtype.names is not None:
        raise SourceError("a masked array of records is not supported", way_out="Pass each field as an array")
    return True


def fill_of(array: NDArray[Any]) -> str:
    """The fill value of a masked array of numbers or times, as `ArrayEntry` has it."""
    if not isinstance(array, np.ma.MaskedArray) or array.dtype.kind not in _FILLED:
        return ""
    own, usual = np.asarray(array.fill_value), np.asarray(np.ma.default_fill_value(array.dtype))
    # The usual ones are 999,999 and 1e20, also of integers and floats that cannot hold them.
    compared = usual.dtype if array.dtype.kind in "iu" else array.dtype
    with np.errstate(over="ignore"):
        is_usual = own.astype(compared).tobytes() == usual.astype(compared).tobytes()
    return "" if is_usual else own.astype(array.dtype).tobytes().hex()


def is_binary(array: NDArray[Any]) -> bool:
    """Whether some bytes strings of an array are not UTF-8."""
    if array.dtype.kind != "S":
        return False
    rows = array.reshape(-1)
    pieces = (rows[start : start + STEP_EVENTS].tolist() for start in range(0, len(rows), STEP_EVENTS))
    return any(not _is_utf8(word) for piece in pieces for word in piece)


def _is_utf8(word: bytes | None) -> bool:
    try:
        _ = None if word is None else word.decode()
    except UnicodeDecodeError:
        return False
    return True


def _place(part: Part) -> Any:  # noqa: ANN401  what numpy takes as an index
    """Where in rows of an array a part lies."""
    return next(((slice(None), key) for kind, key in part.steps if kind == "column"), ...)


def _numpy(column: pa.Array, part: Part) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """The values (rows, *shape) of a column, and which of them are missing."""
    n_rows = len(column)
    for _ in part.shape:
        column = column.flatten()
    missing = np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_).reshape(n_rows, *part.shape)
    if column.null_count and part.dtype != TEXT:
        column = column.fill_null(pa.scalar(0, pa.int8()).cast(column.type))
    if pa.types.is_binary(column.type):
        words = [None if word is None else word.decode("utf-8", "surrogateescape") for word in column.to_pylist()]
        values = np.array(words, TEXT)
    else:
        values = np.asarray(column.to_numpy(zero_copy_only=False), part.dtype)
    values = values.reshape(n_rows, *part.shape)
    return (np.array(values) if part.dtype == TEXT else values), missing
