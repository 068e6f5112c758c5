"""The parents of a column: the inputs of its network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import random_rows
from baler_vae.entropy.alphabet import Alphabet, fit_alphabet
from baler_vae.fitting import policy
from baler_vae.grid.numbers import Integers64
from baler_vae.model.conditional import LARGEST_RANGES, Input
from baler_vae.model.layout import LARGEST_LAG, Layout
from baler_vae.settings.model import NetworkSettings

Bins = NDArray[np.uint8]


@dataclass(frozen=True)
class ContextColumn:
    """A possible parent: its codes (rows,), and the alphabet in which networks see them."""

    codes: Integers64
    view: Alphabet


def view_of(codes: Integers64, networks: NetworkSettings | None = None) -> Alphabet:
    """The alphabet in which networks see codes (rows,): finer than usual where their settings say so."""
    wanted = NetworkSettings() if networks is None else networks
    return fit_alphabet(
        codes,
        range_bits=policy.CONTEXT_RANGE_BITS if wanted.range_bits is None else wanted.range_bits,
        largest=LARGEST_RANGES,
        most_in_range=wanted.most_in_range,
    )


FINE_RANGES = NetworkSettings(most_in_range=policy.MOST_IN_FINE_RANGE)
"""Ranges that are no wider than a network needs to tell where codes lie in them."""


BEST_RANGES = NetworkSettings(range_bits=policy.BEST_RANGE_BITS, most_in_range=policy.MOST_IN_FINE_RANGE)
"""Finer ranges still, for `--effort best`."""


class Parents:
    """Chooses parents by the information that they share with a column on a sample of rows."""

    def __init__(self, context: Mapping[int, ContextColumn], layout: Layout, *, jagged: bool, seed: int) -> None:
        self._context, self._layout, self._jagged = context, layout, jagged
        self._rows = random_rows(layout.n_rows, policy.INFORMATION_ROWS, seed)
        self._bins: dict[tuple[int, int], Bins] = {}
        self._information: dict[int, dict[tuple[int, int], float]] = {}
        self._spikes: dict[int, tuple[int, ...]] = {}

    def choose(
        self, alphabet: Alphabet, coded: Integers64, number: int, before: Sequence[int]
    ) -> list[tuple[int, int]]:
        """The sources and lags of the parents of column `number`, of which codes (rows,) of an alphabet are coded and
        which comes after the sources `before`.

        Of many columns, the near and individually most informative ones are taken; what few columns say together
        is left to the training to find out.
        """
        information = self.information(alphabet, coded, number, before)
        candidates = list(information)
        by_source: dict[int, float] = {}
        for (source, _), bits in information.items():
            by_source[source] = max(by_source.get(source, 0.0), bits)
        if len(by_source) <= policy.LARGEST_PARENTS:
            return candidates
        informative = (source for source in by_source if by_source[source] > policy.LEAST_INFORMATION)
        best = set(sorted(informative, key=lambda source: -by_source[source])[: policy.LARGEST_PARENTS])
        return [entry for entry in candidates if entry[0] in best and information[entry] > 0]

    def information(
        self, alphabet: Alphabet, coded: Integers64, number: int, before: Sequence[int]
    ) -> dict[tuple[int, int], float]:
        """In bits a row, what each source and lag that may be a parent of column `number` shares with it; what was said
        of a column is said again.
        """
        if number in self._information:
            return self._information[number]
        near = dict.fromkeys((*before[: policy.NEAR_COLUMNS], *before[-policy.NEAR_COLUMNS :]))
        candidates = [(source, 0) for source in near]
        if self._jagged and self._layout.n_rows >= policy.ROWS_PER_RANK * len(self._layout.ends):
            window = [source for source in self._context if abs(source - number) <= policy.NEAR_COLUMNS]
            candidates += [(source, lag) for lag in range(1, LARGEST_LAG + 1) for source in window]
        symbols, _ = alphabet.split(coded[self._rows])
        own = _ranked_bins(symbols.astype(np.int64), policy.TARGET_BINS)
        self._information[number] = {entry: _information(self._binned(*entry), own) for entry in candidates}
        return self._information[number]

    def information_of_ranks(self, alphabet: Alphabet, coded: Integers64) -> float:
        """In bits a row, what the rank of an object shares with a column of which codes (rows,) of an alphabet are
        coded.
        """
        symbols, _ = alphabet.split(coded[self._rows])
        own = _ranked_bins(symbols.astype(np.int64), policy.TARGET_BINS)
        return _information(_ranked_bins(self._layout.ranks[self._rows], policy.PARENT_BINS), own)

    def spikes(self, source: int) -> list[Input]:
        """Inputs for the single codes that a source often has in the same row."""
        if source not in self._spikes:
            entry = self._context[source]
            symbols, _ = entry.view.split(entry.codes[self._rows])
            parts = np.bincount(symbols, minlength=entry.view.n_symbols)[:-1] / max(1, len(symbols))
            often = [
                int(s) for s in np.argsort(-parts, kind="stable")[: policy.MOST_SPIKES] if parts[s] > policy.LEAST_SPIKE
            ]
            self._spikes[source] = tuple(s for s in often if entry.view.shifts[s] == 0 and entry.view.n_symbols > 3)
        return [Input(source, 0, symbol) for symbol in self._spikes[source]]

    def _binned(self, source: int, lag: int) -> Bins:
        if (source, lag) not in self._bins:
            rows = self._layout.previous[lag - 1][self._rows] if lag else self._rows
            entry = self._context[source]
            places = np.where(rows < 0, -1, entry.view.positions(entry.codes[np.maximum(rows, 0)]))
            self._bins[source, lag] = _ranked_bins(places, policy.PARENT_BINS)
        return self._bins[source, lag]


def most_informative_first(context: Mapping[int, ContextColumn], numbers: Sequence[int], seed: int) -> tuple[int, ...]:
    """The numbers of columns: first the one that shares most information with all others, then each time the one that
    shares most with those before it.
    """
    if len(numbers) < 2:
        return tuple(numbers)
    rows = random_rows(len(context[numbers[0]].codes), policy.INFORMATION_ROWS, seed)
    columns = [context[number] for number in numbers]
    bins = [_ranked_bins(column.view.positions(column.codes[rows]), policy.TARGET_BINS) for column in columns]
    information = np.zeros((len(bins), len(bins)))
    for one, other in combinations(range(len(bins)), 2):
        information[one, other] = information[other, one] = _information(bins[one], bins[other])
    order = [int(np.argmax(information.sum(axis=0)))]
    while len(order) < len(numbers):
        known = information[:, order].sum(axis=1)
        known[order] = -np.inf
        order.append(int(np.argmax(known)))
    return tuple(numbers[place] for place in order)


def _ranked_bins(numbers: NDArray[np.integer[Any]], n_bins: int) -> Bins:
    """The bins (rows,), about equally full, in which numbers (rows,) fall."""
    edges = np.unique(np.quantile(numbers, np.arange(1, n_bins) / n_bins, method="nearest"))
    return np.searchsorted(edges, numbers, side="left").astype(np.uint8)


def _information(parent: Bins, target: Bins) -> float:
    """The mutual information in bits a row of two bins (rows,), less what chance gives (Miller 1955)."""
    pairs = parent.astype(np.intp) * policy.TARGET_BINS + target
    joint = (
        np.bincount(pairs, minlength=policy.TARGET_BINS**2)
        .reshape(policy.TARGET_BINS, policy.TARGET_BINS)
        .astype(np.float64)
    )
    n_rows = joint.sum()
    rows, columns = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    full = joint > 0
    bits = float((joint[full] / n_rows * np.log2((joint * n_rows)[full] / (rows @ columns)[full])).sum())
    freedom = float(np.count_nonzero(rows) - 1) * (np.count_nonzero(columns) - 1)
    return bits - freedom / (2 * float(n_rows) * math.log(2))
