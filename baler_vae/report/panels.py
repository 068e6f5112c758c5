"""Kinds of panels that figures of the laboratory have in common: maps, clouds of points, small multiples."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from baler_vae.evaluation.residuals import Floats
from baler_vae.report.drawing import DIVERGING, INK, new_figure, plain_ticks, short, svg_text
from baler_vae.report.wording import MINUS

# M. A. Petroff's palette of ten (arXiv:2107.02270), told apart in all forms of colour blindness.
COLOURS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#832db6",
    "#94a4a2",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
_MOST_WRITTEN = 80
"""Cells of a map beyond which its numbers do not fit."""
_FEW_VALUES = 10
"""Different values that are told by colours of their own."""
_ACROSS = 3


def table_map(
    rows: Sequence[str], columns: Sequence[str], matrix: Floats, title: str, *, reach: float | None = None
) -> str:
    """One SVG element: entries (rows, columns) as coloured cells, with their numbers where these fit; around zero up
    to `reach`, or from zero up where that is None.
    """
    height = 1.75 + min(4.8, 0.2 * max(4, len(rows)))
    with new_figure((4.6, height)) as figure:
        axes = figure.add_axes((0.17, 1.25 / height, 0.68, 1 - 1.65 / height))
        norm = (
            Normalize(0, max(1e-12, float(np.nanmax(matrix, initial=0)))) if reach is None else Normalize(-reach, reach)
        )
        colours = "viridis" if reach is None else DIVERGING
        mesh = axes.pcolormesh(
            np.arange(len(columns) + 1) - 0.5,
            np.arange(len(rows) + 1) - 0.5,
            matrix,
            cmap=colours,
            norm=norm,
            rasterized=True,
        )
        axes.set_ylim(len(rows) - 0.5, -0.5)
        size = 8 if len(rows) <= 20 else 6
        steps = max(1, math.ceil(len(columns) / 40))
        axes.set_xticks(
            range(0, len(columns), steps),
            [short(name, 18) for name in columns[::steps]],
            rotation=90,
            fontsize=8 if len(columns) <= 20 else 6,
        )
        axes.set_yticks(range(len(rows)), rows, fontsize=size)
        axes.tick_params(length=0)
        if matrix.size <= _MOST_WRITTEN and len(columns) <= 11:
            _write_cells(axes, matrix, norm, diverging=reach is not None)
        bar = figure.colorbar(mesh, cax=figure.add_axes((0.87, 1.25 / height, 0.03, 1 - 1.65 / height)))
        for part in bar.ax.collections:
            part.set_rasterized(True)
        bar.outline.set_visible(False)
        plain_ticks(bar.ax.yaxis)
        axes.set_title(title, fontsize=9, loc="left", pad=5)
        return svg_text(figure, title)


def _write_cells(axes: Axes, matrix: Floats, norm: Normalize, *, diverging: bool) -> None:
    for row, column in zip(*np.nonzero(np.isfinite(matrix)), strict=True):
        value = float(matrix[row, column])
        part = float(norm(value))
        is_dark = not 0.17 < part < 0.83 if diverging else part < 0.6
        text = f"{value:.2f}" if diverging else f"{value:.3g}" if value < 100 else f"{value:.0f}"
        text = "0" if float(text) == 0 else text.replace("-", MINUS)
        axes.text(column, row, text, ha="center", va="center", fontsize=6, color="#fff" if is_dark else "#000")


def cloud(points: Floats, values: NDArray[np.generic] | None, title: str, name: str, labels: tuple[str, str]) -> str:
    """One SVG element: points float64 (rows, 2), coloured by values (rows,) of that name: a few integers or flags by
    colours of their own, all others by a scale from their 1st to their 99th percentile.
    """
    with new_figure((4.6, 4.1)) as figure:
        axes = figure.add_axes((0.13, 0.12, 0.68, 0.74))
        size = 6.0 if len(points) < 2_000 else 2.0 if len(points) < 10_000 else 0.8
        order = np.random.default_rng(0).permutation(len(points))  # no value lies on top of the others
        options: dict[str, Any] = {"s": size, "linewidths": 0, "rasterized": True}
        kinds = None if values is None else np.unique(values)
        if values is None or kinds is None:
            axes.scatter(points[:, 0], points[:, 1], color=COLOURS[0], **options)
        elif values.dtype.kind in "iub" and len(kinds) <= _FEW_VALUES:
            found = np.searchsorted(kinds, values)
            colours = np.array(COLOURS)[found[order]]
            axes.scatter(points[order, 0], points[order, 1], c=colours, **options)
            for number, kind in enumerate(kinds.tolist()):
                axes.plot([], [], "o", color=COLOURS[number], markersize=4, label=str(kind))
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), handletextpad=0.2, title=short(name, 14))
        else:
            given = values.astype(np.float64)
            finite = given[np.isfinite(given)]
            low, high = np.percentile(finite, [1, 99]) if len(finite) else (0.0, 1.0)
            norm = Normalize(float(low), float(high) if high > low else float(low) + 1)
            drawn = axes.scatter(
                points[order, 0], points[order, 1], c=given[order], cmap="viridis", norm=norm, **options
            )
            bar = figure.colorbar(drawn, cax=figure.add_axes((0.83, 0.12, 0.03, 0.74)))
            for part in bar.ax.collections:
                part.set_rasterized(True)
            bar.outline.set_visible(False)
            plain_ticks(bar.ax.yaxis)
        axes.autoscale()
        axes.margins(0.03)
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
        axes.set_title(title, fontsize=9, loc="left", pad=5)
        return svg_text(figure, title)


@contextmanager
def multiples(
    n: int, title: str, *, panel_height: float = 1.35, n_across: int = _ACROSS
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with so many small panels in rows of three, and a title, that holds inside of the block."""
    n_across = max(1, min(n_across, n))
    n_down = max(1, math.ceil(n / n_across))
    height = panel_height * n_down + 0.75
    with new_figure((4.6, height)) as figure:
        grid = figure.subplots(n_down, n_across, squeeze=False)
        figure.subplots_adjust(
            left=0.12, right=0.98, bottom=0.42 / height, top=1 - 0.52 / height, wspace=0.42, hspace=0.62
        )
        for axes in grid.flat[n:]:
            axes.set_axis_off()
        for axes in grid.flat[:n]:
            axes.tick_params(labelsize=7)
        figure.text(0.02, 1 - 0.2 / height, title, fontsize=9, color=INK)
        yield figure, list(grid.flat[:n])
