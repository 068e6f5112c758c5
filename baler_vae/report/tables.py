"""Tables for the command line."""

from rich.table import Table
from rich.text import Text

from baler_vae.evaluation.evaluate import Evaluation
from baler_vae.evaluation.peaks import PeakFit
from baler_vae.report.wording import NOTHING, column_unit, measured, number, percent, unit


def columns_table(evaluation: Evaluation) -> Table:
    """One line per column: rows, differing values, residuals and responses."""
    table = _table("Columns", ("column", "type", "unit"))
    for heading in ("rows", "different", "lost", "mean", "rms", "largest", "response mean", "response rms"):
        table.add_column(heading, justify="right")
    for column in evaluation.columns:
        response = column.response
        table.add_row(
            Text(column.name),
            column.dtype,
            column_unit(column),
            f"{column.n_rows:,}",
            f"{column.n_different:,}",
            f"{column.n_lost:,}",
            *(number(value) for value in (column.mean, column.rms, column.largest)),
            *(number(value) for value in ((response.mean, response.rms) if response else (None, None))),
        )
    return table


def peaks_table(evaluation: Evaluation) -> Table:
    """Two lines per peak, before and after; a failed fit has its reason in place of numbers."""
    table = _table("Peaks", ("column", "", "mean", "width", "yield", "chi2 / dof", "shift of mean", "shift of width"))
    for shift in evaluation.peaks:
        table.add_row(Text(shift.peak.column), "before", *_fit_cells(shift.before, unit(shift.peak.column)), "", "")
        moved = percent(shift.mass_difference_percent)
        widened = percent(shift.width_change_percent, sign=True)
        table.add_row("", "after", *_fit_cells(shift.after, unit(shift.peak.column)), moved, widened)
    return table


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading)
    return table


def _fit_cells(fit: PeakFit, unit_name: str) -> tuple[str | Text, ...]:
    if not fit.valid:
        return Text(f"fit failed: {fit.reason}"), NOTHING, NOTHING, NOTHING
    return (
        f"{measured(fit.mean, fit.mean_error)} {unit_name}".strip(),
        f"{measured(fit.width, fit.width_error)} {unit_name}".strip(),
        measured(fit.peak_yield, fit.yield_error),
        f"{number(fit.chi2)} / {fit.n_dof}",
    )
