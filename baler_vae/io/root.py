"""TTrees and RNTuples of ROOT files."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.errors import SourceError, nearest
from baler_vae.io.grouping import (
    Described,
    Lists,
    batch_from_lists,
    bytes_by_column,
    check_names,
    columns_to_read,
    describe,
    native,
    schema_of_branches,
)
from baler_vae.io.root_writing import write_rntuple, write_tree
from baler_vae.io.source import Ranges, Source, in_steps, reading, step_for
from baler_vae.table.nested import Nested
from baler_vae.table.schema import NESTED, TEXT, Column, Origin, Schema
from baler_vae.table.table import TEXT_BYTES, Batch

TREES = frozenset({"TTree", "TNtuple", "TNtupleD"})
NTUPLES = frozenset({"ROOT::RNTuple", "ROOT::Experimental::RNTuple"})

# On damaged bytes uproot raises whatever its parts run into.
FAILURES = Exception


def open_root(path: str, inner: str) -> Source:
    """The source of a TTree or RNTuple, named by `inner` unless the file has but one.

    Columns are named as their branches are; an array of one size in every row has a column for each element. Jagged
    branches are grouped by their counter branch; those without a readable one (`std::vector`) by prefix and equal
    lengths, which takes one pass over them. All else that uproot reads as awkward is nested.

    Raises:
        SourceError: it is no ROOT file, or damaged, or there is no such tree.
    """
    with reading(path, "a ROOT file", FAILURES), uproot.open({path: None}) as file:
        _check_length(file, path)
        name = _find_tree(file, inner, path)
        tree = file[name]
        rntuple = isinstance(tree, uproot.behaviors.RNTuple.HasFields)
        described, unsupported = _describe_fields(tree, path) if rntuple else _describe_branches(tree, path)
        title = "" if rntuple else tree.title or ""
        origin = Origin("root", name.partition(";")[0], title, rntuple=rntuple)
        n_events = int(tree.num_entries)
        branch_bytes = {branch.name: _event_bytes(tree, branch.name) for branch in described}
    jagged = {branch.name for branch in described if branch.is_jagged}

    def read_counts(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
        for _, arrays in _chunks(path, name, names, step_for(sum(branch_bytes[n] for n in names))):
            yield from ((n, ak.to_numpy(ak.num(a) if n in jagged else a)) for n, a in arrays.items())

    schema = schema_of_branches(described, origin, read_counts)
    branch_of = {column: branch for branch in described for column in branch.elements}

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        wanted = {branch_of[column].name: branch_of[column] for column in columns_to_read(schema, selection)}
        for first_event, arrays in _chunks(path, name, list(wanted), step, ranges):
            flat: dict[str, NDArray[np.generic]] = {}
            lists: dict[str, Lists] = {}
            with reading(path, "a ROOT file", FAILURES):
                for branch in wanted.values():
                    if branch.is_jagged:
                        counts, values = _lists(arrays[branch.name])
                        lists |= {column: (counts, own) for column, own in branch.split(values).items()}
                    else:
                        flat |= branch.split(_values(arrays[branch.name], branch.dtype))
            yield batch_from_lists(schema, selection, flat, lists, path=path, first_event=first_event)

    by_column = bytes_by_column(described, branch_bytes)
    return Source(path, schema, n_events, batches, unsupported, by_column)


def _event_bytes(tree: Any, name: str) -> float:  # noqa: ANN401  a TTree or an RNTuple
    """About how many bytes an event takes in a branch; in a field, which does not tell, as many as a text."""
    n_bytes = getattr(tree[name], "uncompressed_bytes", 0)
    return float(n_bytes) / max(1, tree.num_entries) if n_bytes else TEXT_BYTES


def write_root(path: Path, schema: Schema, batches: Iterable[Batch], *, rntuple: bool = False) -> None:
    """Write a TTree; an RNTuple where one was read, or is asked for.

    Raises:
        OutputError: ROOT has no type for a column, two columns get the same name, or a string is missing.
    """
    write = write_rntuple if rntuple or schema.origin.rntuple else write_tree
    write(path, schema, batches)


def _check_length(file: uproot.ReadOnlyDirectory, path: str) -> None:
    """A tree may well be found in the first half of a file, so the length is compared with what the header says."""
    expected = file.file.fEND
    if "://" not in path and Path(path).stat().st_size < expected:
        found = f"{Path(path).stat().st_size} bytes"
        raise SourceError("the end of the file is missing", path=path, found=found, expected=f"{expected}")


def _find_tree(file: uproot.ReadOnlyDirectory, inner: str, path: str) -> str:
    """The name of the tree in the file, with the directories before it; the newest cycle unless one is named."""
    classes = file.classnames(recursive=True)
    cycles: list[str] = [name for name, kind in classes.items() if kind in TREES | NTUPLES]
    trees = list(dict.fromkeys(name.partition(";")[0] for name in cycles))
    if inner:
        if inner not in trees and inner not in cycles:
            raise SourceError(f"there is no TTree or RNTuple {inner!r}: {nearest(inner, trees)}", path=path)
        return inner
    if not trees:
        held = ", ".join(sorted(set(classes.values()))) or "nothing"
        raise SourceError("holds no TTree and no RNTuple", path=path, found=held)
    if len(trees) > 1:
        raise SourceError(
            f"holds {len(trees)} trees: {', '.join(trees[:12])}{' and more' if len(trees) > 12 else ''}",
            path=path,
            way_out=f"Name one: {path}:{trees[0]}",
        )
    return trees[0]


def _describe_branches(tree: uproot.TTree, path: str) -> tuple[list[Described], dict[str, str]]:
    """The branches of a tree in its order, and what cannot be read, with the reason."""
    check_names(path, tree.keys(recursive=True), "branches")
    branches = {key: branch for key, branch in tree.iteritems(recursive=True) if not branch.branches}
    short = Counter(branch.name for branch in branches.values())
    named = {branch.name if short[branch.name] == 1 else key: branch for key, branch in branches.items()}
    integers = {name for name, branch in named.items() if _is_integer(branch.interpretation)}
    described: list[Described] = []
    unsupported: dict[str, str] = {}
    for name, branch in named.items():
        values = branch.interpretation
        is_jagged = isinstance(values, uproot.AsJagged)
        number = _number(values.content if is_jagged else values)
        counter = branch.count_branch.name if is_jagged and branch.count_branch is not None else ""
        column = Column(name, TEXT, branch.title, branch.typename)
        if number is not None:
            column = Column(name, number[0], branch.title, branch.typename)
            described.append(
                describe(column, number[1], jagged=is_jagged, counter=counter if counter in integers else "")
            )
        elif isinstance(values, uproot.AsStrings):
            described.append(Described(column))
        elif _is_readable(branch):
            described.append(Described(Column(name, NESTED, branch.title, branch.typename)))
        else:
            unsupported[name] = branch.typename
    return described, unsupported


def _is_integer(values: Any) -> bool:  # noqa: ANN401  an interpretation
    number = _number(values)
    return number is not None and number[0].kind in "iu" and not number[1]


def _number(values: Any) -> tuple[np.dtype[Any], tuple[int, ...]] | None:  # noqa: ANN401
    """The dtype and the shape of the numbers that an interpretation gives; None where it gives no numbers."""
    truncated = uproot.interpretation.numerical.TruncatedNumerical
    if not isinstance(values, uproot.AsDtype | truncated) or isinstance(values, uproot.AsStridedObjects):
        return None
    base, shape = np.dtype(values.to_dtype).base, np.dtype(values.to_dtype).shape
    dtype = native(base)
    return None if dtype is None else (dtype, shape)


def _is_readable(branch: Any) -> bool:  # noqa: ANN401  a TBranch or a field
    """Whether uproot reads a branch as awkward, and Arrow has a type for that; tried on its first rows."""
    try:
        Nested.from_awkward(branch.array(entry_stop=8))
    except FAILURES:
        return False
    return True


def _describe_fields(ntuple: Any, path: str) -> tuple[list[Described], dict[str, str]]:  # noqa: ANN401
    """The fields of an RNTuple, and what cannot be read, with the reason."""
    names = ntuple.keys(recursive=False)
    check_names(path, names, "fields")
    described: list[Described] = []
    unsupported: dict[str, str] = {}
    for name in names:
        field = ntuple[name]
        typename, title = str(field.typename or ""), str(getattr(field, "description", "") or "")
        try:
            kind = field.array(entry_stop=8).type.content
        except FAILURES:
            unsupported[name] = typename or "unknown"
            continue
        is_jagged = isinstance(kind, ak.types.ListType) and "__array__" not in kind.parameters
        found = _numbers_of(kind.content if is_jagged else kind)
        if found is not None:
            described.append(describe(Column(name, found[0], title, typename), found[1], jagged=is_jagged))
        elif isinstance(kind, ak.types.ListType) and kind.parameters.get("__array__") == "string":
            described.append(Described(Column(name, TEXT, title, typename)))
        elif _is_readable(field):
            described.append(Described(Column(name, NESTED, title, typename)))
        else:
            unsupported[name] = typename or str(kind)
    return described, unsupported


def _numbers_of(kind: Any) -> tuple[np.dtype[Any], tuple[int, ...]] | None:  # noqa: ANN401  an awkward type
    """The dtype and the shape of numbers of an awkward type; None where it is another."""
    shape: tuple[int, ...] = ()
    while isinstance(kind, ak.types.RegularType) and "__array__" not in kind.parameters:
        kind, shape = kind.content, (*shape, kind.size)
    if not isinstance(kind, ak.types.NumpyType) or kind.parameters:
        return None
    dtype = native(np.dtype(kind.primitive))
    return None if dtype is None else (dtype, shape)


def _chunks(
    path: str, tree: str, names: Sequence[str], step: int, ranges: Ranges | None = None
) -> Iterator[tuple[int, dict[str, ak.Array]]]:
    """The first event and the arrays of the named branches, at most `step` events at a time, of all events or of those
    of some ranges.
    """
    with reading(path, "a ROOT file", FAILURES), uproot.open({path: tree}) as opened:
        n_events = opened.num_entries
        if names and isinstance(opened, uproot.behaviors.RNTuple.HasFields):
            for start, stop in in_steps(n_events, step, ranges):
                yield start, {name: opened[name].array(entry_start=start, entry_stop=stop) for name in names}
            return
        for start, stop in [(0, n_events)] if ranges is None else ranges:
            if names and start < stop:
                wanted = {"entry_start": start, "entry_stop": stop, "step_size": step}
                for arrays, report in opened.iterate(names, library="ak", how=dict, report=True, **wanted):
                    yield report.tree_entry_start, arrays


def _values(array: ak.Array, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    if dtype == TEXT:
        return np.array(array.to_list(), TEXT)
    if dtype == NESTED:
        nested: Any = Nested.from_awkward(array)
        return nested  # type: ignore[no-any-return]  # it stands for an array
    return np.asarray(ak.to_numpy(array), dtype)


def _lists(array: ak.Array) -> Lists:
    values = ak.to_numpy(ak.flatten(array))
    return ak.to_numpy(ak.num(array)), np.asarray(values, values.dtype.newbyteorder("="))
