"""Samples beside training rows, on the page of the laboratory."""

import numpy as np
from matplotlib.axes import Axes

from baler_vae.measures.samples import Samples, Shape
from baler_vae.report.drawing import AFTER, BEFORE, new_figure, plain_ticks, short, svg_text
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.samples_listing import samples_lines, samples_rows

_PANEL = (4.0, 2.0)
"""Inches."""
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
    return section_of("samples", "Samples", sentences=sentences, tables=[table], figures=samples_figures(samples))


def samples_figures(samples: Samples) -> list[str]:
    """An SVG element for each column: the density of samples, and that of the training rows."""
    figures = []
    for shape in samples.shapes[:_MOST_PANELS]:
        with new_figure(_PANEL) as figure:
            axes = figure.subplots()
            figure.subplots_adjust(left=0.03, right=0.97, bottom=0.16, top=0.84)
            _draw(axes, shape)
            _name(axes, 1.0, "samples", AFTER)
            if shape.training is not None:
                _name(axes, 0.83, "training rows", BEFORE)
            figures.append(svg_text(figure, f"Histogram of {shape.column} in samples drawn from {samples.codec}"))
    return figures


def _name(axes: Axes, right: float, text: str, colour: str) -> None:
    """What a colour stands for, above a panel."""
    axes.text(right, 1.05, text, color=colour, weight="bold", size=8, ha="right", transform=axes.transAxes)


def _draw(axes: Axes, shape: Shape) -> None:
    edges = np.array(shape.edges)
    for counts, colour, filled in ((shape.training, BEFORE, True), (shape.samples, AFTER, False)):
        if counts is not None:
            density = np.array(counts) / max(1, sum(counts)) / np.diff(edges)
            axes.stairs(density, edges, color=colour, fill=filled, alpha=0.45 if filled else 1.0)
    axes.set_title(short(shape.column, 24), fontsize=9, loc="left", pad=4)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_yticks([])
    plain_ticks(axes.xaxis)
