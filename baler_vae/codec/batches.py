"""A batch of events to the sections of a row group and back: values in, bytes out, and no files."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from baler_vae.archive.parts import pack_checked_parts, unpack_checked_parts
from baler_vae.codec.codec import Codec
from baler_vae.codec.coded import CodedTable, coded_tables
from baler_vae.codec.correcting import corrected
from baler_vae.codec.finite import check_finite
from baler_vae.codec.frames import Frame
from baler_vae.codec.groups import decode_group, encode_group, needed_parts
from baler_vae.codec.manifests import section_name
from baler_vae.codec.rows import Events
from baler_vae.errors import CorruptArchive, SourceError, UsageError
from baler_vae.model.columns import Free
from baler_vae.model.group import GroupModel
from baler_vae.table.nested import nested_of
from baler_vae.table.schema import Column, Group, Schema
from baler_vae.table.table import LARGEST_ROWS, Batch, Table, counts_of

Parts = Callable[[int, Collection[int]], Mapping[int, bytes]]
"""Gives parts of a group's section, by number, from the number of the group and the numbers of the parts."""


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def encode_batch(batch: Batch, codec: Codec, first_rows: Mapping[str, int] | None = None) -> tuple[bytes, ...]:
    """The sections of a row group, one for each table of a batch, which has the groups of the codec's schema;
    `first_rows` is the number of the first row by group, for errors.

    Raises:
        SourceError: a value would be lost, or an event has too many rows.
        UsageError: the codec has no model for a group, or values are too far from those of the fit.
    """
    check_finite(batch, codec.bounds, first_rows)
    return tuple(map(encode_table, coded_batch(batch, codec)))


def coded_batch(batch: Batch, codec: Codec) -> Iterator[CodedTable]:
    """The tables of a batch on their way to sections, one after the other: each value is quantised once.

    Raises:
        SourceError: an event has too many rows.
        UsageError: the codec has no model for a group.
    """
    for table in batch:
        _check_table(table, codec.models[table.group.name])
    yield from coded_tables(batch, codec.models, codec.bounds, codec.guard)


def encode_table(coded: CodedTable) -> bytes:
    """The section of a table.

    Raises:
        UsageError: values are too far from those of the fit.
    """
    return pack_checked_parts(encode_group(coded))


def decode_batch(
    sections: Sequence[bytes],
    models: Mapping[str, GroupModel],
    schema: Schema,
    selection: Schema,
    n_rows: Sequence[int],
    *,
    row_group: int = 0,
) -> Batch:
    """The columns of a selection from the sections that `encode_batch` made, `n_rows` of each group; `models` is by
    group, `selection` a part of the schema with the counters that its collections need. Errors name the
    sections of a row group by its number.

    Raises:
        CorruptArchive: a section is not one of such rows.
    """

    def parts(number: int, wanted: Collection[int]) -> dict[int, bytes]:
        try:
            found = unpack_checked_parts(sections[number], models[schema.groups[number].name].n_parts)
        except ValueError as error:
            raise CorruptArchive(str(error), section=section_name(number, row_group)) from error
        return {part: found[part] for part in wanted}

    return decode_parts(parts, models, schema, selection, n_rows, row_group=row_group)


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def decode_parts(
    parts: Parts,
    models: Mapping[str, GroupModel],
    schema: Schema,
    selection: Schema,
    n_rows: Sequence[int],
    *,
    row_group: int = 0,
) -> Batch:
    """The same from parts of sections, of which only those are asked for that the selection needs; `models` holds at
    least those of the events and of the groups of the selection. Errors name the sections of a row group by its number.

    Raises:
        CorruptArchive: the parts are not those of such rows.
    """

    def decoded(number: int, wanted: Group, events: Events | None) -> Table:
        group = schema.groups[number]
        model = models[group.name]
        # Each by itself first: a sum of 64 bits could wrap.
        counts = np.empty(0, np.int64) if events is None else events.counts
        if events is not None and (np.any((counts < 0) | (counts > n_rows[number])) or counts.sum() != n_rows[number]):
            raise CorruptArchive(
                f"the counter {group.counter!r} does not add up to the rows of {group.name!r}",
                section=section_name(0, row_group),
                expected=n_rows[number],
            )
        found = parts(number, needed_parts(model, wanted.names))
        try:
            return Table(wanted, decode_group(found, model, group, wanted, n_rows[number], events))
        except ValueError as error:
            raise CorruptArchive(
                f"does not hold what the manifest says: {error}", section=section_name(number, row_group)
            ) from error

    if not any(models[group.name].is_guarded for group in selection.groups):
        return assembled_batch(decoded, models, schema, selection)
    wide = _wide(models, schema, selection)
    batch = assembled_batch(decoded, models, schema, wide)
    found = list[Table]()
    for table in batch:
        number, model = schema.group_number(table.group.name), models[table.group.name]
        wanted = parts(number, model.guard_parts(table.group.names))
        counts = counts_of(batch, table.group) if number else None
        frame = Frame(model, table.arrays, found[0].arrays if number else {}, counts)
        try:
            found.append(Table(table.group, corrected(frame, wanted, table.group.names)))
        except ValueError as error:
            raise CorruptArchive(
                f"does not hold what the manifest says: {error}", section=section_name(number, row_group)
            ) from error
    return tuple(
        Table(group, {name: table.arrays[name] for name in group.names})
        for group, table in zip(selection.groups, found, strict=True)
    )


def _wide(models: Mapping[str, GroupModel], schema: Schema, selection: Schema) -> Schema:
    """A selection with all columns that corrections of its columns read."""
    names = {name for group in selection.groups for name in group.names}
    for group in (*selection.groups[1:], selection.events):
        model = models[group.name]
        names |= model.guard_columns(names & model.columns.keys())
    return schema.only(names)


def assembled_batch(
    table_of: Callable[[int, Group, Events | None], Table],
    models: Mapping[str, GroupModel],
    schema: Schema,
    selection: Schema,
) -> Batch:
    """The columns of a selection out of tables, events first: `table_of` gives that of a group of the schema, by its
    number, with the columns that are wanted of it, and for a collection what its rows see of their events.
    """
    of_events = models[schema.events.name]
    events = table_of(0, Group(selection.events.name, _needed_events(models, schema, selection)), None)
    batch = [Table(selection.events, {name: events[name] for name in selection.events.names})]
    for group in selection.groups[1:]:
        seen = Events(counts_of((events,), group), schema.events.names, events.arrays, of_events.columns)
        batch.append(table_of(schema.group_number(group.name), group, seen))
    return tuple(batch)


def check_types(table: Table, types: dict[str, Any], section: str) -> None:
    """Check that the nested columns of a table have the types that those of other row groups have, which `types` tells
    by column, and takes note of; without rows they have any.

    Raises:
        CorruptArchive: they have others.
    """
    for name, values in table.arrays.items():
        nested = nested_of(values) if table.n_rows else None
        if nested is not None and types.setdefault(name, nested.values.type) != nested.values.type:
            raise CorruptArchive(
                f"does not hold what the manifest says: column {name!r} is {nested.values.type} here and "
                f"{types[name]} elsewhere",
                section=section,
            )


def _needed_events(models: Mapping[str, GroupModel], schema: Schema, selection: Schema) -> tuple[Column, ...]:
    """The columns of the events that are wanted, or that columns of other groups depend on."""
    events, names = schema.events, set(selection.events.names)
    for group in selection.groups[1:]:
        names |= models[group.name].event_columns(group.names, events.names)
    return tuple(column for column in events.columns if column.name in names)


def _check_table(table: Table, model: GroupModel) -> None:
    """Raise an error where a table cannot be encoded under its model."""
    if table.n_rows > LARGEST_ROWS:
        raise SourceError(
            f"an event holds {table.n_rows:,} rows of {table.group.name}",
            expected=f"at most {LARGEST_ROWS:,}",
            way_out="Leave its columns out with --columns",
        )
    if table.n_rows and model.decoder is None and any(isinstance(column, Free) for column in model.columns.values()):
        raise UsageError(
            f"the codec has no model for {table.group.name!r}: there were no rows when it was fitted",
            way_out="Fit a codec on this file",
        )
