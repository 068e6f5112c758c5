"""Places from restored matrices: Gram matrices, the tumbler, energies, blocks that are filled in, walks of latents."""

from collections.abc import Mapping

import numpy as np
import torch
from anomalies import SEED_OF_STRANGE, blacked_out, place_codec, restored_places
from data import RECIPES, Floats, Record, Rows, Study, seen_of
from fluid import energies, matrices
from geometry import embedded, misplaced, tilt, tumbled, upright
from models import Trained, inputs_of, matrices_of, pairs_of
from numpy.typing import NDArray
from pictures import COLOURS, configuration, panels, save, steps
from scipy.stats import ks_2samp

N_FILLINGS, FILLING_RATE, PRIOR = 200, 0.1, 0.1
"""Steps down the gradient of latents, their size at first, and the weight of squares of latents beside those of
distances.
"""
WALKED = 5
"""Latents that are walked along, and the places on the way."""
STEPS = (-3.0, -1.5, 0.0, 1.5, 3.0)
SHAPED = (
    "dense on distances",
    "convolutions on rows",
    "convolutions on rows, end in points",
    "upright points, ends in points",
)


def restored_matrices(model: Trained, rows: Rows) -> Floats:
    """The matrices float32 (n, particles, particles) that a model makes of rows."""
    return matrices_of(model.restored(seen_of(model, rows)))


def study_shapes(study: Study) -> list[Record]:
    """Places from original and restored matrices: what two eigenvectors leave, how far points are from where they were
    at best, and how far the tumbler and the order of heights are from upright.
    """
    test = study.rows("test")
    true = test.coordinates.astype(np.float64)
    found = []
    shown = {"original": true[:: len(true) // 3][:3]}
    for name in ("original", *SHAPED):
        for seed in study.seeds if name != "original" else study.seeds[:1]:
            distances = (
                test.matrices if name == "original" else restored_matrices(study.model(RECIPES[name], seed), test)
            )
            flat = embedded(distances)
            at_rest, ordered = tumbled(flat.points), upright(flat.points)
            record: Record = {"model": name, "seed": seed, "rest": float(np.median(flat.rest))}
            record["misplaced"] = float(np.median(misplaced(flat.points, true)))
            for way, points in (("tumbler", at_rest), ("order", ordered)):
                angles = tilt(points, true)
                record |= {f"{way} tilt": float(np.median(angles)), f"{way} within 15": float(np.mean(angles < 15))}
            found.append(record)
            shown.setdefault(name, at_rest[:: len(true) // 3][:3])
            study.write("shapes", found)
    figure, axes = panels(3, len(shown), 2.0, 1.9)
    for column, (name, points) in zip(axes.T, shown.items(), strict=True):
        for axis, one in zip(column, points, strict=True):
            configuration(axis, one - one.mean(axis=0), size=25)
            axis.set(xticks=[], yticks=[], xlim=(-7, 7), ylim=(-7, 7))
        column[0].set_title(name.replace(", ", ",\n"), fontsize=7)
    save(figure, study.pictures / "shapes.png")
    return found


def spectra(study: Study, seed: int) -> Mapping[str, Floats]:
    """Energies (n,) of the test rows and of what models make of them, with the potential cut at 1 and heights counted
    from the lowest particle: matrices do not tell where the floor is.
    """
    test = study.rows("test")

    def energy(points: Floats) -> Floats:
        points = points - points[:, :, 1:].min(axis=1, keepdims=True) * [0.0, 1.0]
        return energies(points, test.gamma.astype(np.float64), least=1.0)

    found = {"original": energy(test.coordinates.astype(np.float64))}
    for name in SHAPED:
        model = study.model(RECIPES[name], seed)
        if model.network.recipe.made == "points":
            points = model.points(model.latents(seen_of(model, test))[0])
        else:
            points = upright(embedded(restored_matrices(model, test)).points)
        found[name] = energy(points)
    found["codec of places"] = energy(restored_places(place_codec(study, seed), test.coordinates))
    return found


def study_spectra(study: Study) -> list[Record]:
    """Energies of original and restored configurations: means, spreads, the largest distance of the distributions, and
    the part of the variance of the energy that is restored.
    """
    found = []
    for seed in study.seeds:
        values = spectra(study, seed)
        original = values["original"]
        for name, own in values.items():
            record = {"model": name, "seed": seed, "mean": float(own.mean()), "deviation": float(own.std())}
            distance = float(ks_2samp(original, own).statistic)
            missed = float(np.mean((own - original) ** 2) / original.var())
            found.append(record | {"distance": distance, "missed": missed})
        if seed == study.seeds[0]:
            figure, axes = panels(1, 4, 2.9, 2.7)
            gamma = study.rows("test").gamma
            for axis, value in zip(axes.flat, np.unique(gamma), strict=False):
                own = {name: energy[gamma == value] for name, energy in values.items()}
                edges = np.linspace(*np.quantile(np.concatenate(list(own.values())), [0.002, 0.998]), 40)
                steps(axis, own, edges)
                axis.set(xlabel="energy", title=f"gamma {value:g}", yticks=[])
            figure.legend(
                *axes[0, 0].get_legend_handles_labels(), fontsize=7, frameon=False, ncols=5, loc="outside upper center"
            )
            save(figure, study.pictures / "spectra.png")
    study.write("spectra", found)
    return found


def filled(model: Trained, distances: Floats, is_black: NDArray[np.bool_], mean: Floats) -> Floats:
    """Matrices (n, particles, particles) whose black distances are those that the model makes of the latents which
    restore the others best: they begin as those of the matrix whose black distances are those of the mean matrix, and
    go down the gradient of the squared error of the others.
    """
    start = np.where(is_black, mean, distances).astype(np.float32)
    first = model.latents(inputs_of(model.network.recipe.seen, start))[0]
    latents = torch.from_numpy(np.clip(first, -3, 3)).requires_grad_()
    known, true = torch.from_numpy(~pairs_of(is_black).astype(bool)), torch.from_numpy(pairs_of(distances))
    optimiser = torch.optim.Adam([latents], lr=FILLING_RATE)
    for step in range(N_FILLINGS):
        optimiser.param_groups[0]["lr"] = FILLING_RATE * (1 - step / N_FILLINGS)
        missed = ((model.network.decode(latents) - true).square() * known).sum() + PRIOR * latents.square().sum()
        optimiser.zero_grad()
        missed.backward()
        optimiser.step()
    made = matrices_of(model.distances(latents.detach().numpy()))
    return np.where(is_black, made, distances).astype(np.float32)


def study_filling(study: Study) -> list[Record]:
    """How well models fill in blocks: the squared error there, beside that of the mean matrix."""
    training, test = study.rows("training"), study.rows("test")
    test = test.taken(np.arange(0, len(test), 4))
    mean = training.matrices.mean(axis=0)
    is_black = blacked_out(test.matrices.shape, np.random.default_rng(SEED_OF_STRANGE + 1))
    variance = np.square(test.matrices - mean)[is_black].mean()
    found = []
    for name in SHAPED:
        for seed in study.seeds:
            made = filled(study.model(RECIPES[name], seed), test.matrices, is_black, mean)
            error = np.square(made - test.matrices)[is_black].mean()
            found.append({"model": name, "seed": seed, "error": float(error / variance), "rms": float(np.sqrt(error))})
            study.write("filling", found)
    return found


def study_walks(study: Study) -> list[Record]:
    """The five latents that tell most, walked along from 0 where all others are 0."""
    model, test = study.model(RECIPES[SHAPED[-1]], study.seeds[0]), study.rows("test")
    kl = model.kl(seen_of(model, test))
    chosen = np.argsort(-kl)[:WALKED]
    figure, axes = panels(WALKED, len(STEPS), 1.7, 1.7)
    spread = []
    for row, latent in zip(axes, chosen, strict=True):
        latents = np.zeros((len(STEPS), len(kl)), np.float32)
        latents[:, latent] = STEPS
        points = model.points(latents)
        moved = np.linalg.norm(points - points[len(STEPS) // 2], axis=2)
        record = {"latent": int(latent), "nats": float(kl[latent]), "moved": float(moved[-1].mean())}
        nearer = float(np.mean(pairs_of(matrices(points)) < 1))
        spread.append(record | {"most": float(moved[-1].max()), "nearer than 1": nearer})
        for axis, one, value in zip(row, points, STEPS, strict=True):
            configuration(axis, one, colour=COLOURS[0] if value else COLOURS[5], size=18)
            axis.set(xticks=[], yticks=[], xlim=(-7, 7), ylim=(-5, 8))
            axis.set_title(f"latent {latent}: {value:+g}", fontsize=7)
    save(figure, study.pictures / "walks.png")
    study.write("walks", spread)
    return spread
