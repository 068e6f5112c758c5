"""Proving that an archive gives back what it promises."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.storage import Place, name_of
from baler_vae.errors import BoundBroken, UsageError
from baler_vae.grid.judge import in_units_of_bound, keeps_bound
from baler_vae.io.chain import Specs, file_specs, open_sources
from baler_vae.io.files import extras_differences
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.reader.collection import is_collection
from baler_vae.source.dialect import Options
from baler_vae.source.source import Source
from baler_vae.table.bounds import Bound
from baler_vae.table.nested import Nested, nested_of
from baler_vae.table.table import Batch, cut_events
from baler_vae.verbs.in_memory import source_of
from baler_vae.verbs.proving import blank_guarantees, check_guarantees, promises_of, proved
from baler_vae.verbs.told import same_table, told_dialect
from baler_vae.verbs.verification import ColumnCheck, GuaranteeCheck, Verification, with_worst
from baler_vae.verbs.verify_tables import verify_tables

EXTRAS = "extras"
"""The group, in checks, of what is not a column."""
_CELLS = 1 << 20
"""The most cells of arrays that are compared at once: what is held meanwhile is several times as large as they are."""


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def verify(
    archive: Place,
    *,
    against: Any = None,  # noqa: ANN401  files or data
    dialect: Options = None,
    progress: ShownProgress = silent,
) -> Verification:
    """Check every digest of an archive and decode every row; with the original, compare every value with its bound, and
    prove every guarantee.

    Parameters
    ----------
    archive : str, Path, bytes or file object
        A path or a URL, the bytes of an archive, or a file object that can seek. Of an archive of several tables all
        are checked.
    against : str, Path, sequence of those, data in memory or Source, optional
        The original: the files that were compressed, or the data (see `compress`).
    dialect : DialectOptions or dict, optional
        How text is written, as for `compress`. What was said there need not be said again.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Verification
        What was checked. Broken bounds and guarantees do not raise: they stand in `broken` and `broken_guarantees`.

    Raises
    ------
    SourceError
        A file cannot be read.
    ArchiveError
        The archive is damaged, or cannot be decoded.
    UsageError
        `against` has other columns or other numbers of rows.
    """
    told, memory = callback(progress), None if against is None else source_of(against)
    if is_collection(archive):
        if memory is not None:
            raise UsageError(
                "the archive has several tables, and data in memory are one",
                path=name_of(archive),
                way_out="Open it, and compare one table: verify('all.bvae:NAME', against=data)",
            )
        return verify_tables(_verified, archive, against, told)
    with Archive(archive) as opened:
        return _verified(opened, memory or against, told, dialect)


def _verified(
    opened: Archive, against: Source | Specs | None, progress: Progress, dialect: Options = None
) -> Verification:
    """What `verify` finds of an archive of one table."""
    progress("checking digests", 0, 1)
    n_sections = opened.check_sections()
    original = against if isinstance(against, Source) else None
    if against is not None and not isinstance(against, Source):
        specs = [same_table(opened, spec) for spec in file_specs(against)]
        original = open_sources(specs, dialect or told_dialect(opened, specs))
    if original is None:
        checks, guarantees = tuple[ColumnCheck, ...](), tuple[GuaranteeCheck, ...]()
        progress("decoding, events", 0, opened.num_entries)
        for done, _ in _counted(opened.batches(opened.schema)):
            progress("decoding, events", done, opened.num_entries)
    else:
        checks, guarantees = _compare(opened, original, progress)
    rows = {
        group.name: sum(counts[number] for counts in opened.manifest.row_groups)
        for number, group in enumerate(opened.schema.groups)
    }
    return Verification(
        path=str(opened.path),
        n_sections=n_sections,
        n_bytes=opened.n_bytes,
        n_rows=rows,
        columns=checks,
        guarantees=guarantees,
    )


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def verify_bounds(archive: Place, original: Source, *, progress: Progress = silent) -> None:
    """Check that an archive just written gives back what its bounds promise, and keeps its guarantees.

    Raises:
        BoundBroken: a value misses its bound, or a row breaks a guarantee; it names the first such column, or
            guarantee, and its worst value.
        ArchiveError: it cannot be decoded.
    """
    with Archive(archive) as opened:
        columns, guarantees = _compare(opened, original, progress)
        check_broken(columns, original.path)
        check_guarantees(guarantees, original.path)


def check_broken(columns: tuple[ColumnCheck, ...], path: str) -> None:
    """Check that no value misses its bound.

    Raises:
        BoundBroken: it names the first such column and its worst value.
    """
    for column in columns:
        if column.n_broken and column.group == EXTRAS:
            raise BoundBroken(
                "the extras (what is not a column) differ from the original",
                path=path,
                column=column.name,
                way_out="Name the file that was compressed; if you did, keep it, and report this together with it",
            )
        if column.n_broken:
            raise BoundBroken(
                f"{column.n_broken:,} of {column.n_values:,} values miss the bound {column.bound}",
                path=path,
                column=column.name,
                rows=f"the worst in row {column.worst_row} of {column.group}",
                found=column.restored,
                expected=f"{column.original} within {column.bound}",
                way_out="Keep the original, and report this together with the file",
            )


def _compare(
    archive: Archive, original: Source, progress: Progress
) -> tuple[tuple[ColumnCheck, ...], tuple[GuaranteeCheck, ...]]:
    """The checks of all columns and guarantees of an archive."""
    original = original.as_in(archive.schema)
    schema = original.match(
        archive.schema, "the archive", "Name the file that was compressed, and the same tree or group"
    )
    checks, bounds = blank_checks(archive), archive.bounds
    promises = promises_of(archive)
    guarantees = blank_guarantees(promises)
    restored = archive.batches(archive.schema)
    n_events = [rows[0] for rows in archive.manifest.row_groups]
    progress("comparing, events", 0, archive.num_entries)
    for done, batch in _counted(cut_events(original.read(schema), schema, n_events)):
        other = next(restored, ())
        if [table.n_rows for table in batch] != [table.n_rows for table in other]:
            raise _other_rows(original, archive)
        checks = compared(checks, batch, other, bounds)
        guarantees = proved(guarantees, promises, batch, other)
        progress("comparing, events", done, archive.num_entries)
    if any(batch[0].n_rows for batch in restored):  # one without events tells types alone
        raise _other_rows(original, archive)
    return tuple(checks[name] for name in archive.schema.order) + _extras(archive, original), guarantees


def _extras(archive: Archive, original: Source) -> tuple[ColumnCheck, ...]:
    """A check for each thing besides the columns that differs, broken."""
    kept, origin = archive.extras(), archive.schema.origin
    if not kept or original.schema.origin.format != origin.format:
        return ()
    differing = extras_differences(origin, original.extras(), kept)
    if differing and original.earlier is not None:
        earlier = extras_differences(origin, original.earlier().extras(), kept)
        differing = min(differing, earlier, key=len)
    exact = str(Bound("exact"))
    return tuple(
        ColumnCheck(name, EXTRAS, exact, 1, 1, math.inf, 0, "as in the original", "another") for name in differing
    )


def blank_checks(archive: Archive) -> dict[str, ColumnCheck]:
    """The checks of the columns of an archive, by name, before any row was compared."""
    bounds = archive.bounds
    return {
        name: ColumnCheck(name, group.name, str(bounds[name]))
        for group in archive.schema.groups
        for name in group.names
    }


@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def compared(
    checks: Mapping[str, ColumnCheck], before: Batch, after: Batch, bounds: Mapping[str, Bound]
) -> dict[str, ColumnCheck]:
    """The checks with one more batch, as it was and as an archive gives it back."""
    return {
        name: _updated(checks[name], original[name], restored[name], bounds[name])
        for original, restored in zip(before, after, strict=True)
        for name in original.group.names
    }


def _other_rows(original: Source, archive: Archive) -> UsageError:
    return UsageError(
        "is not the file that was compressed: its events have different numbers of rows",
        path=original.path,
        found=f"{original.n_events:,} events",
        expected=f"{archive.num_entries:,} events",
    )


def _counted(batches: Iterator[Batch]) -> Iterator[tuple[int, Batch]]:
    """The batches with the number of events up to their end."""
    n_events = 0
    for batch in batches:
        n_events += batch[0].n_rows
        yield n_events, batch


def _updated(check: ColumnCheck, before: NDArray[np.generic], after: NDArray[np.generic], bound: Bound) -> ColumnCheck:
    """The check with the values (rows,) of one more row group."""
    first_row, check = check.n_values, replace(check, n_values=check.n_values + len(before))
    if bound.kind == "free":
        return check
    nested = nested_of(before)
    if nested is not None:
        return _updated_nested(check, nested, nested_of(after), first_row)
    if before.dtype == object:
        kept = before == after
        units = np.where(kept, 0.0, np.inf)
    elif before.ndim > 1:
        return _updated_arrays(check, before, after, bound, first_row)
    else:
        kept, units = keeps_bound(before, after, bound), in_units_of_bound(before, after, bound)
    return with_worst(check, before, after, kept, units, first_row)


def _updated_arrays(
    check: ColumnCheck, before: NDArray[np.generic], after: NDArray[np.generic], bound: Bound, first_row: int
) -> ColumnCheck:
    """The check with more arrays (rows, *shape): one is broken where a cell is, and the worst cell tells how far."""
    shape, found = before.shape[1:], ColumnCheck(check.name, check.group, check.bound, worst=check.worst)
    cells, restored, broken = before.reshape(-1), after.reshape(-1), set[int]()
    for start in range(0, len(cells), _CELLS):
        piece, other, n_broken = cells[start : start + _CELLS], restored[start : start + _CELLS], found.n_broken
        found = _updated(found, piece, other, bound)
        if found.n_broken > n_broken:
            places = start + np.flatnonzero(~keeps_bound(piece, other, bound))
            broken |= set(np.unique(places // math.prod(shape)).tolist())
    check = replace(check, n_broken=check.n_broken + len(broken))
    if found.worst_row is None:
        return check
    row, *place = (int(number) for number in np.unravel_index(found.worst_row, before.shape))
    where = f" in cell {list(place)} of {list(shape)}"
    return replace(
        check,
        worst=found.worst,
        worst_row=first_row + row,
        original=found.original + where,
        restored=found.restored + where,
    )


def _updated_nested(check: ColumnCheck, before: Nested, after: Nested | None, first_row: int) -> ColumnCheck:
    """The check of a nested column: its values must be the same in every bit."""
    if after is not None and before.same_as(after):
        return check
    rows = np.flatnonzero(before.differs(after)).tolist()
    row = rows[0] if rows else 0
    restored = repr(after[row : row + 1].values.to_pylist()) if after is not None else "no nested value"
    return replace(
        check,
        n_broken=check.n_broken + max(1, len(rows)),
        worst=math.inf,
        worst_row=first_row + row if check.worst_row is None else check.worst_row,
        original=repr(before[row : row + 1].values.to_pylist()),
        restored=restored,
    )
