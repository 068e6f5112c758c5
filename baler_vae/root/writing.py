"""Tables to TTrees and RNTuples."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.errors import OutputError, listed
from baler_vae.root.compression import Setting
from baler_vae.root.ntuples import ntuple_writer
from baler_vae.root.options import IN_LISTS, OptionalPlaces
from baler_vae.root.projections import order_of_fields, records_of, restored_collections
from baler_vae.root.records import LETTERS, BranchRecord
from baler_vae.root.trees import Values, tree_writer
from baler_vae.source.grouping import missing
from baler_vae.source.source import writing
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.nested import bytes_of, nested_of, strings_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import ROW_GROUP_ROWS, Batch, empty_batch, offsets_from_counts, row_groups

BASKET_ROWS = 8 * ROW_GROUP_ROWS
"""A basket of each branch is written when the largest group reaches this number of rows, or all values the bytes of a
row group. Of nanoAOD that is five to eight thousand events, nearly as many as ROOT takes: a trigger flag has a basket
of some kilobytes then, behind a key of 80 bytes."""

_FAILURES = (TypeError, ValueError, NotImplementedError, AssertionError)


def recreated(path: Path) -> uproot.WritableDirectory:
    """A new ROOT file, open for writing: a context that closes it."""
    return uproot.recreate(path, initial_streamers_bytes=0)


def add_table(
    file: uproot.WritableDirectory,
    schema: Schema,
    batches: Iterable[Batch],
    *,
    rntuple: bool = False,
    compression: str = "",
) -> None:
    """Add a TTree to a file, or an RNTuple where one was read or is asked for, compressed as the source was unless a
    setting is given.

    Raises:
        OutputError: ROOT has no type for a column, two columns get the same name, or a string is missing.
    """
    setting = Setting(compression or schema.origin.compression)
    file.compression = setting.compression
    if rntuple or schema.origin.rntuple:
        _add_rntuple(file, schema, batches, setting)
    else:
        _add_tree(file, schema, batches, setting)


def _add_tree(file: uproot.WritableDirectory, schema: Schema, batches: Iterable[Batch], setting: Setting) -> None:
    """Add a TTree to a file: branches named and titled as the columns (`_` for `/` and brackets in names), and one
    counter branch for each jagged group.

    Raises:
        OutputError: a TTree has no type for a column, two columns get the same name, or a string is missing.
    """
    branches = branches_of(schema, masks=False)
    names = _branch_names(branches)
    nested = [branch.name for branch in branches if branch.is_nested or (branch.is_jagged and branch.shape)]
    if nested:
        raise OutputError(
            f"a TTree cannot hold nested columns or arrays in lists: {listed(nested)}",
            way_out="Write an RNTuple with --rntuple, or .parquet, or choose columns without them",
        )
    counters = {str(branch.group.counter) for branch in branches if branch.is_jagged}
    records = [_record(branch, names, schema, is_counter=branch.name in counters) for branch in branches]
    with writing("a ROOT file", *_FAILURES):
        tree = tree_writer(file, _tree_name(schema), schema.origin.title, records, setting)
    for batch in row_groups(batches, schema, BASKET_ROWS):
        with writing("a ROOT file", *_FAILURES):
            values = {names[branch.name]: _tree_values(branch, batch) for branch in branches}
            tree.extend(batch[0].n_rows, values, {names[own]: batch[0][own].astype(np.int64) for own in counters})
    with writing("a ROOT file", *_FAILURES):
        tree.close()


def _record(branch: Branch, names: Mapping[str, str], schema: Schema, *, is_counter: bool) -> BranchRecord:
    """A branch as it is to be described, without baskets. RDataFrame reads no lists under counters of one byte: they
    stay what they were in ROOT files, but are not made.
    """
    dtype = _written_dtype(branch)
    if is_counter and dtype.itemsize == 1 and schema.origin.format != "root":
        dtype = np.dtype(np.int32)
    record = BranchRecord(
        name=names[branch.name],
        title=branch.title,
        type="str" if branch.is_text else dtype.name,
        shape=branch.shape,
        counter=names[str(branch.group.counter)] if branch.is_jagged else "",
        is_counter=is_counter,
    )
    record.title = record.title or f"{record.leaf_title}/{LETTERS[record.type]}"
    return record


def _add_rntuple(file: uproot.WritableDirectory, schema: Schema, batches: Iterable[Batch], setting: Setting) -> None:
    """Add an RNTuple to a file: fields named and described as the columns (`_` for `/`, `.` and brackets in names),
    jagged ones as vectors; an implied counter is not written. Lists of records that were in the source are again, with
    the branches of their members as projections.

    Raises:
        OutputError: an RNTuple has no type for a column, two columns get the same name, or a string is missing.
    """
    implied = {group.counter for group in schema.groups[1:] if schema.events.column(str(group.counter)).implied}
    branches = [branch for branch in branches_of(schema) if branch.name not in implied]
    names = _branch_names(branches, r"[/\[\].]")
    collections = restored_collections(schema.origin.collections, branches, names)
    read = iter(batches)
    first = next(read, empty_batch(schema))  # without events, too, it tells the types of nested columns
    with writing("an RNTuple", *_FAILURES):
        options = {branch.name: _options(branch, first, schema) for branch in branches}

        def fields(batch: Batch) -> dict[str, ak.Array]:
            own = {names[branch.name]: _described(branch, batch, options[branch.name]) for branch in branches}
            return own | {made.name: records_of(made, own.__getitem__) for made in collections}

        types = {name: array.type.content for name, array in fields(first).items()}
        _check_known(branches, [types[names[branch.name]] for branch in branches])
        types = {name: types[name] for name in order_of_fields([*names.values()], collections)}
        typenames = {names[branch.name]: branch.typename for branch in branches}
        title, where = schema.origin.title, _tree_name(schema)
        ntuple = ntuple_writer(file, where, title, types, setting, collections=collections, typenames=typenames)
    for batch in row_groups(chain([first], read), schema, BASKET_ROWS):
        with writing("an RNTuple", *_FAILURES):
            ntuple.extend(fields(batch))
    with writing("an RNTuple", *_FAILURES):
        ntuple.close()


def _check_known(branches: Sequence[Branch], types: Sequence[Any]) -> None:
    """Raise OutputError unless every branch has a type: lists of nulls have none."""
    untyped = [branch.name for branch, kind in zip(branches, types, strict=True) if _is_unknown(kind)]
    if untyped:
        raise OutputError(
            f"an RNTuple has no type for columns of nulls only: {listed(untyped)}",
            way_out="Write .parquet, or choose columns without them",
        )


def _is_unknown(kind: Any) -> bool:  # noqa: ANN401  an awkward type
    if isinstance(kind, ak.types.UnknownType):
        return True
    inside = getattr(kind, "contents", None) or [getattr(kind, "content", None)]
    return any(_is_unknown(part) for part in inside if part is not None)


def _tree_name(schema: Schema) -> str:
    return (schema.origin.name if schema.origin.format == "root" else "") or "Events"


def _branch_names(branches: Sequence[Branch], reserved: str = r"[/\[\]]") -> dict[str, str]:
    """The name of each branch in a ROOT file: to ROOT, `/` would be a directory and `[3]` an array."""
    names = {branch.name: re.sub(reserved, "_", branch.name) for branch in branches}
    clashes = sorted(name for name, times in Counter(names.values()).items() if times > 1)
    if clashes:
        raise OutputError(
            f"'/', '.' and brackets become '_' in branch names, which columns would then share: {listed(clashes)}",
            way_out="Choose fewer columns, or write .h5, .parquet or .npz",
        )
    halves = [branch.name for branch in branches if _written_dtype(branch) == np.float16]
    if halves:
        raise OutputError(
            f"ROOT has no type for columns of float16: {listed(halves)}",
            way_out="Write .parquet, .npz or .h5 instead, or choose columns without them",
        )
    return names


def _written_dtype(branch: Branch) -> np.dtype[Any]:
    """The dtype in which a branch is written: what an RNTuple held as floats of half the size is `float` to ROOT."""
    return np.dtype(np.float32) if branch.dtype == np.float16 and "float" in branch.typename else branch.dtype


def _options(branch: Branch, first: Batch, schema: Schema) -> OptionalPlaces:
    """Where the values of a branch may be missing: where its type says so, or some of the first batch are."""
    options = OptionalPlaces(branch.name)
    if branch.missing is not None:
        options.places.add((IN_LISTS,) if branch.is_jagged else ())
    if branch.typename.startswith("std::optional"):
        options.places.add(())
    options.learn(ak.Array(_array(branch, first)), declared=schema.origin.format == "root")
    return options


def _described(branch: Branch, batch: Batch, options: OptionalPlaces) -> ak.Array:
    """The values of a branch, with its title as what uproot writes as the description of a field. A list of leaves, as
    `pt[nJet]/F`, describes nothing.
    """
    array = options.applied(ak.Array(_array(branch, batch)))
    leaf_list = re.fullmatch(r"[^/\s]+(/\w(\[.*\])?)?", branch.title)
    return array if not branch.title or leaf_list else ak.with_parameter(array, "__doc__", branch.title)


def _array(branch: Branch, batch: Batch) -> Any:  # noqa: ANN401  a numpy or an awkward array
    """The values of a branch as uproot takes them: lists for the jagged ones, whose counters it writes itself."""
    values = branch.values(batch)
    if _written_dtype(branch) != values.dtype:
        values = values.astype(_written_dtype(branch))
    nested = nested_of(values)
    if nested is not None:
        return nested.to_awkward()
    if branch.is_text:
        return _strings(branch.name, values)
    mask = branch.mask(batch)
    if mask is not None:
        values = ak.mask(ak.Array(values), ~mask)
    if not branch.is_jagged:
        return values
    offsets = offsets_from_counts(batch[0][str(branch.group.counter)].astype(np.int64))
    content = ak.to_layout(ak.Array(values))
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content))


def _tree_values(branch: Branch, batch: Batch) -> Values:
    """The values of a branch as a TTree has them: those of all lists one after the other, or the bytes of texts."""
    values = branch.values(batch)
    if not branch.is_text:
        return values
    _check_strings(branch.name, values)
    return [bytes_of(text) for text in values.tolist()]


def _strings(name: str, values: NDArray[np.generic]) -> ak.Array:
    _check_strings(name, values)
    return strings_of(values)


def _check_strings(name: str, values: NDArray[np.generic]) -> None:
    rows = missing(values)
    if len(rows):
        raise OutputError(
            "ROOT cannot hold missing strings",
            column=name,
            found=f"{len(rows)} missing",
            way_out="Write .parquet or .csv instead, or choose columns without them",
        )
