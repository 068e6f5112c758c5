"""What an evaluation found, in a few sentences, before any table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from baler_vae.evaluation.cautions import cautions
from baler_vae.evaluation.cuts import Migration
from baler_vae.evaluation.numbers import EvaluationNumbers, GuaranteeResult
from baler_vae.evaluation.peaks import PeakShift
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.evaluation.spectra import SpectrumShift
from baler_vae.evaluation.tolerances import Failure, spectrum_name
from baler_vae.report.wording import (
    NOTHING,
    count,
    failed_fits,
    few,
    in_bounds,
    number,
    peak_name,
    percent,
    plain,
    signed,
    size,
)
from baler_vae.table.bounds import shortened_guarantee

State = Literal["good", "bad", "plain"]

_MOST_REASONS = 20
"""Number of reasons shown on a terminal."""
MOST_STEPS = 1_000
"""With more grid steps in a bin nobody needs their number."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found: what it is about, whether that is good, a few words, and sentences."""

    topic: str
    state: State
    headline: str
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """All that an evaluation says in words: the terminal, the page, JSON and notebooks show it."""

    judgement: Finding
    findings: tuple[Finding, ...]


def verdict_of(
    evaluation: EvaluationNumbers, failures: Sequence[Failure] | None, rivals: Mapping[str, int] | None = None
) -> Verdict:
    """The judgement and the findings. `failures` are the tolerances that are exceeded, None where none were judged, and
    `rivals` what others take for the same rows, in bytes.
    """
    return Verdict(judgement(evaluation, failures), findings(evaluation, rivals))


def judgement(evaluation: EvaluationNumbers, failures: Sequence[Failure] | None) -> Finding:
    """The verdict over all, with the warnings: PASS or FAIL by the tolerances where they were judged (not None), else
    whether what was promised is kept.
    """
    judged = _judged(evaluation, failures)
    warnings = tuple(f"Warning: {caution.text}" for caution in cautions(evaluation))
    if not warnings:
        return judged
    headline = f"{judged.headline}; {count(len(warnings), 'warning')}"
    state: State = "plain" if judged.state == "good" else judged.state
    return Finding(judged.topic, state, headline, judged.sentences + warnings)


def _judged(evaluation: EvaluationNumbers, failures: Sequence[Failure] | None) -> Finding:
    if failures:
        sentences = tuple(failure.text for failure in failures)
        headline = f"FAIL: {count(len(failures), 'tolerance')} {'is' if len(failures) == 1 else 'are'} exceeded"
        return Finding("Verdict", "bad", headline, sentences)
    # An archive larger than the original breaks no promise.
    bad = [finding.topic for finding in findings(evaluation) if finding.state == "bad" and finding.topic != "Size"]
    broken = few([topic.lower() for topic in bad])
    if failures is None:
        if broken:
            return Finding("Verdict", "bad", f"Not as promised: {broken}", ("No tolerances were judged.",))
        return Finding("Verdict", "plain", "Not judged", ("No tolerances were judged; the numbers stand below.",))
    kept = "PASS: all tolerances are met"
    if broken:
        text = f"The declared tolerances allow what breaks a promise: {broken}."
        return Finding("Verdict", "plain", f"{kept}, though not every promise", (text,))
    unknown = [column.name for column in evaluation.columns if _is_unknown(column)]
    if unknown:
        text = f"No bound is known for {few(unknown)}, and the values differ: look at their residuals."
        return Finding("Verdict", "plain", f"{kept}; {count(len(unknown), 'column')} without a bound", (text,))
    return Finding("Verdict", "good", kept)


def verdict_line(verdict: Finding) -> str:
    """A verdict with its reasons as one line for the terminal."""
    return with_reasons(verdict.headline, verdict.sentences)


def finding_lines(finding: Finding) -> list[str]:
    """A finding as lines for the terminal, in the words of the page: the headline, and the sentences below it."""
    return [plain(f"{finding.topic}: {finding.headline}"), *(f"  {plain(text)}" for text in finding.sentences)]


def with_reasons(headline: str, reasons: Sequence[str]) -> str:
    """A headline and the first reasons for it as one line for the terminal."""
    shown = [headline, *(reason.removesuffix(".") for reason in reasons[:_MOST_REASONS])]
    n_more = len(reasons) - _MOST_REASONS
    return plain(". ".join(shown) + (f". And {n_more} more" if n_more > 0 else ""))


def findings(evaluation: EvaluationNumbers, rivals: Mapping[str, int] | None = None) -> tuple[Finding, ...]:
    """Missing columns, bounds, exact columns, guarantees, peaks, spectra, cuts and size, as far as there are any, in
    this order.
    """
    exact = [column for column in evaluation.columns if column.must_be_same]
    floats = [column for column in evaluation.columns if not column.must_be_same and not column.derived]
    found = (
        _missing(evaluation) if evaluation.missing or evaluation.left_out else None,
        _bounds(floats) if floats else None,
        _exact(exact) if exact else None,
        _guarantees(evaluation.guarantees) if evaluation.guarantees else None,
        _peaks(evaluation.peaks) if evaluation.peaks else None,
        _spectra(evaluation.spectra) if evaluation.spectra else None,
        _cuts(evaluation.cuts) if evaluation.cuts else None,
        _size(evaluation, rivals or {}),
    )
    return tuple(finding for finding in found if finding is not None)


def peak_verdict(shift: PeakShift, name: str) -> str:
    """How far a peak of some name moved, or which fit failed."""
    if not (shift.before.valid and shift.after.valid):
        return f"Peak of {name}: {failed_fits(shift)}"
    return (
        f"Peak of {name}: moved by {percent(shift.mean_change_percent, sign=True)} "
        f"({signed(shift.mean_shift_in_errors)} standard errors), "
        f"width changed by {percent(shift.width_change_percent, sign=True)} "
        f"({signed(shift.width_shift_in_errors)} standard errors), "
        f"yield by {percent(shift.yield_change_percent, sign=True)} "
        f"({signed(shift.yield_shift_in_errors)} standard errors)."
    )


def _is_unknown(column: ColumnResiduals) -> bool:
    """Whether a column of floats came back as something else and nothing was promised of it."""
    return column.is_float and not column.derived and column.n_different > 0 and column.largest_in_bounds is None


def _missing(evaluation: EvaluationNumbers) -> Finding:
    left_out = (f"Not requested: {few(evaluation.left_out)}.",) if evaluation.left_out else ()
    if not evaluation.missing:
        return Finding("Columns", "plain", f"{len(evaluation.left_out):,} left out on purpose", left_out)
    n = len(evaluation.missing)
    headline = f"{count(n, 'column')} did not come back"
    return Finding("Columns", "bad", headline, (f"Missing: {few(evaluation.missing)}.", *left_out))


def _bounds(columns: Sequence[ColumnResiduals]) -> Finding:
    differing = _differing(columns, "of floats")
    judged = [column for column in columns if column.largest_in_bounds is not None]
    broken = [column for column in judged if (column.largest_in_bounds or 0) > 1 or column.n_lost]
    if broken:
        text = f"In {count(len(broken), 'column')} values lie outside their bound: {few(_names(broken))}."
        return Finding("Bounds", "bad", "broken", (text, differing))
    lost = [column for column in columns if column.n_lost]
    if lost:
        text = f"Finite values became NaN or infinite, or the other way round: {few(_names(lost))}."
        return Finding("Bounds", "bad", "values lost", (text, differing))
    if not judged:
        same = not any(column.n_different for column in columns)
        headline = "all the same" if same else "none known"
        return Finding("Bounds", "good" if same else "plain", headline, (differing,))
    worst = max(judged, key=lambda column: column.largest_in_bounds or 0)
    text = f"The largest residual is {in_bounds(worst.largest_in_bounds)} of its bound, in {worst.name}."
    unknown = len(columns) - len(judged)
    without = (f"{count(unknown, 'column')} of floats without a bound.",) if unknown else ()
    return Finding("Bounds", "good", "kept", (text, *without, differing))


def _differing(columns: Sequence[ColumnResiduals], of_what: str) -> str:
    n_values = count(sum(column.n_rows for column in columns), "value")
    where = f"in {count(len(columns), 'column')} {of_what}"
    changed = [column for column in columns if column.n_different]
    if not changed:
        return f"All {n_values} {where} came back exactly."
    n_lost = sum(column.n_lost for column in columns)
    lost = f"; {n_lost:,} of them are NaN or infinite on one side" if n_lost else ""
    return f"{sum(column.n_different for column in changed):,} of {n_values} {where} differ{lost}."


def _exact(columns: Sequence[ColumnResiduals]) -> Finding:
    text = _differing(columns, "of integers, flags or text")
    changed = [column for column in columns if column.n_different]
    if not changed:
        return Finding("Exact columns", "good", "all the same", (text,))
    n_different = sum(column.n_different for column in changed)
    return Finding(
        "Exact columns", "bad", f"{count(n_different, 'value')} changed", (text, f"Changed: {few(_names(changed))}.")
    )


def _peaks(shifts: Sequence[PeakShift]) -> Finding:
    sentences = tuple(peak_verdict(shift, peak_name(shift, shifts)) for shift in shifts)
    only_after = [shift for shift in shifts if shift.before.valid and not shift.after.valid]
    if only_after:
        return Finding("Peaks", "bad", "lost: a fit failed after compression", sentences)
    fitted = [shift for shift in shifts if shift.before.valid]
    if not fitted:
        return Finding("Peaks", "plain", "no fit before compression", sentences)
    moved = max((shift.mean_change_percent or 0 for shift in fitted), key=abs)
    widened = max((shift.width_change_percent or 0 for shift in fitted), key=abs)
    most = "at most " if len(fitted) > 1 else ""
    headline = f"moved by {most}{percent(moved, sign=True)}, width by {most}{percent(widened, sign=True)}"
    return Finding("Peaks", "plain", headline, sentences)


def _guarantees(results: Sequence[GuaranteeResult]) -> Finding:
    broken = [result for result in results if result.n_broken]
    sentences = tuple(map(_guarantee, results))
    if broken:
        return Finding("Guarantees", "bad", f"{len(broken):,} of {len(results):,} broken", sentences)
    n_unjudged = sum(not result.is_judged for result in results)
    if n_unjudged:
        headline = f"{n_unjudged:,} of {len(results):,} not judged"
        return Finding("Guarantees", "plain", headline, sentences)
    return Finding("Guarantees", "good", "kept", sentences)


def _guarantee(result: GuaranteeResult) -> str:
    """What became of a guarantee, in a sentence."""
    text = shortened_guarantee(result.text)
    if not result.is_judged:
        return f"{text}: not judged, since it is about columns that were not compared."
    kept = f"broken by {result.n_broken:,}" if result.n_broken else "kept by all"
    worst = "" if result.worst is None else f"; the largest deviation is {in_bounds(result.worst)} of its bound"
    return f"{text}: {kept} of {result.n:,}{worst}."


def _spectra(shifts: Sequence[SpectrumShift]) -> Finding:
    largest = max((shift.largest_in_errors for shift in shifts), key=abs)
    if not any(shift.n_in.any() or shift.n_out.any() for shift in shifts):
        return Finding("Histograms", "good", "no row changed its bin", tuple(map(spectrum_verdict, shifts)))
    headline = f"a bin changed by at most {signed(largest)} standard errors"
    return Finding("Histograms", "plain", headline, tuple(map(spectrum_verdict, shifts)))


def spectrum_verdict(shift: SpectrumShift) -> str:
    """What became of the bins of a histogram or peak, in a sentence."""
    name = spectrum_name(shift)
    name = name[0].upper() + name[1:]
    if not shift.n_dof:
        return f"{name}: no row changed its bin."
    steps = "" if shift.steps is None else f"; {steps_text(shift)} grid steps in a bin"
    return (
        f"{name}: a bin changed by at most {signed(shift.largest_in_errors)} standard errors, the χ² of a model by "
        f"{signed(shift.rise)} ({signed(shift.rise_in_deviations)} standard deviations){steps}."
    )


def steps_text(shift: SpectrumShift) -> str:
    """How many grid steps a bin holds."""
    if shift.steps is None:
        return NOTHING
    return number(shift.steps) if shift.steps <= MOST_STEPS else f"over {MOST_STEPS:,}"


def _cuts(cuts: Sequence[Migration]) -> Finding:
    worst = max(cuts, key=lambda cut: cut.percent or 0)
    headline = f"{percent(worst.percent or 0)} change sides"
    text = f"{count(worst.n_out + worst.n_in, worst.of[:-1])} of {worst.n_before:,} that pass {cut_text(worst)}."
    return Finding("Cuts", "plain", ("at most " if len(cuts) > 1 else "") + headline, (text,))


def cut_text(cut: Migration) -> str:
    """A cut, with the number of rows of an event that must pass it."""
    return cut.cut if cut.at_least is None else f"at least {count(cut.at_least, 'row')} with {cut.cut}"


def _size(evaluation: EvaluationNumbers, rivals: Mapping[str, int]) -> Finding | None:
    sizes = evaluation.sizes
    if sizes is None or sizes.ratio is None or sizes.archive_bytes is None:
        return None
    ratio, original, archive = sizes.ratio, sizes.original_bytes, sizes.archive_bytes
    sentences = [f"{size(original)} became {size(archive)}."]
    if rivals:
        best = min(rivals, key=lambda name: rivals[name])
        change = 100 * (archive / rivals[best] - 1)
        beside = f"{percent(abs(change))} {'smaller' if change < 0 else 'larger'} than" if change else "as large as"
        sentences.append(f"The archive is {beside} {best}, the smallest of {count(len(rivals), 'rival')}.")
    if ratio < 1:
        return Finding("Size", "bad", f"{number(1 / ratio)} times larger", tuple(sentences))
    beaten = all(archive <= n_bytes for n_bytes in rivals.values())
    return Finding("Size", "good" if beaten else "plain", f"{number(ratio)} times smaller", tuple(sentences))


def _names(columns: Sequence[ColumnResiduals]) -> list[str]:
    return [column.name for column in columns]
