"""Padded arrays are found by themselves: a sample of a source tells which of its arrays hold so many objects in each
row, and padding behind the last.

The first axis of an array is its slots, the others are features of what is in them. An array is taken for objects with
padding where

* the last slots mostly hold one bit pattern for each feature, and a tenth of all slots or more is such padding, not as
  many in every row;
* hardly any slot before the last object looks like padding, and some feature, as an energy or a mask would, hardly ever
  does in an object. Images, one-hot rows, sparse calorimeters and matrices have such slots and zeros everywhere.

Arrays of as many slots whose objects end in the same slots are one collection; those that alone would not be taken,
as flags that are mostly zero, join one that covers them. One array of a number for each slot, with nothing beside it,
must have more padding, since many such arrays are no objects but the bins of something.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import SourceError, UsageError
from baler_vae.source.grouping import counter_names, unique
from baler_vae.source.source import Source
from baler_vae.table.padded import PaddedArray, PaddedCollection, feature_names
from baler_vae.table.padding import as_collections, events_cells, last_counts
from baler_vae.table.schema import Schema, common_prefix
from baler_vae.table.table import Batch, concatenate

_LEAST_ROWS = 16
"""Fewer rows than this tell nothing, and would save nothing."""
_LEAST_SLOTS, _LEAST_LONE_SLOTS = 3, 8
"""The fewest slots, and those of one array of numbers alone: vectors have two, three or four."""
_MOST_FEATURES = 64
"""More features than particles have: an axis as long is one of space or time."""
_SAMPLE_ROWS, _SAMPLE_BYTES = 1024, 8 << 20
"""The most rows, and the most bytes of values, that are looked at in the beginning, the middle and the end each."""
_LEAST_PADDING, _LEAST_LONE_PADDING = 0.1, 0.25
"""The smallest share of padding among all slots, and that of one array of numbers alone."""
_MOST_HOLES = 0.02
"""The largest share of objects that look like padding, or in which the feature that tells objects does."""
_AGREEMENT, _COVERED = 0.9, 0.99
"""The smallest shares of rows in which two arrays end in the same slot, and in which one does not end behind another,
that let them be one collection: the mass of a last object may be zero."""


@dataclass(frozen=True, eq=False)
class _Seen:
    """A candidate with what a sample says of it: how many objects each row (rows,) would have, and whether its slots
    tell objects from padding.
    """

    array: PaddedArray
    counts: NDArray[np.int64]
    tells: bool


def with_collections(source: Source) -> Source:
    """The source with the padded arrays that a sample of it shows as collections; `notes` name them. What cannot be
    read of it is left to whoever reads it.
    """
    candidates = _candidates(source.schema, source.unsupported)
    if source.schema.padded or source.n_events < _LEAST_ROWS or not candidates:
        return source
    names = {column for array in candidates for column in _columns_of(array, source.schema)}
    selection = source.schema.only(names)
    row_bytes = sum(array.n_cells * array.dtype.itemsize for array in candidates)
    ranges = _ranges(source.n_events, max(_LEAST_ROWS, min(_SAMPLE_ROWS, _SAMPLE_BYTES // row_bytes)))
    try:
        sample = concatenate(list(source.read(selection, ranges)), selection)
    except (SourceError, UsageError):
        return source
    found = found_in(sample, source.schema, source.unsupported)
    notes = (_note(made) for made in found)
    return replace(source, schema=as_collections(source.schema, found), notes=(*source.notes, *notes))


def alike(first: Source, second: Source) -> tuple[Source, Source]:
    """Two sources with the same padded collections, as far as both have their arrays: those of an archive, or else of
    the first; otherwise both with arrays. Two sources stay as they are where the second has only columns of the first,
    as features of objects without those that would make them arrays again.
    """
    padded = [source.schema.padded for source in (first, second)]
    if padded[0] == padded[1] or (not padded[1] and set(second.schema.order) <= set(first.schema.order)):
        return first, second
    wanted = padded[1] if second.has_collections and not first.has_collections else padded[0]
    found = [
        source if own == wanted else _described(source, wanted)
        for source, own in zip((first, second), padded, strict=True)
    ]
    if found[0] is not None and found[1] is not None:
        return found[0], found[1]
    return first.arrays, second.arrays


def _described(source: Source, padded: Sequence[PaddedCollection]) -> Source | None:
    """The source with other padded collections; None where it does not have their arrays."""
    own = source.arrays
    forms = {column.name: column.is_array for column in own.schema.events.columns}
    forms |= {array.name: False for array in own.schema.arrays}
    wanted = [
        replace(made, arrays=tuple(replace(a, is_column=forms.get(a.name, a.is_column)) for a in made.arrays))
        for made in padded
    ]
    try:
        return replace(own, schema=as_collections(own.schema, wanted), has_collections=False)
    except ValueError:
        return None


def found_in(sample: Batch, schema: Schema, refused: Collection[str] = ()) -> tuple[PaddedCollection, ...]:
    """The collections that the padded arrays of a schema are, but for those that are refused, as a sample of rows shows
    them.
    """
    by_slots: dict[int, list[_Seen]] = {}
    for array in _candidates(schema, refused):
        seen = _seen(array, events_cells(array, sample[0].arrays, sample[0].n_rows))
        by_slots.setdefault(array.n_slots, []).append(seen)
    found: list[PaddedCollection] = []
    for candidates in by_slots.values():
        for members, counts in _clusters(candidates):
            if _pays(members, counts):
                made = _collection([member.array for member in members], schema, found)
                found += [] if made is None else [made]
    return tuple(found)


def _candidates(schema: Schema, refused: Collection[str]) -> list[PaddedArray]:
    """The arrays of the events of a schema that may have slots and are not refused, in its order, with padding of
    zeros.
    """
    elements = {array.columns[0]: array for array in schema.arrays}
    found = []
    for column in schema.events.columns:
        array = elements.get(column.name)
        own, shape = (column, column.shape) if array is None else (array, array.shape)
        if not 1 <= len(shape) <= 2 or shape[0] < _LEAST_SLOTS or max(shape[1:], default=1) > _MOST_FEATURES:
            continue
        if own.name in refused:
            continue
        features = feature_names(own.name, shape)
        zeros = (0,) * len(features)
        found.append(
            PaddedArray(own.name, shape, column.dtype, features, zeros, column.is_array, own.title, own.typename)
        )
    return found


def _columns_of(array: PaddedArray, schema: Schema) -> Sequence[str]:
    if array.is_column:
        return (array.name,)
    return next(own.columns for own in schema.arrays if own.name == array.name)


def _ranges(n_events: int, n_rows: int) -> list[tuple[int, int]]:
    """Ranges of so many events at the beginning, in the middle and at the end; one of all where they are few."""
    if n_events <= 3 * n_rows:
        return [(0, n_events)]
    middle = (n_events - n_rows) // 2
    return [(0, n_rows), (middle, middle + n_rows), (n_events - n_rows, n_events)]


def _seen(array: PaddedArray, cells: NDArray[np.generic]) -> _Seen:
    """A candidate as its cells (rows, slots, features) show it, with what mostly stands in the last slot as padding."""
    bits = np.ascontiguousarray(cells).view(array.bits)
    padding = []
    for number in range(bits.shape[2]):
        patterns, times = np.unique(bits[:, -1, number], return_counts=True)
        padding.append(int(patterns[np.argmax(times)]))
    is_padding = bits == np.array(padding, array.bits)
    is_empty = is_padding.all(axis=2)
    counts = last_counts(~is_empty)
    is_object = np.arange(array.n_slots) < counts[:, np.newaxis]
    n_objects = max(1, int(counts.sum()))
    alike = min(int((is_padding[:, :, number] & is_object).sum()) for number in range(len(padding)))
    tells = counts.any() and alike <= _MOST_HOLES * n_objects
    return _Seen(replace(array, padding=tuple(padding)), counts, bool(tells))


def _clusters(candidates: Sequence[_Seen]) -> Iterator[tuple[list[_Seen], NDArray[np.int64]]]:
    """Candidates of as many slots that are a collection each, in their order, and its objects in each row (rows,)."""
    place = {id(seen): number for number, seen in enumerate(candidates)}
    seeds = sorted((seen for seen in candidates if seen.tells), key=lambda seen: -int(seen.counts.sum()))
    clusters: list[tuple[list[_Seen], NDArray[np.int64]]] = []
    for seen in [*seeds, *(seen for seen in candidates if not seen.tells)]:
        for number, (members, counts) in enumerate(clusters):
            agree = not seen.tells or np.mean(seen.counts == counts) >= _AGREEMENT
            if agree and np.mean(seen.counts <= counts) >= _COVERED:
                clusters[number] = [*members, seen], np.maximum(counts, seen.counts)
                break
        else:
            if seen.tells and _is_padded(seen.counts, seen.array.n_slots, _LEAST_PADDING):
                clusters.append(([seen], seen.counts))
    clusters.sort(key=lambda cluster: min(place[id(seen)] for seen in cluster[0]))
    for members, counts in clusters:
        yield sorted(members, key=lambda seen: place[id(seen)]), counts


def _pays(members: Sequence[_Seen], counts: NDArray[np.int64]) -> bool:
    """Whether a collection has enough padding, and not as much in every row."""
    array = members[0].array
    if len(members) > 1 or len(array.shape) > 1:
        return _is_padded(counts, array.n_slots, _LEAST_PADDING)
    return array.n_slots >= _LEAST_LONE_SLOTS and _is_padded(counts, array.n_slots, _LEAST_LONE_PADDING)


def _is_padded(counts: NDArray[np.int64], n_slots: int, least: float) -> bool:
    """Whether so large a share of the slots is padding, for so many objects in each row (rows,) that differ."""
    return bool(1 - counts.sum() / (len(counts) * n_slots) >= least and (counts != counts[0]).any())


def _collection(
    arrays: Sequence[PaddedArray], schema: Schema, others: Iterable[PaddedCollection]
) -> PaddedCollection | None:
    """The collection of some arrays; None where a feature would have the name of a column."""
    taken = {name for made in others for name in (made.counter, *made.features)} | set(schema.order)
    own = {column for array in arrays for column in _columns_of(array, schema)}
    features = {feature for array in arrays for feature in array.features}
    if features & (taken - own):
        return None
    name = unique(_name(arrays), [*(group.name for group in schema.groups), *(made.name for made in others)])
    counter = unique(counter_names(name)[0], taken | features)
    return PaddedCollection(name, counter, tuple(arrays))


def _name(arrays: Sequence[PaddedArray]) -> str:
    """The name of an array alone; what those of several begin with, or that of one with features."""
    prefixes = {common_prefix(array.name) for array in arrays}
    if len(arrays) > 1 and len(prefixes) == 1:
        return prefixes.pop()
    with_features = [array.name for array in arrays if len(array.shape) > 1]
    return next(iter(with_features), arrays[0].name if len(arrays) == 1 else "objects")


def _note(made: PaddedCollection) -> str:
    arrays = " and ".join(filter(None, [", ".join(a.name for a in made.arrays[:-1]), made.arrays[-1].name]))
    verb, columns = ("holds" if len(made.arrays) == 1 else "hold"), len(made.features)
    return (
        f"{arrays} {verb} up to {made.n_slots} objects in each row, padding behind the last: a collection of "
        f"{columns} column{'s' if columns > 1 else ''}, which comes back padded"
    )
