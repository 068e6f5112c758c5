"""The table of columns and the folded section of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from markupsafe import Markup

from baler_vae.evaluation.distances import Distances
from baler_vae.evaluation.histograms import ColumnHistograms
from baler_vae.evaluation.numbers import EvaluationNumbers
from baler_vae.evaluation.profiles import ColumnStatistics
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.report import wording
from baler_vae.report.curves import profile_figure
from baler_vae.report.figures import column_figures

MOST_DRAWN = 40
"""Columns with figures: of more, those that changed most are drawn."""


@dataclass(frozen=True)
class PageHeading:
    """A column of the table: what it belongs to, its short name, and the same in full."""

    of: str
    label: str
    title: str


@dataclass(frozen=True)
class PageCell:
    """A text, and the number that it is sorted by; None where there is nothing."""

    text: str
    order: float | None


@dataclass(frozen=True)
class Line:
    """A line of the table: the column, its unit, what a filter looks into, and its cells."""

    column: ColumnResiduals
    unit: str
    words: str
    cells: tuple[PageCell, ...]
    is_bad: bool


@dataclass(frozen=True)
class ColumnTable:
    """The table of columns: its headings, how many stand under each common one, and its lines."""

    headings: tuple[PageHeading, ...]
    spans: tuple[tuple[str, int], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ColumnSection:
    """A column with its figures, as SVG that needs no escaping, a few words, and the sentences below them."""

    column: ColumnResiduals
    fact: str
    figures: tuple[Markup, ...]
    notes: tuple[str, ...]

    @property
    def n_bytes(self) -> int:
        """What the figures take in the page."""
        return sum(len(figure.encode()) for figure in self.figures)


_Value = Callable[[ColumnResiduals, Distances | None], float | None]

_COUNTS: tuple[tuple[PageHeading, _Value], ...] = (
    (PageHeading("values", "differ", "Values that differ"), lambda column, _: column.n_different),
    (
        PageHeading("values", "lost", "Values that are NaN or infinite on one side only"),
        lambda column, _: column.n_lost,
    ),
)
_NUMBERS: tuple[tuple[PageHeading, _Value], ...] = (
    (PageHeading("residual", "mean", "Mean of the residual"), lambda column, _: column.mean),
    (PageHeading("residual", "rms", "Root mean square of the residual"), lambda column, _: column.rms),
    (
        PageHeading("residual", "± 68 %", "Half the width of the central 68.27 % of residuals"),
        lambda column, _: column.half_width_68,
    ),
    (
        PageHeading("residual", "± 95 %", "Half the width of the central 95.45 % of residuals"),
        lambda column, _: column.half_width_95,
    ),
    (PageHeading("residual", "largest", "Largest residual"), lambda column, _: column.largest),
    (
        PageHeading("residual", "/ bound", "Largest residual in units of the bound"),
        lambda column, _: column.largest_in_bounds,
    ),
    (PageHeading("response", "mean", "Mean of the response"), lambda column, _: _of_response(column, "mean")),
    (PageHeading("response", "rms", "Root mean square of the response"), lambda column, _: _of_response(column, "rms")),
    (
        PageHeading("response", "± 68 %", "Half the width of the central 68.27 % of responses"),
        lambda column, _: _of_response(column, "half_width_68"),
    ),
    (
        PageHeading("distance", "KS", "Kolmogorov-Smirnov distance of the values before and after"),
        lambda _, distances: None if distances is None else distances.kolmogorov_smirnov,
    ),
    (
        PageHeading("distance", "W₁ / width", "Wasserstein-1 distance of the values in their standard deviations"),
        lambda _, distances: None if distances is None else distances.wasserstein_in_widths,
    ),
)


def column_table(evaluation: EvaluationNumbers) -> ColumnTable:
    """A line for each column, with those numbers that any column has."""
    rows = [(column, _distances(evaluation.statistics.get(column.name))) for column in evaluation.columns]
    lost = any(column.n_lost for column in evaluation.columns)
    counts = _COUNTS if lost else _COUNTS[:1]
    numbers = [(heading, value) for heading, value in _NUMBERS if any(value(*row) is not None for row in rows)]
    headings = tuple(heading for heading, _ in (*counts, *numbers))
    lines = []
    for column, distances in rows:
        counted = [PageCell(f"{value(column, distances):,}", value(column, distances)) for _, value in counts]
        measured = [
            PageCell(wording.number(found), found) for found in (value(column, distances) for _, value in numbers)
        ]
        lines.append(
            Line(
                column,
                wording.column_unit(column),
                " ".join((column.name, column.group, column.dtype, column.bound or "", _kind(column))).lower(),
                (*counted, *measured),
                _is_bad(column),
            )
        )
    spans = tuple((of, len(list(group))) for of, group in groupby(headings, key=attrgetter("of")))
    return ColumnTable(headings, spans, tuple(lines))


def column_sections(
    evaluation: EvaluationNumbers, most_bytes: int
) -> tuple[tuple[ColumnSection, ...], tuple[str, ...]]:
    """A section for each column that is drawn, in the order of the table, and the names of those that are not.

    Of more columns than `MOST_DRAWN`, or than figures of `most_bytes` hold, the worst are drawn.
    """
    drawn: dict[str, ColumnSection] = {}
    n_bytes = 0
    for column in sorted(evaluation.columns, key=badness, reverse=True)[:MOST_DRAWN]:
        section = _section(column, evaluation.histograms.get(column.name), evaluation.statistics.get(column.name))
        n_bytes += section.n_bytes
        if n_bytes > most_bytes:
            break
        drawn[column.name] = section
    return (
        tuple(drawn[column.name] for column in evaluation.columns if column.name in drawn),
        tuple(column.name for column in evaluation.columns if column.name not in drawn),
    )


def badness(column: ColumnResiduals) -> tuple[bool, float, float, float]:
    """A key that puts columns in order: what is broken, then the largest residual in units of the bound, then
    responses, then the part of values that differ.
    """
    response = _of_response(column, "rms") or 0.0
    return (
        _is_bad(column),
        column.largest_in_bounds or 0.0,
        response,
        column.n_different / max(1, column.n_rows),
    )


def _of_response(column: ColumnResiduals, name: str) -> float | None:
    found: float | None = getattr(column.response, name, None)
    return found


def _distances(statistics: ColumnStatistics | None) -> Distances | None:
    return None if statistics is None else statistics.distances


def _kind(column: ColumnResiduals) -> str:
    return "derived" if column.derived else ""


def _is_bad(column: ColumnResiduals) -> bool:
    """Whether a column is not what was promised."""
    changed = column.must_be_same and column.n_different
    return bool(column.n_lost or (column.largest_in_bounds or 0) > 1 or changed)


def _section(
    column: ColumnResiduals, histograms: ColumnHistograms | None, statistics: ColumnStatistics | None
) -> ColumnSection:
    if histograms is None:
        return ColumnSection(column, _fact(column), (), ("Nothing to draw: no finite numbers.",))
    figures = column_figures(column, histograms)
    drawn = [figures.values, figures.residual, figures.response]
    if statistics is not None and column.n_different:
        profiles = [profile for profile in (statistics.by_value, statistics.by_column) if profile is not None]
        drawn += [profile_figure(column.name, profile) for profile in profiles]
    return ColumnSection(
        column,
        _fact(column),
        tuple(Markup(figure) for figure in drawn if figure is not None),  # noqa: S704 - made here
        (*_notes(column, histograms), *_distance_notes(column, _distances(statistics))),
    )


def _fact(column: ColumnResiduals) -> str:
    if not column.n_different:
        return "exact"
    if column.largest_in_bounds is not None:
        state = "within" if column.largest_in_bounds <= 1 else "outside of"
        return f"{state} its bound: largest residual {wording.number(column.largest_in_bounds)} of it"
    return f"{wording.count(column.n_different, 'value')} changed"


def _notes(column: ColumnResiduals, histograms: ColumnHistograms) -> tuple[str, ...]:
    if not column.n_different:
        return (f"All {wording.count(column.n_rows, 'value')} came back exactly.",)
    notes = [f"{column.n_different:,} of {wording.count(column.n_rows, 'value')} differ."]
    if column.n_lost:
        notes.append(f"{column.n_lost:,} of them are NaN or infinite on one side.")
    if column.angle:
        notes.append(f"Residuals are wrapped into [{wording.MINUS}π, π).")
    notes += [
        f"Central {share} % of the residuals: {wording.number(column.quantiles[low])} to "
        f"{wording.number(column.quantiles[high])}."
        for share, low, high in ((68, 16.0, 84.0), (99, 0.5, 99.5))
        if column.quantiles
    ]
    outside = {
        "before": histograms.before,
        "after": histograms.after,
        "residuals": histograms.residual,
        "responses": histograms.response,
    }
    beyond = [
        f"{name} {found.underflow + found.overflow:,}"
        for name, found in outside.items()
        if found is not None and found.underflow + found.overflow
    ]
    if beyond:
        notes.append(f"Outside the drawn range: {', '.join(beyond)}.")
    return tuple(notes)


def _distance_notes(column: ColumnResiduals, distances: Distances | None) -> tuple[str, ...]:
    if distances is None or not column.n_different:
        return ()
    unit = wording.column_unit(column)
    wasserstein = f"{wording.number(distances.wasserstein)} {unit}".rstrip()
    smirnov, p_value = wording.number(distances.kolmogorov_smirnov), wording.number(distances.ks_p_value)
    return (
        f"Kolmogorov-Smirnov distance {smirnov} (p = {p_value}).",
        f"Wasserstein-1 distance {wasserstein}.",
        f"χ² of the histograms {wording.number(distances.chi2)} / {distances.n_dof}.",
    )


def left_out(names: Sequence[str], n_columns: int) -> str:
    """What is said of columns that are not drawn."""
    return (
        f"{len(names):,} of {wording.count(n_columns, 'column')} have no figures here: "
        "those that changed least relative to their bounds."
    )


def n_rows_text(n_rows: Mapping[str, int], n_sampled: Mapping[str, int]) -> str:
    """How many rows each group has, and how many of them a sample."""
    return ", ".join(
        f"{name or 'events'} {n:,}" + (f" (sample {n_sampled[name]:,})" if n_sampled.get(name, n) < n else "")
        for name, n in n_rows.items()
    )
