"""A row of figures for one table, one bound and one way to store it."""

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from baler_vae.table.schema import TEXT
from benchmarks.data import ROOT, Case, explicit_bounds, flat_columns, read_batch
from benchmarks.rivals import address_of, find_rival, missing_packages
from benchmarks.rivals.signature import Bounds, Columns

OURS = "baler_vae"
ENOUGH_S = 1_800


@dataclass(frozen=True)
class Row:
    """What came of storing a table.

    `status` is `ok`, `violates` (`violations` values break their bound, the worst by `worst` times what it allows),
    `not installed`, `not applicable` or `failed`; `reason` says why there are no figures. Peaks of memory are those of
    the process, in MB; seconds of `baler_vae` include reading the file and fitting, those of a rival do not include
    reading.
    """

    data: str
    bound: str
    method: str
    status: str
    bytes: int | None = None
    raw_bytes: int | None = None
    violations: int | None = None
    worst: float | None = None
    compress_s: float | None = None
    decompress_s: float | None = None
    compress_peak_mb: float | None = None
    decompress_peak_mb: float | None = None
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.data, self.bound, self.method

    @property
    def keeps_bound(self) -> bool:
        return self.status == "ok"


FIELDS = tuple(field.name for field in fields(Row))


def as_record(row: Row) -> dict[str, Any]:
    """The fields of a row by name."""
    return asdict(row)


def our_name(kind: str) -> str:
    """What an archive with a kind of model is called in a table."""
    return f"{OURS} {kind}"


def measure_ours(case: Case, bound: str, kind: str, folder: Path) -> Row:
    """The row of an archive with one kind of model."""
    source, patterns = case.source(folder)
    job = {"source": source, "patterns": patterns, "kind": kind}
    return _measure(case.name, job, _table_file(case, (bound,), folder), (bound,), our_name(kind), folder)[0]


def measure_rival(case: Case, bounds: Sequence[str], name: str, folder: Path) -> list[Row]:
    """The rows of a rival, one for each bound; one that promises nothing compresses once for all of them."""
    return measure_table(case.name, lambda chosen: _table_file(case, chosen, folder), bounds, name, folder)


def measure_table(
    data: str, table: Callable[[Sequence[str]], Path], bounds: Sequence[str], name: str, folder: Path
) -> list[Row]:
    """The rows of a rival on the columns in a file, which `table` gives for some bounds as `write_table` wrote it."""
    rival = find_rival(name)
    missing = missing_packages(rival)
    if missing:
        reason = f"needs {', '.join(missing)}: pip install 'baler-vae[bench]'"
        return [Row(data, bound, rival.name, "not installed", reason=reason) for bound in bounds]
    job = {"kind": "", "rival": address_of(name)}
    together = [tuple(bounds)] if not rival.promises else [(bound,) for bound in bounds]
    return [row for some in together for row in _measure(data, job, table(some), some, rival.name, folder)]


def _measure(
    data: str, job: dict[str, Any], table: Path, bounds: Sequence[str], method: str, folder: Path
) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        job = {
            **job,
            "bound": bounds[0],
            "table": str(table),
            "judge": list(bounds),
            "blob": str(Path(place) / "blob.bvae"),
        }
        figures = _in_process("compress", job, Path(place))
        if "status" not in figures:
            figures |= _in_process("decompress", job, Path(place))
    judged = figures.pop("judged", {})
    if "status" in figures:
        return [Row(data, bound, method, **figures) for bound in bounds]
    rows = []
    for bound in bounds:
        violations, worst = judged[bound]
        status = "violates" if violations else "ok"
        rows.append(Row(data, bound, method, status, violations=violations, worst=worst, **figures))
    return rows


def _table_file(case: Case, bounds: Sequence[str], folder: Path) -> Path:
    """A file with the columns, their bytes, and their bounds by text, from which a fresh process starts at once."""
    path = folder / f"{case.name}-{'-'.join(bounds).replace('/', '_')}.table"
    if not path.exists():
        schema, batch = read_batch(*case.source(folder))
        columns = flat_columns(schema, batch)
        write_table(path, columns, {text: explicit_bounds(schema, columns, text) for text in bounds})
    return path


def write_table(path: Path, columns: Columns, bounds: Mapping[str, Bounds]) -> None:
    """Writes columns, and their bounds by text, to a file from which a measurement starts."""
    raw = sum(values.nbytes for values in columns.values() if values.dtype != TEXT)
    raw += sum(len(str(text).encode()) for values in columns.values() if values.dtype == TEXT for text in values)
    path.write_bytes(pickle.dumps((columns, raw, bounds), protocol=5))


def _in_process(verb: str, job: dict[str, Any], place: Path) -> dict[str, Any]:
    """The figures of one half of a measurement, from a fresh process with one thread for each library."""
    path = place / f"{verb}.json"
    path.write_text(json.dumps(job))
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLOSC_NTHREADS"), "1")
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    command = [sys.executable, "-m", "benchmarks.worker", verb, str(path)]
    try:
        done = subprocess.run(  # noqa: S603  our own module
            command,
            env={**one, **os.environ, "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=ENOUGH_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"status": "failed", "reason": f"took more than {ENOUGH_S} s to {verb}"}
    if not path.with_suffix(".out").exists():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"status": "failed", "reason": f"ended with {done.returncode}: {last}"}
    figures: dict[str, Any] = json.loads(path.with_suffix(".out").read_text())
    return figures
