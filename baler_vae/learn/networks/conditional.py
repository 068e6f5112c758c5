"""Small networks that predict codes, several as one batched product.

Alone, each would be too small to keep a core busy.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from baler_vae.model.conditional import ACTIVATION_BITS, LEVELS_PER_OCTAVE, IntegerLayer

_UNIT = 64.0
"""The whole number that stands for an activation of 1."""
_LIMIT = 2.0**ACTIVATION_BITS / _UNIT
"""Activations are kept within what the integers of `model.conditional` hold."""
_SLOPE = 0.125
"""Of LeakyReLU: a power of two, which integers shift by."""
_BIT = math.log(2)
_HEAD_BITS = 2
"""A unit of activation is 64, an octave of the head's outputs 16 levels."""
_FIRST_STEP = 2.0**-5
"""The step in which weights are counted before they are rounded."""
_LEAST_STEP = 2.0**-16
"""The finest step of weights, which keeps the logarithm finite."""
_GAINS = (0.3, 1.0, 0.3)
"""Of the first random weights of each layer, over the root of its inputs. Chosen by hand."""


@dataclass(frozen=True, eq=False)
class CodeBatch:
    """What networks see of a batch, float32 (networks, rows, inputs) in 64ths, and the symbols that they shall predict,
    int32 (networks, rows).
    """

    inputs: Tensor
    symbols: Tensor


@dataclass(frozen=True, eq=False)
class CodeOutputs:
    """The logits (networks, rows, symbols) of a batch, and the networks."""

    logits: Tensor
    network: "ConditionalNetworks"


@dataclass(frozen=True)
class ConditionalArchitecture:
    """Networks of three dense layers each, `width` units in the two hidden ones, from as many inputs to as many symbols
    as `n_inputs` and `n_symbols` say by network.
    """

    n_inputs: tuple[int, ...]
    n_symbols: tuple[int, ...]
    width: int

    def build(
        self, counts: Sequence[NDArray[np.integer]], *, generator: torch.Generator, device: torch.device
    ) -> "ConditionalNetworks":
        """The networks with random weights from the generator; they begin with the frequencies `counts` (symbols,) of
        each network.
        """
        return ConditionalNetworks(self, counts, generator, device)


class ConditionalNetworks(nn.Module):
    """The networks of an architecture, from inputs to logarithms of probabilities, in octaves. Where one has fewer
    inputs or symbols than another, the weights of those that it lacks are zero and stay so.
    """

    def __init__(
        self,
        architecture: ConditionalArchitecture,
        counts: Sequence[NDArray[np.integer]],
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        super().__init__()
        self._n_inputs, self._n_symbols, width = architecture.n_inputs, architecture.n_symbols, architecture.width
        n_networks, self.n_inputs, n_symbols = len(counts), max(self._n_inputs), max(self._n_symbols)
        lacking = torch.zeros((n_networks, 1, n_symbols))
        levels = torch.zeros((n_networks, 1, n_symbols))
        first = torch.zeros((n_networks, self.n_inputs, width))
        last = torch.zeros((n_networks, width, n_symbols))
        for number, (n_in, n_out) in enumerate(zip(self._n_inputs, self._n_symbols, strict=True)):
            octaves = np.log2(counts[number] + 0.5)
            levels[number, 0, :n_out] = torch.from_numpy(octaves - octaves.max())
            lacking[number, 0, n_out:] = -torch.inf
            first[number, :n_in] = torch.randn((n_in, width), generator=generator) * _GAINS[0] / math.sqrt(max(1, n_in))
            last[number, :, :n_out] = torch.randn((width, n_out), generator=generator) * _GAINS[2] / math.sqrt(width)
        middle = torch.randn((n_networks, width, width), generator=generator) * _GAINS[1] / math.sqrt(width)
        shape = (n_networks, 1, width)
        biases = [torch.rand(shape, generator=generator) - 0.5, torch.zeros(shape), levels]
        self._lacking = lacking.to(device)
        self.weights = nn.ParameterList([weights.to(device) for weights in (first, middle, last)])
        self.biases = nn.ParameterList([bias.to(device) for bias in biases])
        self._steps = [torch.full((n_networks, 1, 1), _FIRST_STEP, device=device) for _ in self.weights]
        self._limit = 0

    @torch.no_grad()
    def round_from_now_on(self, weight_bits: int) -> None:
        """From here on weights act as multiples of a power of two; gradients pass unchanged (Bengio et al. 2013)."""
        self._limit = 2 ** (weight_bits - 1) - 1
        for layer, weights in enumerate(self.weights):
            largest = weights.abs().amax(dim=(1, 2), keepdim=True) / self._limit  # (networks, 1, 1)
            self._steps[layer] = torch.exp2(torch.ceil(torch.log2(largest.clamp(min=_LEAST_STEP)))).clamp(max=1.0)

    def outputs(self, batch: CodeBatch, generator: torch.Generator) -> CodeOutputs:  # noqa: ARG002  nothing is random
        """The logits of a batch."""
        return CodeOutputs(self.logits(batch.inputs), self)

    def logits(self, x: Tensor) -> Tensor:
        """The logits (networks, rows, symbols) of inputs (networks, rows, inputs), in 64ths."""
        # Factors go to the weights, which are few, and not to what is computed of each row.
        for layer, unit in ((0, 1 / _UNIT), (1, 1.0)):
            x = torch.baddbmm(self.biases[layer], x, self._rounded(layer) * unit)  # (networks, rows, width)
            x = functional.leaky_relu(functional.hardtanh(x, -_LIMIT, _LIMIT), _SLOPE)
        # (networks, rows, width) -> (networks, rows, symbols)
        return torch.baddbmm(self.biases[2] * _BIT + self._lacking, x, self._rounded(2) * _BIT)

    def weight_bits(self) -> Tensor:
        """About how many bits all weights take, (): none for a zero, two more for each doubling."""
        bits = [torch.log2(1 + (w / step).square()).sum() for w, step in zip(self.weights, self._steps, strict=True)]
        return torch.stack(bits).sum()

    def export(self, number: int) -> tuple[IntegerLayer, ...]:
        """The layers of a network in whole numbers."""
        layers = []
        n_inputs, n_symbols = self._n_inputs[number], self._n_symbols[number]
        for layer, (weights, bias, steps) in enumerate(zip(self.weights, self.biases, self._steps, strict=True)):
            is_head = layer == len(self.weights) - 1
            step = float(steps[number])
            shift = -round(math.log2(step)) + (_HEAD_BITS if is_head else 0)
            w = weights[number].detach().cpu().double().numpy().T / step  # (inputs, outputs) -> (outputs, inputs)
            b = bias[number, 0].detach().cpu().double().numpy() * (LEVELS_PER_OCTAVE if is_head else _UNIT)
            w = w[:, :n_inputs] if layer == 0 else w
            w, b = (w[:n_symbols], b[:n_symbols]) if is_head else (w, b)
            whole = np.rint(np.clip(w, -self._limit, self._limit))
            layers.append(IntegerLayer(whole.astype(np.int16), np.rint(b).astype(np.int32), shift))
        return tuple(layers)

    def _rounded(self, layer: int) -> Tensor:
        weights: Tensor = self.weights[layer]
        if not self._limit:
            return weights
        step = self._steps[layer]
        weights = (weights / step).clamp(-self._limit, self._limit) * step
        return weights + (torch.round(weights / step) * step - weights).detach()
