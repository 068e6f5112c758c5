"""The rows that a codec is fitted on: all of a small file, otherwise randomly chosen chunks of its events."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from baler_vae.codec.finite import check_finite
from baler_vae.errors import located
from baler_vae.fitting import policy
from baler_vae.progress import Progress
from baler_vae.source.source import Source
from baler_vae.table.bounds import EXACT, FREE, BoundRule, ColumnLimits, column_limits
from baler_vae.table.limits import StreamedLimits
from baler_vae.table.schema import Column, Schema
from baler_vae.table.table import Batch, bytes_of, bytes_until, concatenate, groups_of, row_ends

Rules = Mapping[str, BoundRule | None]


@dataclass(frozen=True)
class FitSample:
    """The rows that a codec is fitted on, the limits of all rows of those columns whose bounds need them, and the
    number of all rows by group. `n_chunks` is 0 where the rows are all there are.
    """

    batch: Batch
    limits: Mapping[str, ColumnLimits]
    n_rows: Mapping[str, int]
    n_chunks: int = 0


def read_sample(
    source: Source, schema: Schema, rules: Rules, *, sample_rows: int, seed: int, progress: Progress
) -> FitSample:
    """All rows, where the largest group has at most `sample_rows` of them and they take at most about 512 MB; else
    chunks of events, as many as make so many rows, from all over the file. The same seed gives the same chunks. Memory
    is taken for the sample, not for the file: limits are streamed (`StreamedLimits`) where there are more rows.

    Raises
    ------
    SourceError
        The file cannot be read, or holds NaN or infinities under `free`.
    """
    survey = _Survey(schema, rules, source.path, sample_rows)
    kept: list[Batch] = []
    progress("reading, events", 0, source.n_events)
    for batch in source.read(schema):
        survey.count(batch)
        kept.append(batch)
        if not survey.fits_whole:
            for one in kept:
                survey.look_at(one)
            kept = []
        progress("reading, events", survey.n_events, source.n_events)
    if survey.fits_whole:
        whole = concatenate(kept, schema)
        return FitSample(whole, survey.limits_of(whole), survey.n_rows)
    progress("reading a sample", 0, 1)
    ranges = survey.choose(np.random.default_rng(seed))
    return FitSample(concatenate(list(source.read(schema, ranges)), schema), survey.limits, survey.n_rows, len(ranges))


def needs_limits(rule: BoundRule | None, column: Column) -> bool:
    """Whether the bound of a column, or what is said of it, depends on its values."""
    if rule is None or rule.is_default:
        return column.is_float
    return rule.kind == "range" or (column.is_float and rule.is_lossy and not rule.names_a_column)


@dataclass(frozen=True)
class _Chunk:
    """A range of events, the number of rows of each group in it, and about how many bytes they take."""

    start: int
    stop: int
    rows: tuple[int, ...]
    n_bytes: int


@dataclass
class _Survey:
    """The result of one pass over a file: chunks of its events, and the limits of columns."""

    schema: Schema
    rules: Rules
    path: str
    sample_rows: int
    chunks: list[_Chunk] = field(default_factory=list)
    n_rows: dict[str, int] = field(default_factory=dict)
    n_bytes: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    streamed: dict[str, StreamedLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.n_rows = dict.fromkeys((group.name for group in self.schema.groups), 0)
        self.seen = dict(self.n_rows)
        for column in self.schema.columns:
            rule = self.rules[column.name]
            if needs_limits(rule, column):
                self.streamed[column.name] = StreamedLimits(column.dtype, with_median=rule is None)

    @property
    def n_events(self) -> int:
        return self.chunks[-1].stop if self.chunks else 0

    @property
    def fits_whole(self) -> bool:
        """Whether all rows so far are few enough to fit a codec on all of them."""
        return max(self.n_rows.values()) <= self.sample_rows and self.n_bytes <= policy.SAMPLE_BYTES

    @property
    def limits(self) -> dict[str, ColumnLimits]:
        return {name: streamed.limits for name, streamed in self.streamed.items()}

    def count(self, batch: Batch) -> None:
        """Takes note of the chunks of the next batch."""
        if batch[0].n_rows:
            self.chunks += _chunks_of(batch, self.n_events, self.sample_rows)
        for table in batch:
            self.n_rows[table.group.name] += table.n_rows
        self.n_bytes += bytes_of(batch)

    def look_at(self, batch: Batch) -> None:
        """Takes the values of the next batch into account."""
        self._check(batch)
        for table in batch:
            for name in table.group.names:
                if name in self.streamed:
                    self.streamed[name].add(table[name])
            self.seen[table.group.name] += table.n_rows

    def limits_of(self, whole: Batch) -> dict[str, ColumnLimits]:
        """The limits of all rows at once."""
        self._check(whole)
        return {
            name: column_limits(table[name]) for table in whole for name in table.group.names if name in self.streamed
        }

    def choose(self, rng: np.random.Generator) -> list[tuple[int, int]]:
        """The chunks of a sample, in their order: random ones until the largest group has enough rows, or memory is
        used up, and one more for each group that would have none.
        """
        order = rng.permutation(len(self.chunks)).tolist()
        rows = np.zeros(len(self.schema.groups), np.int64)
        chosen: list[int] = []
        n_bytes = 0
        for number in order:
            chunk = self.chunks[number]
            if chosen and (rows.max() >= self.sample_rows or n_bytes + chunk.n_bytes > policy.SAMPLE_BYTES):
                break
            chosen.append(number)
            rows += chunk.rows
            n_bytes += chunk.n_bytes
        for group in np.flatnonzero(rows == 0).tolist():
            chosen += [number for number in order if self.chunks[number].rows[group]][:1]
        return [(self.chunks[number].start, self.chunks[number].stop) for number in sorted(set(chosen))]

    def _check(self, batch: Batch) -> None:
        bounds = {
            name: FREE if rule is not None and rule.kind == "free" else EXACT for name, rule in self.rules.items()
        }
        with located(path=self.path):
            check_finite(batch, bounds, self.seen)


def _chunks_of(batch: Batch, first_event: int, sample_rows: int) -> Iterator[_Chunk]:
    """The events of a batch in pieces of equally many, each with a small part of a sample's rows and bytes."""
    n_events, groups = batch[0].n_rows, groups_of(batch)
    ends = row_ends(batch, groups)
    rows = max(int(end[-1]) for end in ends)
    n_chunks = max(
        -(-rows * policy.SAMPLE_CHUNKS // sample_rows),
        -(-bytes_of(batch) * policy.SAMPLE_CHUNKS // policy.SAMPLE_BYTES),
        1,
    )
    step = -(-n_events // n_chunks)
    edges = [*range(0, n_events, step), n_events]
    rows_until = [np.concatenate([[0], end])[edges] for end in ends]
    taken = np.concatenate([[0], bytes_until(batch, groups, ends)])[edges]
    for number, (start, stop) in enumerate(pairwise(edges)):
        yield _Chunk(
            first_event + start,
            first_event + stop,
            tuple(int(until[number + 1] - until[number]) for until in rows_until),
            int(taken[number + 1] - taken[number]),
        )
