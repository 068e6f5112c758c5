"""Padded arrays to collections of objects and back: the schema of a table, and its batches.

Nothing is lost, whatever the arrays hold: objects are all slots up to the last that differs from padding in any bit of
any feature, so that slots in between which look like padding are objects too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import CorruptArchive
from baler_vae.table.padded import PaddedArray, PaddedCollection, padded_cells
from baler_vae.table.schema import Column, FixedArray, Group, Schema, element_names
from baler_vae.table.table import Batch, Table, offsets_from_counts, slice_events

Arrays = Mapping[str, NDArray[np.generic]]

COUNTER_DTYPE = np.dtype(np.int32)
_STEP_CELLS = 1 << 22
"""The most values of padded arrays that are made at once."""


def array_columns(array: PaddedArray) -> tuple[Column, ...]:
    """The columns of a padded array in its source: one with a shape, or one for each element."""
    if array.is_column:
        return (Column(array.name, array.dtype, array.title, array.typename, shape=array.shape),)
    return tuple(Column(name, array.dtype) for name in element_names(array.name, array.shape))


def as_collections(schema: Schema, padded: Iterable[PaddedCollection]) -> Schema:
    """The schema in which padded arrays are collections: their features in the place of each array, the counter before
    the first of a collection, groups behind the others.

    Raises:
        ValueError: the schema does not have such arrays, or a name is taken.
    """
    padded = tuple(padded)
    if not padded:
        return schema
    events = {column.name: column for column in schema.events.columns}
    place: dict[str, tuple[str, ...]] = {}
    for made in padded:
        for number, array in enumerate(made.arrays):
            own = array_columns(array)
            if any(
                column.name not in events
                or (events[column.name].dtype, events[column.name].shape) != (column.dtype, column.shape)
                for column in own
            ):
                raise ValueError(f"there is no array {array.name!r} of {array.dtype} and shape {array.shape}")
            place |= {column.name: () for column in own}
            place[own[0].name] = array.features if number else (made.counter, *array.features)
    counters = {made.counter: Column(made.counter, COUNTER_DTYPE, implied=True) for made in padded}
    columns: list[Column] = []
    for column in schema.events.columns:
        if column.name not in place:
            columns.append(column)
        columns += [counters[name] for name in place.get(column.name, ()) if name in counters]
    groups = [
        Group(made.name, tuple(Column(f, array.dtype) for array in made.arrays for f in array.features), made.counter)
        for made in padded
    ]
    names = {array.name for made in padded for array in made.arrays}
    return replace(
        schema,
        groups=(replace(schema.events, columns=tuple(columns)), *schema.groups[1:], *groups),
        order=tuple(own for name in schema.order for own in place.get(name, (name,))),
        arrays=tuple(array for array in schema.arrays if array.name not in names),
        padded=(*schema.padded, *padded),
    )


def without_collections(schema: Schema, *, whole: bool = False) -> Schema:
    """The schema in which padded collections are the arrays again that they were made of. An array of which features
    are missing stays a part of its collection; `whole` takes all arrays of the collections in any case.

    Raises:
        ValueError: the name of an array is taken.
    """
    if not schema.padded:
        return schema
    groups = {group.name: group for group in schema.groups}
    place: dict[str, tuple[str, ...]] = {}
    made_of: dict[str, Column] = {}
    arrays: list[FixedArray] = []
    for made in schema.padded:
        group = groups.pop(made.name, Group(made.name, (), made.counter))
        chosen = made.arrays if whole else made.whole(group.names)
        features = {feature for array in chosen for feature in array.features}
        rest = tuple(column for column in group.columns if column.name not in features)
        if rest:
            groups[made.name] = replace(group, columns=rest)
        place[made.counter] = (made.counter,) if rest or not chosen else ()
        for array in chosen:
            own = array_columns(array)
            made_of |= {column.name: column for column in own}
            first, *others = [name for name in group.names if name in array.features] or [made.counter]
            place[first] = (*place.get(first, ()), *(column.name for column in own))
            place |= dict.fromkeys(others, ())
            if not array.is_column:
                names = tuple(column.name for column in own)
                arrays.append(FixedArray(array.name, array.shape, names, array.title, array.typename))
    events = {c.name: c for c in schema.events.columns if c.name not in place or place[c.name]} | made_of
    order = tuple(own for name in schema.order for own in place.get(name, (name,)))
    return replace(
        schema,
        groups=(
            replace(schema.events, columns=tuple(events[name] for name in order if name in events)),
            *(groups[group.name] for group in schema.groups[1:] if group.name in groups),
        ),
        order=order,
        arrays=(*schema.arrays, *arrays),
        padded=(),
    )


def matched_collections(arrays: Schema, wanted: Schema) -> Schema:
    """The schema of the columns of `wanted`, which may have padded collections, in the order of the source that has
    `arrays` in their place; what columns are called there is the source's.
    """
    if not wanted.padded:
        return arrays
    own = as_collections(arrays, wanted.padded)
    columns = {column.name: column for column in own.columns}
    groups = (Group(g.name, tuple(columns[name] for name in g.names), g.counter) for g in wanted.groups)
    order = tuple(name for name in own.order if name in wanted.order)
    return replace(wanted, groups=tuple(groups), order=order, origin=own.origin)


def with_features(schema: Schema, arrays: Schema) -> set[str]:
    """The columns of a schema with padded collections that those of a schema with arrays in their place are made of."""
    chosen = {array.name for array in arrays.arrays} | set(arrays.order)
    made = [array for made in schema.padded for array in made.arrays if array.name in chosen]
    return {feature for array in made for feature in array.features} | chosen & set(schema.order)


def collected(batch: Batch, selection: Schema) -> Batch:
    """The batch of a selection with padded collections, of one that has all their arrays whole."""
    tables = {table.group.name: dict(table.arrays) for table in batch}
    events, n_events = tables[selection.events.name], batch[0].n_rows
    for made in selection.padded:
        cells = {array.name: events_cells(array, events, n_events) for array in made.arrays}
        counts = padded_counts(made, cells)
        is_object = np.arange(made.n_slots) < counts[:, np.newaxis]
        events[made.counter] = counts.astype(COUNTER_DTYPE)
        tables[made.name] = {
            feature: cells[array.name][:, :, number][is_object]
            for array in made.arrays
            for number, feature in enumerate(array.features)
        }
    return tuple(Table(group, {name: tables[group.name][name] for name in group.names}) for group in selection.groups)


def widened(batch: Batch, schema: Schema, counts: Arrays) -> Batch:
    """The batch with so many objects in each row of padded collections of a schema, by counter (rows,), where these are
    more: padding behind the last is objects too.

    Raises:
        CorruptArchive: a row has more objects than slots.
    """
    tables = {table.group.name: dict(table.arrays) for table in batch}
    events = tables[schema.events.name]
    for made in schema.padded:
        if made.counter not in counts:
            continue
        own = np.asarray(events[made.counter], np.int64)
        wanted = np.maximum(own, counts[made.counter].astype(np.int64))
        if (wanted == own).all():
            continue
        events[made.counter] = wanted.astype(events[made.counter].dtype)
        is_object = np.arange(made.n_slots) < wanted[:, np.newaxis]
        for array in made.arrays:
            for feature, padding in zip(array.features, array.padding, strict=True):
                if feature in tables.get(made.name, {}):
                    alone = PaddedArray(feature, (made.n_slots,), array.dtype, (feature,), (padding,))
                    tables[made.name][feature] = padded_values(alone, own, tables[made.name])[is_object]
    return tuple(Table(table.group, tables[table.group.name]) for table in batch)


def spread(batch: Batch, schema: Schema) -> Batch:
    """The batch of `without_collections(schema)`, of one of the schema.

    Raises:
        CorruptArchive: a row has more objects than slots.
    """
    if not schema.padded:
        return batch
    tables = {table.group.name: dict(table.arrays) for table in batch}
    events = tables[schema.events.name]
    for made in schema.padded:
        counts = np.asarray(events[made.counter], np.int64)
        for array in made.whole(tables.get(made.name, {})):
            values = padded_values(array, counts, tables[made.name])
            columns = array_columns(array)
            if array.is_column:
                events[array.name] = values
                continue
            flat = values.reshape(len(values), array.n_cells)
            events |= {column.name: np.ascontiguousarray(flat[:, i]) for i, column in enumerate(columns)}
    groups = without_collections(schema).groups
    return tuple(Table(group, {name: tables[group.name][name] for name in group.names}) for group in groups)


def spread_batches(batches: Iterable[Batch], schema: Schema) -> Iterator[Batch]:
    """The batches of `without_collections(schema)`, in pieces of moderate size.

    Raises:
        CorruptArchive: a row has more objects than slots.
    """
    step = max(1, _STEP_CELLS // max(1, padded_cells(schema.padded)))
    for batch in batches:
        n_events = batch[0].n_rows
        if not schema.padded or n_events <= step:
            yield spread(batch, schema)
            continue
        for start in range(0, n_events, step):
            yield spread(slice_events(batch, start, min(start + step, n_events)), schema)


def padded_values(array: PaddedArray, counts: NDArray[np.int64], features: Arrays) -> NDArray[np.generic]:
    """The padded array (rows, *shape) whose features (objects,) have so many objects in each row (rows,).

    Raises:
        CorruptArchive: a row has more objects than slots.
    """
    wrong = np.flatnonzero((counts < 0) | (counts > array.n_slots))
    if len(wrong):
        raise CorruptArchive(
            f"a row of the padded array {array.name!r} has more objects than slots",
            column=array.name,
            found=f"{counts[wrong[0]]} objects",
            expected=f"0 to {array.n_slots}",
        )
    bits = np.empty((len(counts) * array.n_slots, len(array.features)), array.bits)
    bits[:] = np.array(array.padding, array.bits)
    before = np.arange(len(counts)) * array.n_slots - offsets_from_counts(counts)[:-1]
    slots = np.arange(int(counts.sum())) + np.repeat(before, counts)
    for number, feature in enumerate(array.features):
        bits[slots, number] = np.ascontiguousarray(features[feature], array.dtype).view(array.bits)
    return bits.view(array.dtype).reshape(len(counts), *array.shape)


def padded_counts(made: PaddedCollection, cells: Arrays) -> NDArray[np.int64]:
    """The number of objects in each row (rows,), int64, of the cells (rows, slots, features) of all arrays."""
    is_other = np.zeros(next(iter(cells.values())).shape[:2], np.bool_)
    for array in made.arrays:
        bits = np.ascontiguousarray(cells[array.name]).view(array.bits)
        for number, padding in enumerate(array.padding):
            is_other |= bits[:, :, number] != array.bits.type(padding)
    return last_counts(is_other)


def last_counts(is_other: NDArray[np.bool_]) -> NDArray[np.int64]:
    """One more than the last true slot in each row (rows,), int64, of (rows, slots); 0 where there is none."""
    n_slots = is_other.shape[1]
    return np.where(is_other.any(axis=1), n_slots - np.argmax(is_other[:, ::-1], axis=1), 0).astype(np.int64)


def events_cells(array: PaddedArray, events: Arrays, n_events: int) -> NDArray[np.generic]:
    """The values of an array as (rows, slots, features)."""
    shape = (n_events, array.n_slots, len(array.features))
    if array.is_column:
        return events[array.name].reshape(shape)
    return np.stack([events[column.name] for column in array_columns(array)], axis=1).reshape(shape)
