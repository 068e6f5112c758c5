"""From the columns of a group to its model."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from baler_vae.errors import UsageError
from baler_vae.learn.export import latent_steps, reconstruction_error, round_decoder
from baler_vae.learn.latents import train_bits
from baler_vae.learn.networks import Autoencoder, export_network
from baler_vae.learn.training import Epoch, device_of, train
from baler_vae.learn.transforms import fit_transform
from baler_vae.model.group import Decoder, Encoder, scores_of
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.model.transform import Transform, TransformKind
from baler_vae.model.weights import round_weights
from baler_vae.progress import Progress, silent
from baler_vae.settings.model import ModelSettings
from baler_vae.table.schema import matches

_ENCODER_BITS = 16
_FINEST_BITS = 18
_BOUNDED_TOLERANCE = 1.0
_JUDGED_ROWS = 16_384
_TRIAL_ROWS = 20_000
_TRIAL = {"epochs": 4, "batch_rows": 256, "patience": None, "beta": 0.0}
_CANDIDATES: tuple[TransformKind, ...] = ("standard", "asinh", "quantile")
"""What `auto` tries; `min-max` differs from `standard` only by a scale, which is a column weight."""

Columns = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Fitted:
    """A trained network as it is stored: no steps where latents are kept as they are."""

    encoder: Encoder
    decoder: Decoder
    steps: tuple[float, ...]


@dataclass(frozen=True)
class Scored:
    """The columns `names` as a network sees them: their transforms, and scores float32 (rows, columns) of the rows that
    it is trained on and judged by.
    """

    names: tuple[str, ...]
    transforms: tuple[Transform, ...]
    training: NDArray[np.float32]
    validation: NDArray[np.float32]
    weights: NDArray[np.float32]


def fit_group(columns: Columns, settings: ModelSettings, progress: Progress) -> tuple[Fitted, tuple[Epoch, ...]]:
    """The network of the finite values (rows,) of each column under `free`, and the history of its training.

    Rows are split at random into training and validation rows (in order when `shuffle` is off); everything that is
    chosen (transforms, the best epoch, bits of weights, steps of latents) is judged on validation rows. A single row
    is both. The same columns, settings and versions on the same kind of machine give the same network.

    Raises:
        UsageError: the device is not there, or the training diverged.
    """
    scored = score(columns, settings, progress)
    network, history = train_network(scored, settings, progress)
    judged = scored.validation[:_JUDGED_ROWS]
    return _export(network, scored.names, scored.transforms, judged, scored.weights, settings), history


def fit_encoder(
    columns: Columns, settings: ModelSettings, progress: Progress
) -> tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]:
    """The encoder whose latents, rounded to steps, tell most of the values (rows,) of columns that keep a bound; those
    steps; the history of its training. Networks of codes are then shown the latents.

    `ae` is trained on the squared error, and its latents are rounded until that doubles; `vae` on the bits of latents
    and scores together, with uniform noise in place of rounding to steps of 1 (Balle et al. 2017).

    Raises:
        UsageError: the device is not there, or the training diverged.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scored = _within_limits(score(columns, settings, progress))
    if settings.kind == "ae":
        network, history = train_network(scored, settings, progress)
        encoder = _export_encoder(network, scored.names, scored.transforms)
        judged = scored.validation[:_JUDGED_ROWS]
        decoder = round_weights(export_network(network.decoder), _FINEST_BITS)
        error = reconstruction_error(judged, scored.weights)
        return encoder, latent_steps(encoder, decoder, judged, error, tolerance=_BOUNDED_TOLERANCE), history
    n_latents = _n_latents(len(scored.names), settings)
    layers, history = train_bits(
        scored.training, scored.validation, n_latents, settings, device_of(settings.device), progress
    )
    _check_converged(history, settings)
    rounded = round_weights(export_network(layers), _ENCODER_BITS)
    return Encoder(scored.names, scored.transforms, n_latents, rounded), (1.0,) * n_latents, history


def score(columns: Columns, settings: ModelSettings, progress: Progress) -> Scored:
    """The columns (rows,) as a network sees them, split into training and validation rows."""
    names = tuple(columns)
    training_rows, validation_rows = _split(len(columns[names[0]]), settings)
    weights = _column_weights(names, settings)
    transforms = _choose_transforms(_take(columns, training_rows), weights, settings, progress)

    def scores(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return scores_of(names, transforms, _take(columns, rows))

    return Scored(names, transforms, scores(training_rows), scores(validation_rows), weights)


def _within_limits(scored: Scored) -> Scored:
    """The same with scores that are too far away as the farthest: as the stored encoder will see them."""
    training, validation = (
        np.clip(np.nan_to_num(scores, nan=0.0), -LARGEST_ACTIVATION, LARGEST_ACTIVATION)
        for scores in (scored.training, scored.validation)
    )
    return replace(scored, training=training, validation=validation)


def train_network(scored: Scored, settings: ModelSettings, progress: Progress) -> tuple[Autoencoder, tuple[Epoch, ...]]:
    """The trained autoencoder of scored columns, and its history.

    Raises:
        UsageError: the device is not there, or the training diverged.
    """
    device = device_of(settings.device)
    network, history = _train(scored.training, scored.validation, scored.weights, settings, device, progress)
    _check_converged(history, settings)
    return network, history


def _check_converged(history: Sequence[Epoch], settings: ModelSettings) -> None:
    if not any(math.isfinite(epoch.validation_error) for epoch in history):
        raise UsageError(
            "the training diverged: no epoch has a finite validation error",
            found=f"learning_rate {settings.learning_rate}",
            way_out="Lower learning_rate",
        )


def _split(n_rows: int, settings: ModelSettings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows = np.random.default_rng(settings.seed).permutation(n_rows) if settings.shuffle else np.arange(n_rows)
    n_validation = round(n_rows * settings.validation_fraction)
    if not 0 < n_validation < n_rows:
        return rows, rows
    return rows[:-n_validation], rows[-n_validation:]


def _take(columns: Columns, rows: NDArray[np.intp]) -> dict[str, NDArray[np.generic]]:
    return {name: array[rows] for name, array in columns.items()}


def _column_weights(names: Sequence[str], settings: ModelSettings) -> NDArray[np.float32]:
    """The weight of each column, mean 1; the last glob that matches a name decides."""
    weights = np.ones(len(names), np.float32)
    for pattern, weight in settings.weights.items():
        for j, name in enumerate(names):
            if matches(name, pattern):
                weights[j] = weight
    weights /= weights.mean()
    return weights


def _choose_transforms(
    columns: Columns, weights: NDArray[np.float32], settings: ModelSettings, progress: Progress
) -> tuple[Transform, ...]:
    """The transform of each column: what the settings say, or the candidate of least validation loss.

    Each candidate is tried on all columns at once by a short training on a sample; the loss is the mean change of a
    value's rank, which has the same scale for every column and every transform.
    """
    fixed: dict[str, TransformKind] = {
        name: kind for pattern, kind in settings.transforms.items() for name in columns if matches(name, pattern)
    }
    if settings.transform != "auto":
        fixed = {name: fixed.get(name, settings.transform) for name in columns}
    if len(fixed) < len(columns):
        fixed |= _try_transforms(columns, fixed, weights, settings, progress)
    return tuple(fit_transform(fixed[name], array) for name, array in columns.items())


def _try_transforms(
    columns: Columns,
    fixed: Mapping[str, TransformKind],
    weights: NDArray[np.float32],
    settings: ModelSettings,
    progress: Progress,
) -> dict[str, TransformKind]:
    trial = settings.model_copy(update={**_TRIAL, "shuffle": True})
    rows = np.random.default_rng(settings.seed).permutation(len(next(iter(columns.values()))))[:_TRIAL_ROWS]
    training_rows, validation_rows = _split(len(rows), trial)
    training, validation = _take(columns, rows[training_rows]), _take(columns, rows[validation_rows])
    losses: dict[str, dict[TransformKind, float]] = {name: {} for name in columns if name not in fixed}
    for done, kind in enumerate(_CANDIDATES):
        progress(f"transforms ({kind})", done, len(_CANDIDATES))
        transforms = [fit_transform(fixed.get(name, kind), array) for name, array in training.items()]
        scored = [
            np.stack([t.forward(array) for t, array in zip(transforms, part.values(), strict=True)], axis=1)
            for part in (training, validation)
        ]
        network, _ = _train(scored[0], scored[1], weights, trial, torch.device("cpu"), silent)
        model = _export(network, tuple(columns), tuple(transforms), scored[1], weights, trial)
        restored = model.decoder.decode(model.encoder.encode(scored[1])[0])
        for name, by_kind in losses.items():
            by_kind[kind] = _rank_change(np.sort(training[name]), validation[name], restored[name])
    return {name: min(by_kind, key=by_kind.__getitem__) for name, by_kind in losses.items()}


def _rank_change(ordered: NDArray[np.generic], original: NDArray[np.generic], restored: NDArray[np.float64]) -> float:
    """The mean change of rank within `ordered` (sorted values), between 0 and 1."""

    def ranks(values: NDArray[np.generic]) -> NDArray[np.float64]:
        low = np.searchsorted(ordered, values, side="left")
        return (low + np.searchsorted(ordered, values, side="right")) / (2 * len(ordered))

    return float(np.abs(ranks(original) - ranks(restored.astype(original.dtype))).mean())


def _train(
    training: NDArray[np.float32],
    validation: NDArray[np.float32],
    weights: NDArray[np.float32],
    settings: ModelSettings,
    device: torch.device,
    progress: Progress,
) -> tuple[Autoencoder, tuple[Epoch, ...]]:
    n_columns = training.shape[1]
    n_latents = _n_latents(n_columns, settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        plain = settings.kind == "ae"
        network = Autoencoder("ae" if plain else "vae", n_columns, n_latents, settings.hidden).to(device)
    inputs = (torch.from_numpy(array).to(device) for array in (training, validation, weights))
    return network, train(network, *inputs, settings=settings, progress=progress)


def _n_latents(n_columns: int, settings: ModelSettings) -> int:
    return min(settings.latent or (n_columns + 1) // 2, n_columns)


def _export(
    network: Autoencoder,
    names: tuple[str, ...],
    transforms: tuple[Transform, ...],
    scores: NDArray[np.float32],
    weights: NDArray[np.float32],
    settings: ModelSettings,
) -> Fitted:
    encoder = _export_encoder(network, names, transforms)
    decoder = export_network(network.decoder)
    if settings.latents == "float64":
        return Fitted(encoder, Decoder(names, transforms, round_weights(decoder, _FINEST_BITS)), ())
    error = reconstruction_error(scores, weights)
    rounded = round_decoder(decoder, encoder.encode(scores)[0], error)
    return Fitted(encoder, Decoder(names, transforms, rounded), latent_steps(encoder, rounded, scores, error))


def _export_encoder(network: Autoencoder, names: tuple[str, ...], transforms: tuple[Transform, ...]) -> Encoder:
    layers = round_weights(export_network(network.encoder), _ENCODER_BITS)
    return Encoder(names, transforms, network.n_latents, layers)
