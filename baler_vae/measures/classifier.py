"""Whether two samples can be told apart: a boosted classifier tries to, on rows that it has not seen."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import MissingExtra, UsageError
from baler_vae.measures.roc import Auc, auc_of

N_FOLDS: Final = 5
MOST_ROWS: Final = 100_000
"""Rows of each sample that are shown to the classifier; the error of the AUC is then about 0.002 at most."""
LEAST_ROWS: Final = 50
"""Rows, or groups, of each sample with which trees of 20 rows a leaf can begin to learn."""

Groups = NDArray[np.int64]


def classifier_auc(
    a: NDArray[np.generic],
    b: NDArray[np.generic],
    *,
    groups: tuple[NDArray[np.generic], NDArray[np.generic]] | None = None,
    seed: int = 0,
    most_rows: int = MOST_ROWS,
    n_folds: int = N_FOLDS,
) -> Auc:
    """The AUC with which gradient-boosted trees on histograms (scikit-learn) tell rows (rows, columns) of A from those
    of B: 0.5 where they cannot. NaN are values like others to them.

    It is the mean over folds, each judged by trees that were fitted on the others. Rows of the same number in `groups`,
    (rows,) of A and of B, share a fold: the objects of an event, and an event of A with what became of it in B. By
    default the number of a row is its group, in A as in B. Above `most_rows` of a sample so many are drawn, whole
    groups together.

    The error is that of DeLong et al. (1988) on the rows judged, with groups counted as one (Obuchowski 1997); that
    other rows would give other trees is not in it.

    Raises:
        UsageError: the samples have other columns, or too few rows.
        MissingExtra: scikit-learn is not installed.
    """
    check_classifier()
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not a.shape[1]:
        raise UsageError(f"samples of the shapes {a.shape} and {b.shape}", expected="rows of the same columns")
    numbers_a, numbers_b = groups if groups is not None else (np.arange(len(a)), np.arange(len(b)))
    distinct, numbers = np.unique(np.concatenate([numbers_a, numbers_b]), return_inverse=True)
    n_groups = [len(np.unique(own)) for own in (numbers_a, numbers_b)]
    if min(n_groups) < LEAST_ROWS:
        of_events = "" if groups is None else f" of {n_groups[0]:,} and {n_groups[1]:,} events"
        raise UsageError(
            f"{len(a):,} and {len(b):,} rows{of_events} are too few for a classifier",
            expected=f"at least {LEAST_ROWS} of each",
            way_out="Give more rows",
        )
    rng = np.random.default_rng(seed)
    ranks = rng.permutation(len(distinct))[numbers]
    kept_a = _first_groups(ranks[: len(a)], most_rows)
    kept_b = _first_groups(ranks[len(a) :], most_rows)
    ranks_a, ranks_b = ranks[: len(a)][kept_a], ranks[len(a) :][kept_b]
    return _cross_validated(
        np.concatenate([a[kept_a], b[kept_b]]).astype(np.float64), ranks_a, ranks_b, seed=seed, n_folds=n_folds
    )


def check_classifier() -> None:
    """Raise MissingExtra unless scikit-learn is installed."""
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise MissingExtra("a classifier", "explore", str(error.name)) from error


def _first_groups(ranks: Groups, most_rows: int) -> NDArray[np.bool_]:
    """Which rows belong to the groups of lowest rank that have at most so many rows together, and at least one."""
    if len(ranks) <= most_rows:
        return np.ones(len(ranks), bool)
    upto = np.cumsum(np.bincount(ranks))
    kept: NDArray[np.bool_] = (upto <= most_rows)[ranks]
    if not kept.any():
        kept = ranks == ranks.min()
    return kept


def _cross_validated(rows: NDArray[np.float64], ranks_a: Groups, ranks_b: Groups, *, seed: int, n_folds: int) -> Auc:
    """The AUC of rows float64 (rows, columns), those of A first; groups of the same rank modulo the number of folds
    share a fold.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - an extra

    ranks = np.concatenate([ranks_a, ranks_b])
    is_b = np.arange(len(ranks)) >= len(ranks_a)
    folds = np.unique(ranks, return_inverse=True)[1] % n_folds
    found = []
    for fold in range(n_folds):
        judged = folds == fold
        if not (is_b & judged).any() or not (~is_b & judged).any():
            continue
        # A third photon that no event has: trees cannot take a column of NaN alone.
        known = ~np.isnan(rows[~judged]).all(axis=0)
        scores = np.zeros(np.count_nonzero(judged))
        if known.any():
            trees = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
            trees.fit(rows[~judged][:, known], is_b[~judged])
            scores = trees.decision_function(rows[judged][:, known])
        own = is_b[judged]
        found.append(auc_of(scores[~own], scores[own], (ranks[judged][~own], ranks[judged][own])))
    error = np.sqrt(sum(one.error**2 for one in found)) / len(found)
    return Auc(float(np.mean([one.value for one in found])), float(error), len(ranks_a), int(np.count_nonzero(is_b)))
