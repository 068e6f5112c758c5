"""Tables to TTrees and RNTuples."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.errors import OutputError
from baler_vae.io.grouping import missing
from baler_vae.io.source import writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import nested_of, strings_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import ROW_GROUP_ROWS, Batch, empty_batch, offsets_from_counts, row_groups

BASKET_ROWS = 4 * ROW_GROUP_ROWS
"""A basket of each branch is written when the largest group reaches this number of rows."""

_STRING = ak.types.ListType(
    ak.types.NumpyType("uint8", parameters={"__array__": "char"}), parameters={"__array__": "string"}
)
_FAILURES = (TypeError, ValueError, NotImplementedError, AssertionError)


def recreated(path: Path) -> uproot.WritableDirectory:
    """A new ROOT file, to be closed."""
    return uproot.recreate(path, compression=uproot.ZSTD(3))


def write_tree(path: Path, schema: Schema, batches: Iterable[Batch]) -> None:
    """Write a file of one TTree, as `add_tree` makes it."""
    with recreated(path) as file:
        add_tree(file, schema, batches)


def write_rntuple(path: Path, schema: Schema, batches: Iterable[Batch]) -> None:
    """Write a file of one RNTuple, as `add_rntuple` makes it."""
    with recreated(path) as file:
        add_rntuple(file, schema, batches)


def add_tree(file: uproot.WritableDirectory, schema: Schema, batches: Iterable[Batch]) -> None:
    """Add a TTree to a file: branches named as the columns (`_` for `/` and brackets), and one int32 counter branch for
    each jagged group.

    Raises:
        OutputError: a TTree has no type for a column, two columns get the same name, or a string is missing.
    """
    branches = branches_of(schema, masks=False)
    names = _branch_names(branches)
    # uproot writes the wrong number of bytes for jagged arrays of arrays.
    nested = [branch.name for branch in branches if branch.is_nested or (branch.is_jagged and branch.shape)]
    if nested:
        raise OutputError(
            f"a TTree written here cannot hold nested columns, or arrays in lists: {', '.join(nested)}",
            way_out="Write an RNTuple with --rntuple, or .parquet, or choose columns without them",
        )
    counters = {names[b.name]: names[str(b.group.counter)] for b in branches if b.is_jagged}
    types = {names[branch.name]: _tree_type(branch) for branch in branches}
    written = [branch for branch in branches if names[branch.name] not in counters.values()]
    counter_name: Callable[[str], str] = counters.__getitem__
    with writing("a ROOT file", *_FAILURES):
        tree = file.mktree(_tree_name(schema), types, title=schema.origin.title, counter_name=counter_name)
    for batch in row_groups(batches, schema, BASKET_ROWS):
        with writing("a ROOT file", *_FAILURES):
            tree.extend({names[branch.name]: _array(branch, batch) for branch in written})


def add_rntuple(file: uproot.WritableDirectory, schema: Schema, batches: Iterable[Batch]) -> None:
    """Add an RNTuple to a file: fields named as the columns (`_` for `/`, `.` and brackets), jagged ones as vectors; an
    implied counter is not written beside them.

    Raises:
        OutputError: an RNTuple has no type for a column, two columns get the same name, or a string is missing.
    """
    implied = {group.counter for group in schema.groups[1:] if schema.events.column(str(group.counter)).implied}
    branches = [branch for branch in branches_of(schema) if branch.name not in implied]
    names = _branch_names(branches, r"[/\[\].]")
    cut = row_groups(batches, schema, BASKET_ROWS)
    first = next(cut, empty_batch(schema))
    with writing("an RNTuple", *_FAILURES):
        ntuple = file.mkrntuple(_tree_name(schema), {names[b.name]: _field_type(b, first) for b in branches})
    for batch in chain([first], cut):
        if batch[0].n_rows:
            with writing("an RNTuple", *_FAILURES):
                ntuple.extend({names[branch.name]: _array(branch, batch) for branch in branches})


def _tree_name(schema: Schema) -> str:
    return (schema.origin.name if schema.origin.format == "root" else "") or "Events"


def _branch_names(branches: Sequence[Branch], reserved: str = r"[/\[\]]") -> dict[str, str]:
    """The name of each branch in a ROOT file: to ROOT, `/` would be a directory and `[3]` an array."""
    names = {branch.name: re.sub(reserved, "_", branch.name) for branch in branches}
    clashes = sorted(name for name, times in Counter(names.values()).items() if times > 1)
    if clashes:
        raise OutputError(
            f"'/', '.', brackets become '_' in a branch's name, which several columns then share: {', '.join(clashes)}",
            way_out="Choose fewer columns, or write .h5, .parquet or .npz",
        )
    halves = [branch.name for branch in branches if branch.dtype == np.float16]
    if halves:
        raise OutputError(
            f"ROOT has no type for columns of float16: {', '.join(halves)}",
            way_out="Write .parquet, .npz or .h5 instead, or choose columns without them",
        )
    return names


def _tree_type(branch: Branch) -> Any:  # noqa: ANN401  uproot takes a numpy dtype or an awkward type
    if branch.is_text:
        return _STRING
    if not branch.is_jagged:
        return np.dtype((branch.dtype, branch.shape))
    return ak.types.ListType(ak.types.NumpyType(branch.dtype.name))


def _field_type(branch: Branch, batch: Batch) -> Any:  # noqa: ANN401  an awkward type
    return ak.Array(_array(branch, batch)).type.content


def _array(branch: Branch, batch: Batch) -> Any:  # noqa: ANN401  a numpy or an awkward array
    """The values of a branch as uproot takes them: lists for the jagged ones, whose counters it writes itself."""
    values = branch.values(batch)
    nested = nested_of(values)
    if nested is not None:
        return _plain_options(nested.to_awkward())
    if branch.is_text:
        return _strings(branch.name, values)
    mask = branch.mask(batch)
    if mask is not None:
        values = _plain_options(ak.mask(ak.Array(values), ~mask))
    if not branch.is_jagged:
        return values
    offsets = offsets_from_counts(batch[0][str(branch.group.counter)].astype(np.int64))
    content = ak.to_layout(ak.Array(values))
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content))


def _plain_options(array: ak.Array) -> ak.Array:
    """The same values with missing ones by index, the only way in which uproot writes them right, and without options
    where nothing is missing.
    """

    def plain(layout: Any, **_: object) -> Any:  # noqa: ANN401  layouts of awkward
        if not layout.is_option:
            return None
        indexed = layout.to_IndexedOptionArray64()
        content = ak.to_layout(ak.transform(plain, ak.Array(indexed.project())))
        missing_rows = indexed.index.data < 0
        if not missing_rows.any():
            return content
        index = np.where(missing_rows, -1, np.cumsum(~missing_rows) - 1)
        return ak.contents.IndexedOptionArray(ak.index.Index64(index), content)

    return ak.transform(plain, ak.to_packed(array))


def _strings(name: str, values: NDArray[np.generic]) -> ak.Array:
    rows = missing(values)
    if len(rows):
        raise OutputError(
            "ROOT has no missing strings",
            column=name,
            found=f"{len(rows)} missing",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
    return strings_of(values)
