"""The picture of the dial: bytes against MB/s of decoding, in the inner loop and as whole processes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from benchmarks.dial_points import Point
from benchmarks.measure import OURS
from benchmarks.picture import STYLE

_OURS_COLOUR, _GREY = "#D55E00", "#444444"
_CODERS = {
    "ROOT file (zstd)": ("#56B4E9", "D"),
    "ROOT file (LZMA)": ("#E69F00", "v"),
    "pcodec": ("#0072B2", "o"),
    "zstd": ("#009E73", "s"),
    "xz": ("#CC79A7", "^"),
    "SZ3": ("#4D4D4D", "P"),
}
"""The colour (Okabe and Ito's, which the colour-blind can tell apart) and the shape of each coder, by the first of
these that is in the name of a method.
"""
_OTHERS = ("#999999", "X")
_NEAR = 2.0
"""Times the speed of a point up to which the next one of ours shares its label."""
_HIGHEST = 2.0
"""The largest ratio of bytes that is drawn in its place; others stand at the edge with their number."""
_TICKS = (0.9, 1, 1.1, 1.2, 1.4, 1.6, 1.8, 2)
_SPEEDS = (0.01, 0.1, 1, 10, 100, 1000, 10_000)
_ROWS: tuple[tuple[str, Callable[[Point], float]], ...] = (
    ("inner loop", lambda point: point.speed(point.decode_s)),
    ("whole process", lambda point: point.speed(point.process_s)),
)


def draw(path: Path, points: Sequence[Point]) -> None:
    """Writes the picture as a PNG file: a column of panels for each table of which ours were measured, bytes in units
    of our `default`, or of our first effort. Methods that break the bound are left out; a line connects our efforts, a
    grey one those points than which none is smaller and as fast.
    """
    kept = [point for point in points if not (point.reason or point.violations) and point.bytes]
    units = {point.data: point.bytes for point in reversed(kept) if point.method.startswith(OURS)}
    units |= {point.data: point.bytes for point in kept if point.method == f"{OURS} default"}
    data = list(dict.fromkeys(point.data for point in kept if point.data in units))
    if not data:
        return
    with mpl.rc_context({**STYLE, "axes.spines.left": True}):
        figure = Figure(figsize=(9.2, 6.0), dpi=120)
        panels = figure.subplots(len(_ROWS), len(data), sharex="row", sharey="row", squeeze=False)
        least = min(point.bytes / units[point.data] for point in kept if point.data in units)
        for row, (what, speed) in zip(panels, _ROWS, strict=True):
            speeds = [speed(point) for point in kept if point.data in units]
            row[0].set(xscale="log", yscale="log")
            row[0].set_xlim(0.5 * min(speeds), 2 * max(speeds))
            row[0].set_ylim(0.9 * min(1, least), 1.1 * _HIGHEST)
            for panel, name in zip(row, data, strict=True):
                own = [point for point in kept if point.data == name]
                _draw_panel(panel, own, units[name], speed)
            row[0].set_ylabel(f"bytes / default, {what}")
        for panel, name in zip(panels[0], data, strict=True):
            first = next(point for point in kept if point.data == name)
            title = f"{name}, {first.bound}: {first.raw_bytes / 1e6:.1f} MB"
            panel.set_title(title, fontsize=10, family="DejaVu Sans Mono", pad=8)
        figure.subplots_adjust(left=0.07, right=0.985, top=0.87, bottom=0.09, wspace=0.08, hspace=0.2)
        figure.text(0.53, 0.012, "decoding, MB/s  (down and to the right is better)", ha="center")
        _draw_legend(figure, kept)
        figure.savefig(path)


def _draw_panel(panel: Axes, points: Sequence[Point], unit: int, speed: Callable[[Point], float]) -> None:
    panel.xaxis.set_major_locator(FixedLocator(_SPEEDS))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(FixedLocator(_TICKS))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.grid(visible=True, color="#EAEAEA", lw=0.8, zorder=0)
    _draw_front(panel, points, unit, speed)
    beyond = 0
    for point in points:
        colour, shape = _style(point)
        ratio = point.bytes / unit
        is_ours = point.method.startswith(OURS)
        fill = "white" if point.method.startswith("truncation") else colour
        size = 8.5 if is_ours else 6
        panel.plot(speed(point), min(ratio, _HIGHEST), shape, color=fill, mec=colour, ms=size, mew=1.2, zorder=4)
        if ratio > _HIGHEST:  # several may be close to each other
            beyond += 1
            _say(panel, f"{ratio:.1f}", (speed(point), _HIGHEST), (0, -5 - 10 * beyond), colour=colour)
    ours = sorted((point for point in points if point.method.startswith(OURS)), key=speed)
    places = [(speed(point), min(point.bytes / unit, _HIGHEST)) for point in ours]
    panel.plot(*zip(*places, strict=True), color=_OURS_COLOUR, lw=1.6, zorder=3)
    labels: list[tuple[tuple[float, float], list[str]]] = []
    for point, place in zip(ours, places, strict=True):
        if not labels or place[0] > _NEAR * labels[-1][0][0]:
            labels.append((place, []))
        labels[-1][1].append(point.method.removeprefix(OURS).strip())
    for place, names in labels:  # those of points close to each other stand on each other
        _say(panel, "\n".join(names), place, (0, 9), colour=_OURS_COLOUR, weight="bold")


def _draw_front(panel: Axes, points: Sequence[Point], unit: int, speed: Callable[[Point], float]) -> None:
    """A line along the points than which none is smaller and as fast, in steps."""
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (-speed(point), point.bytes)):
        ratio = min(point.bytes / unit, _HIGHEST)
        if not front or ratio < front[-1][1]:
            front.append((speed(point), ratio))
    speeds, ratios = zip(*[(panel.get_xlim()[0], front[-1][1]), *reversed(front)], strict=True)
    panel.step(speeds, ratios, where="pre", color="#BBBBBB", lw=1.2, zorder=1)


def _say(panel: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], **looks: str) -> None:
    panel.annotate(
        text,
        place,
        xytext=shift,
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8.5,
        color=looks["colour"],
        fontweight=looks.get("weight", "normal"),
        zorder=5,
    )


def _style(point: Point) -> tuple[str, str]:
    if point.method.startswith(OURS):
        return _OURS_COLOUR, "o"
    return next((style for name, style in _CODERS.items() if name in point.method), _OTHERS)


def _draw_legend(figure: Figure, points: Sequence[Point]) -> None:
    drawn = [name for name in _CODERS if any(name in point.method for point in points)]
    handles = [Line2D([], [], marker="o", color=_OURS_COLOUR, ms=8, lw=1.6, label="ours")]
    handles += [
        Line2D([], [], ls="", marker=_CODERS[name][1], color=_CODERS[name][0], ms=6, label=name) for name in drawn
    ]
    handles.append(
        Line2D([], [], ls="", marker="o", mfc="white", mec=_GREY, ms=6, label="truncated mantissas (else our grid)")
    )
    figure.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.53, 1.0), ncols=len(handles), frameon=False,
        handletextpad=0.2, columnspacing=1.0, fontsize=8.5,
    )  # fmt: skip
