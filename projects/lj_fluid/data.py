"""Rows of the fluid's file, what studies are made with, and where their results go."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fluid import matrices
from models import Recipe, Trained, built, inputs_of, pairs_of, trained
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parent
Floats = NDArray[np.floating[Any]]
Record = dict[str, Any]

PARTS = {"training": (0.0, 0.8), "validation": (0.8, 0.9), "test": (0.9, 1.0)}
"""The configurations of each gamma, in the order of the file."""

RECIPES = {
    "dense on distances": Recipe("distances", "distances"),
    "plain convolutions on the image": Recipe("image", "image", hidden=(256,), has_line=False),
    "convolutions on rows": Recipe("rows", "rows", hidden=(256,), channels=(64, 64)),
    "dense on distances, ends in points": Recipe("distances", "points"),
    "convolutions on rows, end in points": Recipe("rows", "points", channels=(64, 32), kernel=1),
    "upright points, ends in points": Recipe("upright", "points", epochs=4),
    "coordinates, ends in points": Recipe("coordinates", "points", epochs=4),
}
"""The models that studies compare."""


FEWER_SEEDS = {"codec": (1, 2)}
"""The seeds of fits that take long, of those that are asked for; others have all."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Configurations with particles from the lowest to the highest: `coordinates` float32 (n, particles, 2) and `gamma`
    float32 (n,).
    """

    coordinates: NDArray[np.float32]
    gamma: NDArray[np.float32]

    @cached_property
    def matrices(self) -> NDArray[np.float32]:
        """Distances float32 (n, particles, particles)."""
        return matrices(self.coordinates)

    @cached_property
    def pairs(self) -> NDArray[np.float32]:
        """Distances of pairs float32 (n, pairs)."""
        return pairs_of(self.matrices)

    def __len__(self) -> int:
        return len(self.gamma)

    def as_mapping(self) -> dict[str, Floats]:
        """What a training takes."""
        return {"coordinates": self.coordinates, "matrices": self.matrices}

    def taken(self, rows: NDArray[np.generic]) -> "Rows":
        """Some rows."""
        return Rows(self.coordinates[rows], self.gamma[rows])


@dataclass(frozen=True)
class Study:
    """With what a study is made: the file of `data`, beside which fits are kept, the folders of `results` and of
    `pictures`, `seeds`, the most training and test rows of each gamma, and by how much `epochs` are multiplied.
    """

    data: Path
    results: Path = FOLDER / "results"
    pictures: Path = FOLDER
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    n_training: int = 4_000
    n_test: int = 1_000
    epochs: float = 1.0
    _read: dict[str, Rows] = field(default_factory=dict, compare=False, repr=False)
    _trained: dict[tuple[Recipe, int], Trained] = field(default_factory=dict, compare=False, repr=False)

    def rows(self, part: str) -> Rows:
        """Rows of a part: as many of each gamma."""
        if part not in self._read:
            self._read[part] = self._rows(part)
        return self._read[part]

    def _rows(self, part: str) -> Rows:
        with np.load(self.data) as arrays:
            coordinates, gamma = arrays["coordinates"], arrays["gamma"]
        most = self.n_training if part == "training" else self.n_test
        chosen = []
        for value in np.unique(gamma):
            own = np.flatnonzero(gamma == value)
            first, last = (round(edge * len(own)) for edge in PARTS[part])
            chosen.append(own[first:last][:most])
        return Rows(coordinates[np.concatenate(chosen)], gamma[np.concatenate(chosen)])

    def model(self, recipe: Recipe, seed: int) -> Trained:
        """The model of a recipe, trained once."""
        recipe = replace(recipe, epochs=max(1, round(recipe.epochs * self.epochs)))
        if (recipe, seed) not in self._trained:
            self._trained[recipe, seed] = self._kept(recipe, seed)
        return self._trained[recipe, seed]

    def kept(self, suffix: str, *of: object) -> Path:
        """Where a fit of these settings is kept."""
        name = hashlib.sha256(repr((self.n_training, *of)).encode()).hexdigest()[:16]
        path = self.data.parent / "fits" / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _kept(self, recipe: Recipe, seed: int) -> Trained:
        path = self.kept(".pt", recipe, seed)
        training = self.rows("training")
        if path.exists():
            found = torch.load(path, weights_only=True)
            few = training.taken(np.arange(0, len(training), max(1, len(training) // 100)))
            network = built(recipe, few.as_mapping(), seed)
            network.load_state_dict(found["network"])
            return Trained(network, tuple(found["errors"]))
        made = trained(recipe, training.as_mapping(), self.rows("validation").as_mapping(), seed)
        torch.save({"network": made.network.state_dict(), "errors": list(made.errors)}, path)
        return made

    def seeds_of(self, name: str) -> tuple[int, ...]:
        """The seeds of a fit: one at least."""
        return tuple(seed for seed in self.seeds if seed in FEWER_SEEDS.get(name, self.seeds)) or self.seeds[:1]

    def write(self, name: str, found: object) -> None:
        """Write what a study found, as JSON."""
        self.results.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=1, allow_nan=False)
        (self.results / f"{name}.json").write_text(text + "\n", "utf-8")


def seen_of(model: Trained, rows: Rows) -> NDArray[np.float32]:
    """What the encoder of a model sees of rows."""
    return inputs_of(model.network.recipe.seen, rows.matrices, rows.coordinates)


def share(restored: Floats, rows: Rows) -> float:
    """The squared error of restored distances (n, pairs) as a share of the variance of the rows' distances."""
    variance = np.square(rows.pairs - rows.pairs.mean(axis=0), dtype=np.float64).sum()
    return float(np.square(restored - rows.pairs, dtype=np.float64).sum() / variance)


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of rows (n, numbers)."""

    mean: Floats
    vectors: Floats

    @classmethod
    def of(cls, values: Floats) -> "Components":
        """Those of values (n, numbers), from the largest spread on."""
        mean = values.mean(axis=0, dtype=np.float64)
        vectors = np.linalg.eigh(np.cov((values - mean).T))[1]
        return cls(mean, vectors[:, ::-1])

    def latents(self, values: Floats, k: int) -> Floats:
        """The first k components (n, k) of values (n, numbers)."""
        found: Floats = (values - self.mean) @ self.vectors[:, :k]
        return found

    def restored(self, values: Floats, k: int) -> Floats:
        """What k components leave of values (n, numbers)."""
        found: Floats = self.latents(values, k) @ self.vectors[:, :k].T + self.mean
        return found
