"""Samples beside training rows, on the page of the laboratory."""

import math

import numpy as np
from matplotlib.axes import Axes

from baler_vae.measures.samples import Samples, Shape
from baler_vae.report.drawing import AFTER, BEFORE, new_figure, plain_ticks, short, svg_text
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.samples_listing import samples_lines, samples_rows

_PANELS_IN_A_ROW = 3
_MOST_PANELS = 60
"""Columns that are drawn at most: more would make a page too large to open."""


def samples_section(samples: Samples) -> Section:
    """The section: how many rows were drawn and how, and histograms of columns."""
    headings = ["group", "rows"]
    headings += ["latents from"] if samples.latents_from else []
    headings += ["Gaussians"] if samples.components else []
    table = Table(f"Drawn with seed {samples.seed}", headings, samples_rows(samples))
    sentences = [f"{samples.n_events:,} events were drawn from {samples.codec}.", *samples_lines(samples)]
    if len(samples.shapes) > _MOST_PANELS:
        sentences.append(f"The first {_MOST_PANELS} of {len(samples.shapes)} columns are drawn.")
    figures = [samples_figure(samples)] if samples.shapes else []
    return section_of("samples", "Samples", sentences=sentences, tables=[table], figures=figures)


def samples_figure(samples: Samples) -> str:
    """One SVG element with a panel for each column: the density of samples, and that of the training rows."""
    shapes = samples.shapes[:_MOST_PANELS]
    n_across = min(_PANELS_IN_A_ROW, max(1, len(shapes)))
    n_down = max(1, math.ceil(len(shapes) / n_across))
    height = 1.9 * n_down + 0.5
    with new_figure((3.0 * n_across, height)) as figure:
        grid = figure.subplots(n_down, n_across, squeeze=False)
        figure.subplots_adjust(
            left=0.06 / n_across + 0.02,
            right=0.98,
            bottom=0.35 / height,
            top=1 - 0.6 / height,
            wspace=0.15,
            hspace=0.6,
        )
        for axes in grid.flat[len(shapes) :]:
            axes.set_axis_off()
        for axes, shape in zip(grid.flat, shapes, strict=False):
            _draw(axes, shape)
        figure.text(0.02, 1 - 0.2 / height, "samples", color=AFTER, weight="bold")
        if any(shape.training is not None for shape in shapes):
            figure.text(0.22 / n_across + 0.1, 1 - 0.2 / height, "training rows", color=BEFORE, weight="bold")
        names = ", ".join(shape.column for shape in shapes)
        return svg_text(figure, f"Histograms of samples drawn from {samples.codec}: {names}")


def _draw(axes: Axes, shape: Shape) -> None:
    edges = np.array(shape.edges)
    for counts, colour, filled in ((shape.training, BEFORE, True), (shape.samples, AFTER, False)):
        if counts is not None:
            density = np.array(counts) / max(1, sum(counts)) / np.diff(edges)
            axes.stairs(density, edges, color=colour, fill=filled, alpha=0.45 if filled else 1.0)
    axes.set_title(short(shape.column, 30), fontsize=9, loc="left", pad=4)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    plain_ticks(axes.xaxis)
