"""Choosing what the networks of a group's codes look at, and which columns they serve."""

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy.alphabet import Alphabet, fit_alphabet
from baler_vae.errors import MissingExtra
from baler_vae.model.conditional import (
    FORMULA,
    LARGEST_RANGES,
    PLACE_INPUTS,
    Conditional,
    Input,
    Sources,
)
from baler_vae.model.layout import LARGEST_LAG, Layout
from baler_vae.model.networks import encode_networks
from baler_vae.progress import Progress

LARGEST_PARENTS = 16
"""The most columns that the network of a column sees, in its own row or in the objects before."""

_RANGE_BITS = 24.0
_ROWS_PER_RANK = 16
"""Ranks are decoded one after the other: where they hold fewer rows, that takes longer than it is worth."""
_WINDOW = 96
_SAMPLE_ROWS = 4_096
_PARENT_BINS = 12
_TARGET_BINS = 24
_LEAST_INFORMATION = 0.002
"""In bits a row: parents that tell less are left out."""
_SPIKES = 2
_SPIKE = 0.04
_FULLY_TRAINED = 250
"""The most networks that get all steps of training; more of them share as many."""
_CHUNK_ROWS = 65_536
_WORKERS = min(2, os.cpu_count() or 1)

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Shown:
    """What can be a parent: its codes (rows,), and the alphabet in which networks see them."""

    codes: Codes
    view: Alphabet


@dataclass(frozen=True)
class Target:
    """A column for a network: its number, what is coded of it (rows,), the sources that it may see in its own
    row, the codes that its formula predicts where it sees them, and the bits that it takes without a network.
    """

    number: int
    coded: Codes
    before: tuple[int, ...]
    hint: Codes | None
    bits: float


@dataclass(frozen=True)
class Served:
    """The network of a column and about how many bits its codes and its weights take."""

    conditional: Conditional
    bits: float
    weight_bits: float


def check_training() -> None:
    """Nothing, when networks can be trained.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    try:
        import baler_vae.learn.fit  # noqa: F401, PLC0415  PyTorch is needed there and nowhere else
    except ModuleNotFoundError as error:
        raise MissingExtra("fitting a network", "train", str(error.name)) from error


def view_of(codes: Codes) -> Alphabet:
    """The alphabet in which networks see codes (rows,)."""
    return fit_alphabet(codes, range_bits=_RANGE_BITS, largest=LARGEST_RANGES)


def fit_conditionals(
    targets: Sequence[Target],
    shown: Mapping[int, Shown],
    layout: Layout,
    *,
    jagged: bool,
    seed: int,
    part: float,
    epochs: int | None,
    keep: bool,
    progress: Progress,
) -> dict[int, Served]:
    """The networks that pay, or with `keep` all of them, by number of column; they are trained for `part` of the usual
    steps, or for as many as `epochs` take.

    Every network has its own random numbers: the result does not depend on how many are trained at once.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    check_training()
    sources = Sources(layout, {source: entry.view for source, entry in shown.items()})
    for source, entry in shown.items():
        sources.show(source, entry.codes)
    chooser = _Parents(shown, layout, jagged=jagged, seed=seed)
    served: dict[int, Served] = {}

    part *= min(1.0, _FULLY_TRAINED / max(1, len(targets)))

    def fit(target: Target) -> Served | None:
        return _fit_one(target, sources, chooser, shown, jagged=jagged, seed=seed, part=part, epochs=epochs)

    with ThreadPoolExecutor(_WORKERS) as pool:
        for done, (target, found) in enumerate(zip(targets, pool.map(fit, targets), strict=True), 1):
            progress("training networks", done, len(targets))
            if found is not None and (keep or found.bits + found.weight_bits < target.bits):
                served[target.number] = found
    return served


def _fit_one(
    target: Target,
    sources: Sources,
    chooser: "_Parents",
    shown: Mapping[int, Shown],
    *,
    jagged: bool,
    seed: int,
    part: float,
    epochs: int | None,
) -> Served | None:
    from baler_vae.learn.conditional import fit_conditional, training_for  # noqa: PLC0415

    own = shown.get(target.number)
    alphabet = own.view if own is not None and target.coded is own.codes else view_of(target.coded)
    if alphabet.n_symbols < 3:
        return None
    symbols, _ = alphabet.split(target.coded)
    hinted = Sources(sources.layout, {})
    parents = chooser.choose(symbols, target)
    entries = [Input(source, lag) for source, lag in parents]
    entries += [spike for source, lag in parents for spike in chooser.spikes(source, lag)]
    if target.hint is not None:
        entries.append(Input(FORMULA))
        hinted.show_formula(alphabet, target.hint)
    if jagged:
        entries += PLACE_INPUTS
    if not entries:
        return None
    n_rows = len(symbols)
    inputs = np.empty((n_rows, len(entries)), np.int16)
    for start in range(0, n_rows, _CHUNK_ROWS):
        stop = min(start + _CHUNK_ROWS, n_rows)
        for column, entry in enumerate(entries):
            seen = hinted if entry.source == FORMULA else sources
            inputs[start:stop, column] = seen.inputs([entry], start, stop)[:, 0]
    conditional = fit_conditional(
        inputs, tuple(entries), symbols, alphabet, training_for(n_rows, seed=seed, part=part, epochs=epochs)
    )
    conditional = conditional.pruned()
    kept = [entries.index(entry) for entry in conditional.inputs]
    bits = coded_bits(conditional, inputs[:, kept], target.coded)
    return Served(conditional, bits, 8.0 * network_bytes(conditional))


def coded_bits(conditional: Conditional, inputs: NDArray[np.int16], codes: Codes) -> float:
    """About how many bits codes (rows,) take under a network that is shown inputs (rows, inputs)."""
    symbols, _ = conditional.alphabet.split(codes)
    bits = float(conditional.alphabet.widths[symbols].astype(np.int64).sum())
    for start in range(0, len(codes), _CHUNK_ROWS):
        weights = conditional.tables(inputs[start : start + _CHUNK_ROWS].astype(np.float32))
        own = np.take_along_axis(weights, symbols[start : start + _CHUNK_ROWS, None].astype(np.intp), 1)[:, 0]
        bits -= float(np.log2((own + 2.0**-8) / weights.sum(axis=1)).sum())
    return bits


def network_bytes(conditional: Conditional) -> int:
    """About how many bytes a network takes in an archive, beside what all networks of a group share."""
    return max(0, sum(map(len, encode_networks({0: conditional}, {}))) - _SHARED_BYTES)


_SHARED_BYTES = 200


class _Parents:
    """Chooses parents by the information that they share with a column on a sample of rows."""

    def __init__(self, shown: Mapping[int, Shown], layout: Layout, *, jagged: bool, seed: int) -> None:
        self._shown, self._layout, self._jagged = shown, layout, jagged
        rows = np.random.default_rng(seed).permutation(layout.n_rows)[:_SAMPLE_ROWS]
        self._rows = np.sort(rows)
        self._bins: dict[tuple[int, int], NDArray[np.float32]] = {}
        self._spikes: dict[int, tuple[int, ...]] = {}

    def choose(self, symbols: NDArray[np.int32], target: Target) -> list[tuple[int, int]]:
        """The sources and lags of a column's parents. Of many columns those that are near and tell most by themselves
        are taken; what few columns tell together is left to the training to find out.
        """
        near = dict.fromkeys((*target.before[:_WINDOW], *target.before[-_WINDOW:]))
        candidates = [(source, 0) for source in near]
        if self._jagged and self._layout.n_rows >= _ROWS_PER_RANK * len(self._layout.ends):
            window = [source for source in self._shown if abs(source - target.number) <= _WINDOW]
            candidates += [(source, lag) for lag in range(1, LARGEST_LAG + 1) for source in window]
        own = _one_hot(_ranked_bins(symbols[self._rows].astype(np.int64), _TARGET_BINS))
        told = {entry: _information(self._one_hot(*entry), own) for entry in candidates}
        by_source: dict[int, float] = {}
        for (source, _), bits in told.items():
            by_source[source] = max(by_source.get(source, 0.0), bits)
        if len(by_source) <= LARGEST_PARENTS:
            return candidates
        telling = (source for source in by_source if by_source[source] > _LEAST_INFORMATION)
        best = set(sorted(telling, key=lambda source: -by_source[source])[:LARGEST_PARENTS])
        return [entry for entry in candidates if entry[0] in best and told[entry] > 0]

    def spikes(self, source: int, lag: int) -> list[Input]:
        """Inputs for the single codes that a source often has."""
        if lag:
            return []
        if source not in self._spikes:
            entry = self._shown[source]
            symbols, _ = entry.view.split(entry.codes[self._rows])
            parts = np.bincount(symbols, minlength=entry.view.n_symbols)[:-1] / max(1, len(symbols))
            often = [int(s) for s in np.argsort(-parts, kind="stable")[:_SPIKES] if parts[s] > _SPIKE]
            self._spikes[source] = tuple(s for s in often if entry.view.shifts[s] == 0 and entry.view.n_symbols > 3)
        return [Input(source, lag, symbol) for symbol in self._spikes[source]]

    def _one_hot(self, source: int, lag: int) -> NDArray[np.float32]:
        if (source, lag) not in self._bins:
            rows = self._layout.previous[lag - 1][self._rows] if lag else self._rows
            entry = self._shown[source]
            places = np.where(rows < 0, -1, entry.view.positions(entry.codes[np.maximum(rows, 0)]))
            self._bins[source, lag] = _one_hot(_ranked_bins(places, _PARENT_BINS))
        return self._bins[source, lag]


def _ranked_bins(numbers: Codes, n_bins: int) -> Codes:
    """The bins (rows,), about equally full, in which numbers (rows,) fall."""
    edges = np.unique(np.quantile(numbers, np.arange(1, n_bins) / n_bins, method="nearest"))
    return np.searchsorted(edges, numbers, side="left")


def _one_hot(bins: Codes) -> NDArray[np.float32]:
    one_hot: NDArray[np.float32] = (bins[:, None] == np.arange(int(bins.max(initial=0)) + 1)).astype(np.float32)
    return one_hot


def _information(parent: NDArray[np.float32], target: NDArray[np.float32]) -> float:
    """The mutual information in bits a row of two bins, one-hot (rows, bins), less what chance gives (Miller 1955)."""
    joint = (parent.T @ target).astype(np.float64)
    n_rows = joint.sum()
    rows, columns = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    full = joint > 0
    bits = float((joint[full] / n_rows * np.log2((joint * n_rows)[full] / (rows @ columns)[full])).sum())
    freedom = float(np.count_nonzero(rows) - 1) * (np.count_nonzero(columns) - 1)
    return bits - freedom / (2 * float(n_rows) * math.log(2))
