"""Small networks of cells to test with, and fields of cells, drawn at random."""

from itertools import pairwise

import numpy as np

from baler_vae.fitting.taps import causal_offsets
from baler_vae.grid.codes import SPECIAL, dequantise_column
from baler_vae.grid.grids import Integers, Pattern, Step
from baler_vae.grid.numbers import CODE_LIMIT
from baler_vae.model.cell_fields import CellField, Known
from baler_vae.model.cells import CellInput, Cells, Predictor, Seen
from baler_vae.model.conditional import Conditional, Input

from .conditionals import alphabet_of, layer_of

GRIDS = (
    (Integers(), "i8"),
    (Integers(), "u8"),
    (Integers(), "u1"),
    (Step(0.5), "f8"),
    (Step(0.01), "f4"),
    (Pattern(), "f8"),
)
"""Grids and dtypes of columns."""
SOURCES = {7: 3, 9: 255}
"""The ranges of the sources that there are, by number."""
OTHERS = {4: 5}
"""Those of the columns of arrays."""


def predictors_of(n_offsets, rng, *, geometric):
    """Some predictors, that of points among them."""
    found = []
    for _ in range(int(rng.integers(0, 3)) if n_offsets else 0):
        taps = np.sort(rng.choice(n_offsets, int(rng.integers(1, n_offsets + 1)), replace=False)).astype(np.int64)
        weights = rng.integers(-(1 << 15) + 1, 1 << 15, len(taps)) >> int(rng.integers(0, 8))
        found.append(Predictor(taps, weights.astype(np.int16), float(rng.normal())))
    if geometric:
        points = Predictor(np.empty(0, np.int64), np.empty(0, np.int16), 1.0)
        found.insert(int(rng.integers(0, len(found) + 1)), points)
    return tuple(found)


def cells_of(shape, seed, *, lags=0, mirrored=False, geometric=False, hidden=(6,)):
    """A network of random weights that sees some of all that there is."""
    rng = np.random.default_rng(seed)
    pool = causal_offsets(shape, (2,) * len(shape), lags=0 if geometric else lags)
    chosen = rng.permutation(len(pool))[: int(rng.integers(0, 7))]
    offsets = tuple(pool[k] for k in chosen)
    predictors = predictors_of(len(offsets), rng, geometric=geometric)
    numbers = {
        **dict.fromkeys((Seen.RELATIVE, Seen.RESIDUAL, Seen.VALUE), range(len(offsets))),
        **dict.fromkeys((Seen.PREDICTED, Seen.DIFFERENCE), range(len(predictors))),
        Seen.COORDINATE: range(len(shape)),
        Seen.SOURCE: SOURCES,
        Seen.SAME_CELL: OTHERS,
        Seen.MIRRORED: range(int(mirrored)),
    }
    every = [
        CellInput(kind, k, -1 if kind in (Seen.COORDINATE, Seen.MIRRORED) else int(rng.integers(-1, 4)))
        for kind, own in numbers.items()
        for k in own
    ]
    inputs = tuple(every[k] for k in rng.permutation(len(every))[: int(rng.integers(1, 12))])
    n_ranges, layers = int(rng.integers(1, 8)), []
    widths = [len(inputs), *hidden, n_ranges + 1]
    for number, (n_inputs, n_outputs) in enumerate(pairwise(widths)):
        layer = layer_of(n_inputs, n_outputs, rng, shift=6 if number < len(hidden) else 8)
        layer.weights[:, rng.random(n_inputs) < 0.3] = 0
        layers.append(layer)
    network = Conditional(alphabet_of(n_ranges, seed), tuple(map(Input, range(len(inputs)))), tuple(layers))
    view = alphabet_of(int(rng.integers(1, 255)), seed + 1)
    predicted = bool(predictors) and bool(rng.integers(0, 2))
    return Cells(shape, network, inputs, view, offsets, predictors, predicted=predicted, mirrored=mirrored)


def codes_of(n_codes, grid, dtype, rng):
    """Codes int64 (n,) near zero, the farthest, and special ones, and their values."""
    dtype = np.dtype(dtype)
    if grid.holds_everything:
        values = rng.integers(0, 50, n_codes).astype(dtype)
        far = rng.random(n_codes) < 0.2
        values[far] = rng.integers(0, 256, (int(far.sum()), dtype.itemsize)).astype(np.uint8).view(dtype)[:, 0]
        return grid.quantise(values), values
    codes = rng.integers(-20, 20, n_codes)
    far, special = rng.random((2, n_codes)) < 0.15
    codes[far] = rng.integers(-CODE_LIMIT + 1, CODE_LIMIT, int(far.sum()))
    codes[special] = SPECIAL + rng.integers(0, 5, int(special.sum()))
    verbatim = rng.integers(0, 1 << 8 * dtype.itemsize - 1, int((codes == SPECIAL).sum()), np.uint64, endpoint=True)
    with np.errstate(all="ignore"):
        return codes, dequantise_column(codes, verbatim, grid, dtype)


def known_of(n_cells, n_rows, rng):
    """What networks see besides."""
    return Known(
        {k: rng.integers(0, 64 * n, n_rows).astype(np.int32) for k, n in SOURCES.items()},
        SOURCES,
        {k: rng.integers(0, 64 * n, n_cells * n_rows).astype(np.int16) for k, n in OTHERS.items()},
        OTHERS,
    )


def field_of(cells, n_rows, seed, grid=Step(0.5), dtype="f8"):  # noqa: B008  a frozen value
    """Cells of a column, all of them known, and the same of which nothing is known; their values."""
    rng = np.random.default_rng(seed)
    n_cells = int(np.prod(cells.shape))
    codes, values = codes_of(n_cells * n_rows, grid, dtype, rng)
    known = known_of(n_cells, n_rows, rng)
    field, empty = (CellField(cells, grid, values.dtype, n_rows, known) for _ in range(2))
    field.fill(codes, values.reshape(n_rows, *cells.shape))
    return field, empty, values
