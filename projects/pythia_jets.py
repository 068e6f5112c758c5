"""Simulated collisions, and the jets in them: what the generators of several projects have in common."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import awkward as ak
import numpy as np
from numpy.typing import NDArray

try:
    import fastjet
    from pythia8mc import Pythia
except ModuleNotFoundError as missing:
    sys.exit(f"Generating events needs {missing.name!r}. Install it with: pip install 'baler-vae[generate]'")

COLLISIONS = """
    Print:quiet = on
    Beams:eCM = 13000.
    Tune:pp = 14
    ParticleDecays:limitTau0 = on
    ParticleDecays:tau0Max = 10
    Random:setSeed = on
"""
"""Proton collisions at 13 TeV with the Monash tune; what lives longer than c tau = 10 mm is stable."""

Z_PRIME = """
    NewGaugeBoson:ffbar2gmZZprime = on
    Zprime:gmZmode = 3
    32:m0 = 3000.
    32:mWidth = 30.
    32:doForceWidth = on
    32:onMode = off
    32:onIfAny = 6
"""
"""A Z' of 3 TeV, which decays to pairs of top quarks."""

MAX_SEED = 900_000_000  # Pythia's own limit; its seed 0 means the clock and is not offered

RADIUS = 0.4
MIN_PT = 8.0  # GeV

NEUTRINOS = (12, 14, 16)
ELECTROMAGNETIC = (22, 11)
HADRONIC = (211, 321, 130, 310, 2212, 2112)
MUONS = (13,)

ENERGIES = ("emEnergy", "hadEnergy", "invisibleEnergy", "auxiliaryEnergy")
JET = dict.fromkeys(("pt", "eta", "phi", "mass", *ENERGIES), "float32") | {"nConstituents": "int32"}

Made = TypeVar("Made")

BATCH_EVENTS = 250  # all particles of a batch, about 0.2 MB an event, are in memory at once


def configured_pythia(process: str, seed: int) -> Pythia:
    """A generator of a process, given by lines of Pythia's settings, that is ready to run."""
    pythia = Pythia("", False)  # without its banner
    for line in [*COLLISIONS.strip().splitlines(), *process.strip().splitlines(), f"Random:seed = {seed}"]:
        if not pythia.readString(line.strip()):
            sys.exit(f"Pythia refuses the setting {line.strip()!r}")
    if not pythia.init():
        sys.exit("Pythia does not start")
    return pythia


def stable_particles(process: str, seed: int, n_events: int) -> Iterator[ak.Array]:
    """Batches of events of a process: of each the stable particles but the neutrinos: id, px, py, pz, E (GeV)."""
    pythia = configured_pythia(process, seed)
    done = 0
    while done < n_events:
        # A batch may come back shorter: Pythia drops the rare event that it fails to complete.
        particles = pythia.nextBatch(min(BATCH_EVENTS, n_events - done)).prt
        if not len(particles):
            sys.exit("Pythia completes no event")
        counts = ak.num(particles).to_numpy()
        flat = ak.flatten(particles)
        id_ = flat.id.to_numpy()
        kept = (flat.status.to_numpy() > 0) & ~np.isin(np.abs(id_), NEUTRINOS)
        columns = {"id": id_, "px": flat.p.px, "py": flat.p.py, "pz": flat.p.pz, "E": flat.p.e}
        event = np.repeat(np.arange(len(counts)), counts)
        yield ak.unflatten(
            ak.zip({name: np.asarray(column)[kept] for name, column in columns.items()}),
            np.bincount(event[kept], minlength=len(counts)),
        )
        done += len(particles)


def of_batches(
    made: Callable[[ak.Array], Made], process: str, seed: int, n_events: int, *, name: str = ""
) -> list[Made]:
    """What is made of the stable particles of each batch of events; how far it is stands on standard error, behind the
    `name` of the process.
    """
    found: list[Made] = []
    done, start = 0, time.monotonic()
    for particles in stable_particles(process, seed, n_events):
        found.append(made(particles))
        done += len(particles)
        rate = done / (time.monotonic() - start)
        print(f"\r{name}{done:,} of {n_events:,} events, {rate:.0f} a second", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def anti_kt(particles: ak.Array, radius: float = RADIUS) -> fastjet.ClusterSequence:
    """The clustering of the particles of each event by anti-kt."""
    return fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.antikt_algorithm, radius))


def kinematics(jets: ak.Array) -> dict[str, NDArray[np.float64]]:
    """`pt`, `eta`, `phi` and `mass` of jets with px, py, pz, E, float64 (jets,) each (GeV, rad)."""
    px, py, pz, energy = (jets[name].to_numpy() for name in ("px", "py", "pz", "E"))
    pt = np.sqrt(px**2 + py**2)
    mass_squared = energy**2 - px**2 - py**2 - pz**2
    # Rounding gives a jet of one massless particle a tiny square of either sign; FastJet, too, keeps the sign.
    mass = np.copysign(np.sqrt(np.abs(mass_squared)), mass_squared)
    return {"pt": pt, "eta": np.arcsinh(pz / pt), "phi": np.arctan2(py, px), "mass": mass}


def cluster(particles: ak.Array) -> ak.Array:
    """The anti-kt jets of each event, highest pt first: the fields of `JET` (GeV, rad)."""
    sequence = anti_kt(particles)
    jets = sequence.inclusive_jets(min_pt=MIN_PT)
    n_jets = ak.num(jets).to_numpy()
    members = ak.flatten(sequence.constituent_index(min_pt=MIN_PT))
    energies = energy_by_kind(particles, members, n_jets)
    columns = {
        **kinematics(ak.flatten(jets)),
        **dict(zip(ENERGIES, energies.T, strict=True)),
        "nConstituents": ak.num(members).to_numpy(),
    }
    order = np.lexsort((-columns["pt"], np.repeat(np.arange(len(n_jets)), n_jets)))
    return ak.unflatten(ak.zip({name: columns[name][order].astype(dtype) for name, dtype in JET.items()}), n_jets)


def energy_by_kind(particles: ak.Array, members: ak.Array, n_jets: NDArray[np.int64]) -> NDArray[np.float64]:
    """The energy that each jet has from each kind of particle, float64 (jets, 4), GeV.

    `members` lists for every jet the places of its constituents among the particles of its event; `n_jets` has the
    number of jets in each event.
    """
    first_of_event = np.cumsum(ak.num(particles)) - ak.num(particles)
    place = ak.flatten(members + np.repeat(first_of_event.to_numpy(), n_jets)).to_numpy()
    jet = np.repeat(np.arange(len(members)), ak.num(members))
    id_ = np.abs(ak.flatten(particles.id).to_numpy())[place]
    known = [np.isin(id_, kind) for kind in (ELECTROMAGNETIC, HADRONIC, MUONS)]
    kind = np.select(known, [0, 1, 2], default=3)
    energy = ak.flatten(particles.E).to_numpy()[place]
    return np.bincount(4 * jet + kind, weights=energy, minlength=4 * len(members)).reshape(-1, 4)


def check_numbers(parser: argparse.ArgumentParser, *, seed: int, events: Sequence[int]) -> None:
    """End the program with a message unless the seed is one of Pythia's and there are events to generate."""
    if min(events) < 0 or not any(events):
        parser.error(f"the numbers of events must not be negative, nor all be 0, found {', '.join(map(str, events))}")
    if not 1 <= seed <= MAX_SEED:
        parser.error(f"--seed must be from 1 to {MAX_SEED}, found {seed}")
