"""Training of the small networks that predict codes: the loss is the archive's size, weights included."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.learn.loop import Optimisation, Point, check_converged, device_of, train
from baler_vae.learn.networks.conditional import CodeBatch, CodeOutputs, ConditionalArchitecture
from baler_vae.learn.objective import Objective, Term
from baler_vae.learn.plans import RandomBatches
from baler_vae.learn.schedules import Constant, Cosine, Moment
from baler_vae.learn.terms import BIT, bits_of_weights, nats_of_symbols
from baler_vae.model.conditional import Conditional, Input

_BETAS = (0.9, 0.99)
"""Of Adam. Chosen by hand; not measured."""
_WARMUP_STEPS = 50
"""Steps over which the learning rate rises from zero. Chosen by hand; not measured."""
_BATCH_ROWS = 1_024
"""Rows of a step of training. Chosen by hand; not measured."""
_STEPS = (200, 1_000, 5_000)
"""Steps of training for the smallest tables, for those of thousands of rows, and for the largest."""
_POINTS = 50
"""Of a history."""
_SYMBOLS, _WEIGHTS = "symbols", "weights"


@dataclass(frozen=True)
class Training:
    """How large networks are and how long they are trained: hidden units in each of two layers, steps of
    `batch_rows` rows, and in the last `rounded_part` of them with weights of `weight_bits` bits. The bits of `n_rows`
    rows are minimised, of which training sets may hold some. `device` is one of PyTorch's, or `auto`: a GPU where there
    is one. A bit of the weights counts as `weight_cost` bits of the rows.
    """

    width: int
    steps: int
    n_rows: int
    batch_rows: int = _BATCH_ROWS
    learning_rate: float = 2e-2
    weight_bits: int = 8
    rounded_part: float = 0.3
    seed: int = 0
    device: str = "auto"
    weight_cost: float = 1.0


@dataclass(frozen=True)
class Progression:
    """How far several networks were after a `number` of steps: the mean bits of a row in all of them since the point
    before, the bits of their weights, and the learning rate.
    """

    number: int
    training_bits: float
    weight_bits: float
    learning_rate: float


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """A training set: symbols int32 (rows,) of an alphabet, from `entries`, whose numbers are `inputs`,
    int16 (rows, entries), in 64ths.
    """

    alphabet: Alphabet
    entries: tuple[Input, ...]
    inputs: NDArray[np.int16]
    symbols: NDArray[np.int32]


def training_for(
    n_rows: int, *, seed: int = 0, part: float = 1.0, epochs: int | None = None, device: str = "auto"
) -> Training:
    """The training for a number of rows: wider and longer the more there are; `part` of its steps, but not fewer than
    the smallest tables get, or as many as `epochs` take.
    """
    width = min(max(8 * round(math.log2(max(n_rows, 1) / 500)), 8), 64) // 2
    least = min(max(n_rows // 5, _STEPS[0]), _STEPS[1])
    steps = min(max(n_rows // 20, least), _STEPS[2])
    steps = max(_STEPS[0], round(part * steps)) if epochs is None else epochs * math.ceil(n_rows / _BATCH_ROWS)
    return Training(width, max(1, steps), n_rows, seed=seed, device=device)


def train_conditionals(
    training_sets: Sequence[TrainingSet], training: Training, report: Callable[[int], None] = lambda _: None
) -> tuple[list[Conditional], tuple[Progression, ...]]:
    """The networks, one for each training set, that make symbols take the fewest bits, and their history; all training
    sets are of the same rows. Bits of symbols and of weights are minimised together, so that a weight stays only where
    it pays for itself. `report` is called now and then, with how many steps were made since.

    The same arguments and versions on the same kind of machine, with one thread of PyTorch, give the same networks.

    Raises
    ------
    UsageError
        The device is not available, or the training diverged.
    """
    generator = torch.Generator().manual_seed(training.seed)
    device = device_of(training.device)
    architecture = architecture_of(training_sets, training.width)
    networks = architecture.build(symbol_counts(training_sets), generator=generator, device=device)
    rounded_from = int(training.steps * (1 - training.rounded_part))

    def before_step(moment: Moment) -> None:
        if moment.steps == rounded_from:
            networks.round_from_now_on(training.weight_bits)

    n_rows = len(training_sets[0].symbols)
    interval = math.ceil(training.steps / _POINTS)
    history = train(
        networks,
        archive_objective(training.n_rows, training.weight_cost),
        _Rows(training_sets, device),
        RandomBatches(n_rows, training.batch_rows, training.steps, interval),
        Optimisation(Cosine(training.learning_rate, _WARMUP_STEPS), _BETAS),
        generator=generator,
        device=device,
        before_step=before_step,
        after_interval=lambda point: report(point.weight),
    )
    check_converged(history, training.learning_rate)
    fitted = [
        Conditional(training_set.alphabet, training_set.entries, networks.export(number))
        for number, training_set in enumerate(training_sets)
    ]
    return fitted, tuple(map(_progression, history))


def archive_objective(n_rows: int, weight_cost: float = 1.0) -> Objective[CodeBatch, CodeOutputs]:
    """The size of an archive of `n_rows` rows, in nats a row: symbols, and weights at their cost."""
    cost = Constant(weight_cost * BIT / n_rows)
    return Objective((Term(_SYMBOLS, nats_of_symbols), Term(_WEIGHTS, bits_of_weights, cost)))


def architecture_of(training_sets: Sequence[TrainingSet], width: int) -> ConditionalArchitecture:
    """The networks for training sets."""
    n_inputs = tuple(len(training_set.entries) for training_set in training_sets)
    return ConditionalArchitecture(n_inputs, tuple(one.alphabet.n_symbols for one in training_sets), width)


def symbol_counts(training_sets: Sequence[TrainingSet]) -> list[NDArray[np.intp]]:
    """How often each symbol of each training set occurs, (symbols,) each."""
    return [np.bincount(one.symbols, minlength=one.alphabet.n_symbols) for one in training_sets]


class _Rows:
    """The rows of training sets on a device, batch by batch."""

    def __init__(self, training_sets: Sequence[TrainingSet], device: torch.device) -> None:
        self._inputs = [torch.from_numpy(one.inputs).to(device) for one in training_sets]  # (rows, inputs) each
        self._symbols = torch.from_numpy(np.stack([one.symbols for one in training_sets])).to(device)
        self._n_inputs = max(inputs.shape[1] for inputs in self._inputs)

    def __call__(self, rows: Tensor) -> CodeBatch:
        """The batch of rows int64 (batch rows,); inputs that a network lacks are zero."""
        # (rows, inputs) of each -> (networks, batch rows, inputs)
        inputs = torch.zeros((len(self._inputs), len(rows), self._n_inputs), device=rows.device)
        for number, own in enumerate(self._inputs):
            inputs[number, :, : own.shape[1]] = own.index_select(0, rows)
        return CodeBatch(inputs, self._symbols.index_select(1, rows))  # symbols (networks, batch rows)


def _progression(point: Point) -> Progression:
    bits = point.term_sums[_SYMBOLS] / BIT / point.weight
    return Progression(point.n_steps, bits, point.terms[_WEIGHTS], point.learning_rates[-1])
