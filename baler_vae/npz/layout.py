"""What an npz archive or npy file holds besides its columns, and how its arrays were: a document of extras."""

import io
import json
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from baler_vae.errors import CorruptArchive, OutputError
from baler_vae.npz.pickled import read_objects
from baler_vae.paths import stays_inside
from baler_vae.source.array_columns import Member, numbers_of
from baler_vae.source.documents import VERSION, read_document
from baler_vae.table.branches import branches_of
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import NESTED, TEXT, Schema
from baler_vae.table.table import Batch

LARGEST_HEADER = 1 << 20
"""The most characters of the header of an npy file: those of records with many fields are long."""

Arrays = Mapping[str, NDArray[np.generic]]

Files = list[tuple[str, NDArray[np.generic] | bytes]]
"""What an archive is made of: arrays by name, and bytes by the name of their file."""


@dataclass(frozen=True, eq=False)
class Raw:
    """A file of an npz archive that is kept as it is: its name there, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, eq=False)
class NpzLayout:
    """The files of an npz archive in their order, those that columns were made of and those that are kept as they are;
    of an npy file the one array.
    """

    members: tuple[Member | Raw, ...]

    def to_bytes(self) -> bytes:
        """A line of JSON, then the bytes that are kept as they are, one after the other."""
        members = [
            m.document() if isinstance(m, Member) else {"raw": m.name, "bytes": len(m.data)} for m in self.members
        ]
        document = {"version": VERSION, "members": members}
        head = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return b"\n".join([head.encode(), b"".join(m.data for m in self.members if isinstance(m, Raw))])

    @classmethod
    def from_bytes(cls, data: bytes) -> "NpzLayout":
        """What `to_bytes` was called on.

        Raises:
            CorruptArchive: the bytes are not those of such a document.
        """
        try:
            return cls(_members_of(data))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise CorruptArchive(f"the arrays of the source cannot be read: {error}", section="extras") from error

    def restored(self, schema: Schema, batch: Batch) -> tuple[Files, list[str]]:
        """The arrays of a table as they were in the source, by name, and the bytes of the extras, by file;
        and the columns that are left, of arrays that are not whole. Where there are such, or columns are missing,
        there are no extras.

        Raises:
            OutputError: a value has no place where it was.
        """
        values = values_of(schema, batch)
        expected = {name for member in self.members if isinstance(member, Member) for name in member.columns}
        is_whole = expected == set(values)
        arrays: dict[str, NDArray[np.generic]] = {}
        left = {name for name in values if name not in expected}
        for member in (member for member in self.members if isinstance(member, Member)):
            own = {name: values[name] for name in member.columns if name in values}
            if array_is_whole(member, own):
                arrays[member.name] = array_of(member, own)
            elif member.is_matrix and len({array.dtype for array in own.values()} - {TEXT, NESTED}) == 1:
                arrays[member.name] = member.array_of_rows(np.stack(list(own.values()), axis=-1))
            else:
                left |= set(own)
        files: Files = []
        for one in self.members:
            if isinstance(one, Member) and one.name in arrays:
                files.append((one.name, arrays[one.name]))
            elif isinstance(one, Raw) and is_whole and not left:
                files.append((one.name, one.data))
        branches = [branch for branch in branches_of(schema, masks=False) if branch.name in left]
        return files, [column.name for branch in branches for column in branch.columns]


def _members_of(data: bytes) -> tuple[Member | Raw, ...]:
    head, _, rest = data.partition(b"\n")
    members: list[Member | Raw] = []
    for one in read_document(head, {"members"})["members"]:
        if "raw" in one:
            own, rest = rest[: one["bytes"]], rest[one["bytes"] :]
            members.append(Raw(checked_name(one["raw"]), _checked(own, one["bytes"])))
        else:
            members.append(Member.of_document(one))
            checked_name(f"{members[-1].name}.npy")
    names = [member.name if isinstance(member, Raw) else f"{member.name}.npy" for member in members]
    columns = [name for member in members if isinstance(member, Member) for name in member.columns]
    if rest or len(set(names)) < len(names) or len(set(columns)) < len(columns):
        raise ValueError("left-over bytes, or a duplicate name")
    return tuple(members)


def raw_differences(extras: bytes, others: bytes) -> list[str]:
    """The names of the files besides the columns that two layouts do not both have, or not with the same bytes. How
    arrays were may differ: they are written as those of the first.

    Raises:
        CorruptArchive: the bytes are not those of layouts.
    """
    one, other = (
        {m.name: m.data for m in NpzLayout.from_bytes(x).members if isinstance(m, Raw)} for x in (extras, others)
    )
    return [name.removesuffix(".npy") for name in {**one, **other} if one.get(name) != other.get(name)]


def checked_name(name: str) -> str:
    """The name of an array in an archive.

    Raises:
        ValueError: unpacked, it would lead out of the folder.
    """
    if not stays_inside(name.removesuffix(".npy") or name):
        raise ValueError(f"a name that would be unpacked outside its folder: {name!r}")
    return name


def _checked(data: bytes, n_bytes: object) -> bytes:
    """The bytes of a file that is kept as it is; an array of Python objects in it holds strings and numbers only.

    Raises:
        ValueError: they are fewer than expected, or hold other objects.
    """
    if type(n_bytes) is not int or len(data) != n_bytes:
        raise ValueError(f"{len(data)} bytes in place of {n_bytes!r}")
    if data.startswith(npy.MAGIC_PREFIX):
        read_npy(io.BytesIO(data))
    return data


def read_npy(stream: IO[bytes]) -> NDArray[np.generic]:
    """The array of an npy file; of Python objects only strings and numbers are read.

    Raises:
        ValueError: it is damaged, or holds other objects.
    """
    try:
        return _read_npy(stream)
    # What numpy makes of a damaged header, which it reads as Python.
    except (tokenize.TokenError, SyntaxError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"a damaged header: {error}") from error
    except (MemoryError, OverflowError) as error:
        raise ValueError("a header of an array that does not fit into memory") from error


def _read_npy(stream: IO[bytes]) -> NDArray[np.generic]:
    start = stream.tell()
    try:
        array: NDArray[np.generic] = npy.read_array(stream, allow_pickle=False, max_header_size=LARGEST_HEADER)
    except ValueError:
        stream.seek(start)
        if npy.read_magic(stream) != (1, 0):
            raise
        shape, fortran_order, dtype = npy.read_array_header_1_0(stream, LARGEST_HEADER)
        if dtype != np.object_:
            raise
        return read_objects(stream, tuple(shape), fortran_order=bool(fortran_order))
    return array


def is_fortran(array: NDArray[np.generic]) -> bool:
    """Whether numpy writes an array with its first axis running fastest."""
    return bool(array.flags.f_contiguous and not array.flags.c_contiguous)


def values_of(schema: Schema, batch: Batch) -> dict[str, NDArray[np.generic]]:
    """The values (rows,) or (rows, *shape) of each branch of a table by name; nested ones as they are."""
    return {branch.name: branch.values(batch) for branch in branches_of(schema, masks=False)}


def array_is_whole(member: Member, values: Arrays) -> bool:
    """Whether all columns of an array are there, with the dtypes and shapes that they had."""
    if not values or set(values) != set(member.columns) or member.refused:
        return False
    for part in member.parts:
        nested = nested_of(values[part.name])
        if nested is None and (values[part.name].dtype, values[part.name].shape[1:]) != (part.dtype, part.shape):
            return False
    return True


def array_of(member: Member, values: Arrays) -> NDArray[np.generic]:
    """The array that columns were made of, with its leading axes where the rows still allow it.

    Raises:
        OutputError: a string has no place in it.
    """
    n_rows = len(next(iter(values.values())))
    rows = np.zeros((n_rows, *member.shape), _wide_enough(member, values))
    put_rows(member, rows, values)
    return member.array_of_rows(rows)


def _wide_enough(member: Member, values: Arrays) -> np.dtype[Any]:
    """The dtype of an array; of strings wider than it was, where another file of the same table has longer ones."""
    kind = member.dtype.kind
    if kind not in "US":
        return member.dtype
    words = [word for array in values.values() for word in array.tolist() if word is not None]
    longest = max((len(word if kind == "U" else word.encode("utf-8", "surrogateescape")) for word in words), default=0)
    width = max(longest, member.dtype.itemsize // (4 if kind == "U" else 1))
    return np.dtype(f"{kind}{width}").newbyteorder(member.dtype.byteorder)


def put_rows(member: Member, rows: NDArray[np.generic], values: Arrays) -> None:
    """Writes the columns of an array into rows (rows, *shape) of it.

    Raises:
        OutputError: a string has no place in it, or a nested column does not hold numbers.
    """
    for part in member.parts:
        nested = nested_of(values[part.name])
        try:
            part.put(rows, values[part.name] if nested is None else numbers_of(nested, part.shape))
        except (ValueError, AttributeError, NotImplementedError) as error:
            raise OutputError(f"the values do not fit into the array: {error}", column=part.name) from error
