"""From the columns of a group to its model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from baler_vae.learn.autoencoder import epochs_of, train_autoencoder
from baler_vae.learn.epochs import Epoch
from baler_vae.learn.export import decoding_transform, latent_steps, reconstruction_error, round_decoder
from baler_vae.learn.latents import train_bits
from baler_vae.learn.loop import Point, check_converged, device_of
from baler_vae.learn.networks.dense import Autoencoder, DenseArchitecture, export_network
from baler_vae.learn.networks.posterior import NORMAL, POINT
from baler_vae.learn.objectives import latents_of
from baler_vae.learn.reconstruction import bounded
from baler_vae.learn.transforms import fit_transform
from baler_vae.model.group import Decoder, Encoder, scores_of
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.model.transform import Transform, TransformKind
from baler_vae.model.weights import round_weights
from baler_vae.progress import Progress, silent
from baler_vae.settings.model import ModelSettings
from baler_vae.table.schema import matches

_ENCODER_BITS = 16
"""Bits of a weight of an encoder, which is not part of an archive: the size matters little."""
_FINEST_BITS = 18
"""Bits of a weight of a decoder that is not rounded to save bytes."""
_BOUNDED_TOLERANCE = 1.0
"""The same tolerance where values keep a bound: latents then only predict. Chosen by hand; not measured."""
_JUDGED_ROWS = 16_384
"""Rows of the validation set on which steps of latents are chosen, so that this takes little time."""
_TRIAL_ROWS = 20_000
"""Rows of the brief training that chooses transforms. Chosen by hand; not measured."""
_TRIAL = {"epochs": 4, "batch_rows": 256, "patience": None, "beta": 0.0, "objective": None}
"""What that training changes in the settings. Chosen by hand; not measured."""
_CANDIDATES: tuple[TransformKind, ...] = ("standard", "asinh", "quantile")
"""What `auto` tries; `min-max` differs from `standard` only by a scale, which is a column weight."""

Columns = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Fitted:
    """A trained network as it is stored: no steps where latents are kept as they are. `variances` are those of the
    scores of each column around what is restored, where they were learnt.
    """

    encoder: Encoder
    decoder: Decoder
    steps: tuple[float, ...]
    variances: Mapping[str, float] = field(default_factory=dict)


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


def fit_group(
    columns: Columns, settings: ModelSettings, progress: Progress, *, is_variational: bool
) -> tuple[Fitted, tuple[Epoch, ...]]:
    """The network of the finite values (rows,) of each column under `free`, and the history of its training.

    Rows are split at random into training and validation rows (in order when `shuffle` is off); everything that is
    chosen (transforms, the best epoch, bits of weights, steps of latents) is judged on validation rows. A single row
    is both. The same columns, settings and versions on the same kind of machine give the same network.

    Raises
    ------
    UsageError
        The device is not available, or the training diverged.
    """
    scored = score(columns, settings, progress, is_variational=is_variational)
    network, history = train_network(scored, settings, progress, is_variational=is_variational)
    judged = scored.validation[:_JUDGED_ROWS]
    return _export(network, scored.names, scored.transforms, judged, scored.weights, settings), history


def fit_squared_error_encoder(
    columns: Columns, settings: ModelSettings, progress: Progress
) -> tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]:
    """The encoder of a plain autoencoder that is trained on the squared error of the values (rows,) of columns which
    keep a bound, whatever objective there is; the steps its latents are rounded to, such that the error doubles; the
    history of its training.

    Raises
    ------
    UsageError
        The device is not available, or the training diverged.
    """
    settings = settings.model_copy(update={"objective": None})
    scored = _bounded_scores(columns, settings, progress, is_variational=False)
    network, history = train_network(scored, settings, progress, is_variational=False)
    encoder = _export_encoder(network, scored.names, scored.transforms)
    judged = scored.validation[:_JUDGED_ROWS]
    decoder = round_weights(export_network(network.decoder), _FINEST_BITS)
    error = reconstruction_error(judged, scored.weights)
    return encoder, latent_steps(encoder, decoder, judged, error, tolerance=_BOUNDED_TOLERANCE), history


def fit_bits_encoder(
    columns: Columns, settings: ModelSettings, progress: Progress
) -> tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]:
    """The encoder that is trained on the bits of latents and of the values (rows,) of columns which keep a bound, with
    uniform noise in place of rounding (Balle et al. 2017); the steps its latents are rounded to, which are 1; the
    history of its training.

    Raises
    ------
    UsageError
        The device is not available, or the training diverged.
    """
    scored = _bounded_scores(columns, settings, progress, is_variational=True)
    n_latents = _n_latents(len(scored.names), settings.model_copy(update={"objective": None}))
    layers, history = train_bits(
        scored.training, scored.validation, n_latents, settings, device_of(settings.device), progress
    )
    rounded = round_weights(export_network(layers), _ENCODER_BITS)
    return Encoder(scored.names, scored.transforms, n_latents, rounded), (1.0,) * n_latents, history


def score(columns: Columns, settings: ModelSettings, progress: Progress, *, is_variational: bool) -> Scored:
    """The columns (rows,) as a network sees them, split into training and validation rows; transforms are tried with
    autoencoders of that kind.
    """
    names = tuple(columns)
    training_rows, validation_rows = _split(len(columns[names[0]]), settings)
    weights = _column_weights(names, settings)
    taken = _take(columns, training_rows)
    transforms = _choose_transforms(taken, weights, settings, progress, is_variational=is_variational)

    def scores(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        return scores_of(names, transforms, _take(columns, rows))

    return Scored(names, transforms, scores(training_rows), scores(validation_rows), weights)


def _bounded_scores(columns: Columns, settings: ModelSettings, progress: Progress, *, is_variational: bool) -> Scored:
    """The same of columns that keep a bound: scores that are too far away are as the farthest, which is how the stored
    encoder will see them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scored = score(columns, settings, progress, is_variational=is_variational)
        training, validation = (
            np.clip(np.nan_to_num(scores, nan=0.0), -LARGEST_ACTIVATION, LARGEST_ACTIVATION)
            for scores in (scored.training, scored.validation)
        )
    return replace(scored, training=training, validation=validation)


def train_network(
    scored: Scored, settings: ModelSettings, progress: Progress, *, is_variational: bool
) -> tuple[Autoencoder, tuple[Epoch, ...]]:
    """The trained autoencoder of scored columns, and its history.

    Raises
    ------
    UsageError
        The device is not available, or the training diverged.
    """
    architecture = _architecture(scored.training.shape[1], settings, is_variational=is_variational)
    arrays = scored.training, scored.validation, scored.weights
    network, history = _train(architecture, arrays, settings, device_of(settings.device), progress)
    has_objective = settings.objective is not None
    check_converged(history, settings.learning_rate, to_its_end=has_objective)
    return network, epochs_of(history, tells_terms=has_objective)


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
    columns: Columns,
    weights: NDArray[np.float32],
    settings: ModelSettings,
    progress: Progress,
    *,
    is_variational: bool,
) -> tuple[Transform, ...]:
    """The transform of each column: what the settings say, or the candidate of least validation loss.

    Each candidate is tried on all columns at once by a short training on a sample; the loss is the mean change of a
    value's rank, which has the same scale for every column and every transform.
    """
    fixed: dict[str, TransformKind] = {
        name: kind for pattern, kind in settings.transforms.items() for name in columns if matches(name, pattern)
    }
    chosen = settings.transform
    if settings.objective is not None and settings.objective.reconstruction == "cross_entropy":
        chosen = "min-max"
    if chosen != "auto":
        fixed = {name: fixed.get(name, chosen) for name in columns}
    if len(fixed) < len(columns):
        fixed |= _try_transforms(columns, fixed, weights, settings, progress, is_variational=is_variational)
    return tuple(fit_transform(fixed[name], array) for name, array in columns.items())


def _try_transforms(
    columns: Columns,
    fixed: Mapping[str, TransformKind],
    weights: NDArray[np.float32],
    settings: ModelSettings,
    progress: Progress,
    *,
    is_variational: bool,
) -> dict[str, TransformKind]:
    trial = settings.model_copy(update={**_TRIAL, "shuffle": True})
    rows = np.random.default_rng(settings.seed).permutation(len(next(iter(columns.values()))))[:_TRIAL_ROWS]
    training_rows, validation_rows = _split(len(rows), trial)
    training, validation = _take(columns, rows[training_rows]), _take(columns, rows[validation_rows])
    architecture = _architecture(len(columns), trial, is_variational=is_variational)
    losses: dict[str, dict[TransformKind, float]] = {name: {} for name in columns if name not in fixed}
    for done, kind in enumerate(_CANDIDATES):
        progress(f"transforms ({kind})", done, len(_CANDIDATES))
        transforms = [fit_transform(fixed.get(name, kind), array) for name, array in training.items()]
        scored = [
            np.stack([t.forward(array) for t, array in zip(transforms, part.values(), strict=True)], axis=1)
            for part in (training, validation)
        ]
        network, _ = _train(architecture, (*scored, weights), trial, torch.device("cpu"), silent)
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
    architecture: DenseArchitecture,
    arrays: Sequence[NDArray[np.float32]],
    settings: ModelSettings,
    device: torch.device,
    progress: Progress,
) -> tuple[Autoencoder, tuple[Point, ...]]:
    """The network of an architecture and the history of its training, on scores (rows, columns) of training and
    validation rows and weights (columns,).
    """
    network = architecture.build(seed=settings.seed, device=device)
    training, validation, weights = (torch.from_numpy(array).to(device) for array in arrays)
    return network, train_autoencoder(network, training, validation, weights, settings=settings, progress=progress)


def _architecture(n_columns: int, settings: ModelSettings, *, is_variational: bool) -> DenseArchitecture:
    n_latents, objective = _n_latents(n_columns, settings), settings.objective
    if objective is None:
        return DenseArchitecture(n_columns, n_latents, settings.hidden, NORMAL if is_variational else POINT)
    latents = latents_of(objective.posterior_of(settings.kind))
    return DenseArchitecture(
        n_columns,
        n_latents + sum(latents.categories),
        settings.hidden,
        latents,
        learns_variances=objective.reconstruction == "gaussian",
        draws_priors=objective.mmd is not None,
    )


def _n_latents(n_columns: int, settings: ModelSettings) -> int:
    """The latents that are not categorical: more than there are columns only under an objective."""
    wanted = settings.latent or (n_columns + 1) // 2
    return wanted if settings.objective is not None else min(wanted, n_columns)


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
    reconstruction = "squared_error" if settings.objective is None else settings.objective.reconstruction
    decoding = tuple(decoding_transform(transform, reconstruction) for transform in transforms)
    variances = _learnt_variances(network, names)
    if settings.latents == "float64":
        return Fitted(encoder, Decoder(names, decoding, round_weights(decoder, _FINEST_BITS)), (), variances)
    error = reconstruction_error(scores, weights, reconstruction)
    rounded = round_decoder(decoder, encoder.encode(scores)[0], error)
    steps = latent_steps(encoder, rounded, scores, error)
    return Fitted(encoder, Decoder(names, decoding, rounded), steps, variances)


def _learnt_variances(network: Autoencoder, names: tuple[str, ...]) -> dict[str, float]:
    """The variance of each column's scores that a network has learnt; none where it learns none."""
    if network.log_variances is None:
        return {}
    variances = bounded(network.log_variances.detach()).double().exp().cpu()
    return dict(zip(names, variances.tolist(), strict=True))


def _export_encoder(network: Autoencoder, names: tuple[str, ...], transforms: tuple[Transform, ...]) -> Encoder:
    layers = round_weights(export_network(network.encoder), _ENCODER_BITS)
    return Encoder(names, transforms, network.n_latents, layers, network.architecture.latents.categories)
