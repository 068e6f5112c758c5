"""Comparing two files or archives."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import tee
from pathlib import Path
from typing import Any

import numpy as np

from baler_vae.archive.storage import Place, open_storage
from baler_vae.errors import MissingExtra, UsageError, nearest
from baler_vae.evaluation.numbers import ArchiveSizes, CandidateSizes
from baler_vae.io.files import is_archive, is_text, open_source
from baler_vae.kinematics.physics import Quantity, quantities_of
from baler_vae.memory.kinds import is_file_object
from baler_vae.progress import ShownProgress, callback, shows_progress, silent
from baler_vae.reader.archive import Archive
from baler_vae.reader.archive_info import SHARED, ArchiveInfo
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.source.dialect import Options, dialect_options
from baler_vae.source.matching import with_arrays_of
from baler_vae.source.padding import alike
from baler_vae.source.source import Source
from baler_vae.table.padding import widened
from baler_vae.table.schema import Schema, as_tuple, matches
from baler_vae.table.table import Batch, cut_events, empty_batch
from baler_vae.verbs.evaluation import Evaluation
from baler_vae.verbs.in_memory import source_of
from baler_vae.verbs.inputs import input_files
from baler_vae.verbs.proving import Proof
from baler_vae.verbs.told import same_table, told_dialect


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def evaluate(
    original: Any,  # noqa: ANN401  files or data
    restored: Any,  # noqa: ANN401
    *,
    settings: EvaluationSettings | None = None,
    archive: Place | None = None,
    columns: str | Sequence[str] = (),
    dialect: Options = None,
    progress: ShownProgress = silent,
) -> Evaluation:
    """Evaluate what became of each column that `restored` holds: residuals, distributions, correlations, peaks, cuts
    and tolerances. Both are read side by side, so that memory does not grow with them.

    Parameters
    ----------
    original, restored : str, Path, data in memory, Source, bytes or file object
        A file of any known format, an archive (also as bytes, or as a file object), or data in memory (see `compress`).
    settings : EvaluationSettings, optional
        The angles, peaks, histograms, quantities, cuts, profiles and tolerances. By default those of well-known names.
    archive : str, Path, bytes or file object, optional
        The archive that `restored` came from, whose bounds and sizes are told. By default `restored`, where it is one.
    columns : str or sequence of str
        Names or globs of the columns that `restored` should hold. By default those that the archive was asked for, or
        all: columns that it lacks are told as missing.
    dialect : DialectOptions or dict, optional
        How text is written, of both, as for `compress`. What was said there need not be said again.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Evaluation
        The numbers, in the units of the columns, and the tolerances that are exceeded.

    Raises
    ------
    SourceError
        A file cannot be read.
    ArchiveError
        An archive is damaged.
    UsageError
        A column is missing in the original, the numbers of rows differ, or a tolerance is for columns that are not
        there.
    MissingExtra
        The packages for evaluation are not installed.
    """
    try:
        from baler_vae.evaluation.cuts import CutCounter  # noqa: PLC0415  an extra
        from baler_vae.evaluation.evaluate import Evaluator  # noqa: PLC0415
        from baler_vae.evaluation.peaks import declared_peak  # noqa: PLC0415
        from baler_vae.evaluation.spectra import declared_spectrum  # noqa: PLC0415
        from baler_vae.evaluation.tolerances import judge  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra("an evaluation", "report", str(error.name)) from error
    progress, settings = callback(progress), settings or EvaluationSettings()
    original, restored, archive = _place(original), _place(restored), _place(archive)
    known = archive or (restored if _is_archive(restored) else None)
    files = tuple(input_files(original, restored, archive))
    with (
        _archive(known) as promised,
        _opened(original, "original", promised, dialect) as first,
        _opened(restored, "restored", promised, dialect) as second,
    ):
        before, after = alike(first.as_in(second.schema), second.as_in(first.schema))
        wanted, found = _compared(before, after)
        asked = [Quantity(**quantity.model_dump()) for quantity in settings.quantities]
        computed, again = quantities_of(asked, wanted), quantities_of(asked, found)
        peaks = None
        if settings.peaks is not None:
            peaks = [declared_peak(peak) for peak in settings.peaks]
        evaluator = Evaluator(
            computed.schema.groups,
            angles=settings.angles,
            peaks=peaks,
            profile=settings.profile,
            bounds=None if promised is None else promised.bounds,
            derived=computed.names,
            cuts=[CutCounter(cut, computed.schema) for cut in settings.cuts],
            histograms=[declared_spectrum(histogram) for histogram in settings.histograms],
        )
        proof = None if promised is None else Proof(promised, wanted, found)
        n_events = 0
        for batch, other in _aligned(before, wanted, after, found):
            progress("comparing, events", n_events, before.n_events)
            evaluator.add(computed.extend(batch), again.extend(other))
            if proof is not None:
                proof.add(batch, other)
            n_events += batch[0].n_rows
        progress("fitting peaks", 0, 1)
        absent = [name for name in with_arrays_of(before.schema, found).order if name not in found.order]
        patterns = as_tuple(columns) or _asked_for(promised)
        missing = [name for name in absent if not patterns or any(matches(name, pattern) for pattern in patterns)]
        numbers = evaluator.result(
            sizes=None if promised is None else archive_sizes(promised.info()),
            missing=missing,
            left_out=[name for name in absent if name not in missing],
            guarantees=() if proof is None else proof.results(),
        )
        return Evaluation.of_numbers(
            numbers,
            original=str(original) if isinstance(original, str | Path) else str(before.path),
            restored=str(restored) if isinstance(restored, str | Path) else str(after.path),
            failures=judge(numbers, settings.tolerances),
            files=files,
            tolerances=settings.tolerances.judged(),
            settings={} if promised is None else promised.settings(),
            history={} if promised is None else promised.history(),
        )


def _asked_for(archive: Archive | None) -> tuple[str, ...]:
    """The names and globs of columns that an archive was asked to hold; none for all columns."""
    return () if archive is None else tuple(archive.settings().get("columns", ()))


def _compared(before: Source, after: Source) -> tuple[Schema, Schema]:
    """The schemas of the columns to be compared, as each of two sources has them."""
    own, restored = with_arrays_of(before.schema, after.schema), with_arrays_of(after.schema, before.schema)
    missing = [name for name in restored.order if name not in own.order]
    if missing:
        raise UsageError(
            f"is not in the original: {nearest(missing[0], own.order)}",
            path=after.path,
            column=missing[0],
            way_out="Name the file that was compressed, and the same tree or group in both (file.h5:muons)",
        )
    compared = set(restored.order)
    if not compared:
        raise UsageError("has no columns to compare", path=after.path)
    if before.n_events != after.n_events:
        raise UsageError(
            "has a different number of rows from the original",
            path=after.path,
            found=f"{after.n_events:,} rows",
            expected=f"{before.n_events:,} rows",
            way_out="Compare with the file that was compressed, over the same range of events",
        )
    return own.only(compared), restored.only(compared)


def _aligned(before: Source, wanted: Schema, after: Source, found: Schema) -> Iterator[tuple[Batch, Batch]]:
    """The batches of two sources of as many events, cut where those of the second end; at least one. A row of padded
    objects has as many in both: a value within its bound may be one that padding has.
    """
    counted, batches = tee(batch for batch in after.read(found) if batch[0].n_rows)
    numbers = (batch[0].n_rows for batch in counted)
    yield empty_batch(wanted), empty_batch(found)
    counters = {made.counter for made in wanted.padded} & {made.counter for made in found.padded}
    for batch, other in zip(cut_events(before.read(wanted), wanted, numbers), batches, strict=True):
        counts = {name: np.maximum(batch[0][name], other[0][name]) for name in counters}
        yield widened(batch, wanted, counts), widened(other, found, counts)


def archive_sizes(info: ArchiveInfo) -> ArchiveSizes:
    """The sizes of an archive in bytes: the original's, the whole and its parts, and what each kind of model would
    take.
    """
    return ArchiveSizes(
        original_bytes=info.original_bytes,
        archive_bytes=info.archive_bytes,
        model_bytes=info.bytes.model,
        latents_bytes=info.bytes.latents,
        codes_bytes=info.bytes.codes,
        guarantees_bytes=info.bytes.guarantees,
        metadata_bytes=info.bytes.metadata,
        guarantees={one.text: one.moves_bytes for one in info.guarantees}
        | {f"{SHARED[name]}, of all": n_bytes for name, n_bytes in info.shared_bytes.items()},
        candidates=tuple(
            CandidateSizes(
                group=group.name, kind=group.kind, bytes=group.candidate_bytes, fitted_bytes=group.fitted_bytes
            )
            for group in info.groups
            if len(group.candidate_bytes) > 1
        ),
    )


@contextmanager
def _opened(given: Any, name: str, promised: Archive | None, dialect: Options) -> Iterator[Source]:  # noqa: ANN401
    """The source of a file, an archive, or data in memory, which errors call by a name."""
    if _is_archive(given):
        with Archive(given) as archive:
            yield archive.as_source()
    elif (memory := source_of(given, name)) is not None:
        yield memory
    else:
        told = dialect_options(dialect) if is_text(given) else None
        yield open_source(same_table(promised, given), told or told_dialect(promised, given))


def _place(given: Any) -> Any:  # noqa: ANN401  files or data
    """The same, of a file object its bytes: it may be read as two archives at once."""
    if not is_file_object(given):
        return given
    storage = open_storage(given)
    return storage.read_at(0, storage.n_bytes)


def _is_archive(given: Any) -> bool:  # noqa: ANN401  files or data
    return isinstance(given, bytes) or (isinstance(given, str | Path) and is_archive(given))


def _archive(place: Place | None) -> AbstractContextManager[Archive | None]:
    return nullcontext() if place is None else Archive(place)
