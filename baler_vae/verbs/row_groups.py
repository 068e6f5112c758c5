"""What is done for each row group, here or on the workers of a cluster: the same bytes come out."""

from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from pathlib import Path

from baler_vae.codec.codec import Codec
from baler_vae.codec.encoding import EncodedRowGroup, RowGroup, RowGroupEncoder, numbered_row_groups
from baler_vae.errors import SourceError
from baler_vae.io.chain import open_sources
from baler_vae.io.files import file_stamp
from baler_vae.progress import Progress
from baler_vae.reader.archive import Archive
from baler_vae.scale.cluster import Client, on_cluster
from baler_vae.scale.parallel import in_parallel
from baler_vae.source.dialect import DialectOptions
from baler_vae.source.source import Source
from baler_vae.table.schema import Schema
from baler_vae.table.table import Batch, concatenate, counts_of, cut_events, row_groups, without_numbers
from baler_vae.verbs.proving import blank_guarantees, check_guarantees, joined_guarantees, promises_of, proved
from baler_vae.verbs.verification import ColumnCheck, GuaranteeCheck, joined
from baler_vae.verbs.verify import blank_checks, check_broken, compared

Stamped = tuple[tuple[str, int, int], ...]
"""Files with their sizes and times of modification."""


Planned = tuple[tuple[int, int], dict[str, int]]
"""The events of a row group, and the number of its first row by group."""

_TOGETHER = 4
"""Row groups of one task: what is read of a file often has the events of several."""


def stamped(paths: Sequence[str]) -> Stamped:
    """Files as workers know them: what was kept of one is not used for another that took its place."""
    return tuple((path, *(file_stamp(path) or (0, 0))) for path in paths)


def encoded_row_groups(
    client: Client | None,
    specs: Sequence[str],
    opened: Source,
    schema: Schema,
    codec: Codec,
    n_kept: int,
    *,
    judges: bool,
) -> Generator[EncodedRowGroup, None, None]:
    """The row groups of a source under a codec, which the first of them `judges` or not, in their order; the first
    `n_kept` without their sections. `schema` is that of the codec's columns in the source.
    """
    if client is None or not opened.n_events:
        encoder = RowGroupEncoder(codec, opened.path, n_kept, judges)
        yield from in_parallel(encoder.encode, numbered_row_groups(opened, schema))
        return
    future = client.submit(Codec.from_bytes, codec.to_bytes())
    files = stamped(specs)
    tasks = (
        (future, files, opened.dialect, opened.path, (n_kept, judges), number * _TOGETHER, planned)
        for number, planned in enumerate(_several(_planned(opened, schema)))
    )
    for encoded in on_cluster(client, _encode, tasks):
        yield from encoded


def restored_row_groups(client: Client | None, archive: Archive, selection: Schema) -> Iterator[Batch]:
    """The row groups of an archive, in their order."""
    if client is None:
        yield from archive.batches(selection)
        return
    files = stamped([str(archive.path)])
    tasks = ((files, number, selection) for number in range(len(archive.manifest.row_groups)))
    yield from on_cluster(client, _decode, tasks)


def verify_on_cluster(
    client: Client, archive: Path, specs: Sequence[str], original: Source, progress: Progress
) -> None:
    """Check that an archive just written gives back what its bounds promise, and keeps its guarantees; workers compare
    its row groups.

    Raises:
        BoundBroken: a value misses its bound, or a row breaks a guarantee; it names the first such column, or
            guarantee, and its worst value.
        ArchiveError: it cannot be decoded.
    """
    with Archive(archive) as written:
        checks, guarantees = blank_checks(written), blank_guarantees(promises_of(written))
        ends = accumulate((rows[0] for rows in written.manifest.row_groups), initial=0)
    files, originals = stamped([str(archive)]), stamped(specs)
    edges = list(pairwise(ends))
    tasks = ((files, originals, original.dialect, number, events) for number, events in enumerate(edges))
    progress("comparing, events", 0, original.n_events)
    for (_, stop), (found, proofs) in zip(edges, on_cluster(client, _check, tasks), strict=True):
        checks = {name: joined(check, found[name]) for name, check in checks.items()}
        guarantees = joined_guarantees(guarantees, proofs)
        progress("comparing, events", stop, original.n_events)
    check_broken(tuple(checks.values()), original.path)
    check_guarantees(guarantees, original.path)


def _several(planned: Iterator[Planned]) -> Iterator[list[Planned]]:
    """The same, as many at a time as one task takes."""
    while some := list(islice(planned, _TOGETHER)):
        yield some


def _planned(opened: Source, schema: Schema) -> Iterator[Planned]:
    """The events of each row group, and the number of its first row by group, told by the counters alone."""
    light = without_numbers(schema)
    first_rows = dict.fromkeys((group.name for group in schema.groups), 0)
    start = 0
    for batch in row_groups(opened.read(light), light, whole=schema):
        stop = start + batch[0].n_rows
        yield (start, stop), dict(first_rows)
        for group in schema.groups:
            first_rows[group.name] += batch[0].n_rows if group.counter is None else int(counts_of(batch, group).sum())
        start = stop


@lru_cache(maxsize=2)
def _opened(files: Stamped, dialect: DialectOptions | None) -> Source:
    return open_sources([path for path, *_ in files], dialect)


@lru_cache(maxsize=2)
def _archive(files: Stamped) -> Archive:
    return Archive(files[0][0])


def _encode(
    codec: Codec,
    files: Stamped,
    dialect: DialectOptions | None,
    path: str,
    told: tuple[int, bool],
    first: int,
    planned: Sequence[Planned],
) -> list[EncodedRowGroup]:
    """Row groups that follow each other, the first of which has the number `first`; an encoder is told how many are
    kept, and whether it judges the codec.
    """
    opened = _opened(files, dialect).as_in(codec.schema)
    schema, encoder = codec.match(opened), RowGroupEncoder(codec, path, *told)
    numbers = [stop - start for (start, stop), _ in planned]
    events = opened.read(schema, [(planned[0][0][0], planned[-1][0][1])])
    batches = list(cut_events(events, schema, numbers))
    if [batch[0].n_rows for batch in batches] != numbers:
        raise SourceError("its events have changed since the work was distributed", path=path)
    return [
        encoder.encode(RowGroup(first + number, batch, first_rows))
        for number, (batch, (_, first_rows)) in enumerate(zip(batches, planned, strict=True))
    ]


def _decode(files: Stamped, number: int, selection: Schema) -> Batch:
    return _archive(files).row_group(number, selection)


def _check(
    files: Stamped, originals: Stamped, dialect: DialectOptions | None, number: int, events: tuple[int, int]
) -> tuple[dict[str, ColumnCheck], tuple[GuaranteeCheck, ...]]:
    archive = _archive(files)
    original = _opened(originals, dialect).as_in(archive.schema)
    schema = original.match(archive.schema, "the archive", "Name the files that were compressed")
    before = concatenate(list(original.read(schema, [events])), schema)
    after, promises = archive.row_group(number, archive.schema), promises_of(archive)
    return (
        compared(blank_checks(archive), before, after, archive.bounds),
        proved(blank_guarantees(promises), promises, before, after),
    )
