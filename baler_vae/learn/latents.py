"""Training of latents that are rounded to whole numbers, on the bits that they and the columns take."""

import copy
import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from baler_vae.learn.networks import dense_layers
from baler_vae.learn.training import Epoch, learning_rate, one_step, threads, training_length
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings

_LEAST_SCALE = -6.0
_LEAST_PROBABILITY = 1e-9


class _Bits(nn.Module):
    """An encoder to k latents, a decoder that tells each score's place and spread, and a prior of each latent.

    Scores follow a logistic distribution about their place, latents one of their own about a learnt middle.
    """

    def __init__(self, n_columns: int, n_latents: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.encoder = dense_layers((n_columns, *hidden, n_latents))
        self.decoder = dense_layers((n_latents, *reversed(hidden), 2 * n_columns))
        self.middle = nn.Parameter(torch.zeros(n_latents))
        self.scale = nn.Parameter(torch.zeros(n_latents))

    def bits(self, scores: Tensor, latents: Tensor) -> Tensor:
        """The bits of latents and scores (rows, columns) a row, up to a constant, float32 (rows,)."""
        place, spread = self.decoder(latents).chunk(2, dim=1)  # (rows, columns) each
        spread = spread.clamp(min=_LEAST_SCALE)
        distance = (scores - place) * torch.exp(-spread)
        nats = (spread + distance + 2 * functional.softplus(-distance)).sum(dim=1)
        narrow = torch.exp(-self.scale)
        upper = torch.sigmoid((latents + 0.5 - self.middle) * narrow)
        lower = torch.sigmoid((latents - 0.5 - self.middle) * narrow)
        bits: Tensor = nats / math.log(2) - torch.log2((upper - lower).clamp(min=_LEAST_PROBABILITY)).sum(dim=1)
        return bits


def train_bits(
    training: NDArray[np.float32],
    validation: NDArray[np.float32],
    n_latents: int,
    settings: ModelSettings,
    device: torch.device,
    progress: Progress,
) -> tuple[nn.Sequential, tuple[Epoch, ...]]:
    """The encoder of scores float32 (rows, columns), whose latents are to be rounded to whole numbers, and the history:
    losses and errors are bits a row, up to a constant.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = _Bits(training.shape[1], n_latents, settings.hidden).to(device)
    scores, judged = (torch.from_numpy(array).to(device) for array in (training, validation))
    generator = torch.Generator(device).manual_seed(settings.seed)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate, fused=True)

    def loss(batch: Tensor) -> Tensor:
        latents = network.encoder(batch)  # (batch rows, k)
        noise = torch.rand(latents.shape, generator=generator, device=device) - 0.5
        return network.bits(batch, latents + noise).mean()

    history = _run(network, loss, scores, judged, optimiser, generator, settings, progress)
    return network.encoder, history


def _run(
    network: _Bits,
    loss: Callable[[Tensor], Tensor],
    training: Tensor,
    validation: Tensor,
    optimiser: torch.optim.Optimizer,
    generator: torch.Generator,
    settings: ModelSettings,
    progress: Progress,
) -> tuple[Epoch, ...]:
    epochs, batch_rows = training_length(settings, len(training))
    n_batches = math.ceil(len(training) / batch_rows)
    best, kept, history = math.inf, copy.deepcopy(network.state_dict()), []
    with threads(settings.threads):
        for number in range(epochs):
            total = 0.0
            rows = torch.randperm(len(training), generator=generator, device=training.device)
            for done, chosen in enumerate(torch.split(rows, batch_rows)):
                rate = learning_rate(settings, (number + done / n_batches) / epochs)
                bits = loss(training[chosen])
                one_step(optimiser, rate, bits)
                total += float(bits.detach()) * len(chosen)
            with torch.no_grad():
                error = float(network.bits(validation, torch.round(network.encoder(validation))).mean())
            history.append(
                Epoch(number + 1, total / len(training), error, learning_rate(settings, number / epochs), 1.0)
            )
            progress(f"latents, epochs ({error:.3f} bits)", number + 1, epochs)
            if error < best:
                best, kept = error, copy.deepcopy(network.state_dict())
    network.load_state_dict(kept)
    return tuple(history)
