"""Training of the small networks that predict codes: the loss is the archive's size, weights included.

Several networks are trained at once, as one batched product: alone, each would be too small to keep a core busy.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.learn.training import device_of, one_step
from baler_vae.model.conditional import (
    ACTIVATION_BITS,
    LEVELS_PER_OCTAVE,
    Conditional,
    Input,
    IntegerLayer,
)

_UNIT = 64.0
_LIMIT = 2.0**ACTIVATION_BITS / _UNIT
_SLOPE = 0.125
_BIT = math.log(2)
_HEAD_BITS = 2
"""A unit of activation is 64, an octave of the head's outputs 16 levels."""
_FIRST_STEP = 2.0**-5
_LEAST_STEP = 2.0**-16
_WARMUP_STEPS = 50
_BATCH_ROWS = 1_024
_STEPS = (200, 1_000, 5_000)
"""Steps of training for the smallest tables, for those of thousands of rows, and for the largest."""
_GAINS = (0.3, 1.0, 0.3)
_POINTS = 50
"""Of a history."""


@dataclass(frozen=True)
class Training:
    """How large networks are and how long they are trained: hidden units in each of two layers, steps of
    `batch_rows` rows, and in the last `rounded_part` of them with weights of `weight_bits` bits. The bits of `n_rows`
    rows are minimised, of which lessons may hold some. `device` is one of PyTorch's, or `auto`: a GPU where there is
    one.
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


@dataclass(frozen=True)
class Progression:
    """How far several networks were after a `number` of steps: the mean bits of a row in all of them since the point
    before, and the learning rate.
    """

    number: int
    training_bits: float
    learning_rate: float


@dataclass(frozen=True)
class TrainingSet:
    """What a network shall learn: symbols int32 (rows,) of an alphabet, from `entries`, whose numbers are `inputs`,
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


def fit_conditionals(
    lessons: Sequence[TrainingSet], training: Training, told: Callable[[int], None] = lambda _: None
) -> tuple[list[Conditional], tuple[Progression, ...]]:
    """The networks, one for each lesson, that make symbols take the fewest bits, and their history; all lessons are of
    the same rows. Bits of symbols and of weights are minimised together, so that a weight stays only where it pays for
    itself. `told` is called now and then, with how many steps were made since.

    The same arguments and versions on the same kind of machine, with one thread of PyTorch, give the same networks.

    Raises:
        UsageError: the device is not there.
    """
    generator = torch.Generator().manual_seed(training.seed)
    networks = _Networks(lessons, training.width, generator, device_of(training.device))
    history = _train(networks, lessons, training, generator, told)
    fitted = [
        Conditional(lesson.alphabet, lesson.entries, networks.export(number)) for number, lesson in enumerate(lessons)
    ]
    return fitted, history


def _train(
    networks: "_Networks",
    lessons: Sequence[TrainingSet],
    training: Training,
    generator: torch.Generator,
    told: Callable[[int], None],
) -> tuple[Progression, ...]:
    """Trains networks, and gives the bits of their batches between points at equal distances."""
    device = networks.device
    inputs = [torch.from_numpy(lesson.inputs).to(device) for lesson in lessons]  # (rows, inputs) each
    symbols = torch.from_numpy(np.stack([lesson.symbols for lesson in lessons])).to(device)  # (networks, rows)
    n_rows = symbols.shape[1]
    every = torch.arange(n_rows, device=device)
    optimiser = torch.optim.Adam(networks.parameters, training.learning_rate, betas=(0.9, 0.99), fused=True)
    rounding = int(training.steps * (1 - training.rounded_part))
    history: list[Progression] = []
    seen = torch.zeros((), dtype=torch.float64, device=device)
    every_so_many = math.ceil(training.steps / _POINTS)
    for step in range(training.steps):
        if step == rounding:
            networks.round_from_now_on(training.weight_bits)
        rate = 0.5 * (1 + math.cos(math.pi * step / training.steps)) * min(1.0, (step + 1) / _WARMUP_STEPS)
        rows = every
        if training.batch_rows < n_rows:
            rows = torch.randint(n_rows, (training.batch_rows,), generator=generator).to(device)
        batch = torch.zeros((len(lessons), len(rows), networks.n_inputs), device=device)
        for number, own in enumerate(inputs):
            batch[number, :, : own.shape[1]] = own.index_select(0, rows)
        logits = networks.logits(batch)
        wanted = symbols.index_select(1, rows).flatten().long()
        nats = functional.cross_entropy(logits.flatten(0, 1), wanted, reduction="sum")
        loss = nats / len(rows) + networks.weight_bits() * (_BIT / training.n_rows)
        one_step(optimiser, training.learning_rate * rate, loss)
        seen += nats.detach() / len(rows)
        n_steps = step % every_so_many + 1
        if n_steps == every_so_many or step + 1 == training.steps:
            history.append(Progression(step + 1, float(seen) / _BIT / n_steps, training.learning_rate * rate))
            seen.zero_()
            told(n_steps)
    return tuple(history)


class _Networks:
    """Several networks of three dense layers each, from inputs to logarithms of probabilities, in octaves. Where one
    has fewer inputs or symbols than another, the weights of those that it lacks are zero and stay so.
    """

    def __init__(
        self, lessons: Sequence[TrainingSet], width: int, generator: torch.Generator, device: torch.device
    ) -> None:
        self.device = device
        self._n_inputs = [len(lesson.entries) for lesson in lessons]
        self._n_symbols = [lesson.alphabet.n_symbols for lesson in lessons]
        self.n_inputs, n_symbols = max(self._n_inputs), max(self._n_symbols)
        lacking = torch.zeros((len(lessons), 1, n_symbols))
        levels = torch.zeros((len(lessons), 1, n_symbols))
        first = torch.zeros((len(lessons), self.n_inputs, width))
        last = torch.zeros((len(lessons), width, n_symbols))
        for number, lesson in enumerate(lessons):
            n_in, n_out = self._n_inputs[number], self._n_symbols[number]
            counted = np.log2(np.bincount(lesson.symbols, minlength=n_out) + 0.5)
            levels[number, 0, :n_out] = torch.from_numpy(counted - counted.max())
            lacking[number, 0, n_out:] = -torch.inf
            first[number, :n_in] = torch.randn((n_in, width), generator=generator) * _GAINS[0] / math.sqrt(max(1, n_in))
            last[number, :, :n_out] = torch.randn((width, n_out), generator=generator) * _GAINS[2] / math.sqrt(width)
        shape = (len(lessons), width, width)
        middle = torch.randn(shape, generator=generator) * _GAINS[1] / math.sqrt(width)
        self._lacking = lacking.to(device)
        self.weights = [weights.to(device).requires_grad_() for weights in (first, middle, last)]
        shape = (len(lessons), 1, width)
        biases = [torch.rand(shape, generator=generator) - 0.5, torch.zeros(shape), levels]
        self.biases = [bias.to(device).requires_grad_() for bias in biases]
        self.steps = [torch.full((len(lessons), 1, 1), _FIRST_STEP, device=device) for _ in self.weights]
        self.limit = 0

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def round_from_now_on(self, weight_bits: int) -> None:
        """From here on weights act as multiples of a power of two; gradients pass unchanged (Bengio et al. 2013)."""
        self.limit = 2 ** (weight_bits - 1) - 1
        for number, weights in enumerate(self.weights):
            largest = weights.detach().abs().amax(dim=(1, 2), keepdim=True) / self.limit
            self.steps[number] = torch.exp2(torch.ceil(torch.log2(largest.clamp(min=_LEAST_STEP)))).clamp(max=1.0)

    def logits(self, x: Tensor) -> Tensor:
        """The logits (networks, rows, symbols) of inputs (networks, rows, inputs), in 64ths."""
        # Factors go to the weights, which are few, and not to what is computed of each row.
        for layer, unit in ((0, 1 / _UNIT), (1, 1.0)):
            x = torch.baddbmm(self.biases[layer], x, self._rounded(layer) * unit)  # (networks, rows, width)
            x = functional.leaky_relu(functional.hardtanh(x, -_LIMIT, _LIMIT), _SLOPE)
        return torch.baddbmm(self.biases[2] * _BIT + self._lacking, x, self._rounded(2) * _BIT)

    def weight_bits(self) -> Tensor:
        """About how many bits the weights take: none for a zero, two more for each doubling."""
        bits = [torch.log2(1 + (w / step).square()).sum() for w, step in zip(self.weights, self.steps, strict=True)]
        return torch.stack(bits).sum()

    def _rounded(self, layer: int) -> Tensor:
        if not self.limit:
            return self.weights[layer]
        step = self.steps[layer]
        weights = (self.weights[layer] / step).clamp(-self.limit, self.limit) * step
        return weights + (torch.round(weights / step) * step - weights).detach()

    def export(self, number: int) -> tuple[IntegerLayer, ...]:
        """The layers of a network in whole numbers."""
        layers = []
        n_inputs, n_symbols = self._n_inputs[number], self._n_symbols[number]
        for layer, (weights, bias, steps) in enumerate(zip(self.weights, self.biases, self.steps, strict=True)):
            is_head = layer == len(self.weights) - 1
            step = float(steps[number])
            shift = -round(math.log2(step)) + (_HEAD_BITS if is_head else 0)
            w = weights[number].detach().cpu().double().numpy().T / step  # (outputs, inputs)
            b = bias[number, 0].detach().cpu().double().numpy() * (LEVELS_PER_OCTAVE if is_head else _UNIT)
            w = w[:, :n_inputs] if layer == 0 else w
            w, b = (w[:n_symbols], b[:n_symbols]) if is_head else (w, b)
            whole = np.rint(np.clip(w, -self.limit, self.limit))
            layers.append(IntegerLayer(whole.astype(np.int16), np.rint(b).astype(np.int32), shift))
        return tuple(layers)
