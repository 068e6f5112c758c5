"""Showers of electrons in a sampling calorimeter, by parameterised profiles, written as arrays into an npz.

    python projects/showers/generate.py showers.npz --showers 10000 --seed 1

The README beside this file describes the calorimeter, the profiles and the arrays.
"""

import argparse
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import BalerError
from baler_vae.output import replacing

LAYERS, CELLS = 5, 16  # of CELLS x CELLS cells each
ENDS = np.array([0.0, 3.0, 7.0, 12.0, 18.0, 25.0])  # of the layers, radiation lengths
CELL = 0.5  # the side of a cell, in Moliere radii
MIN_ENERGY, MAX_ENERGY = 1.0, 100.0  # GeV
CRITICAL_ENERGY = 0.01  # GeV
HIT = 0.01  # GeV, the mean energy of a hit
THRESHOLD = 0.005  # GeV in a cell, below which nothing is read out
NOISE = 0.001  # GeV, in every cell
CORE, HALO, CORE_SHARE = 0.25, 0.9, 0.8  # radii of the lateral profile, in Moliere radii, and what the core holds

_SUBSTEPS = 8  # of the longitudinal profile in each layer


def longitudinal(energy: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """The share of a shower's energy in each layer, float64 (showers, layers), for energies (showers,) in GeV.

    The profile is a gamma distribution in depth, its maximum and its width fluctuate from shower to shower (the form
    and the size of the fluctuations as by Grindhammer and Peters, hep-ex/0001020). The rest leaks out behind.
    """
    y = np.log(energy / CRITICAL_ENERGY)
    depth = np.exp(np.log(y - 0.5) + random.normal(0, 1, len(y)) / (0.5 + 1.2 * y))
    alpha = np.exp(np.log(0.2 + 0.45 * y) + random.normal(0, 1, len(y)) / (1.0 + 0.8 * y))
    alpha = np.maximum(alpha, 1.1)
    beta = (alpha - 1) / depth
    fine = np.concatenate([np.linspace(a, b, _SUBSTEPS, endpoint=False) for a, b in pairwise(ENDS)])
    step = np.repeat(np.diff(ENDS) / _SUBSTEPS, _SUBSTEPS)
    t = fine + step / 2
    density = np.exp((alpha[:, None] - 1) * np.log(t) - beta[:, None] * t) * step
    far = np.arange(ENDS[-1] + 0.5, 4 * ENDS[-1])
    behind = np.exp((alpha[:, None] - 1) * np.log(far) - beta[:, None] * far).sum(axis=1)
    total = density.sum(axis=1) + behind
    return density.reshape(len(y), LAYERS, _SUBSTEPS).sum(axis=2) / total[:, None]


def showers(n_showers: int, seed: int) -> dict[str, NDArray[np.float32]]:
    """The arrays `energy` (showers,) of the electrons and `cells` (showers, layers, cells, cells), float32, GeV.

    More showers of the same seed begin with the fewer.
    """
    blocks = [_block(np.random.default_rng([seed, block])) for block in range(-(-n_showers // _BLOCK))]
    return {name: np.concatenate([block[name] for block in blocks])[:n_showers] for name in ("energy", "cells")}


_BLOCK = 500  # showers that are drawn together


def _block(random: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    energy = np.exp(random.uniform(np.log(MIN_ENERGY), np.log(MAX_ENERGY), _BLOCK))
    mean = longitudinal(energy, random) * (energy / HIT)[:, None]
    hits = random.poisson(mean)
    centre = random.uniform(-0.5, 0.5, (_BLOCK, 2)) * CELL
    shower, layer = np.divmod(np.repeat(np.arange(_BLOCK * LAYERS), hits.ravel()), LAYERS)
    places = _lateral(layer, random) + centre[shower]
    index = np.floor(places / CELL + CELLS / 2).astype(np.int64)
    inside = ((index >= 0) & (index < CELLS)).all(axis=1)
    deposit = random.exponential(HIT, len(index))
    flat = ((shower * LAYERS + layer) * CELLS + index[:, 0]) * CELLS + index[:, 1]
    cells = np.bincount(flat[inside], deposit[inside], minlength=_BLOCK * LAYERS * CELLS * CELLS)
    cells += random.normal(0, NOISE, cells.size)
    read = np.where(cells >= THRESHOLD, cells, 0)
    return {
        "energy": energy.astype(np.float32),
        "cells": read.astype(np.float32).reshape(_BLOCK, LAYERS, CELLS, CELLS),
    }


def _lateral(layer: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """Places float64 (hits, 2) around the axis in Moliere radii: two exponentials in the radius, wider with depth."""
    core = random.random(len(layer)) < CORE_SHARE
    width = np.where(core, CORE, HALO) * (0.6 + 0.2 * layer)
    radius = random.gamma(2, width / 2)
    angle = random.uniform(-np.pi, np.pi, len(layer))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the npz file to write")
    parser.add_argument("--showers", type=int, default=10_000, help="number of showers (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the showers (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    if arguments.showers < 1:
        parser.error(f"--showers must be at least 1, found {arguments.showers}")
    if arguments.seed < 0:
        parser.error(f"--seed must not be negative, found {arguments.seed}")
    try:
        made = showers(arguments.showers, arguments.seed)
        with replacing(arguments.output, force=arguments.force) as part, part.open("wb") as file:
            np.savez(file, **made)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    n_bytes = arguments.output.stat().st_size
    print(f"{arguments.output}: {arguments.showers:,} showers, {n_bytes:,} bytes")


if __name__ == "__main__":
    main()
