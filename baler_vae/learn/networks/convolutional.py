"""Convolutional autoencoders of images of one, two or three axes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from baler_vae.learn.networks.dense import Autoencoder, StoredLayer, array_of, dense_layers
from baler_vae.learn.networks.posterior import POINT, LatentKind
from baler_vae.model.convolution import Convolution, Normalisation, output_length
from baler_vae.model.network import LEAKY_SLOPE, Layer
from baler_vae.settings.convolution import NormalisationKind

GROUPS = 8
"""The most groups of channels that are normalised each by themselves under "group"."""

_FORWARD = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED: tuple[Any, ...] = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
CONVOLUTIONS = (*_FORWARD, *_TRANSPOSED)
"""The modules of PyTorch that have weights of convolutions."""


@dataclass(frozen=True)
class Stage:
    """Convolutions from images with axes `shape` to images with axes `output`, of which the decoder has the mirror
    image.
    """

    n_inputs: int
    n_outputs: int
    shape: tuple[int, ...]
    output: tuple[int, ...]
    stride: int


@dataclass(frozen=True)
class ConvolutionalArchitecture:
    """An encoder of `stages` and hidden dense layers, and its mirror image as decoder, of images with the axes of the
    first stage and a channel for each column.

    The scores of a row stand cell by cell, those of the columns side by side. Each stage is a convolution with a stride
    and then so many `residual_blocks` of two convolutions each (He et al. 2016); LeakyReLU follows on each layer but
    the last. `normalisation` is that of the channels of all convolutions but the last one, none by default. What it
    `learns_variances` of, and the rest, is as in `DenseArchitecture`.
    """

    stages: tuple[Stage, ...]
    n_latents: int
    hidden: tuple[int, ...]
    kernel: int = 3
    residual_blocks: int = 0
    normalisation: NormalisationKind = "none"
    latents: LatentKind = POINT
    learns_variances: bool = False
    draws_priors: bool = False

    @property
    def n_columns(self) -> int:
        return self.stages[0].n_inputs

    @property
    def n_continuous(self) -> int:
        """The latents that are not categories."""
        return self.n_latents - sum(self.latents.categories)

    @property
    def column_of_scores(self) -> Tensor:
        """The number of the column of each score, int64 (scores,)."""
        return torch.arange(self.n_columns).repeat(math.prod(self.stages[0].shape))

    def build(self, *, seed: int, device: torch.device) -> Autoencoder:
        """The network with its first random weights; the state of PyTorch's own generator is left as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Autoencoder(self).to(device)

    def layers(self, n_each: int = 1) -> tuple[nn.Sequential, nn.Sequential]:
        """The encoder from scores (rows, scores) and the decoder to `n_each` numbers for each, with random weights."""
        first, last = self.stages[0], self.stages[-1]
        n_flat = math.prod(last.output) * last.n_outputs
        encoder: list[nn.Module] = [_ToImage(first.n_inputs, first.shape)]
        for stage in self.stages:
            layer = ConvolutionLayer(stage, self.kernel, transposed=False, groups=self._groups(stage.n_outputs))
            encoder += [layer, _activation(), *self._blocks(stage.n_outputs, stage.output)]
        encoder.append(_FromImage())
        encoder += dense_layers((n_flat, *self.hidden, self.latents.n_outputs(self.n_latents)))
        decoder: list[nn.Module] = [*dense_layers((self.n_latents, *reversed(self.hidden), n_flat)), _activation()]
        decoder.append(_ToImage(last.n_outputs, last.output))
        for stage in reversed(self.stages[1:]):
            groups = self._groups(stage.n_inputs)
            decoder += self._blocks(stage.n_outputs, stage.output)
            decoder += [ConvolutionLayer(stage, self.kernel, transposed=True, groups=groups), _activation()]
        decoder += self._blocks(first.n_outputs, first.output)
        outermost = replace(first, n_inputs=n_each * first.n_inputs)
        decoder += [ConvolutionLayer(outermost, self.kernel, transposed=True, groups=0), _FromImage()]
        return nn.Sequential(*encoder), nn.Sequential(*decoder)

    def halves(self, outputs: Tensor) -> tuple[Tensor, Tensor]:
        """The first and the second of two numbers (rows, scores) for each score."""
        cells = outputs.view(len(outputs), -1, 2, self.n_columns)
        return cells[:, :, 0].flatten(1), cells[:, :, 1].flatten(1)

    def _blocks(self, n_channels: int, shape: tuple[int, ...]) -> list[nn.Module]:
        """The residual blocks of a stage, each with what follows on it."""
        kernel, groups = self.kernel - (self.kernel % 2 == 0), self._groups(n_channels)
        layers: list[nn.Module] = []
        for _ in range(self.residual_blocks):
            layers += [ResidualBlock(n_channels, shape, kernel, groups), _activation()]
        return layers

    def _groups(self, n_channels: int) -> int:
        """How many groups of channels are normalised; 0 for none."""
        if self.normalisation == "none":
            return 0
        return 1 if self.normalisation == "layer" else math.gcd(n_channels, GROUPS)


def stages_of(shape: Sequence[int], channels: Sequence[int], kernel: int, strides: Sequence[int]) -> tuple[Stage, ...]:
    """The stages of images with axes `shape`, where `channels` are those of the images and of what each stage gives.
    An axis shorter than its stage's kernel is looked at with zeros beyond its ends.
    """
    stages, now = [], tuple(shape)
    for n_inputs, n_outputs, stride in zip(channels[:-1], channels[1:], strides, strict=True):
        after = tuple(output_length(length, kernel, stride, padding_of(kernel)) for length in now)
        stages.append(Stage(n_inputs, n_outputs, now, after, stride))
        now = after
    return tuple(stages)


def padding_of(kernel: int) -> int:
    """How many zeros stand before an image, and behind it: an odd kernel of stride 1 keeps its size."""
    return (kernel - 1) // 2


class ConvolutionLayer(StoredLayer):
    """The convolution of a stage, or the transposed one from its output back, and what normalises its channels."""

    def __init__(self, stage: Stage, kernel: int, *, transposed: bool, groups: int) -> None:
        super().__init__()
        self._stage, self._kernel, self._transposed, self._groups = stage, kernel, transposed, groups
        ndim, padding = len(stage.shape), padding_of(kernel)
        n_outputs = stage.n_inputs if transposed else stage.n_outputs
        if transposed:
            # What a stride leaves over at the end of an axis.
            spare = tuple(
                far - ((near - 1) * stage.stride - 2 * padding + kernel)
                for far, near in zip(stage.shape, stage.output, strict=True)
            )
            self.inner: nn.Module = _TRANSPOSED[ndim - 1](
                stage.n_outputs, n_outputs, kernel, stage.stride, padding, output_padding=spare
            )
        else:
            self.inner = _FORWARD[ndim - 1](stage.n_inputs, n_outputs, kernel, stage.stride, padding)
        self.normalise = nn.GroupNorm(groups, n_outputs) if groups else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Images (rows, channels, *axes) to images."""
        found: Tensor = self.normalise(self.inner(images))
        return found

    def export(self) -> Sequence[Layer]:
        return [self.exported()]

    def exported(self, *, adds: bool = False) -> Convolution:
        """The same layer in NumPy, to which perhaps the input of the layer before is added."""
        stage = self._stage
        weights = array_of(self.inner.weight)  # type: ignore[arg-type]  # (out, in, *kernel), or (in, out, *kernel)
        weights = np.moveaxis(weights, 0, -1) if self._transposed else np.moveaxis(weights, 1, -1)
        normalisation = None
        if self._groups:
            gain, shift = array_of(self.normalise.weight), array_of(self.normalise.bias)  # type: ignore[arg-type]
            normalisation = Normalisation(self._groups, gain, shift)
        shape, output = (stage.output, stage.shape) if self._transposed else (stage.shape, stage.output)
        return Convolution(
            np.ascontiguousarray(weights),
            array_of(self.inner.bias),  # type: ignore[arg-type]
            shape,
            output,
            stage.stride,
            padding_of(self._kernel),
            self._transposed,
            adds,
            normalisation,
        )


class ResidualBlock(StoredLayer):
    """Two convolutions whose result is added to their input."""

    def __init__(self, n_channels: int, shape: tuple[int, ...], kernel: int, groups: int) -> None:
        super().__init__()
        stage = Stage(n_channels, n_channels, shape, shape, 1)
        self.first = ConvolutionLayer(stage, kernel, transposed=False, groups=groups)
        self.second = ConvolutionLayer(stage, kernel, transposed=False, groups=groups)
        self.between = _activation()

    def forward(self, images: Tensor) -> Tensor:
        """Images (rows, channels, *axes) to images of the same axes and channels."""
        found: Tensor = images + self.second(self.between(self.first(images)))
        return found

    def export(self) -> Sequence[Layer]:
        return [self.first.exported(), self.second.exported(adds=True)]


class _ToImage(nn.Module):
    """Numbers (rows, cells * channels), the channels of a cell side by side, as images (rows, channels, *axes)."""

    def __init__(self, n_channels: int, shape: tuple[int, ...]) -> None:
        super().__init__()
        self._shape = *shape, n_channels

    def forward(self, numbers: Tensor) -> Tensor:
        # No numbers move: this is how PyTorch's channels_last images are laid out.
        return numbers.view(-1, *self._shape).movedim(-1, 1)


class _FromImage(nn.Module):
    """The way back."""

    def forward(self, images: Tensor) -> Tensor:
        return images.movedim(1, -1).reshape(len(images), -1)


def _activation() -> nn.LeakyReLU:
    return nn.LeakyReLU(float(LEAKY_SLOPE))
