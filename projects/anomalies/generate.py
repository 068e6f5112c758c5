"""Jets of simulated collisions, ordinary ones and strange ones, written as a ROOT ntuple with a label.

    python projects/anomalies/generate.py jets.root --qcd 2000 --zprime 500 --wprime 500 --seed 1

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

from pythia_jets import Z_PRIME, check_numbers, cluster, of_batches

QCD = """
    HardQCD:all = on
    PhaseSpace:pTHatMin = 900.
"""

W_PRIME = """
    NewGaugeBoson:ffbar2Wprime = on
    34:m0 = 3000.
    34:mWidth = 30.
    34:doForceWidth = on
    Wprime:coup2WZ = 1.
    34:onMode = off
    34:onIfMatch = 23 24
    23:onMode = off
    23:onIfAny = 1 2 3 4 5
    24:onMode = off
    24:onIfAny = 1 2 3 4 5
"""

PROCESSES = {"qcd": QCD, "zprime": Z_PRIME, "wprime": W_PRIME}
"""By name, in the order of their numbers; the first is the background."""


def jets_of(process: str, *, n_events: int, seed: int) -> ak.Array:
    """The jets of events of one process, a list for each event."""
    return ak.concatenate(of_batches(cluster, PROCESSES[process], seed, n_events, name=f"{process}: "))


def generate(path: Path, *, n_events: dict[str, int], seed: int, force: bool) -> None:
    """Generate so many events of each process, one process after the other, and write their jets.

    Raises:
        OutputError: `path` exists and `force` is false, or it cannot be written.
    """
    with replacing(path, force=force) as part:
        wanted = {name: number for name, number in n_events.items() if number}
        jets = ak.concatenate([jets_of(name, n_events=number, seed=seed) for name, number in wanted.items()])
        numbers = np.array([list(PROCESSES).index(name) for name in wanted], np.int32)
        process = np.repeat(numbers, list(wanted.values()))
        with uproot.recreate(part, compression=uproot.LZMA(9)) as file:
            branches = {"event": "int64", "label": "int32", "process": "int32", "Jet": jets.type.content}
            tree = file.mktree("Events", branches, title="QCD, Zprime and Wprime gen jets")
            event, label = np.arange(len(jets), dtype=np.int64), (process > 0).astype(np.int32)
            tree.extend({"event": event, "label": label, "process": process, "Jet": jets})
    print(f"{path}: {len(jets):,} events, {ak.count(jets.pt):,} jets, {path.stat().st_size:,} bytes")


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the ROOT file to write")
    for name in PROCESSES:
        parser.add_argument(f"--{name}", type=int, default=0, help=f"number of {name} events (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of Pythia (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    n_events = {name: getattr(arguments, name) for name in PROCESSES}
    check_numbers(parser, seed=arguments.seed, events=list(n_events.values()))
    try:
        generate(arguments.output, n_events=n_events, seed=arguments.seed, force=arguments.force)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
