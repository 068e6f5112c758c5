"""Few tables for many contexts: which contexts share one, and its levels."""

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.lanes import LARGEST_LEVEL, LEVELS_PER_OCTAVE, MOST_TABLES
from baler_vae.fitting import policy

Integers64 = NDArray[np.int64]


def levels_of(sums: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The levels uint8 (tables, symbols) of counts (tables, symbols)."""
    overall = sums.sum(axis=0) + 0.5
    masses = sums + policy.PRIOR_ROWS_OF_TABLES * overall / overall.sum()
    below = np.log2(masses.max(axis=1, keepdims=True)) - np.log2(masses)
    levels: NDArray[np.uint8] = np.minimum(np.rint(LEVELS_PER_OCTAVE * below), LARGEST_LEVEL).astype(np.uint8)
    return levels


def clustered(counts: NDArray[np.float64], weight: float) -> Integers64:
    """The table of each context, int64 (contexts,), for counts (contexts, symbols): contexts with alike symbols share
    one, as many as pay for themselves.
    """
    totals = counts.sum(axis=1)
    filled = np.flatnonzero(totals)
    if len(filled) < 2:
        return np.zeros(len(counts), np.int64)
    own = counts[filled]
    shares = np.cumsum(totals[filled]) - 0.5 * totals[filled]
    chosen = np.minimum((shares / totals.sum() * MOST_TABLES).astype(np.int64), MOST_TABLES - 1)
    if len(filled) <= MOST_TABLES:
        chosen = np.arange(len(filled))
    overall = own.sum(axis=0) + 0.5
    overall /= overall.sum()
    for _ in range(policy.ROUNDS_OF_CLUSTERS):
        sums = np.zeros((MOST_TABLES, own.shape[1]))
        np.add.at(sums, chosen, own)
        masses = sums + policy.PRIOR_ROWS_OF_TABLES * overall
        logs = np.log2(masses / masses.sum(axis=1, keepdims=True))
        costs = own @ -logs.T
        costs[:, sums.sum(axis=1) == 0] = np.inf
        better = np.argmin(costs, axis=1)
        if np.array_equal(better, chosen):
            break
        chosen = better
    sums = np.zeros((MOST_TABLES, own.shape[1]))
    np.add.at(sums, chosen, own)
    chosen = _merged(sums, weight)[chosen]
    _, chosen = np.unique(chosen, return_inverse=True)
    # An empty context has the table of the one before it.
    before = np.maximum.accumulate(np.where(totals > 0, np.cumsum(totals > 0) - 1, 0))
    return chosen.reshape(-1)[before]


def _merged(sums: NDArray[np.float64], weight: float) -> Integers64:
    """The number of the table with which each of some tables (tables, symbols) of counts is joined, int64 (tables,)."""
    n_tables = len(sums)
    joined = np.arange(n_tables)
    alive = sums.sum(axis=1) > 0
    sums = sums.copy()
    alone = _entropies(sums)
    losses = np.full((n_tables, n_tables), np.inf)
    for one in np.flatnonzero(alive).tolist():
        losses[one] = _entropies(sums + sums[one]) - alone - alone[one]
    losses[:, ~alive] = losses[~alive] = np.inf
    losses[np.diag_indices(n_tables)] = np.inf
    while True:
        place = int(np.argmin(losses))
        one, other = place // n_tables, place % n_tables
        price = policy.BITS_OF_LEVEL * np.count_nonzero(np.minimum(sums[one], sums[other])) + policy.BITS_OF_TABLE
        if not losses[one, other] * weight < price:
            return joined
        sums[one] += sums[other]
        sums[other] = 0
        joined[joined == other] = one
        alive[other] = False
        alone = _entropies(sums)
        losses[one] = np.where(alive, _entropies(sums + sums[one]) - alone - alone[one], np.inf)
        losses[one, one] = np.inf
        losses[:, one] = losses[one]
        losses[other] = losses[:, other] = np.inf


def _entropies(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The bits, float64 (tables,), of counts (tables, symbols), each under a table of its own."""
    totals = counts.sum(axis=1)
    bits: NDArray[np.float64] = _x_log_x(totals) - _x_log_x(counts).sum(axis=1)
    return bits


def entropy(counts: NDArray[np.integer] | NDArray[np.float64]) -> float:
    """The bits of counts (tables, symbols), each under a table of its own."""
    return float(_entropies(counts.astype(np.float64)).sum())


def _x_log_x(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """X log2(x), 0 of 0, for counts of any shape."""
    product: NDArray[np.float64] = x * np.log2(np.maximum(x, 1.0))
    return product
