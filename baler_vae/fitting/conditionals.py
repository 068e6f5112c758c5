"""Choosing what the networks of a group's codes look at, and which columns they serve."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.rows import random_rows
from baler_vae.entropy.alphabet import Alphabet
from baler_vae.errors import MissingExtra
from baler_vae.fitting.parents import ContextColumn, Parents, view_of
from baler_vae.grid.numbers import Integers64
from baler_vae.model.conditional import FORMULA, PLACE_INPUTS, Conditional, Context, Input
from baler_vae.model.layout import Layout
from baler_vae.model.networks import LARGEST_DESCRIBED, LARGEST_NUMBERS, encode_networks
from baler_vae.progress import Progress

if TYPE_CHECKING:
    from baler_vae.learn.conditional import Progression, Training, TrainingSet

Point = Mapping[str, float]
"""A point of a history: the step (`number`), the bits of a row in all networks, and the learning rate."""

_FULLY_TRAINED = 250
"""The most networks that get all steps of training; more of them share as many."""
_AT_ONCE = 4
"""Networks that are trained as one: more of them would leave a core without work where columns are few."""
_CHUNK_ROWS = 65_536
_WORKERS = min(2, os.cpu_count() or 1)
_SHARED_BYTES = 200
_LARGEST_TRAINING_SET = 1 << 20
"""The most rows from which a network learns; its bits are counted on all rows."""


@dataclass(frozen=True)
class Target:
    """A column for a network: its number, what is coded of it (rows,), the sources that it may see in its own
    row, the codes that its formula predicts where it sees them, and the bits that it takes without a network.
    """

    number: int
    coded: Integers64
    before: tuple[int, ...]
    hint: Integers64 | None
    bits: float


@dataclass(frozen=True)
class FittedNetwork:
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


def fit_conditionals(
    targets: Sequence[Target],
    shown: Mapping[int, ContextColumn],
    layout: Layout,
    *,
    jagged: bool,
    seed: int,
    part: float,
    weight: float,
    epochs: int | None,
    device: str,
    keep: bool,
    progress: Progress,
) -> tuple[dict[int, FittedNetwork], tuple[Point, ...]]:
    """The networks that pay, or with `keep` all of them, by number of column, and the history of all that were
    trained. They are trained for `part` of the usual steps, or for as many as `epochs` take. Each row stands for
    `weight` rows that a network shall pay on.

    The result does not depend on how many cores there are.

    Raises:
        MissingExtra: PyTorch is not installed.
        UsageError: the device is not there.
    """
    check_training()
    from baler_vae.learn.conditional import training_for  # noqa: PLC0415
    from baler_vae.learn.training import threads  # noqa: PLC0415

    part *= min(1.0, _FULLY_TRAINED / max(1, len(targets)))
    training = training_for(layout.n_rows, seed=seed, part=part, epochs=epochs, device=device)
    training = replace(training, n_rows=round(layout.n_rows * weight))
    teacher = NetworkTrainer(shown, layout, jagged=jagged, seed=seed, weight=weight)
    served: dict[int, FittedNetwork] = {}
    histories: list[tuple[Progression, ...]] = []
    several = [targets[first : first + _AT_ONCE] for first in range(0, len(targets), _AT_ONCE)]
    told = _Told(progress, len(targets), len(several) * training.steps)
    with threads(1), ThreadPoolExecutor(_WORKERS) as pool:
        for found, history in pool.map(lambda some: teacher.serve(some, training, told), several):
            histories += [history] if history else []
            for target, network in found:
                if keep or network.bits + network.weight_bits < target.bits:
                    served[target.number] = network
    return _that_fit(served), tuple(map(_together, zip(*histories, strict=True)))


def _together(points: "tuple[Progression, ...]") -> Point:
    """The history of all networks at one of its points, which is the same step for all."""
    first = points[0]
    bits = sum(point.training_bits for point in points)
    return {"number": first.number, "training_bits": bits, "learning_rate": first.learning_rate}


def _that_fit(served: Mapping[int, FittedNetwork]) -> dict[int, FittedNetwork]:
    """The networks that one archive may hold for a group: of very many, those that were trained first."""
    kept: dict[int, FittedNetwork] = {}
    n_described = n_numbers = 0
    for number, found in served.items():
        layers = found.conditional.layers
        n_described += len(found.conditional.inputs) + 3 + 2 * len(layers)
        n_numbers += sum(layer.weights.size + layer.bias.size for layer in layers)
        if n_described + 2 < LARGEST_DESCRIBED and n_numbers <= LARGEST_NUMBERS:
            kept[number] = found
    return kept


class _Told:
    """Tells how many steps of the training of all networks are made, and how many columns are done with; by several
    threads.
    """

    def __init__(self, progress: Progress, n_columns: int, n_steps: int) -> None:
        self._progress, self._n_columns, self._n_steps = progress, n_columns, n_steps
        self._columns = self._steps = 0
        self._lock = Lock()
        self.columns(0)

    def steps(self, n_more: int) -> None:
        """So many more steps of some networks are made."""
        self.columns(0, n_more)

    def columns(self, n_more: int, n_steps: int = 0) -> None:
        """So many more columns are done with, and so many more steps."""
        with self._lock:
            self._columns += n_more
            self._steps += n_steps
            self._progress(f"columns {self._columns}/{self._n_columns}, steps", self._steps, self._n_steps)


class NetworkTrainer:
    """Has networks trained for columns that see what is shown of a group's rows."""

    def __init__(
        self, shown: Mapping[int, ContextColumn], layout: Layout, *, jagged: bool, seed: int, weight: float
    ) -> None:
        self._shown, self._jagged, self._weight = shown, jagged, weight
        self._parents = Parents(shown, layout, jagged=jagged, seed=seed)
        self._rows = random_rows(layout.n_rows, _LARGEST_TRAINING_SET, seed)
        self._sources = Context(layout, {source: entry.view for source, entry in shown.items()})
        for source, entry in shown.items():
            self._sources.show(source, entry.codes)

    def serve(
        self, targets: Sequence[Target], training: "Training", told: "_Told"
    ) -> "tuple[list[tuple[Target, FittedNetwork]], tuple[Progression, ...]]":
        """The targets for which there is anything to see and to tell apart with their networks, and the history of
        these.
        """
        from baler_vae.learn.conditional import fit_conditionals as fit  # noqa: PLC0415

        prepared = [(target, lesson) for target in targets if (lesson := self._lesson(target)) is not None]
        if not prepared:
            told.columns(len(targets), training.steps)
            return [], ()
        networks, history = fit([lesson for _, lesson in prepared], training, told.steps)
        served = [
            (target, self._served(target, network.pruned()))
            for (target, _), network in zip(prepared, networks, strict=True)
        ]
        told.columns(len(targets))
        return served, history

    def _lesson(self, target: Target) -> "TrainingSet | None":
        """What the network of a column shall learn."""
        from baler_vae.learn.conditional import TrainingSet  # noqa: PLC0415

        own = self._shown.get(target.number)
        alphabet = own.view if own is not None and target.coded is own.codes else view_of(target.coded)
        if alphabet.n_symbols < 3:
            return None
        symbols = alphabet.split(target.coded[self._rows])[0]
        parents = self._parents.choose(alphabet, target.coded, target.number, target.before)
        entries = [Input(source, lag) for source, lag in parents]
        entries += [spike for source, lag in parents if not lag for spike in self._parents.spikes(source)]
        entries += [Input(FORMULA)] if target.hint is not None else []
        entries += PLACE_INPUTS if self._jagged else ()
        if not entries:
            return None
        inputs = np.empty((len(symbols), len(entries)), np.int16)
        for start, found in self._inputs(entries, alphabet, target.hint):
            first, last = np.searchsorted(self._rows, (start, start + len(found)))
            inputs[first:last] = found[self._rows[first:last] - start]
        return TrainingSet(alphabet, tuple(entries), inputs, symbols)

    def _served(self, target: Target, network: Conditional) -> FittedNetwork:
        """A network and about how many bits it takes to code all rows of its column under it."""
        symbols, _ = network.alphabet.split(target.coded)
        bits = float(network.alphabet.widths[symbols].astype(np.int64).sum())
        for start, found in self._inputs(network.inputs, network.alphabet, target.hint):
            bits += symbol_bits(network, found, symbols[start : start + len(found)])
        return FittedNetwork(network, bits * self._weight, 8.0 * network_bytes(network))

    def _inputs(
        self, entries: Sequence[Input], alphabet: Alphabet, hint: Integers64 | None
    ) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """The number of a first row, and what a network sees from it on, float32 (rows, inputs); all rows in turn."""
        sources = self._sources if hint is None else self._sources.with_formula(alphabet, hint)
        n_rows = sources.layout.n_rows
        for start in range(0, n_rows, _CHUNK_ROWS):
            yield start, sources.inputs(entries, alphabet, start, min(start + _CHUNK_ROWS, n_rows))


def symbol_bits(network: Conditional, inputs: NDArray[np.float32], symbols: NDArray[np.int32]) -> float:
    """About how many bits symbols (rows,) take under a network that is shown inputs (rows, inputs)."""
    weights = network.tables(inputs)
    own = np.take_along_axis(weights, symbols[:, None].astype(np.intp), 1)[:, 0]
    return -float(np.log2((own + 2.0**-8) / weights.sum(axis=1)).sum())


def network_bytes(conditional: Conditional) -> int:
    """About how many bytes a network takes in an archive, beside what all networks of a group share."""
    return max(0, sum(map(len, encode_networks({0: conditional}, {}))) - _SHARED_BYTES)
