"""A sweep as tables, sentences and pictures."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from baler_vae.measures.information import gaussian_bound
from baler_vae.measures.sweeps import LATENT, Estimate, SettingSummary, SweepResult
from baler_vae.report.drawing import AFTER, BEFORE, INK, legend, new_figure, plain_ticks, powers_of_ten, short, svg_text
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.listing import Heading, Listing, Paragraph, numbers
from baler_vae.report.wording import NOTHING, count, number, plain

WORDS = {
    "validation_error": "validation error",
    "training_loss": "training loss",
    "rate": "rate",
    "distortion": "distortion",
    "bytes": "bytes",
    "ratio": "ratio",
    "guarantees_bytes": "bytes of guarantees",
    "sample_auc": "AUC of samples",
    "peak_shift_percent": "peak shift [%]",
    "peak_width_percent": "peak width change [%]",
}
"""What each measure is called."""
_UNITS = {"rate": "bits per row", "distortion": "in variances", "bytes": "of the archive"}
_COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#9c9ca1", "#7a21dd")
"""Six colours of M. A. Petroff's palette (arXiv:2107.02270)."""
_WIDE = 50
"""Of the largest to the smallest value: more is drawn on a logarithmic axis."""
_LABELLED = 30
"""The most points of a front that are labelled."""
_LONGEST_LABEL, _LABEL_OF_TWO = 44, 16
"""The most characters of a label in a legend, and of one that leaves room for another beside it."""


def listed_sweep(result: SweepResult) -> list[Listing | Paragraph]:
    """The table of a sweep and the sentences below it, for a terminal."""
    return [sweep_table(result), *map(Paragraph, map(plain, sweep_lines(result)))]


def sweep_table(result: SweepResult) -> Listing:
    """One line for each setting: the means over its seeds with their errors."""
    headings = [Heading("setting"), numbers("seeds", 9)]
    ranks = {name: 2 + place for place, name in enumerate(result.measured) if name != result.minimise}
    headings += [numbers(WORDS[name], min(8, ranks.get(name, 0))) for name in result.measured]
    table = Listing("Settings: mean ± error of the mean", headings)
    for place, one in enumerate(result.settings):
        cells = [plain(_value(one.estimates.get(name))) for name in result.measured]
        table.add(f"{place + 1}. {one.name}", str(len(one.seeds)), *cells)
        if one.failure:
            table.remark(f"{count(one.n_failed, 'run')} failed: {one.failure}")
        elif one.is_pruned:
            table.remark("ended after some of its seeds")
    return table


def sweep_lines(result: SweepResult) -> list[str]:
    """What a sweep says, in sentences."""
    lines = [_best_line(result)]
    if len(result.front) > 1:
        axes = " and ".join(WORDS[axis] for axis in result.axes)
        names = ", ".join(str(place + 1) for place in result.front)
        lines.append(f"No other setting is better in both {axes} than settings {names}.")
    for answer in result.latents:
        whom = f" with {answer.others}" if answer.others else ""
        loss = WORDS[answer.measure]
        if answer.chosen is None or answer.limit is None:
            lines.append(
                f"How many latents{whom}? {answer.best} have the least {loss}; one seed tells no error, so that fewer "
                "cannot be judged."
            )
        else:
            lines.append(
                f"How many latents{whom}? {answer.chosen}, the fewest whose mean {loss} is within one standard error "
                f"of the best ({answer.best}; at most {number(answer.limit)})."
            )
    if result.participation_ratio is not None:
        lines.append(
            f"The participation ratio of a principal component analysis of the {result.n_columns} columns, scaled to "
            f"unit variance, is {number(result.participation_ratio)}: about so many directions are filled."
        )
    failed = [run for run in result.runs if run.failure]
    if failed:
        lines.append(f"{count(len(failed), 'run')} of {len(result.runs):,} failed.")
    return lines


def _best_line(result: SweepResult) -> str:
    what = WORDS[result.minimise]
    if result.best is None:
        return f"No setting has a {what} of every seed: there is no best one."
    best = result.settings[result.best]
    return f"Least {what}: setting {result.best + 1}, {best.name}, with {_value(best.estimates[result.minimise])}."


def sweep_section(result: SweepResult) -> Section:
    """The section of a page: sentences, the table of settings, and the pictures."""
    figures = [pareto_figure(result), latents_figure(result)]
    failures = [
        (f"{place}. {one.name}", f"{one.n_failed} of {len(one.seeds)}", one.failure)
        for place, one in enumerate(result.settings, 1)
        if one.failure
    ]
    tables = [
        Table(
            "Settings: mean ± error of the mean (standard deviation of one seed)",
            ["setting", "seeds", *(_heading(name) for name in result.measured)],
            [
                [
                    f"{place}. {one.name}" + (" (pruned)" if one.is_pruned else ""),
                    str(len(one.seeds)),
                    *(_value(one.estimates.get(name), spread=True) for name in result.measured),
                ]
                for place, one in enumerate(result.settings, 1)
            ],
        )
    ]
    if failures:
        tables.append(Table("Failures", ["setting", "runs", "reason"], failures))
    return section_of(
        "sweep",
        "Sweep",
        sentences=sweep_lines(result),
        tables=tables,
        figures=[figure for figure in figures if figure is not None],
    )


def _heading(name: str) -> str:
    return f"{WORDS[name]} [{_UNITS[name]}]" if name in _UNITS else WORDS[name]


def _value(found: Estimate | None, *, spread: bool = False) -> str:
    """A mean with its error, which has two digits, and perhaps the deviation of one seed."""
    if found is None:
        return NOTHING
    if not found.error or found.deviation is None:
        return number(found.mean)
    digits = 1 - math.floor(math.log10(found.error))
    if (found.mean and abs(found.mean) < 1e-3) or abs(found.mean) >= 1e6:
        told = f"{number(found.mean)} ± {number(found.error)}"
        return f"{told} ({number(found.deviation)})" if spread else told
    shown = [f"{round(value, digits):,.{max(0, digits)}f}" for value in (found.mean, found.error, found.deviation)]
    told = f"{shown[0]} ± {shown[1]}".replace("-", "\N{MINUS SIGN}")
    return f"{told} ({shown[2]})" if spread else told


def pareto_figure(result: SweepResult) -> str | None:
    """One SVG element: every setting by two measures with the errors of their means, the front joined; None where no
    setting has both.
    """
    points = {place: pair for place, one in enumerate(result.settings) if (pair := _pair(one, result.axes)) is not None}
    if not points:
        return None
    front = sorted((place for place in result.front if place in points), key=lambda place: points[place][0].mean)
    with new_figure((4.8, 3.9)) as figure:
        axes = figure.add_axes((0.17, 0.14, 0.78, 0.77))
        others = [place for place in points if place not in front]
        _draw_points(axes, [points[place] for place in others], BEFORE, "others")
        _draw_points(axes, [points[place] for place in front], AFTER, "Pareto front")
        axes.plot(
            [points[place][0].mean for place in front],
            [points[place][1].mean for place in front],
            color=AFTER,
            lw=1.0,
            drawstyle="steps-post",
        )
        for place in front[:_LABELLED]:
            at = points[place][0].mean, points[place][1].mean
            axes.annotate(str(place + 1), at, xytext=(4, 4), textcoords="offset points", color=INK, fontsize=8)
        _draw_bound(axes, result, max(pair[0].mean for pair in points.values()))
        axes.set_xlabel(_heading(result.axes[0]))
        axes.set_ylabel(_heading(result.axes[1]))
        _scale(axes, [[float(pair[axis].mean) for pair in points.values()] for axis in (0, 1)])
        legend(axes, columns=3)
        names = " and ".join(WORDS[axis] for axis in result.axes)
        return svg_text(figure, f"Settings of the sweep by {names}; the Pareto front is joined")


def _pair(one: SettingSummary, axes: tuple[str, str]) -> tuple[Estimate, Estimate] | None:
    if not one.is_whole or any(axis not in one.estimates for axis in axes):
        return None
    return one.estimates[axes[0]], one.estimates[axes[1]]


def _draw_points(axes: Axes, pairs: Sequence[tuple[Estimate, Estimate]], colour: str, label: str) -> None:
    if pairs:
        means = np.array([[one.mean for one in pair] for pair in pairs])
        errors = np.array([[one.error or 0.0 for one in pair] for pair in pairs])
        x, y = means.T
        axes.errorbar(x, y, xerr=errors[:, 0], yerr=errors[:, 1], fmt="o", markersize=4, color=colour, label=label)


def _draw_bound(axes: Axes, result: SweepResult, most_bits: float) -> None:
    """Draws what no Gaussian with the correlations of the data can be below, where rate and distortion are shown."""
    if result.axes == ("rate", "distortion") and result.eigenvalues:
        rates, distortions = gaussian_bound(np.array(result.eigenvalues), most_bits)
        shown = rates <= 1.05 * most_bits
        axes.plot(rates[shown], distortions[shown], color=INK, lw=1.0, ls=":", label="Gaussian bound")


def _scale(axes: Axes, values: Sequence[Sequence[float]]) -> None:
    axes.margins(0.06)
    for axis, own in zip((axes.xaxis, axes.yaxis), values, strict=True):
        if min(own) > 0 and max(own) > _WIDE * min(own):
            (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
            powers_of_ten(axis)
        else:
            plain_ticks(axis)


def latents_figure(result: SweepResult) -> str | None:
    """One SVG element: the loss against the number of latents, a line for each combination of the other settings, the
    number that is enough marked, and the participation ratio; None where the number was not varied.
    """
    if not result.latents:
        return None
    measure = result.latents[0].measure
    labels = [short(answer.others or "all", _LONGEST_LABEL) for answer in result.latents]
    columns = 2 if max(map(len, labels)) <= _LABEL_OF_TWO else 1
    above = 0.2 * math.ceil((1 + len(labels)) / columns) + 0.1  # inches of the legend
    height = 3.5 + above
    with new_figure((4.8, height)) as figure:
        axes = figure.add_axes((0.17, 0.55 / height, 0.78, (height - 0.6 - above) / height))
        shown: list[int] = []
        for place, answer in enumerate(result.latents):
            line = _line(result.settings, answer.others, measure)
            shown += line
            colour = _COLOURS[place % len(_COLOURS)]
            means = [line[k].mean for k in line]
            errors = [line[k].error or 0.0 for k in line]
            label = labels[place]
            axes.errorbar(list(line), means, yerr=errors, color=colour, marker="o", markersize=3, lw=1.2, label=label)
            if answer.chosen is not None:
                axes.plot(answer.chosen, line[answer.chosen].mean, "o", color=colour, markersize=9, fillstyle="none")
        if result.participation_ratio is not None:
            axes.axvline(result.participation_ratio, color=INK, lw=0.8, ls=":", label="participation ratio")
        if max(shown) > _WIDE / 2 * min(shown):
            axes.set_xscale("log")
            axes.set_xlim(0.9 * min(shown), 1.1 * max(*shown, result.participation_ratio or 0.0))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            axes.set_xlim(min(shown) - 0.3, max(shown) + 0.3)
            plain_ticks(axes.xaxis, whole=True)
        plain_ticks(axes.yaxis)
        axes.set_xlabel("latents (circled: the fewest within one standard error of the best)")
        axes.set_ylabel(WORDS[measure])
        legend(axes, columns=columns)
        return svg_text(figure, f"{WORDS[measure]} against the number of latents, mean and error over seeds")


def _line(settings: Sequence[SettingSummary], others: str, measure: str) -> Mapping[int, Estimate]:
    """The loss by number of latents, of one combination of the other settings."""
    found = {
        int(one.settings[LATENT]): one.estimates[measure]
        for one in settings
        if LATENT in one.settings and one.is_whole and measure in one.estimates and one.without(LATENT) == others
    }
    return dict(sorted(found.items()))
