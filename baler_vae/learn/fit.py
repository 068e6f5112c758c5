"""From the columns of a group to its model."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from baler_vae.learn.architectures import architecture_of
from baler_vae.learn.autoencoder import epochs_of, train_autoencoder
from baler_vae.learn.epochs import Epoch
from baler_vae.learn.export import decoding_transform, latent_steps, reconstruction_error, round_decoder
from baler_vae.learn.latents import train_bits
from baler_vae.learn.loop import Point, check_converged, device_of
from baler_vae.learn.networks.dense import Architecture, Autoencoder, export_network
from baler_vae.learn.reconstruction import bounded
from baler_vae.learn.scores import Columns, Scored, score, shapes_of
from baler_vae.model.group import Decoder, Encoder
from baler_vae.model.network import LARGEST_ACTIVATION
from baler_vae.model.weights import round_weights
from baler_vae.progress import Progress, silent
from baler_vae.settings.model import ModelSettings

_ENCODER_BITS = 16
"""Bits of a weight of an encoder, which is not part of an archive: the size matters little."""
_FINEST_BITS = 18
"""Bits of a weight of a decoder that is not rounded to save bytes."""
_BOUNDED_TOLERANCE = 1.0
"""The same tolerance where values keep a bound: latents then only predict. Chosen by hand; not measured."""
_JUDGED_ROWS = 16_384
"""Rows of the validation set on which steps of latents are chosen, so that this takes little time."""
_JUDGED_SCORES = 1 << 20
"""The most scores of arrays in such rows."""
_TRIAL = {"epochs": 4, "batch_rows": 256, "patience": None, "beta": 0.0, "objective": None}
"""What the brief training that chooses transforms changes in the settings. Chosen by hand; not measured."""


@dataclass(frozen=True)
class Fitted:
    """A trained network as it is stored: no steps where latents are kept as they are. `variances` are those of the
    scores of each column around what is restored, where they were learnt.
    """

    encoder: Encoder
    decoder: Decoder
    steps: tuple[float, ...]
    variances: Mapping[str, float] = field(default_factory=dict)


def fit_group(
    columns: Columns,
    settings: ModelSettings,
    progress: Progress,
    *,
    is_variational: bool,
    is_convolutional: bool = False,
) -> tuple[Fitted, tuple[Epoch, ...]]:
    """The network of the finite values (rows,) or (rows, *shape) of each column under `free`, and the history of its
    training.

    Rows are split at random into training and validation rows (in order when `shuffle` is off); everything that is
    chosen (transforms, the best epoch, bits of weights, steps of latents) is judged on validation rows. A single row
    is both. The same columns, settings and versions on the same kind of machine give the same network.

    Raises
    ------
    UsageError
        The device is not available, the training diverged, or columns do not suit such a network.
    """
    kinds = {"is_variational": is_variational, "is_convolutional": is_convolutional}
    architecture = architecture_of(tuple(columns), shapes_of(columns), settings, **kinds)  # before any work is done
    scored = _scored(columns, settings, progress, **kinds)
    network, history = _train_network(architecture, scored, settings, progress)
    return _export(network, scored, settings), history


def fit_squared_error_encoder(
    columns: Columns, settings: ModelSettings, progress: Progress, *, is_convolutional: bool = False
) -> tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]:
    """The encoder of a plain autoencoder that is trained on the squared error of the values (rows,) or (rows, *shape)
    of columns which keep a bound, whatever objective there is; the steps its latents are rounded to, such that the
    error doubles; the history of its training.

    Raises
    ------
    UsageError
        The device is not available, the training diverged, or columns do not suit such a network.
    """
    settings = settings.model_copy(update={"objective": None})
    kinds = {"is_variational": False, "is_convolutional": is_convolutional}
    architecture = architecture_of(tuple(columns), shapes_of(columns), settings, **kinds)
    scored = _bounded_scores(columns, settings, progress, **kinds)
    network, history = _train_network(architecture, scored, settings, progress)
    encoder, judged = _export_encoder(network, scored), _judged(scored)
    decoder = round_weights(export_network(network.decoder), _FINEST_BITS)
    error = reconstruction_error(judged, scored.weights)
    return encoder, latent_steps(encoder, decoder, judged, error, tolerance=_BOUNDED_TOLERANCE), history


def fit_bits_encoder(
    columns: Columns, settings: ModelSettings, progress: Progress, *, is_convolutional: bool = False
) -> tuple[Encoder, tuple[float, ...], tuple[Epoch, ...]]:
    """The encoder that is trained on the bits of latents and of the values (rows,) or (rows, *shape) of columns which
    keep a bound, with uniform noise in place of rounding (Balle et al. 2017); the steps its latents are rounded to,
    which are 1; the history of its training.

    Raises
    ------
    UsageError
        The device is not available, the training diverged, or columns do not suit such a network.
    """
    settings = settings.model_copy(update={"objective": None})
    kinds = {"is_variational": False, "is_convolutional": is_convolutional}  # its latents have no width
    architecture = architecture_of(tuple(columns), shapes_of(columns), settings, **kinds)
    scored = _bounded_scores(columns, settings, progress, **kinds | {"is_variational": True})
    device = device_of(settings.device)
    layers, history = train_bits(architecture, scored.training, scored.validation, settings, device, progress)
    n_latents = architecture.n_latents
    rounded = round_weights(export_network(layers), _ENCODER_BITS)
    encoder = Encoder(scored.names, scored.transforms, n_latents, rounded, shapes=scored.shapes)
    return encoder, (1.0,) * n_latents, history


def _scored(
    columns: Columns, settings: ModelSettings, progress: Progress, *, is_variational: bool, is_convolutional: bool
) -> Scored:
    """The columns as a network sees them, split into training and validation rows; transforms are tried with dense
    autoencoders of that kind.
    """
    trial = settings.model_copy(update=_TRIAL)

    def restored(scored: Scored) -> Mapping[str, NDArray[np.generic]]:
        architecture = architecture_of(
            scored.names, scored.shapes, trial, is_variational=is_variational, is_convolutional=False
        )
        network, _ = _train(architecture, scored, trial, torch.device("cpu"), silent)
        model = _export(network, scored, trial)
        return model.decoder.decode(model.encoder.encode(scored.validation)[0])

    return score(columns, settings, progress, restored=restored, interleaved=is_convolutional)


def _bounded_scores(
    columns: Columns, settings: ModelSettings, progress: Progress, *, is_variational: bool, is_convolutional: bool
) -> Scored:
    """The same of columns that keep a bound: scores that are too far away are as the farthest, which is how the stored
    encoder will see them.
    """
    kinds = {"is_variational": is_variational, "is_convolutional": is_convolutional}
    with np.errstate(over="ignore", invalid="ignore"):
        scored = _scored(columns, settings, progress, **kinds)
        training, validation = (
            np.clip(np.nan_to_num(scores, nan=0.0), -LARGEST_ACTIVATION, LARGEST_ACTIVATION)
            for scores in (scored.training, scored.validation)
        )
    return replace(scored, training=training, validation=validation)


def _train_network(
    architecture: Architecture, scored: Scored, settings: ModelSettings, progress: Progress
) -> tuple[Autoencoder, tuple[Epoch, ...]]:
    """The trained autoencoder of scored columns, and its history.

    Raises UsageError where the device is not available, or the training diverged.
    """
    network, history = _train(architecture, scored, settings, device_of(settings.device), progress)
    has_objective = settings.objective is not None
    check_converged(history, settings.learning_rate, to_its_end=has_objective)
    return network, epochs_of(history, tells_terms=has_objective)


def _train(
    architecture: Architecture, scored: Scored, settings: ModelSettings, device: torch.device, progress: Progress
) -> tuple[Autoencoder, tuple[Point, ...]]:
    """The network of an architecture and the history of its training."""
    network = architecture.build(seed=settings.seed, device=device)
    arrays = scored.training, scored.validation, scored.weights
    training, validation, weights = (torch.from_numpy(array).to(device) for array in arrays)
    return network, train_autoencoder(network, training, validation, weights, settings=settings, progress=progress)


def _judged(scored: Scored) -> NDArray[np.float32]:
    """The scores (rows, scores) on which bits of weights and steps of latents are chosen."""
    n_rows = max(1, _JUDGED_SCORES // scored.validation.shape[1]) if scored.shapes else _JUDGED_ROWS
    return scored.validation[: min(n_rows, _JUDGED_ROWS)]


def _export(network: Autoencoder, scored: Scored, settings: ModelSettings) -> Fitted:
    encoder = _export_encoder(network, scored)
    decoder = export_network(network.decoder)
    reconstruction = "squared_error" if settings.objective is None else settings.objective.reconstruction
    names, shapes, scores = scored.names, scored.shapes, _judged(scored)
    decoding = tuple(decoding_transform(transform, reconstruction) for transform in scored.transforms)
    variances = _learnt_variances(network, names)
    if settings.latents == "float64":
        finest = round_weights(decoder, _FINEST_BITS)
        return Fitted(encoder, Decoder(names, decoding, finest, shapes), (), variances)
    error = reconstruction_error(scores, scored.weights, reconstruction)
    rounded = round_decoder(decoder, encoder.encode(scores)[0], error)
    steps = latent_steps(encoder, rounded, scores, error)
    return Fitted(encoder, Decoder(names, decoding, rounded, shapes), steps, variances)


def _learnt_variances(network: Autoencoder, names: tuple[str, ...]) -> dict[str, float]:
    """The variance of each column's scores that a network has learnt; none where it learns none."""
    if network.column_log_variances is None:
        return {}
    variances = bounded(network.column_log_variances.detach()).double().exp().cpu()
    return dict(zip(names, variances.tolist(), strict=True))


def _export_encoder(network: Autoencoder, scored: Scored) -> Encoder:
    layers = round_weights(export_network(network.encoder), _ENCODER_BITS)
    categories = network.architecture.latents.categories
    return Encoder(scored.names, scored.transforms, network.architecture.n_latents, layers, categories, scored.shapes)
