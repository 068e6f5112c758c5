"""Choosing how the columns of one group are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from baler_vae.entropy import plain
from baler_vae.entropy.tables import fit_table, table_bits, table_bytes
from baler_vae.errors import MissingExtra
from baler_vae.grid.choose import choose_grid
from baler_vae.grid.codes import Codes, predicted_codes, quantise_column
from baler_vae.grid.grids import Grid
from baler_vae.model.coders import contiguous_slices, differences, fit_coder, fit_predicted_coder, predicted_bits
from baler_vae.model.group import ColumnModel, GroupModel
from baler_vae.model.weights import encode_decoder
from baler_vae.pipeline.groups import Arrays, latents_of, quantise_latents, restored_columns, round_latents
from baler_vae.progress import Progress
from baler_vae.project import ModelSettings
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import Column
from baler_vae.table.table import Table

if TYPE_CHECKING:
    from baler_vae.learn.bounded import Bits
    from baler_vae.learn.fit import Fitted
    from baler_vae.learn.training import Epoch

LARGEST = 1e150
"""The largest absolute value that a network is shown: the square of its multiples has a place in float64."""

_LEAST_ROWS = 64
"""Rows below which a network is not tried where values keep a bound: it could never pay for its weights."""


@dataclass(frozen=True)
class _Alone:
    """A column kept without a network: how, about how many bits it takes, and its codes on the best grid, if any."""

    model: ColumnModel
    bits: float = 0.0
    grid: Grid | None = None
    codes: Codes | None = None


def fit_group_model(
    table: Table, bounds: Mapping[str, Bound], settings: ModelSettings, path: str, progress: Progress
) -> tuple[GroupModel, "tuple[Epoch, ...]"]:
    """The model of a group, and the history of the network's training where one was trained.

    Columns under `free` are what the network gives. Without such columns the network predicts all float columns, and
    each is coded as differences from its prediction or alone, whichever takes fewer bits; the network goes when all
    columns alone take fewer bits than latents, weights and codes together.

    Raises:
        MissingExtra: a network is wanted and PyTorch is not installed.
        UsageError: the training diverged, or the device is not there.
    """
    alone = {column.name: _fit_alone(table[column.name], column, bounds[column.name]) for column in table.group.columns}
    columns = {name: kept.model for name, kept in alone.items()}
    free = [name for name in table.group.names if bounds[name].kind == "free"]
    if free and table.n_rows:
        fitted, history = _fit_network({name: table[name] for name in free}, settings, progress, None)
        model = _with_network(GroupModel(columns), fitted, settings)
        means = latents_of(dict(table.arrays), table, model, path)[0]
        return replace(
            model, latents=tuple(fit_coder(codes)[0] for codes in quantise_latents(means, model.steps))
        ), history
    floats = [column.name for column in table.group.columns if column.is_float and alone[column.name].codes is not None]
    if free or settings.kind == "independent" or not floats or table.n_rows < _LEAST_ROWS:
        return GroupModel(columns), ()
    return _fit_predictions(table, alone, floats, settings, path, progress)


def _fit_alone(values: NDArray[np.generic], column: Column, bound: Bound) -> _Alone:
    if column.is_text:
        return _Alone(ColumnModel(plain.TEXT))
    if bound.kind == "free":
        return _Alone(ColumnModel(None))
    grid = choose_grid(values, bound, cost=_code_bits)
    codes = quantise_column(values, grid, bound)
    coder, bits = fit_coder(codes.codes)
    bits += _verbatim_bits(codes, column)
    sample = contiguous_slices(values)
    plain_bits = 8.0 * sum(len(plain.encode_numbers(part)) for part in sample)
    plain_bits *= len(values) / max(1, sum(map(len, sample)))
    if plain_bits < bits:
        return _Alone(ColumnModel(plain.PCODEC), plain_bits, grid, codes)
    return _Alone(ColumnModel(coder.coding, grid, coder), bits, grid, codes)


def _code_bits(codes: Codes) -> float:
    table = fit_table(codes.codes, None)
    return table_bits(codes.codes, None, table) + 8 * table_bytes([table]) + 64 * len(codes.verbatim)


def _fit_predictions(
    table: Table,
    alone: Mapping[str, _Alone],
    names: list[str],
    settings: ModelSettings,
    path: str,
    progress: Progress,
) -> tuple[GroupModel, "tuple[Epoch, ...]"]:
    """The model of a group whose values all keep a bound, with a network for the columns `names`."""
    without = GroupModel({name: kept.model for name, kept in alone.items()})
    grids = {name: kept.grid for name, kept in alone.items() if kept.grid is not None}
    codes = {name: kept.codes for name, kept in alone.items() if kept.codes is not None}
    dtypes = {name: table[name].dtype for name in names}

    def bits(rows: NDArray[np.intp], values: Mapping[str, NDArray[np.float64]]) -> float:
        total = 0.0
        for name in names:
            predictions = predicted_codes(values[name], grids[name], dtypes[name])
            differing = differences(codes[name].codes[rows], predictions, grids[name])
            own_bits = predicted_bits(differing, predictions)
            total += min(own_bits, alone[name].bits * len(rows) / table.n_rows)
        return total

    restored = restored_columns(table, codes, grids)
    fitted, history = _fit_network({name: _shown(restored[name]) for name in names}, settings, progress, bits)
    model = _with_network(without, fitted, settings)
    means = latents_of(restored, table, model, path)[0]
    latents = [fit_coder(latent) for latent in quantise_latents(means, model.steps)]
    values = fitted.decoder.decode(round_latents(means, model.steps))
    columns = dict(without.columns)
    total_bits = sum(own for _, own in latents) + 8 * sum(map(len, encode_decoder(fitted.decoder)))
    for name in names:
        predictions = predicted_codes(values[name], grids[name], dtypes[name])
        coder, own_bits = fit_predicted_coder(differences(codes[name].codes, predictions, grids[name]), predictions)
        own_bits += _verbatim_bits(codes[name], table.group.column(name))
        if own_bits < alone[name].bits:
            columns[name] = ColumnModel(coder.coding, grids[name], coder)
        total_bits += min(own_bits, alone[name].bits)
    if total_bits >= sum(alone[name].bits for name in names) and not settings.keep_network:
        return without, history
    return replace(model, columns=columns, latents=tuple(coder for coder, _ in latents)), history


def _fit_network(
    columns: Arrays, settings: ModelSettings, progress: Progress, bits: "Bits | None"
) -> "tuple[Fitted, tuple[Epoch, ...]]":
    try:
        from baler_vae.learn.fit import fit_group  # noqa: PLC0415  PyTorch is needed here and nowhere else
    except ModuleNotFoundError as error:
        raise MissingExtra("fitting a network", "train", str(error.name)) from error
    return fit_group(columns, settings, progress, bits)


def _with_network(model: GroupModel, fitted: "Fitted", settings: ModelSettings) -> GroupModel:
    n_outputs = len(fitted.encoder.network[-1].bias)
    return replace(
        model,
        decoder=fitted.decoder,
        encoder=fitted.encoder,
        steps=fitted.steps,
        keeps_log_variance=settings.keep_log_variance and not fitted.steps and n_outputs > fitted.encoder.n_latents,
    )


def _shown(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """The values (rows,) of a column as a network is shown them: finite and not too large for squares."""
    x = values.astype(np.float64)
    finite = np.isfinite(x)
    middle = float(np.median(x[finite])) if finite.any() else 0.0
    return np.clip(np.where(np.isnan(x), middle, x), -LARGEST, LARGEST)


def _verbatim_bits(codes: Codes, column: Column) -> float:
    return 8.0 * column.dtype.itemsize * len(codes.verbatim)
