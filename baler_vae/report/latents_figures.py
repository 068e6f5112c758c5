"""Figures of latent spaces."""

import numpy as np
from numpy.typing import NDArray

from baler_vae.measures.clusters import Clusters
from baler_vae.measures.information import RateDistortion
from baler_vae.measures.latents import GroupLatents
from baler_vae.report.drawing import AFTER, BEFORE, INK, legend, new_figure, plain_ticks, powers_of_ten, svg_text
from baler_vae.report.panels import COLOURS, cloud, multiples, table_map
from baler_vae.report.wording import number

_MOST_PANELS = 12
"""Latents beyond which they share a map in place of a panel each."""
_MOST_COLUMNS = 40


def latent_figures(found: GroupLatents) -> list[str]:
    """The SVG elements of a group: clouds, components, correlations, rates, the prior, clusters."""
    where = f"of {found.group}"
    figures = [*_clouds(found, where)]
    figures.append(_components(found, where))
    if found.columns:
        names = [str(latent.number) for latent in found.latents]
        few = _most_correlated(found)
        title = f"Correlations of latents {where} with columns"
        figures.append(table_map(names, [found.columns[j] for j in few], found.pearson[:, few], title, reach=1.0))
    figures += _rates(found, where)
    if len(found.rates.bound_rates):
        figures.append(rate_distortion_figure(found.rates, f"Rate and distortion {where}"))
    figures += [_histograms(found, where), _quantiles(found, where)]
    if found.clusters is not None and len(found.clusters.counts) > 1:
        figures.append(_cluster_counts(found.clusters, where))
    figures += _categories(found, where)
    return figures


def rate_distortion_figure(rates: RateDistortion, title: str) -> str:
    """One SVG element: points of rate and distortion beside the bound of a Gaussian."""
    with new_figure((4.6, 3.6)) as figure:
        axes = figure.add_axes((0.16, 0.14, 0.8, 0.7))
        axes.plot(rates.bound_rates, rates.bound_distortions, color=INK, lw=1.0, label="Gaussian bound")
        for place, point in enumerate(rates.points):
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(point.rate, point.distortion, "o", color=colour, markersize=6, label=point.name)
        if not rates.points and rates.distortion_of_means:
            axes.axhline(rates.distortion_of_means, color=COLOURS[0], ls="--", label="points without noise: no rate")
        drawn = [point.distortion for point in rates.points if point.distortion > 0]
        drawn += [rates.distortion_of_means] if rates.distortion_of_means else []
        most = 1.25 * max((point.rate for point in rates.points), default=8.0)
        axes.set_xlim(0, max(8.0, most))
        axes.set_yscale("log")
        low = min([*drawn, rates.bound_at(axes.get_xlim()[1])])
        axes.set_ylim(max(low, 1e-12) / 2, 2 * max([1.0, *drawn]))
        powers_of_ten(axes.yaxis)
        plain_ticks(axes.xaxis)
        axes.set_xlabel("rate [bits a row]")
        axes.set_ylabel("squared error / variance")
        axes.legend(loc="upper right")
        axes.set_title(title, fontsize=9, loc="left", pad=5)
        return svg_text(figure, f"{title}: {', '.join(_point(point.rate, point.distortion) for point in rates.points)}")


def _point(rate: float, distortion: float) -> str:
    return f"{number(rate)} bits, {number(distortion)}"


def _clouds(found: GroupLatents, where: str) -> list[str]:
    shown = found.projection
    explained = [f"component {j + 1}, {100 * part:.0f} %" for j, part in enumerate(found.of_latents.explained[:2])]
    labels = (explained[0], explained[1] if len(explained) > 1 else "")
    clusters: dict[str, NDArray[np.generic]] = {} if shown.cluster is None else {"cluster": shown.cluster}
    colours = clusters | dict(shown.colours)
    if not colours:
        figures = [cloud(shown.pca, None, f"PCA of the latents {where}", "", labels)]
        if shown.tsne is not None:
            figures.append(cloud(shown.tsne, None, f"t-SNE of the latents {where}", "", ("", "")))
        return figures
    figures = []
    for name, values in colours.items():
        figures.append(cloud(shown.pca, values, f"PCA of the latents {where}, by {name}", name, labels))
        if shown.tsne is not None:
            title = f"t-SNE of the latents {where}, by {name}"
            figures.append(cloud(shown.tsne, values[: len(shown.tsne)], title, name, ("", "")))
    return figures


def _components(found: GroupLatents, where: str) -> str:
    title = f"Variance explained by principal components {where}"
    with new_figure((4.6, 3.2)) as figure:
        axes = figure.add_axes((0.13, 0.15, 0.83, 0.68))
        for name, of, colour in (("latents", found.of_latents, AFTER), ("columns", found.of_columns, BEFORE)):
            share = np.cumsum(of.explained)
            label = f"{name}, participation ratio {of.participation:.1f}"
            axes.plot(np.arange(1, len(share) + 1), share, marker="o", markersize=3, color=colour, label=label)
        axes.set_ylim(0, 1.05)
        axes.set_xlim(0.5, max(len(found.of_latents.explained), len(found.of_columns.explained)) + 0.5)
        plain_ticks(axes.xaxis, whole=True)
        plain_ticks(axes.yaxis)
        axes.set_xlabel("components")
        axes.set_ylabel("part of the variance")
        axes.legend(loc="lower right")
        axes.set_title(title, fontsize=9, loc="left", pad=5)
        return svg_text(figure, title)


def _most_correlated(found: GroupLatents) -> list[int]:
    """The columns that a map has room for: those with the largest correlations, in their order."""
    strength = np.nan_to_num(np.max(np.abs(np.nan_to_num(found.pearson)), axis=0, initial=0))
    return sorted(np.argsort(-strength, kind="stable")[:_MOST_COLUMNS].tolist())


def _rates(found: GroupLatents, where: str) -> list[str]:
    rates = [latent.rate for latent in found.latents]
    if any(rate is None for rate in rates):
        return []
    title = f"Rate of each latent {where}"
    with new_figure((4.6, 3.0)) as figure:
        axes = figure.add_axes((0.13, 0.16, 0.83, 0.66))
        for is_active, colour, label in ((True, BEFORE, "active"), (False, AFTER, "not active")):
            own = [(latent.number, latent.rate) for latent in found.latents if latent.is_active == is_active]
            if own:
                axes.bar([place for place, _ in own], [rate or 0.0 for _, rate in own], 0.8, color=colour, label=label)
        axes.set_xlim(-0.6, len(rates) - 0.4)
        axes.set_ylim(0, 1.1 * max(0.1, *[rate or 0.0 for rate in rates]))
        plain_ticks(axes.xaxis, whole=True)
        plain_ticks(axes.yaxis)
        axes.set_xlabel("latent")
        axes.set_ylabel("bits a row")
        legend(axes, columns=2)
        figure.text(0.02, 0.95, title, fontsize=9, color=INK)
        return [svg_text(figure, title)]


def _histograms(found: GroupLatents, where: str) -> str:
    prior, k = found.prior, len(found.latents)
    centres = (prior.edges[1:] + prior.edges[:-1]) / 2
    widths = np.diff(prior.edges)
    density = prior.counts / np.maximum(1, prior.counts.sum(axis=1, keepdims=True)) / widths
    normal = np.exp(-0.5 * centres**2) / np.sqrt(2 * np.pi)
    title = f"Latents {where} beside the standard normal (line)"
    if k > _MOST_PANELS:
        names = [*map(str, range(k)), "normal"]
        places = [f"{centre:.1f}" for centre in centres]
        return table_map(names, places, np.vstack([density, normal]), f"Density of the latents {where}")
    with multiples(k, title) as (figure, panels):
        for number_, (axes, own) in enumerate(zip(panels, density, strict=True)):
            axes.stairs(own, prior.edges, fill=True, color=BEFORE, alpha=0.7)
            axes.plot(centres, normal, color=INK, lw=0.9)
            axes.set_title(f"latent {number_}", fontsize=8, loc="left", pad=3)
            axes.set_ylim(0, 1.1 * max(float(own.max(initial=0)), 0.4))
            plain_ticks(axes.xaxis)
            axes.yaxis.set_visible(False)
        return svg_text(figure, title)


def _quantiles(found: GroupLatents, where: str) -> str:
    prior, title = found.prior, f"Quantiles of the latents {where} against the normal's"
    with new_figure((4.6, 3.8)) as figure:
        axes = figure.add_axes((0.13, 0.13, 0.68, 0.75))
        many = len(prior.found) > _MOST_PANELS
        for place, own in enumerate(prior.found):
            colour, style = COLOURS[place % len(COLOURS)], "-" if place < len(COLOURS) else "--"
            axes.plot(prior.expected, own, color=colour, lw=0.7 if many else 1.2, ls=style, label=str(place))
        ends = prior.expected[[0, -1]]
        axes.plot(ends, ends, color=INK, lw=0.9, ls=":")
        plain_ticks(axes.xaxis)
        plain_ticks(axes.yaxis)
        axes.set_xlabel("normal")
        axes.set_ylabel("latent")
        if not many:
            axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), title="latent", handlelength=1.2)
        axes.set_title(title, fontsize=9, loc="left", pad=5)
        return svg_text(figure, title)


def _cluster_counts(clusters: Clusters, where: str) -> str:
    title = f"Number of clusters of the latents {where}; chosen: the line"
    numbers = [count.n for count in clusters.counts]
    told = [
        ("k-means: distance²", [count.inertia for count in clusters.counts], clusters.elbow),
        (
            "silhouette",
            [np.nan if c.silhouette is None else c.silhouette for c in clusters.counts],
            clusters.by_silhouette,
        ),
        ("mixture: BIC a row", [count.bic for count in clusters.counts], clusters.by_bic),
    ]
    with multiples(3, title, panel_height=2.0) as (figure, panels):
        for axes, (name, values, chosen) in zip(panels, told, strict=True):
            axes.plot(numbers, values, marker="o", markersize=3, color=BEFORE)
            axes.axvline(chosen, color=INK, lw=0.8)
            axes.set_title(name, fontsize=8, loc="left", pad=3)
            axes.set_xlim(0.5, numbers[-1] + 0.5)
            plain_ticks(axes.xaxis, whole=True)
            plain_ticks(axes.yaxis)
        return svg_text(figure, title)


def _categories(found: GroupLatents, where: str) -> list[str]:
    if not found.categories:
        return []
    title = f"Frequencies of categories {where}; dotted: all equal"
    with multiples(len(found.categories), title, panel_height=2.0, n_across=2) as (figure, panels):
        for place, (axes, own) in enumerate(zip(panels, found.categories, strict=True)):
            axes.bar(range(len(own)), own, 0.8, color=BEFORE)
            axes.axhline(1 / len(own), color=INK, lw=0.8, ls=":")
            axes.set_title(f"categorical latent {place}", fontsize=8, loc="left", pad=3)
            plain_ticks(axes.xaxis, whole=True)
            plain_ticks(axes.yaxis)
        return [svg_text(figure, title)]
