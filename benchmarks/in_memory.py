"""The memory that compressing a data frame takes, against the size of the frame.

    python -m benchmarks.in_memory [--megabytes 500] [--bound bits:10] [--no-verify] [--codec] [--generator]

A frame of about so many 10^6 bytes, of columns of float32, float64, int32 and int64 made from random numbers, is made
and compressed (with its verification) in a process of its own; its largest resident set (ru_maxrss) counts, the frame
and the interpreter among it. With `--codec` a codec is fitted on the first rows beforehand, and only used then. With
`--generator` the frame comes in batches, one after the other, and is never whole in memory.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

_MEASURED = """
import resource, sys
import numpy as np
import pandas as pd
import baler_vae

megabytes, bound, verify, codec, generator, path = sys.argv[1:]
rng = np.random.default_rng(1)
n_rows = int(float(megabytes) * 1e6 / 48)


def made(n_rows):
    columns = {
        "pt": rng.exponential(30, n_rows).astype(np.float32),
        "eta": rng.normal(0, 2, n_rows).astype(np.float32),
        "phi": rng.uniform(-np.pi, np.pi, n_rows).astype(np.float32),
        "mass": rng.exponential(5, n_rows).astype(np.float32),
        "met": rng.exponential(30, n_rows),
        "weight": rng.normal(1, 0.1, n_rows),
        "event": np.arange(n_rows),
        "id": rng.integers(0, 99, n_rows).astype(np.int32),
        "charge": rng.integers(-1, 2, n_rows).astype(np.int32),
    }
    return pd.DataFrame(columns, copy=False)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


options = {"bound": bound, "kind": "independent"}
if codec == "True":
    options = {"codec": baler_vae.fit(made(100_000), **options)}
if generator == "True":
    frame = made(1)
    data, n_bytes = (made(min(1 << 18, n_rows - first)) for first in range(0, n_rows, 1 << 18)), 48 * n_rows
else:
    frame = data = made(n_rows)
    n_bytes = int(frame.memory_usage(index=False).sum())
before = peak()
baler_vae.compress(data, path, verify=verify == "True", **options)
print(n_bytes / 1e6, before, peak())
"""


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[500])
    parser.add_argument("--bound", default="bits:10")
    parser.add_argument("--no-verify", action="store_true", help="compress without verification")
    parser.add_argument("--codec", action="store_true", help="use a codec that was fitted on few rows")
    parser.add_argument("--generator", action="store_true", help="give the frame in batches")
    options = parser.parse_args()
    print("| frame, MB | archive, MB | before, MB | peak, MB | peak / frame | s |\n|---:|---:|---:|---:|---:|---:|")
    for megabytes in options.megabytes:
        with TemporaryDirectory() as made:
            path = Path(made) / "frame.bvae"
            started = time.perf_counter()
            arguments = (megabytes, options.bound, not options.no_verify, options.codec, options.generator, path)
            command = [sys.executable, "-c", _MEASURED, *map(str, arguments)]
            done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
            if done.returncode:
                raise RuntimeError(done.stderr)
            frame, before, peak = map(float, done.stdout.split())
            seconds, archive = time.perf_counter() - started, path.stat().st_size / 1e6
        print(f"| {frame:,.0f} | {archive:,.0f} | {before:,.0f} | {peak:,.0f} | {peak / frame:.2f} | {seconds:,.0f} |")


if __name__ == "__main__":
    main()
