"""Jets of simulated pp -> Z' -> t tbar events, written as a ROOT ntuple.

    python projects/zprime_jets/generate.py zprime_jets.root --events 50000 --seed 2023

The README beside this file describes the physics and the branches.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from baler_vae.errors import BalerError
from baler_vae.output import replacing

try:
    import fastjet
    from pythia8mc import Pythia
except ModuleNotFoundError as missing:
    sys.exit(f"Generating events needs {missing.name!r}. Install it with: pip install 'baler-vae[generate]'")

SETTINGS = """
    Print:quiet = on
    Beams:eCM = 13000.
    Tune:pp = 14
    NewGaugeBoson:ffbar2gmZZprime = on
    Zprime:gmZmode = 3
    32:m0 = 3000.
    32:mWidth = 30.
    32:doForceWidth = on
    32:onMode = off
    32:onIfAny = 6
    ParticleDecays:limitTau0 = on
    ParticleDecays:tau0Max = 10
    Random:setSeed = on
"""

MAX_SEED = 900_000_000  # Pythia's own limit; its seed 0 means the clock and is not offered

RADIUS = 0.4
MIN_PT = 8.0  # GeV

NEUTRINOS = (12, 14, 16)
ELECTROMAGNETIC = (22, 11)
HADRONIC = (211, 321, 130, 310, 2212, 2112)
MUONS = (13,)

ENERGIES = ("emEnergy", "hadEnergy", "invisibleEnergy", "auxiliaryEnergy")
JET = dict.fromkeys(("pt", "eta", "phi", "mass", *ENERGIES), "float32") | {"nConstituents": "int32"}

BATCH_EVENTS = 250  # all particles of a batch, about 0.2 MB an event, are in memory at once


def configured_pythia(seed: int) -> Pythia:
    """A generator that is ready to run."""
    pythia = Pythia("", False)  # without its banner
    for line in [*SETTINGS.strip().splitlines(), f"Random:seed = {seed}"]:
        if not pythia.readString(line.strip()):
            sys.exit(f"Pythia refuses the setting {line.strip()!r}")
    if not pythia.init():
        sys.exit("Pythia does not start")
    return pythia


def stable_particles(seed: int, n_events: int) -> Iterator[ak.Array]:
    """Batches of events, each a list of its stable particles but the neutrinos: id, px, py, pz, E (GeV)."""
    pythia = configured_pythia(seed)
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


def cluster(particles: ak.Array) -> ak.Array:
    """The anti-kt jets of each event, highest pt first: the fields of `JET` (GeV, rad)."""
    sequence = fastjet.ClusterSequence(particles, fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS))
    jets = sequence.inclusive_jets(min_pt=MIN_PT)
    n_jets = ak.num(jets).to_numpy()
    px, py, pz, energy = (ak.flatten(jets[name]).to_numpy() for name in ("px", "py", "pz", "E"))
    pt = np.sqrt(px**2 + py**2)
    mass_squared = energy**2 - px**2 - py**2 - pz**2
    members = ak.flatten(sequence.constituent_index(min_pt=MIN_PT))
    energies = energy_by_kind(particles, members, n_jets)
    columns = {
        "pt": pt,
        "eta": np.arcsinh(pz / pt),
        "phi": np.arctan2(py, px),
        # Rounding gives a jet of one massless particle a tiny square of either sign; FastJet, too, keeps the sign.
        "mass": np.copysign(np.sqrt(np.abs(mass_squared)), mass_squared),
        **dict(zip(ENERGIES, energies.T, strict=True)),
        "nConstituents": ak.num(members).to_numpy(),
    }
    order = np.lexsort((-pt, np.repeat(np.arange(len(n_jets)), n_jets)))
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


def write(path: Path, jets: ak.Array) -> None:
    """Write the ntuple in one basket a branch."""
    with uproot.recreate(path, compression=uproot.LZMA(9)) as file:
        tree = file.mktree("Events", {"event": "int64", "Jet": jets.type.content}, title="Zprime ttbar gen jets")
        tree.extend({"event": np.arange(len(jets), dtype=np.int64), "Jet": jets})


def generate(path: Path, *, n_events: int, seed: int, force: bool) -> None:
    """Generate the events and write their jets.

    Raises:
        OutputError: `path` exists and `force` is false, or it cannot be written.
    """
    with replacing(path, force=force) as part:
        batches: list[ak.Array] = []
        done, start = 0, time.monotonic()
        for particles in stable_particles(seed, n_events):
            batches.append(cluster(particles))
            done += len(particles)
            rate = done / (time.monotonic() - start)
            print(f"\r{done:,} of {n_events:,} events, {rate:.0f} a second", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        jets = ak.concatenate(batches)
        write(part, jets)
    print(f"{path}: {n_events:,} events, {ak.count(jets.pt):,} jets, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the ROOT file to write")
    parser.add_argument("--events", type=int, default=50_000, help="number of events (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=2023, help="seed of Pythia (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    if arguments.events < 1:
        parser.error(f"--events must be at least 1, found {arguments.events}")
    if not 1 <= arguments.seed <= MAX_SEED:
        parser.error(f"--seed must be from 1 to {MAX_SEED}, found {arguments.seed}")
    try:
        generate(arguments.output, n_events=arguments.events, seed=arguments.seed, force=arguments.force)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
