"""How compression and decompression scale over single-threaded Dask workers, with a stored codec.

    python -m benchmarks.scaling CODEC [--megabytes 500] [--files 8] [--workers 1 2]

Files are made on the spot: the jets of zprime_jets.root over and over, `--megabytes` of raw values in all. Compression
goes into one archive; decompression makes a ROOT file of each of `--files` archives. The start of the cluster, until
every worker has imported what it needs, is timed apart.
"""

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import baler_vae
from baler_vae.scale.cluster import cluster
from baler_vae.verbs.many import compress_each, decompress_each
from benchmarks.memory import tile


def _warm(codec: str) -> int:
    """Runs a worker's imports and compiled loops once."""
    from baler_vae.codec.codec import Codec  # noqa: PLC0415 - in the worker

    return len(Codec.load(codec).models)


def measure(folder: Path, codec: str, n_workers: int, source: str, archives: list[Path]) -> dict[str, Any]:
    """Seconds of everything with so many workers, and the digest of the archive."""
    before = time.perf_counter()
    with cluster(workers=n_workers) as client:
        client.run(_warm, codec)
        start = time.perf_counter()
        baler_vae.compress(source, folder / "all.bvae", codec=codec, scheduler=client, verify=False, force=True)
        compressed = time.perf_counter()
        decompress_each(archives, folder / f"out{n_workers}", scheduler=client, force=True)
        restored = time.perf_counter()
    return {
        "workers": n_workers,
        "start_s": round(start - before, 1),
        "compress_s": round(compressed - start, 1),
        "decompress_s": round(restored - compressed, 1),
        "sha256": hashlib.sha256((folder / "all.bvae").read_bytes()).hexdigest(),
    }


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("codec")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        for number in range(arguments.files):
            tile(folder / "in" / f"part{number}.root", arguments.megabytes / arguments.files)
        source = f"{folder}/in/*.root:Events"
        compress_each(source, folder / "archives", codec=arguments.codec, verify=False)
        archives = sorted((folder / "archives").iterdir())
        for n_workers in arguments.workers:
            print(json.dumps(measure(folder, arguments.codec, n_workers, source, archives)), flush=True)


if __name__ == "__main__":
    main()
