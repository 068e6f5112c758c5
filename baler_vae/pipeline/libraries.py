"""Batches as the arrays of awkward, numpy and pandas."""

from itertools import pairwise
from typing import Any, Literal, get_args

import awkward as ak
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.io.grouping import missing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import nested_of, strings_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, counts_of, offsets_from_counts

Library = Literal["ak", "np", "pd"]


def check_library(library: str) -> None:
    """Nothing, where a library is one of those.

    Raises:
        UsageError: it is not.
    """
    if library not in get_args(Library):
        raise UsageError(f"unknown library {library!r}", expected=" or ".join(get_args(Library)))


def as_library(batch: Batch, selection: Schema, library: Library) -> Any:  # noqa: ANN401  it depends on the library
    """The columns of a selection: an awkward array of records, jagged columns as lists (`ak`); a dict of arrays, jagged
    columns as arrays of objects (`np`); or a data frame of the event-level columns, or of one collection's (`pd`).

    Raises:
        UsageError: `pd` is asked for columns of different lengths.
    """
    if library == "pd":
        return _data_frame(batch)
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
    if not branch.is_text:
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
    if len(branch.columns) > 1:
        raise UsageError("a series has one value in every row", column=branch.name, way_out='Ask for library="ak"')
    return _data_frame(batch)[branch.columns[0].name]


def _as_numpy(branch: Branch, batch: Batch) -> NDArray[Any]:
    values = branch.values(batch)
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


def _data_frame(batch: Batch) -> pd.DataFrame:
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
        return pd.DataFrame({name: _as_series(values) for name, values in batch[0].arrays.items()})
    counts = counts_of(batch, collections[0].group)
    entry = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    index = pd.MultiIndex.from_arrays([entry, np.arange(len(entry)) - first], names=["entry", "subentry"])
    return pd.DataFrame(dict(collections[0].arrays), index=index)


def _as_series(values: NDArray[np.generic]) -> Any:  # noqa: ANN401  what a data frame takes
    nested = nested_of(values)
    return values if nested is None else pd.Series(nested.values.to_pylist(), dtype=object)
