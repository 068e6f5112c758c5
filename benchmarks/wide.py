"""What files of hundreds of columns take, and what starting takes: whole processes, as a user runs them.

    python -m benchmarks.wide [-o benchmarks/results] [--cases start,nano-947,nano-1479,table-1500] [--made MADE]

`start` imports the reader, reads the jets (of the folder that BALER_VAE_DATA names) with a stored codec to arrays, and
compresses and decompresses them with it. `nano-947` and `nano-1479` are files like nanoAOD (`nano.py`) of 947 branches
x 200 events and 1,479 branches x 1,000 events, `table-1500` is a table (`controls.wide`) of 1,500 columns x 20,000
rows: they are compressed under `exact`, restored, verified, and one of their columns is read. Each line is the fastest
of some runs; kernels are compiled before.

Writes `wide.json` and `wide.md`. What is in the folder already stays there unless it is measured again.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.controls import wide
from benchmarks.data import FOLDER
from benchmarks.nano import write_nano
from benchmarks.results import circumstances

_READ = "import sys, baler_vae; baler_vae.open(sys.argv[1]).arrays(*sys.argv[2:])"
_NANO = {"nano-947": (947, 200, 15), "nano-1479": (1_479, 1_000, 23)}
CASES = ("start", *_NANO, "table-1500")


@dataclass(frozen=True)
class Run:
    """What a process took: seconds by the clock, of all cores together, and at most so many 10^6 bytes; and the bytes
    of the archive that it wrote or read.
    """

    what: str
    seconds: float
    cpu_s: float
    peak_mb: float
    bytes: int | None = None


def run(what: str, arguments: Sequence[object], repeat: int, archive: Path | None = None) -> Run:
    """The fastest of some runs of Python with these arguments."""
    found = []
    for _ in range(repeat):
        started = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RuntimeError(f"{what}: exit code {process.returncode}")
        cpu_s = usage.ru_utime + usage.ru_stime
        found.append(Run(what, time.perf_counter() - started, cpu_s, usage.ru_maxrss * 1024 / 1e6))
    best = min(found, key=lambda one: one.seconds)
    print(f"{what}: {best.seconds:.2f} s, {best.cpu_s:.2f} s of cores", file=sys.stderr, flush=True)
    return Run(what, best.seconds, best.cpu_s, best.peak_mb, None if archive is None else archive.stat().st_size)


def start_runs(folder: Path, repeat: int) -> Iterator[Run]:
    """What starting takes, and the jets with a stored codec."""
    jets, codec, archive = FOLDER / "zprime_jets.root", folder / "jets.bvmodel", folder / "jets.bvae"
    command = ("-m", "baler_vae")
    if not codec.exists():  # in a process of its own: what is started from here counts with our memory at least
        subprocess.run([sys.executable, *command, "fit", str(jets), "-o", str(codec)], check=True)  # noqa: S603
    yield run("import numpy", ["-c", "import numpy"], repeat)
    yield run("import of the reader", ["-c", "import baler_vae.reader.archive"], repeat)
    yield run("import of compiled kernels", ["-c", "import baler_vae.model.kernels"], repeat)
    stored = [*command, "compress", jets, "--codec", codec, "-o", archive, "--force"]
    yield run("compress, stored codec", stored, repeat, archive)
    yield run("compress, not verified", [*stored, "--no-verify"], repeat, archive)
    restored = folder / "restored.root"
    yield run("decompress", [*command, "decompress", archive, "-o", restored, "--force"], repeat, archive)
    yield run("open(...).arrays()", ["-c", _READ, archive], repeat, archive)


def file_runs(source: Path, column: str, folder: Path, repeat: int) -> Iterator[Run]:
    """What a wide file takes under `exact`."""
    archive, command = folder / f"{source.stem}.bvae", ("-m", "baler_vae")
    for kind in ("independent", "auto"):
        asked = ["--bound", "exact", "--model", kind, "-o", archive, "--force"]
        yield run(f"compress, {kind}", [*command, "compress", source, *asked], 1, archive)
    restored = folder / f"restored{source.suffix}"
    yield run("restore", [*command, "decompress", archive, "-o", restored, "--force"], repeat, archive)
    yield run("verify", [*command, "verify", archive, "--against", source], repeat, archive)
    yield run("one column", ["-c", _READ, archive, column], repeat, archive)


def measure(case: str, made: Path, repeat: int) -> dict[str, object]:
    """The figures of a case; what is made for it stays in a folder."""
    if case == "start":
        return {"runs": [asdict(one) for one in start_runs(made, repeat)]}
    if case in _NANO:
        branches, events, collections = _NANO[case]
        source, column = made / f"{case}.root", "Jet_pt"
        if not source.exists():
            write_nano(source, branches=branches, events=events, collections=collections)
    else:
        source, column = made / f"{case}.npz", "Obj00_pt"
        if not source.exists():
            np.savez_compressed(source, **wide())
    runs = [asdict(one) for one in file_runs(source, column, made, repeat)]
    return {"source_bytes": source.stat().st_size, "runs": runs}


def markdown(cases: Mapping[str, Mapping[str, Any]]) -> str:
    """A table for each case. Seconds by the clock say little where more processes were busy than there are cores."""
    lines = []
    for name, case in cases.items():
        measured = case["measured"]
        size = f": {case['source_bytes']:,} bytes" if "source_bytes" in case else ""
        lines += [
            f"## {name}{size}",
            "",
            "| | s | s of cores | MB at most | bytes of the archive |",
            "|---|---:|---:|---:|---:|",
        ]
        for record in case["runs"]:
            one = Run(**record)
            archive = "" if one.bytes is None else f"{one.bytes:,}"
            lines.append(f"| {one.what} | {one.seconds:.2f} | {one.cpu_s:.2f} | {one.peak_mb:.0f} | {archive} |")
        busy, cores = measured["busy_processes"], measured["machine"]["cores"]
        lines += ["", f"{measured['date']}, {cores} cores, on which {busy} processes were busy before.", ""]
    return "\n".join(lines)


def main() -> None:
    """Measures the cases that the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--made", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    stored = asked.output / "wide.json"
    known = json.loads(stored.read_text("utf-8"))["cases"] if stored.exists() else {}
    with tempfile.TemporaryDirectory() as temporary:
        made = asked.made or Path(temporary)
        made.mkdir(parents=True, exist_ok=True)
        for case in asked.cases.split(","):
            measured = circumstances() | {"busy_processes": round(os.getloadavg()[0], 1)}
            known[case] = {"measured": measured, **measure(case, made, asked.repeat)}
    cases = {name: known[name] for name in CASES if name in known}
    asked.output.mkdir(parents=True, exist_ok=True)
    stored.write_text(json.dumps({"cases": cases}, indent=1) + "\n", "utf-8")
    (asked.output / "wide.md").write_text(markdown(cases), "utf-8")


if __name__ == "__main__":
    main()
