"""Batches as the arrays of awkward, numpy and pandas."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

import awkward as ak
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.source.grouping import missing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import nested_of, strings_of
from baler_vae.table.schema import Mask, Schema
from baler_vae.table.table import Batch, Table, counts_of, offsets_from_counts

Library = Literal["ak", "np", "pd"]


def check_library(library: str) -> None:
    """Check that a library is one of those.

    Raises:
        UsageError: it is not.
    """
    if library not in get_args(Library):
        raise UsageError(f"unknown library {library!r}", expected=" or ".join(get_args(Library)))


def as_library(batch: Batch, selection: Schema, library: Library) -> Any:  # noqa: ANN401  it depends on the library
    """The columns of a selection: an awkward array of records, jagged columns as lists (`ak`); a dict of arrays, jagged
    columns as arrays of objects (`np`); or a data frame of the event-level columns, or of one collection's (`pd`).
    Where numbers may be missing they are options, masked arrays, and columns of pandas' nullable dtypes.

    Raises:
        UsageError: `pd` is asked for columns of different lengths.
    """
    if library == "pd":
        return _data_frame(batch, selection.masks)
    if library == "ak":
        return as_records(batch, selection)
    return {branch.name: _as_numpy(branch, batch) for branch in branches_of(selection)}


def as_records(batch: Batch, selection: Schema, *, optional_text: bool = False) -> ak.Array:
    """An awkward array of one record for each event. With `optional_text` its form does not depend on the values: text
    may be missing, whether any is or not.
    """
    branches = branches_of(selection)
    columns = {branch.name: _as_awkward(branch, batch, optional_text=optional_text) for branch in branches}
    return ak.zip(columns, depth_limit=1)


def _as_awkward(branch: Branch, batch: Batch, *, optional_text: bool) -> ak.Array:
    values = branch.values(batch)
    nested = nested_of(values)
    if nested is not None:
        return nested.to_awkward(optional=optional_text)
    mask = branch.mask(batch)
    if mask is not None:
        array = ak.mask(ak.Array(values), mask, valid_when=False)
    elif not branch.is_text:
        array = ak.Array(ak.from_numpy(values, regulararray=True))
    elif optional_text:
        array = _optional_text(values)
    else:
        array = ak.Array(ak.from_iter(values.tolist())) if len(missing(values)) else strings_of(values)
    return ak.unflatten(array, counts_of(batch, branch.group)) if branch.is_jagged else array


def _optional_text(values: NDArray[np.generic]) -> ak.Array:
    """Text (rows,) as an array of strings that may be missing, even if there is none."""
    texts = values.tolist()
    present = np.array([text is not None for text in texts], bool)
    strings = ak.from_iter([*(text for text in texts if text is not None), ""])  # the last one gives them their type
    index = np.where(present, np.cumsum(present) - 1, -1)
    return ak.Array(ak.contents.IndexedOptionArray(ak.index.Index64(index), strings.layout))


def branch_as(branch: Branch, batch: Batch, library: Library) -> Any:  # noqa: ANN401  it depends on the library
    """The values of one branch alone: an awkward array, an array of numpy, or a series of pandas.

    Raises:
        UsageError: `pd` is asked for an array of several elements.
    """
    if library == "np":
        return _as_numpy(branch, batch)
    if library == "ak":
        return _as_awkward(branch, batch, optional_text=False)
    if branch.shape:
        raise UsageError("a series has one value in every row", column=branch.name, way_out='Ask for library="ak"')
    name = branch.columns[0].name
    masks = () if branch.missing is None else (Mask(name, branch.missing.name),)
    return _data_frame(batch, masks)[name]


def _as_numpy(branch: Branch, batch: Batch) -> NDArray[Any]:
    values, mask = branch.values(batch), branch.mask(batch)
    if mask is not None:
        values = np.ma.MaskedArray(values, mask)
    nested = nested_of(values)
    if nested is None and not branch.is_jagged:
        return values
    if nested is not None:
        found = list(nested.to_awkward())
    else:
        found = [values[a:b] for a, b in pairwise(offsets_from_counts(counts_of(batch, branch.group)).tolist())]
    rows = np.empty(len(found), object)
    for event, value in enumerate(found):
        rows[event] = value
    return rows


def _data_frame(batch: Batch, masks: Sequence[Mask]) -> pd.DataFrame:
    counters = {table.group.counter for table in batch}
    collections = batch[1:]
    event_columns = [name for name in batch[0].group.names if name not in counters]
    if len(collections) > 1 or (collections and event_columns):
        raise UsageError(
            "a data frame has rows of one length",
            found=", ".join(table.group.name for table in batch),
            way_out='Ask for the columns of one collection, or for library="ak"',
        )
    if not collections:
        return pd.DataFrame(_as_series(batch[0], masks))
    counts = counts_of(batch, collections[0].group)
    entry = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    index = pd.MultiIndex.from_arrays([entry, np.arange(len(entry)) - first], names=["entry", "subentry"])
    return pd.DataFrame(_as_series(collections[0], masks), index=index)


def _as_series(table: Table, masks: Sequence[Mask]) -> dict[str, Any]:
    """The columns of a table as a data frame takes them."""
    missing = {mask.values: table[mask.missing] for mask in masks if mask.values in table.group.names}
    series: dict[str, Any] = {}
    for name, values in table.arrays.items():
        nested = nested_of(values)
        if nested is not None:
            series[name] = pd.Series(nested.values.to_pylist(), dtype=object)
        elif values.ndim > 1:
            objects = np.empty(len(values), object)
            for row, array in enumerate(values):
                objects[row] = array
            series[name] = objects
        elif name in missing:
            kind = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}.get(
                values.dtype.kind, pd.arrays.IntegerArray
            )
            series[name] = kind(values, missing[name].astype(bool))
        elif name not in {mask.missing for mask in masks}:
            series[name] = values
    return series
