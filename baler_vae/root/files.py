"""TTrees and RNTuples of ROOT files."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.errors import SourceError, listed, nearest
from baler_vae.root.branches import FAILURES, describe_branches
from baler_vae.root.classes import open_file
from baler_vae.root.compression import compression_in
from baler_vae.root.fields import describe_fields
from baler_vae.root.projections import projected_collections, readable, with_collections
from baler_vae.root.reading import KIND, bytes_by_branch, is_ntuple, read_events
from baler_vae.root.writing import add_table, recreated
from baler_vae.source.grouping import (
    Described,
    Lists,
    batch_from_lists,
    bytes_by_column,
    columns_to_read,
    name_clashes,
    schema_of_branches,
)
from baler_vae.source.source import Ranges, Source, reading, step_for
from baler_vae.table.projected import ProjectedCollection
from baler_vae.table.schema import Origin, Schema
from baler_vae.table.table import Batch, empty_batch

TREES = frozenset({"TTree", "TNtuple", "TNtupleD"})
NTUPLES = frozenset({"ROOT::RNTuple", "ROOT::Experimental::RNTuple"})


def open_root(path: str, inner: str, *, with_records: bool = False) -> Source:
    """The source of a TTree or RNTuple, named by `inner` unless the file has but one. Lists of records of which all
    members are also fields by projection are no columns, but `with_records` they are, as earlier versions had it.

    Columns are named as their branches are; an array of one size in every row has a column for each element. Jagged
    branches are grouped by their counter branch; those without a readable one (`std::vector`) by prefix and equal
    lengths, which takes one pass over them. All else that uproot reads as awkward is nested. Branches that are not as
    long as the tree, or share their name, are unsupported.

    Raises:
        SourceError: it is not a ROOT file, or damaged, or there is no such tree.
    """
    with reading(path, KIND, FAILURES), open_file(path) as file:
        _check_length(file, path)
        name = _find_tree(file, inner, path)
        tree = file[name]
        rntuple = is_ntuple(tree)
        collections: tuple[ProjectedCollection, ...] = ()
        if rntuple:
            described, unsupported, collections = _described_fields(tree, with_records=with_records)
        else:
            described, unsupported = _without_clashes(*describe_branches(tree))
        title = str((tree.description if rntuple else tree.title) or "")
        compression = compression_in(tree, file.file.fCompress)
        origin = Origin("root", name.rpartition(";")[0], title, (), rntuple, compression, collections)
        n_events = int(tree.num_entries)
        branch_bytes = bytes_by_branch(tree)
    schema = _grouped(path, name, described, unsupported, origin, branch_bytes)
    branch_of = {column: branch for branch in described for column in branch.elements}

    def read(selection: Schema, step: int, ranges: Ranges | None) -> Iterator[Batch]:
        wanted = {branch_of[column].name: branch_of[column] for column in columns_to_read(schema, selection)}
        for first_event, found in read_events(path, name, list(wanted.values()), step, ranges):
            flat: dict[str, NDArray[np.generic]] = {}
            lists: dict[str, Lists] = {}
            for branch in wanted.values():
                values = found[branch.name]
                if isinstance(values, tuple):
                    lists |= {column: (values[0], own) for column, own in branch.split(values[1]).items()}
                else:
                    flat |= branch.split(values)
            yield batch_from_lists(schema, selection, flat, lists, path=path, first_event=first_event)

    def batches(selection: Schema, step: int, ranges: Ranges | None = None, /) -> Iterator[Batch]:
        return (batch for batch in read(selection, step, ranges) if batch[0].n_rows)

    def empty(selection: Schema) -> Batch:
        return empty_batch(selection) if n_events else next(read(selection, 1, None))

    by_column = bytes_by_column(described, branch_bytes)
    earlier = partial(open_root, path, inner, with_records=True) if collections else None
    return Source(path, schema, n_events, batches, unsupported, by_column, empty=empty, earlier=earlier)


def _described_fields(
    ntuple: Any,  # noqa: ANN401  an RNTuple
    *,
    with_records: bool,
) -> tuple[list[Described], dict[str, str], tuple[ProjectedCollection, ...]]:
    """The fields of an RNTuple that are columns, those that cannot be, with the reason, and the lists of records that
    need not be: what they hold others show.
    """
    collections = () if with_records else projected_collections(ntuple)
    while True:
        hidden = {made.name for made in collections}
        described, unsupported = _without_clashes(*describe_fields(ntuple, hidden))
        found = readable(collections, described)
        if found == collections:
            return with_collections(described, collections), unsupported, collections
        collections = found


def _without_clashes(described: list[Described], unsupported: dict[str, str]) -> tuple[list[Described], dict[str, str]]:
    """The branches but for those with the name of an element of an array, which become unsupported."""
    clashes = name_clashes(described)
    return [branch for branch in described if branch.name not in clashes], unsupported | clashes


def _grouped(
    path: str,
    tree: str,
    described: list[Described],
    unsupported: dict[str, str],
    origin: Origin,
    branch_bytes: Mapping[str, float],
) -> Schema:
    """The schema of branches. Those that turn out to be damaged when the lengths of their lists are read become
    unsupported.
    """

    def read_counts(names: Sequence[str]) -> Iterator[tuple[str, NDArray[np.generic]]]:
        wanted = [branch for branch in described if branch.name in names]
        for _, found in read_events(path, tree, wanted, step_for(sum(branch_bytes[name] for name in names))):
            yield from ((name, values[0] if isinstance(values, tuple) else values) for name, values in found.items())

    while True:
        try:
            return schema_of_branches(described, origin, read_counts)
        except SourceError as error:
            damaged = [branch for branch in described if branch.name == error.column]
            if not damaged:
                raise
            described.remove(damaged[0])
            unsupported[damaged[0].name] = f"damaged: {error.what}"


def write_root(
    path: Path, schema: Schema, batches: Iterable[Batch], *, rntuple: bool = False, compression: str = ""
) -> None:
    """Write a TTree; an RNTuple where one was read, or is asked for; compressed as the source was, unless a setting is
    given.

    Raises:
        OutputError: ROOT has no type for a column, two columns get the same name, or a string is missing.
    """
    with recreated(path) as file:
        add_table(file, schema, batches, rntuple=rntuple, compression=compression)


def _check_length(file: uproot.ReadOnlyDirectory, path: str) -> None:
    """A tree may well be found in the first half of a file, so the length is compared with what the header says."""
    expected = file.file.fEND
    if "://" not in path and Path(path).stat().st_size < expected:
        found = f"{Path(path).stat().st_size} bytes"
        raise SourceError("the end of the file is missing", path=path, found=found, expected=f"{expected}")


def _find_tree(file: uproot.ReadOnlyDirectory, inner: str, path: str) -> str:
    """The name of the tree in the file, with the directories before it and its cycle: the newest unless one is named.
    What is newer, but no tree, does not count.
    """
    classes = file.classnames(recursive=True)
    cycles: list[str] = [name for name, kind in classes.items() if kind in TREES | NTUPLES]
    trees: dict[str, str] = {}
    for cycle in sorted(cycles, key=_cycle_number):
        trees[cycle.rpartition(";")[0]] = cycle
    names = list(dict.fromkeys(cycle.rpartition(";")[0] for cycle in cycles))
    if inner:
        if inner not in trees and inner not in cycles:
            raise SourceError(f"there is no TTree or RNTuple {inner!r}: {nearest(inner, names)}", path=path)
        return trees.get(inner, inner)
    if not names:
        held = ", ".join(sorted(set(classes.values()))) or "nothing"
        raise SourceError("contains no TTree or RNTuple", path=path, found=held)
    if len(names) > 1:
        raise SourceError(
            f"holds {len(names)} trees: {listed(names, 12)}",
            path=path,
            way_out=f"Name one: {path}:{names[0]}",
        )
    return trees[names[0]]


def _cycle_number(name: str) -> int:
    number = name.rpartition(";")[2]
    return int(number) if number.isdecimal() else 0
