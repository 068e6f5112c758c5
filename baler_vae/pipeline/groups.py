"""One table to the parts of a section and back: latents of the columns that a model serves, then the other columns."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.archive.manifest import LatentsEntry
from baler_vae.entropy import plain
from baler_vae.errors import UsageError
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.group import Decoder, GroupModel
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Column, Group
from baler_vae.table.table import Table

_CODE = np.dtype(np.int64)
_LATENT = np.dtype(np.float64)


def coding_of(column: Column, bound: Bound) -> str | None:
    """The coding of a column's own bytes; None where a model serves it."""
    if bound == "free":
        return None
    return plain.TEXT if column.is_text else plain.PCODEC


def latents_entry(model: GroupModel, keeps_log_variance: bool) -> LatentsEntry:
    """How the latents of a model are stored; only a VAE has log-variances, kept beside latents that are not rounded."""
    n_outputs = len(model.encoder.network[-1].bias)
    return LatentsEntry(
        coding=plain.PCODEC if model.steps else plain.RAW,
        n_latents=model.encoder.n_latents,
        steps=model.steps,
        keeps_log_variance=keeps_log_variance and not model.steps and n_outputs > model.encoder.n_latents,
    )


def n_latent_parts(latents: LatentsEntry | None) -> int:
    """How many parts of a group's section hold latents and log-variances."""
    if latents is None:
        return 0
    return latents.n_latents * (2 if latents.keeps_log_variance else 1)


def encode_latents(table: Table, model: GroupModel, entry: LatentsEntry, path: str) -> list[bytes]:
    """One part per latent (and per log-variance, where those are kept) of the columns that the model serves; `path`
    names their file in errors.

    Raises:
        UsageError: values are so far from those of the fit that the network cannot take them.
    """
    with np.errstate(over="ignore"):
        scores = model.decoder.scores(table.arrays)
    far = ~np.all(np.abs(scores) < LARGEST_ACTIVATION, axis=1)
    if far.any():
        raise UsageError(
            "values are too far from those that the codec was fitted on",
            path=path,
            rows=f"{far.sum():,} of {table.n_rows:,} rows of {table.group.name}",
            way_out="Fit a codec on this file",
        )
    mean, log_variance = model.encoder.encode(scores)
    if not entry.steps:
        stored = np.hstack([mean, log_variance]) if entry.keeps_log_variance else mean
        return [plain.encode_raw(latent.astype(_LATENT)) for latent in stored.T]
    return [
        plain.encode_numbers(UniformGrid(step).quantise(latent))
        for step, latent in zip(entry.steps, mean.T, strict=True)
    ]


def decode_latents(parts: Sequence[bytes], entry: LatentsEntry, n_rows: int) -> NDArray[np.float32]:
    """The latents float32 (rows, k) of the first parts that `encode_latents` made.

    Raises:
        ValueError: the bytes are not those of latents.
    """
    latents = np.empty((n_rows, entry.n_latents), np.float32)
    for j in range(entry.n_latents):
        if entry.steps:
            codes = plain.decode_numbers(parts[j], _CODE, n_rows).astype(np.int64)
            latents[:, j] = UniformGrid(entry.steps[j]).dequantise(codes)
        else:
            latents[:, j] = plain.decode_raw(parts[j], _LATENT, n_rows).astype(np.float32)
    return latents


def encode_column(values: NDArray[np.generic], coding: str) -> bytes:
    """The bytes of a column (rows,) that no model serves."""
    return plain.encode_text(values.astype(object)) if coding == plain.TEXT else plain.encode_numbers(values)


def decode_column(data: bytes, column: Column, coding: str, n_rows: int) -> NDArray[np.generic]:
    """The column (rows,) that `encode_column` was given.

    Raises:
        ValueError: the bytes are not those of such a column.
    """
    if coding == plain.TEXT:
        return plain.decode_text(data, n_rows)
    return plain.decode_numbers(data, column.dtype, n_rows)


def decode_free_columns(decoder: Decoder, latents: NDArray[np.float32], group: Group) -> dict[str, NDArray[np.generic]]:
    """The columns (rows,) that a model serves, in their own dtypes; what a dtype cannot hold becomes its limit."""
    restored: dict[str, NDArray[np.generic]] = {}
    for name, values in decoder.decode(latents).items():
        dtype = group.column(name).dtype
        limits = np.finfo(dtype)
        restored[name] = np.clip(values, float(limits.min), float(limits.max)).astype(dtype)
    return restored
