"""What autoencoders of the fluid leave: models beside each other, numbers of latents and weights of the divergence."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from anomalies import PLACE_BOUND, columns_of, place_codec, restored_places
from contacts import bits_of
from data import RECIPES, Components, Record, Study, seen_of, share
from fluid import matrices
from models import Recipe, inputs_of, pairs_of
from pictures import lines, panels, save

from baler_vae.learn.terms import BIT

N_LATENTS = (2, 5, 10, 20, 30, 40, 50, 60)
BETAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
CURVES = (
    "dense on distances",
    "convolutions on rows, end in points",
    "upright points, ends in points",
)


def component_shares(study: Study, n_latents: tuple[int, ...]) -> Iterator[Record]:
    """What principal components of distances and of upright points leave of the test rows."""
    training, test = study.rows("training"), study.rows("test")
    of_pairs = Components.of(training.pairs)
    upright, seen = (inputs_of("upright", one.matrices) for one in (training, test))
    of_points = Components.of(upright)
    for k in n_latents:
        restored = of_pairs.restored(test.pairs, k)
        yield {"model": "components of distances", "latents": k, "share": share(restored, test)}
        points = of_points.restored(seen, k).reshape(len(test), -1, 2)
        pairs = pairs_of(matrices(points))
        yield {"model": "components of upright points", "latents": k, "share": share(pairs, test)}


def measured(study: Study, name: str, recipe: Recipe, seed: int) -> Record:
    """What a model leaves of the test rows, and how much its latents tell."""
    model, test = study.model(recipe, seed), study.rows("test")
    seen = seen_of(model, test)
    kl = model.kl(seen)
    return {
        "model": name,
        "latents": recipe.n_latents,
        "beta": recipe.beta,
        "seed": seed,
        "share": share(model.restored(seen), test),
        "bits": float(kl.sum() / BIT),
        "active": int(np.count_nonzero(kl > 0.01)),
        "epochs": len(model.errors),
    }


def codec_record(study: Study, seed: int) -> Record:
    """What the codec of places leaves under its bound, and the bits that it takes."""
    codec, test = place_codec(study, seed), study.rows("test")
    pairs = pairs_of(matrices(restored_places(codec, test.coordinates)))
    bits = float(bits_of(codec, columns_of(test.coordinates)).mean())
    return {"model": f"codec of places, {PLACE_BOUND}", "seed": seed, "share": share(pairs, test), "bits": bits}


def study_models(study: Study) -> list[Record]:
    """All models with 40 latents, each with its seeds."""
    found = list(component_shares(study, (40,)))
    for name, recipe in RECIPES.items():
        for seed in study.seeds_of(name):
            found.append(measured(study, name, recipe, seed))
            study.write("models", found)
    found += [codec_record(study, seed) for seed in study.seeds_of("codec")]
    study.write("models", found)
    return found


def study_latents(study: Study) -> list[Record]:
    """Models with fewer and more latents, and with other weights of the divergence; the first seed alone."""
    seed = study.seeds[0]
    found = list(component_shares(study, N_LATENTS))
    for name in CURVES:
        for k in N_LATENTS:
            found.append(measured(study, name, replace(RECIPES[name], n_latents=k), seed))
            study.write("latents", found)
    for name in ("dense on distances", "upright points, ends in points"):
        for beta in BETAS:
            found.append(measured(study, name, replace(RECIPES[name], beta=beta), seed) | {"curve": "beta"})
            study.write("latents", found)
    draw_latents(study, found)
    return found


def draw_latents(study: Study, found: list[Record]) -> None:
    """The picture: shares against latents, and against the weight of the divergence."""
    figure, ((left, right),) = panels(1, 2, 4.4, 3.4)
    names = list(dict.fromkeys(one["model"] for one in found))
    curves = {name: [[one["share"]] for one in found if one["model"] == name and "curve" not in one] for name in names}
    lines(left, N_LATENTS, curves)
    betas = {name: [[one["share"]] for one in found if one["model"] == name and "curve" in one] for name in names}
    lines(right, BETAS, betas)
    left.set(xlabel="latents", ylabel="squared error / variance", yscale="log", ylim=(5e-4, 3))
    right.set(xlabel="weight of the divergence", xscale="log", yscale="log")
    left.legend(fontsize=7, frameon=False)
    save(figure, study.pictures / "latents.png")
