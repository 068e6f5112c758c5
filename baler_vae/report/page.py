"""One page with everything that an evaluation found, readable without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from baler_vae.errors import shown
from baler_vae.evaluation.joint import GroupStatistics
from baler_vae.evaluation.numbers import ArchiveSizes, EvaluationNumbers
from baler_vae.evaluation.peaks import PeakShift
from baler_vae.evaluation.tolerances import Failure
from baler_vae.report import wording
from baler_vae.report.columns import column_sections, column_table, left_out, n_rows_text
from baler_vae.report.curves import training_figure
from baler_vae.report.figures import peak_figure, spectrum_figure
from baler_vae.report.maps import correlation_maps, density_maps, information_map, largest
from baler_vae.report.record import Origin, record
from baler_vae.report.verdict import cut_text, steps_text, verdict_of
from baler_vae.table.bounds import shortened, shortened_guarantee

History = Mapping[str, Sequence[Mapping[str, float]]]

MOST_FIGURE_BYTES = 3_000_000
"""Of all figures together: with the largest tables the page stays below 5 MB."""

PARTS = {
    "model_bytes": "model",
    "latents_bytes": "latents",
    "codes_bytes": "codes",
    "metadata_bytes": "metadata",
    "guarantees_bytes": "guarantees",
}
SHAPES = {
    "gauss": "Gaussian",
    "crystal-ball": "Double-sided Crystal Ball",
    "breit-wigner": "Breit-Wigner smeared by a Gaussian",
}
FITS = {
    "least-squares": "least squares with equal weights, errors from Poisson variances",
    "likelihood": "binned Poisson likelihood",
    "unbinned": "unbinned likelihood of the values",
}


@dataclass(frozen=True)
class ArchivePart:
    """A part of the archive: its size in bytes, and in per cent of all known parts."""

    name: str
    n_bytes: float
    percent: float


@dataclass(frozen=True)
class Bar:
    """The size of one way to store the rows, in bytes and in per cent of the largest."""

    name: str
    n_bytes: int
    percent: float
    is_ours: bool


@dataclass(frozen=True)
class PeakSection:
    """A peak before and after: how it was fitted, its figure, and all parameters: name -> (before, after) as text."""

    shift: PeakShift
    method: str
    figure: Markup
    parameters: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class GroupSection:
    """How the columns of a group are related: sentences and figures."""

    group: str
    sentences: tuple[str, ...]
    maps: tuple[Markup, ...]
    densities: tuple[Markup, ...]


def render_page(
    evaluation: EvaluationNumbers,
    *,
    title: str,
    subtitle: str,
    settings: Mapping[str, Any] | None = None,
    failures: Sequence[Failure] | None = None,
    rivals: Mapping[str, int] | None = None,
    history: History | None = None,
    origin: Origin | None = None,
) -> str:
    """The HTML text of the page; the same numbers give the same text.

    `failures` are the tolerances that are exceeded, None where none were judged; `rivals` is what others take for the
    same rows under the same bound, in bytes; `history` is by group the epochs of a training; `origin` stands at the
    foot, to be signed.
    """
    sizes = evaluation.sizes
    verdict = verdict_of(evaluation, failures, rivals)
    peaks = [_peak(shift) for shift in evaluation.peaks]
    groups = [_group(statistics) for statistics in evaluation.groups]
    trainings = [figure for name, epochs in (history or {}).items() if (figure := training_figure(name, epochs))]
    spectrum_figures = [Markup(spectrum_figure(shift)) for shift in evaluation.spectra if not shift.spectrum.is_peak]  # noqa: S704 - made here
    drawn = [
        *(peak.figure for peak in peaks),
        *spectrum_figures,
        *trainings,
        *(f for group in groups for f in group.maps + group.densities),
    ]
    sections, undrawn = column_sections(evaluation, MOST_FIGURE_BYTES - sum(len(figure.encode()) for figure in drawn))
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            subtitle=subtitle,
            judgement=verdict.judgement,
            findings=verdict.findings,
            rows=n_rows_text(evaluation.n_rows, evaluation.n_sampled),
            sizes=sizes,
            ratio=None if sizes is None else sizes.ratio,
            parts=_parts(sizes),
            bars=_bars(sizes, rivals or {}),
            kinds=_kinds(sizes),
            kept=_kept(sizes),
            table=column_table(evaluation),
            anchors={section.column.name: number for number, section in enumerate(sections, 1)},
            sections=sections,
            undrawn=undrawn,
            left_out=left_out(undrawn, len(evaluation.columns)),
            peaks=peaks,
            spectra=evaluation.spectra,
            spectrum_figures=spectrum_figures,
            cuts=evaluation.cuts,
            groups=groups,
            trainings=[Markup(figure) for figure in trainings],  # noqa: S704 - made here
            settings=_flat(settings or {}),
            record=record(origin or Origin(), evaluation.columns, evaluation.guarantees),
        )
    )


def environment() -> jinja2.Environment:
    """The templates of pages: everything that is not marked as HTML is escaped."""
    made = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(lambda name: files("baler_vae.report").joinpath(name).read_text("utf-8")),
    )
    names = ("count", "failed_fits", "measured", "number", "percent", "signed", "size", "unit")
    own = {"cut_text": cut_text, "shortened": shortened, "steps_text": steps_text}
    made.globals = {name: getattr(wording, name) for name in names} | own
    return made


def _parts(sizes: ArchiveSizes | None) -> list[ArchivePart]:
    found = {name: getattr(sizes, key, None) for key, name in PARTS.items()}
    known = {name: n_bytes for name, n_bytes in found.items() if n_bytes is not None}
    total = sum(known.values())
    return [ArchivePart(name, n_bytes, 100 * n_bytes / total if total else 0.0) for name, n_bytes in known.items()]


def _kept(sizes: ArchiveSizes | None) -> list[ArchivePart]:
    """What keeps guarantees, in per cent of the archive."""
    if sizes is None or not sizes.archive_bytes:
        return []
    total = sizes.archive_bytes
    return [
        ArchivePart(shortened_guarantee(name), n_bytes, 100 * n_bytes / total)
        for name, n_bytes in sizes.guarantees.items()
    ]


def _bars(sizes: ArchiveSizes | None, rivals: Mapping[str, int]) -> list[Bar]:
    """Ours first, then rivals, the smallest first; nothing where the archive's size is not known."""
    archive = None if sizes is None else sizes.archive_bytes
    if not archive:
        return []
    most = max([archive, *rivals.values()])
    ordered = sorted(rivals.items(), key=lambda rival: rival[1])
    return [
        Bar("this archive", archive, 100 * archive / most, is_ours=True),
        *(Bar(name, n_bytes, 100 * n_bytes / most, is_ours=False) for name, n_bytes in ordered),
    ]


def _kinds(sizes: ArchiveSizes | None) -> list[str]:
    """The kinds of model that were compared for any group."""
    candidates = () if sizes is None else sizes.candidates
    return list(dict.fromkeys(kind for group in candidates for kind in group.bytes))


def _peak(shift: PeakShift) -> PeakSection:
    shape, fit = shift.peak.shape, shift.peak.fit
    natural = f" (natural width {wording.number(shift.peak.natural_width)})" if shape == "breit-wigner" else ""
    before, after = shift.before.parameters, shift.after.parameters
    return PeakSection(
        shift,
        f"{SHAPES.get(shape, shape)}{natural} on a straight line: {FITS.get(fit, fit)}.{_sampled(shift)}",
        Markup(peak_figure(shift)),  # noqa: S704 - made here
        {
            name: (wording.measured(*before.get(name, (None, None))), wording.measured(*after.get(name, (None, None))))
            for name in (before or after)
        },
    )


def _sampled(shift: PeakShift) -> str:
    if shift.sampled >= 1:
        return ""
    part = wording.percent(100 * shift.sampled)
    return f" Fitted to a random sample, {part} of the rows; shifts are in the errors that all of them would have."


def _group(statistics: GroupStatistics) -> GroupSection:
    sentences = []
    if statistics.sliced_wasserstein is not None:
        text = f"Sliced Wasserstein distance over {wording.count(len(statistics.names), 'column')}"
        text += f": {wording.number(statistics.sliced_wasserstein)} standard deviations"
        chance = statistics.sliced_wasserstein_of_halves
        sentences.append(
            f"{text}." if chance is None else f"{text}; two random halves of the original: {wording.number(chance)}."
        )
    for what, difference, unit in (
        ("Largest change of a correlation", statistics.correlation_after - statistics.correlation_before, ""),
        (
            "Largest change of mutual information",
            statistics.mutual_information_after - statistics.mutual_information_before,
            " bits",
        ),
    ):
        found = largest(statistics.names, difference)
        if found is not None:
            sentences.append(f"{what}: {wording.signed(found[0])}{unit}, of {found[1]} and {found[2]}.")
    lost = np.isfinite(statistics.correlation_before) & ~np.isfinite(statistics.correlation_after)
    gone = [name for name, rows in zip(statistics.names, lost, strict=True) if rows.all()]
    if lost.any():
        which = wording.few(gone) if gone else "some pairs"
        sentences.append(f"Correlations of {which} are undefined after compression: nothing varies any more.")
    maps = (*correlation_maps(statistics), information_map(statistics)) if len(statistics.names) > 1 else ()
    return GroupSection(
        statistics.group,
        tuple(sentences),
        tuple(Markup(figure) for figure in maps),  # noqa: S704 - made here
        tuple(Markup(density_maps(density, statistics.group)) for density in statistics.densities),  # noqa: S704
    )


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as text, those of a table under their own names (`model.kind`)."""
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = wording.setting(value)
    return flat
