"""A table against what came back of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from baler_vae.errors import UsageError, nearest
from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.histograms import ColumnHistograms, column_histograms
from baler_vae.evaluation.peaks import Peak, PeakFit, PeakShift, fit_peak
from baler_vae.evaluation.residuals import Array, ColumnResiduals, column_residuals
from baler_vae.table.schema import match_columns
from baler_vae.table.table import Batch

DEFAULT_ANGLES = ("*phi*", "*Phi*")
DEFAULT_PEAKS = (Peak("Jet_mass", (100, 225), 199), Peak("mass", (100, 225), 199))


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate_tables` found.

    `n_rows` is by group of the original, `columns` in the order of the original's groups, `histograms` by name of a
    numeric column with a finite value. `sizes` is what is known of the archive, in bytes: any of `original_bytes`,
    `archive_bytes`, and its parts `model_bytes`, `latents_bytes`, `codes_bytes`, `metadata_bytes`; `candidates` is a
    list of `group`, the `kind` of model that it has, about how many `bytes` each kind would take as a sample tells it,
    and `fitted_bytes`, what the one that was fitted takes.
    """

    n_rows: Mapping[str, int]
    columns: tuple[ColumnResiduals, ...]
    peaks: tuple[PeakShift, ...]
    histograms: Mapping[str, ColumnHistograms]
    sizes: Mapping[str, Any] | None = None
    cuts: tuple[Migration, ...] = ()
    statistics: Mapping[str, Any] = field(default_factory=dict)


def evaluate_tables(
    original: Batch,
    restored: Batch,
    *,
    angles: Sequence[str] | None = None,
    peaks: Sequence[Peak] | None = None,
    sizes: Mapping[str, Any] | None = None,
) -> Evaluation:
    """What became of every column of `original`; columns are matched by name, those only in `restored` are ignored.

    The residuals of float columns that match a glob of `angles` are wrapped into [-pi, pi). Without `angles` these are
    the columns of `DEFAULT_ANGLES` whose values are angles in radians. Without `peaks` they are those of
    `DEFAULT_PEAKS` that are float columns of both with a value in the window.

    Raises:
        UsageError: `restored` misses a column, has another number of rows or text for numbers; a glob of `angles`
            matches nothing; a peak's column is not a numeric one.
    """
    before = {name: array for table in original for name, array in table.arrays.items()}
    after = {name: array for table in restored for name, array in table.arrays.items()}
    for table in original:
        for name in table.group.names:
            _check_pair(name, table.group.name, before[name], after)

    wrapped = _angles(before, angles)
    columns = tuple(
        column_residuals(name, before[name], after[name], group=table.group.name, angle=name in wrapped)
        for table in original
        for name in table.group.names
    )
    histograms = {
        name: column_histograms(array, after[name], angle=name in wrapped)
        for name, array in before.items()
        if array.dtype.kind != "O"
    }
    return Evaluation(
        n_rows={table.group.name: table.n_rows for table in original},
        columns=columns,
        peaks=tuple(
            PeakShift(peak, fit_peak(before[peak.column], peak), fit_peak(after[peak.column], peak))
            for peak in _peaks(before, after, peaks)
        ),
        histograms={name: found for name, found in histograms.items() if found is not None},
        sizes=sizes,
    )


def _check_pair(name: str, group: str, before: Array, after: Mapping[str, Array]) -> None:
    if name not in after:
        raise UsageError(
            f"is missing in the restored table: {nearest(name, after)}",
            column=name,
            way_out="Select the columns that both have with --columns",
        )
    if len(before) != len(after[name]):
        raise UsageError(
            f"the restored table has another number of rows in group {group!r}",
            column=name,
            found=f"{len(after[name]):,} rows",
            expected=f"{len(before):,} rows",
            way_out="Compare with the file that was compressed, over the same range of events",
        )
    if (before.dtype.kind == "O") != (after[name].dtype.kind == "O"):
        kinds = ["text" if array.dtype.kind == "O" else array.dtype.name for array in (after[name], before)]
        raise UsageError("text and numbers cannot be compared", column=name, found=kinds[0], expected=kinds[1])


def _angles(before: Mapping[str, Array], patterns: Sequence[str] | None) -> set[str]:
    floats = [name for name, array in before.items() if array.dtype.kind == "f"]
    if patterns is not None:
        return {name for pattern in patterns for name in match_columns(pattern, floats)}
    named = [name for name in floats if any(fnmatchcase(name, pattern) for pattern in DEFAULT_ANGLES)]
    return {name for name in named if _in_radians(before[name])}


def _in_radians(values: Array) -> bool:
    """Whether finite values can be angles in radians; wrapping degrees by 2 pi would hide large residuals."""
    finite = values[np.isfinite(values)]
    return not len(finite) or float(np.max(np.abs(finite))) < 2 * np.pi + 1e-3


def _peaks(before: Mapping[str, Array], after: Mapping[str, Array], peaks: Sequence[Peak] | None) -> list[Peak]:
    if peaks is None:
        return [
            peak
            for peak in DEFAULT_PEAKS
            if all(table.get(peak.column, np.empty(0, bool)).dtype.kind == "f" for table in (before, after))
            and np.any((before[peak.column] >= peak.window[0]) & (before[peak.column] <= peak.window[1]))
        ]
    numeric = [name for name, array in before.items() if array.dtype.kind != "O"]
    for peak in peaks:
        if peak.column not in numeric:
            raise UsageError(
                f"is no numeric column to fit a peak to: {nearest(peak.column, numeric)}", column=peak.column
            )
    return list(peaks)


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The numbers of an evaluation, without the histograms, as plain JSON values; what is undefined is null.

    Keys:
        `n_rows`: group -> rows.
        `sizes`: as in `Evaluation`, with `ratio` = original_bytes / archive_bytes where both are known; or null.
        `columns`: a list of `name`, `group`, `dtype`, `angle`, `n_rows`, `n_different`, `n_lost`, `n_used`,
            `residual` (`mean`, `rms`, `largest`, `quantiles`: per cent -> value) and `response` (`n_used`, `mean`,
            `rms`), the last two null for text.
        `peaks`: a list of `column`, `window`, `n_bins`, `mass_difference_percent`, `width_change_percent`,
            `mean_shift_in_errors`, `width_shift_in_errors`, and the fits `before` and `after`, each with `valid`,
            `reason`, `mean`, `mean_error`, `width`, `width_error`, `yield`, `yield_error`, `chi2`, `n_dof`.
        `cuts`: a list of `cut`, `at_least`, `of`, `n`, `n_before`, `n_after`, `n_out`, `n_in`, `percent`.
    """
    document = {
        "n_rows": dict(evaluation.n_rows),
        "sizes": None if evaluation.sizes is None else {**evaluation.sizes, "ratio": size_ratio(evaluation.sizes)},
        "columns": [_column_json(column) for column in evaluation.columns],
        "peaks": [_peak_json(shift) for shift in evaluation.peaks],
        "cuts": [{**asdict(migration), "percent": migration.percent} for migration in evaluation.cuts],
    }
    return {key: _plain(value) for key, value in document.items()}


def size_ratio(sizes: Mapping[str, Any] | None) -> float | None:
    """How many times smaller the archive is than the original; None where either size is unknown or zero."""
    original, archive = ((sizes or {}).get(key) for key in ("original_bytes", "archive_bytes"))
    return float(original) / float(archive) if original and archive else None


def _column_json(column: ColumnResiduals) -> dict[str, Any]:
    names = ("name", "group", "dtype", "angle", "n_rows", "n_different", "n_lost", "n_used")
    document = {name: getattr(column, name) for name in names}
    if column.response is None:
        return {**document, "residual": None, "response": None}
    quantiles = {f"{percent:g}": value for percent, value in (column.quantiles or {}).items()}
    residual = {"mean": column.mean, "rms": column.rms, "largest": column.largest, "quantiles": quantiles or None}
    return {**document, "residual": residual, "response": vars(column.response)}


def _peak_json(shift: PeakShift) -> dict[str, Any]:
    return {
        "column": shift.peak.column,
        "window": list(shift.peak.window),
        "n_bins": shift.peak.n_bins,
        "mass_difference_percent": shift.mass_difference_percent,
        "width_change_percent": shift.width_change_percent,
        "mean_shift_in_errors": shift.mean_shift_in_errors,
        "width_shift_in_errors": shift.width_shift_in_errors,
        "before": _fit_json(shift.before),
        "after": _fit_json(shift.after),
    }


def _fit_json(fit: PeakFit) -> dict[str, Any]:
    names = ("valid", "reason", "mean", "mean_error", "width", "width_error", "yield_error", "chi2", "n_dof")
    return {**{name: getattr(fit, name) for name in names}, "yield": fit.peak_yield}


def _plain(value: object) -> object:
    """The same value with plain Python numbers, lists and dicts, and None for NaN and infinities."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
