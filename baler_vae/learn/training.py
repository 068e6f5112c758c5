"""The training loop."""

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from baler_vae.errors import UsageError
from baler_vae.learn.networks import Autoencoder
from baler_vae.learn.objective import free_objective, squared_error
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings

_EVALUATION_ROWS = 16_384
_STEPS = 5_000
_BATCHES = 200
_BATCH_LIMITS = (32, 1_024)
_EPOCH_LIMITS = (15, 100)


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training: mean training loss and validation error, both in squared scores."""

    number: int
    training_loss: float
    validation_error: float
    learning_rate: float
    beta: float


def train(
    network: Autoencoder,
    training: Tensor,
    validation: Tensor,
    weights: Tensor,
    *,
    settings: ModelSettings,
    progress: Progress,
) -> tuple[Epoch, ...]:
    """The history of a training; the network is left with the weights of the epoch of least validation error.

    `training` and `validation` are scores float32 (rows, columns), `weights` float32 (columns,) of mean 1. The
    validation error is the weighted squared error of latents without noise; the training stops early when it has not
    fallen for `patience` epochs.
    """
    epochs, batch_rows = training_length(settings, len(training))
    generator = torch.Generator(training.device).manual_seed(settings.seed)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)
    n_batches = math.ceil(len(training) / batch_rows)
    best_error, best_weights = math.inf, copy.deepcopy(network.state_dict())
    history: list[Epoch] = []
    with threads(settings.threads):
        for number in range(epochs):
            beta = settings.beta * min(1.0, (number + 1) / max(1, settings.warmup_epochs))
            objective = free_objective(weights, beta=beta, l1=settings.l1)
            rows = (
                torch.randperm(len(training), generator=generator, device=training.device)
                if settings.shuffle
                else torch.arange(len(training), device=training.device)
            )
            total_loss = torch.zeros((), device=training.device)
            for i, chosen in enumerate(torch.split(rows, batch_rows)):
                batch = training[chosen]  # (batch rows, columns)
                posterior = network.encode(batch)
                loss = objective(batch, network.decode(posterior.sample(generator)), posterior)
                one_step(optimiser, learning_rate(settings, (number + i / n_batches) / epochs), loss)
                total_loss += loss.detach() * len(batch)
            error = validation_error(network, validation, weights)
            history.append(
                Epoch(
                    number + 1,
                    float(total_loss) / len(training),
                    error,
                    learning_rate(settings, number / epochs),
                    beta if network.kind == "vae" else 0.0,
                )
            )
            progress(f"epochs (validation error {error:.3g})", number + 1, epochs)
            if error < best_error:
                best_error, best_weights = error, copy.deepcopy(network.state_dict())
            elif settings.patience and number + 1 - _best(history).number >= settings.patience:
                break
    network.load_state_dict(best_weights)
    return tuple(history)


def one_step(optimiser: torch.optim.Optimizer, rate: float, loss: Tensor) -> None:
    """Moves the parameters down the gradient of a loss."""
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


def device_of(name: str) -> torch.device:
    """The device of a name; `auto` is a GPU where there is one.

    Raises:
        UsageError: it is not there.
    """
    try:
        device = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"device {name!r} cannot be used: {error}", way_out="Name another one with --device cpu"
        ) from error
    return device


@contextmanager
def threads(number: int) -> Iterator[None]:
    """A block in which PyTorch uses a number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _best(history: Sequence[Epoch]) -> Epoch:
    return min(history, key=lambda epoch: epoch.validation_error)


def training_length(settings: ModelSettings, n_rows: int) -> tuple[int, int]:
    """The number of epochs and the rows of a batch, for a number of training rows: what the settings say, or a batch of
    about 1/200 of the rows and as many epochs as make 5,000 steps, within limits.
    """
    power = 2 ** int(math.log2(max(1, n_rows / _BATCHES)))
    batch_rows = settings.batch_rows or min(max(power, _BATCH_LIMITS[0]), _BATCH_LIMITS[1])
    steps_per_epoch = math.ceil(n_rows / batch_rows)
    return settings.epochs or min(
        max(math.ceil(_STEPS / steps_per_epoch), _EPOCH_LIMITS[0]), _EPOCH_LIMITS[1]
    ), batch_rows


def learning_rate(settings: ModelSettings, done: float) -> float:
    """The learning rate when a part `done` of the training, between 0 and 1, is over."""
    if settings.schedule == "constant":
        return settings.learning_rate
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * done))


@torch.no_grad()
def validation_error(network: Autoencoder, scores: Tensor, weights: Tensor) -> float:
    """The weighted squared error of reconstructions from latents without noise, for scores (rows, columns)."""
    error = squared_error(weights)
    total = 0.0
    for batch in torch.split(scores, _EVALUATION_ROWS):
        posterior = network.encode(batch)
        total += float(error(batch, network.decode(posterior.mean), posterior)) * len(batch)
    return total / len(scores)
