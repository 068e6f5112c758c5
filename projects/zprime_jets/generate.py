"""Jets of simulated pp -> Z' -> t tbar events, written as a ROOT ntuple.

    python projects/zprime_jets/generate.py zprime_jets.root --events 50000 --seed 2023

The README beside this file describes the physics and the branches.
"""

import argparse
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

from baler_vae.errors import BalerError
from baler_vae.output import replacing

sys.path.append(str(Path(__file__).resolve().parents[1]))

from pythia_jets import MAX_SEED, Z_PRIME, cluster, of_batches


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
        jets = ak.concatenate(of_batches(cluster, Z_PRIME, seed, n_events))
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
