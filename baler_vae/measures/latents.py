"""What is found of the latents of rows: results, which are drawn and listed elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.measures.clusters import Clusters
from baler_vae.measures.information import LatentInformation, RateDistortion
from baler_vae.measures.paths import records_of
from baler_vae.measures.projections import Principal
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LatentRows:
    """The latents of the rows of a group.

    Attributes
    ----------
    event, row : np.ndarray
        The number of the event and of the row in the group of each row, int64 (rows,), counted from 0.
    means : np.ndarray
        The mean of the posterior, float32 (rows, latents).
    log_variances : np.ndarray
        Its log-variances, float32 (rows, latents), or (rows, 0) where it has none.
    noise_variance : float or None
        The variance of the noise that the training added to every latent, where it did.
    cluster : np.ndarray or None
        The cluster of each row, int32 (rows,), numbered from 0 by falling size.
    categories : np.ndarray
        The most probable category of each categorical latent, int32 (rows, categorical latents), counted from 0.
    """

    event: NDArray[np.int64]
    row: NDArray[np.int64]
    means: NDArray[np.float32]
    log_variances: NDArray[np.float32]
    noise_variance: float | None
    cluster: NDArray[np.int32] | None
    categories: NDArray[np.int32]

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """The columns of a table of these rows, (rows,) each, by name."""
        found: dict[str, NDArray[np.generic]] = {"event": self.event, "row": self.row}
        found |= {f"latent_{j}": latent.copy() for j, latent in enumerate(self.means.T)}
        found |= {f"log_variance_{j}": latent.copy() for j, latent in enumerate(self.log_variances.T)}
        if self.noise_variance is not None:
            found["noise_variance"] = np.full(len(self.row), self.noise_variance, np.float32)
        found |= {f"category_{j}": chosen.copy() for j, chosen in enumerate(self.categories.T)}
        if self.cluster is not None:
            found["cluster"] = self.cluster
        return found

    def to_pandas(self) -> "DataFrame":
        """A data frame with one row for each row.

        Returns
        -------
        DataFrame
            Columns ``event``, ``row``, ``latent_0`` and so on, and what else there is: ``log_variance_0``,
            ``noise_variance``, ``category_0``, ``cluster``.
        """
        columns = self.columns()
        return data_frame(records_of(columns), list(columns))


@dataclass(frozen=True, eq=False, kw_only=True)
class PriorDistance:
    """How far latents, as the posterior draws them, are from the standard normal.

    Attributes
    ----------
    mmd : float
        The squared maximum mean discrepancy, of a Gaussian kernel with the median distance as its width.
    knn_kl : float
        The KL divergence in nats, estimated by nearest neighbours between the latents and draws of the prior.
    gaussian_kl : float
        That of the Gaussian with the mean and covariance of the latents, in closed form.
    n_rows_mmd, n_rows_knn : int
        The rows that were used, of each set.
    edges : np.ndarray
        Edges of bins, float64 (bins + 1,).
    counts : np.ndarray
        The latents in them, int64 (latents, bins).
    expected, found : np.ndarray
        Quantiles of the normal, float64 (points,), and of each latent, float64 (latents, points).
    """

    mmd: float
    knn_kl: float
    gaussian_kl: float
    n_rows_mmd: int
    n_rows_knn: int
    edges: Floats
    counts: NDArray[np.int64]
    expected: Floats
    found: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class Projection:
    """Latents of a sample of rows in two dimensions, to be drawn.

    Attributes
    ----------
    pca : np.ndarray
        On the first two principal axes, float64 (rows, 2); the second is zero where there is one latent.
    tsne : np.ndarray or None
        By t-SNE, float64 (rows, 2), of the first rows of the sample.
    cluster : np.ndarray or None
        The cluster of each row, int32 (rows,).
    colours : mapping of str to np.ndarray
        The values of the columns by which points are coloured, (rows,).
    """

    pca: Floats
    tsne: Floats | None
    cluster: NDArray[np.int32] | None
    colours: Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupLatents:
    """The latent space of a group.

    Attributes
    ----------
    group : str
        The group.
    posterior : str
        ``point``, ``gaussian``, ``noisy`` or ``joint``.
    n_rows, n_left_out : int
        The rows that were encoded, and those left out since a value is not finite.
    latents : tuple of LatentInformation
        What each latent tells.
    columns : tuple of str
        The columns with which the latents were correlated.
    pearson, spearman : np.ndarray
        Correlations of values and of ranks, float64 (latents, columns); NaN where one is constant.
    rates : RateDistortion
        The codec's rate and distortion beside the bound of a Gaussian with the covariance of the data.
    of_latents, of_columns : Principal
        Principal components of the latents and of the columns that were encoded.
    clusters : Clusters or None
        Numbers of clusters, where they were asked for.
    prior : PriorDistance
        The latents against the standard normal.
    categories : tuple of tuple of float
        The frequency of each category of each categorical latent; `latents` are the others.
    projection : Projection
        A sample in two dimensions.
    rows : LatentRows
        The latents themselves.
    sampled : tuple of str
        Sentences on what was measured on a sample.
    """

    group: str
    posterior: str
    n_rows: int
    n_left_out: int
    latents: tuple[LatentInformation, ...]
    columns: tuple[str, ...]
    pearson: Floats
    spearman: Floats
    rates: RateDistortion
    of_latents: Principal
    of_columns: Principal
    clusters: Clusters | None
    prior: PriorDistance
    categories: tuple[tuple[float, ...], ...]
    projection: Projection
    rows: LatentRows
    sampled: tuple[str, ...]

    @property
    def n_active(self) -> int:
        return sum(latent.is_active for latent in self.latents)

    def to_dict(self) -> dict[str, Any]:
        """All that is found, without the rows, the projection and the bins."""
        prior = {
            name: getattr(self.prior, name) for name in ("mmd", "knn_kl", "gaussian_kl", "n_rows_mmd", "n_rows_knn")
        }
        found = {
            "group": self.group,
            "posterior": self.posterior,
            "n_rows": self.n_rows,
            "n_left_out": self.n_left_out,
            "n_active": self.n_active,
            "latents": self.latents,
            "columns": self.columns,
            "pearson": self.pearson,
            "spearman": self.spearman,
            "rates": self.rates,
            "pca_of_latents": self.of_latents,
            "pca_of_columns": self.of_columns,
            "clusters": None if self.clusters is None else self.clusters.to_dict(),
            "prior": prior,
            "categories": self.categories,
            "sampled": self.sampled,
        }
        plain: dict[str, Any] = as_plain(found, finite=True)
        return plain


@dataclass(frozen=True, eq=False, kw_only=True)
class Latents:
    """The latent spaces of a codec on the rows of a file.

    Attributes
    ----------
    codec : str
        The codec, as it was given.
    source : str
        The file, as it was given.
    groups : tuple of GroupLatents
        Those of each group that has latents.
    """

    codec: str
    source: str
    groups: tuple[GroupLatents, ...]

    def to_dict(self) -> dict[str, Any]:
        """All that is found, as plain values for JSON; NaN and infinities are None.

        Returns
        -------
        dict
            ``codec``, ``source`` and ``groups``.
        """
        return {
            "codec": self.codec,
            "source": self.source,
            "groups": [group.to_dict() for group in self.groups],
        }

    def to_pandas(self) -> "DataFrame":
        """A data frame with one row for each latent.

        Returns
        -------
        DataFrame
            A column ``group`` and those of `LatentInformation`.
        """
        records = [{"group": group.group, **vars(latent)} for group in self.groups for latent in group.latents]
        return data_frame(records, ["group", *LatentInformation.__dataclass_fields__])

    def _repr_html_(self) -> str:
        rows = [
            (group.group, latent.number, latent.kl, latent.rate, latent.is_active, latent.variance)
            for group in self.groups
            for latent in group.latents
        ]
        notes = [f"{group.group}: {group.n_rows:,} rows, {group.n_left_out:,} left out" for group in self.groups]
        headings = ("group", "latent", "KL [nats]", "rate [bits]", "active", "variance")
        return html_table(f"Latents of {self.source}", headings, rows, notes=notes)
