"""Where the energy of a jet lies, in rings and sectors around its axis, written as a Parquet table.

    python projects/latent_sweep/generate.py rings.parquet --events 10000 --seed 1

The README beside this file describes the physics and the columns.
"""

import argparse
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from baler_vae.errors import BalerError
from baler_vae.output import replacing

sys.path.append(str(Path(__file__).resolve().parents[1]))

from pythia_jets import anti_kt, check_numbers, kinematics, of_batches

QCD = """
    HardQCD:all = on
    PhaseSpace:pTHatMin = 400.
"""

RADIUS = 0.8
RINGS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45)
"""The inner radius of each ring; the last one has no outer one."""
N_SECTORS = 16
MIN_PT = 100.0  # GeV; the leading jet has more in all but a few events in a million

Floats = NDArray[np.float64]


def leading_jets(particles: ak.Array) -> dict[str, Floats]:
    """The leading jet of each event that has one: `pt`, `eta`, `phi`, `mass`, `energy` (GeV, rad), float64 (jets,), and
    `rings`, the part of its energy in each ring and sector, float64 (jets, rings x sectors).
    """
    sequence = anti_kt(particles, RADIUS)
    jets = sequence.inclusive_jets(min_pt=MIN_PT)
    members = sequence.constituent_index(min_pt=MIN_PT)
    has_jet = ak.num(jets) > 0
    jets, members, particles = jets[has_jet], members[has_jet], particles[has_jet]
    # Of a list for each event; a regular axis would choose events.
    chosen = ak.from_regular(ak.argmax(jets.px**2 + jets.py**2, axis=1, keepdims=True, mask_identity=False))
    jet = ak.flatten(jets[chosen])
    constituents = particles[ak.flatten(members[chosen])]
    axes = kinematics(jet)
    n_each = ak.num(constituents).to_numpy()
    number = np.repeat(np.arange(len(n_each)), n_each)
    px, py, pz, energy = (ak.flatten(constituents[name]).to_numpy() for name in ("px", "py", "pz", "E"))
    d_eta = np.arcsinh(pz / np.hypot(px, py)) - axes["eta"][number]
    d_phi = np.remainder(np.arctan2(py, px) - axes["phi"][number] + np.pi, 2 * np.pi) - np.pi
    angle = np.arctan2(d_phi, d_eta) - axis_angles(d_eta, d_phi, energy, number)[number]
    ring = np.searchsorted(RINGS, np.hypot(d_eta, d_phi), side="right") - 1
    # Sector 0 is centred on the principal axis.
    sector = np.floor(np.remainder(angle / (2 * np.pi) * N_SECTORS + 0.5, N_SECTORS)).astype(int) % N_SECTORS
    cell = (number * len(RINGS) + ring) * N_SECTORS + sector
    n_cells = len(RINGS) * N_SECTORS
    energies = np.bincount(cell, weights=energy, minlength=len(n_each) * n_cells).reshape(-1, n_cells)
    return {**axes, "energy": jet.E.to_numpy(), "rings": energies / energies.sum(axis=1, keepdims=True)}


def axis_angles(d_eta: Floats, d_phi: Floats, energy: Floats, number: NDArray[np.int64]) -> Floats:
    """The angle of each jet's principal axis, along which its energy is spread most, float64 (jets,), rad; it points to
    the side with more energy times distance. `number` is the jet of each constituent.
    """

    def summed(weights: Floats) -> Floats:
        return np.bincount(number, weights=weights)

    along = summed(energy * (d_eta**2 - d_phi**2))
    across = summed(2 * energy * d_eta * d_phi)
    angle = 0.5 * np.arctan2(across, along)
    place = d_eta * np.cos(angle[number]) + d_phi * np.sin(angle[number])
    return np.where(summed(energy * place * np.abs(place)) < 0, angle + np.pi, angle)


def table_of(jets: dict[str, Floats]) -> dict[str, NDArray[np.float32]]:
    """The columns float32 (jets,): the jet's own, then `ring_R_sector_S`."""
    cells = [f"ring_{ring}_sector_{sector}" for ring in range(len(RINGS)) for sector in range(N_SECTORS)]
    own = {f"jet_{name}": values for name, values in jets.items() if name != "rings"}
    columns = {**own, **dict(zip(cells, jets["rings"].T, strict=True))}
    return {name: values.astype(np.float32) for name, values in columns.items()}


def generate(path: Path, *, n_events: int, seed: int, force: bool) -> None:
    """Generate the events and write their leading jets.

    Raises:
        OutputError: `path` exists and `force` is false, or it cannot be written.
    """
    with replacing(path, force=force) as part:
        batches = of_batches(leading_jets, QCD, seed, n_events)
        jets = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
        pq.write_table(pa.table(table_of(jets)), part)
    print(f"{path}: {len(jets['pt']):,} jets, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the Parquet file to write")
    parser.add_argument("--events", type=int, default=10_000, help="number of events (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of Pythia (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    check_numbers(parser, seed=arguments.seed, events=[arguments.events])
    try:
        generate(arguments.output, n_events=arguments.events, seed=arguments.seed, force=arguments.force)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
