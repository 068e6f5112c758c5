"""Several archives of one file, or several ways to compress it, side by side."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import SourceError, UsageError
from baler_vae.evaluation.comparison import Compared, ComparedColumn, ComparedGuarantee, ComparedPeak, Comparison
from baler_vae.guarantees.definitions import Asked
from baler_vae.io.files import ARCHIVE_SUFFIX, open_source
from baler_vae.paths import is_folder, temporary_folder
from baler_vae.progress import Progress, ShownProgress, callback, shows_progress, silent, within
from baler_vae.reader.archive import Archive
from baler_vae.report.rivals import read_rivals
from baler_vae.settings.checking import check_settings
from baler_vae.settings.evaluation import EvaluationSettings
from baler_vae.settings.model import ModelSettings
from baler_vae.source.dialect import DialectOptions, Options, dialect_options
from baler_vae.source.source import Source
from baler_vae.table.schema import as_tuple
from baler_vae.verbs.compress import compress_files
from baler_vae.verbs.evaluate import evaluate
from baler_vae.verbs.evaluation import Evaluation
from baler_vae.verbs.request import FitRequest, Request


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def compare(
    against: str | Path,
    archives: str | Path | Sequence[str | Path] = (),
    *,
    bounds: str | Sequence[str] = (),
    models: str | Sequence[str] = ("independent",),
    columns: str | Sequence[str] = (),
    guarantees: Sequence[Asked] = (),
    rivals: str | Path | None = None,
    settings: EvaluationSettings | None = None,
    model: ModelSettings | None = None,
    dialect: Options = None,
    progress: ShownProgress = silent,
) -> Comparison:
    """Compare archives of one file side by side, or those that given bounds and kinds of model would make.

    Parameters
    ----------
    against : str or Path
        The original.
    archives : str, Path or sequence of them
        Archives of it, or folders of archives.
    bounds : str or sequence of str
        Bounds to compress it under, through archives in a temporary folder; a text may hold several, separated by
        semicolons: ``"bits:10; Jet_phi=abs:1e-3"``.
    models : str or sequence of str
        Kinds of model to compress it with under each of the bounds.
    columns : str or sequence of str
        Names or globs of the columns to compress; all of them by default.
    guarantees : sequence of GuaranteeSettings, dict or str
        What is guaranteed beyond each of the bounds; see `compress`. They may name quantities of `settings`.
    rivals : str or Path, optional
        A file with the sizes of other compressors for the same rows under the same bounds: the table of the benchmarks,
        or, for a single bound, JSON of bytes by name.
    settings : EvaluationSettings, optional
        What is measured and judged.
    model : ModelSettings, optional
        The settings of the models, apart from their kinds.
    dialect : DialectOptions or Mapping[str, str], optional
        How the original is written, where it is text.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Comparison
        Sizes in bytes, residuals in the unit of each column and in its widths, and shifts of peaks.

    Raises
    ------
    SourceError
        A file cannot be read.
    ArchiveError
        An archive is damaged.
    UsageError
        There is nothing to compare, a folder holds no archive, an archive is not one of this file, a bound, a kind or
        a column is wrong, or nothing was measured of rivals under any of the bounds.
    MissingExtra
        The packages for evaluation or training are not installed.
    """
    told = callback(progress)
    places = [archives] if isinstance(archives, str | Path) else list(archives)
    if not places and not bounds:
        raise UsageError("nothing to compare", way_out="Name archives, a folder of them, or bounds")
    if rivals is not None and not bounds:
        raise UsageError("rivals are compared under bounds", way_out="Name one or more bounds")
    found: list[Compared] = []
    if places:
        found += compare_archives(places, against, settings=settings, dialect=dialect, progress=told)
    if bounds:
        found += compare_ways(
            against,
            bounds=as_tuple(bounds),
            models=as_tuple(models),
            columns=columns,
            guarantees=guarantees,
            settings=settings,
            model=model,
            dialect=dialect,
            progress=told,
        )
    measured = {} if rivals is None else rivals_of(Path(rivals), found)
    return Comparison(against=str(against), archives=tuple(found), rivals=measured)


def rivals_of(path: Path, archives: Sequence[Compared]) -> dict[str, dict[str, int]]:
    """What rivals take for the same values, by bound; bounds under which nothing was measured are left out.

    Raises:
        SourceError: the file cannot be read.
        UsageError: nothing was measured under any of the bounds.
    """
    bounds = {own.bound for own in archives if own.bound is not None}
    if path.suffix == ".json" and len(bounds) > 1:
        raise UsageError(
            "does not say which bound its figures keep",
            path=path,
            way_out="Compare under one bound, or name the table of the benchmarks (results.csv)",
        )
    known: dict[str, dict[str, int]] = {}
    failed: UsageError | None = None
    for own in archives:
        if own.bound is None or own.bound in known:
            continue
        try:
            known[own.bound] = read_rivals(path, original_bytes=own.original_bytes, bounds=[own.bound])
        except UsageError as error:
            failed = error
    if failed is not None and not known:
        raise failed
    return known


def archives_of(places: Sequence[str | Path]) -> list[str]:
    """The archives at some paths, each a file or a folder of them, by name.

    Raises:
        UsageError: a folder holds none.
    """
    found: list[str] = []
    for place in places:
        folder = Path(place)
        if "://" in str(place) or not is_folder(folder):
            found.append(str(place))
            continue
        try:
            inside = sorted(str(path) for path in folder.iterdir() if path.suffix == ARCHIVE_SUFFIX and path.is_file())
        except OSError as error:
            raise SourceError(f"cannot be read: {error.strerror}", path=folder) from error
        if not inside:
            raise UsageError(f"holds no {ARCHIVE_SUFFIX} files", path=folder)
        found += inside
    return list(dict.fromkeys(found))


def compare_archives(
    places: Sequence[str | Path],
    against: str | Path,
    *,
    settings: EvaluationSettings | None = None,
    dialect: Options = None,
    progress: Progress = silent,
) -> Iterator[Compared]:
    """Each archive, or archive of a folder, against the file that they were made of.

    Raises:
        SourceError: a file cannot be read.
        ArchiveError: an archive is damaged.
        UsageError: a folder holds no archive, or an archive is not one of this file.
        MissingExtra: the packages for evaluation are not installed.
    """
    archives = archives_of(places)
    judged = _judged(against, settings, dialect, progress)
    for number, place in enumerate(archives, 1):
        yield judged.compared(place, within(progress, f"{number}/{len(archives)} archives: {Path(place).name}"))


def compare_ways(
    against: str | Path,
    *,
    bounds: Sequence[str],
    models: Sequence[str] = ("independent",),
    columns: str | Sequence[str] = (),
    guarantees: Sequence[Asked] = (),
    settings: EvaluationSettings | None = None,
    model: ModelSettings | None = None,
    dialect: Options = None,
    progress: Progress = silent,
) -> Iterator[Compared]:
    """What each kind of model makes of a file under each bound, through archives in a temporary folder. A text of
    `bounds` may hold several, separated by semicolons; `model` says all but the kind, `guarantees` what is kept beyond
    each of the bounds.

    Raises:
        SourceError: the file cannot be read.
        UsageError: a bound, a kind, a column or a guarantee is wrong.
        MissingExtra: the packages for evaluation or training are not installed.
    """
    base = (model or ModelSettings()).model_dump(exclude_defaults=True)
    quantities = () if settings is None else settings.quantities

    def asked(text: str, chosen: ModelSettings) -> FitRequest:
        bound = [own.strip() for own in text.split(";")]
        return FitRequest.of(
            columns=columns, bound=bound, guarantees=guarantees, quantities=quantities, settings=chosen
        )

    ways = [
        (text, asked(text, chosen))
        for chosen in [check_settings(ModelSettings, {**base, "kind": kind}) for kind in models]
        for text in bounds
    ]
    judged = _judged(against, settings, dialect, progress)
    for number, (text, request) in enumerate(ways, 1):
        kind = request.settings.kind
        told = within(progress, f"{number}/{len(ways)} settings: {kind}, {text}")
        with temporary_folder() as folder:
            archive = folder / f"archive{ARCHIVE_SUFFIX}"
            compress_files(against, archive, Request(codec=request, dialect=judged.dialect), told)
            found = judged.compared(archive, told)
            yield replace(found, name=f"{kind}, {text}", bound=text, model=kind)


@dataclass(frozen=True)
class _Judged:
    """The file that archives are made of, how they are judged, and the width of each of its columns by name."""

    against: str | Path
    settings: EvaluationSettings
    dialect: DialectOptions | None
    widths: Mapping[str, float]

    def compared(self, place: str | Path, progress: Progress) -> Compared:
        """What became of the columns in an archive."""
        evaluation = evaluate(self.against, place, settings=self.settings, dialect=self.dialect, progress=progress)
        return _compared(place, evaluation, self.widths)


def _judged(against: str | Path, settings: EvaluationSettings | None, dialect: Options, progress: Progress) -> _Judged:
    progress("measuring the widths of columns", 0, 1)
    options = dialect_options(dialect)
    return _Judged(against, settings or EvaluationSettings(), options, widths_of(open_source(against, options)))


def _compared(place: str | Path, evaluation: Evaluation, widths: Mapping[str, float]) -> Compared:
    with Archive(place) as archive:
        info = archive.info()
    entries = {entry.name: entry for entry in info.columns}
    columns = tuple(
        ComparedColumn(
            name=found.name,
            dtype=found.dtype,
            bound=entries[found.name].bound,
            n_bytes=entries[found.name].bytes,
            n_different=found.n_different,
            largest=found.largest,
            rms=found.rms,
            width=widths.get(found.name),
        )
        for found in evaluation.columns
        if found.name in entries
    )
    peaks = tuple(
        ComparedPeak(
            column=shift.peak.column,
            window=shift.peak.window,
            position_percent=shift.mean_change_percent,
            width_percent=shift.width_change_percent,
            position_in_errors=shift.mean_shift_in_errors,
            width_in_errors=shift.width_shift_in_errors,
        )
        for shift in evaluation.peaks
    )
    kept = tuple(
        ComparedGuarantee(
            found.text, found.n if found.is_judged else None, found.n_broken, found.worst, entry.moves_bytes
        )
        for found, entry in zip(evaluation.guarantees, info.guarantees, strict=True)
    )
    return Compared(
        name=Path(place).name,
        archive_bytes=info.archive_bytes,
        original_bytes=info.original_bytes,
        model_kind=info.model_kind,
        n_rows=max(info.n_rows.values()),
        n_values=sum(info.n_rows[entry.group] for entry in info.columns),
        columns=columns,
        peaks=peaks,
        guarantees=kept,
        guarantees_bytes=info.bytes.guarantees,
        exceeded=tuple(failure.text for failure in evaluation.failures),
    )


def widths_of(source: Source) -> dict[str, float]:
    """The standard deviation of the finite values of each column of numbers, by name; 0 for fewer than two."""
    schema = source.schema.only([column.name for column in source.schema.columns if column.is_scalar])
    sums = dict.fromkeys(schema.order, (0, 0.0, 0.0))
    for batch in source.read(schema):
        for table in batch:
            for name, array in table.arrays.items():
                sums[name] = _with_more(*sums[name], array.astype(np.float64))
    return {name: math.sqrt(squares / n) if n > 1 else 0.0 for name, (n, _, squares) in sums.items()}


def _with_more(n: int, mean: float, squares: float, values: NDArray[np.float64]) -> tuple[int, float, float]:
    """Number, mean and sum of squares around it, with more values (rows,): T. F. Chan, G. H. Golub and R. J. LeVeque,
    The American Statistician 37 (1983) 242.
    """
    values = values[np.isfinite(values)]
    if not len(values):
        return n, mean, squares
    with np.errstate(over="ignore", invalid="ignore"):
        own_mean = float(np.mean(values))
        own_squares = float(np.sum((values - own_mean) ** 2))
    both, apart = n + len(values), own_mean - mean
    return both, mean + apart * len(values) / both, squares + own_squares + apart**2 * n * len(values) / both
