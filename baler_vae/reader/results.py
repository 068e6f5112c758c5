"""Decoded batches as what was asked for."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.memory.libraries import (
    How,
    Library,
    as_awkward,
    as_container,
    as_numpy,
    as_records,
    awkward_as_numpy,
    is_jagged,
)
from baler_vae.memory.parts import joined, parts_of_arrays, parts_of_batch
from baler_vae.reader.selection import Output, Selection
from baler_vae.reader.zipping import zipped
from baler_vae.table.branches import Branch, branches_of
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch

if TYPE_CHECKING:
    import awkward as ak


def as_library(batch: Batch, selection: Selection, library: Library, how: How = None, first: int = 0) -> Any:  # noqa: ANN401
    """What is asked for, of a batch of the columns that it takes.

    Parameters
    ----------
    batch : Batch
        The columns of ``selection.schema``.
    selection : Selection
        What is asked for.
    library : {"ak", "np", "pd", "pa"}
        `ak` gives an awkward array of records, jagged columns as lists; `np` a dict of arrays, jagged columns as arrays
        of objects; `pd` a data frame of the event-level columns, or of one collection's; `pa` a table of pyarrow. Where
        numbers may be missing they are options, masked arrays, nullable dtypes, and nulls.
    how : str, type or None
        How the arrays are grouped; see `check_library`.
    first : int
        The number of the first event, where pandas begins to count.

    Raises
    ------
    UsageError
        An expression cannot be computed, the cut does not fit what it cuts, or `pd` is asked for columns of different
        lengths.
    """
    if not selection.is_computed and library == "pd":
        counters = [group.counter for group in selection.schema.groups]
        return joined(parts_of_batch(batch, selection.branches, selection.schema.masks, first), how, counters)
    if not selection.is_computed and library == "np":
        arrays = {branch.name: as_numpy(branch, batch) for branch in selection.branches}
        return as_container(arrays, how or dict)
    columns, entries = computed(batch, selection, first)
    if library == "np":
        return as_container({name: awkward_as_numpy(array) for name, array in columns.items()}, how or dict)
    return (
        joined(parts_of_arrays(columns, entries), how)
        if library == "pd"
        else _grouped(columns, selection, library, how)
    )


def _grouped(columns: "dict[str, ak.Array]", selection: Selection, library: Library, how: How) -> Any:  # noqa: ANN401
    """Awkward arrays as one array of records, a table of pyarrow, or a container."""
    if how == "zip":
        return zipped(columns, {output.name: _collection(output, selection) for output in selection.outputs})
    if library == "pa":
        return _as_arrow(columns, how)
    return as_records(columns) if how is None else as_container(columns, how)


def computed(batch: Batch, selection: Selection, first: int) -> "tuple[dict[str, ak.Array], NDArray[np.int64]]":
    """The arrays of the outputs, and the numbers of the events that they have, int64 (events,), after the cut."""
    import awkward as ak  # noqa: PLC0415

    branches = {branch.name: branch for branch in branches_of(selection.schema)}
    values: dict[str, Any] = {}

    def get(name: str) -> Any:  # noqa: ANN401  of awkward
        if name not in values:
            own = branches.get(name)
            if own is None and name in selection.aliases:
                values[name] = selection.aliases[name].value(get)
            else:
                values[name] = as_awkward(own or _element(selection.schema, name), batch)
        return values[name]

    def output_of(output: Output) -> Any:  # noqa: ANN401  of awkward
        array = get(output.name) if output.expression is None else output.expression.value(get)
        if not isinstance(array, ak.Array) or len(array) != batch[0].n_rows:
            raise UsageError(f"{output.name!r} does not give one value, or list of values, for each event")
        return array

    columns = {output.name: output_of(output) for output in selection.outputs}
    entries = np.arange(first, first + batch[0].n_rows, dtype=np.int64)
    if selection.cut is None:
        return columns, entries
    text, cut = selection.cut.text, selection.cut.value(get)
    if not isinstance(cut, ak.Array) or len(cut) != len(entries) or (cut.ndim > 1 and not is_jagged(cut)):
        raise UsageError(f"the cut {text!r} does not give one value, or list of values, for each event")
    cut = ak.fill_none(cut != 0, value=False, axis=None)
    cut_columns = {name: _cut(array, cut, name, text) for name, array in columns.items()}
    return cut_columns, entries if is_jagged(cut) else entries[ak.to_numpy(cut)]


def shifted(found: Any, n_events: int) -> Any:  # noqa: ANN401  as `found`
    """The same arrays, where pandas counts events so many events later."""
    if isinstance(found, list | tuple):
        return type(found)(shifted(one, n_events) for one in found)
    if isinstance(found, dict):
        return {name: shifted(one, n_events) for name, one in found.items()}
    if _library_of(found) != "pandas" or not n_events:
        return found
    index = found.index
    moved = index.set_levels(index.levels[0] + n_events, level=0) if index.nlevels > 1 else index + n_events
    return found.set_axis(moved, axis=0)


def combined(found: Sequence[Any]) -> Any:  # noqa: ANN401  as what is found
    """Arrays, tables or containers of them, one after the other."""
    first = found[0]
    if len(found) == 1:
        return first
    if isinstance(first, dict):
        return {name: combined([one[name] for one in found]) for name in first}
    if isinstance(first, list | tuple):
        return type(first)(combined(own) for own in zip(*found, strict=True))
    return _joined(found, _library_of(first))


def _joined(found: Sequence[Any], library: str) -> Any:  # noqa: ANN401  as what is found
    if library == "awkward":
        import awkward as ak  # noqa: PLC0415  light import

        return ak.concatenate(found)
    if library == "pandas":
        import pandas as pd  # noqa: PLC0415  light import

        return pd.concat(found)
    if library == "pyarrow":
        import pyarrow as pa  # noqa: PLC0415  light import

        if isinstance(found[0], pa.Table):
            return pa.concat_tables(found, promote_options="permissive")
        return pa.chunked_array([chunk for one in found for chunk in one.chunks])
    join: Callable[[Sequence[Any]], Any] = (
        np.ma.concatenate if isinstance(found[0], np.ma.MaskedArray) else np.concatenate
    )
    return join(found)


def _library_of(found: object) -> str:
    return type(found).__module__.partition(".")[0]


def _cut(array: "ak.Array", cut: "ak.Array", name: str, text: str) -> "ak.Array":
    """The events, or the objects of each, that pass a cut."""
    import awkward as ak  # noqa: PLC0415  light import

    if is_jagged(cut) and not is_jagged(array):
        raise UsageError(
            f"the cut {text!r} selects objects, and {name!r} is one value for each event",
            way_out="Ask for the columns of one collection, or cut on events",
        )
    if is_jagged(cut) and not ak.array_equal(ak.num(array), ak.num(cut), dtype_exact=False):
        raise UsageError(
            f"the cut {text!r} does not have one value for each of {name!r}",
            way_out="Cut each collection by columns of its own",
        )
    return array[cut]


def _as_arrow(columns: "dict[str, ak.Array]", how: How) -> Any:  # noqa: ANN401  it depends on `how`
    """A table of pyarrow, or a container of its columns."""
    import awkward as ak  # noqa: PLC0415

    table = ak.to_arrow_table(as_records(columns), extensionarray=False).replace_schema_metadata(None)
    return table if how is None else as_container(dict(zip(table.column_names, table.columns, strict=True)), how)


def _collection(output: Output, selection: Selection) -> str | None:
    """The collection that an output belongs to; None where an expression takes columns of several, or none."""
    if output.branch is not None:
        return output.branch.group.name if output.branch.is_jagged else None
    names, waiting = set[str](), list(output.expression.names if output.expression else ())
    while waiting:
        name = waiting.pop()
        if name in selection.aliases and name not in selection.schema.order:
            waiting.extend(selection.aliases[name].names)
        else:
            names.add(name)
    groups = {own.group.name for own in branches_of(selection.schema) if own.name in names and own.is_jagged}
    return groups.pop() if len(groups) == 1 else None


def _element(schema: Schema, name: str) -> Branch:
    group = schema.group_of(name)
    return Branch(name, (group.column(name),), group)
