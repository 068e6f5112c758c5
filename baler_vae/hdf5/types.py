"""The types of HDF5: which parts of a value are columns, and where they are in it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from h5py import h5t
from numpy.typing import NDArray

from baler_vae.source.grouping import MOST_ELEMENTS, native
from baler_vae.table.schema import TEXT, is_possible_shape

Fields = tuple[str, ...]
"""The names of the fields of compounds that lead to a part of a value; none leads to the value itself."""

_IEEE = {2: (h5t.IEEE_F16LE, h5t.IEEE_F16BE), 4: (h5t.IEEE_F32LE, h5t.IEEE_F32BE), 8: (h5t.IEEE_F64LE, h5t.IEEE_F64BE)}

_BITS = {
    1: (h5t.STD_B8LE, h5t.STD_B8BE),
    2: (h5t.STD_B16LE, h5t.STD_B16BE),
    4: (h5t.STD_B32LE, h5t.STD_B32BE),
    8: (h5t.STD_B64LE, h5t.STD_B64BE),
}


@dataclass(frozen=True)
class FieldPart:
    """A part of every value of a dataset that is a column, or an array of `shape` of them.

    `dtype` is that of the column. A text has a `padding` of h5t where its length is fixed; `typename` tells length and
    encoding.
    """

    fields: Fields
    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    typename: str = ""
    padding: int | None = None

    @property
    def n_bytes(self) -> int:
        """The bytes of the part in every row; of a text of any length those of its place."""
        if self.dtype == TEXT:
            return int(self.typename.split()[0][1:]) if self.typename else np.dtype(object).itemsize
        return self.dtype.itemsize * int(np.prod(self.shape))

    def take(self, rows: NDArray[Any]) -> NDArray[np.generic]:
        """The part of rows as they lie in the file: values (rows, *shape) in the dtype of the column."""
        for name in self.fields:
            rows = rows[name]
        if self.dtype == TEXT:
            return decoded(rows, self.padding)
        if self.dtype == bool:
            return np.ascontiguousarray(rows != 0)
        return np.require(rows, self.dtype, ["C", "A"])  # one row of packed compounds may be out of line

    def put(self, rows: NDArray[Any], values: NDArray[np.generic]) -> None:
        """Sets the part of rows.

        Raises:
            ValueError: a text is longer than the strings of the file, or holds NUL where they have any length.
        """
        for name in self.fields:
            rows = rows[name]
        rows[...] = encoded(values, rows.dtype, self.padding) if self.dtype == TEXT else values


@dataclass(frozen=True)
class DatasetLayout:
    """How the values of a dataset lie in its file: their numpy `dtype`; the `parts` that are columns; and `rest`, the
    names of the other fields with the first byte and the number of bytes of each. With `exact`, the dtype has every
    byte where the file has it, and values need no conversion. `arrays` tells whether arrays of many elements are among
    the parts.
    """

    dtype: np.dtype[Any]
    parts: tuple[FieldPart, ...]
    rest: tuple[tuple[Fields, int, int], ...] = ()
    exact: bool = False
    arrays: bool = False

    def rest_bytes(self) -> NDArray[np.intp]:
        """The places (bytes,) of the bytes of the other fields in a value."""
        return np.concatenate([np.arange(start, start + size) for _, start, size in self.rest])


def layout_of(dataset: h5py.Dataset, *, arrays: bool = False) -> DatasetLayout:
    """The layout of a dataset; it has no parts where no part of its values can be a column. Without `arrays` those with
    more than `MOST_ELEMENTS` elements in a row cannot.
    """
    tid = dataset.id.get_type()
    exact = stored_dtype(tid)
    dtype = numpy_dtype(tid) if exact is None else exact
    if not dataset.shape:
        return DatasetLayout(dtype, (), exact=exact is not None)
    found = list(_parts(tid, (), tuple(dataset.shape[1:]), 0, arrays=arrays))
    parts = tuple(part for part, _, _ in found if isinstance(part, FieldPart))
    rest = tuple((part, start, size) for part, start, size in found if not isinstance(part, FieldPart))
    if exact is None and rest:
        return DatasetLayout(dtype, (), exact=False)
    return DatasetLayout(dtype, parts, rest, exact is not None, arrays)


def numpy_dtype(tid: h5t.TypeID) -> np.dtype[Any]:
    """The dtype that h5py converts values of a type to; an empty one if there is none."""
    try:
        dtype: np.dtype[Any] = tid.dtype
    except (TypeError, ValueError):
        return np.dtype("V")
    return dtype


def bytes_of(dataset: h5py.Dataset) -> int:
    """The bytes of all values of a dataset, without what they point to; numpy need not have their type."""
    tid = dataset.id.get_type()
    size = numpy_dtype(tid).itemsize or int(tid.get_size())
    return math.prod(dataset.shape) * size if dataset.shape is not None else 0


def _parts(
    tid: h5t.TypeID, fields: Fields, shape: tuple[int, ...], start: int, *, arrays: bool
) -> Iterator[tuple[FieldPart | Fields, int, int]]:
    """The parts of a type, or the names of fields that can be none, each with its first byte and its size."""
    kind, size = tid.get_class(), tid.get_size()
    if kind == h5t.COMPOUND and not _is_complex(tid):
        for number in range(tid.get_nmembers()):
            own = (*fields, member_name(tid, number))
            offset = start + tid.get_member_offset(number)
            yield from _parts(tid.get_member_type(number), own, shape, offset, arrays=arrays)
    elif kind == h5t.ARRAY:
        inside = _parts(tid.get_super(), fields, (*shape, *tid.get_array_dims()), start, arrays=arrays)
        found = [part for part, _, _ in inside]
        # Fields that cannot be columns are not contiguous in an array of compounds.
        whole = all(isinstance(part, FieldPart) for part in found)
        yield from [(part, start, size) for part in found] if whole else [(fields, start, size)]
    else:
        part = _part(tid, fields, shape, arrays=arrays)
        yield (fields if part is None else part), start, size


def _part(tid: h5t.TypeID, fields: Fields, shape: tuple[int, ...], *, arrays: bool) -> FieldPart | None:
    """The part of a type that is neither a compound nor an array; None if it cannot be a column."""
    kind, size = tid.get_class(), tid.get_size()
    if shape and not (0 < math.prod(shape) <= MOST_ELEMENTS or (arrays and is_possible_shape(shape))):
        return None
    if kind == h5t.STRING:
        if tid.is_variable_str():
            return None if shape else FieldPart(fields, TEXT)
        name = f"S{size} {'utf-8' if tid.get_cset() == h5t.CSET_UTF8 else 'ascii'}"
        return None if shape else FieldPart(fields, TEXT, (), name, tid.get_strpad())
    stored = stored_dtype(tid) if kind in {h5t.INTEGER, h5t.FLOAT, h5t.BITFIELD, h5t.ENUM} else None
    dtype = None if stored is None else np.dtype(bool) if is_bool(tid) else native(stored)
    return None if dtype is None else FieldPart(fields, dtype, shape)


def stored_dtype(tid: h5t.TypeID) -> np.dtype[Any] | None:  # noqa: PLR0911 - a case for each class of type
    """The numpy dtype with the bytes of a type as they lie in a file; None where numpy has no such dtype, or where
    values lie elsewhere. Booleans are int8, opaque values bytes.
    """
    kind, size = tid.get_class(), tid.get_size()
    if kind == h5t.INTEGER:
        sign = "i" if tid.get_sign() == h5t.SGN_2 else "u"
        whole = size in {1, 2, 4, 8} and tid.get_precision() == 8 * size
        return np.dtype(f"{'>' if tid.get_order() == h5t.ORDER_BE else '<'}{sign}{size}") if whole else None
    if kind in {h5t.FLOAT, h5t.BITFIELD}:
        known = (_IEEE if kind == h5t.FLOAT else _BITS).get(size, ())
        found = [order for order, standard in zip("<>", known, strict=False) if tid.equal(standard)]
        return np.dtype(f"{found[0]}{'f' if kind == h5t.FLOAT else 'u'}{size}") if found else None
    if kind == h5t.ENUM:
        return stored_dtype(tid.get_super())
    if kind == h5t.STRING:
        return None if tid.is_variable_str() else np.dtype(f"S{size}")
    if kind == h5t.OPAQUE:
        return np.dtype(f"V{size}")
    if kind == h5t.ARRAY:
        element = stored_dtype(tid.get_super())
        return None if element is None else np.dtype((element, tid.get_array_dims()))
    if kind == h5t.COMPOUND:
        numbers = range(tid.get_nmembers())
        members = [_member_dtype(tid.get_member_type(number)) for number in numbers]
        if any(member is None for member in members):
            return None
        offsets = [tid.get_member_offset(number) for number in numbers]
        names = [member_name(tid, number) for number in numbers]
        return np.dtype({"names": names, "formats": members, "offsets": offsets, "itemsize": size})
    return None


def _member_dtype(tid: h5t.TypeID) -> np.dtype[Any] | None:
    """The dtype of a member of a compound: bytes, where numpy has none for it."""
    dtype = stored_dtype(tid)
    return dtype if dtype is not None or lies_elsewhere(tid) else np.dtype(f"V{tid.get_size()}")


def lies_elsewhere(tid: h5t.TypeID) -> bool:
    """Whether values of a type are, or hold, pointers to what lies elsewhere in the file."""
    kind = tid.get_class()
    if kind in {h5t.VLEN, h5t.REFERENCE} or (kind == h5t.STRING and tid.is_variable_str()):
        return True
    if kind == h5t.ARRAY:
        return lies_elsewhere(tid.get_super())
    return kind == h5t.COMPOUND and any(lies_elsewhere(tid.get_member_type(i)) for i in range(tid.get_nmembers()))


def holds_references(tid: h5t.TypeID) -> bool:
    """Whether values of a type are, or hold, references to places in their file."""
    kind = tid.get_class()
    if kind in {h5t.VLEN, h5t.ARRAY}:
        return holds_references(tid.get_super())
    return kind == h5t.REFERENCE or (
        kind == h5t.COMPOUND and any(holds_references(tid.get_member_type(i)) for i in range(tid.get_nmembers()))
    )


def is_bool(tid: h5t.TypeID) -> bool:
    """Whether a type is the enumeration that h5py makes of booleans."""
    return tid.get_class() == h5t.ENUM and bool(numpy_dtype(tid) == np.dtype(bool))


def member_name(tid: h5t.TypeCompoundID, number: int) -> str:
    """The name of a member of a compound; bytes that are not UTF-8 as h5py gives them."""
    name = tid.get_member_name(number)
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else str(name)


def reduced_type(tid: h5t.TypeID, kept: Sequence[Fields]) -> h5t.TypeID:
    """The type with only those fields of its compounds that lead to a part that is kept."""
    if tid.get_class() == h5t.ARRAY:
        return h5t.array_create(reduced_type(tid.get_super(), kept), tid.get_array_dims())
    if tid.get_class() != h5t.COMPOUND or () in kept or _is_complex(tid):
        return tid
    members = []
    for number in range(tid.get_nmembers()):
        name = member_name(tid, number)
        below = [fields[1:] for fields in kept if fields[0] == name]
        if below:
            members.append((name, reduced_type(tid.get_member_type(number), below)))
    compound = h5t.create(h5t.COMPOUND, sum(member.get_size() for _, member in members))
    offset = 0
    for name, member in members:
        compound.insert(name.encode("utf-8", "surrogateescape"), offset, member)
        offset += member.get_size()
    return compound


def decoded(rows: NDArray[Any], padding: int | None) -> NDArray[np.object_]:
    """Texts (rows,) of strings as bytes. Bytes that are not UTF-8 become lone surrogates, as Python has it for the
    names of files.
    """
    values = rows.tolist()
    if padding == h5t.STR_SPACEPAD:
        values = [value.rstrip(b" ") for value in values]
    elif padding == h5t.STR_NULLTERM:
        values = [value.partition(b"\0")[0] for value in values]
    texts = np.empty(len(values), TEXT)
    texts[:] = [_text(value) for value in values]
    return texts


def _text(value: Any) -> str:  # noqa: ANN401 - bytes, or what h5py has for an empty string
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str) else ""


def encoded(values: NDArray[Any], dtype: np.dtype[Any], padding: int | None) -> NDArray[Any]:
    """Strings as bytes (rows,) of texts.

    Raises:
        ValueError: one is longer than the dtype has place for, or holds NUL where strings may have any length.
    """
    data = [_bytes(value) for value in values.tolist()]
    if padding is None:
        if any(b"\0" in value for value in data):
            raise ValueError("a string contains NUL")
        strings = np.empty(len(data), object)
        strings[:] = data
        return strings
    longest = max(map(len, data), default=0)
    if longest > dtype.itemsize:
        raise ValueError(f"a string of {longest} bytes does not fit into strings of {dtype.itemsize} bytes")
    if padding == h5t.STR_SPACEPAD:
        data = [value.ljust(dtype.itemsize) for value in data]
    return np.array(data, dtype)


def _bytes(value: str) -> bytes:
    """The bytes of a text; those that were not UTF-8 as they were."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"a string contains {error.object[error.start]!r}, which is not a valid character") from error


def _is_complex(tid: h5t.TypeID) -> bool:
    """Whether h5py takes a compound for complex numbers."""
    return tid.get_class() == h5t.COMPOUND and tid.get_nmembers() == 2 and numpy_dtype(tid).kind == "c"
