"""Tables for the command line."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from baler_vae.evaluation.evaluate import Evaluation
from baler_vae.evaluation.peaks import PeakFit
from baler_vae.report.wording import NOTHING, measured, number, peak_name, percent, unit


def columns_table(evaluation: Evaluation) -> Table:
    """One line per column: differing values, lost ones where there are any, residuals and responses."""
    lost = any(column.n_lost for column in evaluation.columns)
    table = _table("Columns: residual = restored - original, response = residual / original", ())
    table.add_column(
        "column", overflow="fold", min_width=min(24, max((len(c.name) for c in evaluation.columns), default=0))
    )
    for heading in ("differ", *(["lost"] if lost else []), "mean", "rms", "largest"):
        table.add_column(heading, justify="right")
    for heading in ("resp. mean", "resp. rms"):
        table.add_column(heading, justify="right")
    for column in evaluation.columns:
        response = column.response
        table.add_row(
            Text(column.name),
            f"{column.n_different:,}",
            *([f"{column.n_lost:,}"] if lost else []),
            *(number(value) for value in (column.mean, column.rms, column.largest)),
            *(number(value) for value in ((response.mean, response.rms) if response else (None, None))),
        )
    return table


def peaks_table(evaluation: Evaluation) -> Table:
    """Two lines per peak, before and after; a failed fit has its reason in place of numbers."""
    table = _table("Peaks", ("column", "", "mean", "width", "yield", "chi2/dof", "mean shift", "width shift"))
    for shift in evaluation.peaks:
        unit_name = unit(shift.peak.column)
        name = peak_name(shift, evaluation.peaks)
        label = f"{name} [{unit_name}]" if unit_name else name
        table.add_row(Text(label), "before", *_fit_cells(shift.before), "", "")
        moved = percent(shift.mass_difference_percent)
        widened = percent(shift.width_change_percent, sign=True)
        table.add_row("", "after", *_fit_cells(shift.after), moved, widened)
    return table


def cuts_table(evaluation: Evaluation) -> Table:
    """One line per cut: how many pass before and after, and how many change sides."""
    table = _table("Cuts", ("cut", "of"))
    for heading in ("passed before", "passed after", "left", "came", "migration"):
        table.add_column(heading, justify="right")
    for cut in evaluation.cuts:
        at_least = "" if cut.at_least is None else f" for at least {cut.at_least}"
        numbers = (cut.n_before, cut.n_after, cut.n_out, cut.n_in)
        table.add_row(
            Text(cut.cut + at_least), f"{cut.n:,} {cut.of}", *map("{:,}".format, numbers), percent(cut.percent)
        )
    return table


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(heading)
    return table


def _fit_cells(fit: PeakFit) -> tuple[str | Text, ...]:
    if not fit.valid:
        return Text(f"fit failed: {fit.reason}"), NOTHING, NOTHING, NOTHING
    return (
        measured(fit.mean, fit.mean_error),
        measured(fit.width, fit.width_error),
        measured(fit.peak_yield, fit.yield_error),
        f"{number(fit.chi2)} / {fit.n_dof}",
    )
