"""Scores of rows and events as tables and pictures."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from baler_vae.measures.roc import Roc
from baler_vae.measures.scores import EVENT, TITLES, Profile, Scores, Summary, title_of
from baler_vae.report.drawing import (
    AFTER,
    BEFORE,
    INK,
    error_bars,
    legend,
    new_figure,
    plain_ticks,
    powers_of_ten,
    short,
    svg_text,
)
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.listing import Heading, Listing, numbers
from baler_vae.report.wording import NOTHING, count, figure, measured, number, plain

COLOURS = (BEFORE, AFTER, "#e42536", "#964a8b", "#9c9ca1")
"""Of M. A. Petroff's palette, like the first two."""
_N_BINS = 60
_SHOWN = (0.001, 0.999)
"""The quantiles of all rows between which a histogram is drawn."""
_LEAST = 1e-4
"""The least efficiency for background, and part of rows, that is drawn."""
_WIDE = 1_000.0
"""The ratio of the ends from which on an axis of scores is logarithmic."""

Floats = NDArray[np.float64]


def scores_table(scores: Scores) -> Listing:
    """One line for each level and score: rows, mean, spread and quantiles."""
    headings = [Heading("score"), numbers("rows"), numbers("without", 4), numbers("mean"), numbers("deviation", 2)]
    table = Listing(
        f"Scores of {count(scores.n_events, 'event')}",
        [*headings, numbers("1 %", 3), numbers("50 %", 1), numbers("99 %", 3)],
    )
    level = ""
    for one in scores.summaries:
        if one.level != level:
            level = one.level
            table.head(_level(level))
        table.add(*(plain(cell) for cell in _summary_cells(one)))
    return table


def rocs_table(scores: Scores) -> Listing:
    """One line for each score: how well it tells signal from background."""
    headings = [Heading("score"), numbers("AUC"), numbers("rejection at 30 %", 2), numbers("at 50 %", 2)]
    table = Listing(f"Signal is {scores.label}", [*headings, numbers("largest significance improvement", 1)])
    for level, rocs in scores.rocs.items():
        table.head(_level(level))
        for name, roc in rocs.items():
            table.add(*(plain(cell) for cell in _roc_cells(name, roc)))
    return table


def scores_lines(scores: Scores) -> list[str]:
    """The sentences below the tables."""
    lines = [
        f"bits of {group}: {', '.join(f'{name} {figure(bits)}' for name, bits in columns.items())}"
        for group, columns in scores.column_bits.items()
        if columns
    ]
    return [*lines, *map(plain, map(_profile_line, scores.profiles)), *scores.notes]


def listed_scores(scores: Scores) -> "list[Listing | str]":
    """What the terminal shows."""
    return [scores_table(scores), *([rocs_table(scores)] if scores.rocs else []), *scores_lines(scores)]


def scores_section(scores: Scores) -> Section:
    """The section of a page: tables, ROC curves, histograms, and the mean scores along a column."""
    tables = [
        Table(
            f"Scores of {count(scores.n_events, 'event')}",
            ("score", "rows", "without", "mean", "deviation", "1 %", "50 %", "99 %"),
            [_at_level(one.level, _summary_cells(one)) for one in scores.summaries],
        )
    ]
    if scores.rocs:
        tables.append(
            Table(
                f"Signal is {scores.label}: how well scores tell it",
                ("score", "AUC", "rejection at 30 %", "at 50 %", "significance improvement"),
                [
                    _at_level(level, _roc_cells(name, roc))
                    for level, rocs in scores.rocs.items()
                    for name, roc in rocs.items()
                ],
            )
        )
    tables += [
        Table(
            f"Mean bits of a row of {group}", ("column", "bits"), [(name, number(bits)) for name, bits in own.items()]
        )
        for group, own in scores.column_bits.items()
        if own
    ]
    figures = [histogram_figure(scores, level) for level, own in scores.levels.items() if _main(own)]
    figures += [roc_figure(level, rocs) for level, rocs in scores.rocs.items() if rocs]
    if scores.profiles:
        figures.append(profile_figure(scores.profiles))
    sentences = [*map(_profile_line, scores.profiles), *scores.notes]
    return section_of("scores", "Scores", sentences=sentences, tables=tables, figures=figures)


def _level(level: str) -> str:
    return "by event" if level == EVENT else f"by row of {level}"


def _at_level(level: str, cells: tuple[str, ...]) -> tuple[str, ...]:
    return f"{cells[0]}, {_level(level)}", *cells[1:]


def _summary_cells(one: Summary) -> tuple[str, ...]:
    without = f"{one.n_without:,}" if one.n_without else NOTHING
    values = (one.mean, one.deviation, *one.quantiles)
    return title_of(one.score), f"{one.n_rows:,}", without, *map(number, values)


def _roc_cells(name: str, roc: Roc) -> tuple[str, ...]:
    auc, significance = (measured(one.value, one.error) for one in (roc.auc, roc.significance))
    rejections = (
        measured(one.value, one.error) if math.isfinite(one.error) else f"> {one.value:,.0f}"
        for one in roc.rejections.values()
    )
    return title_of(name), auc, *rejections, significance


def _profile_line(profile: Profile) -> str:
    return (
        f"mean {title_of(profile.score)} along {profile.by}: chi2 of a constant {number(profile.chi2)} for "
        f"{profile.n_dof} degrees of freedom, p = {number(profile.p_value)}"
    )


def _main(values: Mapping[str, object]) -> list[str]:
    """The scores that are drawn: those over everything."""
    return [name for name in TITLES if name in values]


def histogram_figure(scores: Scores, level: str) -> str:
    """One SVG element with a panel for each score: how it is distributed, for signal and background where those are
    known.
    """
    own, labels = scores.levels[level], scores.labels.get(level)
    names = _main(own)
    with new_figure((4.2, 2.6 * len(names) + 0.1)) as drawn:
        height = 2.6 * len(names) + 0.1
        panels = drawn.subplots(len(names), 1, squeeze=False)[:, 0]
        drawn.subplots_adjust(left=0.16, right=0.96, top=1 - 0.35 / height, bottom=0.5 / height, hspace=0.62)
        for panel, name in zip(panels, names, strict=True):
            _draw_histogram(panel, own[name], labels)
            panel.set_xlabel(f"{title_of(name)}, {_level(level)}")
        if labels is not None:
            legend(panels[0], columns=2)
        what = "of signal and background" if labels is not None else ""
        return svg_text(drawn, f"Distribution of scores {what} {_level(level)}: {', '.join(names)}")


def _draw_histogram(axes: Axes, values: Floats, labels: NDArray[np.bool_] | None) -> None:
    used = values[np.isfinite(values)]
    if not len(used):
        axes.set_yticks([])
        return
    low, high = np.quantile(used, _SHOWN)
    is_wide = low > 0 and high > _WIDE * low
    edges = np.linspace(low, high if high > low else low + 1, _N_BINS + 1)
    edges = np.geomspace(low, high, _N_BINS + 1) if is_wide else edges
    if labels is None:
        samples = [("", BEFORE, used)]
    else:
        samples = [
            ("background", BEFORE, values[~labels & np.isfinite(values)]),
            ("signal", AFTER, values[labels & np.isfinite(values)]),
        ]
    highest = 0.0
    for name, colour, own in samples:
        parts = np.histogram(own, edges)[0] / max(1, len(own))
        highest = max(highest, float(parts.max()))
        axes.stairs(parts, edges, color=colour, label=name, fill=not name, alpha=1.0 if name else 0.6)
    axes.set_ylabel("part of rows")
    axes.set_yscale("log")
    axes.set_ylim(max(_LEAST, 0.5 / len(used)), 2 * highest)
    powers_of_ten(axes.yaxis)
    if is_wide:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    if is_wide:
        powers_of_ten(axes.xaxis)
    else:
        plain_ticks(axes.xaxis)


def roc_figure(level: str, rocs: Mapping[str, Roc]) -> str:
    """One SVG element with the ROC curve of each score over everything: efficiencies for background against those for
    signal.
    """
    names = _main(rocs)
    height = 3.9 + 0.17 * len(names)
    with new_figure((4.2, height)) as drawn:
        axes = drawn.add_axes((0.16, 0.5 / height, 0.8, 3.0 / height))
        for name, colour in zip(names, COLOURS, strict=False):
            roc = rocs[name]
            axes.plot(
                roc.signal,
                np.maximum(roc.background, _LEAST),
                color=colour,
                label=f"{title_of(name)}, AUC {measured(roc.auc.value, roc.auc.error)}",
            )
        steps = np.linspace(_LEAST, 1, 200)
        axes.plot(steps, steps, color=INK, lw=0.8, ls=":", label="chance")
        axes.set_yscale("log")
        least = min(float(rocs[name].background[10:].min()) for name in names)
        axes.set_ylim(max(_LEAST, min(least, 0.05) / 2), 1.0)
        axes.set_xlim(0, 1)
        powers_of_ten(axes.yaxis)
        plain_ticks(axes.xaxis)
        axes.set_xlabel(f"efficiency for signal, {_level(level)}")
        axes.set_ylabel("efficiency for background")
        legend(axes, columns=1)
        return svg_text(drawn, f"ROC curves {_level(level)}: {', '.join(names)}")


def profile_figure(profiles: tuple[Profile, ...]) -> str:
    """One SVG element with a panel for each score: its mean, with errors, along a column."""
    height = 2.4 * len(profiles) + 0.1
    with new_figure((4.2, height)) as drawn:
        panels = drawn.subplots(len(profiles), 1, squeeze=False)[:, 0]
        drawn.subplots_adjust(left=0.19, right=0.96, top=1 - 0.15 / height, bottom=0.5 / height, hspace=0.5)
        for panel, profile in zip(panels, profiles, strict=True):
            middles = (profile.low + profile.high) / 2
            shown = np.isfinite(profile.errors)
            ends = (profile.means[shown] + sign * profile.errors[shown] for sign in (-1, 1))
            panel.plot(*error_bars(middles[shown], *ends), color=BEFORE, lw=1.0)
            panel.plot(middles, profile.means, color=BEFORE, ls="", marker="o", markersize=2.5)
            panel.set_ylabel(f"mean {short(title_of(profile.score), 22)}")
            panel.set_xlabel(short(profile.by))
            panel.margins(x=0.03)
            panel.autoscale(axis="x")
            plain_ticks(panel.xaxis)
            plain_ticks(panel.yaxis)
        names = ", ".join(profile.score for profile in profiles)
        return svg_text(drawn, f"Mean scores along {profiles[0].by}: {names}")
