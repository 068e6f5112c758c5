"""npy files: one array, of numbers, strings or records."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from baler_vae.errors import CorruptArchive, OutputError, SourceError
from baler_vae.npz.layout import LARGEST_HEADER, NpzLayout, is_fortran, put_rows, raw_differences, read_npy, values_of
from baler_vae.source.array_columns import Member, as_text, is_stack, is_text, matrix_parts, parts_of
from baler_vae.source.arrays import check_rows, restored_array
from baler_vae.source.grouping import bytes_by_column, check_names, describe, make_batch, schema_of_branches
from baler_vae.source.source import Ranges, Source, in_steps, reading, refuse_nested, writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import nested_numbers
from baler_vae.table.schema import NESTED, TEXT, Column, Origin, Schema
from baler_vae.table.table import Batch, concatenate

KEY = "data"
"""What the columns of an array are called, which has no names for them."""

_KIND = "an npy file"
_FAILURES = (OSError, ValueError, EOFError, MemoryError, RecursionError, TypeError, SyntaxError)
_SMALL_BYTES = 64 << 20
"""The size up to which an array is read, or written, at once; a larger one is mapped into memory."""


def open_npy(path: str, inner: str) -> Source:
    """The source of an npy file: the last of two or more axes is the columns, `data_0`, `data_1` and so on; one of
    three or more axes, with enough numbers in each place of the first, is one column of arrays, `data`; the fields of
    records are columns. Its extras say how the array was.

    Raises:
        SourceError: it is not an npy file, or holds Python objects other than strings.
    """
    if inner:
        raise SourceError("an npy file holds no parts", path=path, found=f":{inner}", way_out=f"Open {path}")
    with reading(path, _KIND, *_FAILURES):
        array = _read(path)
    check_rows(path, array)
    source = _source(path, array, *array_member(array))
    if not is_stack(array):
        return source
    return replace(source, earlier=lambda: _source(path, array, *array_member(array, stacks=False)))


def _source(path: str, array: NDArray[np.generic], member: Member, refused: Mapping[str, str]) -> Source:
    """The source of an array that is read as a member says, but for what is refused."""
    check_names(path, member.columns, "columns")
    parts = {part.name: part for part in member.parts}
    described = [describe(Column(part.name, part.dtype), part.shape, jagged=False) for part in parts.values()]
    # Rows that run through the array in another order than that of C have no leading axes that others could restore.
    leading = member.leading if array.ndim > 2 and not member.fortran_rows and member.leading else ()
    schema = schema_of_branches(described, Origin("npy", shape=leading))
    rows = member.rows_of(array)
    branch_of = {name: branch for branch in described for name in branch.elements}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {branch_of[name].name: branch_of[name] for name in selection.order}
        for start, stop in in_steps(len(rows), step, ranges):
            arrays: dict[str, NDArray[np.generic]] = {}
            for name, branch in wanted.items():
                with reading(path, _KIND, ValueError):
                    values = parts[name].values(rows[start:stop])
                arrays |= branch.split(nested_numbers(values) if branch.dtype == NESTED else values)
            yield make_batch(selection, arrays)

    event_bytes = bytes_by_column(described, dict.fromkeys(parts, array.nbytes / max(1, len(rows) * len(parts))))
    layout = NpzLayout((member,))
    return Source(path, schema, len(rows), batches, refused, event_bytes, layout.to_bytes)


def _read(path: str) -> NDArray[np.generic]:
    """The array of a file, mapped into memory where it is large."""
    if os.path.getsize(path) > _SMALL_BYTES:  # noqa: PTH202 - of a path that is text
        try:
            mapped: NDArray[np.generic] = npy.open_memmap(path, mode="r", max_header_size=LARGEST_HEADER)
        except ValueError:
            pass  # of Python objects, which are read below, as is what is damaged
        else:
            return mapped
    with Path(path).open("rb") as stream:
        array = read_npy(stream)
    if array.dtype == np.object_ and not is_text(array):
        raise ValueError("Python objects other than strings")
    return array


def array_member(array: NDArray[np.generic], *, stacks: bool = True) -> tuple[Member, dict[str, str]]:
    """How an array is read, and what of it is not, each with the reason; without `stacks` all axes but the last are
    rows, as earlier versions had it.
    """
    if stacks and is_stack(array):
        parts, refused = parts_of(KEY, array.dtype, array.shape[1:])
        names = tuple(part.name for part in parts)
        return Member(KEY, array.dtype, array.shape[1:], names, fortran_order=is_fortran(array)), refused
    is_matrix = array.ndim > 1 and array.dtype.names is None
    shape, leading = (array.shape[-1:], array.shape[:-1]) if is_matrix else ((), array.shape)
    if is_matrix:
        parts, refused = matrix_parts([f"{KEY}_{number}" for number in range(shape[0])], array.dtype)
    else:
        parts, refused = parts_of("" if array.dtype.names else KEY, array.dtype)
    columns, fortran_order = tuple(part.name for part in parts), is_fortran(array)
    fortran_rows = fortran_order and len(leading) > 1
    return Member(KEY, array.dtype, shape, columns, leading, fortran_order, fortran_rows, is_matrix), refused


def write_npy(path: Path, schema: Schema, batches: Iterable[Batch], *, extras: bytes = b"") -> None:
    """Write an npy file: with `extras` the array that the source had; or else columns of one dtype as one array, others
    as an array of records.

    Raises:
        OutputError: there are lists or nested columns, or a text is missing.
        CorruptArchive: the extras are not those of an npy file.
    """
    if extras:
        members = NpzLayout.from_bytes(extras).members
        if len(members) != 1 or not isinstance(members[0], Member):
            raise CorruptArchive("the source was not a single array", section="extras")
        if _is_whole(members[0], schema):
            _write_rows(path, members[0], schema, batches)
            return
    if schema.is_jagged:
        way_out = "Write .npz, .parquet or .root, or choose columns of events"
        raise OutputError("an npy file cannot hold lists", column=schema.groups[1].names[0], way_out=way_out)
    refuse_nested(schema, "An npy file")
    with writing(_KIND, ValueError):
        _save(path, _plain_array(schema, batches))


def differences_npy(extras: bytes, others: bytes) -> list[str]:
    """Nothing: what is said of an array is only how it was written.

    Raises:
        CorruptArchive: the extras are not those of npy files.
    """
    return raw_differences(extras, others)


def _is_whole(member: Member, schema: Schema) -> bool:
    """Whether a table has all columns of the array, as they were."""
    branches = {branch.name: branch for branch in branches_of(schema, masks=False)}
    if member.refused or set(branches) != set(member.columns) or schema.is_jagged:
        return False
    parts = {part.name: part for part in member.parts}
    return all(
        branch.is_nested or (branch.dtype, branch.shape) == (parts[name].dtype, parts[name].shape)
        for name, branch in branches.items()
    )


def _write_rows(path: Path, member: Member, schema: Schema, batches: Iterable[Batch]) -> None:
    """Writes the array that the columns were made of, piece by piece where it is large."""
    leading = member.leading or ()
    pieces = (_rows(member, schema, batch) for batch in batches)
    begun: list[NDArray[np.generic]] = []
    for piece in pieces:
        begun.append(piece)
        if sum(one.nbytes for one in begun) > _SMALL_BYTES and not member.dtype.hasobject:
            break
    else:
        _save(path, _whole(member, begun))
        return
    mapped: NDArray[np.generic] = npy.open_memmap(
        path, mode="w+", dtype=member.dtype, shape=(*leading, *member.shape), fortran_order=member.fortran_order
    )
    rows, n_rows, more = member.rows_of(mapped), 0, list[NDArray[np.generic]]()
    for piece in _both(begun, pieces):
        if n_rows + len(piece) > len(rows):
            more.append(piece)
        else:
            rows[n_rows : n_rows + len(piece)] = piece
            n_rows += len(piece)
    if more or n_rows < len(rows):
        # Rows were added or left out since: they are the array now, without the axes that they had.
        _save(path, _whole(member, [np.array(rows[:n_rows]), *more]))


def _both(begun: Sequence[Any], more: Iterable[Any]) -> Iterator[Any]:
    yield from begun
    yield from more


def _rows(member: Member, schema: Schema, batch: Batch) -> NDArray[np.generic]:
    rows = np.zeros((batch[0].n_rows, *member.shape), member.dtype)
    put_rows(member, rows, values_of(schema, batch))
    return rows


def _whole(member: Member, pieces: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    """The array of all rows."""
    rows = np.zeros((sum(map(len, pieces)), *member.shape), member.dtype)
    first = 0
    for piece in pieces:
        rows[first : first + len(piece)] = piece
        first += len(piece)
    return member.array_of_rows(rows)


def _plain_array(schema: Schema, batches: Iterable[Batch]) -> NDArray[np.generic]:
    dtypes = {column.dtype for column in schema.columns}
    if len(schema.columns) == 1 and schema.columns[0].is_array:
        return concatenate(list(batches), schema)[0][schema.order[0]]
    if len(dtypes) == 1 and TEXT not in dtypes and not any(column.is_array for column in schema.columns):
        array = restored_array(schema, batches)
        return array[..., 0] if len(schema.columns) == 1 else array
    batch = concatenate(list(batches), schema)
    branches = branches_of(schema, masks=False)
    values = {branch.name: _strings(branch, batch) if branch.is_text else branch.values(batch) for branch in branches}
    records = np.zeros(batch[0].n_rows, [(name, array.dtype, array.shape[1:]) for name, array in values.items()])
    for name, array in values.items():
        records[name] = array
    return records


def _strings(branch: Branch, batch: Batch) -> NDArray[np.generic]:
    values = branch.values(batch)
    strings = values.astype(np.str_)
    if (as_text(strings) != values).any():
        raise OutputError(
            "an npy file cannot hold missing strings, or strings that end in NUL",
            column=branch.name,
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
    return strings


def _save(path: Path, array: NDArray[np.generic]) -> None:
    with path.open("wb") as stream:
        npy.write_array(stream, array, allow_pickle=array.dtype == np.object_)
