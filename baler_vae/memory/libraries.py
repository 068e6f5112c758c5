"""Batches as the arrays of awkward, numpy, pandas and pyarrow."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.source.grouping import missing
from baler_vae.table.branches import Branch
from baler_vae.table.nested import nested_of, strings_of
from baler_vae.table.table import Batch, counts_of, offsets_from_counts

if TYPE_CHECKING:
    import awkward as ak

Library = Literal["ak", "np", "pd", "pa"]
Containers = type[dict[str, Any]] | type[list[Any]] | type[tuple[Any, ...]]
How = Literal["zip", "inner", "outer", "left", "right"] | Containers | None

_CONTAINERS: tuple[Any, ...] = (dict, list, tuple)
_JOINS = ("inner", "outer", "left", "right")


def check_library(library: str, how: object = None) -> None:
    """Raise UsageError unless the library is known, and `how` is one of its ways to group arrays."""
    if library not in get_args(Library):
        raise UsageError(f"unknown library {library!r}", expected=" or ".join(get_args(Library)))
    own = {"ak": ("zip",), "pd": _JOINS}.get(library, ())
    if how is not None and how not in own and how not in _CONTAINERS:
        raise UsageError(
            f"invalid how={how!r} for library={library!r}",
            expected=", ".join([*map(repr, own), "dict", "list", "tuple", "or None"]),
        )


def as_records(columns: "Mapping[str, ak.Array]") -> "ak.Array":
    """An awkward array of one record for each event."""
    import awkward as ak  # noqa: PLC0415

    return ak.zip(dict(columns), depth_limit=1)


def as_awkward(branch: Branch, batch: Batch, *, optional_text: bool = False) -> "ak.Array":
    """The values of a branch, jagged ones as lists. With `optional_text` the form does not depend on the values: text
    may be missing, whether any is or not.
    """
    import awkward as ak  # noqa: PLC0415

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


def _optional_text(values: NDArray[np.generic]) -> "ak.Array":
    """Text (rows,) as an array of strings that may be missing, even if there is none."""
    import awkward as ak  # noqa: PLC0415

    texts = values.tolist()
    present = np.array([text is not None for text in texts], bool)
    strings = ak.from_iter([*(text for text in texts if text is not None), ""])  # the last one gives them their type
    index = np.where(present, np.cumsum(present) - 1, -1)
    return ak.Array(ak.contents.IndexedOptionArray(ak.index.Index64(index), strings.layout))


def as_numpy(branch: Branch, batch: Batch) -> NDArray[Any]:
    """The values of a branch (rows,) or (rows, *shape), a masked array where some may be missing; an array of objects,
    one array for each event, where they are jagged.
    """
    values, mask = branch.values(batch), branch.mask(batch)
    if mask is not None:
        values = np.ma.MaskedArray(values, mask)
    nested = nested_of(values)
    if nested is None and not branch.is_jagged:
        return values
    if nested is not None:
        return objects(list(nested.to_awkward()))
    ends = offsets_from_counts(counts_of(batch, branch.group)).tolist()
    return objects([values[start:stop] for start, stop in pairwise(ends)])


def awkward_as_numpy(array: "ak.Array") -> NDArray[Any]:
    """An awkward array as `as_numpy` gives those of branches."""
    import awkward as ak  # noqa: PLC0415

    if is_text(array):
        return objects(ak.to_list(array))
    if array.ndim == 1 or not is_jagged(array):
        try:
            values: NDArray[Any] = ak.to_numpy(array)
        except (TypeError, ValueError):  # records, lists of several lengths
            return objects(list(array))
        return values
    return objects([awkward_as_numpy(row) for row in array])


def objects(values: Sequence[Any]) -> NDArray[Any]:
    """An array (rows,) of any objects."""
    rows = np.empty(len(values), object)
    for row, value in enumerate(values):
        rows[row] = value
    return rows


def is_text(array: "ak.Array") -> bool:
    """Whether an array holds a string for each event, which may be missing."""
    import awkward as ak  # noqa: PLC0415

    layout = array.layout
    while layout.is_option or layout.is_indexed:
        layout = layout.content
    return bool(ak.parameters(ak.Array(layout)).get("__array__") == "string")


def is_jagged(array: "ak.Array") -> bool:
    """Whether an array holds a list of values, of any length, for each event."""
    layout = array.layout
    while layout.is_option or layout.is_indexed:
        layout = layout.content
    return bool(layout.is_list and not layout.is_regular and layout.parameter("__array__") is None)


def as_container(values: Mapping[str, Any], how: Any) -> Any:  # noqa: ANN401  a container
    """The arrays of some names as a dict, a list or a tuple, which `how` is."""
    return dict(values) if how is dict else how(values.values())
