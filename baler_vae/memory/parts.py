"""Columns as data frames: one row for each event, or for each object of a collection."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.memory.libraries import as_container, is_jagged, is_text, objects
from baler_vae.table.branches import Branch
from baler_vae.table.nested import nested_of
from baler_vae.table.padded import PaddedArray
from baler_vae.table.padding import array_columns
from baler_vae.table.schema import Mask
from baler_vae.table.table import Batch, Table, counts_of

if TYPE_CHECKING:
    import awkward as ak
    import pandas as pd

_WAY_OUT = 'Ask for the columns of one collection, for how="outer", or for library="ak"'


@dataclass(frozen=True)
class Part:
    """Columns of equal length: of the events, or of a collection whose objects `counts` (events,) tells."""

    name: str
    columns: dict[str, Any]
    counts: NDArray[np.int64] | None = None
    entries: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def frame(self) -> "pd.DataFrame":
        """The data frame; its index is `entry`, or `entry` and `subentry`."""
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame(self.columns, index=self._index())

    def series(self) -> "dict[str, pd.Series]":
        """Each column as a series of its own."""
        frame = self.frame()
        return {name: frame[name] for name in self.columns}

    def _index(self) -> "pd.Index":
        import pandas as pd  # noqa: PLC0415

        if self.counts is None:
            first = int(self.entries[0]) if len(self.entries) else 0
            is_range = np.array_equal(self.entries, np.arange(first, first + len(self.entries)))
            return pd.RangeIndex(first, first + len(self.entries)) if is_range else pd.Index(self.entries)
        entry = np.repeat(self.entries, self.counts)
        first_objects = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        return pd.MultiIndex.from_arrays([entry, np.arange(len(entry)) - first_objects], names=["entry", "subentry"])


def parts_of_batch(batch: Batch, branches: Sequence[Branch], masks: Sequence[Mask], first: int) -> list[Part]:
    """The columns of some branches as parts, the events first, padded arrays among them; `first` is the number of the
    first event.
    """
    asked = {column.name for branch in branches if branch.padded is None for column in branch.columns}
    entries = np.arange(first, first + batch[0].n_rows, dtype=np.int64)
    events = _series_of(batch[0], asked, masks)
    for branch in branches:
        if branch.padded is not None:
            events |= _series_of_padded(branch.padded, branch.values(batch))
    order = {name: number for number, name in enumerate(name for branch in branches for name in _names(branch))}
    events = dict(sorted(events.items(), key=lambda item: order[item[0]]))
    parts = [Part(batch[0].group.name, events, None, entries)]
    for table in batch[1:]:
        series = _series_of(table, asked, masks)
        parts.append(Part(table.group.name, series, counts_of(batch, table.group), entries))
    return [part for part in parts if part.columns]


def parts_of_arrays(columns: "Mapping[str, ak.Array]", entries: NDArray[np.int64]) -> list[Part]:
    """Awkward arrays as parts, the events first, jagged ones of equal lengths together; `entries` numbers events."""
    import awkward as ak  # noqa: PLC0415

    parts = [Part("events", {}, None, entries)]
    for name, array in columns.items():
        if not is_jagged(array):
            parts[0].columns[name] = _values(array)
            continue
        counts = ak.to_numpy(ak.fill_none(ak.num(array), 0)).astype(np.int64)
        own = next((part for part in parts[1:] if np.array_equal(part.counts, counts)), None)  # type: ignore[arg-type]
        if own is None:
            own = Part(name, {}, counts, entries)
            parts.append(own)
        own.columns[name] = _values(ak.flatten(array))
    return [part for part in parts if part.columns]


def joined(parts: Sequence[Part], how: Any, counters: Iterable[str | None] = ()) -> Any:  # noqa: ANN401  it depends on `how`
    """The data frame of the parts, or a container of series.

    Parameters
    ----------
    parts : sequence of Part
        The columns.
    how : str, type or None
        How pandas joins frames of different lengths by `entry` (and `subentry`), or ``dict``, ``list`` or ``tuple``.
    counters : iterable of str
        The counters of collections: an index tells what they do, and so they are left out where a collection's columns
        are the only others.

    Raises
    ------
    UsageError
        The columns have different lengths, and there is no `how`.
    """
    import pandas as pd  # noqa: PLC0415

    if isinstance(how, type):
        return as_container({name: one for part in parts for name, one in part.series().items()}, how)
    if how is None:
        parts = _without_counters(parts, set(counters))
        if len(parts) > 1:
            found = ", ".join(part.name for part in parts)
            raise UsageError("a data frame has rows of one length", found=found, way_out=_WAY_OUT)
        return parts[0].frame() if parts else pd.DataFrame()
    if not parts:
        return pd.DataFrame()
    events = parts[0].frame() if parts[0].counts is None else None
    frames = [part.frame() for part in (parts if events is None else parts[1:])]
    if events is None or not frames:
        return reduce(lambda left, right: left.join(right, how=how), frames) if frames else events
    objects = reduce(lambda left, right: left.join(right, how=how), frames)
    events.index.name = "entry"
    merged = events.join(objects.reset_index(level="subentry"), how=how)
    if merged["subentry"].hasnans:  # events without objects
        merged["subentry"] = merged["subentry"].astype("Int64")
    return merged.set_index("subentry", append=True)


def _without_counters(parts: Sequence[Part], counters: set[str | None]) -> list[Part]:
    if len(parts) < 2 or parts[0].counts is not None or not set(parts[0].columns) <= counters:
        return list(parts)
    return list(parts[1:])


def _names(branch: Branch) -> Sequence[str]:
    """What the series of a branch are called."""
    columns = branch.columns if branch.padded is None else array_columns(branch.padded)
    return [column.name for column in columns]


def _series_of_padded(array: PaddedArray, values: NDArray[np.generic]) -> dict[str, Any]:
    """A padded array (rows, *shape) as the columns that it was, as a data frame takes them."""
    if array.is_column:
        return {array.name: objects(list(values))}
    flat = values.reshape(len(values), array.n_cells)
    return {column.name: flat[:, number] for number, column in enumerate(array_columns(array))}


def _series_of(table: Table, asked: set[str], masks: Sequence[Mask]) -> dict[str, Any]:
    """The columns of a table that are asked for, as a data frame takes them."""
    import pandas as pd  # noqa: PLC0415

    absent = {mask.values: table[mask.missing] for mask in masks if mask.values in table.group.names}
    series: dict[str, Any] = {}
    for name, values in table.arrays.items():
        nested = nested_of(values)
        if name not in asked:
            continue
        if nested is not None:
            series[name] = np.array([*nested.values.to_pylist(), None], object)[:-1]
        elif name in absent:
            kind = {"b": pd.arrays.BooleanArray, "f": pd.arrays.FloatingArray}.get(
                values.dtype.kind, pd.arrays.IntegerArray
            )
            series[name] = kind(values, absent[name].astype(bool))
        else:
            series[name] = values if values.ndim == 1 else objects(list(values))
    return series


def _values(array: "ak.Array") -> Any:  # noqa: ANN401  what pandas takes
    """An awkward array (rows,) as the values of a series."""
    import awkward as ak  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    if not is_text(array) and array.ndim == 1 and not ak.fields(array):
        values = ak.to_numpy(array)
        return pd.array(values.tolist()) if isinstance(values, np.ma.MaskedArray) else values
    if array.ndim > 1 and isinstance(array.type.content, ak.types.RegularType) and not is_text(array):
        try:
            return objects(list(ak.to_numpy(array, allow_missing=False)))
        except (TypeError, ValueError):  # records, lists of several lengths, missing values
            pass
    return np.array([*ak.to_list(array), None], object)[:-1]
