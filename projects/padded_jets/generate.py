"""Constituents of jets of simulated pp -> Z' -> t tbar events, padded with zeros, written as an array into an npz.

    python projects/padded_jets/generate.py padded_jets.npz --jets 100000 --seed 2026

The README beside this file describes the physics and the array.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import BalerError
from baler_vae.output import replacing

sys.path.append(str(Path(__file__).resolve().parents[1]))

from pythia8mc import Pythia
from pythia_jets import Z_PRIME, anti_kt, check_numbers, kinematics, stable_particles

MIN_PT = 20.0  # GeV: hard jets fill all places, soft ones do not
FEATURES = ("pt", "eta", "phi", "mass")
N_CONSTITUENTS = 30


def masses(ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """The masses float64 (particles,) in GeV that Pythia gives particles of some kinds."""
    known = Pythia("", False).particleData
    kinds, place = np.unique(np.abs(ids), return_inverse=True)
    return np.array([known.m0(int(kind)) for kind in kinds])[place]


def padded(
    columns: Sequence[NDArray[np.generic]], counts: NDArray[np.int64], n_places: int = N_CONSTITUENTS
) -> NDArray[np.float32]:
    """An array float32 (jets, places, columns) of the values (particles,) of each column, jet after jet, so many of
    each as `counts` (jets,) says: the first of each jet, zeros behind the last.
    """
    array = np.zeros((len(counts), n_places, len(columns)), np.float32)
    jet = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(jet)) - (np.cumsum(counts) - counts)[jet]
    kept = place < n_places
    array[jet[kept], place[kept]] = np.stack(columns, axis=1)[kept]
    return array


def constituents(particles: ak.Array) -> NDArray[np.float32]:
    """The anti-kt jets of a batch of events, float32 (jets, constituents, features): the constituents by falling pt
    (GeV, rad).
    """
    members = anti_kt(particles).constituent_index(min_pt=MIN_PT)
    first_of_event = np.cumsum(ak.num(particles)) - ak.num(particles)
    counts = ak.flatten(ak.num(members, axis=2)).to_numpy()
    place = ak.flatten(members + first_of_event, axis=None).to_numpy()
    found = ak.flatten(particles)[place]
    columns = kinematics(found) | {"mass": masses(found.id.to_numpy())}
    order = np.lexsort((-columns["pt"], np.repeat(np.arange(len(counts)), counts)))
    return padded([columns[name][order] for name in FEATURES], counts)


def jets_of(seed: int, n_jets: int) -> Iterator[NDArray[np.float32]]:
    """Batches of jets, until there are enough."""
    done = 0
    for particles in stable_particles(Z_PRIME, seed, n_jets):
        batch = constituents(particles)[: n_jets - done]
        done += len(batch)
        print(f"\r{done:,} of {n_jets:,} jets", end="", file=sys.stderr, flush=True)
        yield batch
        if done == n_jets:
            break
    print(file=sys.stderr)


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the npz file to write")
    parser.add_argument("--jets", type=int, default=100_000, help="number of jets (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2026, help="seed of Pythia (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    check_numbers(parser, seed=arguments.seed, events=[arguments.jets])
    try:
        with replacing(arguments.output, force=arguments.force) as part, part.open("wb") as file:
            jets = np.concatenate(list(jets_of(arguments.seed, arguments.jets)))
            np.savez(file, jets=jets)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    print(f"{arguments.output}: {len(jets):,} jets, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
