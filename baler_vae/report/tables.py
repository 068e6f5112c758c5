"""Tables for the command line."""

from baler_vae.evaluation.numbers import EvaluationNumbers
from baler_vae.evaluation.peaks import PeakFit
from baler_vae.report.listing import Heading, Listing, guarantee_cell, numbers
from baler_vae.report.record import signed_guarantee
from baler_vae.report.verdict import cut_text, steps_text
from baler_vae.report.wording import NOTHING, figure, measured, peak_name, percent, plain, signed, unit


def columns_table(evaluation: EvaluationNumbers) -> Listing:
    """One line per column: differing values, lost ones where there are any, residuals and responses."""
    lost = any(column.n_lost for column in evaluation.columns)
    headings = [Heading("column"), numbers("differ", 2), *([numbers("lost")] if lost else [])]
    headings += [numbers("mean", 3), numbers("rms", 1), numbers("largest")]
    headings += [numbers("resp. mean", 5), numbers("resp. rms", 4)]
    table = Listing("Columns: residual = restored - original, response = residual / original", headings)
    for column in evaluation.columns:
        response = column.response
        table.add(
            column.name,
            f"{column.n_different:,}",
            *([f"{column.n_lost:,}"] if lost else []),
            *(figure(value) for value in (column.mean, column.rms, column.largest)),
            *(figure(value) for value in ((response.mean, response.rms) if response else (None, None))),
        )
    return table


def peaks_table(evaluation: EvaluationNumbers) -> Listing:
    """Three lines per peak: its name, before and after; a fit that failed has its reason below."""
    headings = [Heading("fit"), numbers("mean", 1), numbers("width", 2), numbers("yield", 4)]
    headings += [numbers("chi2/dof", 5), numbers("mean shift"), numbers("width shift"), numbers("yield shift")]
    table = Listing("Peaks: shift = after - before", headings)
    for shift in evaluation.peaks:
        unit_name = unit(shift.peak.column)
        name = peak_name(shift, evaluation.peaks)
        table.head(f"{name} [{unit_name}]" if unit_name else name)
        table.add("before", *_fit_cells(shift.before))
        changes = (shift.mean_change_percent, shift.width_change_percent, shift.yield_change_percent)
        moved = (percent(change, sign=True) for change in changes)
        table.add("after", *_fit_cells(shift.after), *map(plain, moved))
        for when, fit in (("before", shift.before), ("after", shift.after)):
            if not fit.valid:
                table.remark(f"{when}: fit failed: {fit.reason}")
    return table


def cuts_table(evaluation: EvaluationNumbers) -> Listing:
    """One line per cut: how many pass before and after, and how many change sides."""
    headings = [Heading("cut"), numbers("of", 5), numbers("passed before", 3), numbers("passed after", 4)]
    table = Listing("Cuts", [*headings, numbers("left", 2), numbers("came", 1), numbers("migration")])
    for cut in evaluation.cuts:
        counts = (cut.n_before, cut.n_after, cut.n_out, cut.n_in)
        table.add(
            cut_text(cut), f"{cut.n:,} {cut.of}", *(f"{count:,}" for count in counts), plain(percent(cut.percent))
        )
    return table


def guarantees_table(evaluation: EvaluationNumbers) -> Listing:
    """One line per guarantee: how many rows or events were judged, how many miss it, and the worst of them."""
    headings = [Heading("guarantee"), numbers("judged", 2), numbers("missed"), numbers("worst / bound", 1)]
    table = Listing("Guarantees", headings)
    for one in map(signed_guarantee, evaluation.guarantees):
        table.add(guarantee_cell(one.exact_text), one.judged, one.n_broken, plain(one.worst))
        for text in one.definitions:
            table.remark(text)
    return table


def spectra_table(evaluation: EvaluationNumbers) -> Listing:
    """One line per histogram or peak: what its bins say of rows that changed bins."""
    headings = [Heading("histogram"), numbers("bins", 5), numbers("left", 4), numbers("paired chi2/dof", 3)]
    headings += [numbers("chi2 growth", 2), numbers("in deviations"), numbers("worst bin"), numbers("grid steps", 1)]
    table = Listing("Histograms: the worst bin in standard errors", headings)
    for shift in evaluation.spectra:
        column, (low, high) = shift.spectrum.column, shift.spectrum.window
        table.add(
            f"{column} in {low:g} to {high:g} {unit(column)}".rstrip(),
            f"{shift.spectrum.n_bins:,}",
            plain(percent(shift.percent_moved)),
            f"{figure(shift.chi2)} / {shift.n_dof:,}",
            *(plain(signed(value)) for value in (shift.rise, shift.rise_in_deviations, shift.largest_in_errors)),
            steps_text(shift),
        )
    return table


def _fit_cells(fit: PeakFit) -> tuple[str, ...]:
    if not fit.valid:
        return (NOTHING,) * 4
    return (
        plain(measured(fit.mean, fit.mean_error)),
        plain(measured(fit.width, fit.width_error)),
        plain(measured(fit.peak_yield, fit.yield_error)),
        f"{figure(fit.chi2)} / {fit.n_dof}",
    )
