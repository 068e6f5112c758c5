"""Maps of two columns at a time: correlations, mutual information, densities."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from baler_vae.evaluation.joint import Density, GroupStatistics
from baler_vae.evaluation.residuals import Floats
from baler_vae.report.drawing import DIVERGING, in_unit, new_figure, plain_ticks, powers_of_ten, short, svg_text
from baler_vae.report.wording import MINUS, number, power_of_ten, unit

MOST_WRITTEN = 10
"""Columns of a map beyond which its numbers do not fit into its cells."""

LEAST_REACH = 1e-12


def correlation_maps(statistics: GroupStatistics) -> tuple[str, str]:
    """Two SVG elements: the correlations of a group's columns before, and by how much they changed."""
    before, after = statistics.correlation_before, statistics.correlation_after
    where = _of(statistics)
    return (
        _matrix(statistics.names, before, 1.0, f"Correlations before{where}"),
        _matrix(statistics.names, _off_diagonal(after - before), None, f"Changes of correlations{where}"),
    )


def information_map(statistics: GroupStatistics) -> str:
    """One SVG element: by how many bits the mutual information of each pair of a group's columns changed."""
    changes = statistics.mutual_information_after - statistics.mutual_information_before
    title = f"Changes of mutual information in bits{_of(statistics)}"
    return _matrix(statistics.names, _off_diagonal(changes), None, title)


def density_maps(density: Density, group: str) -> str:
    """One SVG element: the rows in bins of two columns before, and the ratio of those after to those before."""
    filled = density.before > 0
    ratio = np.divide(density.after, density.before, where=filled, out=np.full(density.before.shape, np.nan))
    reach = min(1.0, max(0.05, float(np.nanpercentile(np.abs(ratio - 1), 95)) if filled.any() else 0.05))
    with new_figure((8.4, 3.4)) as figure:
        left, right = figure.subplots(1, 2)
        figure.subplots_adjust(left=0.08, right=0.96, bottom=0.14, top=0.9, wspace=0.28)
        most = max(2.0, float(density.before.max(initial=0)))
        counts = np.where(filled, density.before, np.nan)
        _cells(figure, left, density, counts, "viridis", LogNorm(1, most))
        left.set_title("rows before", fontsize=9, loc="left", pad=5)
        _cells(figure, right, density, ratio, DIVERGING, Normalize(1 - reach, 1 + reach))
        right.set_title("after / before", fontsize=9, loc="left", pad=5)
        for axes in (left, right):
            axes.set_xlabel(short(density.x) + in_unit(unit(density.x)))
            plain_ticks(axes.xaxis)
            plain_ticks(axes.yaxis)
        left.set_ylabel(short(density.y) + in_unit(unit(density.y)))
        where = f" in group {group}" if group else ""
        return svg_text(
            figure, f"Rows by {density.x} and {density.y}{where} before, and the ratio of those after to them"
        )


def largest(names: Sequence[str], matrix: Floats) -> tuple[float, str, str] | None:
    """The entry (k, k) of two different columns that is largest by its size, and which those are; None without any."""
    sizes = np.abs(_off_diagonal(matrix))
    if not np.isfinite(sizes).any():
        return None
    row, column = divmod(int(np.nanargmax(sizes)), len(names))
    return float(matrix[row, column]), names[row], names[column]


def _of(statistics: GroupStatistics) -> str:
    return f" in group {statistics.group}" if statistics.group else ""


def _off_diagonal(matrix: Floats) -> Floats:
    """The same entries, NaN on the diagonal."""
    return np.where(np.eye(len(matrix), dtype=bool), np.nan, matrix)


def _matrix(names: Sequence[str], matrix: Floats, reach: float | None, title: str) -> str:
    """Entries (k, k) as coloured cells around zero, with their numbers where these fit, small ones in units of a common
    power of ten.
    """
    if reach is None:
        finite = np.abs(matrix[np.isfinite(matrix)])
        reach = max(LEAST_REACH, float(finite.max(initial=0)))
    n, power = len(names), 3 * math.floor(math.log10(reach) / 3)
    found, where = largest(names, matrix), f", in 10{power_of_ten(power)}" if power else ""
    matrix, reach = matrix / 10.0**power, reach / 10.0**power
    with new_figure((4.4, 4.2)) as figure:
        axes = figure.add_axes((0.27, 0.28, 0.57, 0.64))
        edges = np.arange(n + 1) - 0.5
        norm = Normalize(-reach, reach)
        mesh = axes.pcolormesh(edges, edges, matrix, cmap=DIVERGING, norm=norm, rasterized=True)
        axes.set_ylim(n - 0.5, -0.5)
        size = 8 if n <= MOST_WRITTEN else 6
        axes.set_xticks(range(n), [short(name, 18) for name in names], rotation=90, fontsize=size)
        axes.set_yticks(range(n), [short(name, 18) for name in names], fontsize=size)
        axes.tick_params(length=0)
        if n <= MOST_WRITTEN:
            for row, column in zip(*np.nonzero(np.isfinite(matrix)), strict=True):
                value = float(matrix[row, column])
                ink = "#fff" if abs(value) > 0.65 * reach else "#000"
                axes.text(column, row, _brief(value, reach), ha="center", va="center", fontsize=6.5, color=ink)
        _colour_bar(figure, mesh, norm, cax=figure.add_axes((0.86, 0.28, 0.03, 0.64)))
        axes.set_title(title.partition(" in group ")[0] + where, fontsize=9, loc="left", pad=5)
        fact = f"; the largest is {number(found[0])}, of {found[1]} and {found[2]}" if found else ""
        return svg_text(figure, title + fact)


def _brief(value: float, reach: float) -> str:
    """A number that fits into a cell, of a map that goes up to `reach`."""
    text = f"{value:.{2 if reach <= 1 else 1 if reach < 100 else 0}f}"
    return "0" if float(text) == 0 else text.replace("-", MINUS)


def _cells(figure: Figure, axes: Axes, density: Density, values: Floats, colours: str, norm: Normalize) -> None:
    mesh = axes.pcolormesh(density.x_edges, density.y_edges, values.T, cmap=colours, norm=norm, rasterized=True)
    _colour_bar(figure, mesh, norm, ax=axes, pad=0.02)


def _colour_bar(figure: Figure, mesh: QuadMesh, norm: Normalize, **place: Any) -> None:
    bar = figure.colorbar(mesh, **place)
    for part in bar.ax.collections:
        part.set_rasterized(True)
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        powers_of_ten(bar.ax.yaxis)
    else:
        plain_ticks(bar.ax.yaxis)
