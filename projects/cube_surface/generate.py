"""Points uniform on the surface of a cube, written as a Parquet table.

    python projects/cube_surface/generate.py cube.parquet --rows 10000 --side 1 --seed 1

The README beside this file describes the columns.
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


def points(n_rows: int, seed: int, *, side: float = 1.0) -> dict[str, NDArray[np.generic]]:
    """The table: `x`, `y`, `z` float32 and `face` int32, (rows,) each.

    The cube has its centre at the origin. Face 0 is the one at x = -side / 2, face 1 that at +side / 2, then two of
    y and two of z. More rows of the same seed begin with the fewer.
    """
    face = np.random.default_rng([seed, 0]).integers(6, size=n_rows)
    places = np.random.default_rng([seed, 1]).uniform(-side / 2, side / 2, (n_rows, 3))
    places[np.arange(n_rows), face // 2] = (face % 2 - 0.5) * side
    return {**dict(zip("xyz", places.astype(np.float32).T, strict=True)), "face": face.astype(np.int32)}


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the Parquet file to write")
    parser.add_argument("--rows", type=int, default=10_000, help="number of rows (default: %(default)s)")
    parser.add_argument("--side", type=float, default=1.0, help="edge of the cube (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the rows (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="overwrite an existing output")
    arguments = parser.parse_args()
    if arguments.rows < 1:
        parser.error(f"--rows must be at least 1, found {arguments.rows}")
    if arguments.seed < 0:
        parser.error(f"--seed must not be negative, found {arguments.seed}")
    if not 0 < arguments.side < np.inf:
        parser.error(f"--side must be positive, found {arguments.side:g}")
    try:
        with replacing(arguments.output, force=arguments.force) as part:
            pq.write_table(pa.table(points(arguments.rows, arguments.seed, side=arguments.side)), part)
    except BalerError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
    print(f"{arguments.output}: {arguments.rows:,} rows, {arguments.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
