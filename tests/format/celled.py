"""Archives of arrays whose cells are coded under networks drawn at random: every kind of input, without a training."""

from dataclasses import replace

import numpy as np

import baler_vae
from baler_vae.entropy.alphabet import fit_alphabet
from baler_vae.grid.codes import quantise_column
from baler_vae.grid.grids import Integers, Pattern
from baler_vae.model.cells import CellInput, Cells, Predictor, Seen, numbered
from baler_vae.model.columns import Celled
from baler_vae.model.conditional import Conditional, Input

from ..model.conditionals import layer_of


def network_of(codes, n_inputs, seed):
    """A network of random weights under an alphabet of codes."""
    rng = np.random.default_rng(seed)
    alphabet = fit_alphabet(codes, range_bits=30, largest=20)
    layers = (layer_of(n_inputs, 6, rng, shift=8), layer_of(6, alphabet.n_symbols, rng, shift=8, bias=40))
    return numbered(Conditional(alphabet, tuple(Input(0) for _ in range(n_inputs)), layers))


def predictor(taps, weights, fill=0.5):
    return Predictor(np.array(taps, np.int64), np.array(weights, np.int16), fill)


POINTS = predictor([], [])


def every_input(shape, offsets, n_predictors, *, predicted=False, mirrored=False, sources=(), others=()):
    """An input of each kind at each place, some of single ranges."""
    inputs = [CellInput(kind, k) for kind in (Seen.RELATIVE, Seen.RESIDUAL, Seen.VALUE) for k in range(len(offsets))]
    inputs += [CellInput(kind, k) for kind in (Seen.PREDICTED, Seen.DIFFERENCE) for k in range(n_predictors)]
    inputs += [CellInput(Seen.COORDINATE, axis) for axis in range(len(shape))]
    inputs += [CellInput(Seen.SOURCE, source, symbol) for source in sources for symbol in (-1, 0)]
    inputs += [CellInput(Seen.SAME_CELL, other, symbol) for other in others for symbol in (-1, 1)]
    inputs += [CellInput(Seen.SPREAD, side) for side in (0, 1) if predicted]
    inputs += [CellInput(entry.kind, entry.number, 1) for entry in inputs if entry.kind <= Seen.DIFFERENCE]
    return (*inputs, *([CellInput(Seen.MIRRORED)] if mirrored else []))


def celled(data, bound, plans, seed=0):
    """A codec under which the cells of some arrays are coded as the plans (keywords of `Cells`) say, and all else
    independently; sources and other columns are numbers of columns.
    """
    codec = baler_vae.fit(data, kind="independent", bound=bound)
    (model,) = codec.models.values()
    columns, views = dict(model.columns), {}
    for name, plan in plans.items():
        own = dict(plan)
        sources, others = own.pop("sources", ()), own.pop("others", ())
        grid = getattr(columns[name], "grid", None) or (Integers() if data[name].dtype.kind in "iub" else Pattern())
        codes = quantise_column(data[name], grid, codec.bounds[name]).codes
        shape, offsets, predictors = data[name].shape[1:], own.get("offsets", ()), own.get("predictors", ())
        mirrored = own.get("mirrored", False)
        inputs = every_input(
            shape,
            offsets,
            len(predictors),
            predicted=own.get("predicted", False),
            mirrored=mirrored,
            sources=sources,
            others=others,
        )
        coded = codes - np.median(codes).astype(np.int64) if own.get("predicted") else codes
        cells = Cells(
            shape=shape,
            network=network_of(coded, len(inputs), seed),
            inputs=inputs,
            view=fit_alphabet(codes, range_bits=30, largest=100),
            **own,
        )
        columns[name] = Celled(grid=grid, cells=cells)
        views |= {source: fit_alphabet(np.arange(9), range_bits=8) for source in sources}
    models = {group: replace(found, columns=columns, views=views) for group, found in codec.models.items()}
    return replace(codec, models=models)


def points(n_rows, m, seed=0):
    """Matrices of the distances of random points."""
    found = np.random.default_rng(seed).uniform(0, 10, (n_rows, m, 2))
    return np.sqrt(((found[:, :, None] - found[:, None]) ** 2).sum(axis=-1))


LAGS = {
    "offsets": ((0, -1, 0), (0, 0, -1), (0, -1, 1), (1, 0, 0), (2, -1, 3), (1, 2, -1)),
    "predictors": (predictor([0, 1, 2], [0, 2_000, -1_500]), predictor([1, 3], [77, 4_096], -1.0)),
}
FLAT = {"offsets": ((0, -1, 0), (0, 0, -1)), "predictors": (predictor([0, 1], [1, 2_048]),)}


def examples(seed=0):
    """(data, bound, plans) of small arrays of many kinds by name."""
    rng = np.random.default_rng(seed)
    field = np.cumsum(rng.normal(size=(9, 8, 9)), axis=2).astype(np.float32)
    shower = np.where(rng.random((12, 8, 8)) < 0.3, rng.exponential(5, (12, 8, 8)), 0).astype(np.float32)
    shower[3, 2, :6] = np.nan, np.inf, -np.inf, -0.0, 1e30, 3e38
    matrix = np.round(rng.normal(size=(6, 8, 8)), 2)
    matrix += matrix.transpose(0, 2, 1)
    matrix[2, 3, 5] = matrix[4, 6, 1] = np.nan  # which are not symmetric
    counts = rng.poisson(3, (7, 2, 3, 11)).astype(np.int16)
    number = rng.integers(0, 9, 12)
    return {
        "lags": ({"f": field}, "abs:0.05", {"f": {**LAGS, "predicted": True}}),
        "lags in bits": ({"f": field}, "bits:8", {"f": LAGS}),
        "showers": (
            {"n": number, "s": shower, "t": shower / 2},
            "abs:0.01",
            {"s": {**FLAT, "sources": (0,)}, "t": {**LAGS, "predicted": True, "others": (1,)}},
        ),
        "exact": ({"n": number, "s": shower}, "exact", {"s": {**FLAT, "predicted": True, "sources": (0,)}}),
        "mirrored": ({"m": matrix}, "abs:0.01", {"m": {**FLAT, "predicted": True, "mirrored": True}}),
        "mirrored alone": ({"m": matrix}, "bits:9", {"m": {"mirrored": True}}),
        "points": (
            {"d": points(4, 9)},
            "abs:0.01",
            {"d": {**FLAT, "predictors": (POINTS, *FLAT["predictors"]), "predicted": True, "mirrored": True}},
        ),
        "points in bits": ({"d": points(3, 9)}, "bits:10", {"d": {"predictors": (POINTS,), "predicted": True}}),
        "counts": (
            {"c": counts, "flags": counts > 2},
            "exact",
            {
                "c": {
                    "offsets": ((0, -1, 2, 3), (0, 0, 0, -1), (3, 1, 1, 1)),
                    "predictors": (predictor([0, 1, 2], [5, 6, 7]),),
                },
                "flags": {
                    "offsets": ((0, 0, 0, -2),),
                    "predictors": (predictor([0], [9]),),
                    "predicted": True,
                    "others": (0,),
                },
            },
        ),
    }
