"""Points of ten spherical Gaussians of unit width in three dimensions, written as a Parquet table.

    python projects/gmm3d/generate.py gmm3d.parquet --rows 1000 --seed 1

The README beside this file describes the distribution and the columns.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from baler_vae.errors import BalerError
from baler_vae.output import replacing

N_MODES = 10
SPREAD = 6.0
"""Half the edge of the cube that means are drawn in."""
SEPARATION = 4.0
"""The least distance of two means: halfway between them the density is 27 % of that at either."""
MOST_DRAWS = 100_000
"""Means drawn before the cube counts as full."""


def means_of(seed: int, spread: float = SPREAD, separation: float = SEPARATION) -> NDArray[np.float64]:
    """The means of the modes, float64 (modes, 3): uniform in the cube from -spread to spread, each at least
    `separation` from all others; one that is nearer to another is drawn anew.

    Raises:
        ValueError: there is no room for them.
    """
    generator = np.random.default_rng([seed, 0])
    means = np.empty((0, 3))
    for _ in range(MOST_DRAWS):
        drawn = generator.uniform(-spread, spread, 3)
        if np.all(np.linalg.norm(means - drawn, axis=1) >= separation):
            means = np.vstack([means, drawn])
        if len(means) == N_MODES:
            return means
    raise ValueError(f"no room for {N_MODES} means {separation:g} apart in a cube of +-{spread:g}")


def points(
    n_rows: int, seed: int, *, means_seed: int = 1, spread: float = SPREAD, separation: float = SEPARATION
) -> dict[str, NDArray[np.generic]]:
    """The table: `x`, `y`, `z` float32 and `mode` int32, the number of the Gaussian, (rows,) each.

    More rows of the same seed begin with the fewer.
    """
    means = means_of(means_seed, spread, separation)
    mode = np.random.default_rng([seed, 1]).integers(N_MODES, size=n_rows)
    places = means[mode] + np.random.default_rng([seed, 2]).standard_normal((n_rows, 3))
    return {**dict(zip("xyz", places.astype(np.float32).T, strict=True)), "mode": mode.astype(np.int32)}


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the Parquet file to write")
    parser.add_argument("--rows", type=int, default=1_000, help="number of rows (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the rows (default: %(default)s)")
    parser.add_argument("--means-seed", type=int, default=1, help="seed of the means (default: %(default)s)")
    parser.add_argument(
        "--spread", type=float, default=SPREAD, help="half the edge of the means' cube (default: %(default)s)"
    )
    parser.add_argument(
        "--separation", type=float, default=SEPARATION, help="least distance of two means (default: %(default)s)"
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    if arguments.rows < 1:
        parser.error(f"--rows must be at least 1, found {arguments.rows}")
    if min(arguments.seed, arguments.means_seed) < 0:
        parser.error("--seed and --means-seed must not be negative")
    if not (0 < arguments.spread < np.inf and 0 <= arguments.separation < np.inf):
        parser.error("--spread must be positive and --separation must not be negative")
    try:
        table = points(
            arguments.rows,
            arguments.seed,
            means_seed=arguments.means_seed,
            spread=arguments.spread,
            separation=arguments.separation,
        )
    except ValueError as error:
        parser.error(f"{error}: lower --separation or raise --spread")
    try:
        with replacing(arguments.output, force=arguments.force) as part:
            pq.write_table(pa.table(table), part)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    print(f"{arguments.output}: {arguments.rows:,} rows, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
