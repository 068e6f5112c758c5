"""Throughput with a stored codec, beside `xz -6` of the raw columns of the same rows in the same run.

    python -m benchmarks.speed [--data jets] [--bound bits:10] [--kind auto] [--codec FILE] [--repeat 3]

One process, as a user runs it. Ours reads the file and writes the archive, then reads the archive and writes a file of
the same format (and, in another line, gives arrays only); nothing is verified, but in one line. xz has its columns in
memory and keeps its result there. MB are 10^6 bytes of the columns in their own dtypes; the best of the repetitions
counts.
"""

import argparse
import lzma
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import baler_vae
from baler_vae.io.files import split_spec
from baler_vae.table.schema import TEXT
from benchmarks.data import CASES, flat_columns, read_batch


@dataclass(frozen=True)
class Speed:
    """The best seconds of some work on so many raw bytes."""

    what: str
    seconds: float
    raw_bytes: int

    @property
    def mb_per_s(self) -> float:
        return self.raw_bytes / 1e6 / self.seconds


def best_of(what: str, repeat: int, raw_bytes: int, work: Callable[[], object]) -> Speed:
    """The speed of the fastest of some repetitions."""
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    print(f"{what}: {', '.join(f'{one:.2f}' for one in seconds)} s", file=sys.stderr, flush=True)
    return Speed(what, min(seconds), raw_bytes)


def measure(
    source: str, columns: tuple[str, ...], bound: str, kind: str, codec: Path | None, repeat: int, folder: Path
) -> tuple[list[Speed], dict[str, int]]:
    """The speeds of ours and of xz, and the bytes of both."""
    schema, batch = read_batch(source, columns)
    raw = b"".join(values.tobytes() for values in flat_columns(schema, batch).values() if values.dtype != TEXT)
    if codec is None:
        codec = folder / "stored.bvmodel"
        started = time.perf_counter()
        baler_vae.fit(source, columns=columns, bound=bound, kind=kind).save(codec)
        print(f"fitted in {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    archive = folder / "ours.bvae"
    restored = folder / f"restored{Path(split_spec(source)[0]).suffix}"
    kept: dict[str, bytes] = {}

    def restore_arrays() -> None:
        with baler_vae.open(archive) as opened:
            for _ in opened.batches(opened.schema):
                pass

    work: dict[str, Callable[[], object]] = {
        "xz compress": lambda: kept.update(xz=lzma.compress(raw, preset=6)),
        "xz decompress": lambda: lzma.decompress(kept["xz"]),
        "baler_vae compress": lambda: baler_vae.compress(source, archive, codec=codec, verify=False, force=True),
        "baler_vae compress with verification": lambda: baler_vae.compress(source, archive, codec=codec, force=True),
        "baler_vae decompress": lambda: baler_vae.decompress(archive, restored, force=True),
        "baler_vae decompress to arrays": restore_arrays,
    }
    speeds = [best_of(what, repeat, len(raw), one) for what, one in work.items()]
    return speeds, {"raw": len(raw), "xz": len(kept["xz"]), "baler_vae": archive.stat().st_size}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="jets", choices=tuple(CASES))
    parser.add_argument("--bound", default="bits:10")
    parser.add_argument("--kind", default="auto", help="our kind of model (default: auto)")
    parser.add_argument("--codec", type=Path, help="a stored codec, instead of fitting one")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        source, columns = CASES[options.data].source(folder)
        speeds, n_bytes = measure(source, columns, options.bound, options.kind, options.codec, options.repeat, folder)
    reference = {speed.what.split()[1]: speed.seconds for speed in speeds if speed.what.startswith("xz")}
    print("| what | s | MB/s | against xz -6 |\n|---|---:|---:|---:|")
    for speed in speeds:
        ratio = reference[speed.what.split()[1]] / speed.seconds
        print(f"| {speed.what} | {speed.seconds:.3f} | {speed.mb_per_s:.1f} | {ratio:.2f} |")
    print(", ".join(f"{what} {size:,} bytes" for what, size in n_bytes.items()))


if __name__ == "__main__":
    main()
