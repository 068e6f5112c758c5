"""A table against its restored version."""

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from baler_vae.errors import UsageError, nearest
from baler_vae.evaluation.cuts import CutCounter
from baler_vae.evaluation.group import GroupCounter
from baler_vae.evaluation.numbers import ArchiveSizes, EvaluationNumbers, GuaranteeResult
from baler_vae.evaluation.peaks import Peak, PeakCounter
from baler_vae.evaluation.residuals import Array, ColumnCounter
from baler_vae.evaluation.sample import rows_of_samples
from baler_vae.evaluation.spectra import Spectrum, SpectrumCounter
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Column, Group, match_columns
from baler_vae.table.table import Batch

DEFAULT_ANGLES = ("*phi*", "*Phi*")
DEFAULT_PEAKS = (Peak("Jet_mass", (100, 225), 199), Peak("mass", (100, 225), 199))
DEFAULT_PROFILES = ("*_pt", "pt")


class Evaluator:
    """What became of the columns of some groups whose rows come in batches, in one pass and in bounded memory.

    The residuals of float columns that match a glob of `angles` are wrapped into [-pi, pi). Without `angles` these are
    the columns of `DEFAULT_ANGLES` whose values are angles in radians. Without `peaks` they are those of
    `DEFAULT_PEAKS` that are float columns of the original with a value in the window. `histograms` are compared bin by
    bin, and so are those of peaks. Profiles are drawn against the
    first column of each group that matches `profile`, without it one of `DEFAULT_PROFILES`. `bounds` is what was
    promised, by column, and `derived` names the columns that were computed from others. `cuts` count what changes
    sides. Where rows hold arrays, the values of the column are all their cells.

    Raises:
        UsageError: a glob matches no column; the column of a peak or histogram is not a numeric one.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        angles: Sequence[str] | None = None,
        peaks: Sequence[Peak] | None = None,
        profile: str | None = None,
        bounds: Mapping[str, Bound] | None = None,
        derived: Collection[str] = (),
        cuts: Sequence[CutCounter] = (),
        histograms: Sequence[Spectrum] = (),
    ) -> None:
        columns = [column for group in groups for column in group.columns]
        wrapped = _angles(columns, angles)
        self._asked = peaks is not None
        self._peaks = [PeakCounter(peak) for peak in chosen_peaks(columns, peaks)]
        for histogram in histograms:
            _check_numeric(histogram.column, columns, "compare a histogram of")
        self._spectra = [SpectrumCounter(histogram) for histogram in histograms]
        counters = {
            column.name: ColumnCounter(
                column.name,
                column.dtype,
                group=group.name,
                angle=wrapped[column.name],
                derived=column.name in derived,
                bound=(bounds or {}).get(column.name),
            )
            for group in groups
            for column in group.columns
        }
        self._cuts = cuts
        self._groups = [
            GroupCounter(
                group,
                {name: counters[name] for name in group.names},
                most_rows=rows_of_samples(groups),
                seed=number,
                against=against,
            )
            for number, (group, against) in enumerate(zip(groups, _against(groups, profile), strict=True))
        ]

    def add(self, before: Batch, after: Batch) -> None:
        """Takes more rows into account: tables of the groups, in their order, and what came back of the same rows.
        Columns are matched by name, those only in `after` are ignored.

        Raises:
            UsageError: `after` misses a column, has another number of rows, or text for numbers.
        """
        original = {name: array for table in before for name, array in table.arrays.items()}
        restored = {name: array for table in after for name, array in table.arrays.items()}
        for table, group in zip(before, self._groups, strict=True):
            for name in table.group.names:
                _check_pair(name, group, original[name], restored)
        for table, group in zip(before, self._groups, strict=True):
            group.add(original, restored, table.n_rows)
        for counter in self._peaks:
            name = counter.peak.column
            counter.add(original[name], restored[name])
        for spectrum in self._spectra:
            name = spectrum.spectrum.column
            spectrum.add(original[name], restored[name])
        for cut in self._cuts:
            cut.add(before, after)

    def result(
        self,
        *,
        sizes: ArchiveSizes | None = None,
        missing: Sequence[str] = (),
        left_out: Sequence[str] = (),
        guarantees: Sequence[GuaranteeResult] = (),
    ) -> EvaluationNumbers:
        """What was found in all rows so far; the other arguments are those of `EvaluationNumbers`."""
        columns = [found for group in self._groups for found in group.columns()]
        shifts = [(counter.shift(), counter.spectrum()) for counter in self._peaks]
        shown = [(shift, spectrum) for shift, spectrum in shifts if self._asked or shift.before.counts.any()]
        # The window of a peak that was only looked for, and is not there, is nobody's histogram.
        of_peaks = [spectrum for shift, spectrum in shown if self._asked or shift.before.valid]
        groups = [group.statistics() for group in self._groups]
        return EvaluationNumbers(
            n_rows={group.name: group.n_rows for group in self._groups},
            columns=tuple(column for column, _, _ in columns),
            peaks=tuple(shift for shift, _ in shown),
            histograms={column.name: drawn for column, drawn, _ in columns if drawn is not None},
            sizes=sizes,
            n_sampled={group.name: group.n_sampled for group in self._groups},
            statistics={column.name: found for column, _, found in columns if found is not None},
            groups=tuple(found for found in groups if found is not None),
            cuts=tuple(cut.migration() for cut in self._cuts),
            spectra=(*of_peaks, *(counter.shift() for counter in self._spectra)),
            guarantees=tuple(guarantees),
            declared_peaks=self._asked,
            missing=tuple(missing),
            left_out=tuple(left_out),
        )


def evaluate_tables(
    original: Batch,
    restored: Batch,
    *,
    angles: Sequence[str] | None = None,
    peaks: Sequence[Peak] | None = None,
    profile: str | None = None,
    bounds: Mapping[str, Bound] | None = None,
    sizes: ArchiveSizes | None = None,
    histograms: Sequence[Spectrum] = (),
) -> EvaluationNumbers:
    """What became of every column of `original`; the settings are those of an `Evaluator`.

    Raises:
        UsageError: `restored` misses a column, has another number of rows or text for numbers; a glob matches nothing;
            the column of a peak or histogram is not a numeric one.
    """
    groups = [table.group for table in original]
    evaluator = Evaluator(groups, angles=angles, peaks=peaks, profile=profile, bounds=bounds, histograms=histograms)
    evaluator.add(original, restored)
    return evaluator.result(sizes=sizes)


def _check_pair(name: str, group: GroupCounter, before: Array, after: Mapping[str, Array]) -> None:
    if name not in after:
        raise UsageError(
            f"is missing in the restored table: {nearest(name, after)}",
            column=name,
            way_out="Select the columns that both have with --columns",
        )
    if len(before) != len(after[name]):
        raise UsageError(
            f"the restored table has a different number of rows in group {group.name!r}",
            column=name,
            rows=f"after the first {group.n_rows:,}" if group.n_rows else None,
            found=f"{len(after[name]):,} rows",
            expected=f"{len(before):,} rows",
            way_out="Compare with the file that was compressed, over the same range of events",
        )
    if before.shape[1:] != after[name].shape[1:]:
        found, expected = (f"arrays of shape {array.shape[1:]}" for array in (after[name], before))
        raise UsageError("has arrays of another shape", column=name, found=found, expected=expected)
    found, expected = (_kind(array.dtype) for array in (after[name], before))
    if found != expected:
        raise UsageError(f"{found} and {expected} cannot be compared", column=name, found=found, expected=expected)


def _kind(dtype: np.dtype[Any]) -> str:
    return {"O": "text", "V": "nested values"}.get(dtype.kind, "numbers")


def _angles(columns: Sequence[Column], patterns: Sequence[str] | None) -> dict[str, bool | None]:
    """Whether each column, by name, is an angle; None where its values will decide."""
    floats = [column.name for column in columns if column.is_float]
    if patterns is not None:
        named = {name for pattern in patterns for name in match_columns(pattern, floats)}
        return {column.name: column.name in named for column in columns}
    named = {name for name in floats if any(fnmatchcase(name, pattern) for pattern in DEFAULT_ANGLES)}
    return {column.name: None if column.name in named else False for column in columns}


def _against(groups: Sequence[Group], pattern: str | None) -> list[str | None]:
    """The column of each group that profiles are drawn against; None where no numeric one matches."""
    names = [[column.name for column in group.columns if column.is_scalar] for group in groups]
    if pattern is not None:
        wanted = match_columns(pattern, [name for some in names for name in some])
        return [next((name for name in some if name in wanted), None) for some in names]
    floats = [[c.name for c in group.columns if c.is_float and c.is_scalar] for group in groups]
    return [
        next((name for name in some if any(fnmatchcase(name, default) for default in DEFAULT_PROFILES)), None)
        for some in floats
    ]


def chosen_peaks(columns: Sequence[Column], peaks: Sequence[Peak] | None) -> list[Peak]:
    """The peaks that are named, or without any those of `DEFAULT_PEAKS` whose column holds floats.

    Raises:
        UsageError: the column of a named peak is missing, or not numeric.
    """
    if peaks is None:
        floats = {column.name for column in columns if column.is_float and column.is_scalar}
        return [peak for peak in DEFAULT_PEAKS if peak.column in floats]
    for peak in peaks:
        _check_numeric(peak.column, columns, "fit a peak to")
    return list(peaks)


def _check_numeric(name: str, columns: Sequence[Column], what_for: str) -> None:
    numeric = [column.name for column in columns if column.is_scalar]
    if name not in numeric:
        raise UsageError(f"is not a numeric column to {what_for}: {nearest(name, numeric)}", column=name)
