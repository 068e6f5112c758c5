"""Where the inner loop spends its time: row groups to sections with a stored codec, and back to arrays, on one thread.

    python -m benchmarks.stages [--data jets] [--bound bits:10] [--codec FILE] [--repeat 5]

Nothing is read or written meanwhile, and everything is compiled before. Times are those of the processor: the least of
the repetitions for the whole, in nanoseconds a value and in MB (10^6 bytes of the columns in their own dtypes) a
second. How they are shared out is told by a profile of one more run, by the file of what ran.
"""

import argparse
import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import baler_vae
from baler_vae.codec.batches import decode_batch
from baler_vae.codec.codec import Codec
from baler_vae.codec.encoding import RowGroupEncoder, numbered_row_groups, original_bytes
from baler_vae.io.chain import open_sources
from benchmarks.data import CASES

STAGES = {
    "networks, tables and coder": ("model/kernels/coding.py",),
    "what networks see of rows before": ("model/kernels/seeing.py", "model/conditional.py"),
    "ranges, places and bits": ("entropy/",),
    "grids and bounds": ("grid/",),
    "formulas": ("kinematics/",),
    "order of rows": ("model/layout.py",),
    "pcodec": ("simple_compress", "simple_decompress_into"),
    "digests": ("_hashlib",),
}
REST = "the rest"
"""Python between the stages, and arrays of NumPy wherever they are handled."""


def stage_of(file: str, function: str) -> str:
    """The stage of a function of a file, as a profile names them."""
    for stage, parts in STAGES.items():
        if any(f"baler_vae/{part}" in file or (file == "~" and part in function) for part in parts):
            return stage
    return REST


def shares(work: Callable[[], object]) -> dict[str, float]:
    """The part of the time that each stage takes, largest first."""
    profile = cProfile.Profile()
    profile.runcall(work)
    found: dict[str, float] = {}
    for (file, _, function), (_, _, seconds, *_) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        stage = stage_of(file, function)
        found[stage] = found.get(stage, 0.0) + seconds
    total = sum(found.values())
    return {stage: seconds / total for stage, seconds in sorted(found.items(), key=lambda one: -one[1])}


def least_seconds(work: Callable[[], object], repeat: int) -> float:
    """The seconds of the processor that the fastest of some repetitions takes, after one that compiles."""
    work()
    found = []
    for _ in range(repeat):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def measure(source: str, columns: Sequence[str], bound: str, path: Path | None, repeat: int) -> list[str]:
    """The lines of a table for the two ways."""
    if path is None:
        print("fitting", file=sys.stderr, flush=True)
        codec = baler_vae.fit(source, columns=columns, bound=bound)
    else:
        codec = Codec.load(path)
    opened = open_sources([source])
    schema = codec.match(opened)
    row_groups = list(numbered_row_groups(opened, schema))
    encoder = RowGroupEncoder(codec, source)
    encoded = [encoder.encode(row_group) for row_group in row_groups]
    n_values = sum(table.n_rows * len(table.arrays) for row_group in row_groups for table in row_group.batch)
    n_bytes = sum(sum(original_bytes(row_group.batch).values()) for row_group in row_groups)

    def compress() -> None:
        for row_group in row_groups:
            encoder.encode(row_group)

    def restore() -> None:
        for one in encoded:
            decode_batch(one.sections, codec.models, schema, schema, one.n_rows)

    lines = [f"{n_values:,} values, {n_bytes:,} bytes, {sum(len(s) for one in encoded for s in one.sections):,} coded"]
    for name, work in (("compress", compress), ("restore", restore)):
        seconds = least_seconds(work, repeat)
        per_value = 1e9 * seconds / n_values
        lines += [f"| {name} | {per_value:.1f} ns | {n_bytes / 1e6 / seconds:.1f} MB/s |", "|---|---:|---:|"]
        lines += [f"| {stage} | {per_value * part:.1f} ns | {part:.0%} |" for stage, part in shares(work).items()]
    return lines


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="jets", choices=tuple(CASES))
    parser.add_argument("--bound", default="bits:10")
    parser.add_argument("--codec", type=Path, help="a stored codec, instead of fitting one")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        source, columns = CASES[options.data].source(Path(made))
        print("\n".join(measure(source, columns, options.bound, options.codec, options.repeat)))


if __name__ == "__main__":
    main()
