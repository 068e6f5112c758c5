"""Training of the small networks that predict codes: the loss is the archive's size, weights included."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from baler_vae.entropy.alphabet import Alphabet
from baler_vae.learn.training import one_step, threads
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
_FIRST_STEPS = (2.0**-5, 2.0**-5, 2.0**-5)
_LEAST_STEP = 2.0**-16
_WARMUP_STEPS = 50
_BATCH_ROWS = 1_024
_STEPS = (200, 1_000, 3_500)
"""Steps of training for the smallest tables, for those of thousands of rows, and for the largest."""
_GAINS = (0.3, 1.0, 0.3)


@dataclass(frozen=True)
class Training:
    """How large networks are and how long they are trained: hidden units in each of two layers, steps of
    `batch_rows` rows, and in the last `rounded_part` of them with weights of `weight_bits` bits.
    """

    width: int
    steps: int
    batch_rows: int = _BATCH_ROWS
    learning_rate: float = 2e-2
    weight_bits: int = 8
    rounded_part: float = 0.3
    seed: int = 0


def training_for(n_rows: int, *, seed: int = 0, part: float = 1.0, epochs: int | None = None) -> Training:
    """The training for a number of rows: wider and longer the more there are; `part` of its steps, or as many as
    `epochs` take.
    """
    width = min(max(8 * round(math.log2(max(n_rows, 1) / 500)), 8), 64) // 2
    least = min(max(n_rows // 5, _STEPS[0]), _STEPS[1])
    steps = min(max(n_rows // 20, least), _STEPS[2])
    steps = max(1, round(part * steps)) if epochs is None else epochs * math.ceil(n_rows / _BATCH_ROWS)
    return Training(width, steps, seed=seed)


def fit_conditional(
    inputs: NDArray[np.int16],
    entries: tuple[Input, ...],
    symbols: NDArray[np.int32],
    alphabet: Alphabet,
    training: Training,
) -> Conditional:
    """The network that makes symbols (rows,) of an alphabet take the fewest bits, given inputs (rows, inputs) in 64ths:
    bits of symbols and of weights are minimised together, so that a weight stays only where it pays for itself.

    The same arguments and versions on the same kind of machine give the same network.
    """
    levels = np.log2(np.bincount(symbols, minlength=alphabet.n_symbols) + 0.5)
    generator = torch.Generator().manual_seed(training.seed)
    network = _Network(len(entries), training.width, levels - levels.max(), generator)
    seen, wanted = torch.from_numpy(inputs), torch.from_numpy(symbols.astype(np.int64))
    with threads(1):
        _train(network, seen, wanted, training, generator)
    return Conditional(alphabet, entries, network.export())


def _train(
    network: "_Network", inputs: Tensor, symbols: Tensor, training: Training, generator: torch.Generator
) -> None:
    n_rows = len(symbols)
    optimiser = torch.optim.Adam(network.parameters, training.learning_rate, betas=(0.9, 0.99), fused=True)
    rounding = int(training.steps * (1 - training.rounded_part))
    for step in range(training.steps):
        if step == rounding:
            network.round_from_now_on(training.weight_bits)
        rate = 0.5 * (1 + math.cos(math.pi * step / training.steps)) * min(1.0, (step + 1) / _WARMUP_STEPS)
        if training.batch_rows < n_rows:
            rows = torch.randint(n_rows, (training.batch_rows,), generator=generator)
            batch, wanted = inputs[rows], symbols[rows]  # (batch rows, inputs), (batch rows,)
        else:
            batch, wanted = inputs, symbols
        nats = functional.cross_entropy(network.logits(batch.float() / _UNIT), wanted)
        loss = nats + network.weight_bits() * (_BIT / n_rows)
        one_step(optimiser, training.learning_rate * rate, loss)


class _Network:
    """Three dense layers from inputs to logarithms of probabilities, in octaves."""

    def __init__(self, n_inputs: int, width: int, levels: NDArray[np.float64], generator: torch.Generator) -> None:
        sizes = [(width, n_inputs), (width, width), (len(levels), width)]
        self.weights = [
            (torch.randn(size, generator=generator) * gain / math.sqrt(max(1, size[1]))).requires_grad_()
            for size, gain in zip(sizes, _GAINS, strict=True)
        ]
        biases = [torch.rand(width, generator=generator) - 0.5, torch.zeros(width), torch.from_numpy(levels).float()]
        self.biases = [bias.requires_grad_() for bias in biases]
        self.steps: tuple[float, ...] = _FIRST_STEPS
        self.limit = 0

    @property
    def parameters(self) -> list[Tensor]:
        return [*self.weights, *self.biases]

    def round_from_now_on(self, weight_bits: int) -> None:
        """From here on weights act as multiples of a power of two; gradients pass unchanged (Bengio et al. 2013)."""
        limit = 2 ** (weight_bits - 1) - 1
        largest = [max(float(weights.detach().abs().max()), _LEAST_STEP * limit) for weights in self.weights]
        self.steps = tuple(min(1.0, 2.0 ** math.ceil(math.log2(size / limit))) for size in largest)
        self.limit = limit

    def logits(self, x: Tensor) -> Tensor:
        """The logits (rows, symbols) of inputs (rows, inputs)."""
        for layer in (0, 1):
            x = functional.linear(x, self._rounded(layer), self.biases[layer])  # (rows, width)
            x = functional.leaky_relu(x.clamp(-_LIMIT, _LIMIT), _SLOPE)
        return functional.linear(x, self._rounded(2), self.biases[2]) * _BIT

    def weight_bits(self) -> Tensor:
        """About how many bits the weights take: none for a zero, two more for each doubling."""
        bits = [torch.log2(1 + (w / step).square()).sum() for w, step in zip(self.weights, self.steps, strict=True)]
        return torch.stack(bits).sum()

    def _rounded(self, layer: int) -> Tensor:
        if not self.limit:
            return self.weights[layer]
        step = self.steps[layer]
        weights = self.weights[layer].clamp(-self.limit * step, self.limit * step)
        return weights + (torch.round(weights / step) * step - weights).detach()

    def export(self) -> tuple[IntegerLayer, ...]:
        """The layers in whole numbers."""
        layers = []
        for number, (w, b, step) in enumerate(zip(self.weights, self.biases, self.steps, strict=True)):
            is_head = number == len(self.weights) - 1
            shift = -round(math.log2(step)) + (_HEAD_BITS if is_head else 0)
            weights = np.clip(np.rint(w.detach().double().numpy() / step), -self.limit, self.limit)
            bias = np.rint(b.detach().double().numpy() * (LEVELS_PER_OCTAVE if is_head else _UNIT))
            layers.append(IntegerLayer(weights.astype(np.int16), bias.astype(np.int32), shift))
        return tuple(layers)
