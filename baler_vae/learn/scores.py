"""Columns as an autoencoder sees them: scores, under transforms that are chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from baler_vae.learn.transforms import fit_transform
from baler_vae.model.group import Shapes, cells_of, places_of, scores_of
from baler_vae.model.transform import Transform, TransformKind
from baler_vae.progress import Progress
from baler_vae.settings.model import ModelSettings
from baler_vae.table.schema import matches

_TRIAL_ROWS = 20_000
"""Rows of the brief training that chooses transforms. Chosen by hand; not measured."""
_CANDIDATES: tuple[TransformKind, ...] = ("standard", "asinh", "quantile")
"""What `auto` tries; `min-max` differs from `standard` only by a scale, which is a column weight."""
_OF_ARRAYS: TransformKind = "standard"
"""What `auto` takes for the cells of arrays, which are too many to try: errors are then those of the values, and zeros
of images stay as far from each other as they were.
"""
_MOST_SCORES = 1 << 26
"""The most scores of arrays that a network is trained on, 256 MB: of more rows a random choice is taken."""
_TRANSFORMED_CELLS = 1 << 22
"""Cells of an array column that its transform is fitted to, evenly spaced ones and the ends of their range."""

Columns = Mapping[str, NDArray[np.generic]]
Restored = Callable[["Scored"], Mapping[str, NDArray[np.generic]]]
"""Trains a network briefly and gives the values of the validation rows as they come back."""


@dataclass(frozen=True)
class Scored:
    """The columns `names` as a network sees them: their transforms, and scores float32 (rows, scores) of the rows that
    it is trained on and judged by, and the weight of each, float32 (scores,), of mean 1. Columns of arrays have
    `shapes` and a score for each cell, which stand side by side where they are `interleaved`.
    """

    names: tuple[str, ...]
    transforms: tuple[Transform, ...]
    training: NDArray[np.float32]
    validation: NDArray[np.float32]
    weights: NDArray[np.float32]
    shapes: Shapes = ()
    interleaved: bool = False


def score(
    columns: Columns, settings: ModelSettings, progress: Progress, *, restored: Restored, interleaved: bool = False
) -> Scored:
    """The columns (rows,) or (rows, *shape) as a network sees them, split into training and validation rows;
    transforms of columns of numbers are tried by what is `restored`.
    """
    names, shapes = tuple(columns), shapes_of(columns)
    n_rows, n_scores = len(columns[names[0]]), sum(cells_of(len(columns), shapes))
    training_rows, validation_rows = split(n_rows, settings)
    if shapes and n_rows * n_scores > _MOST_SCORES:
        part = _MOST_SCORES / (n_rows * n_scores)
        training_rows, validation_rows = (
            rows[: max(1, int(len(rows) * part))] for rows in (training_rows, validation_rows)
        )
    weights = column_weights(names, settings, shapes, interleaved=interleaved)
    taken = _take(columns, training_rows)
    transforms = _choose_transforms(taken, weights, shapes, settings, progress, restored=restored)

    def scores(values: Columns) -> NDArray[np.float32]:
        return scores_of(names, transforms, values, shapes, interleaved=interleaved)

    training, validation = scores(taken), scores(_take(columns, validation_rows))
    return Scored(names, transforms, training, validation, weights, shapes, interleaved)


def shapes_of(columns: Columns) -> Shapes:
    """The shapes of the arrays in each row of columns (rows, *shape); none where all hold numbers."""
    shapes = tuple(array.shape[1:] for array in columns.values())
    return shapes if any(shapes) else ()


def split(n_rows: int, settings: ModelSettings) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The training and the validation rows; the same where there are too few to be split."""
    rows = np.random.default_rng(settings.seed).permutation(n_rows) if settings.shuffle else np.arange(n_rows)
    n_validation = round(n_rows * settings.validation_fraction)
    if not 0 < n_validation < n_rows:
        return rows, rows
    return rows[:-n_validation], rows[-n_validation:]


def _take(columns: Columns, rows: NDArray[np.intp]) -> dict[str, NDArray[np.generic]]:
    return {name: array[rows] for name, array in columns.items()}


def column_weights(
    names: Sequence[str], settings: ModelSettings, shapes: Shapes = (), *, interleaved: bool = False
) -> NDArray[np.float32]:
    """The weight of each score, that of its column, mean 1; the last glob that matches a name decides."""
    weights = np.ones(sum(cells_of(len(names), shapes)), np.float32)
    places = places_of(len(names), shapes, interleaved=interleaved)
    for pattern, weight in settings.weights.items():
        for name, place in zip(names, places, strict=True):
            if matches(name, pattern):
                weights[place] = weight
    weights /= weights.mean()
    return weights


def _choose_transforms(
    columns: Columns,
    weights: NDArray[np.float32],
    shapes: Shapes,
    settings: ModelSettings,
    progress: Progress,
    *,
    restored: Restored,
) -> tuple[Transform, ...]:
    """The transform of each column: what the settings say, or the candidate of least validation loss.

    Each candidate is tried on all columns of numbers at once by a short training on a sample; the loss is the mean
    change of a value's rank, which has the same scale for every column and every transform.
    """
    fixed: dict[str, TransformKind] = {
        name: kind for pattern, kind in settings.transforms.items() for name in columns if matches(name, pattern)
    }
    chosen = settings.transform
    if settings.objective is not None and settings.objective.reconstruction == "cross_entropy":
        chosen = "min-max"
    if chosen != "auto":
        fixed = {name: fixed.get(name, chosen) for name in columns}
    for name, shape in zip(columns, shapes, strict=False):
        if shape:
            fixed.setdefault(name, _OF_ARRAYS)
    if len(fixed) < len(columns):
        fixed |= _try_transforms(columns, fixed, weights, settings, progress, restored=restored)
    return tuple(_transform_of(fixed[name], array) for name, array in columns.items())


def _transform_of(kind: TransformKind, values: NDArray[np.generic]) -> Transform:
    """The transform of a kind for all values of a column, those of arrays by some of their cells."""
    cells = values.reshape(-1)
    step = -(-cells.size // _TRANSFORMED_CELLS)
    if step > 1:
        cells = np.concatenate([cells[::step], [cells.min(), cells.max()]])
    return fit_transform(kind, cells)


def _try_transforms(
    columns: Columns,
    fixed: Mapping[str, TransformKind],
    weights: NDArray[np.float32],
    settings: ModelSettings,
    progress: Progress,
    *,
    restored: Restored,
) -> dict[str, TransformKind]:
    rows = np.random.default_rng(settings.seed).permutation(len(next(iter(columns.values()))))[:_TRIAL_ROWS]
    training_rows, validation_rows = split(len(rows), settings.model_copy(update={"shuffle": True}))
    names, shapes = tuple(columns), shapes_of(columns)
    training, validation = _take(columns, rows[training_rows]), _take(columns, rows[validation_rows])
    losses: dict[str, dict[TransformKind, float]] = {name: {} for name in columns if name not in fixed}
    for done, kind in enumerate(_CANDIDATES):
        progress(f"transforms ({kind})", done, len(_CANDIDATES))
        transforms = tuple(_transform_of(fixed.get(name, kind), array) for name, array in training.items())
        trained, judged = (scores_of(names, transforms, part, shapes) for part in (training, validation))
        found = restored(Scored(names, transforms, trained, judged, weights, shapes))
        for name, by_kind in losses.items():
            by_kind[kind] = _rank_change(np.sort(training[name]), validation[name], found[name])
    return {name: min(by_kind, key=by_kind.__getitem__) for name, by_kind in losses.items()}


def _rank_change(ordered: NDArray[np.generic], original: NDArray[np.generic], restored: NDArray[np.generic]) -> float:
    """The mean change of rank within `ordered` (sorted values), between 0 and 1."""

    def ranks(values: NDArray[np.generic]) -> NDArray[np.float64]:
        low = np.searchsorted(ordered, values, side="left")
        return (low + np.searchsorted(ordered, values, side="right")) / (2 * len(ordered))

    return float(np.abs(ranks(original) - ranks(restored.astype(original.dtype))).mean())
