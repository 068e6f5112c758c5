"""Occupancy grids: an autoencoder of cells, with binary cross entropy, and one of the list of cells that are taken."""

from typing import Any

import numpy as np
import torch
from data import Components, Floats, Record, Rows, Study
from fluid import GRID, occupancy
from numpy.typing import NDArray
from pictures import panels, save

from baler_vae.learn.divergences import kl_term
from baler_vae.learn.loop import Optimisation, train
from baler_vae.learn.networks.dense import DenseArchitecture
from baler_vae.learn.networks.outputs import Outputs
from baler_vae.learn.networks.posterior import NORMAL
from baler_vae.learn.objective import Objective
from baler_vae.learn.plans import Epochs
from baler_vae.learn.reconstruction import cross_entropy
from baler_vae.learn.schedules import Constant, Cosine, LinearRise, Schedule, Span

N_LATENTS = 40
EPOCHS = 10
WEIGHTS = {"beta 1": 1.0, "beta 0 to 1": 1.0, "beta 0 to 0.1": 0.1, "beta 0 to 0.01": 0.01}
"""Of the divergence, in nats beside the cross entropy in nats: 1 is the bound on the likelihood."""


def grids_of(rows: Rows) -> NDArray[np.float32]:
    """The grids of rows, float32 (n, cells)."""
    return occupancy(rows.coordinates.astype(np.float64)).reshape(len(rows), -1).astype(np.float32)


def taken_cells(grids: NDArray[np.float32]) -> Floats:
    """The centres of the cells that are taken, from the lowest row of cells on and in a row from the left, float64 (n,
    2 particles), in units of cells.
    """
    rows, cells = np.nonzero(grids)
    if len(np.unique(np.bincount(rows, minlength=len(grids)))) != 1:
        raise ValueError("the grids have different numbers of particles")
    return np.stack([cells % GRID, cells // GRID], axis=1).reshape(len(grids), -1).astype(np.float64)


def cells_at(centres: Floats) -> NDArray[np.float32]:
    """The way back: grids float32 (n, cells) of centres (n, 2 particles); of several in a cell all but the first go to
    the nearest free one.
    """
    places = np.clip(centres.reshape(len(centres), -1, 2) + 0.5, 0, GRID - 1e-9)
    return occupancy(places, float(GRID)).reshape(len(centres), -1).astype(np.float32)


def found_part(chances: Floats, grids: NDArray[np.float32]) -> float:
    """The part of the taken cells among as many with the largest chances (n, cells)."""
    n = round(float(grids[0].sum()))
    best = np.argsort(-chances, axis=1, kind="stable")[:, :n]
    return float(np.take_along_axis(grids, best, axis=1).mean())


def study_occupancy(study: Study) -> list[Record]:
    """For each model the part of the cells that are found, the cross entropy in nats of a grid, and the squared error
    as a share of the variance of cells.
    """
    training, test = (grids_of(study.rows(part)) for part in ("training", "test"))
    mean = np.clip(training.mean(axis=0), 1e-4, 1 - 1e-4)
    found = [_judged("mean grid", np.broadcast_to(mean, test.shape), test)]
    components = Components.of(training)
    found.append(_judged("40 components of cells", components.restored(test, N_LATENTS), test, is_chance=False))
    shown = {"original": test, "mean grid": np.broadcast_to(mean, test.shape)}
    for name, weight in WEIGHTS.items():
        for seed in study.seeds:
            epochs = max(1, round(EPOCHS * study.epochs))
            rises = name.startswith("beta 0 to")
            schedule = LinearRise(weight, Span(max(1, epochs // 2))) if rises else Constant(weight)
            chances = _restored(training, test, schedule, epochs, seed)
            found.append(_judged(f"dense, {name}", chances, test) | {"seed": seed})
            shown.setdefault(f"dense, {name}", chances)
            study.write("occupancy", found)
    lists = Components.of(taken_cells(training))
    grids = cells_at(lists.restored(taken_cells(test), N_LATENTS))
    found.append(_judged("40 components of the list of cells", grids, test, is_chance=False))
    study.write("occupancy", found)
    shown["list of cells"] = grids
    figure, axes = panels(1, len(shown), 1.8, 2.0)
    for axis, (name, values) in zip(axes.flat, shown.items(), strict=True):
        axis.imshow(values[-1].reshape(GRID, GRID), origin="lower", cmap="Blues", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.set_title(name.replace(", ", ",\n"), fontsize=7)
    save(figure, study.pictures / "occupancy.png")
    return found


def _restored(
    training: NDArray[np.float32], test: NDArray[np.float32], weight: Schedule, epochs: int, seed: int
) -> Floats:
    """The chances of cells (n, cells) that a dense variational autoencoder restores of test grids."""
    torch.set_num_threads(1)
    cells = torch.from_numpy(training)
    network = DenseArchitecture(cells.shape[1], N_LATENTS, (512, 256), NORMAL).build(
        seed=seed, device=torch.device("cpu")
    )
    terms: tuple[Any, ...] = (cross_entropy(torch.ones(cells.shape[1])), kl_term(weight))
    train(
        network,
        Objective[torch.Tensor, Outputs](terms),
        lambda rows: cells[rows],
        Epochs(len(cells), 128, epochs),
        Optimisation(Cosine(1e-3)),
        generator=torch.Generator().manual_seed(seed),
        device=torch.device("cpu"),
    )
    with torch.no_grad():
        return torch.sigmoid(network.decode(network.encode(torch.from_numpy(test)).mean)).numpy()


def _judged(name: str, chances: Floats, grids: NDArray[np.float32], *, is_chance: bool = True) -> Record:
    record: Record = {"model": name, "found": found_part(chances, grids)}
    variance = np.square(grids - grids.mean(axis=0)).sum()
    record["share"] = float(np.square(chances - grids).sum() / variance)
    if is_chance:
        kept = np.clip(chances, 1e-6, 1 - 1e-6)
        nats = -np.where(grids > 0, np.log(kept), np.log1p(-kept)).sum(axis=1)
        record["nats"] = float(nats.mean())
    return record
