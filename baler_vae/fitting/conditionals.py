"""The networks of a group's codes: their inputs, and which columns get one."""

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
from baler_vae.fitting import policy
from baler_vae.fitting.parents import ContextColumn, Parents, view_of
from baler_vae.grid.numbers import Integers64
from baler_vae.model.conditional import FORMULA, LEVELS_PER_OCTAVE, PLACE_INPUTS, Conditional, Context, Input
from baler_vae.model.layout import Layout
from baler_vae.model.networks import LARGEST_DESCRIBED, LARGEST_NUMBERS, encode_networks
from baler_vae.progress import Progress
from baler_vae.settings.model import NetworkSettings

if TYPE_CHECKING:
    from baler_vae.learn.conditional import Progression, Training, TrainingSet

Point = Mapping[str, float]
"""A point of a history: the step (`number`), the bits of a row under all networks, and the learning rate."""


@dataclass(frozen=True)
class Target:
    """A column for which a network is trained: its number, what is coded of it (rows,), the sources that the network
    may see in the same row, the codes that the column's formula predicts where the network sees them, and the bits that
    the column takes without a network.
    """

    number: int
    coded: Integers64
    before: tuple[int, ...]
    hint: Integers64 | None
    bits: float


@dataclass(frozen=True)
class FittedNetwork:
    """The network of a column, and the estimated bits of its codes and weights."""

    conditional: Conditional
    bits: float
    weight_bits: float


def check_training() -> None:
    """Raise MissingExtra unless networks can be trained.

    Raises
    ------
    MissingExtra
        PyTorch is not installed.
    """
    try:
        import baler_vae.learn.fit  # noqa: F401, PLC0415  PyTorch is needed there and nowhere else
    except ModuleNotFoundError as error:
        raise MissingExtra("fitting a network", "train", str(error.name)) from error


def fit_conditionals(
    targets: Sequence[Target],
    context: Mapping[int, ContextColumn],
    layout: Layout,
    *,
    jagged: bool,
    seed: int,
    part: float,
    weight: float,
    epochs: int | None,
    device: str,
    keep: bool,
    networks: NetworkSettings | None,
    parents: Parents,
    many_columns: int,
    progress: Progress,
) -> tuple[dict[int, FittedNetwork], tuple[Point, ...]]:
    """The networks that save more than they take, or with `keep` all of them, by number of column, and the history of
    all that were trained. They are trained for `part` of the usual steps, or for as many as `epochs` take, or as
    the settings of `networks` say; half of `many_columns` share the time that `FULLY_TRAINED` take. Each row stands for
    `weight` rows that a network has to save on. `parents` choose what networks see.

    The result does not depend on how many cores there are.

    Raises
    ------
    MissingExtra
        PyTorch is not installed.
    UsageError
        The device is not available, or a training diverged.
    """
    check_training()
    from baler_vae.learn.conditional import training_for  # noqa: PLC0415
    from baler_vae.learn.loop import threads  # noqa: PLC0415

    part *= min(1.0, policy.FULLY_TRAINED / max(1, len(targets), many_columns // 2))
    training = training_for(layout.n_rows, seed=seed, part=part, epochs=epochs, device=device)
    training = replace(training, n_rows=round(layout.n_rows * weight))
    if networks is not None:
        steps = training.steps if networks.steps is None else max(1, round(min(1.0, part) * networks.steps))
        width = training.width if networks.width is None else networks.width
        rate = training.learning_rate if networks.learning_rate is None else networks.learning_rate
        training = replace(
            training, steps=steps, width=width, learning_rate=rate, weight_cost=networks.weight_cost, calibrated=True
        )
    trainer = NetworkTrainer(
        context, layout, jagged=jagged, seed=seed, weight=weight, networks=networks, parents=parents
    )
    fitted: dict[int, FittedNetwork] = {}
    histories: list[tuple[Progression, ...]] = []
    at_once = policy.TRAINED_AT_ONCE
    batches = [targets[first : first + at_once] for first in range(0, len(targets), at_once)]
    report = _Report(progress, len(targets), len(batches) * training.steps)
    with threads(1), ThreadPoolExecutor(min(policy.TRAINING_THREADS, os.cpu_count() or 1)) as pool:
        for found, history in pool.map(lambda batch: trainer.fit(batch, training, report), batches):
            histories += [history] if history else []
            for target, network in found:
                if keep or network.bits + network.weight_bits < target.bits:
                    fitted[target.number] = network
    return _within_limits(fitted), tuple(map(_together, zip(*histories, strict=True)))


def _together(points: "tuple[Progression, ...]") -> Point:
    """The history of all networks at one of its points, which is the same step for all."""
    first = points[0]
    bits = sum(point.training_bits for point in points)
    return {"number": first.number, "training_bits": bits, "learning_rate": first.learning_rate}


def _within_limits(fitted: Mapping[int, FittedNetwork]) -> dict[int, FittedNetwork]:
    """The networks that one archive may hold for a group: of very many, those that were trained first."""
    kept: dict[int, FittedNetwork] = {}
    n_described = n_numbers = 0
    for number, found in fitted.items():
        layers = found.conditional.layers
        n_described += len(found.conditional.inputs) + 3 + 2 * len(layers)
        n_numbers += sum(layer.weights.size + layer.bias.size for layer in layers)
        if n_described + 2 < LARGEST_DESCRIBED and n_numbers <= LARGEST_NUMBERS:
            kept[number] = found
    return kept


class _Report:
    """Reports how many steps of the training of all networks are made, and how many columns are done; several threads
    call it.
    """

    def __init__(self, progress: Progress, n_columns: int, n_steps: int) -> None:
        self._progress, self._n_columns, self._n_steps = progress, n_columns, n_steps
        self._columns = self._steps = 0
        self._lock = Lock()
        self.columns(0)

    def steps(self, n_more: int) -> None:
        """Notes that some networks made this many more steps."""
        self.columns(0, n_more)

    def columns(self, n_more: int, n_steps: int = 0) -> None:
        """Notes that this many more columns are done, and steps."""
        with self._lock:
            self._columns += n_more
            self._steps += n_steps
            self._progress(f"columns {self._columns}/{self._n_columns}, steps", self._steps, self._n_steps)


class NetworkTrainer:
    """Trains networks for columns; `context` is what they can see of a group's rows, by number of source."""

    def __init__(
        self,
        context: Mapping[int, ContextColumn],
        layout: Layout,
        *,
        jagged: bool,
        seed: int,
        weight: float,
        networks: NetworkSettings | None,
        parents: Parents,
    ) -> None:
        self._columns, self._jagged, self._weight, self._settings = context, jagged, weight, networks
        self._parents = parents
        self._rows = random_rows(layout.n_rows, policy.LARGEST_TRAINING_SET, seed)
        self._context = Context(layout, {source: entry.view for source, entry in context.items()})
        for source, entry in context.items():
            self._context.show(source, entry.codes)

    def fit(
        self, targets: Sequence[Target], training: "Training", report: "_Report"
    ) -> "tuple[list[tuple[Target, FittedNetwork]], tuple[Progression, ...]]":
        """Those targets that have more than one code and anything to see, with their networks, and the history of the
        training.
        """
        from baler_vae.learn.conditional import train_conditionals  # noqa: PLC0415

        prepared = [(target, found) for target in targets if (found := self._training_set(target)) is not None]
        if not prepared:
            report.columns(len(targets), training.steps)
            return [], ()
        networks, history = train_conditionals([found for _, found in prepared], training, report.steps)
        fitted = []
        for (target, training_set), trained in zip(prepared, networks, strict=True):
            network = trained.pruned()
            if training.calibrated:
                network = self._calibrated(target, network, training_set.symbols)
            fitted.append((target, self._fitted(target, network)))
        report.columns(len(targets))
        return fitted, history

    def _training_set(self, target: Target) -> "TrainingSet | None":
        """The training set of a column's network; None if there is nothing to learn or no input."""
        from baler_vae.learn.conditional import TrainingSet  # noqa: PLC0415

        own = self._columns.get(target.number)
        is_seen = own is not None and target.coded is own.codes
        alphabet = own.view if own is not None and is_seen else view_of(target.coded, self._settings)
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

    def _calibrated(self, target: Target, network: Conditional, symbols: NDArray[np.int32]) -> Conditional:
        """A network whose probabilities have, on average over the training rows, the frequencies of their symbols
        (rows,): as near as levels in sixteenths of an octave allow.
        """
        counts = np.bincount(symbols, minlength=network.alphabet.n_symbols) + 0.5
        wanted = counts / counts.sum()
        for _ in range(policy.CALIBRATIONS):
            found = np.zeros(network.alphabet.n_symbols)
            for start, inputs in self._inputs(network.inputs, network.alphabet, target.hint):
                first, last = np.searchsorted(self._rows, (start, start + len(inputs)))
                weights = network.tables(inputs[self._rows[first:last] - start])
                found += (weights / weights.sum(axis=1, keepdims=True)).sum(axis=0)
            levels = np.rint(LEVELS_PER_OCTAVE * np.log2(wanted / (found / found.sum()))).astype(np.int32)
            head = network.layers[-1]
            network = replace(network, layers=(*network.layers[:-1], replace(head, bias=head.bias + levels)))
        return network

    def _fitted(self, target: Target, network: Conditional) -> FittedNetwork:
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
        context = self._context if hint is None else self._context.with_formula(alphabet, hint)
        n_rows = context.layout.n_rows
        for start in range(0, n_rows, policy.CHUNK_ROWS):
            yield start, context.inputs(entries, alphabet, start, min(start + policy.CHUNK_ROWS, n_rows))


def symbol_bits(network: Conditional, inputs: NDArray[np.float32], symbols: NDArray[np.int32]) -> float:
    """About how many bits symbols (rows,) take under a network that sees inputs (rows, inputs)."""
    weights = network.tables(inputs)
    own = np.take_along_axis(weights, symbols[:, None].astype(np.intp), 1)[:, 0]
    return -float(np.log2((own + 2.0**-8) / weights.sum(axis=1)).sum())


def network_bytes(conditional: Conditional) -> int:
    """The estimated bytes of a network in an archive, without what all networks of a group share."""
    return max(0, sum(map(len, encode_networks({0: conditional}, {}))) - policy.SHARED_NETWORK_BYTES)
