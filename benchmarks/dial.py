"""The dial from speed to size: bytes against MB/s of decoding, for our efforts and for rivals.

    python -m benchmarks.dial [--data jets,dimuons,wide] [--efforts default] [--rivals all] [--repeat 3] -o FOLDER

Writes `dial.json` (figures, machine, versions, date), `dial.md` and `dial.png` into FOLDER. What is in FOLDER stays
unless it is measured anew; `--draw` only draws again.

MB are 10^6 bytes of the columns in their own dtypes. The *inner loop* restores arrays in a process that has done so
before. A *whole process* begins with starting Python: ours is `python -c "import baler_vae;
baler_vae.open(PATH).arrays()"`; that of a rival is a process that imports what the rival needs and nothing of ours, and
the first time that it restores arrays. The fastest of the repetitions counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.data import CASES, ROOT, Case, MissingDataError, explicit_bounds, flat_columns, read_batch
from benchmarks.dial_picture import draw
from benchmarks.dial_points import Point, markdown
from benchmarks.dial_worker import seconds_of
from benchmarks.measure import OURS, write_table
from benchmarks.nano import COLLECTIONS, write_nano
from benchmarks.results import circumstances
from benchmarks.rivals import address_of, find_rival, missing_packages

BOUNDS = {"jets": "bits:10", "dimuons": "bits:10", "wide": "exact"}
WIDE_EVENTS = 1_000
RIVALS = {
    "grid + pcodec": "numpy, pcodec",
    "truncation + pcodec": "numpy, pcodec",
    "grid + zstd": "numpy, zstandard",
    "truncation + zstd": "numpy, zstandard",
    "grid + xz": "numpy, lzma",
    "truncation + xz": "numpy, lzma",
    "benchmarks.rivals.root:ZSTD_FILE": "uproot",
    "benchmarks.rivals.root:LZMA_FILE": "uproot",
    "SZ3 (default)": "numpy, pysz",
}
"""The rivals, and what a process of each imports."""

_ENOUGH_S = 3_600


def case_of(name: str, wide_events: int) -> Case:
    """A table by name; `wide` is made on the spot.

    Raises:
        SystemExit: there is none of this name.
    """
    if name == "wide":
        return Case("wide", "1,479 branches like nanoAOD's", partial(_wide, wide_events))
    if name not in CASES:
        raise SystemExit(f"unknown: {name}; known are wide, {', '.join(CASES)}")
    return CASES[name]


def _wide(n_events: int, folder: Path) -> tuple[str, tuple[str, ...]]:
    path = folder / "wide.root"
    write_nano(path, branches=1_479, events=n_events, collections=len(COLLECTIONS))
    return f"{path}:Events", ()


def measure_case(
    case: Case, bound: str, efforts: Sequence[str], rivals: Sequence[str], kind: str, repeat: int
) -> Iterator[Point]:
    """The points of one table, as they are ready."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        try:
            source, patterns = case.source(folder)
        except MissingDataError as error:
            yield Point(data=case.name, bound=bound, method=OURS, reason=f"not measured: {error}")
            return
        schema, batch = read_batch(source, patterns)
        columns = flat_columns(schema, batch)
        table = folder / "columns.table"
        write_table(table, columns, {bound: explicit_bounds(schema, columns, bound)})
        job = {"source": source, "patterns": patterns, "table": str(table), "bound": bound, "repeat": repeat}
        for effort in efforts:
            settings = {} if effort == "default" else {"effort": effort}
            one = {**job, "rival": "", "kind": kind, "settings": settings}
            yield Point(data=case.name, bound=bound, method=f"{OURS} {effort}", **_figures("ours", one, folder))
        for name in rivals:
            rival = find_rival(name)
            missing = missing_packages(rival)
            figures: dict[str, Any] = {"reason": f"not installed: {', '.join(missing)}"}
            if not missing:
                figures = _figures("rival", {**job, "rival": address_of(name)}, folder, RIVALS.get(name, "numpy"))
            yield Point(data=case.name, bound=bound, method=rival.name, **figures)


def _figures(verb: str, job: dict[str, Any], folder: Path, imports: str = "") -> dict[str, Any]:
    """The figures of a method; `imports` are those of a rival's process."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        job["blob"] = str(Path(place) / "blob.bvae")
        figures = _in_process(verb, job, Path(place))
        decoded = [] if "reason" in figures else [_in_process("decode", job, Path(place)) for _ in range(job["repeat"])]
        for one in decoded:
            if "reason" in one:
                return one
        if not decoded:
            return figures
        figures |= {name: decoded[0][name] for name in ("raw_bytes", "violations")}
        figures["decode_s"] = min(one["decode_s"] for one in decoded)
        if imports:
            started = _process_s(f"import {imports}", job["repeat"])
            figures["process_s"] = started + min(one["first_s"] for one in decoded)
        else:
            code = f"import baler_vae; baler_vae.open({job['blob']!r}).arrays()"
            figures["process_s"] = _process_s(code, job["repeat"])
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}


def _process_s(code: str, repeat: int) -> float:
    """The seconds of a process of Python, the fastest of some."""
    command, environment = [sys.executable, "-c", code], _environment()
    run = partial(subprocess.run, command, check=True, env=environment, timeout=_ENOUGH_S)
    return seconds_of(run, repeat)


def _in_process(verb: str, job: dict[str, Any], place: Path) -> dict[str, Any]:
    """The figures of one measurement, from a fresh process."""
    path = place / f"{verb}.json"
    path.write_text(json.dumps(job))
    path.with_suffix(".out").unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.dial_worker", verb, str(path)]
    try:
        done = subprocess.run(  # noqa: S603  our own module
            command, env=_environment(), capture_output=True, text=True, timeout=_ENOUGH_S, check=False
        )
    except subprocess.TimeoutExpired:
        return {"reason": f"failed: took more than {_ENOUGH_S} s"}
    if not path.with_suffix(".out").exists():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"reason": f"failed: ended with {done.returncode}: {last}"}
    figures: dict[str, Any] = json.loads(path.with_suffix(".out").read_text())
    return figures


def read_points(folder: Path) -> list[Point]:
    """The points that `write_points` wrote; none where there is no such file."""
    path = folder / "dial.json"
    return [Point(**own) for own in json.loads(path.read_text("utf-8"))["points"]] if path.exists() else []


def write_points(folder: Path, points: Sequence[Point]) -> None:
    """Writes `dial.json` and `dial.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {**circumstances(), "points": [asdict(point) for point in points]}
    (folder / "dial.json").write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    (folder / "dial.md").write_text(markdown(points), "utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=",".join(BOUNDS), help=f"tables (default: {','.join(BOUNDS)})")
    parser.add_argument("--efforts", default="default", help="our efforts, such as fast,default,best, or nothing")
    parser.add_argument("--rivals", default="all", help="names, MODULE:VARIABLE, all or none, with ; between them")
    parser.add_argument("--kind", default="auto", help="our kind of model (default: auto)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--wide-events", type=int, default=WIDE_EVENTS, help=f"events of `wide` ({WIDE_EVENTS})")
    parser.add_argument("--draw", action="store_true", help="measure nothing, draw what is in the folder")
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    rivals = {"all": tuple(RIVALS), "none": ()}.get(options.rivals, tuple(filter(None, options.rivals.split(";"))))
    efforts = [effort for effort in options.efforts.split(",") if effort]
    points = {point.key: point for point in read_points(options.output)}
    for name in () if options.draw else options.data.split(","):
        case = case_of(name, options.wide_events)
        for point in measure_case(case, BOUNDS.get(name, "bits:10"), efforts, rivals, options.kind, options.repeat):
            points[point.key] = point
            print(f"{point.data:10} {point.method:24} {said(point)}", file=sys.stderr, flush=True)
            write_points(options.output, list(points.values()))
    draw(options.output / "dial.png", list(points.values()))


def said(point: Point) -> str:
    """A line on a point for somebody who waits."""
    if point.reason:
        return point.reason
    inner, whole = point.speed(point.decode_s), point.speed(point.process_s)
    return f"{point.bytes:>12,} bytes, decoded at {inner:.3g} MB/s, {whole:.3g} MB/s as a process"


if __name__ == "__main__":
    main()
