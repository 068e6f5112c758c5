"""The latents of the rows of a file, and what they tell."""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.errors import MissingExtra, UsageError
from baler_vae.explore.encoding import (
    EncodedRows,
    codec_name,
    decoded,
    encode_rows,
    groups_with_latents,
)
from baler_vae.explore.opening import check_seed, opened_codec, opened_rows
from baler_vae.explore.tables import check_tables, write_named_tables
from baler_vae.measures.cells import by_cells, by_means, first_rows
from baler_vae.measures.clusters import CLUSTER_ROWS, SILHOUETTE_ROWS, Clusters, find_clusters, nearest_centre
from baler_vae.measures.information import (
    RatePoint,
    categorical_rate,
    correlations,
    rate_distortion,
    squared_error,
)
from baler_vae.measures.latents import GroupLatents, LatentRows, Latents, PriorDistance, Projection
from baler_vae.measures.priors import KNN_ROWS, MMD_ROWS, gaussian_kl, knn_kl, mmd, normal_quantiles, sampled
from baler_vae.measures.projections import TSNE_ROWS, principal, projected, scaled
from baler_vae.measures.projections import tsne as tsne_of
from baler_vae.output import owned
from baler_vae.progress import ShownProgress, callback, shows_progress, silent
from baler_vae.source.dialect import Options

DEFAULT_TSNE_ROWS = 5_000
"""t-SNE of as many rows takes about half a minute on one core, of 20,000 several minutes."""
CLUSTERS = 8
_N_BINS = 60
_REACH = 4.0
"""Histograms of latents reach at least so many standard deviations of the prior."""
_LEAST_ROWS = 8
_RANK_ROWS = 100_000
_CELL_VALUES = 1 << 22
"""The most values of columns of which some are arrays whose components and errors are looked at."""


@shows_progress
@np.errstate(all="ignore")  # of hostile numbers: what they give is judged, not warned of
def latents(
    codec: Codec | str | Path,
    data: Any,  # noqa: ANN401  paths or data
    *,
    output: str | Path | None = None,
    group: str | None = None,
    colour: str | Sequence[str] = (),
    clusters: int = CLUSTERS,
    tsne: bool = True,
    tsne_rows: int = DEFAULT_TSNE_ROWS,
    seed: int = 0,
    force: bool = False,
    dialect: Options = None,
    progress: ShownProgress = silent,
) -> Latents:
    """Encode the rows of a file and say what the latents tell.

    Parameters
    ----------
    codec : Codec, str or Path
        A codec with an encoder.
    data : str, Path, sequence of these, Source, or data in memory
        The rows: files, globs, an archive, a data frame and the like.
    output : str or Path, optional
        A file for the latents of every row: Parquet, ROOT, CSV or any other format that is written.
    group : str, optional
        The group to look at; all that have latents by default.
    colour : str or sequence of str
        Columns by which points are coloured, of the group or of the events; they are correlated with the latents too.
    clusters : int
        The largest number of clusters to try; 0 for none.
    tsne : bool
        Whether to make a t-SNE.
    tsne_rows : int
        Of how many rows, at most: 20,000 or fewer.
    seed : int
        Of all samples and starts.
    force : bool
        Overwrite the output.
    dialect : DialectOptions or Mapping[str, str], optional
        How the file is written, where it is text.
    progress : bool or callable
        True for a bar, or a function of (what, done, total).

    Returns
    -------
    Latents
        What each latent tells, rates and distortions, principal components, clusters, distances from the prior, and the
        latents themselves, by group.

    Raises
    ------
    UsageError
        The codec has no encoder, or was fitted on other columns; a column to colour by is missing or no number; there
        are fewer rows than clusters.
    SourceError
        The file cannot be read.
    OutputError
        The output exists, or cannot be written.
    MissingExtra
        The packages of the extra ``explore`` are not installed.
    """
    if find_spec("sklearn") is None:
        raise MissingExtra("looking at latents", "explore", "sklearn")
    told = callback(progress)
    colours = (colour,) if isinstance(colour, str) else tuple(colour)
    if clusters < 0:
        raise UsageError(f"{clusters} clusters", expected="0 or more")
    check_seed(seed)
    if not 0 < tsne_rows <= TSNE_ROWS:
        raise UsageError(f"t-SNE of {tsne_rows:,} rows", expected=f"1 to {TSNE_ROWS:,}")
    opened = opened_codec(codec)
    names = groups_with_latents(opened, codec, group)
    with ExitStack() as stack:
        if output is not None:
            check_tables(output, names)
            stack.enter_context(owned(output, force=force))
        source = stack.enter_context(opened_rows(data, dialect))
        found = []
        for name in names:
            told(f"encoding {name}", 0, 4)
            rows = encode_rows(opened, source, name, colours)
            if len(rows.row) < _LEAST_ROWS:
                raise UsageError(
                    f"too few rows of {name}",
                    path=source.path,
                    found=f"{len(rows.row)}",
                    expected=f"at least {_LEAST_ROWS}",
                )
            found.append(_of_group(opened, rows, colours, clusters, tsne_rows if tsne else 0, seed, told))
        result = Latents(codec=codec_name(codec), source=Path(source.path).name, groups=tuple(found))
        if output is not None:
            write_named_tables(output, {one.group: one.rows.columns() for one in found}, "latents", force=force)
    return result


def _of_group(
    codec: Codec,
    rows: EncodedRows,
    colours: Sequence[str],
    most_clusters: int,
    tsne_rows: int,
    seed: int,
    told: Any,  # noqa: ANN401  a callback
) -> GroupLatents:
    name, n = rows.group.name, len(rows.row)
    means = rows.means[:, : rows.n_continuous]
    log_variances = rows.log_variances[:, : rows.n_continuous]
    noise, information = rows.noise_variance, rows.information
    generator = np.random.default_rng(seed)
    drawn = _drawn(means, log_variances, noise, generator)
    chosen = _chosen(rows)
    sampled_of: list[str] = []

    few = np.sort(generator.permutation(n)[:_RANK_ROWS])
    pearson, spearman = correlations(
        means[few], {column: values[few] for column, values in by_means(rows.values).items()}
    )
    _say(sampled_of, "correlations", len(few), n)
    rates = _rates(codec, rows, drawn)
    told(f"principal components of {name}", 1, 4)
    of_latents = principal(means)
    some = first_rows(rows.encoded, _CELL_VALUES)
    _say(sampled_of, "principal components of columns", len(rows.row[some]), n)
    of_columns = principal(scaled(list(by_cells({key: own[some] for key, own in rows.encoded.items()}).values())))
    told(f"clusters of {name}", 2, 4)
    clusters = _clusters(means, most_clusters, seed, sampled_of)
    cluster = None if clusters is None else nearest_centre(means, clusters.centres)
    prior = _prior(drawn, seed, sampled_of)
    told(f"t-SNE of {name}", 3, 4)
    shown = np.sort(generator.permutation(n)[:TSNE_ROWS])
    if n > TSNE_ROWS:
        sampled_of.append(f"points of {TSNE_ROWS:,} of {n:,} rows")
    subset = shown[np.sort(generator.permutation(len(shown))[:tsne_rows])]
    if tsne_rows:
        _say(sampled_of, "t-SNE", len(subset), n)
    # The rows of t-SNE come first, so that it has the colours of the first ones.
    order = np.concatenate([subset, np.setdiff1d(shown, subset)])
    projection = Projection(
        pca=projected(means[order], of_latents, means.mean(axis=0, dtype=np.float64)),
        tsne=tsne_of(means[subset], seed) if tsne_rows else None,
        cluster=None if cluster is None else cluster[order],
        colours={column: rows.values[column][order] for column in colours},
    )
    told(f"t-SNE of {name}", 4, 4)
    return GroupLatents(
        group=name,
        posterior=rows.posterior.kind,
        n_rows=n,
        n_left_out=rows.n_left_out,
        latents=information,
        columns=tuple(by_means(rows.values)),
        pearson=pearson,
        spearman=spearman,
        rates=rates,
        of_latents=of_latents,
        of_columns=of_columns,
        clusters=clusters,
        prior=prior,
        categories=_frequencies(chosen, rows.posterior.categories),
        projection=projection,
        rows=LatentRows(
            event=rows.event,
            row=rows.row,
            means=means,
            log_variances=log_variances,
            noise_variance=noise,
            cluster=cluster,
            categories=chosen,
        ),
        sampled=tuple(sampled_of),
    )


def _say(sentences: list[str], what: str, n_used: int, n_rows: int) -> None:
    if n_used < n_rows:
        sentences.append(f"{what} of {n_used:,} of {n_rows:,} rows")


def _drawn(
    means: NDArray[np.float32],
    log_variances: NDArray[np.float32],
    noise: float | None,
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Latents as the posterior draws them, float32 (rows, k)."""
    if log_variances.shape[1]:
        spread = np.exp(0.5 * log_variances)
    elif noise is not None:
        spread = np.float32(math.sqrt(noise))
    else:
        return means
    drawn: NDArray[np.float32] = means + spread * generator.standard_normal(means.shape, np.float32)
    return drawn


def _chosen(rows: EncodedRows) -> NDArray[np.int32]:
    """The most probable category of each categorical latent, int32 (rows, categorical latents)."""
    found = [np.argmax(own, axis=1).astype(np.int32) for own in rows.probabilities]
    return np.stack(found, axis=1) if found else np.empty((len(rows.row), 0), np.int32)


def _frequencies(chosen: NDArray[np.int32], sizes: Sequence[int]) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple((np.bincount(own, minlength=size) / max(1, len(own))).tolist())
        for own, size in zip(chosen.T, sizes, strict=True)
    )


def _rates(
    codec: Codec,
    rows: EncodedRows,
    drawn: NDArray[np.float32],
) -> Any:  # noqa: ANN401
    """The rate and distortion of the codec on these rows, and the bound."""
    if rows.model.decoder is None:
        some = first_rows(rows.encoded, _CELL_VALUES)
        return rate_distortion((), by_cells({key: own[some] for key, own in rows.encoded.items()}))
    free = {key: rows.values[key] for key in rows.model.decoder.columns}
    some = first_rows(free, _CELL_VALUES)
    columns = by_cells({key: own[some] for key, own in free.items()})
    name = rows.group.name

    def error_of(latents: NDArray[np.float32]) -> float:
        return squared_error(columns, by_cells(decoded(codec, name, latents[some])))

    if rows.posterior.kind == "point" and rows.model.steps:
        widths = np.asarray(rows.model.steps, np.float32)
        drawn = np.rint(drawn / widths) * widths
    categories = rows.means[:, rows.n_continuous :]
    of_means = error_of(rows.means)
    known = [latent.rate for latent in rows.information if latent.rate is not None]
    points = []
    if len(known) == len(rows.information) and known:
        rate = sum(known) + sum(map(categorical_rate, rows.probabilities))
        error = error_of(np.hstack([drawn, categories]))
        points.append(RatePoint(f"{name}, {rows.posterior.kind}", rate, error))
    return rate_distortion(points, columns, distortion_of_means=of_means)


def _clusters(means: NDArray[np.float32], most: int, seed: int, sampled_of: list[str]) -> Clusters | None:
    if not most:
        return None
    found = find_clusters(means, most, seed=seed)
    _say(sampled_of, "clusters", min(len(means), CLUSTER_ROWS), len(means))
    _say(sampled_of, "silhouettes", min(len(means), SILHOUETTE_ROWS), len(means))
    return found


def _prior(drawn: NDArray[np.float32], seed: int, sampled_of: list[str]) -> PriorDistance:
    """Latents that were drawn (rows, k) against the standard normal."""
    n, k = drawn.shape
    draws = np.random.default_rng(seed + 1).standard_normal((max(min(n, KNN_ROWS), _LEAST_ROWS), k))
    few = sampled(drawn, KNN_ROWS, seed)
    _say(sampled_of, "KL by nearest neighbours", len(few), n)
    _say(sampled_of, "MMD", min(len(few), MMD_ROWS), n)
    reach = max(_REACH, float(np.ceil(np.percentile(np.abs(few), 99.9))))
    edges = np.linspace(-reach, reach, _N_BINS + 1)
    quantiles = [normal_quantiles(latent) for latent in few.T]
    return PriorDistance(
        mmd=mmd(few, draws, seed=seed),
        knn_kl=knn_kl(few, draws, seed=seed),
        gaussian_kl=gaussian_kl(np.mean(drawn, axis=0, dtype=np.float64), np.atleast_2d(np.cov(few.T, bias=True))),
        n_rows_mmd=min(len(few), MMD_ROWS),
        n_rows_knn=len(few),
        edges=edges,
        counts=np.stack([np.histogram(latent, edges)[0] for latent in drawn.T]).astype(np.int64),
        expected=quantiles[0][0],
        found=np.stack([found for _, found in quantiles]),
    )
