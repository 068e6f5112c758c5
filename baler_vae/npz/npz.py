"""npz archives: one array with the names of its columns, as Baler keeps them, or arrays of as many rows each."""

import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from baler_vae.errors import OutputError, SourceError, nearest
from baler_vae.npz.files import KIND, NAMES, Arrays, NpzFiles, names_of, read_files
from baler_vae.npz.layout import Files, NpzLayout, checked_name, is_fortran, raw_differences
from baler_vae.source.array_columns import Member, Part, is_stack, is_text, matrix_parts, parts_of
from baler_vae.source.arrays import array_source, restored_array
from baler_vae.source.grouping import (
    MOST_ELEMENTS,
    Described,
    Jagged,
    bytes_by_column,
    check_names,
    counter_names,
    describe,
    make_batch,
    native,
    schema_of_branches,
)
from baler_vae.source.source import Ranges, Source, in_steps, reading, refuse_nested
from baler_vae.table.nested import nested_numbers
from baler_vae.table.schema import NESTED, TEXT, Column, Origin, Schema, common_prefix
from baler_vae.table.table import Batch, concatenate, offsets_from_counts

COUNTERS = "__counters__"
"""The array that names each jagged column with its counter and its collection: strings (columns, 3)."""


@dataclass(frozen=True, eq=False)
class _Table:
    """The arrays of an archive that are one table: how each is read, which counter counts it (nothing where it has a
    row for each event) and for what collection, and the arrays that name columns.
    """

    members: Mapping[str, Member]
    jagged: Mapping[str, tuple[str, str]]
    naming: frozenset[str]


def open_npz(path: str, inner: str) -> Source:
    """The source of an npz archive.

    `inner` picks one array, whose last axis is the columns; a single array of two or more axes need not be named. One
    of three or more axes, with enough numbers in each place of the first, is one column of arrays.
    `names`, `columns` or `feature_names` gives the names of its columns where there are as many. Otherwise arrays of as
    many rows each are one table: those of one axis are columns, those of two have columns, those of more have an array
    in each row, the fields of records are columns. Arrays that `n<prefix>` or `N<prefix>` counts, or that the archive
    says to be counted as `write_npz` does, are jagged. The table is what has the most bytes of one length; the rest,
    and scalars, are kept as extras.

    Raises:
        SourceError: it is not an npz archive, has no such array, or counters do not fit.
    """
    files = read_files(path)
    if inner and inner not in files.arrays:
        why = files.refused.get(inner, f"there is no array {inner!r}: {nearest(inner, list(files.arrays))}")
        raise SourceError(why, path=path)
    with reading(path, KIND, ValueError):
        key = inner or _only_array(files.arrays)
        if not key or native(files.arrays[key].dtype) is None or not files.arrays[key].ndim:
            return _columns_source(files, inner)
        if is_stack(files.arrays[key]):
            source = _columns_source(files, inner, key)
            return replace(source, earlier=lambda: _array_source(files, key, is_alone=not inner))
        return _array_source(files, key, is_alone=not inner)


def _only_array(arrays: Arrays) -> str:
    """The key of the array that is the table, where there is but one with rows and columns, or the largest has rows of
    more numbers than are a column each; or else nothing.
    """
    keys = [key for key, array in arrays.items() if key not in (*NAMES, COUNTERS) and array.ndim > 0]
    if len(keys) == 1 and arrays[keys[0]].ndim > 1:
        return keys[0]
    length = _main_length({key: arrays[key] for key in keys})
    main = [key for key in keys if len(arrays[key]) == length]
    is_large = len(main) == 1 and np.prod(arrays[main[0]].shape[1:]) > MOST_ELEMENTS
    return main[0] if is_large and arrays[main[0]].ndim > 2 else ""


def _array_source(files: NpzFiles, key: str, *, is_alone: bool) -> Source:
    """The source of one array (..., columns) of numbers, and, where it was not chosen out of several, of what lies
    beside it.
    """
    array = files.arrays[key]
    names, naming = names_of(files.arrays, [key])
    leading = array.shape[:-1] if array.ndim > 2 else None
    source = array_source(files.path, array, names.get(key, []), Origin("npz", key, shape=leading or ()))
    others = [name for name in files.places if is_alone and name not in {key, *naming, *files.refused}]
    # Names without anything in them are not worth keeping: `write_npz` puts those of the columns in their place.
    others = [name for name in others if name != NAMES[0] or name not in files.arrays or files.arrays[name].size]
    kept, large = files.split(others)
    shape, is_matrix = (array.shape[-1:], True) if array.ndim > 1 else ((), False)
    columns, fortran_order = source.schema.order, is_fortran(array)
    member = Member(key, array.dtype, shape, columns, leading, fortran_order, is_matrix=is_matrix)
    own = [name for name in files.places if name in {key, *naming, *kept}]
    written = np.array(columns)
    gets_names = NAMES[0] in naming or (is_alone and NAMES[0] in files.places)
    is_told = array.dtype.isnative and not fortran_order and not kept and gets_names
    is_told = is_told and all(name == NAMES[0] and files.arrays[name].dtype == written.dtype for name in naming)

    def extras() -> bytes:
        if is_told:
            return b""
        return NpzLayout(tuple(member if name == key else files.raw(name) for name in own)).to_bytes()

    refused = files.refused if is_alone else {}
    return replace(source, unsupported={**refused, **large}, extras=extras, extra_bytes=kept)


def _columns_source(files: NpzFiles, inner: str, alone: str = "") -> Source:
    """The source of an archive in which several arrays are the columns, or the parts of one are: `alone`."""
    table = _table_of(files, inner or alone)
    check_names(files.path, [name for member in table.members.values() for name in member.columns], "columns")
    refused = {} if inner else dict(files.refused)
    parts: dict[str, tuple[str, Part]] = {}
    described: list[Described] = []
    for key, member in table.members.items():
        refused |= {f"{key}.{name}" if name else key: why for name, why in member.refused.items()}
        for part in member.parts:
            described.append(_described(part, *table.jagged.get(key, ("", ""))))
            parts[part.name] = key, part
    schema = schema_of_branches(described, Origin("npz"))
    n_events = next((len(files.arrays[key]) for key in table.members if key not in table.jagged), 0)
    branch_of = {name: branch for branch in described for name in branch.elements}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {branch_of[name].name: branch_of[name] for name in selection.order}
        counters = {table.jagged[key][0] for key in table.jagged}
        offsets = {name: offsets_from_counts(files.arrays[name].astype(np.int64)) for name in counters}
        for start, stop in in_steps(n_events, step, ranges):
            arrays: dict[str, NDArray[np.generic]] = {}
            for name, branch in wanted.items():
                key, part = parts[name]
                cut = offsets[table.jagged[key][0]][[start, stop]] if key in table.jagged else (start, stop)
                with reading(files.path, KIND, ValueError):
                    values = part.values(files.arrays[key][slice(*cut)])
                arrays |= branch.split(nested_numbers(values) if branch.dtype == NESTED else values)
            yield make_batch(selection, arrays)

    others = [name for name in files.places if name not in {*table.members, *table.naming, *files.refused, COUNTERS}]
    kept, large = files.split([] if inner else others)
    own = {*table.members} if inner else {*table.members, *kept, *table.naming, COUNTERS}
    order = [name for name in files.places if name in own]
    is_told = not kept and not table.naming
    is_told = is_told and all(_is_told(member, files.arrays[key]) for key, member in table.members.items())

    def extras() -> bytes:
        if is_told:
            return b""
        return NpzLayout(tuple(table.members.get(name) or files.raw(name) for name in order)).to_bytes()

    sizes = {name: files.arrays[key].nbytes / len(table.members[key].parts) for name, (key, _) in parts.items()}
    event_bytes = bytes_by_column(described, {name: size / max(1, n_events) for name, size in sizes.items()})
    notes = tuple(
        f"the {np.prod(parts[branch.name][1].shape)} numbers in each row of {branch.name} are kept without a bound"
        for branch in described
        if branch.dtype == NESTED
    )
    unsupported = {**refused, **large}
    return Source(files.path, schema, n_events, batches, unsupported, event_bytes, extras, kept, notes)


def _described(part: Part, counter: str, collection: str) -> Described:
    branch = describe(Column(part.name, part.dtype), part.shape, jagged=bool(counter), counter=counter)
    if isinstance(branch.column, Jagged):
        return replace(branch, column=replace(branch.column, collection=collection))
    return branch


def _is_told(member: Member, array: NDArray[np.generic]) -> bool:
    """Whether an array is what `write_npz` makes of its column without more being said."""
    if array.ndim != 1 or not array.dtype.isnative or member.columns != (member.name,):
        return False
    if array.dtype.kind == "U":
        return bool(array.astype(TEXT).astype(np.str_).dtype == array.dtype)
    return native(array.dtype) is not None


def _table_of(files: NpzFiles, inner: str) -> _Table:
    """The arrays that are the table: all of the length that has the most bytes, and those that they count."""
    arrays = {inner: files.arrays[inner]} if inner else files.arrays
    usable = {name: array for name, array in arrays.items() if array.ndim and name != COUNTERS and _is_readable(array)}
    if inner and not usable:
        found = f"{arrays[inner].ndim}-d {arrays[inner].dtype}"
        raise SourceError(f"the array {inner!r} is not a table of numbers", path=files.path, found=found)
    listed = {name: (counter, collection) for name, counter, collection in _listed(usable, arrays)}
    jagged = listed or _inferred(usable)
    _check_sums(files.path, usable, jagged)
    _, naming = names_of(files.arrays, [name for name in usable if usable[name].ndim == 2 and name not in NAMES])
    length = _main_length({name: array for name, array in usable.items() if name not in {*jagged, *naming}})
    main = [name for name, array in usable.items() if name not in jagged and len(array) == length]
    jagged = {name: own for name, own in jagged.items() if own[0] in main and _may_be_jagged(usable[name])}
    names, naming = names_of(files.arrays, [name for name in main if usable[name].ndim == 2 and name not in NAMES])
    keys = [name for name in usable if (name in main and name not in naming) or name in jagged]
    members = {
        key: _member(key, usable[key], names.get(key, []), is_jagged=key in jagged, is_alone=len(keys) == 1)
        for key in keys
    }
    return _Table(_told_apart(members), jagged, naming)


def _is_readable(array: NDArray[np.generic]) -> bool:
    """Whether something of an array can be columns."""
    if 0 in array.shape[1:]:
        return False  # rows without anything in them are not columns
    if array.dtype.kind in "OUS":
        return is_text(array) and array.ndim <= 2
    return bool(parts_of("", array.dtype, array.shape[1:])[0])


def _may_be_jagged(array: NDArray[np.generic]) -> bool:
    found, refused = parts_of("", array.dtype, array.shape[1:])
    return not refused and all(part.dtype != TEXT and np.prod(part.shape) <= MOST_ELEMENTS for part in found)


def _main_length(arrays: Arrays) -> int:
    """The length whose arrays have the most bytes; of equal ones that of the first."""
    n_bytes = Counter[int]()
    for array in arrays.values():
        n_bytes[len(array)] += array.nbytes
    return max(n_bytes, key=lambda length: n_bytes[length]) if n_bytes else 0


def _member(key: str, array: NDArray[np.generic], names: list[str], *, is_jagged: bool, is_alone: bool) -> Member:
    """How an array is read: in columns where it has two axes and a row for each event, or else in one."""
    is_matrix = array.ndim == 2 and not is_jagged and array.dtype.names is None
    if is_matrix:
        parts, _ = matrix_parts(names or [f"{key}_{number}" for number in range(array.shape[1])], array.dtype)
    else:
        parts, _ = parts_of("" if is_alone and array.dtype.names else key, array.dtype, array.shape[1:])
    columns = tuple(part.name for part in parts)
    return Member(key, array.dtype, array.shape[1:], columns, fortran_order=is_fortran(array), is_matrix=is_matrix)


def _told_apart(members: Mapping[str, Member]) -> dict[str, Member]:
    """The same arrays; where columns of several have one name, that of their array stands before it."""
    times = Counter(name for member in members.values() for name in member.columns)
    return {
        key: replace(member, columns=tuple(f"{key}_{name}" if times[name] > 1 else name for name in member.columns))
        for key, member in members.items()
    }


def _listed(usable: Arrays, arrays: Arrays) -> list[list[str]]:
    """Column, counter and collection of the jagged columns, as `write_npz` lists them."""
    listed = arrays.get(COUNTERS)
    if listed is None or listed.dtype.kind != "U" or listed.ndim != 2 or listed.shape[1] != 3:
        return []
    return [row for row in listed.tolist() if row[0] in usable and row[1] in usable]


def _inferred(arrays: Arrays) -> dict[str, tuple[str, str]]:
    """Counter and collection of each jagged column, where arrays of different lengths let them be told."""
    if len({len(array) for array in arrays.values()}) < 2:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for name, array in arrays.items():
        collection = common_prefix(name)
        for counter in counter_names(collection):
            if counter != name and counter in arrays and _counts(arrays[counter], array):
                found[name] = (counter, collection)
                break
    return found


def _counts(counts: NDArray[np.generic], array: NDArray[np.generic]) -> bool:
    """Whether integers are the lengths of lists that an array holds."""
    return counts.ndim == 1 and counts.dtype.kind in "iu" and bool(counts.sum() == len(array))


def _check_sums(path: str, arrays: Arrays, jagged: Mapping[str, tuple[str, str]]) -> None:
    for name, (counter, _) in jagged.items():
        counts = arrays[counter]
        if not _counts(counts, arrays[name]) or (counts.astype(np.int64) < 0).any():
            raise SourceError(
                f"the number of values differs from the sum of {counter}",
                path=path,
                column=name,
                found=f"{len(arrays[name])} values",
                expected="non-negative counts that add up to it",
            )


def write_npz(path: Path, schema: Schema, batches: Iterable[Batch], *, extras: bytes = b"") -> None:
    """Write an npz archive: with `extras` the arrays and extras that the source had; or else the one
    array that it had, with `names`; or one array a column, with the counters of jagged columns and a list of which
    counts which.

    Raises:
        OutputError: a text is missing, or cannot be kept in an array of strings; the name of a column would leave the
            folder that the archive is unpacked to.
        CorruptArchive: the extras are not those of an npz archive.
    """
    files: Files = []
    if extras:
        batch = concatenate(list(batches), schema)
        files, left = NpzLayout.from_bytes(extras).restored(schema, batch)
        refuse_nested(schema.only(left), "An npz archive")
        others = _members(batch, left) | (_counters(schema) if left else {})
        files += others.items()
    elif schema.origin.format == "npz" and schema.origin.name and len({column.dtype for column in schema.columns}) == 1:
        files += [(schema.origin.name, restored_array(schema, batches)), ("names", np.array(schema.order))]
    else:
        refuse_nested(schema, "An npz archive")
        members = _members(concatenate(list(batches), schema), schema.order)
        files += {**members, **_counters(schema)}.items()
    # Not `np.savez`, whose own arguments `file` and `allow_pickle` columns may be named after.
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files:
            if isinstance(content, bytes):
                archive.writestr(name, content)
                continue
            with archive.open(_file_name(name), "w", force_zip64=True) as member:
                npy.write_array(member, content, allow_pickle=content.dtype == np.object_)


def differences_npz(extras: bytes, others: bytes) -> list[str]:
    """The names of what is not a column of two archives and is not the same.

    Raises:
        CorruptArchive: the extras are not those of npz archives.
    """
    return raw_differences(extras, others)


def _file_name(name: str) -> str:
    try:
        return checked_name(f"{name}.npy")
    except ValueError as error:
        way_out = "Write .parquet instead, or choose columns without it"
        raise OutputError(str(error), column=name, way_out=way_out) from error


def _members(batch: Batch, names: Iterable[str]) -> dict[str, NDArray[np.generic]]:
    """The columns of these names as an array each, in their order."""
    arrays = {column.name: (table[column.name], column) for table in batch for column in table.group.columns}
    return {name: _strings(*arrays[name]) if arrays[name][1].is_text else arrays[name][0] for name in names}


def _counters(schema: Schema) -> dict[str, NDArray[np.generic]]:
    """The list of which counter counts which jagged columns; nothing where there are none."""
    rows = [[name, str(group.counter), group.name] for group in schema.groups[1:] for name in group.names]
    return {COUNTERS: np.array(rows)} if rows else {}


def _strings(values: NDArray[np.generic], column: Column) -> NDArray[np.generic]:
    """Strings of fixed width, which can neither be missing nor end in NUL."""
    strings = values.astype(np.str_)
    wrong = np.flatnonzero(strings.astype(TEXT) != values)
    if len(wrong):
        raise OutputError(
            "an npz archive cannot hold missing strings, or strings that end in NUL",
            column=column.name,
            rows=f"row {wrong[0]}",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
    return strings
