"""Whether two inputs have the same distribution."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import SourceError, UsageError
from baler_vae.explore.opening import all_rows, check_seed, opened_rows, with_nan_for_missing
from baler_vae.measures.classifier import LEAST_ROWS, MOST_ROWS, check_classifier, classifier_auc
from baler_vae.measures.distances import (
    ColumnDistance,
    Distance,
    GroupDistance,
    block_mmd,
    column_distance,
    event_rows,
    sliced_distances,
    standardised,
)
from baler_vae.measures.roc import Auc
from baler_vae.measures.scores import EVENT
from baler_vae.progress import ShownProgress, callback, shows_progress, silent
from baler_vae.source.dialect import Options
from baler_vae.source.padding import alike
from baler_vae.source.source import Source
from baler_vae.table.lists import listed_columns
from baler_vae.table.schema import Group, Schema, as_tuple
from baler_vae.table.table import Batch, Table, counts_of

N_OBJECTS: Final = 3
"""Objects of a collection by which an event is judged, unless others are asked for."""
_FAR: Final = 4.0
"""Errors below one half from which on an AUC is no chance."""

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def distance(
    a: Any,  # noqa: ANN401  paths, a source or data
    b: Any,  # noqa: ANN401
    *,
    columns: str | Sequence[str] = (),
    n_objects: int = N_OBJECTS,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
    dialect: Options = None,
    progress: ShownProgress = silent,
) -> Distance:
    """Compare two inputs, such as data and a sample: column by column, and by a classifier that tries to tell them
    apart.

    Of each column of numbers that both have it tells Kolmogorov and Smirnov's distance and the earth mover's, with
    errors; of the rows of each group MMD, the sliced Wasserstein distance and the AUC of gradient-boosted trees, in
    cross-validation whose folds share no event; of whole events, where there are collections, the AUC for the columns
    of the events and the first objects of each collection.

    Parameters
    ----------
    a, b : str, Path, sequence of these, data in memory, or Source
        Two inputs: files, archives, or data in memory.
    columns : str or sequence of str
        Names or globs of the columns to compare; all that both have by default. Leave out what only numbers events.
    n_objects : int
        Objects of each collection by which an event is judged.
    most_rows : int
        Compare about so many rows of the largest group of each input at most: whole events, drawn at random.
    seed : int
        The seed of samples, bootstraps and the classifier.
    dialect : DialectOptions or Mapping[str, str], optional
        How files are written, where they are text.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Distance
        The distances, with errors.

    Raises
    ------
    SourceError
        A file cannot be read, or has no rows.
    UsageError
        The inputs have no columns of numbers in common, or one of those that were asked for is missing.
    MissingExtra
        scikit-learn is not installed.
    """
    progress = callback(progress)
    check_classifier()
    check_seed(seed)
    if n_objects < 1 or most_rows < LEAST_ROWS:
        raise UsageError(f"{n_objects} objects and {most_rows} rows", expected=f"at least 1 and at least {LEAST_ROWS}")
    with opened_rows(a, dialect, "a") as opened, opened_rows(b, dialect, "b") as other:
        progress("reading", 0, 2)
        first, second = alike(opened, other)
        schemas, notes = _common(first, second, as_tuple(columns))
        read = [_numbers_of(source, schema) for source, schema in zip((first, second), schemas, strict=True)]
        names = first.path, second.path
    for name, batch in zip(names, read, strict=True):
        if not batch[0].n_rows:
            raise SourceError("holds no events to compare", path=name)
    of = [[table.n_rows for table in batch] for batch in read]
    samples = _Sample.drawn(read, most_rows, seed)
    found_columns: list[ColumnDistance] = []
    found_groups: list[GroupDistance] = []
    for number, group in enumerate(schemas[0].groups):
        own = [sample.rows(number, group.names) for sample in samples]
        progress(f"comparing {group.name}", number, len(schemas[0].groups))
        events = samples[0].event_numbers(number), samples[1].event_numbers(number)
        for place, name in enumerate(group.names):
            found_columns.append(
                column_distance(name, group.name, own[0][:, place], own[1][:, place], events, seed=seed)
            )
        if number and not len(group.names):
            continue
        found_groups.append(_group(group.name, own, events, (of[0][number], of[1][number]), seed, notes))
    if len(schemas[0].groups) > 1:
        progress("comparing events", len(schemas[0].groups) - 1, len(schemas[0].groups))
        own = [sample.whole_events(n_objects) for sample in samples]
        events = samples[0].events, samples[1].events
        found_groups.append(
            GroupDistance(
                name=EVENT,
                n_a=len(own[0]),
                n_b=len(own[1]),
                of_a=of[0][0],
                of_b=of[1][0],
                auc=_auc(EVENT, own, events, seed, notes),
            )
        )
    return Distance(
        a=names[0],
        b=names[1],
        columns=tuple(found_columns),
        groups=tuple(found_groups),
        n_objects=n_objects,
        seed=seed,
        notes=tuple(notes),
    )


def _common(first: Source, second: Source, patterns: Sequence[str]) -> tuple[tuple[Schema, Schema], list[str]]:
    """The schemas of the columns of numbers that both sources have, groups and columns in the order of the first, and
    what was left out. What says where values are missing is no column of its own.

    Raises:
        UsageError: there are none, one that a pattern names is missing in the second, or is in another collection
            there.
    """
    patterns = listed_columns(patterns, first.schema.order)
    wanted, others = first.select(patterns), {column.name: column for column in second.schema.columns}
    apart = {group.counter for schema in (wanted, second.schema) for group in schema.groups}
    masks = {mask.missing for schema in (first.schema, second.schema) for mask in schema.masks}
    missing = [column.name for column in wanted.columns if column.name not in others]
    missing = [name for name in missing if name not in apart | masks]
    if patterns and missing:
        raise UsageError(
            "lacks a column that is to be compared", path=second.path, column=missing[0], way_out="Name other columns"
        )
    common = [column.name for column in wanted.columns if column.name in others and column.name not in masks]
    numbers = [name for name in common if wanted.group_of(name).column(name).is_scalar and others[name].is_scalar]
    if not set(numbers) - apart:
        raise UsageError(
            f"has no column of numbers in common with {first.path}",
            path=second.path,
            found=", ".join(list(others)[:4]),
            expected=", ".join(wanted.order[:4]),
        )
    for name in numbers:
        theirs, own = second.schema.group_of(name), wanted.group_of(name)
        if (theirs.counter is None) != (own.counter is None):
            raise UsageError(
                "has a column in a collection in one input, and in the events in the other",
                path=second.path,
                column=name,
                way_out="Name other columns with --columns",
            )
    notes = []
    only = [name for name in others if name not in wanted.order and name not in apart | masks]
    if not patterns and (missing or only):
        notes.append(f"not compared, in one input only: {', '.join([*missing, *only])}")
    without = [name for name in common if name not in numbers]
    if without:
        notes.append(f"not compared, no single numbers: {', '.join(without)}")
    return (_ordered(wanted.only(numbers), numbers), _ordered(second.schema.only(numbers), numbers)), notes


def _ordered(schema: Schema, names: Sequence[str]) -> Schema:
    """The schema with columns and collections in the order of names, without what says where values are missing."""
    masks = {mask.missing for mask in schema.masks}

    def place(name: str) -> int:
        return names.index(name) if name in names else len(names)

    def sorted_columns(group: Group) -> Group:
        columns = sorted((one for one in group.columns if one.name not in masks), key=lambda c: place(c.name))
        return Group(group.name, tuple(columns), group.counter)

    events, *others = map(sorted_columns, schema.groups)
    others.sort(key=lambda group: place(group.names[0]))
    return Schema((events, *others), tuple(name for name in schema.order if name not in masks), schema.origin)


def _numbers_of(source: Source, schema: Schema) -> Batch:
    """All rows of the columns of a schema, in its order; float64 and NaN where values can be missing."""
    wanted = source.schema.only(schema.order)
    read = {table.group.name: table for table in with_nan_for_missing(all_rows(source, wanted), wanted)}
    found = []
    for group in schema.groups:
        table = read[group.name]
        columns = tuple(table.group.column(name) for name in group.names)
        found.append(Table(replace(group, columns=columns), {name: table[name] for name in group.names}))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Sample:
    """Events of an input: their numbers `events` int64 (events,), in rising order, and their `batch`."""

    events: Numbers
    batch: Batch
    chosen: tuple[NDArray[np.bool_], ...]

    @classmethod
    def drawn(cls, read: Sequence[Batch], most_rows: int, seed: int) -> "list[_Sample]":
        """Events of each input, in which the largest group has at most so many rows: the same numbers of both as far as
        there are so many.
        """
        ranks = np.random.default_rng(seed).permutation(max(batch[0].n_rows for batch in read))
        found = []
        for batch in read:
            own = np.argsort(ranks[: batch[0].n_rows])
            largest = np.ones(len(own), np.int64)
            for table in batch[1:]:
                counts = counts_of(batch, table.group)
                largest = counts if counts.sum() > largest.sum() else largest
            n_events = max(1, int(np.searchsorted(np.cumsum(largest[own]), most_rows, "right")))
            kept = np.zeros(len(own), np.bool_)
            kept[own[:n_events]] = True
            rows = (kept, *(np.repeat(kept, counts_of(batch, table.group)) for table in batch[1:]))
            found.append(cls(np.flatnonzero(kept), batch, rows))
        return found

    def rows(self, number: int, names: Sequence[str]) -> Floats:
        """The chosen rows of a group, float64 (rows, columns)."""
        table, chosen = self.batch[number], self.chosen[number]
        columns = [table[name][chosen].astype(np.float64) for name in names]
        return np.stack(columns, axis=1) if columns else np.empty((int(chosen.sum()), 0))

    def counts(self, number: int) -> Numbers:
        """The rows of a collection in each chosen event, int64 (events,)."""
        return counts_of(self.batch, self.batch[number].group)[self.chosen[0]]

    def event_numbers(self, number: int) -> Numbers:
        """The event of each chosen row of a group, int64 (rows,)."""
        return self.events if not number else np.repeat(self.events, self.counts(number))

    def whole_events(self, n_objects: int) -> Floats:
        """Events as rows, float64 (events, columns)."""
        counters = {table.group.counter for table in self.batch[1:]}
        names = [name for name in self.batch[0].group.names if name not in counters]
        collections = [
            (self.counts(number), list(self.rows(number, table.group.names).T))
            for number, table in enumerate(self.batch)
            if number
        ]
        return event_rows(list(self.rows(0, names).T), collections, n_objects)


def _group(
    name: str, own: Sequence[Floats], events: tuple[Numbers, Numbers], of: tuple[int, int], seed: int, notes: list[str]
) -> GroupDistance:
    points = standardised(*own)
    for sample, rows, used in zip("AB", own, points, strict=True):
        if len(used) < len(rows):
            notes.append(
                f"{len(rows) - len(used):,} of {len(rows):,} rows of {name} in {sample} hold NaN or infinities: "
                "MMD and the sliced distance are without them"
            )
    sliced = sliced_distances(*points, seed=seed)
    return GroupDistance(
        name=name,
        n_a=len(own[0]),
        n_b=len(own[1]),
        of_a=of[0],
        of_b=of[1],
        auc=_auc(name, own, events, seed, notes),
        mmd=block_mmd(*points, seed=seed),
        sliced_wasserstein=sliced and sliced[0],
        sliced_wasserstein_expected=sliced and sliced[1],
    )


def _auc(name: str, own: Sequence[Floats], events: tuple[Numbers, Numbers], seed: int, notes: list[str]) -> Auc | None:
    """The AUC of the classifier; None, and a note, where there are too few rows."""
    least = min(len(np.unique(numbers)) for numbers in events)
    if least < LEAST_ROWS or not own[0].shape[1]:
        notes.append(f"no classifier for {name}: {least:,} events are too few, at least {LEAST_ROWS} are needed")
        return None
    found = classifier_auc(own[0], own[1], groups=events, seed=seed)
    if found.value < 0.5 - _FAR * max(found.error, 1 / np.sqrt(6 * least)):
        notes.append(f"AUC of {name} below 0.5: B holds copies of rows of A under other event numbers, learnt by heart")
    return found
