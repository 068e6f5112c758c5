"""Latents, errors and samples of the models of a cube's surface, for each variant of the project.

    python projects/cube_surface/study.py cube.jsonl

The README beside this file says what is counted.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.errors import UsageError
from baler_vae.explore import latents, sample
from baler_vae.explore.encoding import encode_rows
from baler_vae.explore.sweep_plan import Setting
from baler_vae.measures.classifier import classifier_auc
from baler_vae.settings.project import Project, read_project
from baler_vae.verbs.in_memory import source_of

sys.path.append(str(Path(__file__).resolve().parents[1]))

from generate import points
from studies import (
    N_SHOWN,
    Columns,
    Record,
    arguments_of,
    draw,
    fitted,
    listed,
    points_of,
    repeated,
    settings_of,
    shown,
    stacked,
)

ROWS = 100_000
HELD_OUT_ROWS = 10_000
MIXTURE_ROWS = {"three latents": 20_000}
"""Training rows to whose latents a mixture is fitted, where a variant lives by it."""
FEW_ROWS = 5_000
"""The same of others, whose mixtures are fitted with the first seed alone."""
NEAR, NEARER = 0.05, 0.02
GRID = 0.02
"""Rows and samples are rounded to multiples of this before they are compared."""
FORMATS = {
    "error %": ".3f",
    "error": ".6f",
    "rate": ".2f",
    "least rate": ".2f",
    "most rate": ".2f",
    "bound %": ".4f",
    "worst mean": ".4f",
    "worst variance": ".4f",
    "MMD": ".4f",
    "KL": ".3f",
    "on 0.02": ".1%",
    "on 0.05": ".1%",
    "AUC": ".3f",
}

SLICE = 0.25
"""The picture shows points whose z is nearer to 0 than this: their x and y, which lie on a square."""
PANELS = {
    "f2, prior": ("f2, snr 15", "prior"),
    "f4, prior": ("f4", "prior"),
    "three latents, mixture": ("three latents", "mixture"),
    "density": ("density", "density"),
}
"""Its panels beside the data: lines of the table and sources of samples."""


def rows_of(n_rows: int, seed: int) -> Columns:
    """The columns of so many points of a cube of side 1."""
    table = points(n_rows, seed)
    return {name: table[name] for name in "xyz"}


def distance_of(drawn: NDArray[np.float64], side: float = 1.0) -> NDArray[np.float64]:
    """The distance of points float64 (rows, 3) from the surface of a cube, float64 (rows,)."""
    beyond = np.abs(drawn) - side / 2
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    return outside + np.maximum(-beyond.max(axis=1), 0)


def of_latents(codec: Codec, held_out: Columns, training: Columns, seed: int) -> Record:
    """What is found of the latents of a codec: errors, rates and distances from the prior of held-out rows, and means
    and variances of the posterior's means of training rows, of which there are enough.
    """
    (found,) = latents(codec, dict(held_out), clusters=0, tsne=False, seed=seed).groups
    means = encode_rows(codec, source_of(dict(training)), "events").means.astype(np.float64)
    record: Record = {
        "MMD": found.prior.mmd,
        "KL": found.prior.knn_kl,
        "worst mean": float(np.abs(means.mean(axis=0)).max()),
        "worst variance": float(np.abs(means.var(axis=0) - 1).max()),
    }
    error = found.rates.distortion_of_means
    for point in found.rates.points:
        error, rates = point.distortion, [latent.rate or 0.0 for latent in found.latents]
        bound = found.rates.bound_at(point.rate)
        record |= {"rate": point.rate, "least rate": min(rates), "most rate": max(rates), "bound %": 100 * bound}
    if error is not None:
        variance = float(stacked(held_out).var(axis=0).mean())
        record |= {"error %": 100 * error, "error": error * variance}
    return record


def measured(
    project: Project, setting: Setting, seed: int, *, n_rows: int = ROWS, n_samples: int = HELD_OUT_ROWS
) -> Iterator[Record]:
    """What is found of a setting and a seed, for each source of samples. Rows are the same for all seeds: the spread is
    that of fits and of samples.
    """
    training, held_out = rows_of(n_rows, seed=1), rows_of(n_samples, seed=2)
    codec = fitted(project, setting, seed, training)
    has_latents = codec.models["events"].decoder is not None
    record = of_latents(codec, held_out, training, seed) if has_latents else {}
    n_few = MIXTURE_ROWS.get(setting.variant, FEW_ROWS)
    few = {name: values[:n_few] for name, values in training.items()}
    for source in ("prior", "mixture") if has_latents else ("density",):
        if source == "mixture" and n_few == FEW_ROWS and seed > 1:
            continue
        try:
            data = sample(codec, n_samples, source=source, training=few, seed=seed, library="np").data
        except UsageError:  # a plain autoencoder has no prior
            continue
        drawn = stacked(data)
        far = distance_of(drawn)
        auc = classifier_auc(*(np.rint(rows / GRID) for rows in (stacked(held_out), drawn)), seed=seed)
        on = {"on 0.02": float(np.mean(far <= NEARER)), "on 0.05": float(np.mean(far <= NEAR))}
        yield {"from": source, **record, **on, "AUC": auc.value, "error of AUC": auc.error, **shown(drawn, seed)}


def main() -> None:
    """Read the command line, measure and print the table."""
    project = read_project(Path(__file__).parent / "project.toml")
    arguments = arguments_of(__doc__, project.sweep.seeds if project.sweep is not None else ())
    tasks = ((setting, seed) for setting in settings_of(project, arguments.only) for seed in arguments.seeds)
    found = repeated(arguments.output, tasks, lambda setting, seed: measured(project, setting, seed))
    if arguments.figure is not None:
        panels = {"data": stacked(rows_of(N_SHOWN, seed=2))}
        panels |= {title: points_of(found, *of) for title, of in PANELS.items()}
        slices = {title: own[np.abs(own[:, 2]) < SLICE][:, :2] for title, own in panels.items()}
        draw(arguments.figure, slices, reach=0.8)
    print(*listed(found, ("model", "from"), FORMATS), sep="\n")


if __name__ == "__main__":
    main()
