"""Autoencoders of the fluid: what the package has, and what it lacks, a decoder that ends in points.

All are trained by the package's loop, with the package's latents and its divergence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from geometry import embedded, upright
from numpy.typing import NDArray
from torch import Tensor, nn

from baler_vae.learn.divergences import kl_of_latents, kl_term
from baler_vae.learn.loop import Optimisation, train
from baler_vae.learn.networks.convolutional import ConvolutionalArchitecture, stages_of
from baler_vae.learn.networks.dense import dense_layers
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import NORMAL, NormalPosterior
from baler_vae.learn.objective import Objective, Term
from baler_vae.learn.plans import Epochs
from baler_vae.learn.schedules import Cosine, LinearWarmup

Floats = NDArray[np.floating[Any]]
Seen = Literal["coordinates", "upright", "distances", "image", "rows"]
Made = Literal["points", "distances", "image", "rows"]
_CONVOLVED = ("image", "rows")

_LEAST_SQUARE = 1e-6
"""What is added to squared distances: the gradient of a root has no end at 0."""

_FIRST_LOG_VARIANCE = -5.0
"""Of latents that begin as principal components of unit variance."""


@dataclass(frozen=True)
class Recipe:
    """A model and its training.

    The encoder sees `coordinates`, points that are made `upright` from the matrix alone, the `distances` of all pairs,
    or, with convolutions, the matrix as an `image` or as its `rows`: cells along one axis whose channels are the other.
    The decoder makes `points`, of which distances are taken, `distances`, an `image` or `rows`. `beta` is the weight of
    the divergence in nats beside the squared error, which is in units of the variance of distances. A model that
    `has_line` has a single dense layer beside the others of its encoder, and of its decoder.
    """

    seen: Seen
    made: Made
    n_latents: int = 40
    hidden: tuple[int, ...] = (512, 256)
    beta: float = 1e-5
    epochs: int = 8
    batch_rows: int = 128
    learning_rate: float = 1e-3
    channels: tuple[int, ...] = (16, 32)
    kernel: int = 3
    residual_blocks: int = 0
    has_line: bool = True


def pairs_of(matrices: Floats) -> NDArray[np.float32]:
    """The distances above the diagonal of matrices (n, particles, particles), float32 (n, pairs)."""
    return np.asarray(matrices, np.float32)[:, *np.triu_indices(matrices.shape[1], 1)]


def matrices_of(pairs: Floats) -> NDArray[np.float32]:
    """The way back: symmetric matrices with zeros on the diagonal."""
    n = round((1 + np.sqrt(1 + 8 * pairs.shape[1])) / 2)
    found = np.zeros((len(pairs), n, n), np.float32)
    first, second = np.triu_indices(n, 1)
    found[:, first, second] = found[:, second, first] = pairs
    return found


def inputs_of(seen: Seen, matrices: Floats, coordinates: Floats | None = None) -> NDArray[np.float32]:
    """What an encoder sees of matrices (n, particles, particles), float32 (n, numbers)."""
    if seen == "coordinates":
        if coordinates is None:
            raise ValueError("this encoder sees coordinates, and there are none")
        return np.asarray(coordinates, np.float32).reshape(len(coordinates), -1)
    if seen == "upright":
        points = upright(embedded(matrices).points)
        return points.astype(np.float32).reshape(len(points), -1)
    if seen in _CONVOLVED:
        return np.asarray(matrices, np.float32).reshape(len(matrices), -1)
    return pairs_of(matrices)


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs float32 (rows, numbers) and the distances float32 (rows, pairs) to be restored."""

    inputs: Tensor
    distances: Tensor


class FluidNetwork(nn.Module):
    """The network of a recipe for particles whose inputs and distances have the means and the spreads of these."""

    def __init__(self, recipe: Recipe, inputs: Tensor, distances: Tensor, points: Tensor) -> None:
        super().__init__()
        self.recipe = recipe
        n_particles = points.shape[1]
        first, second = np.triu_indices(n_particles, 1)
        self.register_buffer("_input_mean", inputs.mean(dim=0))
        self.register_buffer("_input_scale", inputs.var(dim=0).mean().sqrt())
        self.register_buffer("_mean", distances.mean(dim=0))
        self.register_buffer("_scale", distances.var(dim=0).mean().sqrt())
        self.register_buffer("_point_mean", points.mean(dim=0))
        self.register_buffer("_point_scale", points.var(dim=0).mean().sqrt())
        self.register_buffer("_first", torch.from_numpy(first))
        self.register_buffer("_second", torch.from_numpy(second))
        k, hidden = recipe.n_latents, recipe.hidden
        n_outputs = {"points": 2 * n_particles, "distances": distances.shape[1]}.get(recipe.made, n_particles**2)
        encoder = dense_layers((inputs.shape[1], *hidden, NORMAL.n_outputs(k)))
        decoder = dense_layers((k, *reversed(hidden), n_outputs))
        if recipe.seen in _CONVOLVED:
            encoder = _convolutions(recipe, recipe.seen, n_particles)[0]
        if recipe.made in _CONVOLVED:
            decoder = _convolutions(recipe, recipe.made, n_particles)[1]
        self.encoder = WithLine(inputs.shape[1], encoder, NORMAL.n_outputs(k)) if recipe.has_line else encoder
        self.decoder = WithLine(k, decoder, n_outputs) if recipe.has_line else decoder
        if recipe.has_line and (recipe.seen == recipe.made or recipe.seen in {"coordinates", "upright"}):
            self._begin_with_components((inputs - self._input_mean) / self._input_scale)

    @torch.no_grad()
    def _begin_with_components(self, inputs: Tensor) -> None:
        """Lets the straight parts of both networks be the principal components of scaled inputs (rows, numbers), in
        units of their spreads, with little noise; the other parts are about 0.
        """
        k = self.recipe.n_latents
        n_kept = min(k, inputs.shape[1])
        values, vectors = torch.linalg.eigh(inputs.T @ inputs / len(inputs))
        components = vectors.flip(1).T[:n_kept]  # (kept, numbers), from the largest spread on
        spreads = values.flip(0)[:n_kept].clamp(min=1e-6).sqrt()
        scale = self._input_scale / (self._point_scale if self.recipe.made == "points" else self._scale)
        for network in (self.encoder, self.decoder):
            network.line.weight.zero_()
            network.line.bias.zero_()
            last = [parameter for name, parameter in network.bend.named_parameters() if "weight" in name][-1]
            last.mul_(0.01)
        self.encoder.line.weight[:n_kept] = components / spreads[:, None]
        self.decoder.line.weight[:, :n_kept] = (components * spreads[:, None]).T * scale
        self.encoder.line.bias[k:] = _FIRST_LOG_VARIANCE

    @property
    def scale(self) -> Tensor:
        """The root of the mean variance of distances."""
        return self._scale

    def encode(self, inputs: Tensor) -> NormalPosterior:
        """The posterior of inputs float32 (rows, numbers)."""
        outputs = self.encoder((inputs - self._input_mean) / self._input_scale)
        return NORMAL.posterior(outputs, self.recipe.n_latents)

    def points(self, latents: Tensor) -> Tensor:
        """The points float32 (rows, particles, 2) of latents (rows, k), where the decoder ends in points."""
        made = self.decoder(latents).view(len(latents), -1, 2)  # (rows, k) -> (rows, particles, 2)
        return made * self._point_scale + self._point_mean

    def decode(self, latents: Tensor) -> Tensor:
        """The distances float32 (rows, pairs) of latents (rows, k)."""
        if self.recipe.made == "points":
            points = self.points(latents)
            differences = points[:, self._first] - points[:, self._second]  # (rows, pairs, 2)
            return (differences.square().sum(dim=2) + _LEAST_SQUARE).sqrt()
        made = self.decoder(latents)
        if self.recipe.made in _CONVOLVED:
            images = made.view(len(latents), len(self._point_mean), -1)
            made = (images[:, self._first, self._second] + images[:, self._second, self._first]) / 2
        return made * self._scale + self._mean

    def outputs(self, batch: Batch, generator: torch.Generator) -> Outputs:
        """What is made of a batch, with latents drawn from their posterior."""
        posterior = self.encode(batch.inputs)
        latents = posterior.sample(generator)
        return Outputs(self.decode(latents), posterior, latents, self)


class WithLine(nn.Module):
    """Layers, and beside them a single dense one from the first size to the last: the sum of both."""

    def __init__(self, n_inputs: int, bend: nn.Module, n_outputs: int) -> None:
        super().__init__()
        self.line = nn.Linear(n_inputs, n_outputs)
        self.bend = bend

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs (rows, inputs) to outputs (rows, outputs)."""
        outputs: Tensor = self.line(inputs) + self.bend(inputs)
        return outputs


def _convolutions(recipe: Recipe, form: str, n: int) -> tuple[nn.Module, nn.Module]:
    """The encoder of matrices as an image or as rows, and the decoder, of the package's convolutional architecture."""
    shape, n_channels, stride = ((n, n), 1, 2) if form == "image" else ((n,), n, 1)
    stages = stages_of(shape, (n_channels, *recipe.channels), recipe.kernel, (stride,) * len(recipe.channels))
    return ConvolutionalArchitecture(
        stages, recipe.n_latents, recipe.hidden, recipe.kernel, recipe.residual_blocks, latents=NORMAL
    ).layers()


@dataclass(frozen=True, eq=False)
class Trained:
    """A network, and the squared error of the validation rows after each epoch, a share of the variance."""

    network: FluidNetwork
    errors: tuple[float, ...]

    def latents(self, inputs: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The means and log-variances of the latents of inputs (n, numbers), float32 (n, k) each."""
        with torch.no_grad():
            parts = [self.network.encode(part) for part in _parts(inputs)]
        return tuple(np.concatenate([getattr(one, name).numpy() for one in parts]) for name in _POSTERIOR)  # type: ignore[return-value]

    def distances(self, latents: Floats) -> NDArray[np.float32]:
        """The distances that the decoder makes of latents (n, k), float32 (n, pairs)."""
        with torch.no_grad():
            return np.concatenate([self.network.decode(part).numpy() for part in _parts(latents)])

    def points(self, latents: Floats) -> NDArray[np.float64]:
        """The points that it makes of them, float64 (n, particles, 2)."""
        with torch.no_grad():
            return np.concatenate([self.network.points(part).numpy() for part in _parts(latents)]).astype(np.float64)

    def restored(self, inputs: Floats) -> NDArray[np.float32]:
        """The distances that are restored from inputs (n, numbers) without noise, float32 (n, pairs)."""
        return self.distances(self.latents(inputs)[0])

    def kl(self, inputs: Floats) -> NDArray[np.float32]:
        """The divergence of each latent from its prior in nats, averaged over inputs (n, numbers), float32 (k,)."""
        means, logs = map(torch.from_numpy, self.latents(inputs))
        return kl_of_latents(means, logs).mean(dim=0).numpy()


_POSTERIOR = ("mean", "log_variance")


def _parts(values: Floats) -> list[Tensor]:
    return list(torch.split(torch.from_numpy(np.asarray(values, np.float32)), 4_096))


def trained(
    recipe: Recipe, training: Mapping[str, Floats], validation: Mapping[str, Floats], seed: int, *, threads: int = 1
) -> Trained:
    """The network of a recipe for `matrices` (n, particles, particles) and `coordinates` (n, particles, 2), as it was
    after the epoch with the least squared error of the validation rows.
    """
    torch.set_num_threads(threads)
    network = built(recipe, training, seed)
    inputs, distances = _tensors(recipe, training)
    judged_inputs, judged = _tensors(recipe, validation)
    variance = float(network.scale) ** 2

    def squared_error(batch: Batch, outputs: Outputs) -> Tensor:
        return (outputs.reconstruction - batch.distances).square().mean() / variance

    def validation_error() -> float:
        with torch.no_grad():
            restored = network.decode(network.encode(judged_inputs).mean)
        return float((restored - judged).square().mean() / variance)

    terms: list[Term[Any, Outputs]] = [Term("squared error", squared_error)]
    if recipe.beta:
        terms.append(kl_term(LinearWarmup(recipe.beta, max(1, recipe.epochs // 10))))
    history = train(
        network,
        Objective(tuple(terms)),
        lambda rows: Batch(inputs[rows], distances[rows]),
        Epochs(len(inputs), recipe.batch_rows, recipe.epochs),
        Optimisation(Cosine(recipe.learning_rate)),
        generator=torch.Generator().manual_seed(seed),
        device=torch.device("cpu"),
        judge=validation_error,
    )
    return Trained(network, tuple(point.error for point in history))


def built(recipe: Recipe, training: Mapping[str, Floats], seed: int) -> FluidNetwork:
    """The network of a recipe for rows as in `trained`, before its training."""
    inputs, distances = _tensors(recipe, training)
    points = torch.from_numpy(np.asarray(training["coordinates"], np.float32))
    if recipe.seen != "coordinates":  # a matrix tells no place, and neither of two mirror images
        points = torch.from_numpy(inputs_of("upright", np.asarray(training["matrices"]))).view(points.shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FluidNetwork(recipe, inputs, distances, points)


def _tensors(recipe: Recipe, rows: Mapping[str, Floats]) -> tuple[Tensor, Tensor]:
    matrices = np.asarray(rows["matrices"])
    inputs = inputs_of(recipe.seen, matrices, rows.get("coordinates"))
    return torch.from_numpy(inputs), torch.from_numpy(pairs_of(matrices))
