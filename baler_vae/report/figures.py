"""Figures of one column and of one peak."""

import textwrap
from dataclasses import dataclass
from typing import Any

import mplhep
import numpy as np
from numpy.typing import NDArray

from baler_vae.evaluation.histograms import ColumnHistograms, Histogram
from baler_vae.evaluation.peaks import PeakFit, PeakShift
from baler_vae.evaluation.residuals import ColumnResiduals, Floats
from baler_vae.evaluation.spectra import SpectrumShift
from baler_vae.report.drawing import (
    AFTER,
    BEFORE,
    INK,
    around,
    count_axis,
    error_bars,
    in_unit,
    legend,
    new_figure,
    plain_ticks,
    short,
    svg_text,
    two_panels,
)
from baler_vae.report.wording import MINUS, column_unit, measured, number, unit


@dataclass(frozen=True)
class ColumnFigures:
    """Three SVG elements for one column; the last two are None where no value differs or none can be compared."""

    values: str
    residual: str | None
    response: str | None


def column_figures(column: ColumnResiduals, histograms: ColumnHistograms) -> ColumnFigures:
    """The values before and after with their ratio, the residuals and the responses of a column."""
    name = column.name
    unit_name = column_unit(column)
    residual = response = None
    if histograms.residual is not None and column.n_different:
        facts = f"mean {number(column.mean)}, rms {number(column.rms)}"
        label = f"restored {MINUS} original{in_unit(unit_name)}"
        residual = _differences(
            histograms.residual, label, facts, f"Residuals of {name}: {facts}", whole=not column.is_float
        )
    if histograms.response is not None and column.response is not None and column.n_different:
        facts = f"mean {number(column.response.mean)}, rms {number(column.response.rms)}"
        response = _differences(
            histograms.response, f"(restored {MINUS} original) / original", facts, f"Responses of {name}: {facts}"
        )
    return ColumnFigures(_values(column, unit_name, histograms), residual, response)


def peak_figure(shift: PeakShift) -> str:
    """One SVG element: the rows around a peak before and after, the two fits, and the pull of each bin below."""
    name, unit_name = shift.peak.column, unit(shift.peak.column)
    before, after = shift.before, shift.after
    facts = [_fit_facts("before", before, unit_name), _fit_facts("after", after, unit_name)]
    with new_figure((5.2, 4.6)) as figure:
        main, lower = two_panels(figure, left=0.13, bottom=0.1, top=0.79)
        centres = (before.edges[:-1] + before.edges[1:]) / 2
        main.stairs(before.counts, before.edges, fill=True, color=BEFORE, alpha=0.4, label="before")
        low, high = (after.counts + sign * np.sqrt(after.counts) for sign in (-1, 1))
        main.plot(*error_bars(centres, low, high), color=AFTER, lw=0.9, label="after")
        for fit, colour, width, style, label in (
            (before, BEFORE, 2.4, "-", "fit before"),
            (after, INK, 1.2, "--", "fit after"),
        ):
            expected = fit.expected()
            if expected is not None:
                main.plot(centres, expected, color=colour, lw=width, ls=style, label=label)
        bin_width = number(float(before.edges[1] - before.edges[0]))
        main.set_ylabel(f"rows per {bin_width} {unit_name}".strip())
        main.set_ylim(0, 1.05 * max(1, before.counts.max(), high.max()))
        legend(main, columns=4)
        lines = [line for fact in facts for line in textwrap.wrap(fact, 72)]
        main.text(0, 1.12, "\n".join(lines), transform=main.transAxes, va="bottom", linespacing=1.4)

        _pulls(lower, before.counts, after.counts, before.edges)
        lower.set_xlabel(short(name) + in_unit(unit_name))
        plain_ticks(main.yaxis)
        plain_ticks(lower.xaxis)
        window = f"{number(float(before.edges[0]))} to {number(float(before.edges[-1]))}"
        shape = f"{shift.peak.shape}, {shift.peak.fit}"
        return svg_text(figure, f"Peak of {name} in {window} ({shape}) before and after. {'. '.join(facts)}")


def spectrum_figure(shift: SpectrumShift) -> str:
    """One SVG element: the bins of a histogram before and after, and below the change of each in its errors."""
    name, edges = shift.spectrum.column, shift.spectrum.edges
    with new_figure((4.2, 3.4)) as figure:
        main, lower = two_panels(figure, left=0.18, bottom=0.13, top=0.91)
        main.stairs(shift.before, edges, fill=True, color=BEFORE, alpha=0.4, label="before")
        main.stairs(shift.after, edges, color=AFTER, lw=1.2, label="after")
        count_axis(main, shift.before, shift.after)
        legend(main, columns=2)
        _pulls(lower, shift.before, shift.after, edges)
        lower.set_xlabel(short(name) + in_unit(unit(name)))
        plain_ticks(lower.xaxis)
        window = f"{number(float(edges[0]))} to {number(float(edges[-1]))}"
        return svg_text(figure, f"Histogram of {name} in {window} before and after, and the pull of each bin")


def _pulls(axes: Any, before: NDArray[np.int64], after: NDArray[np.int64], edges: Floats) -> None:  # noqa: ANN401
    pulls = (after - before) / np.sqrt(np.maximum(before, 1))
    axes.axhline(0, color=INK, lw=0.8)
    axes.stairs(pulls, edges, color=AFTER, lw=1.2)
    around(axes, 0, max(3.0, 1.1 * float(np.max(np.abs(pulls)))))
    axes.set_ylabel("pull")
    axes.set_xlim(edges[0], edges[-1])


def _values(column: ColumnResiduals, unit_name: str, histograms: ColumnHistograms) -> str:
    name, before, after = column.name, histograms.before, histograms.after
    with new_figure((4.2, 3.4)) as figure:
        main, lower = two_panels(figure, left=0.18, bottom=0.13, top=0.91)
        mplhep.histplot(
            before.counts, before.edges, ax=main, histtype="fill", color=BEFORE, alpha=0.6, label="before", flow="none"
        )
        mplhep.histplot(
            after.counts, before.edges, ax=main, histtype="step", color=AFTER, label="after", yerr=False, flow="none"
        )
        count_axis(main, before.counts, after.counts)
        legend(main, columns=2)

        filled = before.counts > 0
        ratio = np.divide(after.counts, before.counts, where=filled, out=np.full(len(filled), np.nan))
        error = np.divide(1, np.sqrt(before.counts), where=filled, out=np.zeros(len(filled)))
        lower.stairs(1 + error, before.edges, baseline=1 - error, fill=True, color=BEFORE, alpha=0.4)
        lower.stairs(ratio, before.edges, baseline=None, color=AFTER, lw=1.2)
        lower.axhline(1, color=INK, lw=0.8)
        reach = float(np.nanmax(np.abs(ratio - 1), initial=0))
        around(lower, 1, min(1.0, max(0.05, 1.2 * reach)))
        lower.set_ylabel("ratio")
        lower.set_xlabel(short(name) + in_unit(unit_name))
        lower.set_xlim(before.edges[0], before.edges[-1])
        plain_ticks(lower.xaxis, whole=not column.is_float)
        return svg_text(figure, f"Histogram of {name} before and after, and their ratio")


def _differences(histogram: Histogram, label: str, facts: str, description: str, *, whole: bool = False) -> str:
    with new_figure((4.2, 3.4)) as figure:
        axes = figure.add_axes((0.18, 0.13, 0.77, 0.78))
        mplhep.histplot(
            histogram.counts, histogram.edges, ax=axes, histtype="step", color=AFTER, yerr=False, flow="none"
        )
        axes.axvline(0, color=INK, lw=0.8, ls=":")
        count_axis(axes, histogram.counts)
        axes.set_title(facts, fontsize=9, loc="left", pad=5)
        axes.set_xlabel(label)
        axes.set_xlim(histogram.edges[0], histogram.edges[-1])
        plain_ticks(axes.xaxis, whole=whole)
        return svg_text(figure, description)


def _fit_facts(when: str, fit: PeakFit, unit_name: str) -> str:
    if not fit.valid:
        return f"{when}: fit failed, {fit.reason}"
    mean, width = measured(fit.mean, fit.mean_error), measured(fit.width, fit.width_error)
    return f"{when}: mean {mean} {unit_name}".rstrip() + f", width {width} {unit_name}".rstrip()
