"""Configurations of a Lennard-Jones fluid under gravity, written as an npz or HDF5 file.

    python projects/lj_fluid/generate.py fluid.npz --configurations 10000 --seed 1

The README beside this file describes the simulation and the arrays.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from baler_vae.errors import BalerError
from baler_vae.output import replacing

sys.path.append(str(Path(__file__).resolve().parent))

from fluid import Fluid, by_height, configurations, energies, matrices, occupancy

Arrays = dict[str, NDArray[Any]]

GAMMAS = (0.1, 0.4, 0.7, 1.0)
_MADE: Mapping[str, Callable[[NDArray[np.float64], float], NDArray[Any]]] = {
    "coordinates": lambda places, _box: places.astype(np.float32),
    "matrices": lambda places, _box: matrices(places),
    "occupancy": occupancy,
}
REPRESENTATIONS = tuple(_MADE)


def arrays_of(
    fluids: Sequence[Fluid],
    n_configurations: int,
    seed: int,
    *,
    representations: Sequence[str] = REPRESENTATIONS,
    n_threads: int = 2,
) -> Arrays:
    """So many configurations of each fluid, one fluid after the other, particles from the lowest to the highest.

    `coordinates` float32 (n, particles, 2), `matrices` float32 (n, particles, particles) and `occupancy` uint8 (n, 20,
    20) where they are asked for, `gamma` float32 (n,) and `energy` float32 (n,).
    """
    parts: dict[str, list[NDArray[Any]]] = {}
    for fluid in fluids:
        places = by_height(configurations(fluid, n_configurations, seed, n_threads=n_threads))
        made = {name: _MADE[name](places, fluid.box) for name in representations}
        made["gamma"] = np.full(n_configurations, fluid.gamma, np.float32)
        made["energy"] = energies(places, fluid.gamma, fluid.powers).astype(np.float32)
        for name, values in made.items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def write(path: Path, arrays: Arrays, *, force: bool) -> None:
    """Write arrays as what the suffix says: .npz, or .h5 and .hdf5.

    Raises:
        OutputError: `path` exists and `force` is false, or it cannot be written.
    """
    with replacing(path, force=force) as part:
        if path.suffix == ".npz":
            with part.open("wb") as file:
                np.savez(file, **arrays)
            return
        with h5py.File(part, "w") as file:
            for name, values in arrays.items():
                file.create_dataset(name, data=values)


def main() -> None:
    """Read the command line and generate."""
    arguments, fluids = _read_command_line()
    try:
        arrays = arrays_of(
            fluids,
            arguments.configurations,
            arguments.seed,
            representations=arguments.representations,
            n_threads=arguments.threads,
        )
        write(arguments.output, arrays, force=arguments.force)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    n_rows = len(arrays["gamma"])
    print(f"{arguments.output}: {n_rows:,} configurations, {arguments.output.stat().st_size:,} bytes")


def _read_command_line() -> tuple[argparse.Namespace, list[Fluid]]:
    """What was asked for, and the fluid of each gamma."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, default = parser.add_argument, Fluid(GAMMAS[0])
    add("output", type=Path, help="the .npz, .h5 or .hdf5 file to write")
    add("--configurations", type=int, default=10_000, help="of each gamma (default: %(default)s)")
    add("--seed", type=int, default=1, help="seed of all random numbers (default: %(default)s)")
    add("--gamma", type=float, nargs="+", default=list(GAMMAS), help="strengths of gravity (default: %(default)s)")
    add("--powers", type=int, nargs=2, default=list(default.powers), metavar=("P", "Q"),
        help="of the potential 4 (r^-P - r^-Q) (default: %(default)s)")  # fmt: skip
    add("--particles", type=int, default=default.n_particles, help="particles (default: %(default)s)")
    add("--box", type=float, default=default.box, help="length of a side of the box (default: %(default)s)")
    add("--temperature", type=float, default=default.temperature, help="temperature (default: %(default)s)")
    add("--step", type=float, default=default.step, help="largest move of a coordinate (default: %(default)s)")
    add("--sweeps", type=int, default=default.sweeps, help="moves of each particle (default: %(default)s)")
    add("--representations", nargs="+", choices=REPRESENTATIONS, default=list(REPRESENTATIONS),
        help="the arrays to write (default: all)")  # fmt: skip
    add("--threads", type=int, default=2, help="threads, which change no value (default: %(default)s)")
    add("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    if min(arguments.configurations, arguments.threads) < 1 or arguments.seed < 0:
        parser.error("--configurations and --threads must be at least 1, and --seed must not be negative")
    if arguments.output.suffix not in {".npz", ".h5", ".hdf5"}:
        parser.error(f"the output must end in .npz, .h5 or .hdf5, found {arguments.output.name!r}")
    try:
        fluids = [
            Fluid(
                gamma,
                arguments.particles,
                arguments.box,
                tuple(arguments.powers),
                arguments.temperature,
                arguments.step,
                arguments.sweeps,
            )
            for gamma in arguments.gamma
        ]
    except ValueError as error:
        parser.error(str(error))
    return arguments, fluids


if __name__ == "__main__":
    main()
