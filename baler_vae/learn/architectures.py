"""From settings and the shapes of columns to the architecture of an autoencoder."""

import math
from collections import Counter
from collections.abc import Sequence

from baler_vae.errors import UsageError
from baler_vae.learn.networks.convolutional import ConvolutionalArchitecture, Stage, stages_of
from baler_vae.learn.networks.dense import Architecture, DenseArchitecture
from baler_vae.learn.networks.posterior import NORMAL, POINT, LatentKind
from baler_vae.learn.objectives import latents_of
from baler_vae.model.convolution import MOST_GATHERED
from baler_vae.model.group import Shapes, cells_of
from baler_vae.settings.convolution import ConvolutionSettings
from baler_vae.settings.model import ModelSettings

MOST_DENSE_SCORES = 1 << 16
"""The most scores of a row that a dense network is built for: it has 200 weights for each on either side."""
_MOST_AXES = 3


def architecture_of(
    names: Sequence[str], shapes: Shapes, settings: ModelSettings, *, is_variational: bool, is_convolutional: bool
) -> Architecture:
    """The architecture for columns of these names and shapes.

    Raises
    ------
    UsageError
        Arrays are too large, or no convolution can be applied to such columns.
    """
    n_scores = sum(cells_of(len(names), shapes))
    n_latents, objective = n_latents_of(names, shapes, settings), settings.objective
    latents: LatentKind = NORMAL if is_variational else POINT
    if objective is not None:
        latents = latents_of(objective.posterior_of(settings.kind))
        n_latents += sum(latents.categories)
    learns_variances = objective is not None and objective.reconstruction == "gaussian"
    draws_priors = objective is not None and objective.mmd is not None
    if is_convolutional:
        own = settings.convolution or ConvolutionSettings()
        return ConvolutionalArchitecture(
            _stages(names, shapes, own),
            n_latents,
            own.hidden,
            own.kernel,
            own.residual_blocks,
            own.normalisation,
            latents,
            learns_variances,
            draws_priors,
        )
    if shapes and n_scores > MOST_DENSE_SCORES:
        raise UsageError(
            f"the arrays of a row have {n_scores:,} cells, too many for a dense network",
            column=names[0],
            expected=f"at most {MOST_DENSE_SCORES:,}",
            way_out="Give them a bound such as bits:10, or choose the model conv-vae",
        )
    cells = cells_of(len(names), shapes) if shapes else ()
    return DenseArchitecture(len(names), n_latents, settings.hidden, latents, learns_variances, draws_priors, cells)


def n_latents_of(names: Sequence[str], shapes: Shapes, settings: ModelSettings) -> int:
    """The latents that are not categorical: by default half as many as there are columns of numbers, and the root of
    the number of cells of arrays. There are more than scores only under an objective.
    """
    cells = cells_of(len(names), shapes)
    n_scalars = len(names) - sum(map(bool, shapes))
    of_arrays = math.isqrt(sum(n for n, shape in zip(cells, shapes, strict=False) if shape))
    wanted = settings.latent or (n_scalars + 1) // 2 + of_arrays
    return wanted if settings.objective is not None else min(wanted, sum(cells))


def _stages(names: Sequence[str], shapes: Shapes, settings: ConvolutionSettings) -> tuple[Stage, ...]:
    """The stages for columns of arrays of one shape; axes of length 1 are left out."""
    by_name = dict(zip(names, shapes or ((),) * len(names), strict=True))
    usual = Counter(filter(None, by_name.values())).most_common(1)
    others = [name for name, shape in by_name.items() if not usual or shape != usual[0][0]]
    if others:
        told = ", ".join(f"{name} ({list(by_name[name]) or 'a number'})" for name in others[:8])
        wanted = f", as others of shape {list(usual[0][0])} are" if usual else ""
        raise UsageError(
            f"convolutions take arrays of one shape{wanted}; these are none: {told}",
            column=others[0],
            way_out=f"Give them bounds, say --bound '{others[0]}=bits:12', or choose the model vae, which takes all",
        )
    shape = tuple(length for length in shapes[0] if length > 1)
    if not 1 <= len(shape) <= _MOST_AXES:
        raise UsageError(
            f"convolutions take arrays of one to {_MOST_AXES} axes of more than one cell",
            column=names[0],
            found=f"shape {list(shapes[0])}",
            way_out="Choose the model vae, which takes arrays of any shape, or give the column a bound",
        )
    if settings.kernel > min(shape):
        raise UsageError(
            f"the kernel of {settings.kernel} is larger than the image of {' x '.join(map(str, shape))}",
            column=names[0],
            way_out=f"Set convolution.kernel = {min(shape)} or less, or choose the model vae",
        )
    stages = stages_of(shape, (len(names), *settings.channels), settings.kernel, settings.strides)
    for number, stage in enumerate(stages, 1):
        if max(stage.shape) == 1 or min(stage.output) < 1:
            raise UsageError(
                f"nothing is left of the image of {' x '.join(map(str, shape))} for convolution {number}: the strides "
                f"{list(settings.strides)} make it {' x '.join(map(str, stage.shape))} before that",
                column=names[0],
                way_out="Set fewer convolution.channels, or a smaller convolution.stride",
            )
    _check_size(names[0], stages, settings)
    return stages


def _check_size(name: str, stages: Sequence[Stage], settings: ConvolutionSettings) -> None:
    """Raise UsageError where one layer would need too much memory for one row."""
    for stage in stages:
        ndim = len(stage.shape)
        n_taps = settings.kernel**ndim
        gathered = math.prod(stage.output) * n_taps * max(stage.n_inputs, stage.n_outputs)
        gathered = max(gathered, math.prod(stage.shape) * max(stage.n_inputs, stage.n_outputs))
        if gathered > MOST_GATHERED:
            raise UsageError(
                f"convolutions of {' x '.join(map(str, stage.shape))} cells would need {gathered:,} numbers for a row",
                column=name,
                expected=f"at most {MOST_GATHERED:,}",
                way_out="Set fewer convolution.channels, or a larger convolution.stride, or give the column a bound",
            )
