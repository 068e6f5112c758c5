"""How convolutional autoencoders are built: `[model.convolution]`."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from baler_vae.errors import UsageError
from baler_vae.settings.checking import Settings, as_list

NormalisationKind = Literal["group", "layer", "none"]

_Channels = Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1), BeforeValidator(as_list)]
_Strides = Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(min_length=1), BeforeValidator(as_list)]


class ConvolutionSettings(Settings):
    """How the networks of ``conv-vae`` and ``conv-ae`` are built. The decoder is the mirror image of the encoder.

    Parameters
    ----------
    channels : sequence of int
        Channels of the convolutions, one after the other.
    kernel : int
        Taps along each axis.
    stride : int or sequence of int
        By what each convolution makes images smaller along each axis: one number for all, or one for each.
    residual_blocks : int
        Blocks of two convolutions, whose result is added to their input, behind each convolution.
    normalisation : {"none", "group", "layer"}
        Whether channels have mean 0 and variance 1 within a row, in up to eight groups or all together.
    hidden : sequence of int
        Units of the dense layers between the last convolution and the latents.
    """

    channels: _Channels = (16, 32, 64)
    kernel: Annotated[int, Field(ge=1, le=64)] = 3
    stride: _Strides = (2,)
    residual_blocks: Annotated[int, Field(ge=0, le=64)] = 0
    normalisation: NormalisationKind = "none"
    hidden: Annotated[tuple[Annotated[int, Field(ge=1, le=65536)], ...], BeforeValidator(as_list)] = (128,)

    @property
    def strides(self) -> tuple[int, ...]:
        """One for each convolution."""
        return self.stride * len(self.channels) if len(self.stride) == 1 else self.stride

    @model_validator(mode="after")
    def _with_a_stride_for_each(self) -> "ConvolutionSettings":
        if len(self.strides) != len(self.channels):
            raise UsageError(
                "convolution.stride has another length than convolution.channels",
                found=f"{len(self.stride)} strides, {len(self.channels)} channels",
                way_out="Set one stride for all convolutions, or one for each",
            )
        return self

    def described(self) -> dict[str, Any]:
        """What is said, as plain values."""
        return self.model_dump(mode="json")
