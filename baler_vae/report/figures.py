"""Figures as SVG text that can stand inside a page: they take its font and the colour of its text.

The same numbers give the same bytes.
"""

import hashlib
import html
import io
import re
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from baler_vae.evaluation.histograms import ColumnHistograms, Histogram
from baler_vae.evaluation.peaks import PeakFit, PeakShift
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.report.wording import MINUS, column_unit, measured, number, power_of_ten, unit

# Two colours of M. A. Petroff's palette (arXiv:2107.02270), told apart in all forms of colour blindness and on dark
# and light ground.
BEFORE, AFTER = "#5790fc", "#f89c20"
INK = "#010203"
"""Stands for the colour of the page's text, which a figure cannot know."""

STYLE: dict[Any, Any] = {
    **mplhep.style.ATLAS,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), "none"),
    **dict.fromkeys(("xtick.minor.visible", "ytick.minor.visible", "xtick.top", "ytick.right"), False),
    **dict.fromkeys(("font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9),
    "axes.autolimit_mode": "data",
    "axes.labelpad": 4,
    "axes.linewidth": 0.8,
    "legend.borderpad": 0.0,
    "lines.linewidth": 1.4,
    "svg.fonttype": "none",
    "svg.hashsalt": "baler_vae",
    "text.parse_math": False,  # a column's name may hold a dollar sign
    "xaxis.labellocation": "center",
    "xtick.major.size": 4,
    "yaxis.labellocation": "center",
    "ytick.major.size": 4,
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


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
        label = f"restored {MINUS} original{_in(unit_name)}"
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
    with _figure((5.2, 4.6)) as figure:
        main, lower = _two_panels(figure, left=0.13, bottom=0.1, top=0.79)
        centres = (before.edges[:-1] + before.edges[1:]) / 2
        for fit, colour, label in ((before, BEFORE, "before"), (after, AFTER, "after")):
            errors = np.sqrt(fit.counts)
            main.errorbar(centres, fit.counts, errors, fmt="o", markersize=2.2, lw=0.7, color=colour, label=label)
            expected = fit.expected()
            if expected is not None:
                main.plot(centres, expected, color=colour, lw=1.8, label=f"fit {label}")
        bin_width = number(float(before.edges[1] - before.edges[0]))
        main.set_ylabel(f"rows per {bin_width} {unit_name}".strip())
        main.set_ylim(0, 1.1 * max(1, before.counts.max(), after.counts.max()))
        _legend(main, columns=4)
        lines = [line for fact in facts for line in textwrap.wrap(fact, 72)]
        main.text(0, 1.12, "\n".join(lines), transform=main.transAxes, va="bottom", linespacing=1.4)

        pulls = (after.counts - before.counts) / np.sqrt(np.maximum(before.counts, 1))
        lower.axhline(0, color=INK, lw=0.8)
        lower.stairs(pulls, before.edges, color=AFTER, lw=1.2)
        _around(lower, 0, max(3.0, 1.1 * float(np.max(np.abs(pulls)))))
        lower.set_ylabel("pull")
        lower.set_xlabel(_short(name) + _in(unit_name))
        lower.set_xlim(before.edges[0], before.edges[-1])
        _plain_ticks(main.yaxis)
        _plain_ticks(lower.xaxis)
        return _svg(figure, f"Peak of {name} before and after. {'. '.join(facts)}")


def _values(column: ColumnResiduals, unit_name: str, histograms: ColumnHistograms) -> str:
    name, before, after = column.name, histograms.before, histograms.after
    with _figure((4.2, 3.4)) as figure:
        main, lower = _two_panels(figure, left=0.18, bottom=0.13, top=0.91)
        mplhep.histplot(
            before.counts, before.edges, ax=main, histtype="fill", color=BEFORE, alpha=0.6, label="before", flow="none"
        )
        mplhep.histplot(
            after.counts, before.edges, ax=main, histtype="step", color=AFTER, label="after", yerr=False, flow="none"
        )
        _count_axis(main, before.counts, after.counts)
        _legend(main, columns=2)

        filled = before.counts > 0
        ratio = np.divide(after.counts, before.counts, where=filled, out=np.full(len(filled), np.nan))
        error = np.divide(1, np.sqrt(before.counts), where=filled, out=np.zeros(len(filled)))
        lower.stairs(1 + error, before.edges, baseline=1 - error, fill=True, color=BEFORE, alpha=0.4)
        lower.stairs(ratio, before.edges, baseline=None, color=AFTER, lw=1.2)
        lower.axhline(1, color=INK, lw=0.8)
        reach = float(np.nanmax(np.abs(ratio - 1), initial=0))
        _around(lower, 1, min(1.0, max(0.05, 1.2 * reach)))
        lower.set_ylabel("ratio")
        lower.set_xlabel(_short(name) + _in(unit_name))
        lower.set_xlim(before.edges[0], before.edges[-1])
        _plain_ticks(lower.xaxis, whole=not column.is_float)
        return _svg(figure, f"Histogram of {name} before and after, and their ratio")


def _differences(histogram: Histogram, label: str, facts: str, description: str, *, whole: bool = False) -> str:
    with _figure((4.2, 3.4)) as figure:
        axes = figure.add_axes((0.18, 0.13, 0.77, 0.78))
        mplhep.histplot(
            histogram.counts, histogram.edges, ax=axes, histtype="step", color=AFTER, yerr=False, flow="none"
        )
        axes.axvline(0, color=INK, lw=0.8, ls=":")
        _count_axis(axes, histogram.counts)
        axes.set_title(facts, fontsize=9, loc="left", pad=5)
        axes.set_xlabel(label)
        axes.set_xlim(histogram.edges[0], histogram.edges[-1])
        _plain_ticks(axes.xaxis, whole=whole)
        return _svg(figure, description)


@contextmanager
def _figure(inches: tuple[float, float]) -> Iterator[Figure]:
    """An empty figure in the style of the report, which holds inside of the block only."""
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # The text is set in the page's font: that a name's letters are missing in matplotlib's font is no matter.
        warnings.filterwarnings("ignore", message="Glyph")
        yield Figure(figsize=inches)


def _two_panels(figure: Figure, *, left: float, bottom: float, top: float) -> tuple[Axes, Axes]:
    """A main panel and a lower one with the same horizontal axis."""
    grid = figure.add_gridspec(2, height_ratios=(3, 1), hspace=0.08, left=left, right=0.95, bottom=bottom, top=top)
    main = figure.add_subplot(grid[0])
    lower = figure.add_subplot(grid[1], sharex=main)
    main.tick_params(labelbottom=False)
    figure.align_ylabels([main, lower])
    return main, lower


def _legend(axes: Axes, *, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.01), ncols=columns, borderaxespad=0.2, columnspacing=1.2)


def _count_axis(axes: Axes, *counts: NDArray[np.int64]) -> None:
    """Logarithmic when the highest bin would hide most others."""
    filled = np.concatenate(counts)
    filled = filled[filled > 0]
    axes.set_ylabel("rows")
    if len(filled) and filled.max() > 50 * np.percentile(filled, 50, method="lower"):
        axes.set_yscale("log")
        axes.set_ylim(0.5, 2 * filled.max())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"10{power_of_ten(round(np.log10(value)))}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.set_ylim(0, 1.1 * max(filled, default=1))
        _plain_ticks(axes.yaxis)


def _around(axes: Axes, centre: float, reach: float) -> None:
    """Limits the same way above and below the centre, with three ticks."""
    step = float(f"{reach / 2:.1g}")
    _plain_ticks(axes.yaxis)
    axes.set_ylim(centre - reach, centre + reach)
    axes.set_yticks([centre - step, centre, centre + step])


def _plain_ticks(axis: Axis, *, whole: bool = False) -> None:
    """Few ticks, labelled in full: a common factor at the end of the axis would be overlooked."""
    axis.set_major_locator(MaxNLocator(5, integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}".replace("-", MINUS)))


def _fit_facts(when: str, fit: PeakFit, unit_name: str) -> str:
    if not fit.valid:
        return f"{when}: fit failed, {fit.reason}"
    mean, width = measured(fit.mean, fit.mean_error), measured(fit.width, fit.width_error)
    return f"{when}: mean {mean} {unit_name}".rstrip() + f", width {width} {unit_name}".rstrip()


def _in(unit_name: str) -> str:
    return f" [{unit_name}]" if unit_name else ""


def _short(name: str, limit: int = 40) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _svg(figure: Figure, description: str) -> str:
    """The figure as one `<svg>` element whose identifiers no other figure of a page shares."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata=NO_METADATA)
    svg = text.getvalue()
    svg = svg[svg.index("<svg ") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    svg = re.sub(r' (?:d|x|y)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)
    svg = svg.replace(INK, "currentColor")

    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))
    prefix = hashlib.sha256(description.encode()).hexdigest()[:8]
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r"(url\(|href=\")#", rf"\1#{prefix}-", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(description)}" ', 1)
