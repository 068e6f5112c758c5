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
    "pcodec": ("#0072B2", "o"),
    "zstd": ("#009E73", "s"),
    "xz": ("#CC79A7", "^"),
    "ROOT file (zstd)": ("#56B4E9", "D"),
    "ROOT file (LZMA)": ("#E69F00", "v"),
    "SZ3": ("#4D4D4D", "P"),
}
"""The colour (Okabe and Ito's, which the colour-blind can tell apart) and the shape of each coder."""
_OTHERS = ("#999999", "X")
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
        for row, (what, speed) in zip(panels, _ROWS, strict=True):
            for panel, name in zip(row, data, strict=True):
                own = [point for point in kept if point.data == name]
                _draw_panel(panel, own, units[name], speed)
            row[0].set_ylabel(f"bytes / default, {what}")
        for panel, name in zip(panels[0], data, strict=True):
            first = next(point for point in kept if point.data == name)
            title = f"{name}, {first.bound}: {first.raw_bytes / 1e6:.1f} MB"
            panel.set_title(title, fontsize=10, family="DejaVu Sans Mono", pad=8)
        figure.subplots_adjust(left=0.07, right=0.985, top=0.86, bottom=0.085, wspace=0.08, hspace=0.2)
        figure.text(0.53, 0.012, "decoding, MB/s  (down and to the right is better)", ha="center")
        _draw_legend(figure, kept)
        figure.savefig(path)


def _draw_panel(panel: Axes, points: Sequence[Point], unit: int, speed: Callable[[Point], float]) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.xaxis.set_major_locator(FixedLocator(_SPEEDS))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_locator(FixedLocator(_TICKS))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    panel.yaxis.set_minor_locator(NullLocator())
    low = min(0.95, 0.97 * min(point.bytes / unit for point in points))
    panel.set_ylim(min(low, panel.get_ylim()[0]) if panel.lines else low, 1.06 * _HIGHEST)
    panel.grid(visible=True, color="#EAEAEA", lw=0.8, zorder=0)
    _draw_front(panel, points, unit, speed)
    for point in points:
        colour, shape = _style(point)
        ratio = point.bytes / unit
        is_ours = point.method.startswith(OURS)
        fill = "white" if point.method.startswith("truncation") else colour
        size = 8.5 if is_ours else 6
        panel.plot(speed(point), min(ratio, _HIGHEST), shape, color=fill, mec=colour, ms=size, mew=1.2, zorder=4)
        if ratio > _HIGHEST:
            _say(panel, f"{ratio:.1f}", (speed(point), _HIGHEST), (0, -13), colour=colour)
    ours = sorted((point for point in points if point.method.startswith(OURS)), key=speed)
    places = [(speed(point), min(point.bytes / unit, _HIGHEST)) for point in ours]
    panel.plot(*zip(*places, strict=True), color=_OURS_COLOUR, lw=1.6, zorder=3)
    for point, place in zip(ours, places, strict=True):
        _say(panel, point.method.removeprefix(OURS).strip(), place, (0, 8), colour=_OURS_COLOUR, weight="bold")


def _draw_front(panel: Axes, points: Sequence[Point], unit: int, speed: Callable[[Point], float]) -> None:
    """A line along the points than which none is smaller and as fast, in steps."""
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda point: (-speed(point), point.bytes)):
        ratio = min(point.bytes / unit, _HIGHEST)
        if not front or ratio < front[-1][1]:
            front.append((speed(point), ratio))
    speeds, ratios = zip(*[(_SPEEDS[0], front[-1][1]), *reversed(front)], strict=True)
    panel.step(speeds, ratios, where="pre", color="#BBBBBB", lw=1.2, zorder=1)
    slowest, fastest = min(map(speed, points)), max(map(speed, points))
    left, right = panel.get_xlim() if panel.get_label() else (slowest / 2, fastest * 2)
    panel.set_xlim(min(left, slowest / 2), max(right, fastest * 2))


def _say(panel: Axes, text: str, place: tuple[float, float], shift: tuple[float, float], **looks: str) -> None:
    panel.annotate(
        text,
        place,
        xytext=shift,
        textcoords="offset points",
        ha="center",
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
