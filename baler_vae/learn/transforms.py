"""Transforms fitted to the values of a column."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from baler_vae.model.transform import Transform, TransformKind

_KNOTS = (65, 257)
"""Fewest and most knots of a curved transform: one per thousand rows between them."""
_TAIL_SCORE = 4.0
"""The largest score of a quantile transform, in standard deviations. Chosen by hand; not measured."""
_SCORE_STEP = 2.0**-12
"""Scores of knots are multiples of this, so that they take few bytes."""
_SPIKE_FRACTION = 0.02
"""The part of the rows that share one value for that value to get a plateau."""
_PLATEAU_EDGE = 1 / 32
"""The part of a plateau that is left to the slope at each of its ends, so that neighbouring plateaus stay apart."""
_LEAST_RANGE = 1e-150
"""The range of a column below which it counts as constant: the squares of such differences vanish in float64."""
_RESOLUTION_BITS = 200
"""Values that differ by less than 2^-200 of the range count as equal: slopes must stay finite."""
_NORMAL = NormalDist()


def fit_transform(kind: TransformKind, values: NDArray[np.generic]) -> Transform:
    """The transform of a kind for the finite values (rows,) of a column, whose squares are finite in float64; a column
    of one value becomes `constant`.

    `standard` gives mean 0 and variance 1, `min-max` the range 0 to 1, `asinh` compresses both tails beyond the median
    absolute deviation, `quantile` makes the scores normal and gives spikes their plateaus; the last two are scaled to
    mean 0 and variance 1 as well.
    """
    x = np.sort(values.astype(np.float64))
    if x[-1] - x[0] < _LEAST_RANGE:
        return Transform("constant", x[:1], np.zeros(1))
    # Values that differ by less would have a slope between them beyond all bounds.
    resolution = 2.0 ** (math.frexp(x[-1] - x[0])[1] - _RESOLUTION_BITS)
    x = np.rint(x / resolution) * resolution
    if kind == "min-max":
        return Transform(kind, x[[0, -1]], np.array([0.0, 1.0]))
    if kind == "standard":
        mean, width = float(x.mean()), float(x.std())
        return Transform(kind, np.array([mean, mean + width]), np.array([0.0, 1.0]))
    knots = _asinh_knots(x) if kind == "asinh" else _quantile_knots(x)
    return _scaled(Transform(kind, *knots), x)


def _scaled(transform: Transform, x: NDArray[np.float64]) -> Transform:
    """The same transform with scores of mean 0 and variance 1 over `x`, on few bits."""
    scores = transform.forward(x).astype(np.float64)
    scaled = (transform.scores - scores.mean()) / scores.std()
    scaled = np.rint(scaled / _SCORE_STEP) * _SCORE_STEP
    distinct = np.append(True, np.diff(scaled) > 0)
    return Transform(transform.kind, transform.values[distinct], scaled[distinct])


def _asinh_knots(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    centre = float(np.median(x))
    scale = float(np.median(np.abs(x - centre))) or float(x.std())
    scale = max(scale, 2.0 ** (-_RESOLUTION_BITS / 2) * float(x[-1] - x[0]))
    low, high = np.arcsinh((x[[0, -1]] - centre) / scale)
    scores = np.linspace(low, high, _n_knots(x))
    return _rising(_short(centre + scale * np.sinh(scores)), scores)


def _quantile_knots(x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    tail = min(_TAIL_SCORE, -_NORMAL.inv_cdf(0.5 / len(x)))
    scores = np.linspace(-tail, tail, _n_knots(x))
    values = _short(np.quantile(x, [_NORMAL.cdf(score) for score in scores]))
    values[[0, -1]] = x[[0, -1]]
    spikes = _spikes(x)
    margin = tail / len(scores)
    for _, low, high in spikes:
        apart = (scores < low - margin) | (scores > high + margin)
        values, scores = values[apart], scores[apart]
    for value, low, high in spikes:
        edge = _PLATEAU_EDGE * (high - low)
        below, above = np.minimum(values[scores < low], value), np.maximum(values[scores > high], value)
        values = np.concatenate([below, [value, value], above])
        scores = np.concatenate([scores[scores < low], [low + edge, high - edge], scores[scores > high]])
    return _rising(values, scores)


def _n_knots(x: NDArray[np.float64]) -> int:
    return min(max(len(x) // 1000, _KNOTS[0]), _KNOTS[1])


def _spikes(x: NDArray[np.float64]) -> list[tuple[float, float, float]]:
    """Each value that many rows share, with the scores between which its plateau lies; `x` is sorted."""
    values, first, counts = np.unique(x, return_index=True, return_counts=True)
    spikes = []
    for i in np.flatnonzero(counts >= max(2, _SPIKE_FRACTION * len(x))):
        below, above = first[i] / len(x), (first[i] + counts[i]) / len(x)
        middle = _NORMAL.inv_cdf((below + above) / 2)
        # A spike at the end of the range has no neighbour on one side: its plateau is symmetric about its middle.
        low = _NORMAL.inv_cdf(below) if below > 0 else 2 * middle - _NORMAL.inv_cdf(above)
        high = _NORMAL.inv_cdf(above) if above < 1 else 2 * middle - low
        spikes.append((float(values[i]), low, high))
    return spikes


def _short(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Knots that do not fall, rounded to float32 to take few bytes, unless that makes different ones equal."""
    with np.errstate(over="ignore"):
        short = values.astype(np.float32).astype(np.float64)
    kept = np.isfinite(short).all() and not np.any((np.diff(short) == 0) & (np.diff(values) > 0))
    return short if kept else values


def _rising(
    values: NDArray[np.float64], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.maximum.accumulate(values), scores
