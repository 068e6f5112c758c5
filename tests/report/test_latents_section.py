"""Latents and paths as tables and pictures, of one latent and of many."""

import io
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from baler_vae.measures.clusters import find_clusters
from baler_vae.measures.information import RatePoint, correlations, latent_information, rate_distortion
from baler_vae.measures.latents import GroupLatents, LatentRows, Latents, PriorDistance, Projection
from baler_vae.measures.paths import PairQuality, Path, Paths, RealRows
from baler_vae.measures.priors import normal_quantiles
from baler_vae.measures.projections import principal, projected
from baler_vae.report.latents_figures import latent_figures, rate_distortion_figure
from baler_vae.report.latents_section import latents_listed, latents_section
from baler_vae.report.paths_section import paths_listed, paths_section

ODD_NAME = '<b>&"$x_1$ 日本'
N_ROWS = 60


def found_of(k: int, *, logs: bool = True) -> GroupLatents:
    generator = np.random.default_rng(k)
    means = generator.normal(size=(N_ROWS, k))
    columns = {ODD_NAME: means[:, 0] + 1, "flag": generator.integers(0, 2, N_ROWS).astype(bool)}
    log_variances = np.full((N_ROWS, k if logs else 0), -2.0)
    pearson, spearman = correlations(means, columns)
    edges = np.linspace(-4, 4, 9)
    quantiles = [normal_quantiles(latent) for latent in means.T]
    components = principal(means)
    information = latent_information(means, log_variances)
    points = [RatePoint("codec", sum(latent.rate for latent in information), 0.1)] if logs else []
    return GroupLatents(
        group="Jet",
        posterior="gaussian" if logs else "point",
        n_rows=N_ROWS,
        n_left_out=2,
        latents=information,
        columns=tuple(columns),
        pearson=pearson,
        spearman=spearman,
        rates=rate_distortion(points, columns, distortion_of_means=0.05),
        of_latents=components,
        of_columns=principal(np.stack([*columns.values()], axis=1)),
        clusters=find_clusters(means, 3, seed=0),
        prior=PriorDistance(
            mmd=0.01,
            knn_kl=0.2,
            gaussian_kl=np.inf,
            n_rows_mmd=N_ROWS,
            n_rows_knn=N_ROWS,
            edges=edges,
            counts=np.stack([np.histogram(latent, edges)[0] for latent in means.T]),
            expected=quantiles[0][0],
            found=np.stack([own for _, own in quantiles]),
        ),
        categories=((0.25, 0.75),),
        projection=Projection(
            pca=projected(means, components, means.mean(axis=0)),
            tsne=means[:10, [0, 0]],
            cluster=np.zeros(N_ROWS, np.int32),
            colours=columns,
        ),
        rows=LatentRows(
            event=np.arange(N_ROWS),
            row=np.arange(N_ROWS),
            means=means.astype(np.float32),
            log_variances=log_variances.astype(np.float32),
            noise_variance=None,
            cluster=None,
            categories=np.zeros((N_ROWS, 1), np.int32),
        ),
        sampled=("t-SNE of 10 of 60 rows",),
    )


def paths_of(kind: str, n_paths: int) -> Paths:
    parts = np.linspace(0, 1, 5)
    paths = [
        Path(
            name=f"latent {j}" if kind == "traversal" else ("straight", "spherical")[j],
            positions=parts,
            latents=np.outer(parts, np.ones(2)),
            values={ODD_NAME: parts * (j + 1), "still": np.zeros(5)},
            distances=parts,
            bits=10 * parts,
            length=1.0 + j,
            relative_length=1.0,
        )
        for j in range(n_paths)
    ]
    pair = PairQuality(
        name="straight", n_pairs=9, distance=0.2, relative_distance=2.0, far=0.25, relative_length=1.5, bits=33.0
    )
    return Paths(
        codec="c.bvmodel",
        group="Jet",
        kind=kind,
        ends=("row 0", "row 1"),
        columns=(ODD_NAME, "still"),
        widths={ODD_NAME: 0.5},
        paths=tuple(paths),
        pairs=(pair,) if kind == "interpolation" else (),
        real=RealRows(
            n_rows=9, n_reference=9, distance=0.1, decoded_distance=0.1, far=0.3, bits=20.0, decoded_bits=21.0
        ),
        n_left_out=1,
    )


def printed(listed) -> str:
    console = Console(file=io.StringIO(), width=300)
    for line in listed:
        console.print(line)
    return console.file.getvalue()


def checked(svg: str) -> str:
    """The texts of a figure, which is XML and whose labels are no mathematics of another program."""
    ET.fromstring(svg)
    assert "mathdefault" not in svg
    return f"|{'|'.join(re.findall(r'>([^<>]+)</text>', svg))}|"


@pytest.mark.parametrize("k", [1, 3, 40])
def test_any_number_of_latents_is_drawn(k):
    figures = latent_figures(found_of(k))
    texts = [checked(figure) for figure in figures]
    labels = [re.search(r'aria-label="([^"]*)"', figure)[1] for figure in figures]
    assert len(set(labels)) == len(labels)
    assert any("t-SNE of the latents of Jet, by flag" in label for label in labels)
    assert any("|latent 0|" in text for text in texts) == (k <= 12)  # beyond that a map has a line for each
    assert any("|normal|" in text and f"|{k - 1}|" in text for text in texts)


def test_the_same_latents_give_the_same_bytes():
    assert latent_figures(found_of(2)) == latent_figures(found_of(2))


def test_latents_are_told():
    result = Latents(codec="c.bvmodel", source="in.root", groups=(found_of(3),))
    text = printed(latents_listed(result))
    assert "60 rows; 2 rows with values that are not finite left out" in text
    assert "measured on samples: t-SNE of 10 of 60 rows" in text
    assert "categorical latent 0: 25.0, 75.0 %" in text
    assert "∞ of the Gaussian" in text
    body = str(latents_section(result).body)
    assert "&lt;b&gt;&amp;" in body
    assert "<b>" not in body
    assert result.to_dict()["groups"][0]["prior"]["gaussian_kl"] is None


def test_points_without_a_rate_say_so():
    found = found_of(2, logs=False)
    text = printed(latents_listed(Latents(codec="c", source="s", groups=(found,))))
    assert "squared error 0.0500 of the variance; a posterior of points, which are not rounded, has no rate" in text
    texts = " ".join(map(checked, latent_figures(found)))
    assert "Rate of each latent" not in texts
    assert "points without noise: no rate" in texts


def test_several_codecs_share_a_picture():
    columns = {"a": np.arange(9.0), "b": np.arange(9.0) ** 2}
    points = [RatePoint("first", 2.0, 0.3), RatePoint("second", 4.0, 0.1)]
    text = checked(rate_distortion_figure(rate_distortion(points, columns), "two codecs"))
    assert "first" in text
    assert "second" in text


def test_an_interpolation_is_told_and_drawn():
    result = paths_of("interpolation", 2)
    text = printed(paths_listed(result))
    assert "From row 0 to row 1 of Jet" in text
    assert "Decoded rows, spherical" in text
    assert "25 % lie farther than 95 % of those" in text
    assert "real rows take 20 bits, decoded ones 21 (medians)" in text
    section = paths_section(result)
    assert section.key == "interpolate"
    assert str(section.body).count("<svg") == 2
    unjudged = replace(result, paths=tuple(replace(path, bits=None) for path in result.paths))
    assert "bits there" in text
    assert "bits there" not in printed(paths_listed(unjudged))


@pytest.mark.parametrize("n_paths", [1, 40])
def test_a_traversal_is_told_and_drawn(n_paths):
    section = paths_section(paths_of("traversal", n_paths))
    assert section.key == "traverse"
    body = str(section.body)
    assert body.count("<svg") == 3
    assert ("8 latents that move most" in body) == (n_paths > 8)
    text = printed(paths_listed(paths_of("traversal", n_paths)))
    assert "the others at row 0" in text
    assert "largest distance [widths]" in text
