"""One page with everything that an evaluation found, readable without a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from baler_vae.evaluation.evaluate import Evaluation, size_ratio
from baler_vae.evaluation.histograms import ColumnHistograms
from baler_vae.evaluation.residuals import ColumnResiduals
from baler_vae.output import replacing
from baler_vae.report import wording
from baler_vae.report.figures import column_figures, peak_figure

PARTS = {
    "model_bytes": "model",
    "latents_bytes": "latents",
    "codes_bytes": "codes",
    "metadata_bytes": "metadata",
}


@dataclass(frozen=True)
class Part:
    """A part of the archive: its size in bytes, and in per cent of all known parts."""

    name: str
    n_bytes: float
    percent: float


@dataclass(frozen=True)
class ColumnSection:
    """A column with its figures, as SVG that needs no escaping, and the sentences below them."""

    column: ColumnResiduals
    figures: tuple[Markup, ...]
    notes: tuple[str, ...]


def write_page(
    path: str | Path,
    evaluation: Evaluation,
    *,
    title: str,
    subtitle: str,
    settings: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Writes an evaluation as one self-contained HTML file; the same numbers give the same bytes.

    Raises:
        OutputError: the file exists and `force` is false, or it cannot be written.
    """
    with replacing(path, force=force) as part:
        part.write_text(render_page(evaluation, title=title, subtitle=subtitle, settings=settings), encoding="utf-8")


def render_page(evaluation: Evaluation, *, title: str, subtitle: str, settings: Mapping[str, Any] | None = None) -> str:
    """The HTML text of the page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals = {name: getattr(wording, name) for name in ("column_unit", "measured", "number", "percent")}
    environment.globals |= {"failed_fits": wording.failed_fits, "size": wording.size, "unit": wording.unit}
    template = environment.from_string(files("baler_vae.report").joinpath("page.html.j2").read_text("utf-8"))
    return template.render(
        title=title,
        subtitle=subtitle,
        verdict=wording.verdict(evaluation),
        n_rows=evaluation.n_rows,
        sizes=evaluation.sizes or {},
        ratio=size_ratio(evaluation.sizes),
        parts=_parts(evaluation.sizes or {}),
        kinds=_kinds(evaluation.sizes or {}),
        columns=evaluation.columns,
        peaks=[(shift, Markup(peak_figure(shift))) for shift in evaluation.peaks],  # noqa: S704 - made here
        sections=[_section(column, evaluation.histograms.get(column.name)) for column in evaluation.columns],
        settings={name: wording.setting(value) for name, value in (settings or {}).items()},
    )


def _parts(sizes: Mapping[str, Any]) -> list[Part]:
    known = {name: sizes[key] for key, name in PARTS.items() if sizes.get(key) is not None}
    total = sum(known.values())
    return [Part(name, n_bytes, 100 * n_bytes / total if total else 0.0) for name, n_bytes in known.items()]


def _kinds(sizes: Mapping[str, Any]) -> list[str]:
    """The kinds of model that were compared for any group."""
    return list(dict.fromkeys(kind for group in sizes.get("candidates", ()) for kind in group["bytes"]))


def _section(column: ColumnResiduals, histograms: ColumnHistograms | None) -> ColumnSection:
    if histograms is None:
        return ColumnSection(column, (), ("Nothing to draw: no finite numbers.",))
    figures = column_figures(column, histograms)
    drawn = (figures.values, figures.residual, figures.response)
    return ColumnSection(
        column,
        tuple(Markup(figure) for figure in drawn if figure is not None),  # noqa: S704 - made here
        _notes(column, histograms),
    )


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
        notes.append(f"Outside of the drawn range: {', '.join(beyond)}.")
    return tuple(notes)
