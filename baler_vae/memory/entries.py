"""Arrays and dicts of arrays as Arrow columns, and back."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from baler_vae.arrow.schema import DOCUMENT_FAILURES
from baler_vae.errors import BalerError, SourceError, UsageError
from baler_vae.memory.arrays import ArrayEntry, member_of_array, whole_array
from baler_vae.memory.columns import Columns, Extras, Kind, one_array, unreadable
from baler_vae.memory.forms import FormEntry
from baler_vae.memory.kinds import package_of, typename
from baler_vae.source.array_columns import is_text
from baler_vae.source.grouping import unique
from baler_vae.source.source import reason

Entry = ArrayEntry | FormEntry
_Read = Callable[[int, int, int], pa.Array]

_WAY_OUT = "Pass arrays of equal length; jagged ones as awkward arrays: ak.unflatten(values, counts)"


def dict_columns(data: Mapping[str, Any], name: str) -> Columns:
    """The columns of a dict of arrays, lists or awkward arrays of one length.

    Raises:
        UsageError: a key is not a string, or a value no such array.
        SourceError: arrays have different lengths, or values that cannot be read.
    """
    entries: list[Entry] = []
    values: list[Any] = []
    for key, value in data.items():
        if not isinstance(key, str):
            raise UsageError(f"the key {key!r} is not a string", path=name, way_out="Name each array")
        with _named(key):
            entry, rows = _entry(key, value, is_alone=len(data) == 1)
        entries.append(entry)
        values.append(rows)
    lengths = Counter(len(rows) for rows in values)
    if len(lengths) > 1:
        usual = lengths.most_common(1)[0][0]
        other = next(entry for entry, rows in zip(entries, values, strict=True) if len(rows) != usual)
        raise SourceError(
            "the arrays have different lengths",
            path=name,
            column=_key(other),
            found=f"{len(values[entries.index(other)]):,} rows",
            expected=f"{usual:,}",
            way_out=_WAY_OUT,
        )
    return _columns("dict", _told_apart(entries), values)


def array_columns(array: NDArray[Any], *, stacks: bool = True) -> Columns:
    """The columns of an array of numpy; see `open_npy`, and for `stacks` `array_member`.

    Raises:
        SourceError: it has no axis, or holds Python objects other than strings.
    """
    if array.ndim == 0 or (array.ndim > 1 and not array.shape[-1]):
        raise SourceError("holds no columns", found=f"an array of shape {array.shape}")
    _check_objects(array)
    entry, rows = whole_array(array, stacks=stacks)
    return _columns("numpy", [entry], [rows])


def awkward_columns(array: ak.Array) -> Columns:
    """The columns of an awkward array, one for each field.

    Raises:
        SourceError: Arrow has no type for a field.
    """
    return _columns("awkward", [FormEntry.of("", array)], [array.layout])


def restored_entries(table: pa.Table, extras: Extras) -> Any:  # noqa: ANN401  a dict, or an array
    """The dict of arrays, the array or the awkward array that a table was.

    Raises:
        CorruptArchive: the extras do not tell.
    """
    columns = {name: one_array(table.column(name)) for name in table.column_names}
    found: dict[str, Any] = {}
    known: set[str] = set()
    try:
        for entry in entries_of(extras):
            found |= entry.restored(columns, table.num_rows)
            known |= set(entry.names)
    except DOCUMENT_FAILURES as error:
        raise unreadable(error) from error
    found |= {name: column.to_numpy(zero_copy_only=False) for name, column in columns.items() if name not in known}
    return found if extras.kind == "dict" or len(found) != 1 else next(iter(found.values()))


def entries_of(extras: Extras) -> list[Entry]:
    """The entries that extras tell of.

    Raises:
        CorruptArchive: they do not.
    """
    try:
        return [
            ArrayEntry.of_document(document) if "array" in document else FormEntry.of_document(document)
            for document in extras.entries
        ]
    except DOCUMENT_FAILURES as error:
        raise unreadable(error) from error


def schema_of_entries(extras: Extras) -> pa.Schema:
    """The Arrow schema of the columns that extras tell of.

    Raises:
        CorruptArchive: they do not.
    """
    try:
        return pa.schema([own for entry in entries_of(extras) for own in entry.fields()])
    except (*DOCUMENT_FAILURES, BalerError) as error:
        raise unreadable(error) from error


def _columns(kind: Kind, entries: Sequence[Entry], values: Sequence[Any]) -> Columns:
    fields: list[pa.Field] = []
    reads: list[_Read] = []
    places: list[int] = []
    refused: dict[str, str] = {}
    without: set[int] = set()
    for entry, rows in zip(entries, values, strict=True):
        if isinstance(entry, ArrayEntry):
            key = entry.member.name
            refused |= {f"{key}.{own}" if own else key: why for own, why in entry.member.refused.items()}
            without |= set() if entry.is_masked else set(range(len(fields), len(fields) + len(entry.names)))
        own = entry.fields()
        reads += [_reader(entry, rows)] * len(own)
        places += range(len(own))
        fields += own

    def read(number: int, start: int, stop: int) -> pa.Array:
        return reads[number](places[number], start, stop)

    documents = tuple(entry.document() for entry in entries)
    extras = Extras(kind, entries=documents, types=tuple(entry.told() for entry in entries))
    n_rows = len(values[0]) if values else 0
    return Columns(pa.schema(fields), n_rows, read, extras, frozenset(without), refused)


def _reader(entry: Entry, rows: Any) -> _Read:  # noqa: ANN401  of numpy or awkward
    def read(place: int, start: int, stop: int) -> pa.Array:
        return entry.read(rows, place, start, stop)

    return read


def _entry(key: str, value: Any, *, is_alone: bool) -> tuple[Entry, Any]:  # noqa: ANN401
    """How a value of a dict is read, and its rows."""
    if package_of(value) == "awkward" and isinstance(value, ak.Array):
        return FormEntry.of(key, value), value.layout
    if package_of(value) == "pyarrow":
        raise _refused(key, value, "Pass pa.table(data)")
    if not isinstance(value, list | tuple) and not hasattr(value, "__array__"):
        raise _refused(key, value)
    array = _array(value)
    if array is None:
        found = _awkward(key, value)
        return FormEntry.of(key, found), found.layout
    if array.dtype.kind == "T":
        raise UsageError(
            "strings of numpy's variable width are not supported", column=key, way_out="Give values.astype(object)"
        )
    if array.ndim == 0:
        raise UsageError("is a single value, not an array", column=key, expected="a value for each row")
    if array.dtype == np.object_ and not is_text(array):
        return _objects(key, array)
    return member_of_array(key, array, is_alone=is_alone)


def _refused(key: str, value: object, way_out: str | None = None) -> UsageError:
    what = f"cannot compress data of the type {typename(value)} in a dict"
    return UsageError(what, column=key, expected="an array, or a list", way_out=way_out)


def _array(value: Any) -> NDArray[Any] | None:  # noqa: ANN401  anything like an array
    """The array of numpy; None where a list is none of numpy's."""
    if package_of(value) == "pandas" and not isinstance(value.dtype, np.dtype):
        return _of_pandas(value)
    if not isinstance(value, list | tuple):
        return np.asanyarray(value) if isinstance(value, np.ndarray) else np.asarray(value)
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    if array.dtype.kind in "US" and not all(isinstance(word, str | bytes) for word in np.ravel(value).tolist()):
        return None
    if array.dtype.kind == "U" and not all(isinstance(word, str) for word in value):
        return None  # numbers among the strings
    if array.dtype.kind == "f" and any(isinstance(own, int) and float(own) != own for own in value):
        raise UsageError("whole numbers that a float cannot hold", way_out="Give an array of the dtype that you want")
    return array if array.dtype != np.object_ or is_text(array) else None


def _of_pandas(value: Any) -> NDArray[Any]:  # noqa: ANN401  a series, an index or an array
    """The array of one of pandas' own dtypes: numbers that may be missing as a masked array, strings as objects."""
    missing, kept = np.asarray(value.isna(), np.bool_), getattr(value.dtype, "numpy_dtype", None)
    if kept is not None and kept.kind in "biuf" and hasattr(value, "to_numpy"):
        numbers = value.to_numpy(dtype=kept, na_value=kept.type(0))
        return np.ma.MaskedArray(numbers, missing) if missing.any() else np.asarray(numbers)
    array = np.array(value)
    if array.dtype == np.object_:
        array[missing] = None
    return array


def _awkward(key: str, value: Any) -> ak.Array:  # noqa: ANN401  lists
    try:
        return ak.from_iter(value)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise SourceError(
            f"values that no array can hold: {reason(error)}",
            column=key,
            way_out="Give numbers, strings or lists of them",
        ) from error


def _objects(key: str, array: NDArray[Any]) -> tuple[Entry, Any]:
    """An array of objects that holds an array of numbers for each row, as uproot gives jagged branches."""
    rows = array.tolist()
    kinds = {row.dtype for row in rows if isinstance(row, np.ndarray) and row.ndim == 1 and row.dtype.kind in "biuf"}
    if array.ndim != 1 or len(kinds) != 1 or not all(isinstance(row, np.ndarray) and row.ndim == 1 for row in rows):
        raise SourceError(
            "Python objects other than strings, and arrays of one dtype, are not supported",
            column=key,
            way_out="Pass an awkward array: ak.from_iter(values)",
        )
    found = ak.unflatten(np.concatenate(rows), [len(row) for row in rows])
    return FormEntry.of(key, found, as_objects=True), found.layout


def _check_objects(array: NDArray[Any]) -> None:
    if array.dtype == np.object_ and not is_text(array):
        raise SourceError("Python objects other than strings are not supported", way_out="Pass a dict of arrays")


def _told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """The same entries; of columns with one name all but the first get a number."""
    taken: list[str] = []
    found: list[Entry] = []
    for entry in entries:
        names: list[str] = []
        for own in entry.names:
            names.append(unique(own, [*taken, *names]))
        taken += names
        found.append(entry if tuple(names) == entry.names else entry.renamed(names))
    return found


def _key(entry: Entry) -> str:
    return entry.member.name if isinstance(entry, ArrayEntry) else entry.name


class _named:  # noqa: N801  used as a function
    """A block whose errors name a key, where they name no column."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, BalerError):
            error.column = error.column or self._key
