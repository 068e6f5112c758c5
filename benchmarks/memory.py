"""The memory that compressing and restoring take, and whether it grows with the file.

    python -m benchmarks.memory [--megabytes 2000 4000] [--bound bits:10] [--kind independent | --codec FILE]

The jets of `zprime_jets.root` (in the folder that BALER_VAE_DATA names, or ../shared/data) are written over and over to
a ROOT file of about so many 10^6 bytes of values, in a temporary folder. A codec of the untiled file is stored; then
`compress` (with its verification) and `decompress` run as a user runs them, each in a process of its own, whose largest
resident set (ru_maxrss) counts.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import baler_vae
from baler_vae.io.files import write_file
from baler_vae.table.table import bytes_of
from benchmarks.data import FOLDER, read_batch

SOURCE = f"{FOLDER / 'zprime_jets.root'}:Events"
_MEASURED = """
import resource, sys
from baler_vae.cli.app import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@dataclass(frozen=True)
class Use:
    """What a process took: its largest resident set in 10^6 bytes, and its seconds."""

    megabytes: float
    seconds: float


def tile(path: Path, megabytes: float) -> int:
    """Writes the jets over and over, until they take about so many 10^6 bytes; gives back how many they take."""
    schema, batch = read_batch(SOURCE, ())
    times = max(1, round(1e6 * megabytes / bytes_of(batch)))
    write_file(path, schema, itertools.repeat(batch, times))
    return times * bytes_of(batch)


def use_of(*arguments: object) -> Use:
    """What `baler-vae` takes with these arguments."""
    started = time.perf_counter()
    command = [sys.executable, "-c", _MEASURED, *map(str, arguments), "--no-progress"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stderr)
    return Use(int(done.stderr.split()[-1]) * 1024 / 1e6, time.perf_counter() - started)


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[2_000, 4_000])
    parser.add_argument("--bound", default="bits:10")
    parser.add_argument("--kind", default="independent", help="our kind of model (default: independent)")
    parser.add_argument("--codec", type=Path, help="a stored codec in place of one that is fitted")
    parser.add_argument("--no-verify", action="store_true", help="compress without verification")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        codec = options.codec or folder / "jets.bvmodel"
        if options.codec is None:
            baler_vae.fit(SOURCE, bound=options.bound, kind=options.kind).save(codec)
        more = ["--no-verify"] if options.no_verify else []
        print("| values, MB | archive, MB | compress: MB | s | decompress: MB | s |\n|---:|---:|---:|---:|---:|---:|")
        for megabytes in options.megabytes:
            tiled, archive, restored = (folder / name for name in ("tiled.root", "tiled.bvae", "restored.root"))
            n_bytes = tile(tiled, megabytes)
            compressed = use_of("compress", tiled, "-o", archive, "--codec", codec, *more)
            tiled.unlink()
            decompressed = use_of("decompress", archive, "-o", restored)
            uses = " | ".join(f"{use.megabytes:,.0f} | {use.seconds:,.0f}" for use in (compressed, decompressed))
            print(f"| {n_bytes / 1e6:,.0f} | {archive.stat().st_size / 1e6:,.0f} | {uses} |", flush=True)
            archive.unlink()
            restored.unlink()


if __name__ == "__main__":
    main()
