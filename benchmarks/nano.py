"""Files like nanoAOD, written by uproot: hundreds of event-level branches, most of them flags of triggers, and jagged
collections of dozens of branches with truncated mantissas.

    python -m benchmarks.nano FILE.root [--branches 947] [--events 200] [--collections 15]
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.table.bounds import Bound
from benchmarks.rivals.by_column import truncated
from benchmarks.rivals.signature import Values


@dataclass(frozen=True)
class Collection:
    """A collection: its mean number of objects in an event, and its number of branches besides the counter."""

    name: str
    mean: float
    n_branches: int


COLLECTIONS = (
    Collection("Jet", 9, 44),
    Collection("Electron", 1.6, 52),
    Collection("Muon", 1.5, 48),
    Collection("Tau", 1.1, 46),
    Collection("Photon", 2.4, 36),
    Collection("FatJet", 0.7, 40),
    Collection("GenPart", 62, 9),
    Collection("GenJet", 11, 7),
    Collection("SubJet", 1.3, 16),
    Collection("SV", 2.5, 16),
    Collection("TrigObj", 22, 11),
    Collection("IsoTrack", 0.7, 20),
    Collection("SoftActivityJet", 5.5, 3),
    Collection("OtherPV", 2.9, 2),
    Collection("LHEPart", 7, 10),
    Collection("GenJetAK8", 1.2, 6),
    Collection("GenDressedLepton", 0.8, 6),
    Collection("GenVisTau", 0.4, 7),
    Collection("CorrT1METJet", 12, 6),
    Collection("FsrPhoton", 0.2, 7),
    Collection("LowPtElectron", 1.3, 38),
    Collection("boostedTau", 0.6, 30),
    Collection("PSWeight", 4, 1),
)
_MEANING = ("isolation", "score", "flag", "impact", "count", "index", "mask")
"""What the branches of a collection are in turn, after its kinematics."""


def write_nano(path: Path, *, branches: int, events: int, collections: int, seed: int = 1) -> int:
    """Writes a file of one tree with so many branches, counters among them, and gives back the number of objects."""
    random = np.random.default_rng(seed)
    scale = random.gamma(4, 0.25, events)
    objects: dict[str, Any] = {}
    n_objects, n_branches = 0, 0
    for made in COLLECTIONS[:collections]:
        counts = random.poisson(made.mean * scale)
        columns = dict(_objects(random, scale, counts, made.n_branches))
        objects[made.name] = ak.zip({name: ak.unflatten(values, counts) for name, values in columns.items()})
        n_objects, n_branches = n_objects + int(counts.sum()), n_branches + made.n_branches + 1
    if n_branches > branches:
        raise ValueError(f"{collections} collections have {n_branches} branches, more than {branches}")
    arrays = dict(_event(random, scale, branches - n_branches))
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        types = {name: values.type if isinstance(values, ak.Array) else values.dtype for name, values in arrays.items()}
        types |= {name: values.type for name, values in objects.items()}
        file.mktree("Events", types).extend(arrays | objects)
    return n_objects


def _event(random: np.random.Generator, scale: NDArray[np.float64], n_branches: int) -> Iterator[tuple[str, Values]]:
    """The event-level branches (events,): numbers of the event, sums of momenta in variants, and flags."""
    n = len(scale)
    met = 30 * scale * random.exponential(1, n)
    phi = random.uniform(-np.pi, np.pi, n)
    yield "run", np.ones(n, np.uint32)
    yield "luminosityBlock", np.sort(random.integers(1, 1 + n // 50 + 1, n)).astype(np.uint32)
    yield "event", np.cumsum(random.geometric(0.1, n)).astype(np.uint64)
    n_floats = n_branches // 4
    for number in range(n_floats):
        if number % 3 == 0:
            yield f"MET{number}_pt", _rounded(met * (1 + 0.1 * random.normal(size=n)), 10)
        elif number % 3 == 1:
            yield f"MET{number}_phi", _rounded(np.remainder(phi + 0.1 * random.normal(size=n), 2 * np.pi), 12)
        else:
            yield f"Weight{number}", (1 + 0.05 * random.normal(size=n) * (number % 2)).astype(np.float32)
    for number in range(n_branches - n_floats - 3):
        threshold = random.uniform(0.2, 6)
        yield f"HLT_Path{number}", (met > 40 * threshold) & (random.random(n) < 0.9)


def _objects(
    random: np.random.Generator, scale: NDArray[np.float64], counts: NDArray[np.int64], n_branches: int
) -> Iterator[tuple[str, Values]]:
    """The branches (objects,) of a collection, the hardest objects of an event first; those of one meaning are variants
    of one another.
    """
    events = np.repeat(np.arange(len(counts)), counts)
    n = len(events)
    pt = 8 + scale[events] * random.exponential(25, n)
    pt = pt[np.lexsort((-pt, events))]
    rank = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    eta = np.clip(random.normal(0, 1.6, n), -4.7, 4.7)
    truth = random.random(n) < 0.3
    quality = 3 * truth - 1.5 + random.normal(size=n)
    isolation = np.where(random.random(n) < 0.6, 0, random.exponential(0.2, n))
    flavour = random.choice([11, 13, 21, 22], n)
    kinematics: Mapping[str, Values] = {
        "pt": _rounded(pt, 10),
        "eta": _rounded(eta, 10),
        "phi": _rounded(random.uniform(-np.pi, np.pi, n), 10),
        "mass": _rounded(0.15 * pt * random.gamma(6, 0.1, n), 10),
        "pdgId": np.where((flavour < 20) & (random.random(n) < 0.5), -flavour, flavour).astype(np.int32),
    }
    yield from list(kinematics.items())[:n_branches]
    score = quality
    for number in range(len(kinematics), n_branches):
        meaning = _MEANING[number % len(_MEANING)]
        if meaning == "score":
            score = quality + 0.5 * random.normal(size=n)
        made: Mapping[str, Values] = {
            "isolation": _rounded(isolation * random.uniform(0.7, 1, n), 8),
            "score": _rounded(1 / (1 + np.exp(-score)), 10),
            "flag": score > 0.05 * number,
            "impact": _rounded(random.normal(0, 0.002 + 0.1 / pt), 10),
            "count": random.poisson(1 + np.log(pt)).astype(np.uint8),
            "index": np.where((score > 0) & (random.random(n) < 0.9), rank, -1).astype(np.int32),
            "mask": (4 * (score > 0.5) + 2 * (pt > 20 + number) + (np.abs(eta) < 2.5)).astype(np.int32),
        }
        yield f"{meaning}{number}", made[meaning]


def _rounded(values: NDArray[np.float64], bits: int) -> Values:
    return truncated(values.astype(np.float32), Bound("bits", bits))


def main() -> None:
    """Writes the file that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--branches", type=int, default=947)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--collections", type=int, default=15)
    asked = parser.parse_args()
    n_objects = write_nano(asked.file, branches=asked.branches, events=asked.events, collections=asked.collections)
    print(f"{n_objects:,} objects in {asked.file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
