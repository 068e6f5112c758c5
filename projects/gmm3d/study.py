"""What samples of ten Gaussians are worth: modes, rows near a mode, and a classifier, for each variant of the project.

    python projects/gmm3d/study.py gmm3d.jsonl

The README beside this file says what is counted.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_vae.codec.codec import Codec
from baler_vae.explore import sample
from baler_vae.explore.latent_draws import LatentSource
from baler_vae.explore.sweep_plan import Setting
from baler_vae.measures.classifier import classifier_auc
from baler_vae.settings.project import Project, read_project

sys.path.append(str(Path(__file__).resolve().parents[1]))

from generate import means_of, points
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

ROWS = {"three latents, 10,000 rows": 10_000, "density": 1_000_000}
"""Rows that a variant is fitted to, where these are not those of the recipe."""
RECIPE_ROWS = 1_000
HELD_OUT_ROWS = 10_000
RADIUS = 3.0
LEAST_PART = 0.02
"""Of the samples, in a mode that counts as found."""
MODE_SAMPLES = 1_000
"""Samples among which modes are counted."""
FORMATS = {"loss at start": ".3f", "loss at end": ".4f", "modes": ".1f", "near": ".2%", "AUC": ".3f"}

PANELS = {
    "two latents, prior": ("two latents, beta 0.001", "prior"),
    "two latents, mixture": ("two latents, beta 0.001", "mixture"),
    "three latents, mixture": ("three latents, 10,000 rows", "mixture"),
    "density": ("density", "density"),
}
"""The panels of the picture beside the data: lines of the table and sources of samples."""


def rows_of(n_rows: int, seed: int) -> Columns:
    """The columns of so many points."""
    table = points(n_rows, seed)
    return {name: table[name] for name in "xyz"}


def modes_of(drawn: NDArray[np.float64]) -> tuple[int, float]:
    """How many modes points float64 (rows, 3) reach, and the part of them that is near a mode."""
    distances = np.linalg.norm(drawn[:, None] - means_of(1), axis=2)  # (rows, modes)
    near = distances.min(axis=1) <= RADIUS
    parts = np.bincount(distances.argmin(axis=1)[near], minlength=distances.shape[1]) / len(drawn)
    return int(np.count_nonzero(parts >= LEAST_PART)), float(near.mean())


def losses_of(codec: Codec, data: Columns) -> Record:
    """The loss of an autoencoder before its training, when its outputs are zero, and in the last epoch; of values that
    are scaled to [0, 1].
    """
    epochs = codec.history.get("events", [])
    if not codec.models["events"].n_latents or not epochs:
        return {}
    values = stacked(data)
    scaled = (values - values.min(axis=0)) / np.ptp(values, axis=0)
    return {"loss at start": float(np.mean(scaled**2)), "loss at end": epochs[-1]["training_loss"]}


def sources_of(codec: Codec) -> tuple[LatentSource, ...]:
    """Where the latents of samples come from; rows of a density have none."""
    return ("prior", "mixture") if codec.models["events"].decoder is not None else ("density",)


def measured(
    project: Project, setting: Setting, seed: int, *, n_rows: int | None = None, n_samples: int = HELD_OUT_ROWS
) -> Iterator[Record]:
    """What is found of a setting and a seed, for each source of samples. Rows are the same for all seeds: the spread is
    that of fits and of samples.
    """
    training = rows_of(n_rows or ROWS.get(setting.variant, RECIPE_ROWS), seed=1)
    held_out = rows_of(n_samples, seed=2)
    codec = fitted(project, setting, seed, training)
    if codec.models["events"].decoder is None:  # samples lie on the grid of the bound, so the rows have to
        held_out = codec.decode(codec.encode(dict(held_out)))
    for source in sources_of(codec):
        drawn = stacked(sample(codec, n_samples, source=source, training=dict(training), seed=seed, library="np").data)
        found = {"modes": modes_of(drawn[:MODE_SAMPLES])[0], "near": modes_of(drawn)[1]}
        auc = classifier_auc(stacked(held_out), drawn, seed=seed)
        losses = losses_of(codec, training) if setting.variant == "two latents" else {}
        yield {"from": source, **losses, **found, "AUC": auc.value, "error of AUC": auc.error, **shown(drawn, seed)}


def main() -> None:
    """Read the command line, measure and print the table."""
    project = read_project(Path(__file__).parent / "project.toml")
    arguments = arguments_of(__doc__, project.sweep.seeds if project.sweep is not None else ())
    tasks = ((setting, seed) for setting in settings_of(project, arguments.only) for seed in arguments.seeds)
    found = repeated(arguments.output, tasks, lambda setting, seed: measured(project, setting, seed))
    if arguments.figure is not None:
        panels = {"data": stacked(rows_of(N_SHOWN, seed=2))}
        panels |= {title: points_of(found, *of) for title, of in PANELS.items()}
        draw(arguments.figure, {title: own[:, :2] for title, own in panels.items()}, reach=10)
    print(*listed(found, ("model", "from"), FORMATS), sep="\n")


if __name__ == "__main__":
    main()
