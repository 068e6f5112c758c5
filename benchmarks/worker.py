"""One measurement in a process of its own: `python -m benchmarks.worker compress|decompress JOB.json`.

Compressing leaves the bytes in a file; decompressing starts from that file alone. The peak of the memory is `VmHWM` of
the kernel, set back before the clock starts, so that only what the interpreter and the columns hold is in it beside
the work itself.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import baler_vae
from baler_vae.errors import BalerError
from baler_vae.grid.judge import in_units_of_bound, keeps_bound
from baler_vae.table.bounds import Bound
from baler_vae.table.schema import TEXT
from baler_vae.table.table import concatenate
from benchmarks.rivals import find_rival
from benchmarks.rivals.signature import Bounds, Columns, NotApplicableError, Values

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def measured(work: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What a piece of work returns, the seconds it takes, and the peak of the memory in MB where the system tells."""
    if _CLEAR.exists():
        _CLEAR.write_text("5")
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    lines = _STATUS.read_text().splitlines() if _STATUS.exists() else []
    figures = {"s": round(seconds, 3)}
    for line in lines:
        if line.startswith("VmHWM"):
            figures["peak_mb"] = int(line.split()[1]) / 1000
    return result, figures


def count_violations(before: Columns, after: Columns, bounds: Bounds) -> tuple[int, float]:
    """How many restored values break their bounds, and the largest deviation in units of what is allowed.

    Raises:
        ValueError: columns, rows or dtypes are not those of the original.
    """
    if set(before) != set(after):
        raise ValueError(f"other columns came back: {sorted(set(before) ^ set(after))[:4]}")
    n_broken, worst = 0, 0.0
    for name, values in before.items():
        restored = after[name]
        if restored.dtype != values.dtype or restored.shape != values.shape:
            raise ValueError(f"{name} came back as {restored.dtype} {restored.shape}")
        broken, deviation = _judged(values, restored, bounds[name])
        n_broken, worst = n_broken + broken, max(worst, deviation)
    return n_broken, worst


def _judged(values: Values, restored: Values, bound: Bound) -> tuple[int, float]:
    if values.dtype == TEXT:
        n_other = int(np.count_nonzero(values != restored))
        return n_other, np.inf if n_other else 0.0
    values, restored = values.reshape(-1), restored.reshape(-1)
    n_broken = int(np.count_nonzero(~keeps_bound(values, restored, bound)))
    return n_broken, float(in_units_of_bound(values, restored, bound).max(initial=0.0))


def compress(job: dict[str, Any]) -> dict[str, Any]:
    """The figures of compressing; the bytes are left in `job["blob"]`."""
    blob = Path(job["blob"])
    if job["kind"]:
        settings = {"columns": job["patterns"], "bound": job["bound"], "kind": job["kind"]}
        _, figures = measured(lambda: baler_vae.compress(job["source"], blob, verify=False, **settings))
    else:
        rival = find_rival(job["rival"])
        columns, _, bounds = read_table(job)
        data, figures = measured(lambda: rival.compress(columns, bounds[job["bound"]]))
        blob.write_bytes(data)
    return {"bytes": blob.stat().st_size, **{f"compress_{name}": figure for name, figure in figures.items()}}


def decompress(job: dict[str, Any]) -> dict[str, Any]:
    """The figures of decompressing what `job["blob"]` holds, and how the values keep each of `job["judge"]`."""
    if job["kind"]:
        restored, figures = measured(lambda: from_archive(job["blob"]))
    else:
        rival = find_rival(job["rival"])
        data = Path(job["blob"]).read_bytes()
        restored, figures = measured(lambda: rival.decompress(data))
    columns, raw, bounds = read_table(job)
    return {
        **{f"decompress_{name}": figure for name, figure in figures.items()},
        "raw_bytes": raw,
        "judged": {text: count_violations(columns, restored, bounds[text]) for text in job["judge"]},
    }


def read_table(job: dict[str, Any]) -> tuple[Columns, int, dict[str, Bounds]]:
    """The columns, their bytes, and their bounds by text; the runner wrote this file a moment ago."""
    table: tuple[Columns, int, dict[str, Bounds]] = pickle.loads(Path(job["table"]).read_bytes())  # noqa: S301
    return table


def from_archive(path: str) -> Columns:
    """All columns of an archive, by name."""
    with baler_vae.open(path) as archive:
        groups = concatenate(list(archive.batches(archive.schema)), archive.schema)
        return {name: table[name] for table in groups for name in table.group.names}


def main() -> None:
    """Does one job and writes its figures, or why there are none, beside it."""
    path = Path(sys.argv[2])
    job = json.loads(path.read_text())
    try:
        figures = {"compress": compress, "decompress": decompress}[sys.argv[1]](job)
    except NotApplicableError as error:
        figures = {"status": "not applicable", "reason": str(error)}
    except (BalerError, ArithmeticError, LookupError, MemoryError, RuntimeError, TypeError, ValueError) as error:
        figures = {"status": "failed", "reason": f"{type(error).__name__}: {error}".partition("\n")[0]}
    path.with_suffix(".out").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
