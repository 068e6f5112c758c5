"""The model of one group: columns to latents and back."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.grid.grids import Grid
from baler_vae.model.coders import Coder
from baler_vae.model.network import Network, apply_network
from baler_vae.model.transform import Transform


@dataclass(frozen=True)
class Decoder:
    """What restores the columns of a group from their latents."""

    columns: tuple[str, ...]
    transforms: tuple[Transform, ...]
    network: Network

    @property
    def n_latents(self) -> int:
        return int(self.network[0].weights.shape[1])

    def scores(self, arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.float32]:
        """The scores float32 (rows, columns) of the values (rows,) of each column."""
        return np.stack(
            [transform.forward(arrays[name]) for name, transform in zip(self.columns, self.transforms, strict=True)],
            axis=1,
        )

    def decode(self, latents: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """The values of each column, float64 (rows,) in its unit, from latents float32 (rows, k)."""
        scores = apply_network(self.network, latents)
        return {
            name: transform.inverse(scores[:, j])
            for j, (name, transform) in enumerate(zip(self.columns, self.transforms, strict=True))
        }


@dataclass(frozen=True)
class Encoder:
    """What turns the columns of a group into latents; its outputs are k means, then k log-variances for a VAE."""

    n_latents: int
    network: Network

    def encode(self, scores: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The posterior's mean and log-variance, float32 (rows, k) and (rows, k) or (rows, 0), of scores float32
        (rows, columns).
        """
        outputs = apply_network(self.network, scores)
        return outputs[:, : self.n_latents], outputs[:, self.n_latents :]


@dataclass(frozen=True)
class ColumnModel:
    """How one column is kept: as what the decoder gives (`coding` is None), by a coding of its values, or as codes on a
    grid under a coder.
    """

    coding: str | None
    grid: Grid | None = None
    coder: Coder | None = None

    @property
    def needs_decoder(self) -> bool:
        return self.coding is None or (self.coder is not None and self.coder.predicted)


@dataclass(frozen=True)
class GroupModel:
    """What was fitted to the columns of a group.

    `decoder` is None where no network pays, `encoder` also where an archive is read. `latents` has a coder for each
    latent that is rounded to its step of `steps`; both are empty where latents are kept as they are, then perhaps with
    the log-variance of a VAE beside them.
    """

    columns: Mapping[str, ColumnModel]
    decoder: Decoder | None = None
    encoder: Encoder | None = None
    steps: tuple[float, ...] = ()
    latents: tuple[Coder, ...] = ()
    keeps_log_variance: bool = False

    @property
    def n_latents(self) -> int:
        return 0 if self.decoder is None else self.decoder.n_latents

    @property
    def n_latent_parts(self) -> int:
        """How many parts of a section hold latents and log-variances."""
        return self.n_latents * (2 if self.keeps_log_variance else 1)

    @property
    def coders(self) -> tuple[Coder, ...]:
        """Those of the latents, then those of the columns."""
        return self.latents + tuple(column.coder for column in self.columns.values() if column.coder is not None)
