"""One table to the parts of a section and back: latents first, then the columns."""

import struct
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy import plain
from baler_vae.errors import UsageError
from baler_vae.grid.codes import SPECIAL, Codes, dequantise_column, predicted_codes, quantise_column
from baler_vae.grid.grids import Grid
from baler_vae.grid.uniform import UniformGrid
from baler_vae.model.coders import Coder, differences, sums
from baler_vae.model.group import ColumnModel, Decoder, GroupModel
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import TEXT, Column, Group
from baler_vae.table.table import Table

_LATENT = np.dtype(np.float64)
_SIZE = struct.Struct("<I")

Arrays = dict[str, NDArray[np.generic]]
Predictions = Mapping[str, NDArray[np.int64]]


def encode_group(table: Table, model: GroupModel, bounds: Mapping[str, Bound], path: str) -> list[bytes]:
    """The parts of a group's rows; `path` names their file in errors.

    Raises:
        UsageError: under `free`, values are so far from those of the fit that the network cannot take them.
    """
    grids = {name: column.grid for name, column in model.columns.items() if column.grid is not None}
    codes = {name: quantise_column(table[name], grid, bounds[name]) for name, grid in grids.items()}
    parts: list[bytes] = []
    predictions: Predictions = {}
    if model.decoder is not None:
        latents = latents_of(restored_columns(table, codes, grids), table, model, path)
        parts += encode_latents(latents, model)
        predictions = predict_codes(round_latents(latents[0], model.steps), model.decoder, model.columns, table.group)
    for name, column in model.columns.items():
        if column.grid is not None and column.coder is not None:
            parts.append(_encode_codes(codes[name], column.grid, column.coder, predictions.get(name)))
        elif column.coding is not None:
            parts.append(encode_plain(table[name]))
    return parts


def restored_columns(table: Table, codes: Mapping[str, Codes], grids: Mapping[str, Grid]) -> Arrays:
    """The columns (rows,) as a reader will get them, where a grid decides that. A network sees these: what it says does
    not depend on what a grid takes away, so that a restored file is compressed to the same bytes.
    """
    own = {name: dequantise_column(coded, grids[name], table[name].dtype) for name, coded in codes.items()}
    return {**table.arrays, **own}


Latents = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Means and log-variances, float32 (rows, k) and (rows, k) or (rows, 0)."""


def latents_of(columns: Arrays, table: Table, model: GroupModel, path: str) -> Latents:
    """The latents of the columns (rows,) that the network of a model sees.

    Raises:
        UsageError: values under `free` are too far from those of the fit.
    """
    if model.decoder is None or model.encoder is None:
        raise ValueError("a group without a network has no latents")
    with np.errstate(over="ignore", invalid="ignore"):
        scores = model.decoder.scores(columns)
    scores[np.isnan(scores)] = 0.0
    far = ~np.all(np.abs(scores) < LARGEST_ACTIVATION, axis=1)
    if far.any() and any(column.coding is None for column in model.columns.values()):
        raise UsageError(
            "values are too far from those that the codec was fitted on",
            path=path,
            rows=f"{far.sum():,} of {table.n_rows:,} rows of {table.group.name}",
            way_out="Fit a codec on this file",
        )
    return model.encoder.encode(scores)


def encode_latents(latents: Latents, model: GroupModel) -> list[bytes]:
    """One part per latent, and one per log-variance where those are kept beside latents that are not rounded."""
    mean, log_variance = latents
    if not model.steps:
        stored = np.hstack([mean, log_variance]) if model.keeps_log_variance else mean
        return [plain.encode_raw(latent.astype(_LATENT)) for latent in stored.T]
    codes = quantise_latents(mean, model.steps)
    return [coder.encode(latent) for coder, latent in zip(model.latents, codes, strict=True)]


def quantise_latents(mean: NDArray[np.float32], steps: Sequence[float]) -> list[NDArray[np.int64]]:
    """The codes (rows,) of each latent of (rows, k); none where latents are not rounded."""
    return [UniformGrid(step).quantise(latent) for step, latent in zip(steps, mean.T, strict=False)]


def round_latents(mean: NDArray[np.float32], steps: Sequence[float]) -> NDArray[np.float32]:
    """The latents float32 (rows, k) as a reader will get them."""
    if not steps:
        return mean
    codes = quantise_latents(mean, steps)
    return np.stack([UniformGrid(step).dequantise(code) for step, code in zip(steps, codes, strict=True)], axis=1)


def decode_group(parts: Sequence[bytes], model: GroupModel, group: Group, wanted: Group, n_rows: int) -> Arrays:
    """The columns (rows,) of `wanted` from the parts that `encode_group` made of a group's rows.

    Raises:
        ValueError: the parts are not those of such rows.
    """
    own_names = [name for name, column in model.columns.items() if column.coding is not None]
    if len(parts) != model.n_latent_parts + len(own_names):
        raise ValueError(f"{len(parts)} parts instead of {model.n_latent_parts + len(own_names)}")
    own_parts = dict(zip(own_names, parts[model.n_latent_parts :], strict=True))
    restored: Arrays = {}
    predictions: Predictions = {}
    if model.decoder is not None and any(model.columns[name].needs_decoder for name in wanted.names):
        latents = decode_latents(parts, model, n_rows)
        predictions = predict_codes(latents, model.decoder, model.columns, group)
        if any(model.columns[name].coding is None for name in wanted.names):
            restored = decode_free_columns(model.decoder, latents, group)
    for name in wanted.names:
        column = model.columns[name]
        if column.coding is not None:
            restored[name] = decode_values(own_parts[name], group.column(name), column, n_rows, predictions.get(name))
        elif model.decoder is None:
            if n_rows:
                raise ValueError(f"no model gives the {n_rows} values of column {name!r}")
            restored[name] = np.empty(0, group.column(name).dtype)
    return {name: restored[name] for name in wanted.names}


def decode_latents(parts: Sequence[bytes], model: GroupModel, n_rows: int) -> NDArray[np.float32]:
    """The latents float32 (rows, k) of the first parts that `encode_group` made.

    Raises:
        ValueError: the bytes are not those of latents.
    """
    own_parts = parts[: model.n_latents]
    if model.steps:
        coded = zip(model.steps, model.latents, own_parts, strict=True)
        columns = [UniformGrid(step).dequantise(coder.decode(part, n_rows)) for step, coder, part in coded]
    else:
        columns = [plain.decode_raw(part, _LATENT, n_rows).astype(np.float32) for part in own_parts]
    return np.stack(columns, axis=1)


def predict_codes(
    latents: NDArray[np.float32], decoder: Decoder, columns: Mapping[str, ColumnModel], group: Group
) -> dict[str, NDArray[np.int64]]:
    """The code that the decoder expects of each row, int64 (rows,), for every column that is coded as differences."""
    grids = {name: column.grid for name, column in columns.items() if column.coder and column.coder.predicted}
    values = decoder.decode(latents) if grids else {}
    return {
        name: predicted_codes(values[name], grid, group.column(name).dtype)
        for name, grid in grids.items()
        if grid is not None
    }


def _encode_codes(coded: Codes, grid: Grid, coder: Coder, predictions: NDArray[np.int64] | None) -> bytes:
    """The codes under their coder; before them, where the grid does not hold every value, what stands verbatim, led by
    its size in bytes (uint32).
    """
    codes = coded.codes if predictions is None else differences(coded.codes, predictions, grid)
    data = coder.encode(codes, predictions)
    if grid.holds_everything:
        return data
    verbatim = plain.encode_numbers(coded.verbatim) if len(coded.verbatim) else b""
    return _SIZE.pack(len(verbatim)) + verbatim + data


def decode_values(
    data: bytes, column: Column, model: ColumnModel, n_rows: int, predictions: NDArray[np.int64] | None
) -> NDArray[np.generic]:
    """The column (rows,) of a part that `encode_group` made, given the predicted codes (rows,) where it needs them.

    Raises:
        ValueError: the bytes are not those of such a column.
    """
    if model.grid is None or model.coder is None:
        return plain.decode_text(data, n_rows) if column.is_text else plain.decode_numbers(data, column.dtype, n_rows)
    verbatim = np.empty(0, np.uint64)
    n_bytes = 0
    if not model.grid.holds_everything:
        if len(data) < _SIZE.size:
            raise ValueError("the size of the verbatim values is missing")
        (n_bytes,) = _SIZE.unpack_from(data)
        data = data[_SIZE.size :]
    codes = model.coder.decode(data[n_bytes:], n_rows, predictions)
    if predictions is not None:
        codes = sums(codes, predictions, model.grid)
    if n_bytes:
        n_verbatim = int(np.count_nonzero(codes == SPECIAL))
        verbatim = plain.decode_numbers(data[:n_bytes], verbatim.dtype, n_verbatim).astype(np.uint64, copy=False)
    return dequantise_column(Codes(codes, verbatim), model.grid, column.dtype)


def encode_plain(values: NDArray[np.generic]) -> bytes:
    """The bytes of a column (rows,) without codes: text through zstandard, numbers through pcodec."""
    return plain.encode_text(values.astype(object)) if values.dtype == TEXT else plain.encode_numbers(values)


def decode_free_columns(decoder: Decoder, latents: NDArray[np.float32], group: Group) -> Arrays:
    """The columns (rows,) that are what a decoder gives, in their own dtypes; what a dtype cannot hold becomes its
    limit.
    """
    restored: Arrays = {}
    for name, values in decoder.decode(latents).items():
        dtype = group.column(name).dtype
        limits = np.finfo(dtype)
        restored[name] = np.clip(values, float(limits.min), float(limits.max)).astype(dtype)
    return restored
