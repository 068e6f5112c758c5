"""Arrays of any dtype as columns of numbers and strings, and the arrays made of those again."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from baler_vae.errors import OutputError
from baler_vae.source.grouping import has_cells, native
from baler_vae.table.nested import Nested
from baler_vae.table.padded import MOST_CELLS
from baler_vae.table.schema import TEXT

_LARGEST_ITEM = 1 << 20
"""The most bytes of one element of an array that is restored: its dtype comes from an archive."""
_MOST_PADDING = 16
"""How many times as large as what columns take of it a larger element may be."""
_LARGEST_ARRAY = 1 << 62
_DEEPEST = 16

_DTYPE = re.compile(r"\|O|[<>|][biufcSUVMm]\d{1,9}(\[\d{0,9}[A-Za-zμ]{1,2}\])?")
"""The dtypes that a description has; numpy reads much more, some of it as Python."""

Step = tuple[str, str | int]
"""A step from an array to a part of it: a field, a column, the real part."""


@dataclass(frozen=True)
class Part:
    """A column of an array (rows, ...): its values have a native dtype of numbers, or are strings, and a `shape` in
    each row. `steps` lead to it.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()

    def values(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Its values (rows, *shape) in rows of the array."""
        view = _view(array, self.steps)
        if self.dtype == TEXT:
            return as_text(view)
        if self.dtype == np.bool_:
            return np.asarray(view.view(np.uint8) != 0)  # any byte but 0 is true
        return np.require(view, self.dtype, ["C", "A"])  # one row of packed records may be out of line

    def put(self, array: NDArray[np.generic], values: NDArray[np.generic]) -> None:
        """Writes its values (rows, *shape) into the array.

        Raises:
            OutputError: a string has no place in it.
        """
        view = _view(array, self.steps)
        if self.dtype != TEXT:
            view[...] = values
            return
        if view.dtype.kind == "S":
            encoded: list[Any] = [text.encode("utf-8", "surrogateescape") for text in _present(self.name, values)]
            values = np.array(encoded, np.object_)
        elif view.dtype.kind == "U":
            _present(self.name, values)
        view[...] = values
        if view.dtype.kind in "US" and (as_text(view) != as_text(values)).any():
            raise OutputError("a string is longer than the array has room for", column=self.name)


def parts_of(name: str, dtype: np.dtype[Any], shape: tuple[int, ...] = ()) -> tuple[list[Part], dict[str, str]]:
    """The columns that an array of a dtype is read as, and what cannot be read, by name with its dtype: a field of a
    record each, complex numbers as two, times as integers.

    Raises:
        ValueError: records are nested too deeply.
    """
    return _parts(name, dtype, shape, ())


def _parts(
    name: str, dtype: np.dtype[Any], shape: tuple[int, ...], steps: tuple[Step, ...]
) -> tuple[list[Part], dict[str, str]]:
    if len(steps) > _DEEPEST:
        raise ValueError(f"records in records, {_DEEPEST} deep")
    if dtype.subdtype is not None:
        base, own = dtype.subdtype
        return _parts(name, base, (*shape, *own), steps)
    if dtype.names is not None:
        parts: list[Part] = []
        refused: dict[str, str] = {}
        for field in dtype.names:
            inner = f"{name}.{field}" if name else field
            found, rest = _parts(inner, dtype[field], shape, (*steps, ("field", field)))
            parts += found
            refused |= rest
        return parts, refused
    if 0 in shape:
        return [], {}  # without any value there is nothing to read
    if dtype.kind == "c" and dtype.itemsize <= 16:
        half = np.dtype(f"f{dtype.itemsize // 2}")
        return [Part(f"{name}.{part}", half, shape, (*steps, ("part", part))) for part in ("real", "imag")], {}
    number = TEXT if dtype.kind in "USO" and not shape else native(dtype)
    if dtype.kind in "mM":
        number, steps = np.dtype(np.int64), (*steps, ("part", "time"))
    return ([], {name: str(dtype)}) if number is None else ([Part(name, number, shape, steps)], {})


def is_stack(array: NDArray[np.generic]) -> bool:
    """Whether an array that is all there is has an array of enough numbers in each place of its first axis to be one
    column with a shape; of less than three axes, records or strings, or where values may be missing, it is not.
    """
    if array.ndim < 3 or array.dtype.names is not None or not has_cells(array.shape[1:]):
        return False
    if isinstance(array, np.ma.MaskedArray):
        return False
    return not parts_of("", array.dtype, array.shape[1:])[1]


def matrix_parts(names: Sequence[str], dtype: np.dtype[Any]) -> tuple[list[Part], dict[str, str]]:
    """The columns of an array (rows, columns), one or more for each name."""
    parts: list[Part] = []
    refused: dict[str, str] = {}
    for number, name in enumerate(names):
        found, rest = _parts(name, dtype, (), (("column", number),))
        parts += found
        refused |= rest
    return parts, refused


def _view(array: NDArray[Any], steps: Sequence[Step]) -> NDArray[Any]:
    for kind, key in steps:
        if kind == "column":
            array = array[:, cast("int", key)]
        elif kind == "field":
            array = array[cast("str", key)]
        elif key == "time":
            array = array.view(np.dtype(np.int64).newbyteorder(array.dtype.byteorder))
        else:
            array = array.real if key == "real" else array.imag
    return array


def as_text(array: NDArray[Any]) -> NDArray[np.generic]:
    """Strings, object (rows,), of an array of strings, or of bytes that are mostly UTF-8.

    Raises:
        ValueError: a character is not in Unicode.
    """
    try:
        words = [x.decode("utf-8", "surrogateescape") if isinstance(x, bytes) else x for x in array.tolist()]
    except SystemError as error:
        raise ValueError("characters outside Unicode") from error
    found = np.empty(len(words), TEXT)
    found[:] = words
    return found


def is_text(array: NDArray[np.generic]) -> bool:
    """Whether all values of an array are strings, or missing ones among Python objects."""
    if array.dtype.kind == "O":
        return all(value is None or isinstance(value, str) for value in array.ravel().tolist())
    return array.dtype.kind in "US"


def _present(name: str, values: NDArray[np.generic]) -> list[str]:
    words: list[str] = values.tolist()
    if any(word is None for word in words):
        raise OutputError("an array of fixed-width strings cannot hold missing strings", column=name)
    return words


def numbers_of(nested: Nested, shape: Sequence[int]) -> NDArray[np.generic]:
    """The numbers (rows, *shape) of a nested column of lists of one size.

    Raises:
        ValueError: it is not one of such lists.
    """
    values = nested.values
    for _ in shape:
        values = values.flatten()
    numbers: NDArray[np.generic] = values.to_numpy(zero_copy_only=False)
    return numbers.reshape(len(nested), *shape)


@dataclass(frozen=True)
class Member:
    """How an array was, of which the columns are those of `columns`: its name, its dtype, the `shape` of each row, the
    `leading` axes that the rows were made of (None where that is the first axis, however long), the order of its values
    in memory and of the rows, and whether the last axis is one of columns.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    columns: tuple[str, ...]
    leading: tuple[int, ...] | None = None
    fortran_order: bool = False
    fortran_rows: bool = False
    is_matrix: bool = False

    @cached_property
    def parts(self) -> list[Part]:
        """The parts that the columns are."""
        found, _ = self._parts
        if len(found) != len(self.columns):
            raise ValueError(f"{len(self.columns)} columns for {len(found)} parts of {self.dtype}")
        return [replace(part, name=name) for name, part in zip(self.columns, found, strict=True)]

    @property
    def refused(self) -> Mapping[str, str]:
        """The parts of the array that are not columns, by name, with the reason."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[list[Part], dict[str, str]]:
        if self.is_matrix:
            return matrix_parts([""] * math.prod(self.shape), self.dtype)
        return parts_of("", self.dtype, self.shape)

    def rows_of(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The array as rows (rows, *shape)."""
        if self.leading is None:
            return array
        return array.reshape((-1, *self.shape), order="F" if self.fortran_rows else "C")

    def array_of_rows(self, rows: NDArray[np.generic]) -> NDArray[np.generic]:
        """Rows (rows, ...) as the array, with its leading axes where there still are as many rows."""
        array = rows
        if self.leading is not None and math.prod(self.leading) == len(rows):
            array = rows.reshape((*self.leading, *rows.shape[1:]), order="F" if self.fortran_rows else "C")
        return np.asfortranarray(array) if self.fortran_order and array.ndim > 1 else array

    def document(self) -> dict[str, Any]:
        """The member as plain values of JSON."""
        return {
            "name": self.name,
            "descr": npy.dtype_to_descr(self.dtype),
            "shape": list(self.shape),
            "columns": list(self.columns),
            "leading": None if self.leading is None else list(self.leading),
            "fortran_order": self.fortran_order,
            "fortran_rows": self.fortran_rows,
            "is_matrix": self.is_matrix,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Member":
        """What `document` was called on.

        Raises:
            ValueError, TypeError, LookupError: it does not describe such a member.
        """
        dtype = npy.descr_to_dtype(_tuples(document["descr"]))
        shape = tuple(map(_size, document["shape"]))
        leading = None if document["leading"] is None else tuple(map(_size, document["leading"]))
        columns = tuple(document["columns"])
        if math.prod(leading or ()) * math.prod(shape) * dtype.itemsize > _LARGEST_ARRAY:
            raise ValueError(f"an array with the leading axes {leading}")
        if not all(isinstance(name, str) for name in (document["name"], *columns)):
            raise ValueError("names that are not strings")
        if dtype.hasobject and dtype != np.object_:
            raise ValueError("Python objects in records")
        flags = {key: document[key] is True for key in ("fortran_order", "fortran_rows", "is_matrix")}
        if flags["is_matrix"] and (len(shape) != 1 or shape[0] > len(columns)):
            raise ValueError(f"a matrix with rows of shape {shape}")
        found = cls(document["name"], dtype, shape, columns, leading, **flags)
        if math.prod(shape) > (_LARGEST_ITEM if flags["is_matrix"] else MOST_CELLS):
            raise ValueError(f"rows of {math.prod(shape)} values")
        taken = sum(part.dtype.itemsize * math.prod(part.shape) for part in found.parts)
        if dtype.itemsize * math.prod(shape) > max(_LARGEST_ITEM * max(1, len(columns)), _MOST_PADDING * taken):
            raise ValueError(f"rows of {math.prod(shape)} values of {dtype}")
        return found


def _size(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"a size of {value!r}")
    return value


def _tuples(descr: Any, depth: int = 0) -> Any:  # noqa: ANN401  of JSON
    """The description of a dtype, its fields and shapes as the tuples that JSON makes lists of."""
    if depth > _DEEPEST:
        raise ValueError("a dtype of too many levels")
    if isinstance(descr, str):
        if not _DTYPE.fullmatch(descr):
            raise ValueError(f"a dtype of {descr!r}")
        return descr
    if isinstance(descr, list) and len(descr) == 2 and isinstance(descr[1], list) and _is_shape(descr[1]):
        return _tuples(descr[0], depth + 1), tuple(descr[1])  # an array of a dtype
    if not isinstance(descr, list):
        raise TypeError(f"a dtype of {descr!r}")
    fields = []
    for name, inner, *shape in descr:
        title = tuple(name) if isinstance(name, list) else name
        fields.append((title, _tuples(inner, depth + 1), *(tuple(own) for own in shape)))
    return fields


def _is_shape(value: Sequence[Any]) -> bool:
    return all(type(size) is int for size in value)
