"""TTrees of ROOT files."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.errors import OutputError, SourceError, nearest
from baler_vae.io.grouping import (
    Jagged,
    Lists,
    batch_from_lists,
    build_schema,
    check_names,
    columns_to_read,
    missing,
    native,
)
from baler_vae.io.source import Ranges, Source, reading, step_for, writing
from baler_vae.table.schema import TEXT, Column, Origin, Schema
from baler_vae.table.table import ROW_GROUP_ROWS, Batch, offsets_from_counts, row_groups

TREES = frozenset({"TTree", "TNtuple", "TNtupleD"})

# On damaged bytes uproot raises whatever its parts run into.
FAILURES = Exception

BASKET_ROWS = 4 * ROW_GROUP_ROWS
"""A basket of each branch is written when the largest group reaches this number of rows."""

STRING = ak.types.ListType(
    ak.types.NumpyType("uint8", parameters={"__array__": "char"}), parameters={"__array__": "string"}
)


def open_root(path: str, inner: str) -> Source:
    """The source of a TTree, named by `inner` unless the file has but one.

    Columns are named as their branches are. Jagged branches are grouped by their counter branch; those without a
    readable one (`std::vector`) by prefix and equal lengths, which takes one pass over them.

    Raises:
        SourceError: it is no ROOT file, or damaged, or there is no such tree.
    """
    with reading(path, "a ROOT file", FAILURES), uproot.open({path: None}) as file:
        _check_length(file, path)
        name = _find_tree(file, inner, path)
        tree = file[name]
        columns, unsupported = _describe(tree, path)
        origin = Origin("root", name.partition(";")[0], tree.title or "")
        n_events = int(tree.num_entries)
        event_bytes = _event_bytes(tree)

    def read_counts(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for _, arrays in _chunks(path, name, names, step_for(sum(event_bytes.get(n, 8) for n in names))):
            yield from ((n, ak.to_numpy(ak.num(a) if a.ndim > 1 else a)) for n, a in arrays.items())

    schema = build_schema(columns, origin, read_counts)

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        jagged = {name for group in schema.groups[1:] for name in group.names}
        for first_event, arrays in _chunks(path, name, columns_to_read(schema, selection), step, ranges):
            flat = {c.name: _values(arrays[c.name], c) for c in selection.events.columns if c.name in arrays}
            lists = {name: _lists(arrays[name]) for name in arrays if name in jagged}
            yield batch_from_lists(schema, selection, flat, lists, path=path, first_event=first_event)

    return Source(path, schema, n_events, batches, unsupported, event_bytes)


def _event_bytes(tree: uproot.TTree) -> dict[str, float]:
    """About how many bytes an event takes by branch, by its name alone and by that with its parents'."""
    branches = [(key, branch) for key, branch in tree.iteritems(recursive=True) if not branch.branches]
    sizes = [float(branch.uncompressed_bytes) / max(1, tree.num_entries) for _, branch in branches]
    named = {branch.name: size for (_, branch), size in zip(branches, sizes, strict=True)}
    return named | {key: size for (key, _), size in zip(branches, sizes, strict=True)}


def _check_length(file: uproot.ReadOnlyDirectory, path: str) -> None:
    """A tree may well be found in the first half of a file, so the length is compared with what the header says."""
    expected = file.file.fEND
    if "://" not in path and Path(path).stat().st_size < expected:
        found = f"{Path(path).stat().st_size} bytes"
        raise SourceError("the end of the file is missing", path=path, found=found, expected=f"{expected}")


def _find_tree(file: uproot.ReadOnlyDirectory, inner: str, path: str) -> str:
    """The name of the tree in the file, with the directories before it; the newest cycle unless one is named."""
    classes = file.classnames(recursive=True)
    cycles: list[str] = [name for name, kind in classes.items() if kind in TREES]
    trees = list(dict.fromkeys(name.partition(";")[0] for name in cycles))
    if inner:
        if inner not in trees and inner not in cycles:
            raise SourceError(f"there is no TTree {inner!r}: {nearest(inner, trees)}", path=path)
        return inner
    if not trees:
        held = ", ".join(sorted(set(classes.values()))) or "nothing"
        raise SourceError("holds no TTree", path=path, found=held)
    if len(trees) > 1:
        raise SourceError(
            f"holds {len(trees)} TTrees: {', '.join(trees[:12])}{' and more' if len(trees) > 12 else ''}",
            path=path,
            way_out=f"Name one: {path}:{trees[0]}",
        )
    return trees[0]


def _describe(tree: uproot.TTree, path: str) -> tuple[list[Column | Jagged], dict[str, str]]:
    """The columns of a tree in the order of its branches, and what cannot be read, with the reason."""
    check_names(path, tree.keys(recursive=True), "branches")
    branches = {key: branch for key, branch in tree.iteritems(recursive=True) if not branch.branches}
    short = Counter(branch.name for branch in branches.values())
    columns: dict[str, Column] = {}
    counters: dict[str, str] = {}
    unsupported: dict[str, str] = {}
    jagged: set[str] = set()
    for key, branch in branches.items():
        name = branch.name if short[branch.name] == 1 else key
        values = branch.interpretation
        if isinstance(values, uproot.AsJagged):
            jagged.add(name)
            values = values.content
        dtype = native(np.dtype(values.to_dtype)) if isinstance(values, uproot.AsDtype) else None
        if isinstance(values, uproot.AsStrings) and name not in jagged:
            dtype = TEXT
        if dtype is None:
            unsupported[name] = branch.typename
            continue
        columns[name] = Column(name, dtype, branch.title, branch.typename)
        if name in jagged and branch.count_branch is not None:
            counters[name] = branch.count_branch.name
    readable = {name for name, column in columns.items() if name not in jagged and column.dtype.kind in "iu"}
    described = [
        Jagged(column, counters[name] if counters.get(name) in readable else "") if name in jagged else column
        for name, column in columns.items()
    ]
    return described, unsupported


def _chunks(
    path: str, tree: str, names: Sequence[str], step: int, ranges: Ranges | None = None
) -> Iterator[tuple[int, dict[str, ak.Array]]]:
    """The first event and the arrays of the named branches, at most `step` events at a time, of all events or of those
    of some ranges.
    """
    with reading(path, "a ROOT file", FAILURES), uproot.open({path: tree}) as opened:
        n_events = opened.num_entries
        for start, stop in [(0, n_events)] if ranges is None else ranges:
            if names and start < stop:
                wanted = {"entry_start": start, "entry_stop": stop, "step_size": step}
                for arrays, report in opened.iterate(names, library="ak", how=dict, report=True, **wanted):
                    yield report.tree_entry_start, arrays


def _values(array: ak.Array, column: Column) -> NDArray[np.generic]:
    if column.is_text:
        return np.array(array.to_list(), TEXT)
    return np.asarray(ak.to_numpy(array), column.dtype)


def _lists(array: ak.Array) -> Lists:
    values = ak.to_numpy(ak.flatten(array))
    return ak.to_numpy(ak.num(array)), np.asarray(values, values.dtype.newbyteorder("="))


def write_root(path: Path, schema: Schema, batches: Iterable[Batch]) -> None:
    """Write a TTree: branches named as the columns (`_` for `/` and brackets), and one int32 counter branch for each
    jagged group.

    Raises:
        OutputError: ROOT has no type for a column, two columns get the same name, or a string is missing.
    """
    branch_of = _branch_names(schema)
    counters = {branch_of[n]: branch_of[str(g.counter)] for g in schema.groups[1:] for n in g.names}
    types = {branch_of[c.name]: _branch_type(c, branch_of[c.name] in counters) for c in schema.columns}
    counter_name: Callable[[str], str] = counters.__getitem__
    tree_name = schema.origin.name if schema.origin.format == "root" else ""
    with uproot.recreate(path, compression=uproot.ZSTD(3)) as file:
        with writing("a ROOT file", TypeError, ValueError, NotImplementedError):
            tree = file.mktree(tree_name or "Events", types, title=schema.origin.title, counter_name=counter_name)
        for batch in row_groups(batches, schema, BASKET_ROWS):
            with writing("a ROOT file", TypeError, ValueError):
                tree.extend(dict(_branches(batch, branch_of)))


def _branch_names(schema: Schema) -> dict[str, str]:
    """The branch of each column: to ROOT, `/` would be a directory and `[3]` an array."""
    branch_of = {name: re.sub(r"[/\[\]]", "_", name) for name in schema.order}
    clashes = sorted(name for name, times in Counter(branch_of.values()).items() if times > 1)
    if clashes:
        raise OutputError(
            f"'/' and brackets become '_' in a branch's name, which several columns then share: {', '.join(clashes)}",
            way_out="Choose fewer columns, or write .h5, .parquet or .npz",
        )
    halves = [column.name for column in schema.columns if column.dtype == np.float16]
    if halves:
        raise OutputError(
            f"ROOT has no type for columns of float16: {', '.join(halves)}",
            way_out="Write .parquet, .npz or .h5 instead, or choose columns without them",
        )
    return branch_of


def _branch_type(column: Column, jagged: bool) -> Any:  # noqa: ANN401 - uproot takes a numpy dtype or an awkward type
    if jagged:
        return ak.types.ListType(ak.types.NumpyType(column.dtype.name))
    return STRING if column.is_text else column.dtype


def _branches(batch: Batch, branch_of: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """The arrays of a batch as uproot takes them: lists for the jagged columns, whose counters it writes itself."""
    counters = {table.group.counter for table in batch[1:]}
    for column in batch[0].group.columns:
        values = batch[0][column.name]
        if column.is_text:
            yield branch_of[column.name], _strings(column.name, values)
        elif column.name not in counters:
            yield branch_of[column.name], values
    for table in batch[1:]:
        offsets = offsets_from_counts(batch[0][str(table.group.counter)].astype(np.int64))
        for name in table.group.names:
            layout = ak.contents.ListOffsetArray(ak.index.Index64(offsets), ak.contents.NumpyArray(table[name]))
            yield branch_of[name], ak.Array(layout)


def _strings(name: str, values: NDArray[np.generic]) -> ak.Array:
    rows = missing(values)
    if len(rows):
        raise OutputError(
            "ROOT has no missing strings",
            column=name,
            found=f"{len(rows)} missing",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
    return ak.Array(values.tolist())
