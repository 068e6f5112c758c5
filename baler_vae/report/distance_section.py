"""How far apart two inputs are, as tables and a picture."""

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from baler_vae.measures.distances import ColumnDistance, Distance, GroupDistance
from baler_vae.measures.roc import Auc, Measured
from baler_vae.measures.scores import EVENT
from baler_vae.report.drawing import BEFORE, INK, error_bars, new_figure, plain_ticks, short, svg_text
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.listing import Heading, Listing, numbers
from baler_vae.report.wording import NOTHING, measured, number, plain

_GROUP_HEADINGS = ("AUC", "MMD", "sliced Wasserstein", "expected")
_COLUMN_HEADINGS = ("Kolmogorov-Smirnov", "p", "Wasserstein", "in widths", "NaN in A", "in B")
_MOST_COLUMNS = 60
"""Columns that are drawn: those that are farthest apart."""


def distance_table(distance: Distance) -> Listing:
    """One line for each column."""
    first, p_value, moved, widths, *without = _COLUMN_HEADINGS
    headings = [Heading("column"), numbers(first), numbers(p_value, 3), numbers(moved, 1), numbers(widths, 2)]
    table = Listing("Columns", [*headings, *(numbers(heading, 4) for heading in without)])
    for column in distance.columns:
        table.add(*map(plain, _column_cells(column)))
    return table


def groups_table(distance: Distance) -> Listing:
    """One line for the rows of each group, and one for whole events."""
    title = f"{distance.a} (A) and {distance.b} (B)"
    headings = [Heading("compared"), numbers("of A", 2), numbers("of B", 2), numbers("AUC")]
    table = Listing(title, [*headings, *(numbers(text, 1) for text in _GROUP_HEADINGS[1:])])
    for group in distance.groups:
        table.add(*map(plain, _group_cells(group)))
    return table


def distance_lines(distance: Distance) -> list[str]:
    """The sentences below the tables."""
    lines = ["AUC of boosted trees that try to tell A from B, on events that they have not seen: 0.5 where they cannot"]
    if any(group.name == EVENT for group in distance.groups):
        noun = "object" if distance.n_objects == 1 else f"{distance.n_objects} objects"
        lines.append(f"an event is its own columns, the counts, and the first {noun} of each collection")
    sampled = [
        f"{group.n_a:,} of {group.of_a:,} and {group.n_b:,} of {group.of_b:,} of {group.name}"
        for group in distance.groups
        if (group.n_a, group.n_b) != (group.of_a, group.of_b) and group.name != EVENT
    ]
    if sampled:
        lines.append(f"compared on a sample of whole events: {'; '.join(sampled)}")
    return [*lines, *distance.notes]


def listed_distance(distance: Distance) -> "list[Listing | str]":
    """What the terminal shows."""
    return [distance_table(distance), groups_table(distance), *distance_lines(distance)]


def distance_section(distance: Distance) -> Section:
    """The section of a page: the tables and a picture of both."""
    groups = Table(
        f"{distance.a} (A) and {distance.b} (B)",
        ("compared", "of A", "of B", *_GROUP_HEADINGS),
        [_group_cells(group) for group in distance.groups],
    )
    columns = Table("Columns", ("column", *_COLUMN_HEADINGS), [_column_cells(column) for column in distance.columns])
    return section_of(
        "distance",
        "Distance of two inputs",
        sentences=distance_lines(distance),
        tables=[groups, columns],
        figures=[
            *([auc_figure(distance)] if any(group.auc is not None for group in distance.groups) else []),
            *([columns_figure(distance)] if any(np.isfinite(one.ks.value) for one in distance.columns) else []),
        ],
    )


def _compared(group: GroupDistance) -> str:
    return "whole events" if group.name == EVENT else f"rows of {group.name}"


def _error(found: Measured | Auc | None) -> str:
    return NOTHING if found is None else measured(found.value, found.error)


def _group_cells(group: GroupDistance) -> tuple[str, ...]:
    found = (group.auc, group.mmd, group.sliced_wasserstein, group.sliced_wasserstein_expected)
    return _compared(group), f"{group.n_a:,}", f"{group.n_b:,}", *map(_error, found)


def _column_cells(column: ColumnDistance) -> tuple[str, ...]:
    without = (f"{n:,}" if n else NOTHING for n in (column.n_without_a, column.n_without_b))
    return (
        column.name,
        _error(column.ks),
        number(column.ks_p_value),
        _error(column.wasserstein),
        number(column.wasserstein_in_widths),
        *without,
    )


def auc_figure(distance: Distance) -> str:
    """One SVG element: the AUC of the classifier, with its error, for the rows of each group and for events."""
    judged = [(group, group.auc) for group in distance.groups if group.auc is not None]
    height = 0.75 + 0.34 * len(judged)
    with new_figure((4.2, height)) as drawn:
        axes = drawn.add_axes((0.3, 0.5 / height, 0.65, 1 - 0.65 / height))
        axes.axvline(0.5, color=INK, lw=0.8, ls=":")
        values = np.array([auc.value for _, auc in judged])
        _draw_points(axes, values, np.array([auc.error for _, auc in judged]))
        axes.set_yticks(range(len(judged)), [short(_compared(group), 18) for group, _ in judged])
        reach = max(0.03, 1.25 * float(np.max(np.abs(values - 0.5), initial=0.0)))
        axes.set_xlim(max(0.0, 0.5 - min(reach, 0.1)), min(1.0, 0.5 + reach))
        axes.set_xlabel("AUC of the classifier (0.5: not to be told apart)")
        plain_ticks(axes.xaxis)
        return svg_text(drawn, f"AUC with which a classifier tells {distance.a} from {distance.b}")


def columns_figure(distance: Distance) -> str:
    """One SVG element: Kolmogorov and Smirnov's distance of each column, with its error."""
    columns = [column for column in distance.columns if np.isfinite(column.ks.value)]
    columns = sorted(columns, key=lambda column: -column.ks.value)[:_MOST_COLUMNS]
    height = 0.75 + 0.2 * max(2, len(columns))
    with new_figure((4.2, height)) as drawn:
        axes = drawn.add_axes((0.38, 0.5 / height, 0.58, 1 - 0.6 / height))
        values = np.array([column.ks.value for column in columns])
        _draw_points(axes, values, np.array([column.ks.error for column in columns]))
        axes.set_yticks(range(len(columns)), [short(column.name, 24) for column in columns])
        ends = [column.ks.value + column.ks.error for column in columns]
        axes.set_xlim(0, 1.08 * max(ends, default=1.0))
        axes.set_xlabel("Kolmogorov-Smirnov distance")
        plain_ticks(axes.xaxis)
        return svg_text(drawn, f"Distance of each column of {distance.a} and {distance.b}")


def _draw_points(axes: Axes, values: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
    """Points with horizontal errors, the first one at the top."""
    places = np.arange(len(values), dtype=np.float64)
    across, along = error_bars(places, values - errors, values + errors)
    axes.plot(along, across, color=BEFORE, lw=1.2)
    axes.plot(values, places, color=BEFORE, ls="", marker="o", markersize=4)
    axes.set_ylim(len(values) - 0.5, -0.5)
