"""The picture of the results: how many bytes every rival takes, relative to ours, at each bound."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.data import CASES
from benchmarks.measure import OURS, Row

# Okabe and Ito's palette, which the colour-blind can tell apart; shapes say the same again.
_STYLES = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "^"),
    ("#CC79A7", "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#4D4D4D", "X"),
)
_LIMIT = 4.0
_EDGE = 6.6
"""Between the limit and the edge stands what lies beyond."""
_TICKS = (1, 1.2, 1.5, 2, 3, 4)
_DODGE = 0.6
"""How far apart, in lines, the tables of one rival are drawn, so that none hides another."""
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": "#888888",
}

Ratios = dict[tuple[str, str, str], float]


def draw(path: Path, rows: Sequence[Row], ours: str = "") -> None:
    """Writes the picture of real data as a PNG file, where `ours` (by default the first of our kinds) was measured.

    A panel for each bound and a line for each rival, sorted by their geometric means over all panels; rivals that break
    a bound are drawn hollow, what is beyond the panel stands at its edge with its number.
    """
    drawn = [row for row in rows if row.bytes and row.data in CASES and CASES[row.data].is_real]
    ours = ours or next((row.method for row in drawn if row.method.startswith(OURS)), "")
    ratios = _ratios(drawn, ours)
    if not ratios:
        return
    broken = {row.key for row in drawn if not row.keeps_bound}
    bounds = list(dict.fromkeys(bound for _, bound, _ in ratios))
    data = [name for name in CASES if any(name == key[0] for key in ratios)]
    methods = sorted({method for _, _, method in ratios}, key=lambda method: _mean(ratios, method))
    with mpl.rc_context(STYLE):
        height = 1.35 + 0.35 * len(methods)
        figure = Figure(figsize=(9.2, height), dpi=120)
        panels = figure.subplots(1, len(bounds), sharey=True, squeeze=False)[0]
        for panel, bound in zip(panels, bounds, strict=True):
            _draw_panel(panel, {key: ratio for key, ratio in ratios.items() if key[1] == bound}, data, methods, broken)
            panel.set_title(bound, fontsize=10.5, family="DejaVu Sans Mono", pad=8)
        panels[0].set_yticks(range(len(methods)), methods)
        panels[0].set_ylim(len(methods) - 0.4, -0.7)
        top, bottom = 1 - 0.72 / height, 0.5 / height
        figure.subplots_adjust(left=0.195, right=0.985, top=top, bottom=bottom, wspace=0.09)
        _draw_legend(figure, data, bool(broken & ratios.keys()))
        figure.text(0.59, 0.1 / height, f"bytes / bytes of {ours}   (grey bar: geometric mean)", ha="center")
        figure.savefig(path)


def _ratios(rows: Sequence[Row], ours: str) -> Ratios:
    """The bytes of every rival, over ours, by table, bound and rival."""
    our_bytes = {row.key[:2]: row.bytes for row in rows if row.method == ours and row.keeps_bound and row.bytes}
    return {
        row.key: row.bytes / our_bytes[row.key[:2]]
        for row in rows
        if row.bytes and row.key[:2] in our_bytes and not row.method.startswith(OURS)
    }


def _mean(ratios: Ratios, method: str) -> float:
    """The geometric mean of a rival's ratios."""
    logs = [math.log(ratio) for (_, _, other), ratio in ratios.items() if other == method]
    return math.exp(sum(logs) / len(logs)) if logs else math.inf


def _draw_panel(panel: Axes, ratios: Ratios, data: list[str], methods: list[str], broken: set[tuple[str, ...]]) -> None:
    low = min(0.93, 0.97 * min(ratios.values()))
    panel.set_xscale("log")
    panel.set_xlim(low, _EDGE)
    panel.axvspan(low, 1, color="#F3E3D3", lw=0, zorder=0)
    panel.axvline(1, color="black", lw=1.2, zorder=1)
    for line in range(len(methods)):
        panel.axhline(line, color="#E4E4E4", lw=0.8, zorder=0)
    for line, method in enumerate(methods):
        mean = _mean(ratios, method)
        if mean <= _LIMIT:
            panel.plot([mean, mean], [line - 0.4, line + 0.4], color="#999999", lw=3, zorder=2, solid_capstyle="butt")
        beyond = []
        for number, (name, (colour, shape)) in enumerate(zip(data, _STYLES, strict=False)):
            key = next((key for key in ratios if key[0] == name and key[2] == method), None)
            if key is None:
                continue
            if ratios[key] > _LIMIT:
                beyond.append(ratios[key])
                continue
            fill = "white" if key in broken else colour
            place = line + _DODGE * (number / max(1, len(data) - 1) - 0.5)
            panel.plot(ratios[key], place, shape, color=fill, mec=colour, ms=4.6, mew=1.0, zorder=3)
        if beyond:
            span = f"{min(beyond):.0f}" if len(beyond) == 1 else f"{min(beyond):.0f} to {max(beyond):.0f}"
            panel.text(0.98 * _EDGE, line, f"{span} >", ha="right", va="center", fontsize=8, color="#444444", zorder=4)
    panel.xaxis.set_major_locator(FixedLocator(_TICKS))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.tick_params(axis="y", length=0)


def _draw_legend(figure: Figure, data: list[str], some_broken: bool) -> None:
    handles = [
        Line2D([], [], ls="", marker=shape, color=colour, ms=6, label=name)
        for name, (colour, shape) in zip(data, _STYLES, strict=False)
    ]
    if some_broken:
        handles.append(Line2D([], [], ls="", marker="o", mfc="white", mec="#444444", ms=6, label="breaks the bound"))
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.55, 1.0), ncols=len(handles), frameon=False,
        handletextpad=0.1, columnspacing=1.4,
    )  # fmt: skip
