"""Data frames of pandas as Arrow columns, and back."""

import json
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from baler_vae.errors import SourceError, UsageError, listed
from baler_vae.memory.cells import are_cells, array_of_cells, cells_of_array, type_of_cells
from baler_vae.memory.columns import Columns, Extras, one_array
from baler_vae.memory.dtypes import (
    check_frame,
    check_labels,
    dtypes_of,
    refused_columns,
    told_of_frame,
    values_of,
    with_labels,
    without_dtypes,
)

_PANDAS = b"pandas"


def frame_columns(frame: pd.DataFrame, name: str) -> Columns:
    """The columns of a data frame, and the levels of its index behind them but those that only count rows. Numbers keep
    their bits, NaN too; the columns of numpy's numbers are views.

    Raises:
        UsageError: two columns have one name, or names or attributes would not come back.
        SourceError: Arrow has no type for a column.
    """
    _check_names(frame, name)
    check_labels(frame, name)
    refused = {str(frame.columns[number]): why for number, why in refused_columns(frame).items()}
    if refused:
        frame = frame.iloc[:, [number for number, label in enumerate(frame.columns) if str(label) not in refused]]
    schema = _schema(frame, name)
    n_columns = len(frame.columns)
    said = json.loads(schema.metadata[_PANDAS])["index_columns"]
    levels = [number for number, level in enumerate(said) if not isinstance(level, dict)]  # others count rows

    def read(number: int, start: int, stop: int) -> pa.Array:
        if number < n_columns:
            values: Any = frame.iloc[start:stop, number]
        else:
            values = frame.index[start:stop].get_level_values(levels[number - n_columns])
        return _array(values, schema.field(number).type)

    dtypes = [*frame.dtypes]
    without = frozenset(number for number, dtype in enumerate(dtypes) if _is_plain(dtype))
    nan = tuple(
        schema.field(number).name
        for number, dtype in enumerate(dtypes)
        if dtype == np.object_ and _has_nan(frame.iloc[:, number])
    )
    types = tuple((own.name, dtype.name) for own, dtype in zip(schema, dtypes, strict=False))
    extras = Extras("pandas", schema, nan=nan, frame=told_of_frame(frame, schema), types=types)
    if n_columns:
        check_frame(frame, lambda: restored_frame(schema.empty_table(), nan, extras.frame), name)
    return Columns(schema, len(frame), read, extras, without, refused)


def joined_schema(schema: pa.Schema, n_rows: int) -> pa.Schema:
    """The schema of several data frames, one after the other, from that of the first: an index that counts rows counts
    all of them.
    """
    metadata = dict(schema.metadata or {})
    if _PANDAS in metadata:
        said = json.loads(metadata[_PANDAS])
        for level in said.get("index_columns", ()):
            if isinstance(level, dict) and level.get("kind") == "range":
                level |= {"start": 0, "stop": n_rows, "step": 1}
        metadata[_PANDAS] = json.dumps(said).encode()
    return schema.with_metadata(metadata or None)


def restored_frame(table: pa.Table, nan: Sequence[str], told: Mapping[str, Any] = MappingProxyType({})) -> pd.DataFrame:
    """The data frame of a table, its index and dtypes as its metadata say, and what is `told` beside it. `nan` are the
    columns of objects in which what is missing is NaN, not None.

    Raises:
        CorruptArchive: what is told is not of such a frame.
    """
    own = dtypes_of(told)
    frame = without_dtypes(table, own).to_pandas(split_blocks=True)
    objects = _objects(table.schema)
    for number, column in enumerate(table.column_names[: len(frame.columns)]):
        kind = table.schema.field(number).type
        if are_cells(kind):
            frame.isetitem(number, cells_of_array(one_array(table.column(number))))
            continue
        if column in own:
            values: Any = values_of(table.column(column), own[column])
            frame.isetitem(number, pd.Series(values, index=frame.index, dtype=values.dtype))
        elif column in objects and pd.api.types.is_string_dtype(frame.dtypes.iloc[number]):
            frame.isetitem(number, frame.iloc[:, number].astype(object))
        if column in objects:
            values = frame.iloc[:, number]
            if values.dtype == np.object_ and values.isna().any():
                frame.isetitem(number, values.where(values.notna(), np.nan if column in nan else None))
    last = table.column_names[-1] if len(table.column_names) > len(frame.columns) else ""
    if last and not isinstance(frame.index, pd.MultiIndex):
        if last in own:
            level: Any = values_of(table.column(last), own[last])
            frame.index = pd.Index(level, dtype=level.dtype, name=frame.index.name)
        elif last in objects:
            frame.index = frame.index.astype(object)
    return with_labels(frame, told)


def _said(schema: pa.Schema) -> list[dict[str, Any]]:
    """What pandas says of each column in the metadata of a schema."""
    said: list[dict[str, Any]] = json.loads((schema.metadata or {}).get(_PANDAS, b"{}")).get("columns", [])
    return said


def _objects(schema: pa.Schema) -> set[str | None]:
    """The columns that were of numpy's dtype of objects."""
    return {own.get("field_name") for own in _said(schema) if own.get("numpy_type") == "object"}


def _schema(frame: pd.DataFrame, name: str) -> pa.Schema:
    try:
        cells = {number: type_of_cells(frame.iloc[:, number]) for number in range(len(frame.columns))}
        cells = {number: kind for number, kind in cells.items() if kind is not None}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is refused later
            schema = pa.Schema.from_pandas(_without_cells(frame, cells))
        for number, kind in cells.items():
            schema = schema.set(number, schema.field(number).with_type(kind))
        return pa.schema(map(_typed, schema), schema.metadata)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError, OverflowError) as error:
        for number, label in enumerate(frame.columns):
            try:
                pa.array(frame.iloc[:, number], from_pandas=True)
            except (pa.ArrowException, TypeError, ValueError, NotImplementedError, OverflowError) as own:
                raise SourceError(
                    f"Arrow has no type for its values: {str(own).splitlines()[0]}",
                    path=name,
                    column=str(label),
                    found=str(frame.dtypes.iloc[number]),
                    way_out="Convert the column, to strings or numbers, or leave it out",
                ) from own
        raise SourceError(f"Arrow has no type for its index: {error}", path=name) from error


def _without_cells(frame: pd.DataFrame, columns: Collection[int]) -> pd.DataFrame:
    """The frame with nothing in the cells of some columns."""
    if not columns:
        return frame
    frame = frame.copy(deep=False)
    for number in columns:
        frame.isetitem(number, np.full(len(frame), None, object))
    return frame


def _typed(own: pa.Field) -> pa.Field:
    """The field; categories of no type, where there are none, as strings."""
    kind = own.type
    if pa.types.is_dictionary(kind) and pa.types.is_null(kind.value_type):
        return own.with_type(pa.dictionary(kind.index_type, pa.string(), kind.ordered))
    return own


def _check_names(frame: pd.DataFrame, name: str) -> None:
    twice = [label for label, times in Counter(map(str, frame.columns)).items() if times > 1]
    if twice:
        raise UsageError(
            f"columns with the same name: {listed(twice)}",
            path=name,
            way_out="Rename them: frame.columns = [...]",
        )


def _is_plain(dtype: Any) -> bool:  # noqa: ANN401  of numpy or pandas
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _array(values: Any, kind: pa.DataType) -> pa.Array:  # noqa: ANN401  a series or an index
    """The values of a series or an index in a type; NaN of numpy's dtypes is a number, what else is missing is null."""
    if _is_plain(values.dtype):
        return pa.array(values.to_numpy(), kind)
    if values.dtype == np.object_ and are_cells(kind):
        return array_of_cells(values.to_numpy(), kind)
    return one_array(pa.array(values, kind, from_pandas=True))


def _has_nan(values: pd.Series) -> bool:
    """Whether the first missing value is NaN."""
    missing = np.flatnonzero(values.isna().to_numpy())
    return len(missing) > 0 and isinstance(values.iloc[missing[0]], float)
