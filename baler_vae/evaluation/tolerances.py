"""Which tolerances an evaluation exceeds, a line for each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from baler_vae.errors import UsageError, listed
from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.numbers import EvaluationNumbers
from baler_vae.evaluation.peaks import PeakShift
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.evaluation.spectra import SpectrumShift
from baler_vae.evaluation.units import unit
from baler_vae.settings.evaluation import ToleranceSettings
from baler_vae.table.bounds import shortened_guarantee
from baler_vae.table.schema import match_columns

LARGEST_CHANCE = 1e-3
"""The largest p-value of a paired chi2 at which a change of a histogram is not taken for chance."""


@dataclass(frozen=True)
class Failure:
    """A tolerance that is exceeded: what was judged, of which column, quantity or cut, the number that was found and
    the largest that is allowed, in the unit of the tolerance, and all of it in one line of text. `found` is None for a
    peak that cannot be fitted, and for a number that cannot be determined.
    """

    what: str
    where: str
    found: float | None
    allowed: float
    text: str


def judge(evaluation: EvaluationNumbers, tolerances: ToleranceSettings) -> tuple[Failure, ...]:
    """The tolerances that an evaluation exceeds: those of peaks, spectra, cuts, values that must be the same, bounds,
    columns. What an archive guarantees has no tolerance.

    A peak that can be fitted before or after only exceeds every tolerance, and so does a declared one that cannot be
    fitted at all: nothing is known of it. Columns that are not floats are judged by `differing_percent` unless a bound
    allows them to differ.

    Raises:
        UsageError: a glob matches no numeric column.
    """
    failures = [*_of_missing(evaluation, tolerances), *_of_guarantees(evaluation)]
    for shift in evaluation.peaks:
        failures += _of_peak(shift, tolerances, declared=evaluation.declared_peaks)
    for spectrum in evaluation.spectra:
        failures += _of_spectrum(spectrum, tolerances)
    if tolerances.migration_percent is not None:
        failures += [failure for cut in evaluation.cuts for failure in _of_cut(cut, tolerances.migration_percent)]
    for column in evaluation.columns:
        failures += _of_column(column, tolerances)
    return (*failures, *_of_globs(evaluation, tolerances))


def _of_missing(evaluation: EvaluationNumbers, tolerances: ToleranceSettings) -> Iterator[Failure]:
    """What did not come back at all."""
    names, allowed = evaluation.missing, tolerances.missing
    if allowed is not None and len(names) > allowed:
        named = listed(names)
        yield _failure("missing columns", named, len(names), allowed, f"columns that did not come back ({named}):")


def _of_guarantees(evaluation: EvaluationNumbers) -> Iterator[Failure]:
    """What the archive guarantees and does not keep."""
    for found in evaluation.guarantees:
        if found.n_broken:
            text = (
                f"guarantee {shortened_guarantee(found.text)}: broken by {found.n_broken:,} of {found.n:,}; allowed: 0"
            )
            yield Failure("guarantee", found.text, found.n_broken, 0, text)


def _of_peak(shift: PeakShift, tolerances: ToleranceSettings, *, declared: bool) -> Iterator[Failure]:
    """What a peak exceeds."""
    changes: list[tuple[str, str, float | None, float | None]] = [
        ("position", "%", shift.mean_change_percent, tolerances.peak_position_percent),
        ("position", "standard errors", shift.mean_shift_in_errors, tolerances.peak_position_errors),
        ("width", "%", shift.width_change_percent, tolerances.peak_width_percent),
        ("width", "standard errors", shift.width_shift_in_errors, tolerances.peak_width_errors),
        ("yield", "%", shift.yield_change_percent, tolerances.peak_yield_percent),
        ("yield", "standard errors", shift.yield_shift_in_errors, tolerances.peak_yield_errors),
    ]
    judged = [(of, scale, found, allowed) for of, scale, found, allowed in changes if allowed is not None]
    name, (low, high) = shift.peak.column, shift.peak.window
    peak = f"peak of {name} in {low:g} to {_with_unit(f'{high:g}', name)}"
    if judged and shift.before.valid != shift.after.valid:
        when, other = ("after", "before") if shift.before.valid else ("before", "after")
        reason = shift.after.reason or shift.before.reason
        text = f"{peak}: the fit {when} fails ({reason}), the one {other} does not"
        yield Failure("peak fit", name, None, judged[0][-1], text)
    elif judged and declared and not shift.before.valid:
        yield Failure("peak fit", name, None, judged[0][-1], f"{peak}: the fit fails ({shift.before.reason})")
    elif shift.before.valid and shift.after.valid:
        for of, scale, found, allowed in judged:
            # A fit of a peak at 0 has no change in per cent.
            change = float("inf") if found is None else found
            if not abs(change) <= allowed:
                text = f"{peak}: moved by" if of == "position" else f"{peak}: {of} changed by"
                yield _failure(f"peak {of}", name, change, allowed, text, scale)


def _of_spectrum(shift: SpectrumShift, tolerances: ToleranceSettings) -> Iterator[Failure]:
    """What the bins of a histogram or peak exceed. Rows that change bins by chance raise the chi2 of nothing, but the
    estimate of what they do scatters: only what is no chance fails.
    """
    name, allowed = shift.spectrum.column, tolerances.spectrum_chi2
    rise = shift.rise_in_deviations
    if allowed is not None and not rise <= allowed and shift.p_value < LARGEST_CHANCE:
        text = f"{spectrum_name(shift)}: the chi2 of a model that describes it grows by {shift.rise:.3g}{_comb(shift)},"
        yield _failure("spectrum", name, rise, allowed, text, "standard deviations")
    allowed = tolerances.spectrum_errors
    if allowed is not None and shift.largest is not None and not abs(shift.largest_in_errors) <= allowed:
        low, high = shift.spectrum.edges[shift.largest : shift.largest + 2]
        text = f"{spectrum_name(shift)}: the bin from {low:.4g} to {_with_unit(f'{high:.4g}', name)} changed by"
        yield _failure("spectrum bin", name, shift.largest_in_errors, allowed, text, "standard errors")


def spectrum_name(shift: SpectrumShift) -> str:
    """What the bins of a histogram or peak are called in a sentence."""
    spectrum, (low, high) = shift.spectrum, shift.spectrum.window
    bins = "1 bin" if spectrum.n_bins == 1 else f"{spectrum.n_bins:,} bins"
    return f"histogram of {spectrum.column} in {low:g} to {_with_unit(f'{high:g}', spectrum.column)} ({bins})"


def _comb(shift: SpectrumShift) -> str:
    return f" (a comb: {shift.steps:.2g} grid steps in a bin)" if shift.has_comb else ""


def _of_cut(cut: Migration, allowed: float) -> Iterator[Failure]:
    """What a cut exceeds."""
    if not cut.percent <= allowed:
        text = cut.cut if cut.at_least is None else f"at least {cut.at_least} of {cut.cut}"
        moved = f"{cut.n_out:,} dropped out of, {cut.n_in:,} joined the {cut.n_before:,} {cut.of} that passed,"
        yield _failure("migration", cut.cut, cut.percent, allowed, f"cut {text}: {moved}", "%")


def _of_column(column: ColumnResiduals, tolerances: ToleranceSettings) -> Iterator[Failure]:
    """What a column exceeds that every column is judged by."""
    name, allowed = column.name, tolerances.differing_percent
    if allowed is not None and column.must_be_same and column.n_rows:
        percent = 100 * column.n_different / column.n_rows
        if not percent <= allowed:
            text = f"{name}: {column.n_different:,} of {column.n_rows:,} values differ,"
            yield _failure("differing values", name, percent, allowed, text, "%")
    allowed = tolerances.lost
    if allowed is not None and column.n_lost > allowed:
        text = f"{name}: {column.n_lost:,} values became NaN or infinite, or ceased to be"
        yield Failure("lost values", name, column.n_lost, allowed, f"{text}; allowed: {allowed:,.15g}")
    found, allowed = column.largest_in_bounds, tolerances.in_bounds
    if allowed is not None and found is not None and not found <= allowed:
        text = f"{name}: the largest residual in units of its bound {column.bound} is"
        yield _failure("bound", name, found, allowed, text)


def _of_globs(evaluation: EvaluationNumbers, tolerances: ToleranceSettings) -> Iterator[Failure]:
    """What columns exceed that globs name."""
    columns = {column.name: column for column in evaluation.columns if column.response is not None}

    def largest(name: str) -> float | None:
        return columns[name].largest

    def response_mean(name: str) -> float | None:
        response = columns[name].response
        return None if response is None or response.mean is None else 100 * response.mean

    def response_rms(name: str) -> float | None:
        response = columns[name].response
        return None if response is None or response.rms is None else 100 * response.rms

    def distance(name: str) -> float | None:
        distances = evaluation.statistics[name].distances if name in evaluation.statistics else None
        return None if distances is None else float(distances.kolmogorov_smirnov)

    judged: list[tuple[str, str, Mapping[str, float], Callable[[str], float | None], str]] = [
        ("largest", "largest residual", tolerances.largest, largest, ""),
        ("response_mean_percent", "mean response", tolerances.response_mean_percent, response_mean, "%"),
        ("response_rms_percent", "rms of the response", tolerances.response_rms_percent, response_rms, "%"),
        ("kolmogorov_smirnov", "Kolmogorov-Smirnov distance", tolerances.kolmogorov_smirnov, distance, ""),
    ]
    for setting, what, limits, found_of, scale in judged:
        for pattern, allowed in limits.items():
            for name in _matched(setting, pattern, list(columns)):
                found = found_of(name)
                if found is None and columns[name].n_different:
                    yield Failure(what, name, None, allowed, f"{name}: the {what} cannot be determined")
                elif found is not None and not abs(found) <= allowed:
                    own = unit(name) if setting == "largest" and columns[name].is_float else scale
                    yield _failure(what, name, found, allowed, f"{name}: the {what} is", own)


def _matched(setting: str, pattern: str, names: list[str]) -> list[str]:
    try:
        return match_columns(pattern, names)
    except UsageError as error:
        raise UsageError(f"tolerance {setting}: {error.what}", column=pattern) from error


def _with_unit(number: str, name: str) -> str:
    return f"{number} {unit(name)}".rstrip()


def _failure(what: str, where: str, found: float, allowed: float, text: str, scale: str = "") -> Failure:
    """A failure, whose text ends with both numbers on their scale."""
    shown = _told_apart(found, allowed)
    own_scale = scale.removesuffix("s") if allowed == 1 else scale
    text = f"{text} {shown} {scale}".rstrip() + f"; allowed: {allowed:.15g} {own_scale}".rstrip()
    return Failure(what, where, found, allowed, text)


def _told_apart(found: float, allowed: float) -> str:
    """A number with three digits, or as many as tell it apart from the one that is allowed."""
    texts = [f"{found:.{digits}g}" for digits in range(3, 18)]
    return next((text for text in texts if abs(float(text)) > allowed), texts[-1])
