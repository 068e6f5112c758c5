"""Archives side by side as tables and a picture."""

from collections.abc import Callable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from baler_vae.evaluation.comparison import Compared, ComparedColumn, ComparedGuarantee, Comparison
from baler_vae.report.drawing import INK, new_figure, short, svg_text
from baler_vae.report.listing import Cell, Heading, Listing, bytes_cell, numbers, short_numbers
from baler_vae.report.wording import figure, in_bounds, percent, plain, signed, size
from baler_vae.table.bounds import shortened_guarantee

COLOURS = ("#5790fc", "#f89c20", "#e42536", "#964a8b", "#7a21dd")
"""Of M. A. Petroff's palette (arXiv:2107.02270); shapes say the same again."""
_SHAPES = ("o", "s", "^", "D", "v")
_MOST_RIVALS = 5


def archives_table(comparison: Comparison) -> Listing:
    """One line per archive: bytes, ratio, bits per row, model and residuals."""
    headings = [Heading("archive"), numbers("bytes", 1), numbers("ratio"), numbers("bits/row", 5)]
    headings += [numbers("bits/value", 4), Heading("model", 3)]
    table = Listing(
        f"Against {comparison.against}", [*headings, numbers("rms / width", 1), numbers("largest / width", 2)]
    )
    for one in comparison.archives:
        table.add(
            one.name,
            bytes_cell(one.archive_bytes),
            f"{one.ratio:.2f}",
            f"{one.bits_per_row:.2f}",
            f"{one.bits_per_value:.2f}",
            one.model_kind,
            figure(one.rms_in_widths),
            figure(one.largest_in_widths),
        )
    for bound, rivals in comparison.rivals.items():
        for name, n_bytes in list(rivals.items())[:_MOST_RIVALS]:
            table.add(f"{name}, {bound}", bytes_cell(n_bytes), *_rival_cells(comparison, bound, n_bytes))
    return table


def shifts_table(comparison: Comparison) -> Listing | None:
    """A line for each peak, and one for each archive below: how far position and width moved; None without peaks."""
    columns = ("position", "in errors", "width", "in errors")
    headings = [Heading("archive"), *(numbers(text) for text in columns)]
    table = Listing("Peaks: shift = after - before, also in standard errors", headings)
    peaks = list(dict.fromkeys((own.column, own.window) for one in comparison.archives for own in one.peaks))
    for key in peaks:
        table.head(f"{key[0]} in {key[1][0]:g} to {key[1][1]:g}")
        for one in comparison.archives:
            for own in one.peaks:
                if (own.column, own.window) == key:
                    cells = (
                        percent(own.position_percent, sign=True),
                        signed(own.position_in_errors),
                        percent(own.width_percent, sign=True),
                        signed(own.width_in_errors),
                    )
                    table.add(one.name, *map(plain, cells))
    return table if peaks else None


def guarantees_table(comparison: Comparison) -> Listing | None:
    """A line for each guarantee, and one for each archive that has it below: what was judged, what misses it, and the
    bytes of its moves; at last the bytes of all that keeps guarantees. None without guarantees.
    """
    headings = [Heading("archive"), numbers("judged", 2), numbers("missed"), numbers("worst / bound", 1)]
    table = Listing("Guarantees: the bytes of each are those of its moves", [*headings, numbers("bytes")])
    having = [one for one in comparison.archives if one.guarantees]
    for text in dict.fromkeys(own.text for one in having for own in one.guarantees):
        table.head(shortened_guarantee(text))
        for one in having:
            for own in one.guarantees:
                if own.text == text:
                    table.add(one.name, *_guarantee_cells(own))
    if having:
        table.head("all, with tables and patched values")
    for one in having:
        table.add(one.name, "", "", "", bytes_cell(one.guarantees_bytes))
    return table if having else None


def _guarantee_cells(own: ComparedGuarantee) -> tuple[str | Cell, ...]:
    if own.n is None:
        return "none", "", "", bytes_cell(own.moves_bytes)
    worst = "" if own.worst is None else plain(in_bounds(own.worst))
    return f"{own.n:,}", f"{own.n_broken:,}", worst, bytes_cell(own.moves_bytes)


def _rival_cells(comparison: Comparison, bound: str, n_bytes: int) -> tuple[str, ...]:
    own = next(one for one in comparison.archives if one.bound == bound)
    rows, values = 8 * n_bytes / max(1, own.n_rows), 8 * n_bytes / max(1, own.n_values)
    return f"{own.original_bytes / n_bytes:.2f}", f"{rows:.2f}", f"{values:.2f}", "rival"


def residuals_table(comparison: Comparison) -> Listing:
    """One line per column and archive: bound, bytes, and the largest and root mean square residual."""
    headings = [Heading("column"), Heading("archive"), Heading("bound", 3), numbers("bytes", 2), numbers("differ", 5)]
    table = Listing(
        "Columns: residual = restored - original, in the unit of the column",
        [*headings, numbers("largest"), numbers("rms", 1), numbers("rms / width", 4)],
    )
    names = dict.fromkeys(column.name for one in comparison.archives for column in one.columns)
    for name in names:
        shown = name
        for one in comparison.archives:
            for column in one.columns:
                if column.name == name:
                    table.add(shown, one.name, short_numbers(column.bound), *_cells(column))
                    shown = ""
    return table


def _cells(column: ComparedColumn) -> tuple[str | Cell, ...]:
    return (
        "in latents" if column.n_bytes is None else bytes_cell(column.n_bytes),
        f"{column.n_different:,}",
        figure(column.largest),
        figure(column.rms),
        figure(column.rms_in_widths),
    )


def rate_distortion_figure(comparison: Comparison) -> str:
    """One SVG element: residuals, and how far peaks moved, against bits per value; a line for each kind of model.

    Rivals stand in the panel of the largest residual, at the height of the archives that keep the same bound.
    """
    panels: list[tuple[str, Callable[[Compared], float | None]]] = [
        ("rms residual / width of the column", lambda own: own.rms_in_widths),
        ("largest residual / width of the column", lambda own: own.largest_in_widths),
    ]
    if any(own.peak_in_errors is not None for own in comparison.archives):
        panels.append(("largest shift of a peak in errors", lambda own: own.peak_in_errors))
    with new_figure((3.5 * len(panels) + 0.2, 3.7)) as figure:
        grid = figure.subplots(1, len(panels), squeeze=False)[0]
        figure.subplots_adjust(left=0.85 / (3.5 * len(panels)), right=0.98, bottom=0.13, top=0.8, wspace=0.36)
        for axes, (label, distortion) in zip(grid, panels, strict=True):
            _draw(axes, comparison.archives, distortion)
            axes.set_ylabel(label)
        _draw_rivals(grid[1], comparison)
        handles = {
            text: handle for axes in grid for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="upper left",
            ncols=min(6, 2 * len(panels)),
            bbox_to_anchor=(0.01, 0.99),
        )
        sizes = ", ".join(f"{own.name}: {size(own.archive_bytes)}" for own in comparison.archives)
        return svg_text(figure, f"Loss against bits per value of archives of {comparison.against}. {sizes}")


def _draw(axes: Axes, archives: Sequence[Compared], distortion: Callable[[Compared], float | None]) -> None:
    """A line for each kind of model that was asked for, and a point for each archive that was there."""
    lines: dict[str, list[Compared]] = {}
    for own in archives:
        lines.setdefault(own.model or short(own.name, 28), []).append(own)
    some = False
    for number_, (label, members) in enumerate(lines.items()):
        known = [(own, value) for own in members if (value := distortion(own))]
        known.sort(key=lambda pair: pair[0].bits_per_value)
        style: dict[str, Any] = {"color": COLOURS[number_ % len(COLOURS)], "marker": _SHAPES[number_ % len(_SHAPES)]}
        axes.plot([own.bits_per_value for own, _ in known], [y for _, y in known], markersize=4, label=label, **style)
        if number_ == 0:
            for own, value in known:
                if own.bound is not None:
                    axes.annotate(
                        short(own.bound, 16),
                        (own.bits_per_value, value),
                        (4, 4),
                        textcoords="offset points",
                        fontsize=7,
                    )
        some = some or bool(known)
    if some:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.margins(0.2, 0.08)
    axes.set_xlabel("bits per value")
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_rivals(axes: Axes, comparison: Comparison) -> None:
    names = list(dict.fromkeys(name for found in comparison.rivals.values() for name in found))[:_MOST_RIVALS]
    for number_, name in enumerate(names):
        points = []
        for bound, found in comparison.rivals.items():
            own = next(one for one in comparison.archives if one.bound == bound)
            if name in found and own.largest_in_widths:
                points.append((8 * found[name] / max(1, own.n_values), own.largest_in_widths))
        points.sort()
        style: dict[str, Any] = {"color": INK, "marker": "+x*1|"[number_], "ls": "none"}
        axes.plot([x for x, _ in points], [y for _, y in points], markersize=6, label=name, **style)
