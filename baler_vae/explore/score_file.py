"""The file of scores: events, and the rows of their collections, with columns of the input beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.lengths import LATENTS, MOVES
from baler_vae.explore.rating import Levels, SeenRows
from baler_vae.io.files import holds_tables, is_text, write_file
from baler_vae.measures.scores import EVENT
from baler_vae.output import check_output
from baler_vae.table.schema import Column, Group, Origin, Schema
from baler_vae.table.table import Batch, Table

_TREE = "scores"
_SAMPLE = "sample"

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Scored:
    """An input with scores: its `rows`, `levels` by level and score, and `kept`, the columns that are written beside
    them, with their groups.
    """

    rows: SeenRows
    levels: Levels
    kept: Batch


def check_score_file(path: str | Path, *, force: bool) -> Path:
    """The path of a file that scores can be written to.

    Raises:
        OutputError: it exists and `force` is false, or cannot be written.
        UsageError: no format has its suffix.
    """
    holds_tables(path)  # which knows all formats
    return check_output(path, force=force)


def write_scores(path: Path, schema: Schema, inputs: Sequence[Scored], *, force: bool) -> None:
    """Writes the scores of one or two inputs: by event its number, `event`, and its scores, and `bits_COLUMN` for each
    of its columns; where there are two inputs, `sample`, 0 or 1; for each collection, whose counters `schema` names,
    the same of its rows as lists, led by the name of the collection, and the number of each row. A column of the input
    goes before one of ours with the same name. Text files, which hold no lists, get the events alone.

    Raises:
        OutputError: the file cannot be written.
    """
    batches = [_arrays(schema, scored, number if len(inputs) > 1 else None) for number, scored in enumerate(inputs)]
    if is_text(path):
        batches = [{EVENT: batch[EVENT]} for batch in batches]
    counters = {group.name: group.counter for group in schema.groups}
    groups = tuple(
        Group(
            schema.events.name if level == EVENT else level,
            tuple(Column(name, array.dtype) for name, array in arrays.items()),
            None if level == EVENT else counters[level],
        )
        for level, arrays in batches[0].items()
    )
    names = tuple(name for group in groups for name in group.names)

    def tables() -> Iterator[Batch]:
        for batch in batches:
            yield tuple(Table(group, arrays) for group, arrays in zip(groups, batch.values(), strict=True))

    write_file(path, Schema(groups, names, Origin("root", _TREE)), tables(), force=force)


def _arrays(schema: Schema, scored: Scored, sample: int | None) -> dict[str, Arrays]:
    """The columns of each level."""
    rows, kept = scored.rows, {table.group.counter: table for table in scored.kept}
    counters = {group.counter for group in schema.groups[1:]}
    events: Arrays = {"event": np.arange(rows.n_events)}
    if sample is not None:
        events[_SAMPLE] = np.full(rows.n_events, sample, np.int8)
    events |= _own(scored, schema.events.name, EVENT, "")
    if None in kept:
        events |= {name: array for name, array in kept[None].arrays.items() if name not in counters}
    found = {EVENT: events}
    for group in schema.groups[1:]:
        events[str(group.counter)] = rows.counts[group.name].astype(np.int32)
        prefix = f"{group.name}_"
        own: Arrays = {f"{prefix}row": np.arange(int(rows.counts[group.name].sum()))}
        own |= _own(scored, group.name, group.name, prefix)
        if group.counter in kept:
            own |= kept[group.counter].arrays
        found[group.name] = own
    return found


def _own(scored: Scored, group: str, level: str, prefix: str) -> Arrays:
    scores: Mapping[str, NDArray[np.float64]] = scored.levels[level]
    names = {LATENTS: "latents", MOVES: "moves"}
    seen = scored.rows.seen[group]
    columns = {
        f"{prefix}bits_{names.get(name, name)}": np.where(seen.wrong, np.nan, own) for name, own in seen.bits.items()
    }
    return columns | {f"{prefix}{name}": values for name, values in scores.items()}
