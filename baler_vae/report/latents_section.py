"""Latent spaces as tables, sentences and a section of a page."""

from collections.abc import Sequence

import numpy as np

from baler_vae.measures.latents import GroupLatents, Latents
from baler_vae.report.laboratory import Section, Table, section_of
from baler_vae.report.latents_figures import latent_figures
from baler_vae.report.listing import Heading, Listing, numbers
from baler_vae.report.wording import NOTHING, count, figure, number

_HEADINGS = ("latent", "active", "KL [nats]", "rate [bits]", "mean", "variance", "variance of means", "correlates with")


def latents_listed(result: Latents) -> list[Listing | str]:
    """The table and the sentences of each group, for the terminal."""
    listed: list[Listing | str] = []
    for found in result.groups:
        listed += [latents_table(found), *latents_lines(found)]
    return listed


def latents_table(found: GroupLatents) -> Listing:
    """One line for each latent of a group."""
    headings = [Heading("latent"), Heading("active", 4), *(numbers(text, rank) for text, rank in _RANKS)]
    table = Listing(f"Latents of {found.group}", [*headings, Heading(_HEADINGS[-1], 1)])
    for row in _rows(found, plain=True):
        table.add(*row)
    return table


_RANKS = ((_HEADINGS[2], 2), (_HEADINGS[3], 0), (_HEADINGS[4], 5), (_HEADINGS[5], 2), (_HEADINGS[6], 3))


def latents_lines(found: GroupLatents, *, plain: bool = True) -> list[str]:
    """The sentences on a group, with `plain` numbers for the terminal."""
    told = figure if plain else number
    left = f"; {found.n_left_out:,} rows with values that are not finite left out" if found.n_left_out else ""
    lines = [
        f"{found.group}: {found.n_rows:,} rows{left}",
        (
            f"{found.n_active} of {len(found.latents)} latents are active; "
            f"participation ratio {told(found.of_latents.participation)} of the latents, "
            f"{told(found.of_columns.participation)} of the columns"
        ),
        *(
            f"rate {told(point.rate)} bits a row, squared error {told(point.distortion)} of the variance; "
            f"a Gaussian of this covariance: {told(found.rates.bound_at(point.rate))} at this rate"
            for point in found.rates.points
        ),
    ]
    if found.rates.distortion_of_means is not None and not found.rates.points:
        lines.append(
            f"squared error {told(found.rates.distortion_of_means)} of the variance; "
            "a posterior of points, which are not rounded, has no rate"
        )
    prior = found.prior
    lines.append(
        f"from the standard normal: MMD² {told(prior.mmd)}, KL {told(prior.knn_kl)} nats by neighbours, "
        f"{told(prior.gaussian_kl)} of the Gaussian with this mean and covariance"
    )
    if found.clusters is not None:
        clusters = found.clusters
        best = clusters.counts[clusters.by_silhouette - 1].silhouette
        lines.append(
            f"clusters: {clusters.elbow} by the elbow, {clusters.by_silhouette} by silhouette ({told(best)}), "
            f"{count(clusters.by_bic, 'Gaussian')} by BIC"
        )
    for place, own in enumerate(found.categories):
        lines.append(f"categorical latent {place}: {', '.join(f'{100 * part:.1f}' for part in own)} %")
    if found.sampled:
        lines.append(f"measured on samples: {'; '.join(found.sampled)}")
    return lines


def latents_section(result: Latents) -> Section:
    """The section of a page on the latents of a codec."""
    sentences, tables, figures = [f"The latents of {result.codec} on the rows of {result.source}."], [], []
    for found in result.groups:
        first, *others = latents_lines(found, plain=False)
        sentences += [f"{first}.", *(f"{line[0].upper()}{line[1:]}." for line in others)]
        tables.append(Table(f"Latents of {found.group}", _HEADINGS, _rows(found, plain=False)))
        figures += latent_figures(found)
    return section_of("latents", "Latents", sentences=sentences, tables=tables, figures=figures)


def _rows(found: GroupLatents, *, plain: bool) -> Sequence[Sequence[str]]:
    told = figure if plain else number
    return [
        (
            str(latent.number),
            "yes" if latent.is_active else "no",
            NOTHING if latent.kl is None else told(latent.kl),
            NOTHING if latent.rate is None else told(latent.rate),
            told(latent.mean),
            told(latent.variance),
            told(latent.variance_of_means),
            _strongest(found, latent.number, plain=plain),
        )
        for latent in found.latents
    ]


def _strongest(found: GroupLatents, latent: int, *, plain: bool) -> str:
    """The column that a latent correlates with most, and by how much."""
    own = found.pearson[latent]
    if not np.isfinite(own).any():
        return NOTHING
    place = int(np.nanargmax(np.abs(own)))
    return f"{found.columns[place]} ({(figure if plain else number)(float(own[place]))})"
