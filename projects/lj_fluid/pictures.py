"""Pictures of the fluid's studies, all of one style."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

COLOURS = ("#1f5f8b", "#c0562f", "#3c8c5a", "#8a4f9e", "#b8922b", "#555555", "#4fb0c6", "#d1495b")


def panels(n_rows: int, n_columns: int, width: float = 3.4, height: float = 2.8) -> tuple[Figure, NDArray[Any]]:
    """A figure and its axes (rows, columns)."""
    figure = Figure(figsize=(width * n_columns, height * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for one in axes.flat:
        one.tick_params(labelsize=8)
        one.title.set_size(9)
    return figure, axes


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def lines(axes: Axes, x: Sequence[float], values: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """For each name the means over seeds of values (x, seeds), and their spread."""
    for (name, own), colour in zip(values.items(), COLOURS, strict=False):
        means = [float(np.mean(one)) for one in own]
        spreads = [float(np.std(one, ddof=1)) if len(one) > 1 else 0.0 for one in own]
        axes.errorbar(x[: len(own)], means, spreads, marker="o", ms=3, lw=1.2, capsize=2, color=colour, label=name)


def steps(axes: Axes, values: Mapping[str, Floats], edges: Floats) -> None:
    """Histograms of values (n,) of each name, of area 1."""
    for (name, own), colour in zip(values.items(), COLOURS, strict=False):
        clipped = np.clip(own, edges[0], edges[-1])
        axes.hist(clipped, edges, histtype="step", density=True, color=colour, label=name, lw=1.2)


def configuration(axes: Axes, points: Floats, *, colour: str = COLOURS[0], size: float = 45) -> None:
    """Points (particles, 2) as discs."""
    axes.scatter(*points.T, s=size, color=colour, alpha=0.75, lw=0)
    axes.set_aspect("equal")
