"""Advice on precision as tables and a picture."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from baler_vae.evaluation.advice import Advice, Candidate, ColumnAdvice
from baler_vae.report.drawing import AFTER, BEFORE, INK, new_figure, short, svg_text
from baler_vae.report.listing import Heading, Listing, bytes_cell, numbers
from baler_vae.report.wording import NOTHING, figure, size

_PANELS_IN_A_ROW = 4
_LOWEST = 1e-4
"""The smallest effect that is drawn as it is, in statistical errors."""


def advice_table(advice: Advice) -> Listing:
    """One line per float column: its bound, what it does, what less would do, and the bytes."""
    headings = [
        Heading("column"),
        Heading("bound"),
        numbers("bits/value", 2),
        numbers("bytes", 4),
        numbers("effect", 1),
    ]
    table = Listing(advice.title, [*headings, Heading("less would move", 3), Heading("remark", 5)])
    for column in advice.columns:
        limit = column.limit
        table.add(
            column.name,
            column.bound,
            f"{column.bits_per_value:.2f}",
            bytes_cell(round(column.n_bytes)),
            in_percent(column.worst),
            "" if limit is None else f"{limit} by {in_percent(limit.in_errors)}",
            column.note,
        )
    return table


def advice_lines(advice: Advice) -> list[str]:
    """The sentences below the table: sizes, the joint effect, what shares a bound, what nothing uses, and what was not
    examined.
    """
    worst = advice.joint[0] if advice.joint else None
    lines = [
        f"all at once: {f'the {worst} moves most, by {in_percent(worst.in_errors)}' if worst else 'nothing moves'}",
        f"about {size(advice.independent_bytes)} of {size(advice.original_bytes)}, each column by itself",
    ]
    if advice.fitted_bytes is not None:
        lines[-1] += (
            f"; about {size(advice.fitted_bytes)} with networks, according to a fit to {advice.fitted_rows:,} rows"
        )
    sampled = [f"{advice.n_sampled[name]:,} of {n:,} {name}" for name, n in advice.n_rows.items()]
    if any(advice.n_sampled[name] < n for name, n in advice.n_rows.items()):
        lines.append(
            f"measured on a sample: {', '.join(sampled)}; "
            "effects are scaled to all rows, rather over- than underestimated"
        )
    return [*lines, *advice.notes]


def in_percent(in_errors: float) -> str:
    """An effect in per cent of the statistical error."""
    return f"{figure(100 * in_errors)} %" if math.isfinite(in_errors) else "∞"


def advice_figure(advice: Advice) -> str:
    """One SVG element with a panel for each column that was examined: the largest effect and the bytes against the
    steps that were tried, and the one that is advised.
    """
    columns = [column for column in advice.columns if column.candidates and column.used]
    n_across = min(_PANELS_IN_A_ROW, max(1, len(columns)))
    n_down = max(1, math.ceil(len(columns) / n_across))
    with new_figure((2.9 * n_across + 0.3, 2.5 * n_down + 0.4)) as figure:
        height = 2.5 * n_down + 0.4
        grid = figure.subplots(n_down, n_across, squeeze=False)
        figure.subplots_adjust(
            left=0.2 / n_across + 0.02,
            right=1 - 0.17 / n_across,
            bottom=0.5 / height,
            top=1 - 0.62 / height,
            wspace=0.62,
            hspace=0.55,
        )
        for axes in grid.flat[len(columns) :]:
            axes.set_axis_off()
        for panel, column in zip(grid.flat, columns, strict=False):
            _draw(panel, column, advice.part)
        figure.text(0.02, 1 - 0.2 / height, "largest effect in statistical errors", color=BEFORE, weight="bold")
        figure.text(0.42, 1 - 0.2 / height, "bits per value", color=AFTER, weight="bold")
        figure.text(0.62, 1 - 0.2 / height, "┄ allowed effect   │ advised", color=INK)
        names = ", ".join(f"{column.name} {column.bound}" for column in columns)
        return svg_text(figure, f"Effect and bits per value against the bound, by column. Advised: {names}")


def _draw(axes: Axes, column: ColumnAdvice, part: float) -> None:
    shown = _ladder(column)
    positions = list(range(len(shown)))
    effects = [min(1e3, max(_LOWEST, own.worst)) for own in shown]
    axes.plot(positions, effects, color=BEFORE, marker="o", markersize=3)
    axes.axhline(part, color=INK, lw=0.8, ls=":")
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST / 2, max(1.0, 2 * max(effects)))
    powers = [10.0**power for power in range(-4, 4)]
    axes.yaxis.set_major_locator(FixedLocator([power for power in powers if power < axes.get_ylim()[1]]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    for position, own in zip(positions, shown, strict=True):
        if own.bound == column.bound:
            axes.axvline(position, color=INK, lw=1.0)
    axes.set_title(f"{short(column.name, 24)}: {column.bound.split(',')[0]}", fontsize=9, loc="left", pad=5)
    kind = shown[0].bound.partition(":")[0]
    axes.set_xlabel("mantissa bits" if kind == "bits" else "absolute bound")
    step = max(1, math.ceil(len(shown) / (8 if kind == "bits" else 4)))
    axes.set_xticks(positions[::step], [_tick(own.bound) for own in shown[::step]])
    axes.set_xlim(-0.4, len(shown) - 0.6)
    right = axes.twinx()
    bits = [8 * own.n_bytes / max(1, column.n_rows) for own in shown]
    right.plot(positions, bits, color=AFTER, marker="s", markersize=2.5, lw=1.2)
    right.set_ylim(0, 1.15 * max(*bits, 1e-9))
    right.yaxis.set_major_locator(MaxNLocator(4))
    right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _ladder(column: ColumnAdvice) -> Sequence[Candidate]:
    """The candidates of the kind of bound that is advised, of the first kind where that is `exact`."""
    kinds = [own.bound.partition(":")[0] for own in column.candidates]
    wanted = column.bound.partition(":")[0]
    wanted = wanted if wanted in kinds else kinds[0]
    return [own for own, kind in zip(column.candidates, kinds, strict=True) if kind == wanted]


def _tick(bound: str) -> str:
    text = bound.split(",", maxsplit=1)[0].partition(":")[2]
    return text or NOTHING
