"""What pandas has and neither Arrow nor its metadata tell: dtypes of its own, objects, labels; and what is refused."""

import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from baler_vae.errors import SourceError, UsageError
from baler_vae.memory.columns import one_array, unreadable
from baler_vae.source.source import STEP_EVENTS

_PANDAS: Final = b"pandas"
_ARROW: Final = "arrow"
_OBJECT: Final = "object"
_STRINGS: Final = {
    "python": ("python", pd.NA),
    "python-nan": ("python", np.nan),
    "pyarrow": ("pyarrow", pd.NA),
    "pyarrow-nan": ("pyarrow", np.nan),
}
"""Storage and missing value of the dtypes of strings, by what documents call them."""

_AS_THEY_ARE: Final = frozenset({"string", "empty", "bytes", "decimal", "date", "time"})
"""The kinds of objects that Arrow gives back as they were."""


def check_labels(frame: pd.DataFrame, name: str) -> None:
    """Raise UsageError where names or attributes of a frame would come back as others."""
    for own in frame.index.names:
        if own is not None and not isinstance(own, str):
            raise UsageError(
                f"the name {own!r} of the index is not a string", path=name, way_out="Rename it: frame.rename_axis(...)"
            )
    try:
        kept = json.loads(json.dumps(frame.attrs)) == frame.attrs
    except (TypeError, ValueError, RecursionError):
        kept = False
    if not kept:
        what = "attributes that JSON cannot hold would be lost"
        raise UsageError(what, path=name, found=", ".join(map(repr, frame.attrs)), way_out="Clear frame.attrs first")


def check_frame(frame: pd.DataFrame, restored: Callable[[], pd.DataFrame], name: str) -> None:
    """Raise an error unless a frame without rows, `restored`, has the labels and the dtypes of a frame.

    Raises:
        UsageError: the labels are others.
        SourceError: a dtype is another.
    """
    try:
        found = restored()
        labels, given = found.columns, frame.columns
        same = isinstance(given, pd.RangeIndex) or (type(labels) is type(given) and labels.dtype == given.dtype)
        same = same and labels.names == given.names and labels.equals(given)
    except (TypeError, ValueError, LookupError, AttributeError, NotImplementedError, pa.ArrowException):
        same = False
    if not same:
        raise UsageError(
            "the names of the columns would not come back as they are",
            path=name,
            found=f"{type(frame.columns).__name__} of {frame.columns.dtype}",
            way_out="Give the columns strings as names: frame.columns = [...]",
        )
    levels = [frame.index] if not isinstance(frame.index, pd.MultiIndex) else []
    for label, own, given in [
        *zip(frame.columns, found.dtypes, frame.dtypes, strict=True),
        *((frame.index.name or "index", found.index.dtype, level.dtype) for level in levels),
    ]:
        if own != given and not isinstance(given, pd.CategoricalDtype):
            raise SourceError(
                f"values of the dtype {given} would come back as {own}",
                path=name,
                column=str(label),
                way_out="Convert the column, to strings or numbers, or leave it out",
            )


def refused_columns(frame: pd.DataFrame) -> dict[int, str]:
    """The columns that would come back as others, by place, with the reason."""
    found = {}
    for number, dtype in enumerate(frame.dtypes):
        if isinstance(dtype, np.dtype) and not dtype.isnative:
            found[number] = f"{dtype}: bytes in another order"
        elif dtype == np.object_:
            why = _why_not(frame.iloc[:, number])
            found |= {number: why} if why else {}
    return found


def told_of_frame(frame: pd.DataFrame, schema: pa.Schema) -> dict[str, Any]:
    """What brings the dtypes of a frame, the frequency of its index and the dtype of its labels back."""
    dtypes: dict[str, str] = {}
    for number, dtype in enumerate(frame.dtypes):
        told = _told(dtype, frame.iloc[:, number], in_index=False)
        dtypes |= {schema.field(number).name: told} if told else {}
    index = frame.index
    if not isinstance(index, pd.MultiIndex) and len(schema) > len(frame.columns):
        told = _told(index.dtype, index, in_index=True)
        dtypes |= {schema.field(len(frame.columns)).name: told} if told else {}
    found: dict[str, Any] = {"dtypes": dtypes} if dtypes else {}
    freq = getattr(index, "freqstr", None)
    if freq is not None and isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
        found["freq"] = freq
    labels = frame.columns
    if labels.dtype == np.object_ and not isinstance(labels, pd.MultiIndex) and len(labels):
        found["labels"] = _OBJECT
    return found


def dtypes_of(told: Mapping[str, Any]) -> dict[str, str]:
    """The dtypes that `told_of_frame` told, by column.

    Raises:
        CorruptArchive: they are not those of a frame.
    """
    found = told.get("dtypes", {})
    if not isinstance(found, dict) or not all(isinstance(own, str) for own in found.values()):
        raise unreadable("dtypes that are not strings")
    return found


def without_dtypes(table: pa.Table, dtypes: Mapping[str, str]) -> pa.Table:
    """The table with metadata that call some columns objects, so that pandas does not ask for their dtypes."""
    metadata = dict(table.schema.metadata or {})
    if not dtypes or _PANDAS not in metadata:
        return table
    said = json.loads(metadata[_PANDAS])
    for own in said.get("columns", ()):
        if own.get("field_name") in dtypes:
            own |= {"numpy_type": _OBJECT, "pandas_type": _OBJECT}
    return table.replace_schema_metadata(metadata | {_PANDAS: json.dumps(said).encode()})


def values_of(column: pa.ChunkedArray, told: str) -> Any:  # noqa: ANN401  of pandas
    """The values of a column in a dtype that `told_of_frame` told.

    Raises:
        CorruptArchive: it is none, or not of such values.
    """
    try:
        if told == _OBJECT:
            return np.fromiter(column.to_pylist(), object, len(column))
        if told == _ARROW:
            return pd.arrays.ArrowExtensionArray(column)
        if told in _STRINGS:
            storage, missing = _STRINGS[told]
            return pd.array(one_array(column).to_pylist(), dtype=pd.StringDtype(storage, missing))
        dtype: Any = pd.api.types.pandas_dtype(told)
        return dtype.__from_arrow__(column)
    except (TypeError, ValueError, AttributeError, NotImplementedError, pa.ArrowException) as error:
        raise unreadable(error) from error


def with_labels(frame: pd.DataFrame, told: Mapping[str, Any]) -> pd.DataFrame:
    """The frame with the frequency of its index, where it still has it, and the dtype of its labels."""
    if told.get("labels") == _OBJECT:
        frame.columns = frame.columns.astype(object)
    if "freq" in told and isinstance(frame.index, pd.DatetimeIndex | pd.TimedeltaIndex):
        try:
            frame.index.freq = str(told["freq"])
        except ValueError:
            return frame
    return frame


def _told(dtype: Any, values: Any, *, in_index: bool) -> str:  # noqa: ANN401  of pandas
    """What tells a dtype; nothing where the metadata do."""
    if isinstance(dtype, pd.ArrowDtype):
        return _ARROW
    if isinstance(dtype, pd.StringDtype):
        known = dtype.na_value is not pd.NA if in_index else dtype.storage != "python"
        return "" if known else f"{dtype.storage}{'' if dtype.na_value is pd.NA else '-nan'}"
    if isinstance(dtype, np.dtype):
        return _OBJECT if dtype == np.object_ and _is_listed(values) else ""
    own = in_index and not isinstance(dtype, pd.CategoricalDtype | pd.DatetimeTZDtype)
    return str(dtype) if own else ""


def _is_listed(values: Any) -> bool:  # noqa: ANN401  a series or an index
    """Whether objects are taken from Arrow one by one, as Python has them."""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    return kind not in _AS_THEY_ARE and not _is_of_arrays(values)


def _is_of_arrays(values: Any) -> bool:  # noqa: ANN401  a series or an index
    given = [own for own in values if own is not None]
    dtypes = {own.dtype for own in given if isinstance(own, np.ndarray) and own.ndim == 1 and own.dtype.kind in "biuf"}
    return len(dtypes) == 1 and all(isinstance(own, np.ndarray) and own.ndim == 1 for own in given)


def _why_not(values: pd.Series) -> str:
    """Why objects would come back as others; nothing where they do not, or Arrow has no type for them at all."""
    missing = values[values.isna()]
    kinds = {type(own) for own in missing}
    if len(kinds) > 1 or not kinds <= {type(None), float}:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        return f"objects, missing as {names}: only None or only NaN can be kept"
    if not _is_listed(values):
        return ""
    try:
        kind = pa.array(values, from_pandas=True).type
        for start in range(0, len(values), STEP_EVENTS):
            own = values.iloc[start : start + STEP_EVENTS]
            plain = [None if lacks else value for value, lacks in zip(own, own.isna(), strict=True)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of arrays that are compared
                if pa.array(own, kind, from_pandas=True).to_pylist() != plain:
                    return f"objects that Arrow makes {kind}"
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError, OverflowError):
        return ""
    return ""
