"""Scores of rows and events as results: summaries, how well they tell a signal, and how they go along a column."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.measures.roc import Roc
from baler_vae.results import as_plain, data_frame, html_table

if TYPE_CHECKING:
    from baler_vae.results import DataFrame

Floats = NDArray[np.float64]

EVENT: Final = "event"
"""The level of whole events, beside the rows of each group."""
MOST_VALUES: Final = 50
"""The most values of a column, or bins of it, along which a score is averaged."""
QUANTILES: Final = (0.01, 0.5, 0.99)
TITLES: Final = {
    "bits": "bits",
    "standard_bits": "standardised bits",
    "squared_error": "squared error",
    "negative_elbo": "-ELBO (nats)",
    "mahalanobis": "Mahalanobis distance",
}
"""The scores, as they are shown."""


@dataclass(frozen=True)
class Summary:
    """One score of the rows of one level, such as the events: mean and standard deviation over those that have it, the
    quantiles at 1, 50 and 99 %, and how many do not have it.
    """

    level: str
    score: str
    n_rows: int
    n_without: int
    mean: float
    deviation: float
    quantiles: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Profile:
    """The mean of a score along a column, in bins of it or at each of its values.

    Attributes
    ----------
    score, by : str
        The score and the column.
    low, high : ndarray
        The least and the largest value of the column in each bin, float64 (bins,).
    means, errors : ndarray
        The mean of the score and its standard error, float64 (bins,); NaN where there are fewer than two rows.
    counts : ndarray
        Rows in each bin, int64 (bins,).
    chi2, p_value : float
        Those of the hypothesis that the mean is the same everywhere.
    n_dof : int
        Bins with two rows or more, less one.
    """

    score: str
    by: str
    low: Floats
    high: Floats
    means: Floats
    errors: Floats
    counts: NDArray[np.int64]
    chi2: float
    n_dof: int
    p_value: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Scores:
    """The scores of rows and events under a codec.

    Attributes
    ----------
    n_events : int
        Events that were scored, of both inputs where there are two.
    levels : dict of str to dict
        By level (``event``, then each group) and score float64 (rows,), NaN for rows without. That of an event is the
        sum over its own columns and its objects; ``bits_GROUP_mean`` and so on are means over its objects.
    column_bits : dict of str to dict
        By group and column, or ``(latents)``, the mean bits of a row.
    summaries : tuple of Summary
        One for each level and score.
    label : str
        What the signal is: a column, or the second input; empty where nothing is told apart.
    labels : dict of str to ndarray
        By level whether rows are signal, bool (rows,).
    rocs : dict of str to dict
        By level and score how well it tells signal from background.
    profiles : tuple of Profile
        The mean of each score along a column.
    seed : int
        What samples and bootstraps were drawn with.
    notes : tuple of str
        What a reader has to know: what was left out, what variances and means are those of.
    """

    n_events: int
    levels: Mapping[str, Mapping[str, Floats]]
    column_bits: Mapping[str, Mapping[str, float]]
    summaries: tuple[Summary, ...]
    label: str = ""
    labels: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    rocs: Mapping[str, Mapping[str, Roc]] = field(default_factory=dict)
    profiles: tuple[Profile, ...] = ()
    seed: int = 0
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The result as plain values for JSON, without the scores of single rows: NaN becomes None."""
        names = ("n_events", "column_bits", "summaries", "label", "rocs", "profiles", "seed", "notes")
        return {name: as_plain(getattr(self, name), finite=True) for name in names}

    def to_pandas(self, level: str = EVENT) -> "DataFrame":
        """The scores of the rows of a level as a data frame, with `label` where signal is known.

        Parameters
        ----------
        level : str
            ``event``, or the name of a group.

        Returns
        -------
        DataFrame
            A row for each event or row of the group.
        """
        columns: dict[str, NDArray[Any]] = dict(self.levels[level])
        if level in self.labels:
            columns["label"] = self.labels[level]
        records = zip(*(array.tolist() for array in columns.values()), strict=True)
        return data_frame((dict(zip(columns, record, strict=True)) for record in records), tuple(columns))

    def _repr_html_(self) -> str:
        rows = [(one.level, one.score, one.n_rows - one.n_without, one.mean, one.deviation) for one in self.summaries]
        return html_table("Scores", ("rows of", "score", "rows", "mean", "deviation"), rows, notes=self.notes)


def title_of(score: str) -> str:
    """A score as it is shown: what it is, and over what it was taken."""
    for name, title in TITLES.items():
        if score == name:
            return title
        if score.startswith(f"{name}_"):
            rest = score[len(name) + 1 :]
            is_mean = rest.endswith("_mean")
            return f"{title} {'a row of' if is_mean else 'of'} {rest.removesuffix('_mean')}"
    return score


def summary_of(level: str, score: str, values: Floats) -> Summary:
    """The summary of the scores float64 (rows,) of a level, NaN for rows without."""
    used = values[np.isfinite(values)]
    nothing = (np.nan,) * len(QUANTILES)
    return Summary(
        level=level,
        score=score,
        n_rows=len(values),
        n_without=len(values) - len(used),
        mean=float(used.mean()) if len(used) else np.nan,
        deviation=float(used.std(ddof=1)) if len(used) > 1 else np.nan,
        quantiles=tuple(np.quantile(used, QUANTILES).tolist()) if len(used) else nothing,
    )


def profile_of(score: str, values: Floats, by: str, along: NDArray[np.generic]) -> Profile:
    """The mean of scores float64 (rows,), NaN for rows without, at each value of a column (rows,), or where those are
    more than 50 in as many bins of neighbouring values with about as many rows each. Rows whose value is NaN are left
    out.
    """
    from scipy.stats import chi2 as chi2_distribution  # noqa: PLC0415  slow to import

    places = along.astype(np.float64)
    used = np.isfinite(values) & np.isfinite(places)
    places, values = places[used], values[used]
    distinct, numbers = np.unique(places, return_inverse=True)
    if len(distinct) > MOST_VALUES:
        upto = np.cumsum(np.bincount(numbers)) - 1  # rows of smaller or equal values, less one
        numbers = np.unique((upto * MOST_VALUES // len(places))[numbers], return_inverse=True)[1]
    n_bins = int(numbers.max()) + 1 if len(numbers) else 0
    counts = np.bincount(numbers, minlength=n_bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(numbers, values, n_bins) / counts
        squares = np.bincount(numbers, (values - means[numbers]) ** 2, n_bins)
        errors = np.where(counts > 1, np.sqrt(squares / np.maximum(counts - 1, 1) / counts), np.nan)
    low, high = np.full(n_bins, np.inf), np.full(n_bins, -np.inf)
    np.minimum.at(low, numbers, places)
    np.maximum.at(high, numbers, places)
    judged = errors > 0
    weights = 1 / errors[judged] ** 2
    n_dof = max(0, int(np.count_nonzero(judged)) - 1)
    mean = float(np.sum(weights * means[judged]) / np.sum(weights)) if n_dof else np.nan
    chi2 = float(np.sum(weights * (means[judged] - mean) ** 2)) if n_dof else 0.0
    p_value = float(chi2_distribution.sf(chi2, n_dof)) if n_dof else 1.0
    return Profile(score, by, low, high, means, errors, counts, chi2, n_dof, p_value)
