"""Paths through a latent space as tables, pictures and a section of a page."""

import numpy as np

from baler_vae.measures.cells import cell_means
from baler_vae.measures.paths import Path, Paths, middle
from baler_vae.measures.priors import Floats
from baler_vae.report.drawing import INK, in_unit, new_figure, plain_ticks, short, svg_text
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.listing import Heading, Listing, numbers
from baler_vae.report.panels import COLOURS, multiples, table_map
from baler_vae.report.wording import count, figure, number, unit

_MOST_COLUMNS = 12
"""Columns that pictures and tables of decoded rows have room for: those that move most."""
_MOST_LATENTS = 40
"""Latents that tables and maps have room for."""
_MOST_LINES = 8
"""Paths whose lines can be told apart."""
_HEADINGS = ("path", "length [widths]", "length / straight")
_JUDGED = {
    "interpolation": ("distance at the middle [widths]", "bits there"),
    "traversal": ("largest distance [widths]", "most bits"),
}
"""Headings of how paths are judged, where that is known: paths of a traversal have their middle in common."""


def paths_listed(result: Paths) -> list[Listing | str]:
    """Tables of the paths and of what they decode to, and the sentences, for the terminal."""
    names, rows = _rows(result, plain=True)
    table = Listing(_title(result), [Heading(names[0]), *(numbers(text, 1) for text in names[1:])])
    for row in rows:
        table.add(*row)
    listed: list[Listing | str] = [table]
    if result.kind == "interpolation":
        listed += [_decoded_listing(result, path) for path in result.paths]
    else:
        listed.append(_moved_listing(result))
    return [*listed, *paths_lines(result)]


def paths_lines(result: Paths, *, plain: bool = True) -> list[str]:
    """The sentences on paths, with `plain` numbers for the terminal."""
    told = figure if plain else number
    lines = []
    if result.n_left_out:
        lines.append(f"{result.n_left_out:,} rows with values that are not finite left out")
    real = result.real
    if real is not None:
        lines.append(
            f"real rows: {told(real.distance)} widths from the nearest other one, {told(real.decoded_distance)} where "
            f"they are encoded and decoded again (medians of {real.n_reference:,} among {real.n_rows:,} rows)"
        )
        if real.bits is not None:
            lines.append(f"real rows take {told(real.bits)} bits, decoded ones {told(real.decoded_bits)} (medians)")
    lines += [
        f"half-way between {pair.n_pairs:,} random pairs, {pair.name}: {told(pair.distance)} widths from the "
        f"nearest row, {told(pair.relative_distance)} times what decoded real rows have; {told(100 * pair.far)} % "
        f"lie farther than 95 % of those; paths are {told(pair.relative_length)} times as long as straight lines"
        + ("" if pair.bits is None else f"; {told(pair.bits)} bits in the median")
        for pair in result.pairs
    ]
    return lines


def paths_section(result: Paths) -> Section:
    """The section of a page on paths."""
    sentences = [
        f"{_title(result)}: {result.codec}.",
        *(f"{line[0].upper()}{line[1:]}." for line in paths_lines(result, plain=False)),
    ]
    sentences.append(
        "A width of a column is half of the range of its central 68 %; a distance is the root mean square over columns."
    )
    tables = [Table("Paths", *_rows(result, plain=False))]
    figures = []
    if result.kind == "interpolation":
        tables += [_decoded_table(result, path) for path in result.paths]
    else:
        columns = _most_moved(result)
        matrix = result.ranges()[:_MOST_LATENTS, [list(result.widths).index(name) for name in columns]]
        names = [path.name.removeprefix("latent ") for path in result.paths[:_MOST_LATENTS]]
        # Columns that hardly vary have tiny widths: they would hide all others.
        title = "How far each latent moves a column, in widths (log₁₀)"
        figures.append(table_map(names, columns, np.log10(1 + matrix), title.replace("(log₁₀)", "(log₁₀ of 1 + x)")))
        tables.append(
            Table(
                "How far each latent moves a column, in widths",
                ("latent", *columns),
                [(name, *map(number, row.tolist())) for name, row in zip(names, matrix, strict=True)],
            )
        )
    figures.append(_columns_figure(result))
    if result.paths[0].distances is not None and result.real is not None:
        figures.append(_distances_figure(result))
    key = "interpolate" if result.kind == "interpolation" else "traverse"
    title = "Interpolation" if result.kind == "interpolation" else "Traversal"
    return section_of(key, title, sentences=sentences, tables=tables, figures=figures)


def _title(result: Paths) -> str:
    if result.kind == "interpolation":
        return f"From {result.ends[0]} to {result.ends[1]} of {result.group}"
    return f"Each latent of {result.group} moved, the others at the {result.ends[0]}".replace("the row", "row")


def _rows(result: Paths, *, plain: bool) -> tuple[list[str], list[list[str]]]:
    """The headings and rows of a table of the paths."""
    told = figure if plain else number
    columns: list[list[str]] = [
        [path.name for path in result.paths],
        [told(path.length) for path in result.paths],
        [told(path.relative_length) for path in result.paths],
    ]
    headings = list(_HEADINGS)
    judged = middle if result.kind == "interpolation" else _largest
    for heading, values in zip(
        _JUDGED[result.kind], ([p.distances for p in result.paths], [p.bits for p in result.paths]), strict=True
    ):
        if any(own is not None for own in values):
            headings.append(heading)
            columns.append([told(judged(own)) for own in values])
    return headings, [list(row) for row in zip(*columns, strict=True)]


def _largest(values: Floats | None) -> float | None:
    return None if values is None else float(np.max(values))


def _most_moved(result: Paths) -> list[str]:
    """The columns that move most along any path, in their order."""
    names = list(result.widths)
    order = np.argsort(-result.ranges().max(axis=0), kind="stable")[:_MOST_COLUMNS]
    return [names[place] for place in sorted(order.tolist())]


def _decoded_listing(result: Paths, path: Path) -> Listing:
    columns = _most_moved(result)
    shown = [cell_means(path.values[name]) for name in columns]
    table = Listing(_caption(result, path), [Heading("part"), *(numbers(name, 1) for name in columns)])
    for step in range(len(path.positions)):
        table.add(figure(float(path.positions[step])), *(figure(float(values[step])) for values in shown))
    return table


def _decoded_table(result: Paths, path: Path) -> Table:
    columns = _most_moved(result)
    shown = [cell_means(path.values[name]) for name in columns]
    rows = [
        (number(float(path.positions[step])), *(number(float(values[step])) for values in shown))
        for step in range(len(path.positions))
    ]
    return Table(_caption(result, path), ("part", *columns), rows)


def _caption(result: Paths, path: Path) -> str:
    n_more = len(result.columns) - len(_most_moved(result))
    return f"Decoded rows, {path.name}" + (f", without {count(n_more, 'column')} that move least" if n_more > 0 else "")


def _moved_listing(result: Paths) -> Listing:
    columns = _most_moved(result)
    table = Listing(
        "How far each latent moves a column, in widths", [Heading("path"), *(numbers(name, 1) for name in columns)]
    )
    places = [list(result.widths).index(name) for name in columns]
    for path, row in zip(result.paths, result.ranges(), strict=True):
        table.add(path.name, *(figure(float(row[place])) for place in places))
    return table


def _longest(result: Paths) -> list[Path]:
    """The paths that a picture has room for: those along which columns move most, in their order. Those of categories,
    which are not on the same axis, only where there are no others.
    """
    lines = [path for path in result.paths if not path.name.startswith("categories")] or list(result.paths)
    order = np.argsort([-path.length for path in lines], kind="stable")[:_MOST_LINES]
    return [lines[place] for place in sorted(order.tolist())]


def _which(result: Paths) -> str:
    return f", {_MOST_LINES} latents that move most" if len(result.paths) > _MOST_LINES else ""


def _columns_figure(result: Paths) -> str:
    """One SVG element: the decoded columns along all paths."""
    columns, paths = _most_moved(result), _longest(result)
    what = "part of the way" if result.kind == "interpolation" else "standard deviations of the latent"
    title = f"Decoded columns against the {what}{_which(result)}"
    with multiples(len(columns), title) as (drawn, panels):
        for axes, name in zip(panels, columns, strict=True):
            for place, path in enumerate(paths):
                axes.plot(path.positions, cell_means(path.values[name]), color=COLOURS[place], lw=1.1)
            axes.set_title(short(name, 18) + in_unit(unit(name)), fontsize=7, loc="left", pad=3)
            plain_ticks(axes.xaxis)
            plain_ticks(axes.yaxis)
        return svg_text(drawn, f"{title}, {result.group}, {', '.join(result.ends)}")


def _distances_figure(result: Paths) -> str:
    """One SVG element: the distances of decoded rows to the nearest real ones along all paths."""
    title = f"Distance of decoded rows to the nearest row [widths]{_which(result)}"
    with new_figure((4.6, 3.6)) as drawn:
        axes = drawn.add_axes((0.11, 0.13, 0.6, 0.75))
        for place, path in enumerate(_longest(result)):
            if path.distances is not None:
                axes.plot(path.positions, path.distances, color=COLOURS[place], label=path.name)
        if result.real is not None:
            axes.axhline(result.real.decoded_distance, color=INK, lw=0.9, ls=":", label="decoded rows:\nmedian")
            axes.axhline(result.real.far, color=INK, lw=0.9, ls="--", label="and 95 %")
        axes.set_ylim(bottom=0)
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
        axes.set_xlabel("part of the way" if result.kind == "interpolation" else "standard deviations")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), handlelength=1.4)
        axes.set_title(title, fontsize=9, loc="left", pad=5)
        return svg_text(drawn, f"{title}, {result.group}, {result.kind}, {', '.join(result.ends)}")
